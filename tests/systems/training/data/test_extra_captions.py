"""Further captions from a file: which caption they stand for, how often they are drawn, and rows that are refused."""

from pathlib import Path

import numpy as np
import pytest

from harness.datasets.dataset import RetrievalDataset, from_captions
from harness.errors import UserError
from systems.dual_encoder.training_section import TrainingConfig
from systems.training.data.batches import Batches
from systems.training.data.extra_captions import COLUMNS, read_extra_captions, without_numbering
from systems.training.data.training_set import TrainingSet, draws

CAPTIONS = {"a.wav": ["A dog barks.", "Barking"], "b.wav": ["Rain falls", "It pours"], "c.wav": ["Wind", "A gale"]}


@pytest.fixture
def dataset() -> RetrievalDataset:
    return from_captions("clotho", "development", Path(), CAPTIONS, Path)


def no_image(_: int) -> tuple[None, int]:
    return None, 0


def written(folder: Path, *rows: str, header: str = ",".join(COLUMNS)) -> Path:
    path = folder / "extra.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def row(clip: str, index: str, text: str, split: str = "clotho,development") -> str:
    return f'{split},{clip},{index},1,"{text}",a rule'


def test_a_text_stands_for_its_caption_or_for_any_of_its_clip(dataset: RetrievalDataset, tmp_path: Path) -> None:
    rows = (row("a.wav", "1", "1. A hound"), row("b.wav", "", "Wet weather"), row("a.wav", "0", "a dog barks"))
    read = read_extra_captions(written(tmp_path, *rows, row("a.wav", "1", "(2) A puppy")), [dataset])
    extra = read.of([dataset])
    # What says the same as the caption is left out.
    assert extra == ((), ("A hound", "A puppy"), ("Wet weather",), ("Wet weather",), (), ())
    assert read.coverage(extra) == (
        f"{tmp_path / 'extra.csv'} has texts for 3 of 6 captions, 1 to 2 each; a numbering was taken off 2 texts"
    )
    assert read.of([dataset.without({"a.wav"})]) == (("Wet weather",), ("Wet weather",), (), ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. A dog", "A dog"),
        ("2) A dog", "A dog"),
        ("(3) A dog", "A dog"),
        ("4.A dog", "A dog"),
        ("12: a dog", "a dog"),
        ("a) a dog", "a dog"),
        ("- 1. 2 dogs", "2 dogs"),
        ("2 dogs bark", "2 dogs bark"),
        ("3.5 seconds of rain", "3.5 seconds of rain"),
        ("10:30, a bell", "10:30, a bell"),
        ("A. dog", "A. dog"),
        ("1.", "1."),
    ],
)
def test_the_numbering_of_lists(text: str, expected: str) -> None:
    assert without_numbering(text) == expected


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (row("d.wav", "0", "A cat"), "there is no clip 'd.wav' in clotho development"),
        (
            row("a.wav", "0", "A cat", "clotho,evaluation"),
            "'clotho evaluation' is not what is trained on; expected clo",
        ),
        (row("a.wav", "2", "A cat"), "caption_index is '2'; a.wav has the captions 0 to 1, and nothing means any"),
        (row("a.wav", "first", "A cat"), "caption_index is 'first'"),
        (row("a.wav", "-1", "A cat"), "caption_index is '-1'"),
        (row("a.wav", "0", " "), "the caption has no words"),
        (row("a.wav", "0", "2) "), "the caption has no words"),
        (row("a.wav", "0", "..."), "the caption has no words"),
        ("clotho,development,a.wav,0", "the caption has no words"),
        (row("a.wav", "0", "1. A cat. 2. A dog."), "the caption is a list of several, 'A cat. 2. A dog.'"),
        (row("a.wav", "0", "A cat\nA dog"), "the caption is a list of several, "),
        (row("a.wav", "0", "very " * 30 + "loud"), "the caption has 31 words; expected at most 30"),
    ],
)
def test_rows_that_are_refused(dataset: RetrievalDataset, tmp_path: Path, bad: str, expected: str) -> None:
    path = written(tmp_path, row("a.wav", "0", "A hound"), bad)
    with pytest.raises(UserError, match=r"extra\.csv: 1 rows cannot be used; mend them or take them out") as refused:
        read_extra_captions(path, [dataset])
    (problem,) = refused.value.problems
    assert problem.startswith(f"line 3: {expected}")


def test_many_bad_rows_are_no_flood(dataset: RetrievalDataset, tmp_path: Path) -> None:
    path = written(tmp_path, *(row(f"{number}.wav", "", "A cat") for number in range(1_000)))
    with pytest.raises(UserError, match="1,000 rows cannot be used") as refused:
        read_extra_captions(path, [dataset])
    assert len(refused.value.problems) == 6
    assert refused.value.problems[-1] == "and 995 more; they are like these"


def test_files_that_are_none(dataset: RetrievalDataset, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="column dataset, variant is missing; expected the columns dataset,split,file"):
        read_extra_captions(written(tmp_path, header="split,file_name,caption_index,caption,source"), [dataset])
    with pytest.raises(UserError, match="there is no row below the header"):
        read_extra_captions(written(tmp_path), [dataset])
    with pytest.raises(UserError, match="gone.csv: cannot be read"):
        read_extra_captions(tmp_path / "gone.csv", [dataset])


def test_a_share_of_the_captions_is_replaced(dataset: RetrievalDataset) -> None:
    data = TrainingSet((dataset,), ())
    ids = [[caption] for caption in range(6)]
    extra = [[[10 + caption], [20 + caption]] if caption != 4 else [] for caption in range(6)]
    config = TrainingConfig(data=("clotho",), validation="clotho", batch=6, replaced=0.3, keep_images=True)
    said = np.array(
        [Batches(data, ids, config, None, epoch, images=no_image, extra=extra)[0].ids for epoch in range(1_000)]
    )[..., 0]
    share = (said >= 10).sum() / (5 * len(said))
    assert 0.27 < share < 0.33
    first, second = ((said // 10 == kind).sum() for kind in (1, 2))
    assert abs(first - second) < 200
    # Each still stands for its own caption, and what has no other text stays.
    order = [draws(data.owners, 6, "one", 0, epoch)[0].captions for epoch in range(1_000)]
    np.testing.assert_array_equal(said % 10, order)
    assert 14 not in said
    assert 24 not in said


def test_processes_that_share_a_step_draw_as_one_does(dataset: RetrievalDataset) -> None:
    data = TrainingSet((dataset,), ())
    ids = [[caption] for caption in range(6)]
    extra = [[[10 + caption], [20 + caption]] for caption in range(6)]
    for captions in ("one", "all"):
        config = TrainingConfig(data=("clotho",), validation="clotho", batch=2, replaced=0.5, captions=captions)
        options = {"images": no_image, "extra": extra}
        whole = Batches(data, ids, config, None, 0, **options)
        parts = [Batches(data, ids, config, None, 0, rank, 2, **options) for rank in range(2)]
        for step in range(len(whole)):
            assert whole[step].ids == parts[0][step].ids + parts[1][step].ids
