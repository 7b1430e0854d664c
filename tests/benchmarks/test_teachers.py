"""A teacher's vectors made by two processes of a training, a share each, against one: on the clock, and of processors.

Two processes take half the time where two cores are free; what each of them computes does not depend on that.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.cli import say
from harness.evaluation.rows.kept_rows import KeptRows

CLIPS = 2_048
TEACH = """
import sys, time
from pathlib import Path
import numpy as np, torch
from harness.evaluation import EmbeddingJob, KeptRows, embed_in_batches
from harness.interface import build_system
from systems.training.teachers.shares import forget_shares, in_shares

rank, ranks, clips, folder = *map(int, sys.argv[1:4]), Path(sys.argv[4])
torch.set_num_threads(1)
system = build_system("tiny-passt", device="cpu").system
sound = np.random.default_rng(0).standard_normal(640_000).astype(np.float32) / 10
read = lambda clip: sound[clip * 100 : clip * 100 + 320_000]
job = EmbeddingJob("tiny-passt", "clip", clips, read, system.embed_audio)
kept = KeptRows(folder / "kept", np.float16)
(folder / f"ready {rank}").touch()
while not all((folder / f"ready {one}").exists() for one in range(ranks)):
    time.sleep(0.01)
clock, processor = time.perf_counter(), time.process_time()
rest = in_shares(kept, job, rank, ranks, lambda rows: rows) if ranks > 1 else None
embed_in_batches(job, kept, rest=rest)
forget_shares(kept, rank, ranks)
print(time.perf_counter() - clock, time.process_time() - processor)
"""


@pytest.mark.slow
@pytest.mark.benchmark(group="teachers' vectors")
def test_two_processes_make_half_each(
    benchmark: BenchmarkFixture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def made_by(ranks: int) -> list[tuple[float, ...]]:
        folder = tmp_path / str(ranks)
        folder.mkdir()
        command = [sys.executable, "-c", TEACH]
        processes = [
            subprocess.Popen([*command, *map(str, (rank, ranks, CLIPS, folder))], stdout=subprocess.PIPE, text=True)
            for rank in range(ranks)
        ]
        return [tuple(map(float, process.communicate()[0].split())) for process in processes]

    (alone,), both = benchmark.pedantic(lambda: (made_by(1), made_by(2)), rounds=1)
    with capsys.disabled():
        say(
            f"{CLIPS:,} clips of 10 s: one process {alone[0]:.1f} s ({alone[1]:.1f} s of a processor), two "
            f"{max(wall for wall, _ in both):.1f} s ({' and '.join(f'{used:.1f} s' for _, used in both)})"
        )
    vectors = [KeptRows(tmp_path / str(ranks) / "kept", np.float16).read() for ranks in (1, 2)]
    assert np.array_equal(*vectors)
    assert max(used for _, used in both) < 0.7 * alone[1]
