"""The validator on real files, and what it says as a document."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.audio.clip import Clip
from harness.errors import UserError
from harness.interface.findings import Finding
from harness.protocols.named import Protocol
from harness.protocols.relevance import Relevance
from harness.protocols.task import RetrievalTask
from harness.submission.editions.profiles import get_profile
from harness.submission.findings import to_text
from harness.submission.output.expected import Expected, of_files, of_protocol, of_task
from harness.submission.validation import Validation, validate

OTHER_TASK = """\
base: dcase2022
name: other
task: "{task}"
kind: other
rows: {{}}
"""


@pytest.fixture
def data_root(shared: Path, tmp_path: Path) -> Path:
    root = tmp_path / "data"
    (root / "clotho").mkdir(parents=True)
    for source in ("clotho/clotho_captions_evaluation.csv", "dcase/metadata_eval.csv"):
        (root / "clotho" / Path(source).name).symlink_to(shared / "data" / source)
    return root


def other_task(tmp_path: Path, task: str) -> str:
    """A profile of another task's packages, whose outputs are of no kind known here."""
    path = tmp_path / f"task{task}.yaml"
    path.write_text(OTHER_TASK.format(task=task))
    return str(path)


def told(result: Validation) -> list[tuple[str, str, int | None]]:
    return [(one.check, one.file.rpartition("/")[2], one.line) for one in result.findings.in_order()]


@pytest.mark.shared
def test_the_baseline_of_2022_is_valid(shared: Path, data_root: Path) -> None:
    path = shared / "data/dcase/baseline_dcase2022.test.output.csv"
    result = validate(path, get_profile("dcase2022"), data_root=data_root)
    assert told(result) == []
    assert result.compared_with == "clotho-dcase2024"
    (values,) = result.scores.values()
    assert {name: round(value, 4) for name, value in values.items()} == {
        "mAP@10": 0.0679,
        "R@1": 0.0316,
        "R@5": 0.1095,
        "R@10": 0.1883,
    }


@pytest.mark.shared
def test_the_baseline_of_2022_beside_other_editions(shared: Path, data_root: Path) -> None:
    path = shared / "data/dcase/baseline_dcase2022.test.output.csv"
    assert told(validate(path, get_profile("dcase2023"), data_root=data_root)) == []
    assert told(validate(path, get_profile("dcase2024"), data_root=data_root)) == [("F005", path.name, 1)]
    assert told(validate(path, get_profile("dcase2025"), data_root=data_root)) == [("F004", path.name, 1)]


@pytest.mark.shared
def test_the_file_names_of_the_baseline_of_2023_are_stripped(shared: Path, data_root: Path, tmp_path: Path) -> None:
    """Its authors strip names; those with ` .wav` are then nobody's, and each is told with what is meant."""
    source = (shared / "data/dcase/baseline_dcase2022.test.output.csv").read_text()
    assert " .wav" in source
    path = tmp_path / "stripped.output.csv"
    path.write_text(source.replace(" .wav", ".wav"))
    result = validate(path, get_profile("dcase2022"), data_root=data_root)
    assert {code for code, _, _ in told(result)} == {"R007"}
    assert all("did you mean" in one.found for one in result.findings.kept)
    assert result.errors == source.count(" .wav")


@pytest.mark.shared
def test_every_known_fault_of_a_real_package_and_no_other(shared: Path, tmp_path: Path) -> None:
    """Tabs and `institution` in all four meta files, two labels of another institute, two abbreviations twice."""
    path = shared / "data/dcase/package_2020_task2/Primus_CP-JKU.c6f82fb.zip"
    result = validate(path, get_profile(other_task(tmp_path, "2")))
    metas = [f"Primus_CP-JKU_task2_{number}.meta.yaml" for number in range(1, 5)]
    errors = [one for one in told(result) if one[0] not in ("P025", "M014")]
    assert sorted(errors) == sorted(
        [("M001", meta, 131) for meta in metas]
        + [("M013", meta, 32) for meta in metas]
        + [("M007", meta, 8) for meta in metas[2:]]
        + [("T002", metas[1], 17), ("T002", metas[3], 17)]
    )
    warnings = [one for one in told(result) if one not in errors]
    # The copy's name has the commit it is from; the affiliations have no abbreviation.
    assert sorted(warnings) == sorted([("P025", path.name, None), *(("M014", meta, 32) for meta in metas)])
    assert result.errors == len(errors)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "task", "expected"),
    [
        ("Anderson_TCD_task5_1", "5", [("M001", 86), ("M002", 99)]),
        ("FalconPerez_Aalto_task3_1", "3", [("M001", 23)]),
        ("Primus_CP-JKU_task2_1", "2", [("M001", 131), ("M013", 32), ("M014", 32)]),
    ],
)
def test_real_meta_files_of_other_tasks(
    shared: Path, tmp_path: Path, name: str, task: str, expected: list[tuple[str, int]]
) -> None:
    path = shared / f"data/dcase/package_2020_task2/{name}.meta.yaml"
    result = validate(path, get_profile(other_task(tmp_path, task)))
    assert [(code, line) for code, _, line in told(result)] == expected


@pytest.mark.shared
def test_a_package_of_another_task_is_one_error(shared: Path) -> None:
    path = shared / "data/dcase/package_2020_task2/Primus_CP-JKU.c6f82fb.zip"
    assert [code for code, _, _ in told(validate(path, get_profile("dcase2024")))] == ["P011", "P024"]


def test_a_document_of_it(world: Any) -> None:
    files = world.files("dcase2024")
    (output,) = [name for name in files if name.endswith(".csv")]
    files[output] = files[output].replace(b"rain.wav", b"Rain.wav")
    document = json.loads(json.dumps(world.look(files, "dcase2024").to_json()))
    assert (document["valid"], document["profile"], document["compared_with"]) == (False, "dcase2024", "small")
    assert document["errors"] == len(document["findings"]) == document["counts"][0]["count"]
    assert set(document["findings"][0]) == {
        "code", "level", "rule", "file", "line", "column", "found", "expected", "mend",
    }  # fmt: skip
    assert document["scores"] == {}


def test_a_hidden_set_is_known_by_its_files(world: Any, tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    for clip in world.expected.clips:
        (tmp_path / "audio" / clip).touch()
    (tmp_path / "audio" / "._rain.wav").touch()
    (tmp_path / "audio" / "readme.txt").touch()
    (tmp_path / "captions.csv").write_bytes(world.csv([["caption"], *([text] for text in world.expected.queries)]))
    expected = of_files(tmp_path / "captions.csv", tmp_path / "audio")
    assert expected is not None
    assert expected.queries == world.expected.queries
    assert set(expected.clips) == set(world.expected.clips)
    result = validate(world.zip(world.files("dcase2025")), get_profile("dcase2025"), expected)
    assert (result.findings.kept, result.scores) == ([], {})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text\nx\n", "expected a column caption"),
        ("caption\n", "no row below the header"),
        ("caption,b\nx\n", "line 2"),
    ],
)
def test_wrong_queries_are_the_users_to_mend(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "q.csv").write_text(content)
    with pytest.raises(UserError, match=message):
        of_files(tmp_path / "q.csv", None)


def test_a_folder_without_recordings(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no recordings"):
        of_files(None, tmp_path)
    with pytest.raises(UserError, match="is not a folder of recordings"):
        of_files(None, tmp_path / "absent")


def test_captions_cannot_be_ranked_by_a_protocol_that_asks_with_clips() -> None:
    with pytest.raises(UserError, match="choose a text-to-audio protocol"):
        of_protocol("everyday-a2t", Path("nowhere"))


def test_a_finding_is_told_in_full(world: Any) -> None:
    files = world.files("dcase2024")
    (meta,) = [name for name in files if name.endswith(".yaml")]
    files[meta] = files[meta].replace(b"Z\xc3\xb6e", b"Firstname").replace(b"Zo\xc3\xab", b"Firstname")
    finding: Finding = world.look(files, "dcase2024").findings.kept[0]
    assert to_text(finding) == (
        f"error M016  {meta}, line 7, submission.authors[0].firstname\n"
        "    Nothing is left of the template.\n"
        "    found     'Firstname', as in the template\n"
        "    expected  what is true of this submission\n"
        "    mend      write it, or `!!null` where it does not apply"
    )


def test_a_matrix_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    """Twelve megabytes are looked at and scored in a fraction of that."""
    clips = [f"clip {number}.wav" for number in range(200)]
    queries = [f"query {number}" for number in range(300)]
    task = RetrievalTask(
        Protocol("wide", "folder", "all"),
        tuple(Clip(name, Path(name)) for name in clips),
        tuple(queries),
        Relevance.from_lists([[number % len(clips)] for number in range(len(queries))]),
        tuple(clips[number % len(clips)] for number in range(len(queries))),
    )
    path = tmp_path / "x.output.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(["index", *clips]) + "\n")
        for row, text in enumerate(queries):
            scores = np.random.default_rng(row).random(len(clips))
            file.write(",".join([text, *(f"{score:.17f}".ljust(200, "0") for score in scores.tolist())]) + "\n")
    assert path.stat().st_size > 12e6
    expected = of_task(task)
    small = validate(path, get_profile("dcase2025"), expected)  # what is imported and kept is there now
    tracemalloc.start()
    try:
        found = validate(path, get_profile("dcase2025"), expected)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.scores == small.scores
    assert list(found.scores) == ["x"]
    assert peak < 3e6


def test_a_matrix_of_distances_is_worse_than_chance(tmp_path: Path) -> None:
    clips, queries = [f"{n}.wav" for n in range(30)], [f"query {n}" for n in range(60)]
    task = RetrievalTask(
        Protocol("distant", "folder", "all", measures=("mAP@10", "R@10")),
        tuple(Clip(name, Path(name)) for name in clips),
        tuple(queries),
        Relevance.from_lists([[n % 30] for n in range(60)]),
        tuple(clips[n % 30] for n in range(60)),
    )
    scores = np.random.default_rng(0).standard_normal((60, 30))
    scores[np.arange(60), np.arange(60) % 30] += 2
    path = tmp_path / "x.output.csv"
    for sign, checks in ((1, []), (-1, ["S002"])):
        rows = [[text, *map(repr, row)] for text, row in zip(queries, (sign * scores).tolist(), strict=True)]
        path.write_text("".join(",".join(row) + "\n" for row in [["index", *clips], *rows]))
        result = validate(path, get_profile("dcase2025"), of_task(task))
        assert [one.check for one in result.findings.kept] == checks
    (finding,) = result.findings.kept
    assert finding.found == f"mAP@10 {result.scores['x']['mAP@10']:.4f} on distant, which is significantly worse"
    assert finding.expected.startswith("clearly more than 0.09")
    assert finding.mend == (
        "a larger score is a better match: look whether these are distances, and write their negatives"
    )


def said_before_the_verdict(result: Validation) -> list[str]:
    *before, verdict = result.to_text()
    assert verdict.startswith("Muestermann_ABC.zip: valid for dcase2024: 0 errors")
    return [line for line in before if "compared" in line or "rehearsal" in line]


def test_what_was_not_compared_is_said_before_the_verdict(world: Any) -> None:
    files, whole = world.files("dcase2024"), world.expected
    path = world.zip(files)
    known = {
        ("captions", "names of clips"): None,
        ("names of clips",): Expected("queries.csv", whole.queries, ()),
        ("captions",): Expected("audio", (), whole.clips),
        (): Expected("both", whole.queries, whole.clips),
    }
    for missing, expected in known.items():
        result = validate(path, get_profile("dcase2024"), expected)
        document = json.loads(json.dumps(result.to_json()))
        assert (result.not_compared, document["not_compared"]) == (missing, list(missing))
        assert (result.is_rehearsal, document["rehearsal"]) == (False, False)
        advice = "say --audio DIR and --queries FILE for a hidden set, or --protocol NAME"
        told = [f"{' and '.join(missing)} were not compared with anything; {advice}"] if missing else []
        assert said_before_the_verdict(result) == told


def test_a_rehearsal_is_said_before_the_verdict(world: Any) -> None:
    result = validate(world.zip(world.files("dcase2024")), get_profile("dcase2024"), world.expected)
    assert said_before_the_verdict(result) == [
        "a rehearsal: the outputs answer small, whose ground truth is known; challenges take those on their hidden set "
        "(--audio DIR --queries FILE)"
    ]
    assert result.to_json()["rehearsal"] is True


def test_a_meta_file_alone_is_compared_with_nothing(world: Any) -> None:
    (name,) = [name for name in world.files("dcase2024") if name.endswith(".yaml")]
    result = validate(world.write({name: world.files("dcase2024")[name]}) / name, get_profile("dcase2024"))
    assert (result.not_compared, result.is_rehearsal) == ((), False)
