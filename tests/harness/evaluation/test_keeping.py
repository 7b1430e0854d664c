"""Outputs that were made elsewhere become runs like any other."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

import harness
from harness.cli.app import build
from harness.errors import UserError
from harness.evaluation.evaluating import evaluate
from harness.evaluation.keeping import keep_outputs
from harness.evaluation.options import Options
from harness.interface.systems import load_system
from harness.protocols.description import get_protocol
from leaderboard.comparison.comparing import compare

FOLDER = get_protocol("folder")


@pytest.fixture
def root(tones: Callable[..., Path]) -> Path:
    return tones()


@pytest.mark.usefixtures("participant", "own_cache")
def test_embeddings_of_a_system_make_the_run_it_has(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    own = evaluate(load_system("tone_system:ToneSystem"), FOLDER, Options(root, out, keep_embeddings=True))
    pair = [own.folder / "embeddings" / f"{side}.npy" for side in ("text", "audio")]
    kept = keep_outputs(pair, "folder", "elsewhere", data_root=root, out=out)
    assert harness.keep_outputs is keep_outputs
    assert kept.record.measures == own.record.measures
    assert kept.record.dataset == own.record.dataset.model_copy(update={"audio_digest": None})
    assert (kept.record.system.name, kept.record.system.source) == ("elsewhere", "text.npy, audio.npy")
    files = {path.name for path in kept.folder.iterdir()}
    assert {"per_query.parquet", "ranking.parquet", "record.json", "system.yaml", "elsewhere.output.csv"} <= files
    assert (kept.folder / "elsewhere.output.csv").read_text() == next(own.folder.glob("*.csv")).read_text()
    difference = compare("tone", "elsewhere", out=out).differences[0]
    assert (difference.value, difference.won, difference.lost) == (0.0, 0, 0)


@pytest.mark.usefixtures("participant", "own_cache")
@pytest.mark.parametrize("kind", ["embeddings", "scores"])
def test_a_kept_run_is_a_system_and_a_member_of_a_fusion(root: Path, tmp_path: Path, kind: str) -> None:
    random = np.random.default_rng(0)
    text, audio = random.standard_normal((16, 4)), random.standard_normal((8, 4))
    source = (text, audio) if kind == "embeddings" else text @ audio.T
    out = tmp_path / "runs"
    kept = keep_outputs(source, "folder", "elsewhere", data_root=root, out=out)
    options = Options(root, out)
    again = evaluate(load_system(str(kept.folder / "system.yaml")), FOLDER, options)
    assert again.record.measures == kept.record.measures
    card = {
        "factory": "systems.fusion:from_card",
        "name": "both",
        "members": ["random", str(kept.folder.relative_to(tmp_path) / "system.yaml")],
    }
    (tmp_path / "both.yaml").write_text(yaml.safe_dump(card))
    fused = {}
    for weights in ([1, 0], [0, 1], [0.5, 0.5]):
        (tmp_path / "both.yaml").write_text(yaml.safe_dump(card | {"weights": weights}))
        fused[tuple(weights)] = evaluate(load_system("both.yaml"), FOLDER, options).record.measures
    alone = evaluate(load_system("random"), FOLDER, options).record.measures
    assert fused[1, 0] == alone
    assert fused[0, 1] == kept.record.measures
    assert fused[0.5, 0.5] not in (alone, kept.record.measures)


@pytest.mark.usefixtures("participant", "own_cache")
def test_a_kept_run_answers_only_what_it_was_made_for(root: Path, tmp_path: Path) -> None:
    kept = keep_outputs(np.eye(16, 8), "folder", "elsewhere", data_root=root, out=tmp_path / "runs")
    system: Any = load_system(str(kept.folder / "system.yaml"))
    with pytest.raises(UserError, match="elsewhere is the outputs for other clips and captions: .* the caption 'rain'"):
        system.embed_text(["rain"])
    with pytest.raises(UserError, match="none for the clip 'x.wav'; evaluate it by the protocol"):
        system.embed_audio([np.zeros(4, np.float32)], [{"name": ("x.wav",)}])
    with pytest.raises(UserError, match="'a/b' cannot be the name of a system: "):
        keep_outputs(np.eye(16, 8), "folder", "a/b", data_root=root, out=tmp_path / "runs")


@pytest.mark.shared
def test_a_published_output_under_rules_that_look_further_than_its_lists(shared: Path, tmp_path: Path) -> None:
    """The baseline's ten clips under the rules of 2025, whose primary measure looks at sixteen."""
    (tmp_path / "clotho").mkdir()
    for source in ("clotho/clotho_captions_evaluation.csv", "dcase/metadata_eval.csv"):
        (tmp_path / "clotho" / Path(source).name).symlink_to(shared / "data" / source)
    path = shared / "data/dcase/baseline_dcase2022.test.output.csv"
    record = keep_outputs(path, "clotho-dcase2025", "baseline", data_root=tmp_path, out=tmp_path / "runs").record
    by_name = {measure.name: measure for measure in record.measures}
    assert round(by_name["mAP@16"].value, 4) == round(by_name["mAP@10"].value, 4) == 0.0834
    assert by_name["mAP@10"].optimistic == by_name["mAP@10"].value
    assert by_name["mAP@16"].optimistic > by_name["mAP@16"].value
    assert record.comparable


ESC50 = """\
name: {name}
dataset: folder
split: all
direction: {direction}
relevance: {{file: relevant.csv}}
measures: [Hit@1, Hit@5]
submission: none
"""


@pytest.mark.shared
@pytest.mark.parametrize(
    ("direction", "published"),
    [("text-to-audio", ("0.9600", "0.9800")), ("audio-to-text", ("0.9150", "0.9935"))],
)
def test_published_accuracies_from_published_embeddings(
    shared: Path, tmp_path: Path, direction: str, published: tuple[str, str]
) -> None:
    """LAION-CLAP on ESC-50 by `lbar score` alone: 50 prompts, and 2,000 clips of which 40 are right for each."""
    held = shared / "data" / "clap_esc50"
    with (held / "esc50_metadata.csv").open(newline="") as file:
        classes = {row["audio_filename"]: row["class_name"] for row in csv.DictReader(file)}
    rows = ["file_name,caption", *(f"{name},{label}" for name, label in classes.items())]
    (tmp_path / "captions.csv").write_text("\n".join(rows) + "\n")
    prompts = (held / "class_names.txt").read_text().split()
    rows = [f'{one},"{[name for name, label in classes.items() if label == one]}"' for one in prompts]
    (tmp_path / "relevant.csv").write_text("\n".join(["query,audio_filenames", *rows]) + "\n")
    (tmp_path / "esc50.yaml").write_text(ESC50.format(name="esc50", direction=direction))
    audio, text = held / "audio_embeddings.npy", held / "class_text_embeddings.npy"
    names = ["--captions", held / "class_names.txt", "--clips", f"{held / 'esc50_metadata.csv'}:audio_filename"]
    rules = ["--protocol", tmp_path / "esc50.yaml", "--data-root", tmp_path]
    done = CliRunner().invoke(build(), [str(word) for word in ("score", audio, "--text", text, *names, *rules)])
    assert done.exit_code == 0, done.output
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:3]] == [
        ["Hit@1", published[0]],
        ["Hit@5", published[1]],
    ]
