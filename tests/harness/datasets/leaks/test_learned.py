from pathlib import Path

import pytest

from harness.datasets.dataset import from_captions
from harness.datasets.known import load
from harness.datasets.leaks.identifiers import known_ids
from harness.datasets.leaks.learned import load_trained_on, trained_on, without, without_listed
from harness.errors import UserError
from harness.interface.cards.ancestors import TrainedSystem
from harness.interface.cards.training_section import TrainingSection

CARD = "factory: a.b:c\nname: {name}\ntraining: {training}\n"


def put(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_what_ancestors_learned_from_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "first.yaml", CARD.format(name="first", training="{data: [wavcaps], exclude: [l.csv]}"))
    put(tmp_path / "second.yaml", CARD.format(name="second", training="{data: [clotho], start: first.yaml}"))
    put(tmp_path / "silent.yaml", CARD.format(name="silent", training="{}"))
    card = {
        "name": "third",
        "training": {
            "data": ["everyday"],
            "start": "second.yaml",
            "teachers": ["second.yaml", "silent.yaml", "no.yaml"],
        },
    }
    known, unknown = trained_on(card)
    assert [(one.title, one.training.data, one.training.exclude) for one in known] == [
        ("third", ("everyday",), ()),
        ("second", ("clotho",), ()),
        ("first", ("wavcaps",), ("l.csv",)),
    ]
    silent, missing = unknown
    assert "what silent.yaml learned from, which this system starts from or is taught by: card 'silent'" in silent
    assert "there is no card no.yaml" in missing


def test_paths_of_ancestors_go_from_the_card(tmp_path: Path) -> None:
    put(tmp_path / "one" / "a.yaml", CARD.format(name="a", training="{data: [clotho], start: ../two/b.yaml}"))
    put(tmp_path / "two" / "b.yaml", CARD.format(name="b", training="{data: [audiocaps]}"))
    known, unknown = trained_on({"name": "c", "training": {"data": ["wavcaps"], "start": "one/a.yaml"}}, tmp_path)
    assert [one.title for one in known] == ["c", "a", "b"]
    assert unknown == []


def test_a_system_that_starts_from_itself_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "a.yaml", CARD.format(name="a", training="{data: [clotho], start: a.yaml}"))
    with pytest.raises(UserError, match=r"in a circle: a\.yaml → a\.yaml"):
        trained_on({"name": "b", "training": {"data": ["clotho"], "start": "a.yaml"}})


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        (None, "card 'x' does not say what its system learns from"),
        ({}, "card 'x' does not say what its system learns from"),
        ({"data": "clotho"}, "training.data: Input should be a valid list, found 'clotho'"),
        (
            {"data": ["clotho", "nonsense"]},
            "training.data: 'nonsense' has no split for training; known are audiocaps, clotho",
        ),
        ({"data": ["audiocaps/tset"]}, "training.data: audiocaps has no split 'tset'; did you mean 'test'"),
        ({"data": ["clotho"], "exclude": [3]}, "training.exclude.0: Input should be a valid string, found 3"),
        ("clotho", "training: Input should be a valid dictionary .*, found 'clotho'"),
    ],
)
def test_a_card_that_does_not_say(training: object, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        trained_on({"name": "x", "training": training})


def test_lists_apply_to_the_mixture(tmp_path: Path) -> None:
    sounds = from_captions("folder", "all", tmp_path, {"117790.wav": ["a"], "1.wav": ["b"]}, Path)
    videos = from_captions("audiocaps", "train", tmp_path, {"Yr1nicOVtvkQ.wav": ["c"]}, Path)
    path = put(tmp_path / "list.csv", "sound_id\n117790\n1\nNot found\n")
    rest = without_listed([sounds, videos], [path])
    assert [[clip.name for clip in dataset.clips] for dataset in rest] == [["1.wav"], ["Yr1nicOVtvkQ.wav"]]
    with pytest.raises(UserError, match=r"none of its 2 ids is among the 1 known ones of audiocaps train; .* nothing"):
        without_listed([videos], [path])
    assert without_listed([videos], [path], anywhere=False) == [videos]
    assert without_listed([videos], []) == [videos]


def test_a_list_for_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    put(tmp_path / "test_captions.csv", "file_name,caption\nrain.wav,rain\n")
    put(tmp_path / "lists/list.csv", "sound_id\n117790\n")

    def trained(*data: str) -> TrainedSystem:
        return TrainedSystem("x", "x", TrainingSection(data=data, exclude=("lists/list.csv",)))

    with pytest.raises(UserError, match="list.csv: none of its 1 ids"):
        load_trained_on(trained("folder"), tmp_path)
    datasets, absent = load_trained_on(trained("folder", "wavcaps"), tmp_path)
    assert [dataset.name for dataset in datasets] == ["folder"]
    assert absent[0].startswith("wavcaps train, from which x learns: no folder json_files in")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "development", "validation"),
    [
        ("dcase/dcase2025_task6_excluded_freesound_ids.csv", 3, 2),
        ("wavcaps/blacklist_exclude_test_ac.json", 3, 1039),
        ("wavcaps/blacklist_exclude_all_ac.json", 3831, 1039),
        ("wavcaps/aac_blacklist_clotho.full.v2.csv", 3831, 1039),
    ],
)
def test_real_lists_and_clotho(shared: Path, file: str, development: int, validation: int) -> None:
    splits = [load("clotho", split, shared / "data") for split in ("development", "validation")]
    rest = without_listed(splits, [shared / "data" / file])
    left_out = [len(before.clips) - len(after.clips) for before, after in zip(splits, rest, strict=True)]
    assert left_out == [development, validation]
    assert all(len(dataset.queries) == 5 * len(dataset.clips) for dataset in rest)


@pytest.mark.shared
def test_the_2025_list_names_all_of_clotho_evaluation(shared: Path) -> None:
    evaluation = load("clotho", "evaluation", shared / "data")
    (rest,) = without_listed([evaluation], [shared / "data/dcase/dcase2025_task6_excluded_freesound_ids.csv"])
    assert len(rest.clips) == 5
    # By its own ids too, without any list.
    assert without(evaluation, known_ids(evaluation)).clips == rest.clips
