"""From runs to packages and back: they are valid, score what the run scored, and are the same bytes again."""

import csv
import resource
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from harness.datasets.entry import Recordings
from harness.datasets.known import clotho as known_clotho
from harness.errors import UserError
from harness.evaluation.evaluating import Options, Run, evaluate
from harness.evaluation.hidden_set import Prediction, hidden_task, predict
from harness.interface.systems import load_system
from harness.protocols.description import get_protocol
from harness.submission.editions.profiles import Profile, get_profile
from harness.submission.meta.template import template
from harness.submission.output.expected import of_protocol
from harness.submission.package_score import compare, score_package
from harness.submission.submitting import Submission, submit
from harness.submission.validation import validate

EDITIONS = ("dcase2022", "dcase2023", "dcase2024", "dcase2025")
FILLED_IN = {
    "Lastname_INST": "Muster_ABC",
    "lastname: Lastname": "lastname: Muster",
    "Firstname": "Maxi",
    "name@institute.org": "maxi@example.org",
    "abbreviation: INST": "abbreviation: ABC",
    "Name of the Institute": "Institute of A",
    "City, Country": "Linz, Austria",
}


def filled_in(edition: Profile) -> str:
    text = template(edition)
    for old, new in FILLED_IN.items():
        text = text.replace(old, new)
    return text


class Desk:
    """A folder with a meta file and a report, and what was said meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.said = folder, list[str]()
        folder.mkdir(exist_ok=True)
        (folder / "report.pdf").write_bytes(b"%PDF-1.4\n%%EOF\n")

    def submit(
        self, edition: Profile, *runs: Path, data_root: Path = Path("data"), meta: str = "", replace: bool = False
    ) -> Submission:
        (self.folder / "meta.yaml").write_text(meta or filled_in(edition), encoding="utf-8")
        return submit(
            runs,
            edition,
            self.folder / "meta.yaml",
            self.folder / "report.pdf",
            self.folder / "out",
            data_root,
            self.said.append,
            replace=replace,
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "desk")


def values(run: Run) -> dict[str, float]:
    return {measure.name: measure.value for measure in run.record.measures}


@pytest.fixture(scope="module")
def everyday(tmp_path_factory: pytest.TempPathFactory, session_cache: Path) -> Callable[..., Run]:
    """Runs of a system on `everyday`, with predictions as an edition wants them."""
    out = tmp_path_factory.mktemp("everyday")
    runs = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LBAR_CACHE", str(session_cache))
        for name in ("linear", "random"):
            system = load_system(name, device="cpu")
            for kind in ("ranked-list", "score-matrix"):
                options = Options(out=out, device="cpu", predictions=kind)
                runs[name, kind] = evaluate(system, get_protocol("everyday"), options)
    return lambda name, edition: runs[name, get_profile(edition).kind]


@pytest.mark.parametrize("name", EDITIONS)
def test_round_trip_on_everyday(everyday: Callable[..., Run], desk: Desk, name: str) -> None:
    edition = get_profile(name)
    run = everyday("linear", name)
    made = desk.submit(edition, run.folder)
    assert made.path is not None
    assert made.validation.findings.kept == []
    first = made.path.read_bytes()
    again = desk.submit(edition, run.folder)
    assert again.path is not None
    assert again.path.read_bytes() == first

    expected = of_protocol("everyday", Path("nowhere"))
    (found,) = validate(made.path, edition, expected).scores.values()
    assert found == pytest.approx(values(run), abs=1e-12)
    assert expected.task is not None
    (score,) = score_package(made.path, expected.task).systems.values()
    assert {one.name: (one.value, one.low, one.high) for one in score.measures} == {
        one.name: (pytest.approx(one.value, abs=1e-12), pytest.approx(one.low), pytest.approx(one.high))
        for one in run.record.measures
    }


@pytest.fixture(scope="module")
def clotho(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with Clotho's real captions and a recording of 0.1 s under each of the real names."""
    root = tmp_path_factory.mktemp("clotho")
    for source in ("clotho/clotho_captions_evaluation.csv", "dcase/metadata_eval.csv"):
        (root / Path(source).name).symlink_to(shared / "data" / source)
    (root / "evaluation").mkdir()
    with (root / "clotho_captions_evaluation.csv").open(newline="", encoding="utf-8") as file:
        names = [row[0] for row in csv.reader(file)][1:]
    time = np.arange(800) / 8000
    for index, name in enumerate(names):
        soundfile.write(root / "evaluation" / name, np.sin(2 * np.pi * (100 + 3 * index) * time) / 2, 8000)
    return root


@pytest.fixture(scope="module")
def clotho_runs(clotho: Path, tmp_path_factory: pytest.TempPathFactory, session_cache: Path) -> dict[str, Run]:
    """By protocol: a run of what knows nothing."""
    options = Options(data_root=clotho, out=tmp_path_factory.mktemp("runs"), device="cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LBAR_CACHE", str(session_cache))
        # Recordings of any length will do.
        patch.setattr(known_clotho, "ENTRY", replace(known_clotho.ENTRY, recordings=Recordings()))
        return {
            name: evaluate(load_system("random"), get_protocol(name), options)
            for name in ("clotho-dcase2024", "clotho-dcase2025")
        }


@pytest.mark.shared
@pytest.mark.parametrize("name", EDITIONS)
def test_round_trip_on_the_real_names(clotho: Path, clotho_runs: dict[str, Run], desk: Desk, name: str) -> None:
    edition = get_profile(name)
    run = clotho_runs[edition.protocol]
    assert run.record.comparable
    made = desk.submit(edition, run.folder, data_root=clotho)
    assert made.path is not None
    # It knows nothing, and the validator says so.
    assert [finding.check for finding in made.validation.findings.kept] == ["S002"]
    (found,) = made.validation.scores.values()
    assert found == pytest.approx(values(run), abs=1e-12)
    first = made.path.read_bytes()
    again = desk.submit(edition, run.folder, data_root=clotho)
    assert again.path is not None
    assert again.path.read_bytes() == first
    said = yaml.safe_load(
        zipfile.ZipFile(made.path).read(f"{edition.top_folder}/{made.labels[0]}/{made.labels[0]}.meta.yaml")
    )
    results = said["results"]["development_testing"]
    assert results == {measure: round(values(run)[measure], 6) for measure in edition.results.measures}
    guessed = validate(made.path, edition, data_root=clotho)
    assert (guessed.compared_with, guessed.errors) == (edition.protocol, 0)


def test_two_systems_and_what_is_said_of_each(everyday: Callable[..., Run], desk: Desk) -> None:
    edition = get_profile("dcase2024")
    runs = [everyday(name, "dcase2024").folder for name in ("linear", "random")]
    meta = filled_in(edition) + "systems:\n  random:\n    submission: {name: Chance, abbreviation: CH}\n"
    made = desk.submit(edition, *runs, meta=meta)
    assert made.labels == ("Muster_ABC_task8_1", "Muster_ABC_task8_2")
    assert made.path is not None
    with zipfile.ZipFile(made.path) as packed:
        assert packed.namelist() == [
            "task8/Muster_ABC_task8.technical_report.pdf",
            *(f"task8/{label}/{label}.{kind}" for label in made.labels for kind in ("meta.yaml", "output.csv")),
        ]
        first, second = (yaml.safe_load(packed.read(f"task8/{label}/{label}.meta.yaml")) for label in made.labels)
        output = packed.read(f"task8/{made.labels[0]}/{made.labels[0]}.output.csv")
    assert (first["submission"]["label"], first["submission"]["abbreviation"]) == (made.labels[0], "linear")
    assert (second["submission"]["name"], second["submission"]["abbreviation"]) == ("Chance", "CH")
    assert "systems" not in second
    assert first["system"]["complexity"]["total_parameters"] == 107959
    assert output.startswith(b"caption,fname_1,")
    assert b"\r" not in output
    assert any("a rehearsal: the output of linear answers everyday" in line for line in desk.said)
    assert any(
        "the results of random are those on everyday; dcase2024 asks for clotho-dcase2024" in line for line in desk.said
    )
    assert any(line.startswith("Muster_ABC_task8_1: not known") for line in desk.said)


def test_of_all_scores_the_best_are_listed(everyday: Callable[..., Run], desk: Desk) -> None:
    """A matrix gives a ranked list; a list gives no matrix, and what makes one is said."""
    matrix, lists = everyday("linear", "dcase2025"), everyday("linear", "dcase2024")
    made = desk.submit(get_profile("dcase2024"), matrix.folder)
    (found,) = made.validation.scores.values()
    assert found == pytest.approx(values(lists), abs=1e-12)
    with pytest.raises(UserError, match="--protocol everyday --profile dcase2025`, and name the new run"):
        desk.submit(get_profile("dcase2025"), lists.folder)


def test_what_is_not_valid_is_not_kept(everyday: Callable[..., Run], desk: Desk) -> None:
    edition = get_profile("dcase2024")
    meta = filled_in(edition).replace("corresponding: true", "corresponding: false")
    made = desk.submit(edition, everyday("linear", "dcase2024").folder, meta=meta)
    assert made.path is None
    assert [finding.check for finding in made.validation.findings.kept] == ["M011"]
    assert not (desk.folder / "out").exists() or not list((desk.folder / "out").iterdir())


@pytest.fixture
def hidden(tones: Callable[..., Path], tmp_path: Path, participant: Path) -> Callable[[str, str], Prediction]:
    """A hidden set: recordings and queries, and no word on which belong together."""
    audio = tones((300, 420, 600, 800, 1100, 1500, 2000, 2600, 2700, 2800, 2900))
    queries = [f"a tone of {pitch} hertz" for pitch in (600, 300, 2600)] + ["it is 1100, or so", "a tone of 600 hertz"]
    (tmp_path / "queries.csv").write_text("caption\n" + "\n".join(f'"{text}"' for text in queries) + "\n")

    def run(name: str, edition: str) -> Prediction:
        options = Options(out=tmp_path / "runs", predictions=get_profile(edition).kind)  # type: ignore[arg-type]
        return predict(load_system(name), hidden_task(tmp_path / "queries.csv", audio), options)

    return run


def rows_of(path: Path, member: str) -> list[list[str]]:
    text = zipfile.ZipFile(path).read(member).decode()
    return list(csv.reader(text.splitlines()))


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("name", EDITIONS)
@pytest.mark.parametrize("system", ["tone_system:ToneSystem", "tone_system:Pairs"])
def test_a_hidden_set(hidden: Callable[[str, str], Prediction], desk: Desk, name: str, system: str) -> None:
    edition = get_profile(name)
    run = hidden(system, "dcase2024")
    made = desk.submit(edition, run.folder)
    assert made.path is not None
    assert made.validation.errors == 0
    assert made.validation.scores == {}
    assert made.validation.compared_with is not None
    header, *rows = rows_of(made.path, f"{edition.top_folder}/{made.labels[0]}/{made.labels[0]}.output.csv")
    best = {600: "tone 2.wav", 300: "tone 0.wav", 2600: "tone 7.wav", 1100: "tone 4.wav"}
    if edition.kind == "score-matrix":
        assert len(rows) == 4, "queries that read the same have one row"
        found = [header[1:][int(np.argmax(list(map(float, row[1:]))))] for row in rows]
    else:
        assert len(rows) == 5
        found = [row[1] for row in rows]
    assert found[:4] == [best[600], best[300], best[2600], best[1100]]


@pytest.mark.usefixtures("own_cache")
def test_where_the_disk_is_full_that_is_said(hidden: Callable[[str, str], Prediction], desk: Desk) -> None:
    """The output does not fit, and then the meta file does not; the system itself refuses to write beyond."""
    run, edition, folder = hidden("tone_system:ToneSystem", "dcase2024"), get_profile("dcase2024"), desk.folder
    made = desk.submit(edition, run.folder)
    assert made.path is not None
    with zipfile.ZipFile(made.path) as packed:
        sizes = {Path(member.filename).suffix: member.file_size for member in packed.infolist()}
    assert 100 < sizes[".csv"] < sizes[".yaml"] - 1
    given = folder / "meta.yaml", folder / "report.pdf", folder / "full", Path("data")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for room, suffix in ((100, "csv"), (sizes[".yaml"] - 1, "yaml")):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
        try:
            with pytest.raises(UserError, match=rf"^cannot write .*\.{suffix}: File too large"):
                submit([run.folder], edition, *given, desk.said.append)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (folder / "full").exists()


@pytest.mark.usefixtures("own_cache")
def test_the_hidden_set_and_the_results_of_an_evaluation(
    hidden: Callable[[str, str], Prediction], tones: Callable[..., Path], desk: Desk, tmp_path: Path
) -> None:
    prediction = hidden("tone_system:ToneSystem", "dcase2024")
    options = Options(data_root=tmp_path / "tones", out=tmp_path / "runs")
    run = evaluate(load_system("tone_system:ToneSystem"), get_protocol("folder"), options)
    made = desk.submit(get_profile("dcase2024"), run.folder, prediction.folder)
    assert made.path is not None
    (label,) = made.labels
    said = yaml.safe_load(zipfile.ZipFile(made.path).read(f"task8/{label}/{label}.meta.yaml"))
    assert said["results"]["development_testing"]["mAP@10"] == round(run.record.primary.value, 6)
    assert len(rows_of(made.path, f"task8/{label}/{label}.output.csv")) == 6


@pytest.mark.usefixtures("own_cache")
def test_runs_that_do_not_go_together(
    hidden: Callable[[str, str], Prediction], everyday: Callable[..., Run], desk: Desk, tmp_path: Path
) -> None:
    edition = get_profile("dcase2024")
    prediction, run = hidden("tone_system:ToneSystem", "dcase2024"), everyday("linear", "dcase2024")
    with pytest.raises(UserError, match="linear has no prediction on the hidden set and other systems have"):
        desk.submit(edition, prediction.folder, run.folder)
    with pytest.raises(UserError, match="are both runs of linear; name the one to hand in"):
        desk.submit(edition, run.folder, everyday("linear", "dcase2025").folder)
    with pytest.raises(UserError, match="no run is named"):
        desk.submit(edition)
    with pytest.raises(UserError, match="expected a run folder as `lbar eval` writes it"):
        desk.submit(edition, tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Muster_ABC", "Lastname_INST", "the label is 'Lastname_INST_task8_1'; expected your own"),
        ("_task8_1", "_task6_1", "the label is 'Muster_ABC_task6_1'"),
        ("_task8_1", "_task8_4", "2 systems from Muster_ABC_task8_4 on would end at Muster_ABC_task8_5"),
        ("submission:", "submission", "no YAML here"),
        ("submission:\n", "other:\n", "has no section `submission:`"),
    ],
)
def test_a_meta_file_that_cannot_be_used(
    everyday: Callable[..., Run], desk: Desk, old: str, new: str, message: str
) -> None:
    edition = get_profile("dcase2024")
    runs = [everyday(name, "dcase2024").folder for name in ("linear", "random")]
    with pytest.raises(UserError, match=message):
        desk.submit(edition, *runs, meta=filled_in(edition).replace(old, new))


def test_what_is_missing(everyday: Callable[..., Run], desk: Desk) -> None:
    edition = get_profile("dcase2024")
    run = everyday("linear", "dcase2024").folder
    (desk.folder / "report.pdf").unlink()
    with pytest.raises(UserError, match="there is no report"):
        desk.submit(edition, run)
    with pytest.raises(UserError, match="`lbar submit --init` writes one to fill in"):
        submit([run], edition, desk.folder / "absent.yaml", desk.folder / "r.pdf", desk.folder, Path("data"))


def test_a_run_on_other_data(everyday: Callable[..., Run], desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.runs.run_folder import read_record
    from harness.submission import submitted_runs

    run = everyday("linear", "dcase2024")
    record = read_record(run.folder)
    changed = record.model_copy(update={"dataset": record.dataset.model_copy(update={"digest": "other"})})
    monkeypatch.setattr(submitted_runs, "read_record", lambda _: changed)
    with pytest.raises(UserError, match="was not made on the data of everyday"):
        desk.submit(get_profile("dcase2024"), run.folder)


def test_two_packages_are_compared_query_by_query(everyday: Callable[..., Run], desk: Desk, tmp_path: Path) -> None:
    edition = get_profile("dcase2024")
    expected = of_protocol("everyday", Path("nowhere"))
    assert expected.task is not None
    scores = []
    for name in ("linear", "random"):
        made = Desk(tmp_path / name).submit(edition, everyday(name, "dcase2024").folder)
        assert made.path is not None
        scores.append(score_package(made.path, expected.task))
    differences = compare(scores, expected.task.clusters)
    assert [one.measure for one in differences] == ["mAP@10", "R@1", "R@5", "R@10"]
    first = differences[1]
    linear, random = (next(iter(score.systems.values())).per_query[:, 1] for score in scores)
    assert first.difference == pytest.approx(float(linear.mean() - random.mean()), abs=1e-12)
    assert (first.better, first.worse) == (int((linear > random).sum()), int((linear < random).sum()))
    assert 0 < first.low < first.difference < first.high
    # By hand: clips drawn with replacement, the difference of the two means each time.
    clusters = expected.task.clusters
    draws = np.random.default_rng(1)
    sums = np.bincount(clusters, linear - random)
    sizes = np.bincount(clusters)
    means = []
    for _ in range(2000):
        drawn = draws.integers(len(sums), size=len(sums))
        means.append(sums[drawn].sum() / sizes[drawn].sum())
    assert (first.low, first.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.004)
    same = compare([scores[0], scores[0]], clusters)
    assert [one.measure for one in same] == [one.measure for one in differences]
    assert all(one.difference == one.low == one.high == 0 for one in same)


def test_an_output_that_cannot_be_scored_does_not_stop_the_others(world: Any, tmp_path: Path) -> None:
    files = world.files("dcase2024", 2)
    broken = next(name for name in files if name.endswith("_1.output.csv"))
    files[broken] = files[broken].replace(b"rain.wav", b"snow.wav")
    scores = score_package(world.zip(files), world.task)
    assert list(scores.systems) == ["Muestermann_ABC_task8_2"]
    (error,) = scores.failures.values()
    assert "lbar-" not in str(error)
    assert broken in str(error)
    with pytest.raises(UserError, match="holds no output"):
        score_package(world.zip({"a.txt": b"x"}), world.task)


@pytest.mark.usefixtures("own_cache")
def test_another_package_of_the_same_name_is_not_replaced_unasked(
    hidden: Callable[[str, str], Prediction], everyday: Callable[..., Run], desk: Desk
) -> None:
    """A rehearsal bears the same name as what is to be handed in."""
    edition = get_profile("dcase2024")
    real = desk.submit(edition, hidden("tone_system:ToneSystem", "dcase2024").folder)
    assert real.path is not None
    content = real.path.read_bytes()
    rehearsal = everyday("linear", "dcase2024").folder
    with pytest.raises(UserError, match=r"Muster_ABC\.zip is there already, is another package .*or say --replace$"):
        desk.submit(edition, rehearsal)
    assert real.path.read_bytes() == content
    assert [path.name for path in real.path.parent.iterdir()] == ["Muster_ABC.zip"]
    replaced = desk.submit(edition, rehearsal, replace=True)
    assert replaced.path == real.path
    assert real.path.read_bytes() != content
    assert replaced.validation.is_rehearsal
    assert desk.submit(edition, rehearsal).path == real.path
