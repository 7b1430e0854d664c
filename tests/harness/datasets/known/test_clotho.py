import csv
import re
from pathlib import Path

import pytest

from harness.datasets.known import load, selected_splits
from harness.datasets.readers.captions_csv import read_split
from harness.errors import UserError

CAPTIONS = b'file_name,caption_1,caption_2\r\n rain .wav,it rains,drops\r\na&#39;b.wav,"one, two",x \r\n'


@pytest.mark.parametrize(
    ("csv_folder", "audio_folder"),
    [
        ("", "evaluation"),
        ("clotho_v2", "clotho_v2/evaluation"),
        ("CLOTHO_v2.1/clotho_csv_files", "CLOTHO_v2.1/clotho_audio_files/evaluation"),
        ("clotho_csv_files", "clotho_audio_files/evaluation"),
    ],
)
def test_official_and_aac_layouts(tmp_path: Path, csv_folder: str, audio_folder: str) -> None:
    (tmp_path / csv_folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / csv_folder / "clotho_captions_evaluation.csv").write_bytes(CAPTIONS)
    dataset = load("clotho", "evaluation", tmp_path)
    assert [clip.path for clip in dataset.clips] == [
        tmp_path / audio_folder / " rain .wav",
        tmp_path / audio_folder / "a&#39;b.wav",
    ]
    assert [query.text for query in dataset.queries] == ["it rains", "drops", "one, two", "x "]
    assert dataset.root == tmp_path / csv_folder


def test_a_split_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"clotho_captions_validation.csv or .* not found .*`lbar data fetch clotho`"):
        load("clotho", "validation", tmp_path)


def test_read_split_serves_data_sets_laid_out_alike(tmp_path: Path) -> None:
    path = tmp_path / "captions.csv"
    path.write_bytes(CAPTIONS)
    dataset = read_split(path, tmp_path / "audio", "everyday", "validation")
    assert (dataset.name, dataset.split, dataset.clips[0].path) == (
        "everyday",
        "validation",
        tmp_path / "audio" / " rain .wav",
    )


@pytest.mark.shared
def test_names_and_captions_of_clotho_are_verbatim(shared: Path) -> None:
    texts, names = 0, 0
    for split, line_end in (("development", "\r\n"), ("validation", "\r\n"), ("evaluation", "\n")):
        dataset = load("clotho", split, shared / "data" / "clotho")
        # The file is put together again from the data set alone.
        lines = [["file_name", *(f"caption_{number}" for number in range(1, 6))]]
        lines += [[clip.name] for clip in dataset.clips]
        for query in dataset.queries:
            lines[1 + query.clip].append(query.text)
        again = shared / "data" / "clotho" / f"clotho_captions_{split}.csv"
        quoted = (",".join(f'"{cell}"' if "," in cell else cell for cell in line) for line in lines)
        assert "".join(line + line_end for line in quoted).encode() == again.read_bytes()
        names += len(dataset.clips)
        texts += len(dataset.queries)
    assert (names, texts) == (5929, 29645)


@pytest.mark.shared
def test_the_traps_of_clotho_are_among_what_is_kept(shared: Path) -> None:
    splits = [load("clotho", split, shared / "data" / "clotho") for split in selected_splits("clotho")]

    def count(pattern: str) -> list[int]:
        return [sum(re.search(pattern, clip.name) is not None for clip in dataset.clips) for dataset in splits]

    assert count(r"^ ") == [2, 1, 0]
    assert count(r" \.wav$") == [39, 16, 9]
    assert count(r",") == [134, 37, 32]
    assert count(r"&#?\w+;") == [53, 10, 9]
    outer_blanks = [sum(query.text != query.text.strip() for query in dataset.queries) for dataset in splits]
    assert outer_blanks == [10, 0, 4]


@pytest.mark.shared
def test_the_2022_ground_truth_is_the_evaluation_split(shared: Path) -> None:
    with (shared / "data/dcase/baseline_dcase2022.test.gt.csv").open(newline="", encoding="utf-8") as lines:
        expected = [row["file_name"] for row in csv.DictReader(lines)]
    assert [clip.name for clip in load("clotho", "evaluation", shared / "data").clips] == expected
