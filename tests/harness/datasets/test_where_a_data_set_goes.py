"""Where things go: a data set is one file that defines its entry, and every command that should know it does."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from harness.cli.app import build
from harness.datasets import known
from harness.errors import UserError
from harness.machine.progress import silent
from harness.submission.meta.data_sets import described
from systems.training.data.training_set import load_split

ENTRY = """
from harness.datasets.entry import DatasetEntry, Split

ENTRY = DatasetEntry(
    name="birds",
    splits={
        "dev": Split(("dev.csv",), captions_per_clip=2),
        "val": Split(("val.csv",), captions_per_clip=2),
        "test": Split(("test.csv",), clips=9, captions_per_clip=2, captions_md5="0" * 32),
        "rare": Split(("rare.csv",), optional=True),
    },
    training="dev",
    validation="val",
    evaluation=("test",),
    title="Birds",
    url="https://example.org/birds",
    by_hand="write to the ornithologists and put what they send into {home}",
)
"""


@pytest.fixture
def birds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data root with the data set `birds`, whose entry is a file outside the package."""
    folder = tmp_path / "entries"
    folder.mkdir()
    (folder / "birds.py").write_text(ENTRY)
    monkeypatch.setattr(known, "__path__", [*known.__path__, str(folder)])
    root = tmp_path / "data"
    for split, names in {"dev": ("12345.wav", "owl.wav"), "val": ("jay.wav",), "test": ("12345.wav",)}.items():
        (root / "birds" / split).mkdir(parents=True)
        rows = [f"{name},a bird calls,a call" for name in names]
        (root / "birds" / f"{split}.csv").write_text("\n".join(["file_name,caption_1,caption_2", *rows]) + "\n")
        for name in names:
            soundfile.write(root / "birds" / split / name, np.random.default_rng(0).uniform(-0.5, 0.5, 800), 8000)
    yield root
    sys.modules.pop("harness.datasets.known.birds", None)
    vars(known).pop("birds", None)


def lbar(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(build(), [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_it_is_known(birds: Path) -> None:
    assert "birds" in known.dataset_names()
    with pytest.raises(UserError, match=r"unknown data set 'brids'; did you mean 'birds'\?"):
        known.known_dataset("brids")
    assert [clip.name for clip in known.load("birds", "dev", birds).clips] == ["12345.wav", "owl.wav"]


def test_it_is_verified(birds: Path) -> None:
    assert lbar("data", "verify", "birds", "--split", "dev", "--data-root", birds)[:2] == (
        0,
        "birds: complete and intact\n",
    )
    (birds / "birds/val/jay.wav").write_text("no sound")
    code, out, _ = lbar("data", "verify", "birds", "--data-root", birds)
    assert code == 1
    assert f"test: {birds}/birds/test.csv is not the published file" in out
    assert f"test: {birds}/birds/test.csv has 1 clips, expected 9" in out
    assert f"val: {birds}/birds/val/jay.wav cannot be read as audio" in out
    assert "rare" not in out


def test_it_is_fetched(birds: Path) -> None:
    code, out, _ = lbar("data", "fetch", "birds", "--data-root", birds)
    assert (code, out) == (0, f"write to the ornithologists and put what they send into {birds}/birds\n")


def test_it_is_trained_on_without_what_is_evaluated_on(birds: Path, tmp_path: Path) -> None:
    assert [load_split("birds", purpose, birds, silent).split for purpose in ("training", "validation")] == [
        "dev",
        "val",
    ]
    card = tmp_path / "mine.yaml"
    card.write_text("factory: a.b:c\nname: mine\ntraining: {data: [birds]}\n")
    code, out, _ = lbar("data", "leaks", card, "--data-root", birds)
    assert code == 1
    assert out.splitlines() == [
        "birds dev '12345.wav' is birds test '12345.wav': same id (12345)",
        "1 of 2 training clips are evaluation clips (1 by id)",
    ]


@pytest.mark.usefixtures("birds")
def test_a_submission_describes_it() -> None:
    (training,) = described(["birds"], "training")
    (validation,) = described(["birds-validation"], "choice of the checkpoint")
    assert (training["name"], validation["name"]) == ("Birds-dev", "Birds-val")
    assert (training["url"], training["nb_captions_per_audio"]) == ("https://example.org/birds", 2)
