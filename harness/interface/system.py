"""What the harness needs of a system: the contract between it and a participant's code."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from warnings import warn

from harness.audio import Array

if TYPE_CHECKING:
    from typing_extensions import TypeIs


@dataclass(frozen=True, slots=True)
class SystemInfo:
    """What a system tells the harness of itself; it is copied into every record.

    Attributes:
        name: of the system, as tables show it.
        sample_rate: Hz; the harness resamples every clip to it.
        parameters: number of parameters used at inference, of all parts together.
        trained_on: names of the data sets used for training, pre-training included.
        licence: of the weights, as an SPDX identifier where there is one.
        source: where it comes from: a paper, an address, a repository.
        digest: SHA-256 over everything that decides its output (card and weights). `None` means unknown: then nothing
            the system computes is kept for a later evaluation.
        card: the fields of the card it was built from; `None` where there is none.
        uses: kinds of metadata that it uses beside the sound of a clip: `keywords`; or `name`, for a system that looks
            up what was computed elsewhere.
    """

    name: str
    sample_rate: int
    parameters: int = 0
    trained_on: tuple[str, ...] = ()
    licence: str = ""
    source: str = ""
    digest: str | None = None
    card: dict[str, object] | None = None
    uses: tuple[str, ...] = ()


@runtime_checkable
class RetrievalSystem(Protocol):
    """Embeds clips and captions as vectors of one space.

    A system may also define `score(text, audio)`, which turns embeddings of shapes `(m, d)` and `(n, d)` into a float32
    array of shape `(m, n)`, higher meaning a better match. Without it the harness takes the cosine in float32.

    A system may set the attribute `accepts_int16` to true. Where the harness has stored clips it then passes them as
    they are stored: read-only int16 arrays in which 32,768 stands for 1. Such a system still has to accept float32 as
    well. This saves a copy, and half of what is sent to a GPU.

    A system may set the attribute `decided_by_files` to true where its `info` depends on nothing but its card, the
    files that the card names, the code of its own package and installed packages. The harness then keeps what it says,
    and finds a finished evaluation of it without building it.

    A system whose `info.uses` names kinds of metadata gets these beside the samples: one `Metadata` for each clip, as
    the second argument of `embed_audio`, or the third of `score_pairs`. A clip may have nothing of a kind.
    """

    info: SystemInfo

    def embed_audio(self, clips: Sequence[Array]) -> Array:
        """Embed mono float32 clips in [-1, 1] at `info.sample_rate`, of any lengths, as an `(n, d)` array."""
        ...

    def embed_text(self, captions: Sequence[str]) -> Array:
        """Embed captions, verbatim as in the data set, as an `(m, d)` array."""
        ...


class PairScorer(Protocol):
    """A cross-encoder: it scores a caption and a clip together and has no embeddings of either."""

    info: SystemInfo

    def score_pairs(self, captions: Sequence[str], clips: Sequence[Array]) -> Array:
        """Score captions and clips pair by pair, shape `(n,)` for `n` of each; higher means a better match."""
        ...


System = RetrievalSystem | PairScorer
"""A system that can be evaluated."""


def accepts_int16(system: object) -> bool:
    """Whether a system takes clips as int16; the attribute's earlier name `hears_pcm` still works, with a warning."""
    if getattr(system, "hears_pcm", False):
        _warn_of_earlier_name(type(system).__qualname__)
        return True
    return bool(getattr(system, "accepts_int16", False))


@cache
def _warn_of_earlier_name(name: str) -> None:
    warn(f"{name}.hears_pcm is now called accepts_int16; rename it", DeprecationWarning, stacklevel=3)


def is_pair_scorer(system: object) -> "TypeIs[PairScorer]":
    """Whether a system scores pairs instead of embedding: whether it has that method, be its `info` right or wrong."""
    return callable(getattr(system, "score_pairs", None))
