from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.audio import PcmStore
from harness.datasets import Space, SplitSize, load, space_for, split_sizes
from harness.errors import UserError
from harness.interface import TrainingSection

RATE = 8_000
CARD = """
factory: systems.dual_encoder.system:from_card
name: mine
parameters: 1000
shared: 64
files:
  text: {{path: not-there/text.pt, urls: [https://example.org/text.pt], training_only: true}}
  weights: {{path: not-there/weights.pt, origin: training makes it}}
training: {training}
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LBAR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def card(tmp_path: Path) -> Callable[[str], str]:
    def write(training: str) -> str:
        (tmp_path / "mine.yaml").write_text(CARD.format(training=training))
        return str(tmp_path / "mine.yaml")

    return write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of four recordings of one second at 16 kHz, of which one is missing and one is no sound."""
    root = tmp_path / "data"
    root.mkdir()
    rows = ["file_name,caption_1,caption_2"]
    for number in range(4):
        rows.append(f"{number}.wav,one {number},two {number}")
        soundfile.write(root / f"{number}.wav", np.full(16_000, 0.1), 16_000)
    (root / "2.wav").unlink()
    (root / "3.wav").write_text("no sound")
    (root / "captions.csv").write_text("\n".join(rows) + "\n")
    return root


REST = [
    Space("weights", "not-there/text.pt, to be downloaded", None),
    Space("weights", "weights and checkpoints", 20_000),
]


def test_recordings_that_are_there_are_measured(card: Callable[[str], str], root: Path) -> None:
    needed = space_for(card("{data: [folder], validation: ''}"), root, RATE)
    assert needed == [Space("cache", "samples of folder all", 2 * (2 * RATE + 8), estimated=False), *REST]


def test_what_is_kept_already_needs_nothing(card: Callable[[str], str], root: Path) -> None:
    clips = load("folder", "all", root).clips
    store = PcmStore.of("folder", RATE)
    assert len(store.lacking(clips)) == 4
    store.ensure(clips[:1])
    assert store.lacking(clips) == list(clips[1:])
    needed = space_for(card("{data: [folder], validation: ''}"), root, RATE)
    assert needed[0] == Space("cache", "samples of folder all", 2 * RATE + 8, estimated=False)


def test_what_is_expected_is_what_it_takes(card: Callable[[str], str], root: Path) -> None:
    (first, *_) = space_for(card("{data: [folder], validation: ''}"), root, RATE)
    store = PcmStore.of("folder", RATE)
    store.ensure(load("folder", "all", root).clips)
    assert sum(path.stat().st_size for path in store.folder.glob(f"{RATE}hz-*.int16")) == first.size


def test_published_figures_stand_for_what_is_not_there(card: Callable[[str], str], tmp_path: Path) -> None:
    needed = space_for(
        card("{data: [clotho, wavcaps], validation: audiocaps, supervised: 0, teachers: [linear]}"), tmp_path, RATE
    )
    seconds = 24 * 3_600
    assert needed[:2] == [
        Space("data", "audio of clotho development, 24.0 hours as 16-bit WAV", 2 * 44_100 * seconds),
        Space("cache", "samples of clotho development", 2 * RATE * seconds),
    ]
    assert [one.what for one in needed[2:6]] == [
        "audio of wavcaps train, 7,568.0 hours as 16-bit WAV",
        "samples of wavcaps train",
        "audio of audiocaps val, 1.4 hours as 16-bit WAV",
        "samples of audiocaps val",
    ]
    rows = 3_839 * 6 + 403_050 * 2  # Roughly: copies of WavCaps differ.
    assert needed[6:] == [Space("cache", "embeddings by linear", 2 * 64 * rows), *REST]


def test_how_large_the_splits_are(card: Callable[[str], str], root: Path) -> None:
    training = TrainingSection(data=("clotho", "audiocaps/val", "wavcaps", "folder"), validation="everyday")
    assert split_sizes(training, root, RATE) == [
        SplitSize("clotho development", 3_839, 5 * 3_839, 24.0, 2 * RATE * 24 * 3_600),
        SplitSize("audiocaps val", 495, 5 * 495, 495 / 360, 2 * RATE * 4_950),
        SplitSize("wavcaps train", 403_050, 403_050, 7_568, 2 * RATE * 7_568 * 3_600),
        SplitSize("folder all", 4, 8, None, None),
        SplitSize("everyday validation", 200, 1_000, 0.37, 2 * RATE * 1_332),
    ]
    with pytest.raises(UserError, match="wavcaps has no split for validation"):
        split_sizes(TrainingSection(data=("clotho",), validation="wavcaps"), root, RATE)


def test_embeddings_by_teachers_are_of_clips_and_captions(card: Callable[[str], str], tmp_path: Path) -> None:
    needed = space_for(
        card("{data: [clotho], validation: clotho, supervised: 0, teachers: [linear, tags]}"), tmp_path, RATE
    )
    size = 2 * 64 * (3_839 + 5 * 3_839)
    assert [one for one in needed if "embeddings" in one.what] == [
        Space("cache", f"embeddings by {name}", size) for name in ("linear", "tags")
    ]


def test_the_bundled_benchmark_is_not_rendered_for_it(card: Callable[[str], str], tmp_path: Path, cache: Path) -> None:
    needed = space_for(card("{data: [everyday, everyday-pretraining], validation: everyday}"), tmp_path, RATE)
    assert {one.where for one in needed if "everyday" in one.what} == {"cache"}
    assert not cache.exists()


@pytest.mark.parametrize(
    ("training", "found"),
    [
        ("{}", "does not say what it is trained on"),
        ("{data: [clohto]}", "'clohto' has no split for training; did you mean 'clotho'"),
        ("{data: [folder]}", "captions"),
    ],
)
def test_what_cannot_be_told_is_an_error(card: Callable[[str], str], tmp_path: Path, training: str, found: str) -> None:
    with pytest.raises(UserError, match=found):
        space_for(card(training), tmp_path / "mine", RATE)
