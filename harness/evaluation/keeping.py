"""Outputs that were made elsewhere, kept as an evaluation is: in a run folder, from which they can be fused, too."""

import hashlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import yaml

from harness.datasets import differences_from_published
from harness.errors import UserError
from harness.evaluation.evaluating import Run, per_query_columns, protocol_record, ranking_columns
from harness.evaluation.measuring import measure
from harness.machine import describe_environment, plain_name
from harness.measures import RESAMPLES, SEED
from harness.predictions import Format, Outputs, Source, read_outputs, write_predictions
from harness.protocols import Protocol, get_protocol, load_dataset, pose
from harness.runs import DatasetRecord, EvaluationRecord, Seconds, Settings, SystemRecord, write_run

OUTPUTS = "embeddings/outputs.npz"
"""The outputs in the order of the task, with the names of captions and clips."""
CARD = "system.yaml"
"""A card that makes a system of the outputs, which a fusion can have as a member."""
ELSEWHERE = "elsewhere"
"""What stands for the device of outputs that were not made here."""


def keep_outputs(
    source: Source,
    protocol: str | Protocol,
    name: str,
    *,
    captions: Sequence[str] | None = None,
    clips: Sequence[str] | None = None,
    data_root: str | Path = "data",
    out: str | Path = "runs",
    described: Mapping[str, Any] | None = None,
) -> Run:
    """Score the outputs of any system, and write a run folder as an evaluation does.

    The folder also holds the outputs and a card, `system.yaml`, that makes a system of them. What a ranked list leaves
    out ties at its end: measures that look further count it against the system, and their `optimistic` value for it.

    Args:
        source: the outputs, as for `score`.
        protocol: the rules, or their name.
        name: what the system is called.
        captions: as for `score`.
        clips: as for `score`.
        data_root: folder with the data sets.
        out: the folder of run folders.
        described: what else is known of the system: `parameters`, `trained_on`, `licence`, `source`.

    Returns:
        The run, which a notebook shows as a table of its measures.

    Raises:
        UserError: as `score`, or the run folder cannot be written.
    """
    started = perf_counter()
    try:
        plain_name(name)
    except ValueError as error:
        raise UserError(f"{name!r:.80} cannot be the name of a system: {error}") from None
    rules = get_protocol(protocol) if isinstance(protocol, str) else protocol
    dataset = load_dataset(rules, Path(data_root))
    task = pose(rules, dataset)
    outputs = read_outputs(source, task, captions=captions, clips=clips)
    read = perf_counter()
    measured = measure(task, outputs.tiles())
    if outputs.depth is not None:
        listed = slice(outputs.depth)
        measured = replace(measured, best=measured.best[:, listed], best_scores=measured.best_scores[:, listed])
    reasons = tuple(differences_from_published(dataset, Path(data_root)))
    arrays = outputs.arrays()
    known: dict[str, Any] = {"parameters": 0, "trained_on": (), "licence": "", "source": outputs.source}
    known |= described or {}
    system = SystemRecord(name=name, sample_rate=0, digest=_digest(arrays), code=None, **known)
    ended = perf_counter()
    record = EvaluationRecord(
        protocol=protocol_record(rules),
        system=system,
        dataset=DatasetRecord(
            name=rules.dataset,
            split=rules.split,
            digest=task.digest,
            audio_digest=None,
            clips=len(task.clips),
            queries=len(task.queries),
        ),
        measures=measured.measures,
        tied_fraction=measured.ranks.tied_fraction,
        below_chance=measured.below_chance,
        comparable=not reasons,
        reasons=reasons,
        environment=describe_environment("cpu"),
        settings=Settings(device=ELSEWHERE, precision="fp32", batch_size=None, seed=SEED, resamples=RESAMPLES),
        seconds=Seconds(embed_audio=0, embed_text=0, score=ended - read, total=ended - started),
        command=shlex.join(sys.argv),
    )

    def write(folder: Path) -> None:
        _write_system(folder, system, outputs)
        if task.protocol.submission:
            # A ranked list has no scores that a challenge would take.
            form: Format | None = "ranked-list" if outputs.depth is not None else None
            write_predictions(folder, system.name, task, measured.best, outputs.tiles(), form)

    folder = write_run(
        Path(out),
        record,
        per_query=per_query_columns(task, measured),
        ranking=ranking_columns(task, measured),
        write_more=write,
    )
    return Run(folder, record, reused=False)


def _write_system(folder: Path, system: SystemRecord, outputs: Outputs) -> None:
    names = {"captions": outputs.task.captions, "clips": [clip.name for clip in outputs.task.clips]}
    held: dict[str, Any] = {side: np.array(of_side, np.str_) for side, of_side in names.items()}
    held |= outputs.arrays()
    (folder / OUTPUTS).parent.mkdir()
    # Of ranked lists most of it is zeros.
    save = np.savez if outputs.depth is None else np.savez_compressed
    save(folder / OUTPUTS, **held)
    known = {"trained_on": list(system.trained_on), "licence": system.licence, "source": system.source}
    card = {
        "factory": "systems.outputs:from_card",
        "name": system.name,
        **{field: value for field, value in known.items() if value},
        "files": {"outputs": {"path": OUTPUTS}},
    }
    (folder / CARD).write_text(yaml.safe_dump(card, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _digest(arrays: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
