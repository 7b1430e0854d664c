"""The second stage's loss: clips and captions are to match as far as teachers estimate that they do."""

from torch import Tensor


def distillation_loss(similarities: Tensor, estimates: Tensor, temperature: float) -> Tensor:
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
