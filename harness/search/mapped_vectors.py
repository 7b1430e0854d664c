"""The vectors of an index as one matrix in a file, which an exact search maps into memory."""

from contextlib import suppress

import numpy as np

from harness.audio import Array
from harness.errors import UserError
from harness.evaluation import KeptRows
from harness.machine import KeptFolder, Progress, silent
from harness.search.window_table import Places, WindowTable


def mapped_vectors(table: WindowTable, places: Places, *, progress: Progress = silent) -> Array:
    """The vectors of all windows, `(n, d)`, as a read-only memory map of a file in the cache.

    The file is made where it is not there, and compared with checksums whenever it is opened. Those of earlier states
    of the table are deleted, and what an indexing that was killed had embedded.

    Args:
        table: the windows.
        places: of the windows.
        progress: opened where the matrix is to be written.
    """
    kept = KeptRows(table.cache / places.digest, np.float32)
    vectors = kept.complete(
        len(places.row), lambda done: table.vectors(len(done)), progress("vectors for exact search", len(places.row))
    )
    for other in table.cache.iterdir():
        if other != kept.folder:
            # What another process is writing now stays.
            with suppress(UserError):
                KeptFolder("indexes", other, 0).delete()
    return vectors
