"""The vectors of an index as one matrix in a file, which an exact search maps into memory."""

import shutil

import numpy as np

from harness.audio import Array
from harness.evaluation import KeptRows
from harness.machine import Progress, cache_root, silent
from harness.search.window_table import Places, WindowTable


def mapped_vectors(table: WindowTable, places: Places, *, progress: Progress = silent) -> Array:
    """The vectors of all windows, `(n, d)`, as a read-only memory map of a file in the cache.

    The file is made where it is not there, and compared with checksums whenever it is opened. Those of earlier states
    of the table are deleted.

    Args:
        table: the windows.
        places: of the windows.
        progress: opened where the matrix is to be written.
    """
    folder = cache_root() / "indexes" / table.identity
    kept = KeptRows(folder / places.digest, np.float32)
    vectors = kept.complete(
        len(places.row), lambda done: table.vectors(len(done)), progress("vectors for exact search", len(places.row))
    )
    for earlier in folder.iterdir():
        if earlier != kept.folder:
            shutil.rmtree(earlier, ignore_errors=True)
    return vectors
