"""Data sets and protocols of one's own: two YAML files, or a package with an entry point, and nothing else."""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from harness.cli.app import build
from harness.datasets import known
from harness.errors import UserError
from harness.evaluation.evaluating import evaluate
from harness.evaluation.options import Options
from harness.interface.systems import load_system
from harness.protocols.description import get_protocol, read_protocol, recorded_protocol, rules_of
from harness.protocols.named import PROTOCOLS, Protocol
from harness.protocols.task import pose
from leaderboard.comparison.comparing import compare
from leaderboard.runs.collecting import collect, reason_against

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "protocol.md"
TEMPLATES = {
    yaml.safe_load(block)["name"]: block
    for block in re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    if block.startswith("name:")
}


@pytest.fixture(autouse=True)
def _forget_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "_named_by_files", {})


@pytest.fixture
def folder(participant: Path) -> Path:
    """An empty folder that gets the templates of the documentation."""
    for name, template in TEMPLATES.items():
        (participant / f"{name}.yaml").write_text(template)
    return participant


def lbar(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(build(), [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


def test_the_templates_are_those_of_the_page() -> None:
    assert set(TEMPLATES) == {"birds", "birds-test", "birds-several", "birds-graded"}


@pytest.mark.usefixtures("own_cache")
def test_two_files_are_a_benchmark(folder: Path, tones: Callable[..., Path]) -> None:
    """From an empty folder, by what the page says: verified, evaluated, compared, on the board and on the page."""
    root = tones()
    done = (0, "birds: complete and intact\n")
    assert lbar("data", "verify", "birds.yaml", "--data-root", root)[:2] == done
    assert "birds/test" in lbar("protocols", "birds-test.yaml")[1]
    code, said, problems = lbar(
        "eval", "linear", "random", "--protocol", "birds-test.yaml", "--data-root", root, "--out", "runs"
    )
    assert code == 0, problems
    assert "birds-test, text-to-audio, 16 queries" in said
    assert "Not comparable" not in said
    # What is asked from here on knows of no file.
    for file in folder.glob("*.yaml"):
        file.unlink()
    known._named_by_files.clear()
    code, said, problems = lbar("compare", "linear", "random", "--protocol", "birds-test", "--out", "runs")
    assert (code, "linear" in said, "birds-test, text-to-audio" in said) == (0, True, True), problems
    known._named_by_files.clear()
    code, _, problems = lbar("board", "--out", "runs", "--html", "page", "--data-root", root)
    assert code == 0, problems
    assert "no audio and no further relevance" not in problems
    (queries,) = Path("page/data").glob("birds-test-*/queries.js")
    assert "tone 0.wav" in queries.read_text()
    (standing,) = Path("page/data").glob("birds-test-*/standing.js")
    assert '"medians":["MedR"]' in standing.read_text()


@pytest.mark.usefixtures("folder")
def test_several_clips_and_grades(tones: Callable[..., Path]) -> None:
    root = tones((300, 420, 600))
    (root / "several.csv").write_text("query,audio_filenames\na tone of 300 hertz,\"['tone 0.wav', 'tone 2.wav']\"\n")
    (root / "graded.csv").write_text(
        "query,file_name,relevance\na tone of 300 hertz,tone 0.wav,100\na tone of 300 hertz,tone 2.wav,20\n"
        "a tone of 600 hertz,tone 1.wav,0\na tone of 600 hertz,tone 2.wav,80\n"
    )
    described = Path("birds.yaml").read_text().replace("clips: 8", "clips: 3")
    Path("birds.yaml").write_text(described)
    several = pose(rules := read_protocol(Path("birds-several.yaml")), known.load("birds", "test", root))
    assert (rules.annotations, several.relevance.items.tolist()) == ("several.csv", [0, 2])
    graded = pose(read_protocol(Path("birds-graded.yaml")), known.load("birds", "test", root))
    assert graded.queries == ("a tone of 300 hertz", "a tone of 600 hertz")
    assert graded.relevance.gains is not None
    assert graded.relevance.gains.tolist() == [100, 20, 0, 80]
    assert graded.ranked.tolist() == [2, 2]
    assert graded.relevance.answers(0).tolist() == [0]
    assert graded.without([2]).queries == ("a tone of 300 hertz",), "no clip is left that answers the other"
    record = evaluate(load_system("random"), graded.protocol, Options(root, Path("runs"))).record
    assert [measure.name for measure in record.measures] == ["nDCG@10", "GAP@10", "mAP@10"]
    assert record.comparable


@pytest.mark.usefixtures("folder")
def test_the_digest_is_over_the_content() -> None:
    path = Path("birds-test.yaml")
    first = read_protocol(path)
    path.write_text("# of mine\n" + yaml.safe_dump(yaml.safe_load(path.read_text()), sort_keys=True))
    Path("birds.yaml").rename("others.yaml")
    path.write_text(path.read_text().replace("birds.yaml", "others.yaml"))
    assert read_protocol(path).digest == first.digest
    path.write_text(path.read_text().replace("R@5", "R@7"))
    assert read_protocol(path).digest != first.digest
    assert recorded_protocol(first.name, rules_of(first)) == first


@pytest.mark.usefixtures("own_cache")
def test_a_protocol_of_ones_own_in_python_stands_on_the_board(participant: Path, tones: Callable[..., Path]) -> None:
    rules = replace(PROTOCOLS["folder"], name="first", measures=("R@1", "mAP@3"))
    options = Options(tones(), participant / "runs")
    for system in ("linear", "random"):
        evaluate(load_system(system), rules, options)
    board = collect(options.out)
    assert ([row.record.protocol.name for row in board.rows], board.set_aside) == (["first", "first"], ())
    assert compare("linear", "random", out=options.out, protocol="first").title.startswith("first, ")
    record = board.rows[0].record
    changed = dict(record.protocol.rules or {}) | {"measures": ["R@1"]}
    other = record.model_copy(update={"protocol": record.protocol.model_copy(update={"rules": changed})})
    assert "evaluated under other rules of first" in (reason_against(other) or "")


def said_of(text: str, name: str = "mine.yaml") -> str:
    Path(name).write_text(text)
    code, out, said = lbar("eval", "random", "--protocol", name)
    assert (code, out) == (2, "")
    assert "Traceback" not in said
    return said.strip()


MINE = "name: mine\ndataset: everyday\nsplit: evaluation\n"


@pytest.mark.usefixtures("participant")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{MINE}measures: [R@1]\n", "mine.yaml is no protocol: it has no `relevance:`, .*; say `own` where a caption"),
        (f"{MINE}relevance: theirs\nmeasures: [R@1]\n", "relevance: say `own` where .*, or `{file: relevance.csv}`"),
        (
            f"{MINE}relevance: own\nmeasures: [mPA@10]\n",
            r"protocol mine: unknown measure 'mPA@10'; did you mean mAP@10",
        ),
        (f"{MINE}relevance: own\nmeasures: []\n", "measures: List should have at least 1 item"),
        (f"{MINE}relevance: own\n", "measures: Field required"),
        (
            f"{MINE}relevanse: own\nrelevance: own\nmeasures: [R@1]\n",
            "relevanse: unknown field; did you mean 'relevance'",
        ),
        (
            "name: everyday\ndataset: everyday\nsplit: evaluation\nrelevance: own\nmeasures: [R@1]\n",
            "'everyday' is one of",
        ),
        (
            "name: m\ndataset: evryday\nsplit: a\nrelevance: own\nmeasures: [R@1]\n",
            "unknown data set 'evryday'; did you",
        ),
        (
            "name: m\ndataset: everyday\nsplit: a\nrelevance: own\nmeasures: [R@1]\n",
            "everyday has no split 'a'; known are",
        ),
        ("name: m\ndataset: no.yaml\nsplit: a\nrelevance: own\nmeasures: [R@1]\n", "no.yaml: cannot be read: No such"),
        (
            f"{MINE}relevance: {{file: a.csv}}\nmeasures: [R@1]\n",
            "a.csv is neither in .* nor in one of the two folders above, and the protocol needs it",
        ),
        (
            f"{MINE}relevance: {{file: a.csv, among: judged}}\nmeasures: [R@1]\n",
            "`among: judged` needs grades: say `relevant_from`",
        ),
        ("- a list\n", "mine.yaml has no fields; expected the YAML file of a protocol"),
        ("name: [\n", "mine.yaml: not YAML: "),
    ],
)
def test_a_file_that_is_no_protocol_is_refused_in_a_line(text: str, expected: str) -> None:
    assert re.search(expected, said := said_of(text)), said
    assert len(said.splitlines()) == 1


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "captions: captions.csv",
            "audio: here",
            "splits.test does not say where its captions are; expected `captions",
        ),
        ("evaluation: [test]", "evaluation: [tset]", "evaluation names the split 'tset'; did you mean 'test'"),
        ("clips: 8", "clip: 8", "splits.test.clip: unknown field; did you mean 'clips'"),
        ("name: birds", "name: clotho", "'clotho' is the name of one of lbar's own data sets"),
        ("evaluation:", "reader: mine:read\nevaluation:", "data set birds names mine:read, code that is neither"),
    ],
)
def test_a_file_that_is_no_data_set_is_refused_in_a_line(
    old: str, new: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LBAR_TRUST")
    path = Path("birds.yaml")
    path.write_text(path.read_text().replace(old, new))
    code, _, said = lbar("eval", "random", "--protocol", "birds-test.yaml")
    assert (code, len(said.strip().splitlines())) == (2, 1)
    assert expected in said


@pytest.mark.usefixtures("folder")
def test_two_data_sets_of_one_name_are_refused() -> None:
    read_protocol(Path("birds-test.yaml"))
    path = Path("birds.yaml")
    path.write_text(path.read_text().replace("clips: 8", "clips: 9"))
    with pytest.raises(UserError, match="two descriptions of a data set 'birds' differ"):
        read_protocol(Path("birds-test.yaml"))


@pytest.mark.usefixtures("folder", "own_cache")
def test_other_counts_and_lengths_are_not_comparable(tones: Callable[..., Path]) -> None:
    path = Path("birds.yaml")
    path.write_text(path.read_text().replace("clips: 8", "clips: 9").replace("[0.1, 30]", "[9, 30]"))
    run = evaluate(load_system("random"), read_protocol(Path("birds-test.yaml")), Options(tones(), Path("runs")))
    assert [reason.split("tones ")[-1] for reason in run.record.reasons] == [
        "has 8 clips, expected 9",
        "has 16 captions, expected 18",
        "8 of 8 clips are not as long as those of birds, 9 to 30 s: 'tone 0.wav' lasts 0.5 s",
    ]


def install(folder: Path, name: str, entries: str, files: dict[str, str]) -> None:
    """Put a distribution into a folder of installed ones."""
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(entries)
    for file, text in files.items():
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(text)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "installed"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in ("their_data", "their_rules", "their_code"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("participant", "own_cache")
def test_a_package_provides_both(installed: Path, tones: Callable[..., Path]) -> None:
    install(
        installed,
        "theirs",
        "[lbar.datasets]\nany = their_data\n[lbar.protocols]\nany = their_rules\nbirds-code = their_code:RULES\n",
        {
            "their_data/__init__.py": "",
            "their_data/birds.yaml": TEMPLATES["birds"],
            "their_rules/__init__.py": "",
            "their_rules/birds-test.yaml": TEMPLATES["birds-test"].replace("birds.yaml", "birds"),
            "their_code.py": "from harness import Protocol\nRULES = Protocol('birds-code', 'birds', 'test')\n",
        },
    )
    assert "birds" in known.dataset_names()
    assert {"birds-test", "birds-code"} <= {line.split()[0] for line in lbar("protocols")[1].splitlines() if line}
    root = tones()
    for name in ("birds-test", "birds-code"):
        code, _, said = lbar("eval", "random", "--protocol", name, "--data-root", root, "--out", "runs")
        assert code == 0, said
    assert len(collect(Path("runs")).rows) == 2
    assert "did you mean 'birds-test'" in lbar("eval", "random", "--protocol", "birds-tset")[2]


@pytest.mark.usefixtures("participant")
def test_two_packages_with_one_name_are_named_and_neither_is_used(installed: Path) -> None:
    data, rules = "DatasetEntry('birds', {})", "Protocol('mine', 'everyday', 'evaluation')"
    code = f"from harness.datasets import DatasetEntry\nfrom harness import Protocol\nD = {data}\nP = {rules}\n"
    for name in ("one", "other"):
        entries = f"[lbar.datasets]\nbirds = {name}_code:D\n[lbar.protocols]\nmine = {name}_code:P\n"
        install(
            installed,
            name,
            entries,
            {
                f"{name}_code.py": code.replace("DatasetEntry('birds'", "DatasetEntry(name='birds'").replace(
                    ", {})", ", splits={})"
                )
            },
        )
    expected = "by one 1.0 (one_code:P) and other 1.0 (other_code:P); uninstall one of them"
    status, _, said = lbar("eval", "random", "--protocol", "mine")
    assert (status, len(said.strip().splitlines()), expected in said) == (2, 1, True)
    with pytest.raises(UserError, match=r"'birds' is registered twice under lbar.datasets, by one 1.0 \(one_code:D\)"):
        known.known_dataset("birds")
    assert known.splits_for("training")["everyday"] == "development", "the others go on working"
    status, shown, said = lbar("protocols")
    assert (status, "mine" in shown, expected in said) == (0, False, True)


@pytest.mark.usefixtures("participant")
def test_a_package_that_cannot_be_loaded_is_named(installed: Path) -> None:
    entries = "[lbar.protocols]\nabsent = no_such:P\nother = other_code:P\nfunction = other_code:made\n"
    code = "from harness import Protocol\nP = Protocol('named', 'everyday', 'evaluation')\n"
    install(installed, "broken", entries, {"other_code.py": f"{code}def made():\n    return 3\n"})
    for name, expected in {
        "absent": "cannot be used: ModuleNotFoundError: No module named 'no_such'",
        "other": "its name is 'named'; the entry point has to be called so, too",
        "function": "expected a Protocol, or a function that returns one, found int",
    }.items():
        with pytest.raises(UserError, match=re.escape(expected)):
            get_protocol(name)
    assert isinstance(get_protocol("everyday"), Protocol)
