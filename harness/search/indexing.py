"""Indexing: an index is made to hold what folders hold, of which only what is new or has changed is embedded."""

import logging
import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from harness.audio import Array
from harness.errors import UserError
from harness.evaluation import machines_on
from harness.machine import Progress, cache_root, embedding_key, exclusive, silent
from harness.search.approximate import build_approximate
from harness.search.hearing import HeardRecordings
from harness.search.mapped_vectors import mapped_vectors
from harness.search.recordings import header_of, plan, portions
from harness.search.searching_system import SearchingSystem
from harness.search.sound_progress import SoundProgress
from harness.search.window_table import Database, WindowTable

_log = logging.getLogger(__name__)


@dataclass
class Indexed:
    """What was done to an index.

    Attributes:
        added: number of recordings that were embedded, new or changed.
        removed: number of recordings that were taken out, gone or changed.
        kept: number of recordings that stayed as they are.
        windows: number of windows in the index.
        sound_seconds: of sound that was embedded.
        took_seconds: time that all of it took.
        broken: by recording, why it is left out.
        recall: of an approximate search, where its index was built: the share of the ten best that it finds.
    """

    added: int = 0
    removed: int = 0
    kept: int = 0
    windows: int = 0
    sound_seconds: float = 0.0
    took_seconds: float = 0.0
    broken: dict[str, str] = field(default_factory=dict)
    recall: float | None = None


def index_sounds(
    folders: Sequence[Path | str],
    system: str,
    out: Path | str,
    *,
    device: str = "auto",
    precision: str = "fp32",
    batch_size: int | None = None,
    approximate: bool = False,
    progress: Progress = silent,
    on: str | None = None,
) -> Indexed:
    """Index the recordings of folders, sub-folders included.

    What the index has of these folders is brought up to date: new and changed recordings are embedded, those that are
    gone are taken out. What it has of other folders, and of other systems, stays. Where it is of an earlier state of
    the system, all of that system is made anew. A second process at the same index waits.

    Args:
        folders: with recordings.
        system: a registered name, a card's path or `package.module:factory`.
        out: the index: a folder, or the address of an object store as LanceDB takes it.
        device: where the system runs.
        precision: `fp32` or `bf16`.
        batch_size: windows at once; `None` finds one that fits.
        approximate: build the index of an approximate search, too.
        progress: opened for the recordings, and for the seconds of their sound.
        on: the Dask cluster whose workers decode and embed, a portion of about an hour of sound each; see
            `harness.evaluation.spread`. `None` is this process.

    Raises:
        UserError: there is nothing to index, the system cannot be used or fails, or the index cannot be written. What
            is indexed stays, and the same call goes on from there.
    """
    began = perf_counter()
    # What is wrong with workers is told before anything is read.
    machines_on(on)
    searching = SearchingSystem(system, device=device, precision=precision, batch_size=batch_size, on=on)
    database = Database(out)
    with _alone(database):
        table = database.table(searching.about.named)
        if table is not None and table.about != searching.about:
            _log.warning("%s: %d windows of an earlier state of %s are replaced", out, len(table), system)
            table = None
        planned = plan([Path(folder) for folder in folders], table.states() if table else {})
        done = Indexed(removed=len(planned.stale), kept=planned.kept, broken=dict(planned.broken))
        if table is not None:
            table.remove(planned.stale)
        headers = {file: header_of(file) for file in planned.new}
        lengths = {file: header.seconds for file, header in headers.items()}
        shown = SoundProgress(progress, lengths)
        parts = ({file: headers[file] for file in files} for files in portions(lengths))
        heard_parts = (searching.hear(part, planned.new) for part in parts)
        kept = database.cache(searching.about.named) / "new"
        for heard, vectors in searching.each_embedded(heard_parts, kept, lambda heard: shown.of(heard.windows)):
            table = _add(heard, vectors, searching, database, table)
            shutil.rmtree(kept, ignore_errors=True)
            done.broken |= heard.broken
            done.added += len(heard.whole)
            done.sound_seconds += sum(recording.seconds for recording in heard.whole.values())
            shown.finish(len(heard.whole) + len(heard.broken))
        if table is None:
            broken = [f"{file}: {why}" for file, why in done.broken.items()]
            raise UserError(f"none of {len(broken):,} recordings can be used", broken)
        if done.added or done.removed:
            table.tidy()
        # What a search needs, so that the first one need not wait.
        unrelated = searching.unrelated
        places = table.places()
        vectors = mapped_vectors(table, places, progress=progress)
        if approximate:
            done.recall = build_approximate(table, places, vectors, unrelated)
        done.windows, done.took_seconds = len(table), perf_counter() - began
    return done


def _add(
    heard: HeardRecordings, vectors: Array, searching: SearchingSystem, database: Database, table: WindowTable | None
) -> WindowTable | None:
    """Add some recordings to the table, which is made where there is none."""
    # A recording that is broken in its middle has windows before that.
    rows = [row for row, (file, _) in enumerate(heard.windows) if file in heard.whole]
    if rows:
        table = table or database.create(searching.about, vectors.shape[1])
        windows = [(heard.whole[file], window) for file, window in heard.windows if file in heard.whole]
        table.add(windows, vectors[rows])
    return table


def _alone(database: Database) -> AbstractContextManager[None]:
    """Hold the lock of an index: in its folder, or in the cache for one in an object store."""
    folder = database.folder or cache_root() / "indexes" / embedding_key(database.address)
    return exclusive(folder / "lock", "an index of sounds", "--out")
