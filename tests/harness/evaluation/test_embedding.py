"""What a system is given of a task, in which order, and that every row comes back to its place."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from harness.audio.clip import Clip
from harness.errors import UserError
from harness.evaluation.embedding import TaskEmbedder
from harness.evaluation.preparing import PreparedTask
from harness.evaluation.rows.kept_rows import Rest
from harness.evaluation.rows.shared_rows import sharing
from harness.evaluation.spreading.shards import Captions
from harness.interface.system import SystemInfo
from harness.protocols.description import get_protocol
from harness.protocols.relevance import Relevance
from harness.protocols.task import RetrievalTask
from systems.text.captions import CaptionTokenizer

TOKENIZER = Path(__file__).resolve().parents[3] / "systems" / "text" / "tiny_tokenizer"
WORDS = ("a", "dog", "barks", "twice", "while", "rain", "falls", "on", "the", "roof", "and", "birds", "sing", "far")


class Counted:
    """Embeds a caption as its own numbers, and keeps what it was given at once."""

    info = SystemInfo(name="counted", sample_rate=16_000)

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def embed_text(self, captions: Sequence[str]) -> np.ndarray:
        self.batches.append(list(captions))
        return np.array([vector(caption) for caption in captions])

    def embed_audio(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        raise AssertionError


def vector(caption: str) -> np.ndarray:
    codes = np.array([ord(letter) for letter in caption] or [0], np.float32)
    return np.array([len(caption), codes.mean(), codes @ np.arange(len(codes)), 1], np.float32)


def task(captions: Sequence[str]) -> RetrievalTask:
    clips = tuple(Clip(f"{index}.wav", Path(f"{index}.wav")) for index in range(len(captions)))
    relevance = Relevance.from_lists([index] for index in range(len(captions)))
    return RetrievalTask(get_protocol("folder"), clips, tuple(captions), relevance, tuple(clip.name for clip in clips))


@pytest.fixture
def captions() -> list[str]:
    """Of 3 to 24 words, in no order, some of them twice."""
    random = np.random.default_rng(0)
    written = [" ".join(random.choice(WORDS, size)) for size in random.integers(3, 25, 1_000)]
    return [*written, *random.choice(written, 50)]


@pytest.mark.parametrize("batch_size", [None, 7])
def test_rows_come_back_in_the_order_of_the_captions(captions: list[str], batch_size: int | None) -> None:
    system = Counted()
    rows = TaskEmbedder("cpu", "fp32", batch_size).captions(system, task(captions))
    np.testing.assert_array_equal(rows, [vector(caption) for caption in captions])
    given = [caption for batch in system.batches for caption in batch]
    assert sorted(given) == sorted(set(captions))


def test_captions_without_a_double_come_back_in_order_too() -> None:
    captions = ["the longest of them", "short", "in between"]
    rows = TaskEmbedder("cpu", "fp32").captions(Counted(), task(captions))
    np.testing.assert_array_equal(rows, [vector(caption) for caption in captions])


def test_little_is_padded(captions: list[str]) -> None:
    system = Counted()
    TaskEmbedder("cpu", "fp32").captions(system, task(captions))
    tokenizer = CaptionTokenizer.read(TOKENIZER, 600)
    lengths = [[len(ids) for ids in tokenizer(batch)] for batch in system.batches]
    padded = sum(len(batch) * max(batch) for batch in lengths)
    assert padded / sum(map(sum, lengths)) < 1.25


@pytest.mark.parametrize("captions", [["a longer one", "short"], ["short", "a longer one"], ["b", "a", "b"]])
def test_rows_come_back_in_order_whichever_caption_comes_first(captions: list[str]) -> None:
    rows = TaskEmbedder("cpu", "fp32").captions(Counted(), task(captions))
    np.testing.assert_array_equal(rows, [vector(caption) for caption in captions])


class Digested(Counted):
    info = SystemInfo(name="digested", sample_rate=16_000, digest="d")


@pytest.mark.usefixtures("own_cache")
def test_what_was_embedded_before_is_kept(captions: list[str]) -> None:
    first, second = Digested(), Digested()
    rows = TaskEmbedder("cpu", "fp32").captions(first, task(captions))
    again = TaskEmbedder("cpu", "fp32").captions(second, task(captions))
    np.testing.assert_array_equal(rows, [vector(caption) for caption in captions])
    np.testing.assert_array_equal(again, rows)
    assert (len(first.batches) > 0, second.batches) == (True, [])


@pytest.mark.parametrize("shared", [True, False])
def test_within_a_block_of_sharing_captions_are_embedded_once(captions: list[str], shared: bool) -> None:
    system, embedder = Counted(), TaskEmbedder("cpu", "fp32")
    with sharing(system) if shared else nullcontext():
        rows = embedder.captions(system, task(captions))
        given = len(system.batches)
        np.testing.assert_array_equal(embedder.captions(system, task(captions)), rows)
    assert len(system.batches) == (given if shared else 2 * given)


class Here:
    """In place of workers: what they would embed is embedded here."""

    def rest(self, system: Counted, items: Captions, batch_size: int | None) -> Rest[np.float32]:
        return items.job(system, batch_size).batches


def test_workers_are_given_the_system_and_what_it_embeds(captions: list[str]) -> None:
    system = Counted()
    rows = TaskEmbedder("cpu", "fp32", batch_size=100, workers=Here()).captions(system, task(captions))  # type: ignore[arg-type]
    np.testing.assert_array_equal(rows, [vector(caption) for caption in captions])
    assert max(map(len, system.batches)) == 100


class Pairs:
    """Scores a pair by the caption's length and the clip's first sample, and keeps how many it was given at once."""

    info = SystemInfo(name="pairs", sample_rate=16_000)

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def score_pairs(self, captions: Sequence[str], clips: Sequence[np.ndarray]) -> np.ndarray:
        self.sizes.append(len(clips))
        return np.array([len(text) + clip[0] for text, clip in zip(captions, clips, strict=True)], np.float32)


class Held:
    """In place of a store: a clip's only sample is its number."""

    def digest(self, clips: Sequence[Clip]) -> str:
        return str(len(clips))

    def read(self, clip: Clip) -> np.ndarray:
        return np.array([float(Path(clip.name).stem)], np.float32)


def test_every_pair_is_scored_a_few_clips_at_a_time() -> None:
    system, captions = Pairs(), ["four", "two", "four", "a", "seventy"]
    prepared = PreparedTask(task(captions), Held())  # type: ignore[arg-type]
    scores = TaskEmbedder("cpu", "fp32", batch_size=2).pairs(system, prepared)
    np.testing.assert_array_equal(scores, [[len(text) + clip for clip in range(5)] for text in captions])
    assert system.sizes == [2, 2, 1] * 4


class TooLarge(Counted):
    def embed_text(self, captions: Sequence[str]) -> np.ndarray:
        super().embed_text(captions)
        if len(self.batches) > 50:
            raise AssertionError("it goes on for ever")
        raise MemoryError("out of memory")


def test_one_caption_that_does_not_fit_ends_it() -> None:
    system = TooLarge()
    with pytest.raises(UserError, match="memory"):
        TaskEmbedder("cpu", "fp32").captions(system, task([str(number) for number in range(8)]))
    assert [len(batch) for batch in system.batches][-1] == 1
