from typing import Any

import pytest
import yaml

from harness.interface.cards.card import common_part, read_card
from harness.runs.records import SystemRecord
from harness.submission.editions.profiles import editions, get_profile
from harness.submission.meta.author_checks import LONGEST_ABBREVIATION
from harness.submission.meta.document import read_meta
from harness.submission.meta.filling import abbreviated, filled, known, overridden, unknown_parts, written
from harness.submission.meta.template import AUTO, PLACEHOLDERS, template

EDITION = get_profile("dcase2024")


def system(name: str) -> SystemRecord:
    card = read_card(name)[0]
    part = common_part(card)
    return SystemRecord(
        name=part.name,
        sample_rate=32000,
        parameters=part.parameters or 0,
        trained_on=part.all_training_data,
        licence="",
        source="",
        digest="x",
        code=None,
        card=card,
    )


def test_what_a_card_says_of_a_distilled_system() -> None:
    said = known(EDITION, system("passt-m3-clotho"), {"mAP@10": 0.31251234567})
    assert said["system"]["description"] == {
        "input_sampling_rate": "32kHz",
        "acoustic_features": "log-mel energies",
        "text_embeddings": "RoBERTa-large",
        "audio_augmentation": None,
        "text_augmentation": None,
        "learning_scheme": "distillation of estimated correspondences",
        "ensemble": None,
        "audio_modelling": "PaSST",
        "text_modelling": "RoBERTa-large",
        "loss_function": "cross-entropy with estimated correspondences",
        "optimizer": "Adam",
        "learning_rate": None,
        "metric_monitored": "mAP@10",
    }
    assert said["system"]["complexity"] == {"total_parameters": 442269470}
    assert [entry["name"] for entry in said["system"]["train_datasets"]] == [
        "ImageNet",
        "AudioSet",
        "Clotho-development",
    ]
    assert [entry["name"] for entry in said["system"]["validation_datasets"]] == ["Clotho-validation"]
    assert said["results"]["development_testing"] == {"mAP@10": 0.312512, "R@1": None, "R@5": None, "R@10": None}


def test_the_first_stage_learns_otherwise() -> None:
    description = known(EDITION, system("mn-stage1-clotho"), {})["system"]["description"]
    assert (description["learning_scheme"], description["loss_function"]) == ("supervised", "NT-Xent")
    assert description["audio_modelling"] == "MobileNetV3"


def test_an_ensemble_is_what_its_members_are() -> None:
    description = known(EDITION, system("fusion-m3-clotho"), {})["system"]["description"]
    assert description["ensemble"] == 3
    assert description["audio_modelling"] == ["PaSST", "ATST-Frame", "MobileNetV3"]
    assert description["text_modelling"] == "RoBERTa-large"


def test_the_learning_rate_is_the_highest_of_the_schedule() -> None:
    assert known(EDITION, system("tiny-mn"), {})["system"]["description"]["learning_rate"] == 0.003


def test_a_system_without_a_card() -> None:
    bare = SystemRecord(
        name="mine", sample_rate=22050, parameters=7, trained_on=(), licence="", source="", digest=None, code=None
    )
    said = known(EDITION, bare, {})
    assert said["submission"] == {"name": "mine", "abbreviation": "mine"}
    assert said["system"]["description"]["input_sampling_rate"] == "22.05kHz"
    assert said["system"]["train_datasets"] is None


def test_what_a_person_says_stays() -> None:
    ours = known(EDITION, system("linear"), {"mAP@10": 0.5})
    person: dict[str, Any] = {
        "submission": {"label": "x", "name": "ours", "odd": [1]},
        "system": {"description": {"audio_encoder": "mel", "loss_function": AUTO}, "complexity": AUTO, "macs": 3},
        "extra": {"deep": {"er": AUTO}},
    }
    document = filled(person, ours)
    assert document["submission"] == {"label": "x", "name": "ours", "odd": [1], "abbreviation": "linear"}
    assert document["system"]["description"] == {"audio_encoder": "mel", "loss_function": "squared error"}
    assert document["system"]["complexity"] == {"total_parameters": 107959}
    assert document["system"]["macs"] == 3
    assert document["extra"] == {"deep": {"er": None}}
    assert document["results"] == ours["results"]
    assert unknown_parts(document, person) == ["er"]


def test_what_is_said_of_one_system_alone() -> None:
    person = {"submission": {"name": "all", "x": 1}, "systems": {"linear": {"submission": {"name": "one"}}}}
    assert overridden(person, "linear") == {"submission": {"name": "one", "x": 1}}
    assert overridden(person, "random") == {"submission": {"name": "all", "x": 1}}


@pytest.mark.parametrize("name", sorted(editions()))
def test_the_template_is_a_meta_file_with_every_key(name: str) -> None:
    edition = get_profile(name)
    text = template(edition)
    document = read_meta(text.encode())
    assert (document.complaint, document.tabs, document.after_null, document.glued) == (None, (), (), ())
    said = yaml.safe_load(text)
    assert list(said["system"]["description"]) == list(edition.described_by)
    assert list(said["results"][edition.results.section]) == list(edition.results.measures)
    assert said["submission"]["label"] == edition.example_label
    author = said["submission"]["authors"][0]
    assert {author["lastname"], author["firstname"], author["email"]} <= PLACEHOLDERS
    assert all(line.rstrip() == line for line in text.splitlines())


@pytest.mark.parametrize(
    "name", ["a", "linear", "passt-m3-clotho", "a-b-c-d-e-f-g-h", "averyveryverylongname", "---", ""]
)
def test_abbreviations_are_short(name: str) -> None:
    assert len(abbreviated(name)) <= LONGEST_ABBREVIATION


def test_what_is_written_is_read_back() -> None:
    document = {"a": "No", "b": 2e-5, "c": None, "d": "ä: b", "e": [True, "2e-5"]}
    assert yaml.safe_load(written(document)) == document
