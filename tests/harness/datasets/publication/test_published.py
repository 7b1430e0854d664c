from harness.datasets.known import SPLITS
from harness.datasets.publication.published import FILES, GET_YOURSELF, PublishedFile
from harness.datasets.publication.published import SPLITS as PUBLISHED


def test_every_file_has_a_checksum_an_address_and_a_split_of_its_data_set() -> None:
    for name, files in FILES.items():
        assert len({file.path for file in files}) == len({file.url for file in files}) == len(files)
        for file in files:
            assert len(file.md5) == 32
            assert set(file.md5) <= set("0123456789abcdef")
            assert file.url.startswith("https://")
            assert file.split in SPLITS[name]


def test_every_captions_file_is_offered_and_every_data_set_has_a_way_to_get_it() -> None:
    checksums = {file.md5 for files in FILES.values() for file in files}
    assert {split.captions_md5 for split in PUBLISHED.values()} <= checksums
    assert SPLITS.keys() == FILES.keys() | GET_YOURSELF.keys()


def test_clotho_comes_from_its_record() -> None:
    archives = [file for file in FILES["clotho"] if file.is_archive]
    assert archives[0] == PublishedFile(
        "clotho_audio_evaluation.7z",
        "4569624ccadf96223f19cb59fe4f849f",
        "https://zenodo.org/records/4783391/files/clotho_audio_evaluation.7z?download=1",
        "evaluation",
    )
    assert [file.split for file in archives] == ["evaluation", "validation", "development"]
