"""What is missing for systems to run or to be trained, and the commands that get it."""

from pathlib import Path

import pytest

from harness.datasets.publication import missing as missing_module
from harness.datasets.publication.missing import Missing, MissingPart, missing_for

FILES = """
  weights: {{path: "{{name}}/weights.bin", origin: nobody published these}}
  encoder: {{path: {encoder}, urls: ["https://a/{encoder}"], size: 2_000_000, training_only: true}}
  tokenizer: {{path: tok, contents: {{vocab.json: "https://a/v"}}}}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the cards `first`, `second`, which starts from it, and `both`, made of these."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(missing_module, "lacks_unpacker", lambda: False)
    for name, training in (("first", ""), ("second", ", start: first.yaml, teachers: [first.yaml]")):
        Path(f"{name}.yaml").write_text(
            f"factory: m:f\ntrainer: m:t\nname: {name}\nfiles:{FILES.format(encoder=f'{name}.pt')}"
            f"training: {{data: [clotho], validation: clotho{training}}}\n"
        )
    Path("both.yaml").write_text("factory: m:f\nname: both\nmembers: [first.yaml, second.yaml]\n")
    return tmp_path


def captions(root: Path, *splits: str) -> None:
    for split in splits:
        (root / "clotho" / split).mkdir(parents=True)
        (root / "clotho" / split / "1.wav").touch()
        header, row = "file_name,caption_1,caption_2,caption_3,caption_4,caption_5", "1.wav,a,b,c,d,e"
        (root / "clotho" / f"clotho_captions_{split}.csv").write_text(f"{header}\n{row}\n")


def places(missing: Missing) -> list[str]:
    return [str(part.place) for part in missing.parts]


def test_a_training_needs_its_data_and_files_and_its_ancestors_theirs() -> None:
    missing = missing_for(["second.yaml"], Path("data"), training=True)
    assert places(missing) == ["data/clotho", "weights/first.pt", "weights/tok", "weights/first"]
    assert missing.parts[0].what.startswith("captions and audio of clotho development, validation, from https://doi")
    assert missing.parts[1] == MissingPart(Path("weights/first.pt"), "from https://a/first.pt", 2_000_000)
    assert missing.downloads == ("lbar data fetch clotho", "lbar systems fetch second.yaml --training")
    assert missing.training == "lbar train first.yaml"


def test_a_training_needs_the_splits_and_the_captions_that_it_names() -> None:
    card = Path("third.yaml")
    training = "{data: [clotho, audiocaps/test], validation: clotho, extra_captions: mine/more.csv}"
    card.write_text(f"factory: m:f\ntrainer: m:t\nname: third\ntraining: {training}\n")
    missing = missing_for(["third.yaml"], Path("data"), training=True)
    assert places(missing) == ["data/clotho", "data/audiocaps", "data/mine/more.csv"]
    assert "of audiocaps test, from" in missing.parts[1].what
    assert missing.parts[2].what.startswith("by hand, the further captions that third is trained on")
    Path("data/mine").mkdir(parents=True)
    Path("data/mine/more.csv").touch()
    assert "data/mine/more.csv" not in places(missing_for(["third.yaml"], Path("data"), training=True))


def test_what_is_trained_together_is_not_missing() -> None:
    missing = missing_for(["first.yaml", "second.yaml"], Path("data"), training=True)
    assert places(missing) == ["data/clotho", "weights/first.pt", "weights/tok"]
    assert missing.training == ""


def test_what_is_in_place_is_not_told() -> None:
    captions(Path("data"), "development", "validation")
    for file in ("weights/tok/vocab.json", "weights/first/weights.bin"):
        Path(file).parent.mkdir(parents=True)
        Path(file).touch()
    # It starts from the other system, so its own encoder is not needed.
    assert missing_for(["second.yaml"], Path("data"), training=True) == Missing((), ())
    assert missing_for(["first.yaml"], Path("data")) == Missing((), ())
    assert missing_for(["random", "m:f"], Path("data")).error("random") is None


def test_to_run_a_system_that_nobody_published_its_training_is_needed() -> None:
    missing = missing_for(["both.yaml"], Path("data"), splits=[("clotho", "evaluation")])
    assert places(missing)[-2:] == ["weights/first", "weights/second"]
    assert "clotho evaluation, development, validation" in missing.parts[0].what
    assert missing.training == "lbar train first.yaml second.yaml"


def test_the_commands_name_the_folders_that_were_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LBAR_WEIGHTS", "my weights")
    missing = missing_for(["second.yaml"], Path("elsewhere"), training=True)
    assert missing.downloads == (
        "lbar data fetch clotho --data-root elsewhere",
        "LBAR_WEIGHTS='my weights' lbar systems fetch second.yaml --training",
    )
    assert missing.training == "lbar train first.yaml --out 'my weights' --data-root elsewhere"


def test_captions_without_audio_and_a_captions_file_that_is_none() -> None:
    captions(Path("data"), "development", "validation")
    Path("data/clotho/development/1.wav").unlink()
    Path("data/clotho/clotho_captions_validation.csv").write_text("no captions\n")
    broken, audio, *_ = missing_for(["first.yaml"], Path("data"), training=True).parts
    assert audio.what.startswith("audio of clotho development, from")
    assert "clotho_captions_validation.csv" in broken.what
    assert broken.by_hand


def test_what_archives_are_unpacked_with_is_installed_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missing_module, "lacks_unpacker", lambda: True)
    install, *_ = missing_for(["first.yaml"], Path("data"), training=True).downloads
    assert install == "python -m pip install py7zr"
    assert missing_for([], Path("data"), splits=[("audiocaps", "test")]).downloads == ("lbar data fetch audiocaps",)


def test_what_no_command_gets_is_told_to_be_got_by_hand() -> None:
    missing = missing_for([], Path("data"), splits=[("audiocaps", "test"), ("wavcaps", "train")])
    assert missing.downloads == ("lbar data fetch audiocaps",)
    assert "get the videos' sound from YouTube yourself" in missing.parts[0].what
    error = missing.error("this")
    assert str(error) == (
        "this: 2 of the things needed are not here, about 860.0 MB; run `lbar data fetch audiocaps`, get by hand what "
        "is said so below, then run this command again"
    )
    assert error
    assert error.whole


def test_a_single_thing_and_no_command() -> None:
    Path("own.yaml").write_text("factory: m:f\nname: own\nfiles: {list: {path: list.txt}}\n")
    error = missing_for(["own.yaml"], Path("data")).error("own.yaml")
    head = "own.yaml: 1 of the things needed is not here; get it as is said below, then run this command again"
    assert str(error) == head
