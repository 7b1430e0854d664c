"""The runs that are handed in: evaluations and predictions on a hidden set, brought together by system."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import UserError
from harness.evaluation import read_scores
from harness.measures import top_k
from harness.predictions import (
    detect,
    predictions_in,
    read_ranked_list,
    read_score_matrix,
    write_ranked_list,
    write_score_matrix,
)
from harness.runs import EvaluationRecord, PredictionRecord, SystemRecord, read_record
from harness.submission.editions.profiles import Profile
from harness.submission.output.expected import Expected, of_task


@dataclass(frozen=True)
class SubmittedSystem:
    """A system with its runs: an evaluation, a prediction on the hidden set, or both.

    Attributes:
        system: from their records.
        evaluation: folder and record, where there is one.
        prediction: folder and record, where there is one; its output is handed in, the evaluation gives the results.
    """

    system: SystemRecord
    evaluation: tuple[Path, EvaluationRecord] | None = None
    prediction: tuple[Path, PredictionRecord] | None = None

    @property
    def results(self) -> dict[str, float]:
        """The evaluation's measures by name; empty without an evaluation."""
        return {measure.name: measure.value for measure in self.evaluation[1].measures} if self.evaluation else {}


def read_runs(folders: Sequence[Path], profile: Profile) -> list[SubmittedSystem]:
    """Read run folders, and bring those of one system together; systems in the order of their first run.

    Raises:
        UserError: a folder holds no run, one system has two runs of a kind, some systems have a prediction and others
            none, the runs are on different data, or there are more systems than the edition allows.
    """
    found: dict[tuple[str, str | None], SubmittedSystem] = {}
    for folder in folders:
        hidden = (folder / PredictionRecord.FILE).is_file()
        record = PredictionRecord.read(folder) if hidden else read_record(folder)
        key = (record.system.name, record.system.digest)
        system = found.get(key, SubmittedSystem(record.system))
        if before := system.prediction if hidden else system.evaluation:
            raise UserError(f"{before[0]} and {folder} are both runs of {record.system.name}; name the one to hand in")
        found[key] = (
            replace(system, prediction=(folder, record))
            if isinstance(record, PredictionRecord)
            else replace(system, evaluation=(folder, record))
        )
    systems = list(found.values())
    if not systems:
        raise UserError("no run is named; expected folders as `lbar eval` writes them, up to one system each")
    if len(systems) > profile.most_systems:
        raise UserError(f"{len(systems)} systems; {profile.name} takes up to {profile.most_systems}: name fewer runs")
    _require_one_data_set(systems)
    return systems


def _require_one_data_set(systems: Sequence[SubmittedSystem]) -> None:
    without = [system.system.name for system in systems if system.prediction is None]
    if without and len(without) < len(systems):
        raise UserError(
            f"{', '.join(without)} has no prediction on the hidden set and other systems have; make it by `lbar eval "
            "SYSTEM --audio DIR --queries captions.csv`, and name its folder too"
        )
    asked = {
        system.prediction[1].dataset.digest if system.prediction else system.evaluation[1].dataset.digest  # type: ignore[index]
        for system in systems
    }
    if len(asked) > 1:
        raise UserError("the runs answer different queries or rank different clips; hand in runs on one data set")


def expected_of(system: SubmittedSystem, data_root: Path) -> Expected:
    """What a system's output should answer: the hidden set's queries and clips, or those of the protocol.

    Raises:
        UserError: the protocol's data are not in the data root, or not those of the run.
    """
    if system.prediction:
        folder, record = system.prediction
        return Expected(f"the hidden set of {folder.name}", record.queries, record.clips)
    assert system.evaluation is not None
    folder, evaluation = system.evaluation
    from harness.protocols import get_protocol, load_dataset, pose, recorded_protocol

    recorded = recorded_protocol(evaluation.protocol.name, evaluation.protocol.rules)
    protocol = recorded or get_protocol(evaluation.protocol.name)
    task = pose(protocol, load_dataset(protocol, data_root))
    if evaluation.skipped:
        skipped = {clip.clip for clip in evaluation.skipped}
        task = task.without([index for index, clip in enumerate(task.clips) if clip.name in skipped])
    if task.digest != evaluation.dataset.digest:
        raise UserError(
            f"{folder} was not made on the data of {protocol.name} that {data_root} holds; evaluate the system "
            "again, or name the data with --data-root"
        )
    return of_task(task)


def write_output(system: SubmittedSystem, profile: Profile, target: Path) -> None:
    """Write a system's output as the edition asks for it.

    Raises:
        UserError: the run has no predictions file, or one that this format cannot be made from.
    """
    if system.prediction:
        _from_scores(*system.prediction, profile, target)
        return
    assert system.evaluation is not None
    folder, record = system.evaluation
    source = predictions_in(folder)
    if source is None:
        raise UserError(
            f"{folder} has no predictions file; challenges ask for clips, and {record.protocol.name} ranks captions"
        )
    found = detect(source)
    if profile.kind == "ranked-list":
        _ranked_list(source, found, profile, target)
    elif found == "score-matrix":
        matrix = read_score_matrix(source)
        queries = [caption for caption, _ in matrix.rows()]
        write_score_matrix(target, queries, matrix.names, (row.astype("float32") for _, row in matrix.rows()))
    else:
        raise UserError(
            f"{source} lists the best clips, and {profile.name} asks for all scores; write them by `lbar eval "
            f"{record.system.name} --protocol {record.protocol.name} --profile {profile.name}`, and name the new run"
        )


def _ranked_list(source: Path, found: str, profile: Profile, target: Path) -> None:
    depth = profile.depth or 0
    if found == "ranked-list":
        lists = read_ranked_list(source)
        queries, names = lists.queries, [row[:depth] for row in lists.names]
    else:
        matrix = read_score_matrix(source)
        pairs = [(query, top_k(row[None], depth)[0][0].tolist()) for query, row in matrix.rows()]
        queries = tuple(query for query, _ in pairs)
        names = [tuple(matrix.names[clip] for clip in best) for _, best in pairs]
    write_ranked_list(target, queries, names, profile.columns)


def _from_scores(folder: Path, record: PredictionRecord, profile: Profile, target: Path) -> None:
    scores = read_scores(folder, record)
    if profile.kind == "ranked-list":
        best = top_k(scores, profile.depth or 0)[0].tolist()
        names = [[record.clips[clip] for clip in row] for row in best]
        write_ranked_list(target, record.queries, names, profile.columns)
        return
    first = {text: row for row, text in reversed(list(enumerate(record.queries)))}
    rows = sorted(first.values())
    write_score_matrix(target, [record.queries[row] for row in rows], record.clips, (scores[row] for row in rows))
