"""What matches, as teachers estimate it: the mean of their cosines, made per batch from stored embeddings.

A teacher's vectors of all clips and captions are computed once and kept as float16, at length one: 2 · d bytes each.
At d = 1024 the 403,050 clips of WavCaps and their captions are 1.65 GB a teacher; all their pairs would be 325 GB.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.errors import UserError
from harness.evaluation import EmbeddingJob, KeptRows, embed_in_batches
from harness.interface import RetrievalSystem, build_system, is_pair_scorer
from harness.machine import Progress, cache_root, embedding_key, installed_packages, kind_of, silent, system_code
from harness.measures import unit_vectors
from systems.training.data.training_set import Indices, TrainingSet

Half = NDArray[np.float16]


@dataclass(frozen=True, eq=False)
class Teacher:
    """A system's vectors of all that is learned from, at length one.

    Attributes:
        name: of the system.
        digest: what decides its output.
        clips: `(clips, d)`.
        captions: `(captions, d)`.
    """

    name: str
    digest: str
    clips: Half
    captions: Half

    @property
    def nbytes(self) -> int:
        """What it takes on the disk."""
        return self.clips.nbytes + self.captions.nbytes


def estimate(teachers: Sequence[Teacher], clips: Indices, captions: Indices, device: torch.device | str) -> Tensor:
    """The mean of the teachers' cosines, float32 `(clips, captions)` on the device.

    The vectors may be of different lengths: cosines are averaged, as in the paper (section 4), not vectors.

    Args:
        teachers: at least one.
        clips: which, by index into the training set.
        captions: which.
        device: where the product is made.
    """
    total = torch.zeros(len(clips), len(captions), device=device)
    for teacher in teachers:
        rows, columns = (
            torch.from_numpy(np.asarray(vectors)).to(device).float()
            for vectors in (teacher.clips[clips], teacher.captions[captions])
        )
        with torch.autocast(total.device.type, enabled=False):
            total += rows @ columns.T
    return total / len(teachers)


def teach(
    names: Sequence[str],
    data: TrainingSet,
    *,
    device: str = "auto",
    batch_size: int | None = None,
    progress: Progress = silent,
) -> tuple[Teacher, ...]:
    """Have every teacher's vectors, computing what is not kept; an interrupted computation goes on where it stopped.

    They are kept by content: another teacher's weights, other clips or other captions are other vectors.

    Args:
        names: of the teachers, as `build_system` takes them.
        data: what they embed.
        device: where.
        batch_size: how many clips or captions at once.
        progress: opened for each teacher and side.

    Raises:
        UserError: a teacher is missing, cannot be used, or fails.
    """
    return tuple(_teacher(name, data, device, batch_size, progress) for name in names)


def _teacher(name: str, data: TrainingSet, device: str, batch_size: int | None, progress: Progress) -> Teacher:
    try:
        built = build_system(name, device=device)
    except UserError as error:
        raise UserError(f"teacher {name!r} cannot be used: {error}", error.problems) from error
    system = built.system
    if is_pair_scorer(system):
        raise UserError(f"teacher {name!r} scores pairs and has no vectors to keep; name systems that embed")
    if getattr(system, "score", None) is not None:
        raise UserError(f"teacher {name!r} compares by a score of its own; estimates are means of cosines")
    code = system_code(system)
    if system.info.digest is None or code is None:
        raise UserError(f"teacher {name!r} does not say what decides its output (info.digest), so nothing can be kept")
    for store in data.stores:
        if store.sample_rate != system.info.sample_rate:
            raise UserError(
                f"teacher {name!r} hears {system.info.sample_rate} Hz where training is at {store.sample_rate} Hz"
            )
    how = (system.info.digest, code, kind_of(built.device), installed_packages())

    def vectors(side: str, content: str) -> Half:
        job: EmbeddingJob[object] = EmbeddingJob(
            system.info.name,
            side,
            count=len(data.clips) if side == "clip" else len(data.captions),
            read=data.read if side == "clip" else data.captions.__getitem__,
            embed=lambda items: unit_vectors(_embed(system, side, items)),
            batch_size=batch_size,
        )
        kept = KeptRows(_kept(embedding_key(*how, side, content)), np.float16)
        return embed_in_batches(job, kept, progress=progress)

    return Teacher(
        system.info.name,
        system.info.digest,
        vectors("clip", data.audio_digest),
        vectors("caption", data.captions_digest),
    )


def _embed(system: RetrievalSystem, side: str, items: Sequence[object]) -> NDArray[np.float32]:
    method = system.embed_audio if side == "clip" else system.embed_text
    return method(items)  # type: ignore[arg-type]


def _kept(key: str) -> Path:
    return cache_root() / "correspondences" / key
