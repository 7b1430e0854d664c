"""Correspondences of clips and captions as teachers estimate them: the mean of the teachers' cosines.

A teacher's embeddings of all clips and captions are computed once and kept as unit vectors in float16, 2 · d bytes
each; the cosines are computed from them batch by batch. At d = 1024 the embeddings of the 403,050 clips of WavCaps and
their captions take 1.65 GB a teacher; the cosines of all their pairs would take 325 GB.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.errors import UserError
from harness.evaluation import Captions, Items, KeptRows, Workers, embed_in_batches
from harness.interface import build_system, is_pair_scorer, uses_of
from harness.machine import Progress, cache_root, embedding_key, installed_packages, kind_of, silent, system_code
from harness.measures import unit_vectors
from systems.training.data.training_set import Indices, TrainingSet
from systems.training.teachers.shares import forget_shares, in_shares

Half = NDArray[np.float16]


@dataclass(frozen=True, eq=False)
class Teacher:
    """A system's embeddings of the training data, as unit vectors.

    Attributes:
        name: of the system.
        digest: of the system, `info.digest`.
        clips: `(clips, d)`.
        captions: `(captions, d)`.
    """

    name: str
    digest: str
    clips: Half
    captions: Half

    @property
    def nbytes(self) -> int:
        """Bytes that the embeddings take on the disk."""
        return self.clips.nbytes + self.captions.nbytes


def estimate(teachers: Sequence[Teacher], clips: Indices, captions: Indices, device: torch.device | str) -> Tensor:
    """The mean of the teachers' cosines, float32 `(clips, captions)` on the device.

    Teachers may differ in their number of dimensions, since cosines are averaged, as in the paper (section 4), and not
    embeddings.

    Args:
        teachers: at least one.
        clips: indices into the training set.
        captions: indices into the training set.
        device: computes the cosines.
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
    on: str | None = None,
    progress: Progress = silent,
) -> tuple[Teacher, ...]:
    """Load every teacher's embeddings, or compute those not kept; an interrupted computation goes on where it stopped.

    They are kept under a key of everything that decides them: the teacher's weights, the clips and the captions.
    Processes that torchrun has started compute a share each, every one on the GPU of its local rank.

    Args:
        names: of the teachers, as `build_system` takes them.
        data: what they embed.
        device: the name PyTorch gives it, or `auto`.
        batch_size: number of clips or captions embedded at once.
        on: a Dask cluster whose workers embed; `None` is this process.
        progress: opened for each teacher's clips and for its captions.

    Raises:
        UserError: a teacher is missing, cannot be used, or fails.
    """
    return tuple(_teacher(name, data, device, batch_size, on, progress) for name in names)


def _teacher(
    name: str, data: TrainingSet, device: str, batch_size: int | None, on: str | None, progress: Progress
) -> Teacher:
    try:
        own = f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" and "LOCAL_RANK" in os.environ else device
        built = build_system(name, device=own, named_by="the card")
    except UserError as error:
        raise UserError(f"teacher {name!r} cannot be used: {error}", error.problems) from error
    system = built.system
    if is_pair_scorer(system):
        raise UserError(f"teacher {name!r} scores pairs and has no embeddings; name systems that embed")
    if getattr(system, "score", None) is not None:
        raise UserError(f"teacher {name!r} compares by a score of its own; estimates are means of cosines")
    code = system_code(system)
    if system.info.digest is None or code is None:
        raise UserError(f"teacher {name!r} has no info.digest, under which its embeddings could be kept")
    for store in data.stores:
        if store.sample_rate != system.info.sample_rate:
            raise UserError(
                f"teacher {name!r} takes clips at {system.info.sample_rate} Hz, training has {store.sample_rate} Hz"
            )
    uses = uses_of(system)
    known = data.metadata(uses)
    how = (system.info.digest, code, kind_of(built.device), installed_packages())
    workers = Workers(on, name, built.device) if on else None
    rank, ranks = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))

    def vectors(items: Items, side: str, content: str) -> Half:
        job = items.job(system, batch_size)
        kept = KeptRows(_kept(embedding_key(*how, side, content)), np.float16)
        if ranks > 1 and not workers:
            made = embed_in_batches(job, kept, rest=in_shares(kept, job, rank, ranks, unit_vectors), progress=progress)
            forget_shares(kept, rank, ranks)
            return made
        rest = workers.rest(system, items, batch_size) if workers else job.batches
        return embed_in_batches(job, kept, rest=lambda done: map(unit_vectors, rest(done)), progress=progress)

    return Teacher(
        system.info.name,
        system.info.digest,
        vectors(data.items(uses), "clip", embedding_key(data.audio_digest, known) if uses else data.audio_digest),
        vectors(Captions(data.captions), "caption", data.captions_digest),
    )


def _kept(key: str) -> Path:
    return cache_root() / "correspondences" / key
