import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from harness.errors import UserError
from harness.evaluation.evaluating import Options, evaluate
from harness.evaluation.several import evaluate_all
from harness.interface.cards.card import parse_card, read_card
from harness.interface.systems import load_system
from harness.machine import silent
from harness.protocols.description import get_protocol
from systems.fusion import FusionCard
from systems.linear import LinearCard
from systems.training import fusion
from systems.training.fusion import draw_pairs, fit_weights, train_fusion
from systems.training.linear import train_linear
from systems.training.trainer import trainer_of


@pytest.fixture(scope="module")
def cards(
    small_card: LinearCard, small_clotho: Path, session_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with a linear system fitted to the small data set, and a card of its fusion with `random`."""
    folder = tmp_path_factory.mktemp("cards")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LBAR_CACHE", str(session_cache))
        train_linear(small_card.model_dump(), folder, folder, small_clotho)
    card = {
        "factory": "systems.fusion:from_card",
        "trainer": "systems.training.fusion:train_fusion",
        "name": "mix",
        "members": ["small/card.yaml", "random"],
        "dataset": "clotho",
    }
    (folder / "mix.yaml").write_text(yaml.safe_dump(card))
    return folder


def train(cards: Path, out: Path, data_root: Path, **changes: object) -> str:
    card, folder = read_card(str(cards / "mix.yaml"))
    return train_fusion(card | changes, folder, out, data_root)


def test_the_informative_member_is_preferred(cards: Path, small_clotho: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    told = train(cards, out, small_clotho, members=["small/card.yaml", "random", "random"])
    names = sorted(path.name for path in (out / "mix").glob("[!.]*"))
    assert names == ["card.yaml", "checksums.xxh128", "training.json"]
    trained = json.loads((out / "mix" / "training.json").read_text())
    informative, *useless = trained["fitted"]["weights"]
    assert informative > 2 * sum(useless)
    assert informative + sum(useless) == pytest.approx(1, abs=2e-4)
    assert trained["pairs"] == {"matching": 40, "not_matching": 40 * 7, "seed": 0}
    assert trained["kept"] == "fitted"
    by_equal, by_fitted = trained["equal"]["mAP@10"], trained["fitted"]["mAP@10"]
    assert by_fitted > by_equal
    assert told == (
        f"{out / 'mix' / 'card.yaml'}: mAP@10 {by_equal:.4f} by equal weights, {by_fitted:.4f} by fitted ones "
        f"({informative:g}, {useless[0]:g}, {useless[1]:g}) on the validation split; kept the fitted ones"
    )

    system = load_system(str(out / "mix" / "card.yaml"))
    assert system.info.digest == trained["system_digest"]
    assert system.info.trained_on == ("clotho",)
    options = Options(data_root=small_clotho, out=tmp_path / "runs")
    record = evaluate(system, get_protocol("clotho-validation"), options).record
    assert record.primary.value == pytest.approx(by_fitted, abs=1e-9)


def test_what_members_and_fusion_were_trained_without(cards: Path, broken_clotho: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="1 of 8 clips .* or leave them out by --skip-broken"):
        train(cards, tmp_path, broken_clotho)
    trainer_of(str(cards / "small" / "card.yaml"), skip_broken=True)(cards / "again", broken_clotho, silent)
    card, folder = read_card(str(cards / "mix.yaml"))
    members = ["again/small/card.yaml", "random"]
    train_fusion(card | {"members": members}, folder, tmp_path, broken_clotho, skip_broken=True)
    record = json.loads((tmp_path / "mix" / "training.json").read_text())
    assert [one["clip"] for one in record["broken"]["clotho validation"]] == ["2.wav"]
    said: list[str] = []
    options = Options(data_root=broken_clotho, out=tmp_path / "runs", device="cpu", skip_broken=True)
    protocol = get_protocol("clotho-validation")
    runs, failures = evaluate_all([str(tmp_path / "mix" / "card.yaml")], protocol, options, say=said.append)
    assert not failures
    (run,) = runs
    own = "without 1 of 8 clips of clotho validation, which are broken: 2.wav"
    development = "without 2 of 24 clips of clotho development, which are broken: 3.wav, 5.wav"
    assert run.record.system.card is not None
    assert run.record.system.card["trained_without"] == [own, f"small {development}", f"small {own}"]
    assert f"{tmp_path / 'mix' / 'card.yaml'} was trained small {development}" in said


def test_training_again_gives_the_same(cards: Path, small_clotho: Path, tmp_path: Path) -> None:
    first = train(cards, tmp_path, small_clotho)
    content = {path.name: path.read_bytes() for path in (tmp_path / "mix").glob("[!.]*")}
    # Weights of the card do not count, and what was written can be trained again.
    card, folder = read_card(str(tmp_path / "mix" / "card.yaml"))
    assert train_fusion(card, folder, tmp_path, small_clotho) == first
    assert {path.name: path.read_bytes() for path in (tmp_path / "mix").glob("[!.]*")} == content


def test_paths_go_from_the_working_directory_by_default(
    cards: Path, small_clotho: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(cards)
    card, _ = read_card("mix.yaml")
    train_fusion(card, Path(), tmp_path, small_clotho)
    (member, random) = read_card(str(tmp_path / "mix" / "card.yaml"))[0]["members"]
    assert (tmp_path / "mix" / member).resolve() == (cards / "small" / "card.yaml").resolve()
    assert not Path(member).is_absolute()
    assert random == "random"


def test_absolute_paths_stay(cards: Path, small_clotho: Path, tmp_path: Path) -> None:
    absolute = str(cards / "small" / "card.yaml")
    train(cards, tmp_path, small_clotho, members=[absolute, "random"])
    assert read_card(str(tmp_path / "mix" / "card.yaml"))[0]["members"] == [absolute, "random"]


def test_equal_weights_stay_where_fitted_ones_are_no_better(
    cards: Path, small_clotho: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fusion, "fit_weights", lambda *_: (0.0, 1.0))
    assert train(cards, tmp_path, small_clotho).endswith(
        "by fitted ones (0, 1) on the validation split; kept the equal ones"
    )
    card, _ = read_card(str(tmp_path / "mix" / "card.yaml"))
    assert parse_card(FusionCard, card).shares == (0.5, 0.5)


def test_no_member_that_tells_anything(
    cards: Path, small_clotho: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fusion, "fit_weights", lambda *_: None)
    assert train(cards, tmp_path, small_clotho).endswith("no member tells there what belongs together")
    assert json.loads((tmp_path / "mix" / "training.json").read_text())["kept"] == "equal"
    assert json.loads((tmp_path / "mix" / "training.json").read_text())["fitted"] is None


@pytest.mark.parametrize("dataset", [None, "wavcaps", "cloto"])
def test_a_data_set_without_a_validation_split(
    cards: Path, small_clotho: Path, tmp_path: Path, dataset: str | None
) -> None:
    with pytest.raises(UserError, match="expected a line `dataset:` in its card that names one of audiocaps, clotho"):
        train(cards, tmp_path, small_clotho, dataset=dataset)


def test_missing_members_and_data_write_nothing(cards: Path, small_clotho: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lacks a member: gone.yaml"):
        train(cards, tmp_path / "out", small_clotho, members=["random", "gone.yaml"])
    with pytest.raises(UserError, match="clotho"):
        train(cards, tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written(cards: Path, small_clotho: Path, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(UserError, match="--out"):
        train(cards, tmp_path / "out", small_clotho)


def test_the_shipped_card_names_its_trainer() -> None:
    assert trainer_of("fusion-m3-clotho")


def test_pairs_are_all_there_are_where_they_are_few() -> None:
    own_clip = np.array([0, 0, 2, 1])
    pairs = draw_pairs(own_clip, 3)
    together = list(zip(pairs.captions.tolist(), pairs.clips.tolist(), strict=True))
    assert together[:4] == [(0, 0), (1, 0), (2, 2), (3, 1)]
    assert together[4:] == [(0, 1), (0, 2), (1, 1), (1, 2), (2, 0), (2, 1), (3, 0), (3, 2)]
    assert pairs.matching.tolist() == [True] * 4 + [False] * 8


def test_of_many_pairs_a_part_is_drawn() -> None:
    own_clip = np.repeat(np.arange(1_045), 5)
    pairs = draw_pairs(own_clip, 1_045)
    others = ~pairs.matching
    assert others.sum() == fusion.NON_MATCHING
    assert (own_clip[pairs.captions[others]] != pairs.clips[others]).all()
    assert len({*zip(pairs.captions.tolist(), pairs.clips.tolist(), strict=True)}) == len(pairs.matching)
    assert np.bincount(pairs.clips[others], minlength=1_045).min() > 100
    again = draw_pairs(own_clip, 1_045)
    assert all((one == other).all() for one, other in zip(pairs, again, strict=True))


@pytest.fixture(scope="module")
def matching() -> np.ndarray:
    return np.arange(6_000) % 3 == 0


def test_weights_are_of_similarities_as_they_are(matching: np.ndarray) -> None:
    random = np.random.default_rng(0)
    evidence = matching[:, None] + random.standard_normal((6_000, 2))
    # The same evidence on another scale and from another zero: the mean must undo the scale.
    first, second = fit_weights(evidence * [1, 0.01] + [0, 0.5], matching) or (0, 0)
    assert 0.01 * second / first == pytest.approx(1, abs=0.15)


def test_weights_are_never_negative(matching: np.ndarray) -> None:
    random = np.random.default_rng(0)
    noise = random.standard_normal((6_000, 3))
    good, contrary, constant = matching + noise[:, 0], noise[:, 1] - matching, np.full(6_000, 0.3)
    assert fit_weights(np.stack([contrary, good, constant], axis=1), matching) == (0, 1, 0)
    assert fit_weights(np.stack([contrary, noise[:, 2] - matching], axis=1), matching) is None
    assert fit_weights(np.stack([constant, constant], axis=1), matching) is None
