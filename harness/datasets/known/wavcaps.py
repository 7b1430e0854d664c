"""WavCaps: machine-written captions for four sources of sound, for training only."""

from harness.datasets.entry import DatasetEntry, Split
from harness.datasets.readers import wavcaps

ENTRY = DatasetEntry(
    name="wavcaps",
    splits={"train": Split(captions_per_clip=1)},
    read=wavcaps.load,
    training="train",
    title="WavCaps",
    url="https://github.com/XinhaoMei/WavCaps",
    by_hand="WavCaps is for academic use and is not fetched: get json_files and Zip_files from the Hugging Face "
    "data set cvssp/WavCaps and unpack them as {home}/json_files and {home}/audio/<source>/<id>.flac",
    id_in_name=wavcaps.id_of,
)
