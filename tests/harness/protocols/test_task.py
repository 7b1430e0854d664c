"""Tasks: who asks, what is ranked, and what is left when clips are left out."""

from pathlib import Path

import pytest

from harness.audio.clip import Clip
from harness.datasets.dataset import Query, RetrievalDataset
from harness.errors import UserError
from harness.protocols.description import get_protocol, load_dataset
from harness.protocols.named import Protocol
from harness.protocols.task import RetrievalTask, pose

TEXT_TO_AUDIO = Protocol("t2a", "toy", "all")
AUDIO_TO_TEXT = Protocol("a2t", "toy", "all", "audio-to-text")


def toy(root: Path = Path("nowhere")) -> RetrievalDataset:
    clips = tuple(Clip(f"{name}.wav", root / f"{name}.wav") for name in "abc")
    queries = tuple(Query(f"caption {index} of {clip}", clip) for clip in range(3) for index in range(2))
    return RetrievalDataset("toy", "all", root, clips, queries)


def relevant(task: RetrievalTask) -> dict[str, list[str]]:
    """Relevance spelled out by name, so that an index shifted by one shows."""
    bounds = zip(task.relevance.offsets[:-1], task.relevance.offsets[1:], strict=True)
    return {
        query: [task.items[item] for item in task.relevance.items[start:stop]]
        for query, (start, stop) in zip(task.queries, bounds, strict=True)
    }


def test_a_caption_asks_for_its_own_clip() -> None:
    task = pose(TEXT_TO_AUDIO, toy())
    assert relevant(task)["caption 1 of 2"] == ["c.wav"]
    assert task.clusters.tolist() == [0, 0, 1, 1, 2, 2]


def test_a_clip_asks_for_all_its_captions() -> None:
    task = pose(AUDIO_TO_TEXT, toy())
    assert relevant(task)["b.wav"] == ["caption 0 of 1", "caption 1 of 1"]
    assert task.sources == ("a.wav", "b.wav", "c.wav")


def test_annotations_choose_the_queries_and_their_clips(tmp_path: Path) -> None:
    (tmp_path / "several.csv").write_text(
        "query,audio_filenames\ncaption 1 of 2,\"['a.wav', 'c.wav']\"\ncaption 0 of 0,\"['b.wav']\"\n"
    )
    task = pose(Protocol("multi", "toy", "all", annotations="several.csv"), toy(tmp_path))
    assert relevant(task) == {"caption 1 of 2": ["a.wav", "c.wav"], "caption 0 of 0": ["b.wav"]}
    assert task.sources == ("c.wav", "a.wav")


@pytest.mark.parametrize("protocol", [TEXT_TO_AUDIO, AUDIO_TO_TEXT])
def test_without_equals_a_data_set_that_never_had_the_clip(protocol: Protocol) -> None:
    full = toy()
    task = pose(protocol, full).without({1})
    kept = [0, 2]
    reduced = RetrievalDataset(
        "toy",
        "all",
        full.root,
        tuple(full.clips[clip] for clip in kept),
        tuple(Query(query.text, kept.index(query.clip)) for query in full.queries if query.clip in kept),
    )
    assert relevant(task) == relevant(pose(protocol, reduced))
    assert set(task.sources) == {"a.wav", "c.wav"}


def test_a_query_keeps_its_other_clips(tmp_path: Path) -> None:
    (tmp_path / "several.csv").write_text(
        "query,audio_filenames\ncaption 1 of 2,\"['a.wav', 'c.wav']\"\ncaption 0 of 0,\"['c.wav']\"\n"
    )
    task = pose(Protocol("multi", "toy", "all", annotations="several.csv"), toy(tmp_path)).without({2})
    assert relevant(task) == {"caption 1 of 2": ["a.wav"]}


def test_leaving_everything_out_is_refused() -> None:
    with pytest.raises(UserError, match="no clip is left"):
        pose(TEXT_TO_AUDIO, toy()).without({0, 1, 2})


def test_the_digest_sees_rules_names_captions_and_relevance() -> None:
    base = toy()
    renamed = RetrievalDataset("toy", "all", base.root, (*base.clips[:2], Clip(" c.wav", Path("c"))), base.queries)
    reworded = RetrievalDataset("toy", "all", base.root, base.clips, (Query("x", 0), *base.queries[1:]))
    moved = RetrievalDataset("toy", "all", base.root, base.clips, (Query(base.queries[0].text, 1), *base.queries[1:]))
    tasks = [pose(TEXT_TO_AUDIO, data) for data in (base, renamed, reworded, moved)]
    tasks.append(pose(AUDIO_TO_TEXT, base))
    assert len({task.digest for task in tasks}) == len(tasks)
    assert pose(TEXT_TO_AUDIO, toy()).digest == tasks[0].digest


def test_a_clip_asks_for_the_captions_that_a_file_says_it_answers(tmp_path: Path) -> None:
    """One that answers none of the captions is not asked about."""
    rows = ["query,audio_filenames", """caption 1 of 2,"['c.wav', 'a.wav']\"""", """caption 0 of 0,['a.wav']"""]
    (tmp_path / "relevant.csv").write_text("\n".join(rows) + "\n")
    task = pose(Protocol("a2t", "toy", "all", "audio-to-text", annotations="relevant.csv"), toy(tmp_path))
    assert task.captions == ("caption 1 of 2", "caption 0 of 0")
    assert relevant(task) == {"a.wav": ["caption 1 of 2", "caption 0 of 0"], "c.wav": ["caption 1 of 2"]}
    assert task.sources == ("a.wav", "c.wav")


@pytest.mark.parametrize(("name", "asked", "ranked"), [("audiocaps-v2", 4875, 975), ("audiocaps-v2-a2t", 975, 4875)])
def test_audiocaps_2_asks_the_captions_of_its_own_version(shared: Path, name: str, asked: int, ranked: int) -> None:
    rules = get_protocol(name)
    task = pose(rules, load_dataset(rules, shared / "data"))
    assert (len(task.queries), len(task.items)) == (asked, ranked)
    assert "a woman speaking" in task.captions, "1.0 has it with a capital letter"
