"""How to run an evaluation or a prediction."""

from dataclasses import dataclass
from pathlib import Path

from harness.predictions import Format


@dataclass(frozen=True, slots=True)
class Options:
    """How to run an evaluation; only `precision`, `skip_broken` and `limit` may change a result.

    Attributes:
        data_root: folder with the data sets.
        out: folder that receives the run folder.
        device: what the system was built for, in torch's words, or `own` where it chooses for itself.
        precision: what the system was built for.
        batch_size: clips or captions at once; `None` finds one that fits.
        skip_broken: evaluate without broken clips; the record says so and is not comparable.
        limit: evaluate on so many clips only, for a quick look; the record says so and is not comparable.
        keep_embeddings: store the embeddings in the run folder.
        again: evaluate even where a finished run of the same is there.
        predictions: format of the predictions file; `None` is that of the protocol.
    """

    data_root: Path = Path("data")
    out: Path = Path("runs")
    device: str = "own"
    precision: str = "fp32"
    batch_size: int | None = None
    skip_broken: bool = False
    limit: int | None = None
    keep_embeddings: bool = False
    again: bool = False
    predictions: Format | None = None
