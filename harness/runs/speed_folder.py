"""The run folder of a speed measurement: its record, and every sample."""

from collections.abc import Mapping
from pathlib import Path

from harness.errors import UserError
from harness.runs.run_folder import write_folder
from harness.runs.speed_record import KIND, Samples, SpeedRecord, load_speed


def write_speed(out: Path, record: SpeedRecord, samples: Mapping[str, Samples]) -> Path:
    """Write `<UTC time>-<system>-speed/` into `out`: `record.json` and `samples.parquet`, whole or not at all.

    Raises:
        UserError: `out` cannot be written, or the disk is full; nothing is left behind.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    def write(folder: Path) -> None:
        columns: dict[str, list[object]] = {"case": [], "iteration": [], "seconds": [], "device_seconds": []}
        for name, found in samples.items():
            columns["case"] += [name] * len(found.seconds)
            columns["iteration"] += range(len(found.seconds))
            columns["seconds"] += found.seconds
            columns["device_seconds"] += found.device_seconds or [None] * len(found.seconds)
        kinds = [("case", pa.string()), ("iteration", pa.int64()), ("seconds", pa.float64())]
        schema = pa.schema([*kinds, ("device_seconds", pa.float64())])
        pq.write_table(pa.table(columns, schema=schema), folder / "samples.parquet", compression="zstd")
        (folder / "record.json").write_text(record.to_json(), encoding="utf-8")

    return write_folder(out, record.id, write, record.created, record.system.name, KIND)


def read_speed_record(folder: Path) -> SpeedRecord:
    """Read the speed record of a run folder.

    Raises:
        UserError: there is none, or `load_speed` refuses it.
    """
    path = folder / "record.json"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}; expected a run folder as `lbar bench` writes it") from error
    return load_speed(text, str(path))
