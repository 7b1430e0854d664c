from pathlib import Path

import pytest

from harness.errors import UserError
from harness.protocols.named import PROTOCOLS
from harness.submission.editions.profiles import editions, get_profile


@pytest.mark.parametrize(
    ("name", "label", "top", "header"),
    [
        ("dcase2022", "Primus_CP-JKU_task6b_1", "task6b", "caption,file_name_1"),
        ("dcase2023", "Xiao_HEU-HIT_task6b_3", "task6b", "caption,file_name_1"),
        ("dcase2024", "FalconPerez_Aalto_task8_2", "task8", "caption,fname_1"),
        ("dcase2025", "Filomeno_JKU_task6_1", "task6", None),
    ],
)
def test_editions(name: str, label: str, top: str, header: str | None) -> None:
    edition = get_profile(name)
    assert edition.label_pattern.fullmatch(label)
    assert not edition.label_pattern.fullmatch(label[:-1] + "5")
    assert not edition.label_pattern.fullmatch(label.replace("_task", "_x_task"))
    assert edition.top_folder == top
    assert edition.protocol in PROTOCOLS
    assert (edition.kind == "score-matrix") == (header is None)
    if header:
        assert ",".join(edition.header(1)) == header


def test_all_editions_are_read_and_are_called_like_their_files() -> None:
    assert [get_profile(name).name for name in editions()] == sorted(editions())


@pytest.mark.parametrize("name", ["dcase2022", "dcase2023", "dcase2024"])
@pytest.mark.parametrize("header", ["caption,file_name_1,file_name_2", "caption,fname_1,fname_2", "0,1,2"])
def test_known_spellings_of_columns(name: str, header: str) -> None:
    assert get_profile(name).variant_of(header.split(",")) is not None
    assert get_profile(name).variant_of([f" {cell.upper()} " for cell in header.split(",")]) is not None
    assert get_profile(name).variant_of(["query", *header.split(",")[1:]]) is None


def test_names_of_files() -> None:
    edition = get_profile("dcase2024")
    label = "Primus_CP-JKU_task8_2"
    assert edition.named(edition.package, label) == "Primus_CP-JKU.zip"
    assert edition.named(edition.report, label) == "Primus_CP-JKU_task8.technical_report.pdf"
    assert edition.named(edition.output, label) == "Primus_CP-JKU_task8_2.output.csv"


def test_the_next_edition_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "dcase2027.yaml").write_text(
        "base: dcase2025\nname: dcase2027\ntask: '9'\nprotocol: clotho-dcase2025\n"
    )
    (tmp_path / "ours.yaml").write_text("base: dcase2027.yaml\nname: ours\nmost_systems: 2\n")
    edition = get_profile(str(tmp_path / "ours.yaml"))
    assert (edition.kind, edition.top_folder, edition.most_systems) == ("score-matrix", "task9", 2)
    assert edition.label_pattern.fullmatch("Primus_JKU_task9_1")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("base: dcase2022\ndepht: 5\n", "depht: unknown field; did you mean 'depth'"),
        ("base: dcase2022\ndepth: null\n", "a ranked list has a depth"),
        ("base: dcase2022\nlabel: '(?P<author>x'\n", "label is no regular expression"),
        ("base: dcase2022\nlabel: 'x'\n", "label lacks the group author, index, institute"),
        ("- x\n", "is no list of fields"),
        ("{\n", "cannot be read"),
        ("base: mine.yaml\n", "builds on itself"),
        ("base: dcase1999\n", "unknown profile 'dcase1999'; known are dcase2022"),
    ],
)
def test_what_is_wrong_with_a_profile_is_said(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "mine.yaml").write_text(content)
    with pytest.raises(UserError) as caught:
        get_profile(str(tmp_path / "mine.yaml"))
    assert message in " ".join((str(caught.value), *caught.value.problems))
