import warnings
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.audio.clip import Clip
from harness.audio.store import PcmStore
from harness.errors import UserError
from harness.evaluation.preparing import odd_sounds, prepare, reader, refuse_learned
from harness.interface.system import SystemInfo
from harness.protocols.description import get_protocol
from harness.runs.records import RemarkedClip


@pytest.mark.parametrize(
    ("learned", "split", "refused"),
    [
        ("audiocaps", "test", False),
        ("audiocaps/val", "test", False),
        ("audiocaps/test", "test", True),
        ("audiocaps/test", "test-957", True),
        ("audiocaps/test", "val", False),
        ("audiocaps/val", "val", True),
        ("clotho/evaluation", "test", False),
    ],
)
def test_a_system_is_not_evaluated_on_what_it_says_it_has_learned(learned: str, split: str, refused: bool) -> None:
    info = SystemInfo("mine", 16_000, trained_on=("audiocaps", learned))
    with pytest.raises(UserError, match=f"mine was trained on {learned}") if refused else nullcontext():
        refuse_learned(info, "audiocaps", split)


class Plain:
    """Says nothing of int16."""


class Accepting:
    accepts_int16 = True


class Earlier:
    """Written for an earlier version."""

    hears_pcm = True


SAMPLES = np.array([1, -32768, 32767], np.int16)


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    soundfile.write(tmp_path / "clip.wav", SAMPLES, 16_000)
    return Clip("clip.wav", tmp_path / "clip.wav")


@pytest.fixture
def store(tmp_path: Path, clip: Clip) -> PcmStore:
    store = PcmStore(tmp_path / "store", 16_000)
    store.ensure([clip])
    return store


def test_a_system_that_accepts_int16_gets_clips_as_they_are_stored(clip: Clip, store: PcmStore) -> None:
    stored, plain = (reader(system, store)(clip) for system in (Accepting(), Plain()))  # type: ignore[arg-type]
    assert (stored.dtype, plain.dtype) == (np.int16, np.float32)
    np.testing.assert_array_equal(stored, SAMPLES)
    np.testing.assert_array_equal(plain, SAMPLES / 32768)


def test_the_earlier_name_of_the_attribute_goes_on_working_with_one_warning(clip: Clip, store: PcmStore) -> None:
    with pytest.warns(DeprecationWarning, match="Earlier.hears_pcm is now called accepts_int16") as warned:
        read = reader(Earlier(), store)  # type: ignore[arg-type]
    assert len(warned) == 1
    assert read(clip).dtype == np.int16
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reader(Earlier(), store)  # type: ignore[arg-type]


def test_a_sound_that_was_made_louder_to_be_kept_is_not_passed_as_int16(tmp_path: Path) -> None:
    quiet = np.array([0.001, -0.0005], np.float32)
    soundfile.write(tmp_path / "quiet.wav", quiet, 16_000, subtype="FLOAT")
    clip, store = Clip("quiet.wav", tmp_path / "quiet.wav"), PcmStore(tmp_path / "store", 16_000)
    store.ensure([clip])
    np.testing.assert_allclose(reader(Accepting(), store)(clip), quiet, atol=1e-7)  # type: ignore[arg-type]


def test_odd_sounds_are_said_in_a_few_lines() -> None:
    remarked = [RemarkedClip(clip=f"{number}.wav", remark="is silent") for number in range(7)]
    assert odd_sounds([], 9) == []
    assert odd_sounds(remarked[:1], 9) == [
        "1 of 9 clips hold odd sound, and are used all the same:",
        "  0.wav is silent",
    ]
    assert odd_sounds(remarked, 1200) == [
        "7 of 1,200 clips hold odd sound, and are used all the same:",
        *(f"  {number}.wav is silent" for number in range(5)),
        "  and 2 more; the record lists all",
    ]


def test_clips_that_cannot_be_the_published_ones_make_a_result_incomparable(tmp_path: Path) -> None:
    (tmp_path / "clotho_captions_evaluation.csv").write_text("file_name,caption_1\na.wav,x\nb.wav,y\n")
    (tmp_path / "evaluation").mkdir()
    for name, seconds in (("a", 15), ("b", 1)):
        noise = np.random.default_rng(0).integers(-999, 999, 8000 * seconds, dtype=np.int16)
        soundfile.write(tmp_path / f"evaluation/{name}.wav", noise, 8000)
    prepared = prepare(get_protocol("clotho-dcase2024"), tmp_path, 8000)
    expected = "1 of 2 clips are not as long as those of clotho, 15 to 30 s: 'b.wav' lasts 1.0 s"
    assert prepared.reasons[-1] == expected


def folder_of(root: Path, name: str, *files: str) -> Path:
    (root / "captions.csv").write_text(f"file_name,caption\n{name},x\nother.wav,y\n")
    for file in files:
        soundfile.write(root / file, SAMPLES, 16_000)
    return root


def test_of_clips_under_near_names_the_nearest_is_named(tmp_path: Path) -> None:
    root = folder_of(tmp_path, "clip0.wav ", "clip0.wav")
    with pytest.raises(UserError) as caught:
        prepare(get_protocol("folder"), root, 16_000)
    assert str(caught.value).startswith(
        f"none of the 2 clips is in {root}: 'clip0.wav ' is looked for, 'clip0.wav' is there; names are compared to "
    )
    folder_of(tmp_path, "clip0.wav ", "other.wav")
    with pytest.raises(UserError, match="1 of 2 clips are broken or missing") as caught:
        prepare(get_protocol("folder"), root, 16_000)
    assert caught.value.problems == (f"{root}/clip0.wav  does not exist, but 'clip0.wav' is there; rename one",)
