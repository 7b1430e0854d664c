"""The losses of the two stages, over the similarities of all clips and captions of a batch."""

import torch
from torch import Tensor


def supervised_loss(similarities: Tensor, matching: Tensor, temperature: float | Tensor) -> Tensor:
    """L_sup of the paper (arXiv 2408.11641, section 3): NT-Xent over clips and over captions, added up.

    For each pair that matches, the cross-entropy of its clip among the batch's clips given the caption, and of its
    caption among the captions given the clip; the mean over these pairs. All captions of a clip match it. The authors'
    code takes half of this.

    Args:
        similarities: cosines, `(clips, captions)`.
        matching: which of them belong together, of the same shape; at least one pair does.
        temperature: divides the cosines.

    >>> import torch
    >>> supervised_loss(torch.eye(3), torch.eye(3, dtype=torch.bool), temperature=0.05) < 1e-6
    tensor(True)
    """
    scaled = similarities.float() / temperature
    loss: Tensor = -(scaled.log_softmax(dim=0)[matching].mean() + scaled.log_softmax(dim=1)[matching].mean())
    return loss


def distillation_loss(similarities: Tensor, estimates: Tensor, temperature: float | Tensor) -> Tensor:
    """L_dist of the paper (arXiv 2408.11641, section 5): cross-entropies between estimated and own distributions.

    Both are softmaxes of cosines over the temperature: over the clips given each caption, and over the captions given
    each clip; the mean over captions and the mean over clips are added up. The authors' code takes half of this.

    Args:
        similarities: the student's cosines, `(clips, captions)`.
        estimates: the mean of the teachers' cosines, of the same shape; no gradient goes into them.
        temperature: divides both.

    >>> import torch
    >>> cosines = torch.eye(3)
    >>> bool(distillation_loss(cosines, cosines, 0.05) < distillation_loss(cosines.flip(0), cosines, 0.05))
    True
    """
    own, estimated = similarities.float() / temperature, estimates.detach().float() / temperature

    def cross_entropy(over: int) -> Tensor:
        return -(estimated.softmax(over) * own.log_softmax(over)).sum(over).mean()

    return cross_entropy(0) + cross_entropy(1)


def same_clip_loss(captions: Tensor, owners: Tensor, temperature: float | Tensor) -> Tensor:
    """The loss of a text encoder that learns, without any sound, which captions were written for one clip.

    For each two captions of a clip, the cross-entropy of the second among all other captions of the batch given the
    first; the mean over these pairs.

    Args:
        captions: unit vectors, `(captions, d)`.
        owners: the clip each was written for, `(captions,)`; at least one has two.
        temperature: divides the cosines.

    >>> import torch
    >>> vectors = torch.eye(2).repeat_interleave(2, dim=0)
    >>> right, wrong = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
    >>> bool(same_clip_loss(vectors, right, 0.05) < same_clip_loss(vectors, wrong, 0.05))
    True
    """
    itself = torch.eye(len(captions), dtype=torch.bool, device=captions.device)
    scaled = (captions.float() @ captions.float().T / temperature).masked_fill(itself, -torch.inf)
    together = (owners[:, None] == owners) & ~itself
    loss: Tensor = -scaled.log_softmax(dim=1)[together].mean()
    return loss
