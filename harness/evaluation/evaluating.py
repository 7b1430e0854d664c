"""Evaluate one system under one protocol: embed once, rank exactly, write everything down."""

from contextlib import nullcontext
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from harness.errors import UserError
from harness.evaluation.measuring import Measurement, measure
from harness.evaluation.options import Options
from harness.evaluation.preparing import PreparedTask, prepare, refuse_learned
from harness.evaluation.scoring import Conditions, conditions_of, recorded, score_task
from harness.interface import System, checked_info
from harness.machine import Progress, bars, silent
from harness.measures import measures_html, measures_of
from harness.predictions import has_predictions, write_predictions
from harness.protocols import Protocol, RetrievalTask, get_protocol, rules_of
from harness.runs import EvaluationRecord, ProtocolRecord, SystemRecord, find_finished, read_record, write_run


class Run(NamedTuple):
    """A finished evaluation.

    Attributes:
        folder: where record, rankings and predictions lie.
        record: the measures with their intervals, and all that they depend on.
        reused: whether exactly this evaluation was found finished in the folder of run folders.
    """

    folder: Path
    record: EvaluationRecord
    reused: bool

    def __repr__(self) -> str:
        """System, protocol, primary measure and folder, in a line."""
        record = self.record
        return f"Run({record.system.name} on {record.protocol.name}: {record.primary}, {self.folder})"

    def _repr_html_(self) -> str:
        """The measures as a table, for a notebook."""
        record = self.record
        title = f"{record.system.name} on {record.protocol.name}, {record.dataset.queries:,} queries"
        apart = [f"not comparable: {reason}" for reason in record.reasons]
        worse = [str(record.below_chance)] if record.below_chance else []
        return measures_html(title, record.measures, [*worse, *apart, str(self.folder)])


def evaluate(
    system: System, protocol: Protocol | str, options: Options = Options(), *, progress: Progress | None = None
) -> Run:
    """Evaluate a system and write its run folder.

    Args:
        system: as it was built for `options.device` and `options.precision`.
        protocol: the rules, or their name.
        options: how to run it; where the data lie, and where the run folder goes.
        progress: opened for every stage; by default a bar on a terminal or in a notebook, elsewhere a line a minute.

    Returns:
        The run, which a notebook shows as a table of its measures.

    Raises:
        UserError: data is missing or broken (all broken clips are listed), the system fails or returns something
            invalid, or the run folder cannot be written.
    """
    if isinstance(system, str):
        raise UserError(f"{system!r} is the name of a system; harness.load_system({system!r}) builds it")
    rules = get_protocol(protocol) if isinstance(protocol, str) else protocol
    with nullcontext(progress) if progress else bars() as shown:
        rate = checked_info(system).sample_rate
        prepared = prepare(
            rules, options.data_root, rate, skip_broken=options.skip_broken, limit=options.limit, progress=shown
        )
        return evaluate_prepared(system, prepared, options, progress=shown)


def evaluate_prepared(system: System, prepared: PreparedTask, options: Options, *, progress: Progress = silent) -> Run:
    """Evaluate a system on a task that is prepared at its sampling rate, and write its run folder.

    Embeddings that the cache has (of an interrupted evaluation, or of another protocol on the same clips) are used
    again, and a finished run of exactly this evaluation is returned as it is.
    """
    started = perf_counter()
    prepared, conditions, finished = _looked_up(recorded(system), prepared, options)
    if finished is not None:
        return finished
    task = prepared.task
    scored = score_task(system, prepared, conditions, workers=options.workers, progress=progress)
    measured = measure(task, scored.tiles(), progress=progress)
    record = EvaluationRecord(
        **scored.record_fields(started),
        protocol=protocol_record(task.protocol),
        measures=measured.measures,
        tied_fraction=measured.ranks.tied_fraction,
        below_chance=measured.below_chance,
        skipped=prepared.skipped,
        remarked=prepared.remarked,
        comparable=prepared.comparable,
        reasons=prepared.reasons,
    )
    folder = write_run(
        options.out,
        record,
        per_query=per_query_columns(task, measured),
        ranking=ranking_columns(task, measured),
        embeddings=scored.arrays if options.keep_embeddings else None,
        write_more=lambda folder: write_predictions(
            folder, record.system.name, task, measured.best, scored.tiles(), options.predictions
        ),
    )
    return Run(folder, record, reused=False)


def finished_run(system: SystemRecord, prepared: PreparedTask, options: Options) -> Run | None:
    """The run that `evaluate_prepared` would find finished, by what a record says of the system."""
    return _looked_up(system, prepared, options)[2]


def _looked_up(
    system: SystemRecord, prepared: PreparedTask, options: Options
) -> tuple[PreparedTask, Conditions, Run | None]:
    """The task with the metadata that the system uses, the conditions, and the finished run if there is one."""
    protocol = prepared.task.protocol
    refuse_learned(system, protocol.dataset, protocol.split)
    prepared = prepared.described(system.uses)
    conditions = conditions_of(system, prepared, options)
    if not options.again and prepared.comparable:
        finished = find_finished(options.out, *conditions, protocol_digest=protocol.digest)
        if finished is not None and _has_all(finished, options):
            return prepared, conditions, Run(finished, read_record(finished), reused=True)
    return prepared, conditions, None


def _has_all(finished: Path, options: Options) -> bool:
    """Whether a run folder has all files that are asked for."""
    if options.keep_embeddings and not (finished / "embeddings").is_dir():
        return False
    return options.predictions is None or has_predictions(finished, options.predictions)


def protocol_record(protocol: Protocol) -> ProtocolRecord:
    """What a record keeps of the rules that were followed."""
    return ProtocolRecord(
        name=protocol.name,
        digest=protocol.digest,
        primary=protocol.primary,
        direction=protocol.direction,
        rules=rules_of(protocol),
    )


def per_query_columns(task: RetrievalTask, measured: Measurement) -> dict[str, Any]:
    """The columns of `per_query.parquet`."""
    columns: dict[str, Any] = {
        "query": np.arange(len(task.queries)),
        "text": list(task.queries),
        "clip": list(task.sources),
        "rank_pessimistic": measured.ranks.first("pessimistic"),
        "rank_optimistic": measured.ranks.first("optimistic"),
    }
    return columns | {str(one): one(measured.ranks) for one in measures_of(task.protocol)}


def ranking_columns(task: RetrievalTask, measured: Measurement) -> dict[str, Any]:
    """The columns of `ranking.parquet`."""
    queries, kept = measured.best.shape
    items = np.array(task.items, dtype=object)
    return {
        "query": np.repeat(np.arange(queries), kept),
        "rank": np.tile(np.arange(1, kept + 1), queries),
        "item": items[measured.best.ravel()],
        "score": measured.best_scores.ravel(),
    }
