"""How to run an evaluation or a prediction."""

from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import UserError
from harness.evaluation.spreading.shards import Workers
from harness.interface import BuiltSystem, build_system
from harness.machine import kind_of, resolve
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
        workers: embed in place of this process; they build the system again, by its name.
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
    workers: Workers | None = None

    def build(self, name: str) -> BuiltSystem:
        """Build a system that these options are for.

        With workers it scores here and says what it is; a GPU that only the workers have is then replaced by the CPU.

        Raises:
            UserError: as `build_system`.
        """
        device = self.device.partition(",")[0] if self.workers else self.device
        if self.workers and kind_of(device) == "cuda":
            try:
                resolve(device)
            except UserError:
                here = build_system(name, device="cpu", precision=self.precision)
                return here if here.device == "own" else replace(here, device=device)
        return build_system(name, device=device, precision=self.precision)

    def told(self, name: str, built: BuiltSystem) -> "Options":
        """The same for one system, as it was built; the workers, too, are told how to build it."""
        several = "," in self.device and built.device != "own"
        device = self.device if several else built.device
        workers = self.workers and replace(self.workers, name=name, device=device, precision=built.precision)
        return replace(self, device=built.device, precision=built.precision, workers=workers)
