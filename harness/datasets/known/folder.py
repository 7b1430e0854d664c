"""Any folder of recordings with one captions CSV; what it holds, only its owner knows."""

from harness.datasets.entry import DatasetEntry, Split
from harness.datasets.readers import folder

ENTRY = DatasetEntry(
    name="folder",
    splits={"all": Split()},
    read=folder.load,
    training="all",
    validation="all",
    by_hand="a folder of your own is not fetched: put a captions CSV (file_name,caption_1,...,caption_n) and the "
    "audio into {data_root}",
    named_by_title=True,
)
