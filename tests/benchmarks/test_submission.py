"""How long the validator takes, start-up included, and what a score matrix of 1.1 GB costs in memory.

pytest tests/benchmarks/test_submission.py --benchmark-only -s
"""

import csv
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from harness.cli.app import own_command
from harness.submission.editions.profiles import get_profile

CELL = 199
META = """\
submission:
  label: {label}
  name: The baseline
  abbreviation: B{number}
  authors:
    - {{lastname: Muster, firstname: Maxi, email: m@example.org, corresponding: true,
       affiliation: {{abbreviation: ABC, institute: Institute of A, location: "Linz, Austria"}}}}
system:
  description: {{input_sampling_rate: 44.1kHz}}
  complexity: {{total_parameters: 2000000}}
results:
  development_testing: {{mAP@10: 0.0679, R@1: 0.0316, R@5: 0.1095, R@10: 0.1883}}
"""


@pytest.fixture(scope="module")
def data_root(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clotho")
    (root / "clotho_captions_evaluation.csv").symlink_to(shared / "data/clotho/clotho_captions_evaluation.csv")
    return root


def lbar(*arguments: object) -> list[str]:
    return own_command(*map(str, arguments))


@pytest.mark.benchmark(group="validate 5,225 rows, start-up included")
@pytest.mark.parametrize("systems", [1, 4])
def test_validate_a_package(benchmark, shared: Path, data_root: Path, tmp_path: Path, systems: int) -> None:
    """The real baseline output of 2022, as one system or as four."""
    edition = get_profile("dcase2022")
    output = (shared / "data/dcase/baseline_dcase2022.test.output.csv").read_bytes()
    path = tmp_path / "Muster_ABC.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("task6b/Muster_ABC_task6b.technical_report.pdf", b"%PDF-1.4\n%%EOF\n")
        for number in range(1, systems + 1):
            label = f"Muster_ABC_task6b_{number}"
            packed.writestr(f"task6b/{label}/{label}.output.csv", output)
            packed.writestr(f"task6b/{label}/{label}.meta.yaml", META.format(label=label, number=number))
    command = lbar("validate", path, "--profile", edition.name, "--data-root", data_root, "--json")
    done = benchmark.pedantic(
        lambda: subprocess.run(command, capture_output=True, text=True), rounds=7, warmup_rounds=1
    )
    document = json.loads(done.stdout)
    assert (document["valid"], document["warnings"], len(document["scores"])) == (True, 0, systems)


@pytest.fixture(scope="module")
def large(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """5,225 rows of 1,045 scores of 200 bytes."""
    with (data_root / "clotho_captions_evaluation.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    random = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("large") / "large.output.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["index", *(row[0] for row in rows)])
        for clip, row in enumerate(rows):
            for caption in row[1:]:
                scores = random.uniform(0.1, 1, len(rows))
                scores[clip] += 0.3
                line = io.StringIO()
                csv.writer(line, lineterminator="").writerow([caption])
                file.write(line.getvalue())
                file.writelines(f",{score:.17f}".ljust(CELL + 1, "0") for score in scores.tolist())
                file.write("\n")
    return path


@pytest.mark.benchmark(group="score matrix of 1.1 GB")
@pytest.mark.parametrize("verb", ["score", "validate"])
def test_a_large_matrix(benchmark, large: Path, data_root: Path, shared: Path, verb: str) -> None:
    """Says the peak memory beside that of scoring a ranked list of 1.7 MB: the difference is what the size adds."""
    rest = ("--protocol", "clotho-dcase2024", "--data-root", data_root, "--json")
    small = shared / "data/dcase/baseline_dcase2022.test.output.csv"
    before = peak(lbar("score", small, *rest))
    more = ("--profile", "dcase2025") if verb == "validate" else ()
    found = benchmark.pedantic(lambda: peak(lbar(verb, large, *more, *rest)), rounds=1)
    added = (found - before) / 2**20
    sys.stderr.write(f"\n{large.stat().st_size / 1e9:.2f} GB, lbar {verb}: {added:.0f} MB more than a small file\n")
    assert added < 300


def peak(command: list[str]) -> int:
    """Peak memory of a command, in bytes."""
    code = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    return 1024 * int(done.stdout)
