"""What people type by mistake: each is one line that names it, with the right word where there is one."""

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from harness.cli.app import build

FILES = {
    "mine.py": "class Settings: ...\n\n\nclass Mine:\n    def embed_audio(self, clips): ...\n",
    "tab.yaml": "factory: systems.linear:from_card\n\tname: x\n",
    "no_factory.yaml": "facotry: systems.linear:from_card\nname: x\n",
    "key.yaml": "base: tiny-passt\nname: x\ntrainig: {}\n",
    "option.yaml": "base: tiny-passt\nname: x\ntraining: {epoch: 1}\n",
    "paper.yaml": "base: passt-m1-clotho\nname: x\naudio: {encoder: passt, wdth: 3}\n",
    "file.yaml": "base: tiny-passt\nname: x\nfiles: {weights: {pth: a}}\n",
    "audio.yaml": "base: tiny-passt\nname: x\naudio: {encoder: passt, wdth: 3}\n",
    "text.yaml": "base: tiny-passt\nname: x\ntext: {dropuot: 0.1}\n",
    "encoder.yaml": "base: tiny-passt\nname: x\naudio: {encoder: pasts}\n",
    "base.yaml": "base: tiny_passt\nname: x\n",
    "module.yaml": "base: linear\nname: x\nfactory: systems.linar:from_card\n",
    "function.yaml": "base: linear\nname: x\nfactory: systems.linear:from_crad\n",
    "words.yaml": "a system of mine",
    "profile.yaml": "base: dcase2024\nlabl: x\n",
    "captions.csv": "file_name,caption\na.wav,rain\n",
    "card.yml.txt": "base: linear\n",
    "weights/own/own.yaml": "base: linear\nname: own\n",
    "clotho/clotho_captions_development.csv": "file_name,caption_1\na.wav,rain\n",
    "empty/.keep": "",
    "run/prediction.json": "{}",
    "run/mine.output.csv": "caption,fname_1\nrain,a.wav\n",
}

MISTAKES = {
    # Commands and options.
    "evl": "No such command 'evl'. Did you mean 'eval'?",
    "data verfy clotho": "Did you mean 'verify'? `lbar data --help` tells",
    "systems fech linear": "Did you mean 'fetch'?",
    "mlflow registre": "Did you mean 'register'?",
    "nonsense": "No such command 'nonsense'; `lbar --help` tells",
    "--versoin": "No such option '--versoin'; did you mean '--version'?",
    "eval random --protocl everyday": "No such option '--protocl'; did you mean '--protocol'? `lbar eval --help`",
    "eval random --protocl=everyday": "No such option '--protocl'; did you mean '--protocol'?",
    "eval random -protocol everyday": "No such option '-protocol'; did you mean '--protocol'?",
    "eval random --data_root data": "No such option '--data_root'; did you mean '--data-root'?",
    "doctor --jsn": "did you mean '--json'?",
    "eval random --protocol": "Option '--protocol' requires an argument",
    "score captions.csv": "Missing option '--protocol'",
    "data verify": "Missing argument",
    "protocols evryday": "unknown protocol 'evryday'; did you mean 'everyday'?",
    "board --format tabel": "'--format': 'tabel'; did you mean 'table'? Known are table, csv, markdown, latex",
    "train linear --seed one": "'--seed'",
    "bench linear --clips 0": "'--clips'",
    "eval random --batch-size ten": "--batch-size 'ten' is neither `auto` nor a number",
    "eval linear --precision fp31": "unknown precision 'fp31'; did you mean 'fp32'? Known are fp32, bf16",
    "check linear --device gpu": "unknown device 'gpu'; did you mean 'cuda'?",
    "check linear --device cudaa": "unknown device 'cudaa'; did you mean 'cuda'?",
    # Names.
    "eval tiny_passt": "unknown system 'tiny_passt'; did you mean 'tiny-passt'?",
    "eval nothing-like-it": "unknown system 'nothing-like-it'; `lbar systems` lists",
    "check liner": "unknown system 'liner'; did you mean 'linear'?",
    "systems fetch tiny_passt": "did you mean 'tiny-passt'?",
    "data leaks tiny_passt": "did you mean 'tiny-passt'?",
    "train tabel1": "did you mean 'table1'?",
    "train table1 --protocol clohto": "did you mean 'clotho-dcase2024'?",
    "eval random --protocol clotho": "unknown protocol 'clotho'; did you mean 'clotho-dcase2024'?",
    "eval random --protocol everyday_multi": "did you mean 'everyday-multi'?",
    "bench random --protocol evryday": "did you mean 'everyday'?",
    "board --protocol audiocap": "did you mean 'audiocaps'?",
    "compare linear random --protocol evryday": "did you mean 'everyday'?",
    "data verify clohto": "unknown data set 'clohto'; did you mean 'clotho'?",
    "data fetch clotho-dcase2024": "unknown data set 'clotho-dcase2024'; did you mean 'clotho'?",
    "data fetch everyday --split evalution": "everyday has no split 'evalution'; did you mean 'evaluation'?",
    "cache clear embedings": "unknown kind 'embedings'; did you mean 'embeddings'?",
    "bench linear --workload qery": "unknown workload 'qery'; did you mean 'query'?",
    "gate --only qualty": "unknown gate 'qualty'; did you mean 'quality'?",
    "gate liner": "did you mean 'linear'?",
    "validate captions.csv --profile dcase24": "unknown profile 'dcase24'; did you mean 'dcase2024'?",
    "submit --profile dcase2O24": "did you mean 'dcase2024'?",
    # Code of one's own.
    "eval mine": "unknown system 'mine'; did you mean 'mine:Mine'?",
    "eval mine.py": "did you mean 'mine:Mine'?",
    "eval mine.Mine": "did you mean 'mine:Mine'?",
    "eval ./mine.py:Mine": "did you mean 'mine:Mine'?",
    "eval ../elsewhere/mine.py:Mine": "cannot be imported: it is a path; expected a module, not a file: from the "
    "folder of mine.py that is mine:Mine",
    "eval not_there:Mine": "lbar: not_there:Mine cannot be imported: ModuleNotFoundError: No module named "
    "'not_there'; expected a file of that name in this folder, or a module of an installed package",
    "eval mine:Mine --device gpu": "unknown device 'gpu'; did you mean 'cuda'?",
    "check mien:Mine": "did you mean 'mine:Mine'?",
    "check mine:Mien": "did you mean 'mine:Mine'?",
    # Cards.
    "eval tab.yaml": "indent with spaces, not with tabs",
    "eval no_factory.yaml": "has no line `factory: package.module:function`",
    "check key.yaml": "trainig: unknown field; did you mean 'training'? Known are factory, trainer, name",
    "train option.yaml": "training.epoch: unknown field; did you mean 'epochs'? Known are data, exclude",
    "eval paper.yaml": "audio.wdth: unknown field; did you mean 'width'? Known are",
    "check file.yaml": "files.weights.pth: unknown field; did you mean 'path'? Known are path, bundled",
    "check audio.yaml": "audio.wdth: unknown field; did you mean 'width'? Known are",
    "check text.yaml": "text.dropuot: unknown field; did you mean 'dropout'? Known are vocabulary, width",
    "check encoder.yaml": "unknown encoder 'pasts'; did you mean 'passt'?",
    "check base.yaml": "card base.yaml: `base:` unknown system 'tiny_passt'; did you mean 'tiny-passt'?",
    "check module.yaml": "did you mean 'systems.linear:from_card'?",
    "check function.yaml": "did you mean 'systems.linear:from_card'?",
    "check words.yaml": "card words.yaml is no list of fields",
    "check nowhere.yaml": "there is no card nowhere.yaml",
    "check weights/own": "did you mean 'weights/own/own.yaml'?",
    "check weights/own/own": "did you mean 'weights/own/own.yaml'?",
    "check base.json": "did you mean 'base.yaml'?",
    "check card.yml.txt": "a card's path ending in .yaml",
    "validate captions.csv --profile profile.yaml": "labl: unknown field; did you mean 'label'? Known are name, title",
    # Files and folders.
    "eval random --protocol folder --data-root nowhere": "nowhere is not a folder",
    "eval random --protocol folder --data-root captions.csv": "captions.csv is not a folder",
    "eval random --protocol folder --data-root empty": "empty has 0 captions files; expected one CSV",
    "eval random --protocol audiocaps --data-root clotho": "not found in clotho",
    "eval random --audio empty": "--audio DIR and --queries FILE, and its systems one by one; --queries is missing",
    "eval random --queries captions.csv": "--audio is missing",
    "eval --audio empty --queries captions.csv": "a system is missing",
    "eval random --audio empty --queries captions.csv": "empty holds no recordings",
    "eval random --audio captions.csv --queries captions.csv": "captions.csv is not a folder of recordings",
    "eval random --audio empty --queries empty": "empty is a folder; expected a CSV file",
    "score nowhere.csv --protocol everyday": "nowhere.csv does not exist; expected a CSV, a folder or a zip",
    "validate mine.py --profile dcase2024": "mine.py is no CSV, YAML, folder or zip",
    "submit empty --profile dcase2024": "empty has no record.json; expected a run folder as `lbar eval` writes it",
    "submit mine --profile dcase2024": "lbar: mine is not a folder; expected a run folder as `lbar eval` writes it",
    "validate run --profile dcase2024": "run is a run folder, not a package: `lbar submit` makes one of it; or name "
    "its predictions file, run/mine.output.csv",
    "board --out captions.csv": "captions.csv is a file; --out is the folder of run folders",
    "board --html captions.csv": "name an empty or a new folder",
    "compare nowhere": "'nowhere' is neither a run folder nor a system with a run",
    "train linear --grid nowhere.yaml": "grid nowhere.yaml cannot be read",
}


@pytest.fixture(scope="module")
def app() -> Typer:
    return build()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mistakes")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    yield
    sys.modules.pop("mine", None)


@pytest.mark.parametrize(("words", "line"), MISTAKES.items(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line(app: Typer, words: str, line: str) -> None:
    done = CliRunner().invoke(app, shlex.split(words))
    assert isinstance(done.exception, SystemExit), done.exception
    assert (done.exit_code, done.stdout) == (2, "")
    (said,) = done.stderr.splitlines()
    assert line in said


def test_there_are_many() -> None:
    assert len(MISTAKES) >= 40
