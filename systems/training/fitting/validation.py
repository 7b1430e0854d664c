"""The validation split, which chooses the checkpoint of a training; it is measured as in any evaluation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harness.audio import PcmStore
from harness.datasets import RetrievalDataset, described
from harness.evaluation import embedding_tiles, measure
from harness.interface import SystemInfo, metadata_digest, metadata_of
from harness.machine import Progress, embedding_key
from harness.protocols import RetrievalTask
from systems.audio import SAMPLE_RATE
from systems.dual_encoder import DualEncoder, keyword_ids
from systems.text import CaptionTokenizer
from systems.training.data.decoding import LeftOut, decoded
from systems.training.data.images import Images
from systems.training.data.training_set import task_on

_CLIPS_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class Validation:
    """A decoded validation split.

    Attributes:
        dataset: the split, without what was left out.
        task: to find each caption's clip.
        store: holds the clips.
        digest: of the task and of the samples of its clips.
        broken: what was left out for being broken.
        uses: the kinds of metadata that its clips have.
    """

    dataset: RetrievalDataset
    task: RetrievalTask
    store: PcmStore
    digest: str
    broken: tuple[LeftOut, ...]
    uses: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, dataset: RetrievalDataset, progress: Progress, *, uses: Sequence[str] = (), skip_broken: bool = False
    ) -> "Validation":
        """Decode a split, whose clips get the metadata that the system uses.

        Raises:
            UserError: clips are broken or missing, and not to be skipped.
        """
        store = PcmStore.of(dataset.name, SAMPLE_RATE)
        dataset, broken = decoded(dataset, store, progress, skip_broken=skip_broken)
        task = task_on(described(dataset, uses, evaluated=False))
        content = [task.digest, store.digest(dataset.clips), *([metadata_digest(task.clips, uses)] if uses else [])]
        return cls(dataset, task, store, embedding_key(*content), broken, tuple(uses))

    @property
    def name(self) -> str:
        """The name of the measure."""
        return self.task.protocol.primary

    def images(self, model: DualEncoder) -> Images:
        """The images of its clips, each computed once."""
        return Images(model, lambda clip: self.store.read(self.task.clips[clip]))

    def measure(self, tokenizer: CaptionTokenizer, images: Images | None = None) -> Callable[[DualEncoder], float]:
        """A function that returns a model's primary measure, text to audio, and leaves it in evaluation mode."""
        ids = tokenizer(self.task.captions)
        known = [metadata_of(clip, self.uses) for clip in self.task.clips]
        keywords = keyword_ids(tokenizer, known) if self.uses else None

        def embedded(model: DualEncoder, some: range) -> Tensor:
            if images is None:
                heard = [self.store.read(self.task.clips[clip]) for clip in some]
                return model.embed_clips(heard, 8, keywords=keywords and [keywords[clip] for clip in some])
            kept, lengths = zip(*map(images, some), strict=True)
            projected: Tensor = model.audio_projection(model.describe_images(kept, lengths))
            return projected

        def measured(model: DualEncoder) -> float:
            clips = len(self.task.clips)
            with torch.inference_mode():
                model.eval()
                audio = [
                    embedded(model, range(start, min(start + _CLIPS_AT_ONCE, clips)))
                    for start in range(0, clips, _CLIPS_AT_ONCE)
                ]
                text = model.embed_captions(ids)
            tiles = embedding_tiles(
                _Cosine(), self.task, torch.cat(audio).float().cpu().numpy(), text.float().cpu().numpy()
            )
            return measure(self.task, tiles).measures[0].value

        return measured


class _Cosine:
    """Stands for a system that compares by the cosine."""

    info = SystemInfo("in training", SAMPLE_RATE)
    embed_audio = embed_text = staticmethod(lambda _: np.zeros((0, 0), np.float32))
