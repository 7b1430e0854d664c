"""Two stages on a small data set: what is written, what is not done again, and what is refused."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import yaml

from harness.cli.app import own_command
from harness.errors import UserError
from harness.evaluation import Options, evaluate
from harness.interface.cards.card import read_card, trained_without
from harness.interface.conformance import check
from harness.interface.systems import load_system
from harness.machine import exclusive, read_json
from harness.runs.tracking.client import open_client
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.training_section import TrainingConfig
from systems.training import two_stage
from systems.training.fitting import fit
from systems.training.trainer import trainer_of
from systems.training.two_stage import train_dual_encoder

TRAINING = {"data": ["clotho"], "validation": "clotho", "batch": 8, "epochs": 2, "captions": "all"}
Card = Callable[..., DualEncoderCard]


@pytest.fixture
def card(
    dual_card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session_cache: Path, migrated_runs: Path
) -> dict[str, object]:
    monkeypatch.chdir(tmp_path)
    made = dual_card(
        name="first",
        windows={"seconds": 2, "longest_seconds": 2},
        trainer="systems.training.two_stage:train_dual_encoder",
        training=TRAINING,
    )
    said = made.model_dump(mode="json", exclude_unset=True)
    del said["files"]["weights"]
    return said


def train(
    card: dict[str, object], small_clotho: Path, *, skip_broken: bool = False, **more: object
) -> tuple[str, list[str]]:
    told: list[str] = []
    options: dict[str, Any] = {"device": "cpu", "skip_broken": skip_broken, "say": told.append}
    line = train_dual_encoder(card | more, Path(), Path("weights"), small_clotho, **options)
    return line, told


def test_both_stages(card: dict[str, object], small_clotho: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line, told = train(card, small_clotho)
    assert line.startswith("weights/first/card.yaml: mAP@10 0.")
    epochs = [one for one in told if "epoch" in one]
    assert [one.split(": ")[:2] for one in epochs] == [["first", "epoch 1 of 2"], ["first", "epoch 2 of 2"]]
    assert "first: not checked for evaluation clips: clotho evaluation" in "\n".join(told)
    folder = Path("weights/first")
    assert sorted(path.name for path in folder.iterdir() if path.name[0] != ".") == [
        "card.yaml",
        "checksums.xxh128",
        "first.safetensors",
        "training.json",
    ]
    first = load_system(str(folder / "card.yaml"), device="cpu")
    assert check(first) == []
    record = json.loads((folder / "training.json").read_text())
    assert line == f"weights/first/card.yaml: mAP@10 {record['reached']:.4f} on the validation split, in epoch " + str(
        record["epoch"]
    )

    assert [epoch["number"] for epoch in record["epochs"]] == [1, 2]
    assert max(epoch["reached"] for epoch in record["epochs"]) == pytest.approx(record["reached"])
    with open_client(Path("runs")) as client:
        (run,) = client.search_runs([client.get_experiment_by_name("training").experiment_id])
        curve = client.get_metric_history(run.info.run_id, "loss")
    assert [(point.step, point.value) for point in curve] == [(e["number"], e["loss"]) for e in record["epochs"]]
    assert run.data.params["card.training.batch"] == "8"

    # What a process left that was killed when it had just written the card goes; epochs of another training stay.
    for said, stays in ((record["said"], False), ({"card": "another"}, True)):
        (folder / "epochs").mkdir()
        (folder / ".unfinished-abc").mkdir(exist_ok=True)
        (folder / "epochs" / "said.json").write_text(json.dumps(said))
        again, told = train(card, small_clotho)
        assert (folder / "epochs").exists() == stays
    assert not list(folder.glob(".unfinished*"))
    assert "trained before, mAP@10" in again
    assert not any("epoch" in one for one in told)

    # One that was killed while it removed the epochs leaves no more.
    shutil.rmtree(folder / "epochs")
    (folder / "epochs").mkdir()
    (folder / "epochs" / "said.json").write_text(json.dumps(record["said"]))
    (folder / "epochs" / "last.ckpt").touch()

    def killed(gone: Path, **_: object) -> None:
        (gone / "said.json").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            train(card, small_clotho)
    train(card, small_clotho)
    assert not (folder / "epochs").exists()
    assert not list(folder.glob(".unfinished*"))

    path = str(folder / "card.yaml")
    stage2 = TRAINING | {"start": path, "teachers": [path, "linear"], "supervised": 0.25}
    line, told = train(card, small_clotho, name="second", training=stage2)
    assert sum("epoch" in one for one in told) == 2
    second = load_system("weights/second/card.yaml", device="cpu")
    assert second.info.digest != first.info.digest
    teachers = json.loads(Path("weights/second/training.json").read_text())["teachers"]
    assert [teacher["name"] for teacher in teachers] == ["first", "linear"]
    assert teachers[0]["digest"] == first.info.digest


def test_a_hybrid_system_goes_on_from_one_that_hears(
    card: dict[str, object], small_clotho: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(small_clotho, tmp_path / "described")
    for split, count in (("development", 23), ("validation", 8)):
        rows = [f"{index}.wav,bell;field-recording" for index in range(count)]
        (root / f"clotho_metadata_{split}.csv").write_text("\n".join(["file_name,keywords,sound_id", *rows]))
    once = TRAINING | {"epochs": 1}
    train(card, root, training=once)
    more = {"metadata": {"fusion": "late"}, "training": once | {"start": "weights/first/card.yaml"}}
    _, told = train(card, root, name="hybrid", **more)
    assert "hybrid: 1 of 24 training clips have no keywords" in told
    hybrid = load_system("weights/hybrid/card.yaml", device="cpu")
    assert hybrid.info.uses == ("keywords",)
    assert check(hybrid) == []
    assert "trained before" in train(card, root, name="hybrid", **more)[0]
    written = root / "clotho_metadata_development.csv"
    written.write_text(written.read_text().replace("bell", "owl"))
    assert "trained before" not in train(card, root, name="hybrid", **more)[0]


def rewrites(root: Path, *, swapped: str = "") -> Path:
    """The small Clotho with a file of rewrites by a rule, two for each caption of its training clips but one."""
    rows = ["dataset,split,file_name,caption_index,variant,caption,source"]
    with (root / "clotho_captions_development.csv").open(newline="") as file:
        for clip, *captions in list(csv.reader(file))[2:]:
            for index, caption in enumerate(captions):
                said = caption.rstrip(".").replace(swapped or " ", " ").lower()
                for variant, text in enumerate((f"1. One hears that {said}", f"2. In the distance, {said}")):
                    rows.append(f'clotho,development,{clip},{index},{variant},"{text}",a rule')
    (root / "rewrites.csv").write_text("\n".join(rows) + "\n")
    return root


def test_the_recipe_of_dcase_2023_in_small(
    card: dict[str, object], small_clotho: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two steps: with masks and a temperature that is trained; then on from there with extra captions."""
    root = rewrites(shutil.copytree(small_clotho, tmp_path / "rewritten"))
    recipe = TRAINING | {"loss_scale": 0.5, "temperature": "trained", "epochs": 1, "schedule": {"highest": 0.001}}
    mel = {"mel": {"masked_bands": 48, "masked_frames": 48}}
    more: dict[str, Any] = {"temperature": 0.03, "audio": card["audio"] | mel}  # type: ignore[operator]
    train(card, root, training=recipe, **more)
    learned = read_json(Path("weights/first/training.json"))["temperature"]
    assert learned != 0.03
    assert read_card("weights/first/card.yaml")[0]["temperature"] == learned
    tuned = recipe | {"start": "weights/first/card.yaml", "extra_captions": "rewrites.csv", "replaced": 0.3}
    _, told = train(card, root, name="tuned", training=tuned, **more)
    assert "tuned: " + str(root / "rewrites.csv") + " has texts for 115 of 120 captions, 2 each; a numbering was " in (
        "\n".join(told)
    )
    # It goes on from the temperature that was learned, and not from the card's.
    record = read_json(Path("weights/tuned/training.json"))
    assert record["said"]["temperature"] == learned
    assert record["temperature"] != learned
    assert check(load_system("weights/tuned/card.yaml", device="cpu")) == []
    assert "trained before" in train(card, root, name="tuned", training=tuned, **more)[0]

    # With other texts it is another training.
    rewrites(root, swapped="a")
    monkeypatch.setattr(fit, "fit", Mock(side_effect=UserError("it begins")))
    with pytest.raises(UserError, match="it begins"):
        train(card, root, name="tuned", training=tuned, **more)


def test_extra_captions_that_cannot_be_used_are_said_before_a_step(
    card: dict[str, object], small_clotho: Path, tmp_path: Path
) -> None:
    root = rewrites(shutil.copytree(small_clotho, tmp_path / "rewritten"))
    with (root / "rewrites.csv").open("a") as file:
        file.write("clotho,development,unknown.wav,0,0,a bell,a rule\nclotho,validation,0.wav,0,0,a bell,a rule\n")
    training = TRAINING | {"extra_captions": "rewrites.csv"}
    with pytest.raises(UserError, match=r"rewrites\.csv: 2 rows cannot be used") as refused:
        train(card, root, training=training)
    assert refused.value.problems == (
        "line 232: there is no clip 'unknown.wav' in clotho development",
        "line 233: 'clotho validation' is not what is trained on; expected clotho development",
    )
    assert not Path("weights/first/epochs").exists()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            {"extra_captions": "x.csv"},
            "extra_captions has texts of which the teachers estimate nothing; say `replaced: 0`",
        ),
        ({"temperature": "trained"}, "temperature is trained, and the estimates would change with it; say `constant`"),
        ({"replaced": 1}, "replaced: Input should be less than 1"),
    ],
)
def test_what_does_not_go_with_teachers(
    card: dict[str, object], small_clotho: Path, more: dict[str, object], expected: str
) -> None:
    with pytest.raises(UserError) as refused:
        train(card, small_clotho, training=TRAINING | {"teachers": ["linear"], "supervised": 0.5} | more)
    assert expected in " ".join((str(refused.value), *refused.value.problems))
    if "extra_captions" in more:
        TrainingConfig(**TRAINING | {"teachers": ["linear"], "supervised": 0.5, "replaced": 0} | more)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_training_that_another_process_finished_meanwhile_is_not_done_again(
    card: dict[str, object], small_clotho: Path, monkeypatch: pytest.MonkeyPatch, processes: str
) -> None:
    training = TRAINING | {"epochs": 1}

    @contextmanager
    def held_by_another(*lock: Any) -> Iterator[None]:
        monkeypatch.setattr(two_stage, "exclusive", exclusive)
        monkeypatch.setenv("WORLD_SIZE", "1")
        train(card, small_clotho, training=training)
        monkeypatch.setenv("WORLD_SIZE", processes)
        with exclusive(*lock):
            yield

    monkeypatch.setattr(two_stage, "exclusive", held_by_another)
    if processes == "1":
        line, told = train(card, small_clotho, training=training)
        assert line.startswith("weights/first/card.yaml: trained before, mAP@10 0.")
        assert not any("epoch" in one for one in told)
    else:
        # The other processes of this training wait for the first one, which has to stop them.
        with pytest.raises(UserError, match="first/card.yaml: trained before, .*: another process did so meanwhile"):
            train(card, small_clotho, training=training)


@pytest.mark.slow
def test_several_processes_train_one_system(card: dict[str, object], small_clotho: Path) -> None:
    # Of what is drawn, dropout alone depends on how a step is divided.
    card["text"] |= {"dropout": 0}  # type: ignore[operator]
    Path("first.yaml").write_text(yaml.safe_dump(card))
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--no-python"]
    command = own_command("train", "first.yaml", "--data-root", str(small_clotho), "--device", "cpu")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([*launch, *command], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("first: epoch 2 of 2") == 1
    assert not Path("weights/first/epochs").exists()
    train(card, small_clotho, name="alone")
    together, single = (
        json.loads(Path(f"weights/{name}/training.json").read_text())["epochs"] for name in ("first", "alone")
    )
    for one, other in zip(together, single, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-3)
        assert one["reached"] == pytest.approx(other["reached"], abs=0.05)


def test_a_trained_card_trains_again(card: dict[str, object], small_clotho: Path) -> None:
    train(card, small_clotho)
    said = yaml.safe_load(Path("weights/first/card.yaml").read_text())
    Path("weights/first/card.yaml").write_text(yaml.safe_dump(said | {"name": "other"}))
    line = trainer_of("weights/first/card.yaml", device="cpu")(Path("out"), small_clotho, lambda *_: lambda _: None)
    assert line.startswith("out/other/card.yaml")


def test_a_card_changed_since_the_stop_is_refused(
    card: dict[str, object], small_clotho: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_: object, folder: Path, **__: object) -> None:
        (folder / "last.ckpt").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(fit, "fit", stopped)
    with pytest.raises(KeyboardInterrupt):
        train(card, small_clotho)
    with pytest.raises(UserError, match=r"weights/first/epochs holds epochs .* its card changed; undo that, or delete"):
        train(card, small_clotho, training=TRAINING | {"batch": 4})
    with pytest.raises(KeyboardInterrupt):
        train(card, small_clotho)
    Path("weights/first/epochs/last.ckpt").unlink()
    with pytest.raises(KeyboardInterrupt):
        train(card, small_clotho, training=TRAINING | {"batch": 4})


def test_a_teacher_trained_again_is_another_teacher(card: dict[str, object], small_clotho: Path) -> None:
    train(card, small_clotho)
    path = "weights/first/card.yaml"
    taught = card | {"name": "taught", "training": TRAINING | {"teachers": [path], "supervised": 0}}
    train(taught, small_clotho)
    assert "trained before" in train(taught, small_clotho)[0]
    train(card, small_clotho, training=TRAINING | {"seed": 1})
    assert "trained before" not in train(taught, small_clotho)[0]
    Path("weights/taught/taught.safetensors").unlink()
    assert "trained before" not in train(taught, small_clotho)[0]


@pytest.mark.parametrize(
    ("file", "harm"),
    [
        ("first.safetensors", lambda whole: whole[:-1] + bytes([whole[-1] ^ 1])),
        ("first.safetensors", lambda whole: whole[: len(whole) // 2]),
        ("training.json", lambda whole: whole.replace(b'"reached": 0.', b'"reached": 1.')),
    ],
)
def test_what_is_damaged_was_not_trained_before(
    card: dict[str, object], small_clotho: Path, file: str, harm: Callable[[bytes], bytes]
) -> None:
    once = TRAINING | {"epochs": 1}
    train(card, small_clotho, training=once)
    path = Path("weights/first") / file
    whole = path.read_bytes()
    path.write_bytes(harm(whole))
    if file == "first.safetensors":
        with pytest.raises(UserError, match=r"first\.safetensors is damaged, or was changed.*train it, again"):
            load_system("weights/first/card.yaml", device="cpu")
    line, told = train(card, small_clotho, training=once)
    assert "trained before" not in line
    assert any("trained before, but weights/first/" in one and one.endswith("; trained again") for one in told)
    if file == "first.safetensors":
        assert path.read_bytes() == whole
    assert "trained before" in train(card, small_clotho, training=once)[0]


def test_weights_of_an_earlier_version_that_were_cut_short_were_not_trained_before(
    card: dict[str, object], small_clotho: Path
) -> None:
    once = TRAINING | {"epochs": 1}
    train(card, small_clotho, training=once)
    Path("weights/first/checksums.xxh128").unlink()
    assert "trained before" in train(card, small_clotho, training=once)[0]
    path = Path("weights/first/first.safetensors")
    path.write_bytes(path.read_bytes()[:-1])
    line, told = train(card, small_clotho, training=once)
    assert "trained before" not in line
    assert any("cannot be read as safetensors" in one for one in told)


def test_a_card_that_was_edited_since_counts_and_is_named(
    card: dict[str, object], small_clotho: Path, caplog: pytest.LogCaptureFixture
) -> None:
    once = TRAINING | {"epochs": 1}
    train(card, small_clotho, training=once)
    path = Path("weights/first/card.yaml")
    load_system(str(path), device="cpu")
    assert caplog.messages == []
    path.write_text(path.read_text() + "about: mine\n")
    assert "trained before" in train(card, small_clotho, training=once)[0]
    assert load_system(str(path), device="cpu").info.card["about"] == "mine"
    (line,) = caplog.messages
    assert line.startswith(f"card {path.resolve()} was edited, or damaged, since training wrote it")


def test_paths_of_others_go_from_the_card(card: dict[str, object], small_clotho: Path) -> None:
    train(card, small_clotho)
    Path("cards").mkdir()
    training = TRAINING | {"start": "../weights/first/card.yaml", "epochs": 1}
    line = train_dual_encoder(
        card | {"name": "second", "training": training}, Path("cards"), Path("weights"), small_clotho, device="cpu"
    )
    assert line.startswith("weights/second/card.yaml")
    written = yaml.safe_load(Path("weights/second/card.yaml").read_text())
    assert written["training"]["start"] == "../first/card.yaml"


@pytest.fixture
def leaking(small_clotho: Path, tmp_path: Path) -> Path:
    """A data root whose evaluation split has two clips of the development split, by name."""
    root = shutil.copytree(small_clotho, tmp_path / "root")
    rows = (root / "clotho_captions_development.csv").read_text().splitlines()
    (root / "clotho_captions_evaluation.csv").write_text("\n".join(rows[:3]) + "\n")
    return root


def test_evaluation_clips_are_left_out_or_told_of(card: dict[str, object], leaking: Path) -> None:
    training = TRAINING | {"epochs": 1}
    _, told = train(card, leaking, training=training)
    assert "first: 2 training clips are left out, being evaluation clips" in told
    record = json.loads(Path("weights/first/training.json").read_text())
    assert record["leaks"]["what"] == "exclude"
    assert len(record["leaks"]["items"]) == 2
    _, told = train(card, leaking, name="allowed", training=training | {"leaks": "allow"})
    assert "allowed: 2 training clips are evaluation clips; the record says so" in told
    elder = "weights/allowed/card.yaml"
    with pytest.raises(UserError, match="was allowed to learn from evaluation clips, and this card would learn them"):
        train(card, leaking, name="third", training=training | {"start": elder})


def test_a_system_that_learns_an_evaluation_split_is_not_evaluated_on_it(
    card: dict[str, object], small_clotho: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(small_clotho, tmp_path / "whole")
    shutil.copytree(root / "validation", root / "evaluation")
    shutil.copy(root / "clotho_captions_validation.csv", root / "clotho_captions_evaluation.csv")
    everything = ["clotho", "clotho/evaluation"]
    training = TRAINING | {"data": everything, "epochs": 1}
    with pytest.raises(UserError, match="trained_on lacks clotho/evaluation, which training.data names; say it there"):
        train(card, root, training=training)
    _, told = train(card, root, training=training, trained_on=everything)
    assert not any("evaluation clips" in line and "not checked" not in line for line in told)
    # Whoever starts from it has learned the same.
    card["trained_on"] = ["clotho"]
    train(card, root, name="tuned", training=TRAINING | {"epochs": 1, "start": "weights/first/card.yaml"})
    for name in ("first", "tuned"):
        system = load_system(f"weights/{name}/card.yaml", device="cpu")
        assert system.info.trained_on == ("clotho", "clotho/evaluation")
        with pytest.raises(UserError, match=f"{name} was trained on clotho/evaluation, as its card says, and cannot"):
            evaluate(system, "clotho-dcase2024", Options(data_root=root))
    choosing = ["clotho", "clotho/validation"]
    with pytest.raises(UserError, match="clotho validation cannot both be trained on and choose the checkpoint"):
        train(card, root, training=TRAINING | {"data": choosing}, trained_on=choosing)


def test_broken_clips_are_left_out_where_asked_for(
    card: dict[str, object], small_clotho: Path, broken_clotho: Path
) -> None:
    training = TRAINING | {"epochs": 1}
    with pytest.raises(UserError, match="2 of 24 clips .* before training on clotho development, or leave them out by"):
        train(card, broken_clotho, training=training)
    _, told = train(card, broken_clotho, training=training, skip_broken=True)
    development = "without 2 of 24 clips of clotho development, which are broken: 3.wav, 5.wav"
    validation = "without 1 of 8 clips of clotho validation, which are broken: 2.wav"
    assert told[-3:-1] == [f"first: trained {development}", f"first: trained {validation}"]
    record = json.loads(Path("weights/first/training.json").read_text())
    assert [one["clip"] for one in record["broken"]["clotho development"]] == ["3.wav", "5.wav"]
    path = "weights/first/card.yaml"
    assert yaml.safe_load(Path(path).read_text())["trained_without"] == [development, validation]
    # A system that stands on it says so too, and one that is trained again on whole data does not.
    taught = training | {"start": path, "teachers": [path, "linear"], "supervised": 0.5}
    train(card, small_clotho, name="taught", training=taught)
    system = load_system("weights/taught/card.yaml", device="cpu")
    assert trained_without(system.info.card) == (f"first {development}", f"first {validation}")
    train(card, small_clotho, name="whole", training=training)
    assert "trained_without" not in yaml.safe_load(Path("weights/whole/card.yaml").read_text())
    assert two_stage._inherited(TrainingConfig(data=["clotho"], validation="clotho", start="mine:from_card")) == []


def test_a_tracking_server_that_is_away_costs_a_line(
    card: dict[str, object], small_clotho: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    _, told = train(card, small_clotho, training=TRAINING | {"epochs": 1})
    assert told[-2].startswith("first: epoch 1 of 1")
    assert told[-1].startswith("MLflow at http://127.0.0.1:9 failed")
    assert "the curves are in the training's own record as well" in told[-1]


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"supervised": 1.2, "teachers": ["linear"]}, "training.supervised: Input should be less than or equal to 1"),
        ({"supervised": -0.1}, "training.supervised: Input should be greater than or equal to 0"),
        ({"supervised": 0.5}, "supervised is 0.5, so that something is to be estimated; name `teachers:`"),
        ({"teachers": ["linear"]}, "supervised is 1, so that the teachers would have no effect"),
        ({"teachers": ["nobody"], "supervised": 0}, "teacher 'nobody' cannot be used: unknown system 'nobody'"),
        ({"batch": 400}, "the training data have 24 clips, fewer than a batch of 400; lower `batch:`"),
        ({"data": ["moon"]}, "'moon' has no split for training"),
        ({"data": []}, "training.data: List should have at least 1 item"),
        ({"data": ["clotho", "clotho"]}, "clotho is named twice; name it once"),
        ({"data": ["folder"], "validation": "folder"}, "a folder has one split"),
        ({"seed": -1}, "training.seed: Input should be greater than or equal to 0"),
        ({"start": "passt-m3-clotho"}, "passt-m3-clotho lacks what it needs"),
    ],
)
def test_what_cannot_be_trained(
    card: dict[str, object], small_clotho: Path, training: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        train(card, small_clotho, training=TRAINING | training)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("precision", ["fp8", "fp16"])
def test_a_precision_a_processor_does_not_train_in(card: dict[str, object], small_clotho: Path, precision: str) -> None:
    with pytest.raises(UserError, match=f"cpu does not train in '{precision}'; expected fp32, bf16, fp16, fp16 not on"):
        train_dual_encoder(card, Path(), Path("weights"), small_clotho, device="cpu", precision=precision)


def test_a_card_without_a_training(card: dict[str, object], small_clotho: Path) -> None:
    del card["training"]
    with pytest.raises(UserError, match="card 'first' has no section `training:`"):
        train(card, small_clotho)
