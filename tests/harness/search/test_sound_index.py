import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from harness.cli.app import build
from harness.errors import UserError
from harness.search import SoundIndex, index_sounds, open_index
from harness.search.searching_system import SearchingSystem

SYSTEM = "tone_system:ToneSystem"


@pytest.fixture
def index(record: Callable[..., Path]) -> SoundIndex:
    """A recording with three tones, and others with one each."""
    record("long.wav", [(20, 300), (20, 600), (20, 300)])
    for pitch in (310, 620, 1250, 2500):
        record(f"low/{pitch}.wav" if pitch < 1000 else f"high/{pitch}.wav", [(2, pitch)])
    index_sounds(["sounds"], SYSTEM, "index")
    return open_index("index")


def names(found: pd.DataFrame) -> list[str]:
    return [f"{Path(file).stem} {start:g}" for file, start in zip(found["file"], found["start"], strict=True)]


def test_windows_that_overlap_are_one_answer(index: SoundIndex) -> None:
    found = index.search("a tone of 300 hertz", top=5)
    # In the middle of it 600 sounds for twenty seconds; the windows half in it are full of neither.
    assert [one for one in names(found) if one.startswith("long")][:3] == ["long 0", "long 10", "long 40"]
    assert found["score"].is_monotonic_decreasing
    places = found[found["file"].str.endswith("long.wav")].sort_values("start")
    assert (places["start"].to_numpy()[1:] >= places["end"].to_numpy()[:-1]).all()


def test_scores_are_the_cosines_of_the_system_itself(index: SoundIndex) -> None:
    system = SearchingSystem(SYSTEM).system
    found = index.search("1250 hertz", top=1)
    clip = 0.3 * np.sin(2 * np.pi * 1250 * np.arange(32_000) / 16_000).astype(np.float32)
    one, other = system.embed_audio([clip])[0], system.embed_text(["1250 hertz"])[0]
    assert names(found) == ["1250 0"]
    assert found["score"][0] == pytest.approx(one @ other / np.linalg.norm(one) / np.linalg.norm(other), abs=1e-6)


def test_how_sure_an_answer_is(index: SoundIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    captions = tuple(f"a tone of {pitch} hertz" for pitch in (1250, 1260, 1300, 5000))
    monkeypatch.setattr("harness.search.searching_system.everyday_captions", lambda split: captions)
    found = open_index("index").search("1255 hertz", top=5)
    # Three of the four captions fit the best place, of 1250 hertz, less well.
    assert found["better_than"][0] == 0.75
    assert found["better_than"].between(0, 1).all()


def test_like_not_and_folder(index: SoundIndex) -> None:
    assert names(index.search(like="sounds/low/310.wav", top=2)) == ["long 0", "long 10"]
    assert names(index.search(like="sounds/long.wav@30", top=1)) == ["620 0"]
    assert np.isnan(index.search(like="sounds/long.wav@30", top=1)["better_than"][0])
    assert names(index.search("620 hertz", top=1)) == ["620 0"]
    assert "620 0" not in names(index.search("610 hertz", without="625 hertz", top=2))
    assert names(index.search("300", folder="sounds/high", top=10)) == ["1250 0", "2500 0"]
    assert len(index.search("300", top=100)) == len(index.files) + 5


def test_only_short_recordings(index: SoundIndex) -> None:
    assert len(index.search("300", longest=2, top=20)) == 4
    assert index.search("300", longest=1).empty


def test_examples_are_captions_that_a_place_fits_best(index: SoundIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    captions = tuple(f"a tone of {pitch} hertz" for pitch in (2500, 2490, 600, 4000, 5000))
    monkeypatch.setattr("harness.search.searching_system.everyday_captions", lambda split: captions)
    assert set(open_index("index").examples(2)) == {captions[0], captions[2]}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "one of the two"),
        ({"words": " "}, "one of the two"),
        ({"words": "a", "like": "sounds/long.wav"}, "one of the two"),
        ({"words": "a", "top": 0}, "ask for 1 or more"),
        ({"words": "a", "folder": "elsewhere"}, "nothing of elsewhere is in this index"),
        ({"words": "a", "approximate": True}, "has no approximate search"),
        ({"like": "sounds/long.wav"}, "name a place"),
        ({"like": "sounds/low/310.wav@2"}, "behind its end"),
        ({"like": "nothing.wav"}, r"nothing\.wav is no recording; expected a file, or FILE@SECONDS"),
        ({"like": "sounds"}, "sounds is no recording"),
        ({"like": "sounds/long.wav@x"}, "is no recording"),
        ({"without": "a"}, "what it is not comes on top"),
    ],
)
def test_what_cannot_be_answered(index: SoundIndex, asked: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        index.search(**asked)  # type: ignore[arg-type]


def test_which_system_answers(index: SoundIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    import tone_system

    with pytest.raises(UserError, match="holds no index of sounds"):
        open_index("nothing")
    with pytest.raises(UserError, match="has no vectors of linear"):
        open_index("index", "linear")
    index_sounds(["sounds/low"], "tone_system:Recorded", "index")
    with pytest.raises(UserError, match="has the vectors of 2 systems; say --system"):
        open_index("index")
    assert len(open_index("index", "tone_system:Recorded")) == 2
    monkeypatch.setattr(tone_system.Recorded, "info", replace(tone_system.Recorded.info, digest="other"))
    with pytest.raises(UserError, match="in another state"):
        open_index("index", "tone_system:Recorded")


@pytest.mark.slow
def test_an_approximate_search_says_how_much_it_finds(record: Callable[..., Path]) -> None:
    record("long.wav", [(900, 300)])
    record("short.wav", [(2, 1250)])
    with pytest.raises(UserError, match="too few"):
        index_sounds(["sounds"], SYSTEM, "index", approximate=True)
    record("longer.wav", [(10, pitch) for pitch in range(400, 1100, 10)])
    done = index_sounds(["sounds"], SYSTEM, "index", approximate=True)
    index = open_index("index")
    assert done.recall is not None
    assert index.recall == pytest.approx(done.recall, abs=1e-4)
    for words in ("1250 hertz", "700 hertz"):
        exact, found = (index.search(words, top=1, approximate=how) for how in (False, True))
        assert names(found) == names(exact)
    record("new.wav", [(2, 2000)])
    index_sounds(["sounds"], SYSTEM, "index")
    assert names(open_index("index").search("2000 hertz", top=1, approximate=True)) == ["new 0"]


def test_the_command(index: SoundIndex) -> None:
    app = build()
    runner = CliRunner()
    done = runner.invoke(app, ["search", "index", "1250 hertz", "--top", "2", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert "0:00.0 to 0:02.0" in done.stdout
    assert "1250.wav" in done.stdout.splitlines()[1]
    done = runner.invoke(app, ["search", "index", "--like", "sounds/low/310.wav", "--top", "1", "--json"])
    (answer,) = json.loads(done.stdout)
    assert answer["better_than"] is None
    assert answer["title"] == "long"
    done = runner.invoke(app, ["index", "sounds", "--system", SYSTEM, "--out", "index", "--device", "cpu"])
    assert "0 recordings embedded" in done.stdout
    assert "5 as before, 0 taken out" in done.stdout
