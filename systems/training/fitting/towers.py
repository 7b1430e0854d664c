"""Pre-training: each tower of a dual encoder learns by itself, as the paper's encoders have when they meet.

The audio encoder learns the tags of clips, the text encoder which captions belong to one clip.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, normalize

from systems.training.data.batches import Batch
from systems.training.fitting.losses import same_clip_loss
from systems.training.fitting.module import Fitting

_CLIPS_AT_ONCE = 32


class TowersFitting(Fitting):
    """The pre-training of both towers. A linear layer on top of the audio encoder tells the tags, and is then dropped.

    Args:
        arguments: those of `Fitting`.
        tags: of the training clips.
        validation_tags: of the validation clips.
        validation_images: returns the images and the length of a validation clip.
    """

    def __init__(
        self,
        *arguments: Any,
        tags: Sequence[frozenset[str]],
        validation_tags: Sequence[frozenset[str]],
        validation_images: Callable[[int], tuple[Tensor, int]],
    ) -> None:
        super().__init__(*arguments)
        names = sorted(frozenset().union(*tags))
        with torch.random.fork_rng(devices=()):
            torch.default_generator.manual_seed(self.config.seed)
            self.tagger = nn.Linear(self.model.audio.width, len(names))
        self._tags = torch.from_numpy(_table(tags, names)).float()
        self._validation_tags, self._validation_images = _table(validation_tags, names), validation_images
        for projection in (self.model.audio_projection, self.model.text_projection):
            projection.requires_grad_(False)

    def loss(self, batch: Batch, generator: torch.Generator | None = None) -> Tensor:
        """The losses of both towers; since they share no weights, it does not matter how they are weighted."""
        logits = self.tagger(self.described(batch, generator)).float()
        tags = self._tags[torch.from_numpy(batch.draw.clips)].to(logits.device)
        of_tags = binary_cross_entropy_with_logits(logits, tags, reduction="sum") / len(tags)
        captions = normalize(self.model.describe_captions(batch.ids).float(), dim=-1)
        owners = self._owners[torch.from_numpy(batch.draw.captions)].to(captions.device)
        return self.config.loss_scale * (of_tags + same_clip_loss(captions, owners, self.divisor))

    def validated(self) -> float:
        """The mean average precision of the tags of the validation split."""
        from sklearn.metrics import average_precision_score

        self.model.eval()
        count, logits = len(self._validation_tags), []
        with torch.inference_mode():
            for start in range(0, count, _CLIPS_AT_ONCE):
                some = range(start, min(start + _CLIPS_AT_ONCE, count))
                images, lengths = zip(*map(self._validation_images, some), strict=True)
                logits.append(self.tagger(self.model.describe_images(images, lengths)).float().cpu())
        scores, truth = torch.cat(logits).numpy(), self._validation_tags
        return float(np.mean([average_precision_score(truth[:, tag], scores[:, tag]) for tag in _used(truth)]))


def _used(truth: NDArray[np.bool_]) -> list[int]:
    """The tags that some clips have and others have not."""
    return [tag for tag, share in enumerate(truth.mean(axis=0)) if 0 < share < 1]


def _table(tags: Sequence[frozenset[str]], names: Sequence[str]) -> NDArray[np.bool_]:
    """Which clip has which tag, `(clips, names)`."""
    return np.array([[name in of_clip for name in names] for of_clip in tags])
