"""Have two hosts evaluate a system, take them away in many ways, and see whether the record is that of one process.

    python tools/hosts.py --kills 30 --cut 30

The hosts are network namespaces of this machine, which takes root, with a cable each to a bridge where the command and
the scheduler are. A worker is killed at random moments, a host's cable is drawn and put back, and the scheduler is
killed: the command has to come to the same scores, or to end with a line and come to them when it is run again.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from harness.errors import UserError
from harness.evaluation import Options, Workers, evaluate

ADDRESS, NETWORK = "10.77.0.1", "10.77.0"
SYSTEM = '''
import time
import numpy as np
from harness import SystemInfo

class Slow:
    """Takes 20 ms over a clip, whatever the machine does beside."""
    info = SystemInfo(name="slow", sample_rate=16000, digest="slow-1")
    def embed_audio(self, clips):
        time.sleep(0.02 * len(clips))
        return np.stack([[clip.std(), np.abs(np.diff(clip)).mean(), 1] for clip in clips]).astype(np.float32)
    def embed_text(self, captions):
        return np.stack([[len(text), text.count("1"), 1] for text in captions]).astype(np.float32)
'''


def run(*command: str) -> None:
    """Run a program that configures the network."""
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603


@contextmanager
def network(hosts: int) -> Iterator[list[str]]:
    """A bridge, and as many hosts at it; gives the name of each one's cable."""
    run("ip", "link", "add", "lbar", "type", "bridge")
    cables = [f"lbar{number}" for number in range(hosts)]
    try:
        run("ip", "address", "add", f"{ADDRESS}/24", "dev", "lbar")
        run("ip", "link", "set", "lbar", "up")
        for number, cable in enumerate(cables):
            run("ip", "netns", "add", cable)
            run("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", cable)
            run("ip", "link", "set", cable, "master", "lbar", "up")
            for words in (f"address add {NETWORK}.{10 + number}/24 dev eth0", "link set eth0 up", "link set lo up"):
                run("ip", "netns", "exec", cable, "ip", *words.split())
        yield cables
    finally:
        for cable in cables:
            subprocess.run(["ip", "netns", "delete", cable], check=False, capture_output=True)  # noqa: S603, S607
        run("ip", "link", "delete", "lbar")


class Cluster:
    """A scheduler at the bridge and a worker on each host; a worker that ends is started again by its nanny."""

    def __init__(self, cables: list[str], folder: Path) -> None:
        self.file = folder / "scheduler.json"
        self.file.unlink(missing_ok=True)
        self._processes = [self._started([], "dask_scheduler", "--host", ADDRESS, "--port", "0")]
        while not self.file.exists():
            time.sleep(0.1)
        for cable in cables:
            inside = ["ip", "netns", "exec", cable]
            self._processes.append(self._started(inside, "dask_worker", "--nthreads", "1", "--local-directory", cable))

    def _started(self, inside: list[str], module: str, *options: str) -> "subprocess.Popen[bytes]":
        command = [*inside, sys.executable, "-m", f"distributed.cli.{module}", "--scheduler-file", str(self.file)]
        # As the documentation advises.
        settings = os.environ | {"MALLOC_ARENA_MAX": "1"}
        return subprocess.Popen([*command, "--no-dashboard", *options], stderr=subprocess.DEVNULL, env=settings)  # noqa: S603

    def kill_scheduler(self) -> None:
        """End the scheduler without a word."""
        self._processes[0].kill()

    def kill_worker(self, number: int) -> None:
        """End the process that computes on a host; its nanny starts another."""
        import psutil

        for process in psutil.Process(self._processes[1 + number].pid).children(recursive=True):
            if "spawn_main" in " ".join(process.cmdline()):
                process.kill()

    def used(self) -> float:
        """Processor seconds of scheduler and workers so far."""
        import psutil

        started = [psutil.Process(process.pid) for process in self._processes]
        every = [*started, *(child for one in started for child in one.children(recursive=True))]
        return sum(sum(one.cpu_times()[:2]) for one in every)

    def close(self) -> None:
        """End everything."""
        import psutil

        for process in self._processes:
            for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []:
                child.kill()
            process.kill()
            process.wait()


def data(folder: Path, clips: int) -> None:
    """Short noises, each with a caption."""
    folder.mkdir()
    draw = np.random.default_rng(0)
    rows = ["file_name,caption"]
    for number in range(clips):
        soundfile.write(folder / f"{number}.wav", draw.uniform(-0.5, 0.5, 8_000) / (1 + number % 17), 16_000)
        rows.append(f"{number}.wav,noise number {number}")
    (folder / "captions.csv").write_text("\n".join(rows) + "\n")


def scores(folder: Path, name: str, workers: Workers | None) -> bytes:
    """Evaluate in a cache of its own, and return what the run says of each query."""
    import pandas as pd

    os.environ["LBAR_CACHE"] = str(folder / "cache" / name)
    options = Options(
        data_root=folder / "data", out=folder / "runs" / name, device="auto", workers=workers, batch_size=8
    )
    built = options.build("slow_system:Slow")
    made = evaluate(built.system, "folder", options.told("slow_system:Slow", built), progress=lambda *_: lambda _: None)
    table = pd.read_parquet(made.folder / "per_query.parquet")
    return table.drop(columns=["text"]).to_csv().encode()


class Trial(NamedTuple):
    """How an evaluation went, and after how many seconds."""

    how: str
    seconds: float


def disturbed(
    name: str, folder: Path, cluster: Cluster, disturb: Callable[[], object], moment: float, expected: bytes
) -> Trial:
    """Evaluate on the hosts, disturb them after so many seconds, and say how it went."""
    timer = threading.Timer(moment, disturb)
    began = time.monotonic()
    timer.start()
    try:
        found = scores(folder, name, Workers(str(cluster.file)))
        how = "right" if found == expected else "WRONG"
    except UserError as error:
        how = f"ended with: {str(error).partition(': ')[2][:70]}"
    seconds = time.monotonic() - began
    timer.join()
    how += " before it was disturbed" if seconds < moment else ""
    sys.stdout.write(f"{name}, after {moment:.1f} s: {how}, {seconds:.1f} s\n")
    sys.stdout.flush()
    return Trial(how, seconds)


def main() -> int:
    """Try everything; the exit code is 1 where scores were wrong."""
    plain = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(prog="hosts", description=__doc__, formatter_class=plain)
    parser.add_argument("--kills", type=int, default=30, help="moments at which a worker is killed")
    parser.add_argument("--cut", type=float, default=30, help="seconds for which a host's cable is drawn")
    parser.add_argument("--clips", type=int, default=200)
    options = parser.parse_args()
    draw = random.Random(0)  # noqa: S311
    with tempfile.TemporaryDirectory() as name, network(2) as cables, ExitStack() as stack:
        folder = Path(name)
        os.chdir(folder)
        os.environ["LBAR_TRUST"] = "1"
        Path("slow_system.py").write_text(SYSTEM)
        data(folder / "data", options.clips)
        expected = scores(folder, "alone", None)
        cluster = Cluster(cables, folder)
        stack.callback(cluster.close)
        # In the first one workers import what they need; the others are as quick as the second.
        tried = [disturbed(one, folder, cluster, lambda: None, 0, expected) for one in ("once", "once more")]
        quick = tried[-1].seconds
        for number in range(options.kills):
            kill = lambda host=number % 2: cluster.kill_worker(host)  # noqa: E731
            moment = draw.uniform(0, quick)
            tried.append(disturbed(f"worker killed {number}", folder, cluster, kill, moment, expected))

        def cut() -> None:
            run("ip", "link", "set", cables[0], "down")
            time.sleep(options.cut)
            run("ip", "link", "set", cables[0], "up")

        tried.append(disturbed("cable drawn", folder, cluster, cut, quick / 2, expected))
        tried.append(disturbed("scheduler killed", folder, cluster, cluster.kill_scheduler, quick / 2, expected))
        cluster.close()
        again = Cluster(cables, folder)
        stack.callback(again.close)
        tried.append(disturbed("scheduler killed", folder, again, lambda: None, 0, expected))
    wrong = sum(one.how.startswith("WRONG") for one in tried)
    longest = max(one.seconds for one in tried)
    sys.stdout.write(f"{len(tried)} evaluations, {wrong} of them wrong; the longest took {longest:.0f} s\n")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
