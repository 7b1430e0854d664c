"""The first stage's loss: what belongs together is to be found among all else in the batch, in both directions."""

from torch import Tensor


def supervised_loss(similarities: Tensor, matching: Tensor, temperature: float) -> Tensor:
    """L_sup of the paper (arXiv 2408.11641, section 3): NT-Xent over clips and over captions, added up.

    For each pair that matches, the cross-entropy of its clip among the batch's clips given the caption, and of its
    caption among the captions given the clip; the mean over these pairs. All captions of a clip match it. The authors'
    code takes half of this.

    Args:
        similarities: cosines, `(clips, captions)`.
        matching: whether they belong together, of the same shape; at least one pair does.
        temperature: divides the cosines.

    >>> import torch
    >>> supervised_loss(torch.eye(3), torch.eye(3, dtype=torch.bool), temperature=0.05) < 1e-6
    tensor(True)
    """
    scaled = similarities.float() / temperature
    loss: Tensor = -(scaled.log_softmax(dim=0)[matching].mean() + scaled.log_softmax(dim=1)[matching].mean())
    return loss
