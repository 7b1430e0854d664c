"""README and documentation do what they say: commands and Python run, page by page, and what they name exists."""

import functools
import hashlib
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from harness.cli.app import own_command
from harness.datasets.entry import PublishedFile, Recordings, Split
from harness.datasets.known import clotho
from harness.interface.cards import fetch as card_fetch
from harness.interface.cards.card import parse_card, read_card
from harness.throughput import batch_size
from harness.throughput.instruments import timing

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
SPLITS = {"development": 3, "validation": 2, "evaluation": 12}
FIRST_SCREEN = 36


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(page: Path = ROOT / "README.md") -> list[str]:
    return [line for block in blocks("sh", page.read_text(encoding="utf-8")) for line in block.splitlines()]


def with_commands(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages if commands(page)]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def small_clotho(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clotho's publisher is this machine, and Clotho is small."""
    py7zr = pytest.importorskip("py7zr", reason="needs py7zr (extra fetch)")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    site = tmp_path / "site"
    site.mkdir()
    names, splits = [], {}
    for split, count in SPLITS.items():
        captions, archive = f"clotho_captions_{split}.csv", f"clotho_audio_{split}.7z"
        rows = ["file_name,caption_1,caption_2"]
        folder = tmp_path / "made" / split
        folder.mkdir(parents=True)
        for number in range(count):
            rows.append(f"{number} .wav,a sound of {split} {number},it goes on {split} {number}")
            soundfile.write(folder / f"{number} .wav", np.sin(np.arange(16000) * (1 + number) / 50) / 2, 16000)
        (site / captions).write_text("\n".join(rows) + "\n")
        with py7zr.SevenZipFile(site / archive, "w") as file:
            file.writeall(folder, split)
        names += [(captions, split), (archive, split)]
        published = {"captions_per_clip": 2, "captions_md5": md5(site / captions), "hours": count / 3_600}
        splits[split] = Split((captions,), count, **published)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    files = tuple(PublishedFile(name, md5(site / name), f"{address}/{name}", split) for name, split in names)
    monkeypatch.setattr(clotho, "ENTRY", replace(clotho.ENTRY, splits=splits, files=files, recordings=Recordings()))
    yield
    server.shutdown()
    server.server_close()
    thread.join()


def arrive(url: str, target: Path, *_: object) -> None:
    """What is asked of publishers far away comes at once, and is its address."""
    target.parent.mkdir(exist_ok=True)
    target.write_text(url)


def meant(word: str) -> str:
    """What stands for a folder or a zip in a command."""
    if word in ("RUN", "HIDDEN_RUN"):
        kind = "hidden" if word == "HIDDEN_RUN" else "clotho-dcase2024"
        return str(next(Path("runs").glob(f"*-{kind}")))
    if word == "AUDIO":
        return str(next(Path("DIR").rglob("evaluation")))
    return "Muster_ABC.zip" if word == "Lastname_INST.zip" else word


def fill_in(meta: Path) -> None:
    """What a person does with the template before they hand in."""
    if not meta.exists():
        return
    text = meta.read_text(encoding="utf-8")
    for old, new in (
        ("Lastname", "Muster"),
        ("INST", "ABC"),
        ("Firstname", "Maxi"),
        ("name@institute.org", "maxi@example.org"),
        ("Name of the Institute", "Institute of A"),
        ("City, Country", "Linz, Austria"),
    ):
        text = text.replace(old, new)
    meta.write_text(text, encoding="utf-8")
    Path("report.pdf").write_bytes(b"%PDF-1.4\n%%EOF\n")


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_the_first_screen_has_two_commands_and_what_they_print() -> None:
    screen = "\n".join(README.splitlines()[:FIRST_SCREEN])
    assert [block.strip() for block in blocks("sh", screen)] == [
        "python3 -m pip install tox && tox -e eval",
        "python3 -m pip install tox && tox",
    ]
    assert "mAP@10" in screen


def test_tox_knows_the_environments_the_readme_names() -> None:
    tox = (ROOT / "tox.ini").read_text()
    assert "env_list = py311" in tox
    for command in commands():
        for name in re.findall(r"tox -e (\w+)", command):
            assert f"[testenv:{name}]" in tox


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= 150
    assert len(README.split()) <= 1200


@pytest.fixture
def reader(participant: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody who does what a page says, in a folder of their own, with little time and a short line."""
    monkeypatch.setattr(card_fetch, "download", arrive)
    monkeypatch.setattr(card_fetch, "is_sound", lambda *_, **__: True)
    # A page is there when its address is told; nobody would end the server.
    monkeypatch.setattr("leaderboard.listening.serve", lambda _app, _port, say: say("http://127.0.0.1"))
    # Figures that may stand beside others take minutes.
    monkeypatch.setattr(
        "harness.throughput.FULL", timing.Effort(warm_ups=1, most_warm_up_seconds=0, iterations=2, seconds=0)
    )
    monkeypatch.setattr(batch_size, "_SWEEP_SECONDS", 0)
    monkeypatch.syspath_prepend(str(participant))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    return participant


def write_down(page: Path) -> None:
    """Save the files that a page says to save."""
    text = page.read_text(encoding="utf-8")
    if "`mine.py`" in text:
        own = page if "class Mine" in text else DOCS / "start" / "submission.md"
        code = next(block for block in blocks("python", own.read_text(encoding="utf-8")) if "class Mine" in block)
        Path("mine.py").write_text(code)
    for name in re.findall(r"as `(\S+)\.yaml`", text):
        Path(f"{name}.yaml").write_text(next(block for block in blocks("yaml", text) if f"name: {name}\n" in block))


@pytest.mark.slow
@pytest.mark.usefixtures("small_clotho", "migrated_runs")
@pytest.mark.parametrize("name", with_commands(PAGES))
def test_every_command_runs(name: str, reader: Path, tones: Callable[..., Path]) -> None:
    from typer.testing import CliRunner

    from harness.cli.app import build

    app, runner = build(), CliRunner()
    folder = tones()
    write_down(ROOT / name)
    for command in commands(ROOT / name):
        if command.startswith("python3 -m pip"):
            continue
        lbar = re.sub(r"^tox -e eval --", "lbar eval", command).removeprefix("lbar ")
        assert lbar != command, f"neither lbar nor tox: {command}"
        data_root = reader / "DIR" if "clotho" in command else folder
        words = [str(data_root) if word == "DIR" else word for word in shlex.split(lbar)]
        needs_clotho = not {"clotho-dcase2024", "AUDIO", "RUN"}.isdisjoint(words)
        if needs_clotho and not (reader / "DIR").exists():
            assert runner.invoke(app, ["data", "fetch", "clotho", "--data-root", "DIR"]).exit_code == 0
        if "RUN" in words or "score" in words:
            once_evaluated(runner.invoke, app)
        if "submit" in words:
            fill_in(Path("meta.yaml"))
        if "score" in words:
            write_outputs(next(Path("runs").glob("*-clotho-dcase2024")))
        if "--queries" in words:
            Path("captions.csv").write_text("caption\nrain on a roof\na dog\n")
        done = runner.invoke(app, [meant(word) for word in words])
        assert done.exit_code == 0, f"{command}: {done.output}"


def write_outputs(run: Path) -> None:
    """Write what a page has others compute for the queries of a run: a list, and embeddings with their names."""
    shutil.copy(next(run.glob("*.output.csv")), "predictions.csv")
    queries = pq.read_table(run / "per_query.parquet").to_pydict()
    captions, clips = queries["text"], list(dict.fromkeys(queries["clip"]))
    random = np.random.default_rng(0)
    text, audio = (random.standard_normal((len(side), 4)) for side in (captions, clips))
    np.savez("embeddings.npz", text=text, audio=audio, captions=np.array(captions), clips=np.array(clips))
    np.save("captions.npy", text)
    np.save("clips.npy", audio)
    Path("captions.csv").write_text("".join(f'"{cell}"\n' for cell in ("caption", *captions)))
    Path("clips.txt").write_text("".join(f"{name}\n" for name in clips))


def once_evaluated(invoke: Callable[..., object], app: object) -> None:
    """Evaluate a system on the small Clotho where the page has not done so."""
    if not list(Path("runs").glob("*-clotho-dcase2024")):
        invoke(app, ["eval", "linear", "--protocol", "clotho-dcase2024", "--data-root", "DIR"])


def test_the_card_on_another_card_is_one(participant: Path) -> None:
    from systems.dual_encoder.card import DualEncoderCard

    text = (DOCS / "how-to" / "cards.md").read_text(encoding="utf-8")
    (participant / "mine.yaml").write_text(next(block for block in blocks("yaml", text) if "my_checkpoint" in block))
    card = parse_card(DualEncoderCard, read_card("mine.yaml")[0])
    assert (card.name, card.files["weights"].path) == ("mine", "my_checkpoint.ckpt")
    assert card.audio == parse_card(DualEncoderCard, read_card("passt-m3-clotho")[0]).audio


def programs(page: Path) -> list[str]:
    """The blocks of a page, each by itself; the cells of a notebook follow each other."""
    found = blocks("python", page.read_text(encoding="utf-8"))
    return ["\n".join(found)] if page.name == "notebook.md" else found


PYTHON = [(str(page.relative_to(ROOT)), code) for page in PAGES for code in programs(page) if "class Mine" not in code]
EXPECTED = {
    "docs/how-to/system.md": "mAP@10 0.6299 [0.5984, 0.6617]",
    "docs/how-to/protocol.md": "R@1 0.00",
    "docs/start/notebook.md": "1 linear   0.630",
    "docs/how-to/reporting.md": "linear is better (against random, mAP@10 +0.",
}


@pytest.mark.parametrize(("name", "code"), PYTHON)
def test_the_python_runs(
    name: str, code: str, participant: Path, migrated_runs: Path, make_run: Callable[..., Path]
) -> None:
    if "import leaderboard" in code and "harness.evaluate" not in code:
        for system, quality in (("linear", 1.0), ("random", -2.0)):
            make_run(Path("runs"), system, quality=quality)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    if "print(" in code:
        assert EXPECTED.get(name, "") in done.stdout


def named_paths() -> list[str]:
    """Paths of the repository that the page on places names; `<name>` stands for a name of the reader's."""
    text = (DOCS / "where-things-go.md").read_text(encoding="utf-8")
    folders = ("harness/", "systems/", "leaderboard/", "tests/")
    return sorted({name for name in re.findall(r"`([\w/.<>-]+)`", text) if name.startswith(folders)})


@pytest.mark.parametrize("path", named_paths())
def test_a_named_path_exists(path: str) -> None:
    assert list(ROOT.glob(re.sub("<.*?>", "*", path))), f"where-things-go.md names {path}, which does not exist"


@pytest.mark.slow
def test_what_the_readme_says_eval_prints_is_what_it_prints(participant: Path, migrated_runs: Path) -> None:
    command = own_command("eval", "--device", "cpu")
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    printed = [re.sub(r"\d{4}-\d\d-\d\d", "DATE", line).rstrip() for line in done.stdout.splitlines()]
    promised = [re.sub(r"\d{4}-\d\d-\d\d", "DATE", line).rstrip() for line in blocks("text")[0].splitlines()]
    printed = [line for line in printed if line]
    # The README leaves the middle out.
    gap = promised.index("…")
    after = len(promised) - gap - 1
    shown, promised = [*printed[:gap], *printed[-after:]], [*promised[:gap], *promised[-after:]]
    figure = re.compile(r"\d\.\d{3}")
    assert [figure.sub("FIGURE", line) for line in shown] == [figure.sub("FIGURE", line) for line in promised]
    # Other processors add up in another order, and of a thousand queries one or two have near ties.
    found, said = ([float(one) for one in figure.findall("\n".join(lines))] for lines in (shown, promised))
    assert found == pytest.approx(said, abs=0.0025)
