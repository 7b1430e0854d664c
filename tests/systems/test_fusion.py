from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soxr
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.audio.clip import Array
from harness.errors import UserError
from harness.evaluation.evaluating import Options, evaluate
from harness.interface.cards.card import parse_card, read_card
from harness.interface.conformance import check
from harness.interface.metadata import Metadata
from harness.interface.system import SystemInfo
from harness.interface.systems import build_system, load_system
from harness.measures.similarity import score_tiles
from harness.protocols.description import get_protocol
from systems.fusion import CosineFusion, FusionCard, ScoreFusion, from_card, fuse
from systems.random import RandomSystem


class Table:
    """Looks vectors up: caption "3" has row 3, and so has a clip that begins with 3/1024."""

    def __init__(self, text: np.ndarray, audio: np.ndarray, name: str = "table", digest: str | None = "1") -> None:
        self.text, self.audio = text.astype(np.float32), audio.astype(np.float32)
        self.info = SystemInfo(name, 16_000, parameters=self.text.size, trained_on=(name,), digest=digest)

    def embed_text(self, captions: Sequence[str]) -> Array:
        return self.text[[int(caption) if caption.isdigit() else 0 for caption in captions]]

    def embed_audio(self, clips: Sequence[Array]) -> Array:
        return self.audio[[int(abs(clip[0]) * 1024) % len(self.audio) for clip in clips]]


class Distance(Table):
    """Compares the first numbers of both sides, which need not have one width."""

    def score(self, text: Array, audio: Array) -> Array:
        return -((text[:, None, 0] - audio[None, :, 0]) ** 2)


class RandomDistance(RandomSystem):
    """Has a score of its own."""

    def score(self, text: Array, audio: Array) -> Array:
        return -np.abs(text[:, None] - audio[None]).mean(axis=2)


class Level:
    """Hears how loud and how long a clip is, and keeps what it was given."""

    def __init__(self, rate: int) -> None:
        self.info = SystemInfo(f"level-{rate}", rate, digest=str(rate))
        self.given: list[Array] = []

    def embed_text(self, captions: Sequence[str]) -> Array:
        return np.array([[len(caption), 1] for caption in captions], np.float32)

    def embed_audio(self, clips: Sequence[Array]) -> Array:
        self.given = list(clips)
        return np.array([[np.abs(clip).mean(), len(clip) / 100_000] for clip in clips], np.float32)


class Mismatched(Level):
    def embed_text(self, captions: Sequence[str]) -> Array:
        return np.ones((len(captions), 3), np.float32)


class Picky(Level):
    def embed_text(self, captions: Sequence[str]) -> Array:
        raise KeyError("dog")


def card_of(count: int, weights: Sequence[float] = (), **more: object) -> FusionCard:
    said = {"factory": "systems.fusion:from_card", "name": "mix", "members": ["x"] * count, "weights": list(weights)}
    return parse_card(FusionCard, said | more)


def scores_of(fusion: CosineFusion | ScoreFusion, captions: int, clips: int) -> np.ndarray:
    """What the harness takes from it."""
    text = fusion.embed_text([str(number) for number in range(captions)])
    audio = fusion.embed_audio([np.full(4, number / 1024, np.float32) for number in range(clips)])
    tiles = score_tiles(text, audio, getattr(fusion, "score", None))
    return np.concatenate([scores.copy() for _, scores in tiles])


def cosines(text: np.ndarray, audio: np.ndarray) -> np.ndarray:
    text, audio = text.astype(np.float64), audio.astype(np.float64)
    lengths = np.linalg.norm(text, axis=1)[:, None] * np.linalg.norm(audio, axis=1)
    return text @ audio.T / np.where(lengths == 0, 1, lengths)


@given(
    seed=st.integers(0, 1000),
    members=st.lists(st.tuples(st.integers(1, 9), st.sampled_from([0, 1e-3, 0.3, 1, 7])), min_size=2, max_size=4),
    silent=st.sampled_from([0.0, 0.3, 0.8]),
)
def test_the_cosine_is_the_weighted_mean(seed: int, members: list[tuple[int, float]], silent: float) -> None:
    weights = np.array([weight for _, weight in members])
    if not weights.any():
        weights[0] = 1
    random = np.random.default_rng(seed)

    def draw(rows: int, width: int) -> np.ndarray:
        vectors = random.standard_normal((rows, width)) * 10.0 ** random.integers(-6, 6)
        vectors[random.random(rows) < silent] = 0
        return vectors

    tables = [Table(draw(5, width), draw(7, width)) for width, _ in members]
    card = card_of(len(tables), weights.tolist())
    fusion = fuse(card, [table for table, weight in zip(tables, weights, strict=True) if weight])
    assert isinstance(fusion, CosineFusion)
    assert not hasattr(fusion, "score")
    expected = np.average([cosines(table.text, table.audio) for table in tables], axis=0, weights=weights)
    np.testing.assert_allclose(scores_of(fusion, 5, 7), expected, atol=1e-6)
    norms = np.linalg.norm(fusion.embed_text(["0", "1"]), axis=1)
    np.testing.assert_allclose(norms, 1, atol=1e-6)


def test_a_member_with_its_own_score() -> None:
    random = np.random.default_rng(0)
    plain = Table(random.standard_normal((5, 3)), random.standard_normal((7, 3)))
    plain.audio[2] = 0
    own = Distance(random.standard_normal((5, 2)), random.standard_normal((7, 4)))
    fusion = fuse(card_of(2, [3, 1]), [plain, own])
    assert isinstance(fusion, ScoreFusion)
    expected = 0.75 * cosines(plain.text, plain.audio) + 0.25 * own.score(own.text, own.audio)
    np.testing.assert_allclose(scores_of(fusion, 5, 7), expected, atol=1e-6)


def test_a_fusion_of_fusions() -> None:
    random = np.random.default_rng(1)
    tables = [Table(random.standard_normal((5, 3)), random.standard_normal((7, 3))) for _ in range(2)]
    own = Distance(random.standard_normal((5, 2)), random.standard_normal((7, 2)))
    inner = fuse(card_of(2), [tables[0], own])
    outer = fuse(card_of(2), [inner, tables[1]])
    expected = (
        0.25 * cosines(tables[0].text, tables[0].audio)
        + 0.25 * own.score(own.text, own.audio)
        + 0.5 * cosines(tables[1].text, tables[1].audio)
    )
    np.testing.assert_allclose(scores_of(outer, 5, 7), expected, atol=1e-6)


def test_members_hear_clips_at_their_own_rates() -> None:
    high, low, low_too = Level(44_100), Level(16_000), Level(16_000)
    fusion = fuse(card_of(3), [low, high, low_too])
    assert fusion.info.sample_rate == 44_100
    clip = np.random.default_rng(0).uniform(-1, 1, 50_000).astype(np.float32)
    audio = fusion.embed_audio([clip, clip[:1]])
    resampled = np.clip(soxr.resample(clip, 44_100, 16_000, quality="HQ"), -1, 1)
    np.testing.assert_array_equal(low.given[0], resampled)
    assert low_too.given[0] is low.given[0]
    assert high.given[0] is clip
    assert [len(given) for given in (low.given[1], high.given[1])] == [1, 1]
    text = fusion.embed_text(["Rain"])
    expected = [
        cosines(member.embed_text(["Rain"]), member.embed_audio([heard]))[0, 0]
        for member, heard in ((low, resampled), (high, clip), (low_too, resampled))
    ]
    np.testing.assert_allclose(cosines(text, audio)[0, 0], np.mean(expected), atol=1e-6)


def test_what_it_says_of_itself() -> None:
    one, two = (Table(np.eye(2), np.eye(2), name) for name in ("one", "two"))
    card = card_of(2, [1, 3], trained_on=["clotho"], pretrained_on=["two"], licence="CC0-1.0", source="us")
    info = fuse(card, [one, two]).info
    assert (info.name, info.sample_rate, info.parameters) == ("mix", 16_000, 8)
    assert info.trained_on == ("two", "clotho", "one")
    assert (info.licence, info.source) == ("CC0-1.0", "us")
    assert info.card is not None
    assert parse_card(FusionCard, info.card) == card


def test_the_digest_follows_members_and_shares() -> None:
    def digest(*digests: str | None, weights: Sequence[float] = (), kind: type[Table] = Table) -> str | None:
        tables = [kind(np.eye(2), np.eye(2), digest=digest) for digest in digests]
        return fuse(card_of(len(weights) or len(tables), weights), tables).info.digest

    assert digest("a", "b") == digest("a", "b", weights=(2, 2)) == digest("a", "b", weights=(1, 0, 1)) is not None
    others = [
        digest("b", "a"),
        digest("a", "c"),
        digest("a", "b", weights=(1, 2)),
        digest("a", "b", kind=Distance),
    ]
    assert len({*others, digest("a", "b")}) == 5
    assert digest("a", None) is None


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a fusion's card into a folder of cards."""

    def card(name: str, members: list[str], **more: object) -> Path:
        path = tmp_path / "cards" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        said = {"factory": "systems.fusion:from_card", "name": name, "members": members}
        path.write_text(yaml.safe_dump(said | more))
        return path

    return card


def test_a_card_of_shipped_systems_keeps_the_contract(write: Callable[..., Path]) -> None:
    system = load_system(str(write("mix", ["linear", "random"], weights=[2, 1])))
    assert check(system) == []
    linear = load_system("linear")
    assert system.info.parameters == linear.info.parameters
    assert system.info.trained_on == ("everyday",)


def test_scores_keep_the_contract() -> None:
    fusion = fuse(card_of(2), [load_system("linear"), RandomDistance()])
    assert isinstance(fusion, ScoreFusion)
    assert check(fusion) == []


def test_members_by_path_go_from_the_cards_folder(write: Callable[..., Path]) -> None:
    write("inner", ["random", "systems.random:RandomSystem"])
    system = load_system(str(write("outer", ["inner.yaml", "random"])))
    captions = ["rain", "a dog"]
    clips = [np.full(100, level, np.float32) for level in (0.1, 0.2, 0.3)]
    random = RandomSystem()
    np.testing.assert_allclose(
        cosines(system.embed_text(captions), system.embed_audio(clips)),
        cosines(random.embed_text(captions), random.embed_audio(clips)),
        atol=1e-6,
    )


def test_of_weights_one_and_zero_only_the_first_counts(
    write: Callable[..., Path], small_clotho: Path, tmp_path: Path
) -> None:
    path = write("mix", ["linear", "no such system"], weights=[1, 0])
    options = Options(data_root=small_clotho, out=tmp_path / "runs")
    protocol = get_protocol("clotho-validation")
    mix, linear = (evaluate(load_system(name), protocol, options).record for name in (str(path), "linear"))
    assert [measure.value for measure in mix.measures] == pytest.approx(
        [measure.value for measure in linear.measures], abs=1e-9
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"members": ["random"]}, "members: List should have at least 2 items"),
        ({"members": "random"}, "members: Input should be a valid list"),
        ({"weights": [1]}, "1 weights for 2 members; give one each, or none"),
        ({"weights": [0, 0]}, "all weights are 0; give at least one member a weight"),
        ({"weights": [1, -1]}, "weights.1: Input should be greater than or equal to 0"),
        ({"weights": [1, float("nan")]}, "weights.1: Input should be"),
        ({"weights": [1, float("inf")]}, "weights.1: Input should be a finite number"),
        ({"surprise": 1}, "surprise: unknown field; known are factory, "),
    ],
)
def test_what_is_wrong_with_a_card(write: Callable[..., Path], wrong: dict[str, object], said: str) -> None:
    card, folder = read_card(str(write("mix", ["random", "linear"])))
    with pytest.raises(UserError) as caught:
        from_card(card | wrong, folder)
    assert f"card 'mix' does not fit: {said}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_member(write: Callable[..., Path]) -> None:
    path = write("mix", ["random", "gone.yaml"])
    with pytest.raises(UserError) as caught:
        load_system(str(path))
    assert (
        str(caught.value) == f"fusion 'mix' lacks a member: gone.yaml: there is no card {path.with_name('gone.yaml')}"
    )


def test_all_missing_members_are_told_of(write: Callable[..., Path]) -> None:
    write("broken", ["random", "nowhere.yaml"])
    with pytest.raises(UserError, match="fusion 'mix' lacks members: gone.yaml, lineal, broken.yaml$") as caught:
        load_system(str(write("mix", ["gone.yaml", "random", "lineal", "broken.yaml"])))
    first, second, third = caught.value.problems
    assert first.startswith("gone.yaml: there is no card")
    assert second.startswith("lineal: unknown system 'lineal'; did you mean 'linear'?")
    assert third.startswith("broken.yaml: there is no card")
    assert third.endswith("nowhere.yaml")


@pytest.mark.parametrize(
    ("cards", "circle"),
    [
        ({"a": ["random", "a.yaml"]}, "a → a"),
        ({"a": ["b.yaml", "random"], "b": ["random", "a.yaml"]}, "b → a → b"),
        ({"a": ["b.yaml", "random"], "b": ["random", "../cards/b.yaml"]}, "b → b"),
    ],
)
def test_a_circle_is_one_line(write: Callable[..., Path], cards: dict[str, list[str]], circle: str) -> None:
    paths = [write(name, members) for name, members in cards.items()]
    with pytest.raises(UserError) as caught:
        load_system(str(paths[0]))
    assert f"systems are members of each other in a circle: {circle}; take one out of `members:`" in str(caught.value)


def test_the_same_member_twice_is_no_circle(write: Callable[..., Path]) -> None:
    write("inner", ["random", "linear"])
    write("middle", ["inner.yaml", "random"])
    assert load_system(str(write("outer", ["inner.yaml", "middle.yaml"]))).info.sample_rate == 32_000


def test_pair_scorers_are_refused(write: Callable[..., Path], participant: Path) -> None:
    with pytest.raises(UserError, match="^pairs scores pairs of caption and clip and has no embeddings to fuse; take"):
        load_system(str(write("mix", ["random", "tone_system:Pairs"])))


def test_precision_is_the_members_matter(write: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match="lacks members: linear, random$") as caught:
        build_system(str(write("mix", ["linear", "random"])), device="cpu", precision="bf16")
    assert "linear computes in one precision only" in caught.value.problems[0]


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (Mismatched(16_000), "level-16000: embed_audio returns 2 numbers a clip, embed_text 3 a caption"),
        (Picky(16_000), "level-16000 fails on the clip and the caption it is tried on: KeyError: 'dog'"),
        (Table(np.eye(2), np.full((2, 2), np.nan)), "table: embed_audio returned NaN or infinity for clip 0"),
        (object(), "object is no system that can be evaluated"),
    ],
)
def test_members_that_cannot_be_fused(member: object, said: str) -> None:
    with pytest.raises(UserError, match=f"^{said}"):
        fuse(card_of(2), [RandomSystem(), member])


def test_the_shipped_card_fits() -> None:
    card, _ = read_card("fusion-m3-clotho")
    parsed = parse_card(FusionCard, card)
    assert parsed.members == ("passt-m3-clotho", "atst-m3-clotho", "mn-m3-clotho")
    assert parsed.shares == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert parsed.dataset == "clotho"


class Known(Level):
    """Goes by the number of keywords."""

    def __init__(self, rate: int) -> None:
        super().__init__(rate)
        self.info = replace(self.info, uses=("keywords",))

    def embed_audio(self, clips: Sequence[Array], metadata: Sequence[Metadata] = ()) -> Array:
        return np.array([[1, len(one["keywords"])] for _, one in zip(clips, metadata, strict=True)], np.float32)


@pytest.mark.parametrize("second", [Level(16_000), Distance(np.eye(3), np.eye(3))])
def test_a_member_that_uses_keywords_gets_them_and_the_fusion_says_so(second: Level | Distance) -> None:
    card = FusionCard(factory="x:y", name="mix", members=("a", "b"))
    fused = fuse(card, [Known(16_000), second])
    assert fused.info.uses == ("keywords",)
    clips = [np.full(100, 0.5, np.float32)] * 2
    one, other = fused.embed_audio(clips, [{"keywords": ("rain",)}, {"keywords": ()}])
    assert not np.array_equal(one[:2], other[:2])
    np.testing.assert_array_equal(one[2:], other[2:])
    assert fuse(card, [Level(16_000), Level(32_000)]).info.uses == ()
