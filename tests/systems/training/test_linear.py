"""`linear`: against its definition, and what `lbar train` writes of it."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
import yaml
from typer.testing import CliRunner

from harness.audio.store import PcmStore
from harness.datasets import RetrievalDataset
from harness.datasets.known import load
from harness.errors import UserError
from harness.interface.cards.card import read_card, trained_without
from harness.interface.systems import load_system
from systems.linear import LinearCard, LinearSystem
from systems.training.cli import train
from systems.training.linear import fit, train_linear, validate


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PcmStore:
    return PcmStore(tmp_path_factory.mktemp("store"), 32_000)


@pytest.fixture(scope="module")
def splits(small_clotho: Path, store: PcmStore) -> dict[str, RetrievalDataset]:
    splits = {split: load("clotho", split, small_clotho) for split in ("development", "validation")}
    for split in splits.values():
        assert store.ensure(split.clips) == []
    return splits


@pytest.fixture(scope="module")
def system(small_card: LinearCard, splits: dict[str, RetrievalDataset], store: PcmStore) -> LinearSystem:
    return fit(small_card, [(splits["development"], store)])


def test_generalises(system: LinearSystem, splits: dict[str, RetrievalDataset], store: PcmStore) -> None:
    captions = ["A hum", "A whistle", "A hiss", "A ticking"]
    scores = system.embed_text(captions) @ system.embed_audio([store.read(c) for c in splits["validation"].clips]).T
    first_captions = [query.text.lower() for query in splits["validation"].queries[::5]]
    for caption, row in zip(captions, scores, strict=True):
        assert caption.split()[1] in first_captions[int(row.argmax())]


def test_full_rank_is_ridge_regression_onto_the_mean_caption(
    small_card: LinearCard, splits: dict[str, RetrievalDataset], store: PcmStore
) -> None:
    """Against the normal equations, written for one example per caption."""
    card = small_card.model_copy(update={"rank": small_card.topics})
    development = splits["development"]
    system = fit(card, [(development, store)])
    to_embedding = system.weights.text_projection.astype(np.float64)
    np.testing.assert_allclose(to_embedding.T @ to_embedding, np.eye(card.rank), atol=1e-5)

    statistics = np.array([card.statistics()(store.read(clip)) for clip in development.clips], np.float64)
    x = (statistics - statistics.mean(axis=0)) / np.where(statistics.std(axis=0) > 0, statistics.std(axis=0), 1)
    per_caption = x[[query.clip for query in development.queries]]
    y = system.embed_text([query.text for query in development.queries]).astype(np.float64)
    penalty = 5 * card.ridge * np.eye(x.shape[1])
    expected = x @ np.linalg.solve(per_caption.T @ per_caption + penalty, per_caption.T @ y)
    found = system.embed_audio([store.read(clip) for clip in development.clips])
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_lower_rank_keeps_the_directions_that_vary_most(
    system: LinearSystem, small_card: LinearCard, splits: dict[str, RetrievalDataset], store: PcmStore
) -> None:
    full = fit(small_card.model_copy(update={"rank": small_card.topics}), [(splits["development"], store)])
    clips = [store.read(clip) for clip in splits["development"].clips]
    np.testing.assert_allclose(system.embed_audio(clips), full.embed_audio(clips)[:, : small_card.rank], atol=1e-5)
    spread = full.embed_audio(clips).std(axis=0)
    assert (np.diff(spread) <= 1e-6).all()


def test_the_same_data_give_the_same_weights(
    system: LinearSystem, small_card: LinearCard, splits: dict[str, RetrievalDataset], store: PcmStore
) -> None:
    assert fit(small_card, [(splits["development"], store)]).weights.to_bytes() == system.weights.to_bytes()


def test_data_in_two_parts_give_what_they_give_in_one(
    system: LinearSystem, small_card: LinearCard, splits: dict[str, RetrievalDataset], store: PcmStore
) -> None:
    whole = splits["development"]
    names = [clip.name for clip in whole.clips]
    parts = [whole.without(set(names[:7])), whole.without(set(names[7:]))]
    halves = fit(small_card, [(part, store) for part in reversed(parts)])
    clips = [store.read(clip) for clip in splits["validation"].clips]
    np.testing.assert_allclose(
        halves.embed_audio(clips) @ halves.embed_text(["A hum"])[0],
        system.embed_audio(clips) @ system.embed_text(["A hum"])[0],
        atol=1e-4,
    )


def test_map_counts_as_the_definition(
    system: LinearSystem, splits: dict[str, RetrievalDataset], store: PcmStore
) -> None:
    validation = splits["validation"]
    audio = system.embed_audio([store.read(clip) for clip in validation.clips]).astype(np.float64)
    audio /= np.linalg.norm(audio, axis=1, keepdims=True)
    values = []
    for query in validation.queries:
        scores = audio @ system.embed_text([query.text])[0]
        rank = 1 + sum(score >= scores[query.clip] for i, score in enumerate(scores) if i != query.clip)
        values.append(1 / rank if rank <= 10 else 0)
    measured = validate(system, validation, store)
    assert measured.name == "mAP@10"
    assert measured.value == pytest.approx(np.mean(values), abs=0.03)


def test_progress_counts_clips(small_card: LinearCard, splits: dict[str, RetrievalDataset], store: PcmStore) -> None:
    steps: list[int] = []
    fit(small_card, [(splits["development"], store)], lambda stage, total: steps.append)
    assert sum(steps) == len(splits["development"].clips)


@pytest.mark.parametrize("change", [{"topics": 500}, {"rank": 30}, {"least_captions": 10_000}])
def test_too_small_a_data_set(
    change: dict[str, int], small_card: LinearCard, splits: dict[str, RetrievalDataset], store: PcmStore
) -> None:
    with pytest.raises(UserError, match="clotho development is too small for card 'small'"):
        fit(small_card.model_copy(update=change), [(splits["development"], store)])


@pytest.fixture
def card_file(tmp_path: Path, small_card: LinearCard, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LBAR_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(small_card.model_dump(mode="json")))
    return path


def test_train_writes_a_system_that_loads(card_file: Path, small_clotho: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(train)
    result = CliRunner().invoke(app, [str(card_file), "--out", str(tmp_path / "out"), "--data-root", str(small_clotho)])
    assert result.exit_code == 0, result.output
    folder = tmp_path / "out" / "small"
    assert sorted(path.name for path in folder.glob("[!.]*")) == [
        "card.yaml",
        "checksums.xxh128",
        "small.safetensors",
        "training.json",
    ]
    trained = json.loads((folder / "training.json").read_text())
    assert result.stdout.splitlines() == [
        f"{folder / 'card.yaml'}: mAP@10 {trained['validation']['mAP@10']:.4f} on the validation split"
    ]
    system = load_system(str(folder / "card.yaml"))
    assert system.info.digest == trained["system_digest"]
    assert system.info.trained_on == ("clotho",)


def test_weights_of_which_a_byte_flipped_are_refused(card_file: Path, small_clotho: Path, tmp_path: Path) -> None:
    train_linear(yaml.safe_load(card_file.read_text()), tmp_path, tmp_path, small_clotho)
    weights = tmp_path / "small" / "small.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-2] + bytes([content[-2] ^ 4]) + content[-1:])
    with pytest.raises(UserError, match=r"small\.safetensors is damaged, or was changed.*makes it anew"):
        load_system(str(tmp_path / "small" / "card.yaml"))


def test_training_again_replaces_it(card_file: Path, small_clotho: Path, tmp_path: Path) -> None:
    card, folder = read_card(str(card_file))[0], tmp_path / "out" / "small"
    first = train_linear(card, tmp_path, tmp_path / "out", small_clotho)
    content = {path.name: path.read_bytes() for path in folder.glob("[!.]*")}
    assert train_linear(card, tmp_path, tmp_path / "out", small_clotho) == first
    assert {path.name: path.read_bytes() for path in folder.glob("[!.]*")} == content


def test_broken_clips_are_all_named(card_file: Path, broken_clotho: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="2 of 24 clips .* or leave them out by --skip-broken") as caught:
        train_linear(*read_card(str(card_file)), tmp_path / "out", broken_clotho)
    assert all(name in problem for name, problem in zip(("3.wav", "5.wav"), caught.value.problems, strict=True))
    assert not (tmp_path / "out").exists()


def test_broken_clips_are_left_out_where_asked_for(card_file: Path, broken_clotho: Path, tmp_path: Path) -> None:
    train_linear(*read_card(str(card_file)), tmp_path / "out", broken_clotho, skip_broken=True)
    system = load_system(str(tmp_path / "out" / "small" / "card.yaml"))
    assert trained_without(system.info.card) == (
        "without 2 of 24 clips of clotho development, which are broken: 3.wav, 5.wav",
        "without 1 of 8 clips of clotho validation, which are broken: 2.wav",
    )
    record = json.loads((tmp_path / "out" / "small" / "training.json").read_text())
    assert {split: [one["clip"] for one in clips] for split, clips in record["broken"].items()} == {
        "clotho development": ["3.wav", "5.wav"],
        "clotho validation": ["2.wav"],
    }
    assert "5.wav" in record["broken"]["clotho development"][1]["reason"]
    # The same weights as without these clips in the data set.
    for split, names in {"development": ("3.wav", "5.wav"), "validation": ("2.wav",)}.items():
        captions = broken_clotho / f"clotho_captions_{split}.csv"
        rows = captions.read_text().splitlines()
        captions.write_text("\n".join(row for row in rows if not row.startswith(names)) + "\n")
    train_linear(*read_card(str(card_file)), tmp_path / "plain", broken_clotho)
    plain = load_system(str(tmp_path / "plain" / "small" / "card.yaml"))
    assert plain.info.digest == system.info.digest
    assert trained_without(plain.info.card) == ()


def test_data_of_which_everything_is_broken(card_file: Path, broken_clotho: Path, tmp_path: Path) -> None:
    for path in (broken_clotho / "development").iterdir():
        path.write_bytes(b"")
    with pytest.raises(UserError, match="24 of 24 clips are broken or missing"):
        train_linear(*read_card(str(card_file)), tmp_path / "out", broken_clotho, skip_broken=True)


def test_what_a_killed_process_left_is_cleared_away(card_file: Path, small_clotho: Path, tmp_path: Path) -> None:
    left = tmp_path / "out" / "small" / ".unfinished-abc"
    left.mkdir(parents=True)
    (left / "card.yaml").touch()
    train_linear(*read_card(str(card_file)), tmp_path / "out", small_clotho)
    assert not list((tmp_path / "out" / "small").glob(".unfinished*"))


def test_a_folder_that_cannot_be_written(card_file: Path, small_clotho: Path, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(UserError, match="--out"):
        train_linear(*read_card(str(card_file)), tmp_path / "out", small_clotho)
