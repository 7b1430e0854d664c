"""What is listened to: the bundled benchmark, an index, or a folder, of which an index is made first."""

from collections.abc import Sequence
from pathlib import Path

from harness.datasets import everyday_truth, load
from harness.errors import UserError
from harness.interface import look_at
from harness.machine import Progress, cache_root, embedding_key, silent
from harness.search import index_sounds, indexed_systems, open_index
from leaderboard.listening.searching import Collection

EVERYDAY = "everyday"
_PREFERRED = ("passt-distilled-all", "tags", "linear")
"""Systems for recordings of any kind, the best first; the first whose files are here is taken."""


def open_collection(
    what: str, systems: Sequence[str], *, device: str = "auto", progress: Progress = silent
) -> Collection:
    """Open what is to be listened to.

    Args:
        what: `everyday`, an index, or a folder with recordings, whose index is kept in the cache.
        systems: those that answer; by default all of the index, otherwise one that is here.
        device: where they run.
        progress: opened for what is to be prepared.

    Raises:
        UserError: there is nothing of that name, or it cannot be indexed or opened.
    """
    address, truth = what, None
    if what == EVERYDAY or not (found := indexed_systems(what)):
        folder, truth = (Path(what), None) if what != EVERYDAY else (_everyday(progress), everyday_truth)
        if not folder.is_dir():
            raise UserError(f"{what} is neither an index, nor a folder with recordings, nor {EVERYDAY}")
        address = str(cache_root() / "indexes" / embedding_key(str(folder.resolve())))
        systems = systems or [_system_for(what)]
        for system in systems:
            index_sounds([folder], system, address, device=device, progress=progress)
    else:
        systems = systems or found
    opened = {name: open_index(address, name, device=device, progress=progress) for name in systems}
    return Collection(Path(what).resolve().name if truth is None else EVERYDAY, opened, truth)


def _everyday(progress: Progress) -> Path:
    """The folder of the clips of the benchmark's evaluation split, which is rendered where it is not there."""
    return load(EVERYDAY, "evaluation", Path(), progress=progress).clips[0].path.parent


def _system_for(what: str) -> str:
    if what == EVERYDAY:
        return "linear"
    return next((name for name in _PREFERRED if not look_at(name).missing), _PREFERRED[-1])
