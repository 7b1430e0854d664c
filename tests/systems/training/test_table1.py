"""Table 1 of the paper: what it needs is told at once, and with all of it in place the nine train."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from typer.testing import CliRunner, Result

from harness.cli.app import build
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.model import DualEncoder
from systems.training import graph

ENCODERS = {"passt": "passt", "atst": "atst", "mn": "mobilenet"}
PUBLISHED = {
    "passt": "passt-s-f128-p16-s16-ap.468.pt",
    "atst": "atstframe_base_as2M.ckpt",
    "mn": "mn40_as_ext_mAP_487.pt",
}
Card = Callable[..., DualEncoderCard]
Seeded = Callable[[DualEncoderCard], DualEncoder]


def lbar(*arguments: str) -> Result:
    return CliRunner().invoke(build(), arguments, catch_exceptions=False)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    # `lbar train` sets it.
    monkeypatch.setenv("LBAR_WEIGHTS", "weights")
    return tmp_path


def test_with_nothing_downloaded_there_is_one_message_that_lists_all() -> None:
    done = lbar("train", "table1", "--protocol", "clotho-dcase2024")
    head, *lines = done.stderr.splitlines()
    assert (done.exit_code, done.stdout) == (2, "")
    assert head == (
        "lbar: table1: 7 of the things needed are not here, about 11.7 GB; run `lbar data fetch clotho` and "
        "`lbar systems fetch mn-m3-clotho --training`, get by hand what is said so below, then run this command "
        "again"
    )
    places = [line.split(":")[0] for line in lines]
    assert places == [
        "  data/clotho (about 9.7 GB)",
        "  weights/roberta-large (about 1.4 MB)",
        "  weights/roberta-large/model.safetensors (about 1.4 GB)",
        "  weights/roberta-large/config.json (about 500 B)",
        f"  weights/{PUBLISHED['passt']} (about 344.0 MB)",
        f"  weights/{PUBLISHED['atst']}",
        f"  weights/{PUBLISHED['mn']} (about 274.0 MB)",
    ]
    assert "captions and audio of clotho development, validation, from https://doi.org/" in lines[0]
    assert "by hand, from https://drive.google.com/" in lines[5]


def test_the_small_nine_need_nothing() -> None:
    from harness.datasets import missing_for

    assert missing_for(graph.cards_of(["table1"], "everyday"), Path("data"), training=True).parts == ()


def write_stand_ins(home: Path, dual_card: Card, seeded_model: Seeded) -> None:
    """The nine cards, but for the sizes of their encoders, and small files in the published layouts."""
    weights = home / "weights"
    for short, encoder in ENCODERS.items():
        card = dual_card(encoder)
        model = seeded_model(card)
        prefix = "encoder.encoder." if encoder == "atst" else ""
        weights.mkdir(exist_ok=True)
        torch.save({f"{prefix}{key}": one for key, one in model.audio.state_dict().items()}, weights / PUBLISHED[short])
        model.text.save_pretrained(weights / "roberta-large")
        small = card.model_dump(mode="json", include={"audio", "text", "shared"})
        small["windows"] = {"seconds": 2, "longest_seconds": 2}
        parents = [f"{one}-stage1-clotho.yaml" for one in ENCODERS]
        for stage, teachers in {"stage1": [], "m1": [f"{short}-stage1-clotho.yaml"], "m3": parents}.items():
            training = {"epochs": 1, "batch": 24, "captions": "all"}
            training |= {"start": f"{short}-stage1-clotho.yaml", "teachers": teachers} if teachers else {}
            content = small | {
                "base": f"{short}-{stage}-clotho",
                "name": f"{short}-{stage}-clotho",
                "training": training,
            }
            (home / f"{short}-{stage}-clotho.yaml").write_text(yaml.safe_dump(content))
    tokenizer = Path(dual_card().files["tokenizer"].path)
    shutil.copytree(tokenizer, weights / "roberta-large", dirs_exist_ok=True)


@pytest.mark.slow
@pytest.mark.usefixtures("session_cache", "migrated_runs")
def test_with_all_in_place_the_nine_train(
    home: Path, monkeypatch: pytest.MonkeyPatch, small_clotho: Path, dual_card: Card, seeded_model: Seeded
) -> None:
    write_stand_ins(home, dual_card, seeded_model)
    nine = tuple(f"{name}.yaml" for name in graph.TABLES["table1"]["clotho"])
    monkeypatch.setitem(graph.TABLES, "table1", {"clotho": nine})
    command = ("train", "table1", "--protocol", "clotho-dcase2024", "--data-root", str(small_clotho), "--device", "cpu")
    whole = home / "weights" / PUBLISHED["atst"]
    whole.rename(home / "elsewhere")
    done = lbar(*command)
    assert done.exit_code == 2
    assert [line.split(":")[0] for line in done.stderr.splitlines()[1:]] == [f"  weights/{PUBLISHED['atst']}"]

    (home / "elsewhere").rename(whole)
    done = lbar(*command)
    assert done.exit_code == 0, done.stderr
    trained = [line.split(":")[0] for line in done.stdout.splitlines()]
    assert trained == [f"weights/{Path(card).stem}/card.yaml" for card in nine]
    teachers = json.loads(Path("weights/mn-m3-clotho/training.json").read_text())["teachers"]
    assert [one["name"] for one in teachers] == ["passt-stage1-clotho", "atst-stage1-clotho", "mn-stage1-clotho"]
