#!/bin/sh
# Makes everything in this folder again: in a checkout of lbar 0.1.0, installed from there (`pip install -e '.[test]'`),
# run it in an empty folder tests/data/previous_version. README.md says what each file is.
set -eu
export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
unset LBAR_DATA LBAR_RUNS LBAR_WEIGHTS MLFLOW_TRACKING_URI 2>/dev/null || true
SYSTEMS=$(python -c "import pathlib, systems; print(pathlib.Path(systems.__file__).parent)")

# --- data -------------------------------------------------------------------------------------------------------------
python - <<'PY'
import csv
from pathlib import Path

import numpy as np
import soundfile

WORDS = {"low": "hum", "high": "whistle", "noise": "hiss", "clicks": "ticking"}
WAYS = ("A {}.", "The {} goes on.", "Somebody hears a {} far away.", "{} in a room.", "There is a {} again.")
random = np.random.default_rng(0)


def sound(kind, rate, seconds):
    time = np.arange(round(rate * seconds)) / rate
    if kind == "low":
        return 0.3 * np.sin(2 * np.pi * random.uniform(100, 200) * time)
    if kind == "high":
        return 0.3 * np.sin(2 * np.pi * random.uniform(2_000, 4_000) * time)
    noise = random.uniform(-0.5, 0.5, len(time))
    return noise if kind == "noise" else noise * (time % 0.05 < 0.01)


def write(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


tones, clotho = Path("data/tones"), Path("data/clotho")
tones.mkdir(parents=True)
rows = []
for index in range(12):
    kind = list(WORDS)[index % 4]
    soundfile.write(tones / f"clip {index}.wav", sound(kind, 32_000, 0.1), 32_000)
    rows.append([f"clip {index}.wav", f"Number {index} is a {WORDS[kind]}.", f"A {WORDS[kind]}, the {index}th of all."])
write(tones / "captions.csv", ["file_name", "caption_1", "caption_2"], rows)
write(Path("data/queries.csv"), ["caption"], [["a hum in a room"], ["somebody hears a whistle"], ["hiss"]])
for split, count in {"development": 8, "validation": 4}.items():
    (clotho / split).mkdir(parents=True)
    rows = []
    for index in range(count):
        kind = list(WORDS)[index % 4]
        soundfile.write(clotho / split / f"{index}.wav", sound(kind, 32_000, 0.1), 32_000)
        rows.append([f"{index}.wav", *(way.format(WORDS[kind]) for way in WAYS)])
    header = ["file_name", *(f"caption_{number}" for number in range(1, 6))]
    write(clotho / f"clotho_captions_{split}.csv", header, rows)
PY

# --- cards ------------------------------------------------------------------------------------------------------------
mkdir -p cards/written_by_people
cp -r "$SYSTEMS/text/tiny_tokenizer" cards/tokenizer
rm -rf cards/tokenizer/__pycache__ cards/tokenizer/__init__.py
cd cards/written_by_people
cat > to_train_linear.yaml <<'YAML'
# A linear system, to be trained by `lbar train`.
factory: systems.linear:from_card
trainer: systems.training.recipe:train_linear
name: small_linear
about: log-mel statistics and TF-IDF, in small
dataset: clotho
licence: Apache-2.0
source: lbar
bands: 8
quantiles: [0.1, 0.9]
lags: [1, 3]
least_captions: 2
topics: 8
ridge: 1.0
rank: 4
described: {acoustic_features: log-mel energies, text_embeddings: TF-IDF, learning_scheme: supervised}
YAML
cat > to_train_dual.yaml <<'YAML'
# A dual encoder of a few thousand weights, to be trained by `lbar train`: the first stage.
factory: systems.dual_encoder_system:from_card
trainer: systems.training.two_stage:train_dual_encoder
name: small_dual
about: PaSST and RoBERTa of one block each
licence: Apache-2.0
source: lbar
audio: {encoder: passt, width: 8, depth: 1, heads: 2, frames: 100, classes: 1, patchout_time: 1, patchout_frequency: 0}
windows: {seconds: 1, longest_seconds: 1}
text: {vocabulary: 600, width: 8, depth: 1, heads: 2, intermediate: 16, positions: 34}
shared: 8
files: {tokenizer: {path: ../tokenizer}}
training: {data: [clotho], validation: clotho, batch: 8, epochs: 3, captions: all, schedule: {highest: 0.01, warm_up: 0}}
YAML
cat > to_train_dual_2.yaml <<'YAML'
# The second stage: from the first one's weights, towards what two teachers estimate.
base: to_train_dual.yaml
name: small_dual_2
training: {start: ../small_dual/card.yaml, teachers: [../small_dual/card.yaml, ../small_linear/card.yaml], supervised: 0.25}
YAML
cat > to_train_fusion.yaml <<'YAML'
# A fusion, whose weights `lbar train` fits.
factory: systems.fusion:from_card
trainer: systems.training.fusion:train_fusion
name: small_fusion
about: two trained systems, and one that comes with lbar
members: [../small_dual/card.yaml, ../small_linear/card.yaml, random]
dataset: clotho
YAML
cat > upon_shipped.yaml <<'YAML'
# A card upon one that comes with lbar, which says itself what builds and what trains it.
base: tiny-passt
factory: systems.dual_encoder_system:from_card
trainer: systems.training.two_stage:train_dual_encoder
name: upon_shipped
about: tiny-passt with weights of its own
random_weights: 3
YAML
cat > to_train_upon_tiny.yaml <<'YAML'
# To be trained, upon a card that comes with lbar: what `lbar train` writes names that card's tokenizer in the checkout.
base: tiny-passt
factory: systems.dual_encoder_system:from_card
trainer: systems.training.two_stage:train_dual_encoder
name: small_upon_tiny
about: tiny-passt with one block and less width
audio: {width: 8, depth: 1, heads: 2, patch: 16, frames: 100}
windows: {seconds: 1, longest_seconds: 1}
text: {width: 8, depth: 1, heads: 2, intermediate: 16}
shared: 8
training: {data: [clotho], validation: clotho, batch: 8, epochs: 1, schedule: {highest: 0.01, warm_up: 0}}
YAML
cat > upon_trained.yaml <<'YAML'
# A card upon one that `lbar train` wrote.
base: ../small_linear/card.yaml
name: upon_trained
about: small_linear under another name
YAML
cat > by_hand.yaml <<'YAML'
# A card written by hand for weights that are there.
factory: systems.linear:from_card
name: by_hand
dataset: clotho
files: {weights: {path: ../small_linear/small_linear.safetensors}}
bands: 8
quantiles: [0.1, 0.9]
lags: [1, 3]
least_captions: 2
topics: 8
ridge: 1.0
rank: 4
YAML
cat > fusion_by_hand.yaml <<'YAML'
# A fusion written by hand: of a card, a registered system, and a class by its address.
factory: systems.fusion:from_card
name: fusion_by_hand
members: [by_hand.yaml, random, "systems.random:RandomSystem"]
weights: [2, 1, 1]
YAML
cat > random_by_hand.yaml <<'YAML'
factory: systems.random:from_card
name: random
YAML
cat > clap_by_hand.yaml <<'YAML'
# What builds it can be found; its weights are not here.
base: clap
factory: systems.clap:from_card
name: clap_by_hand
files: {weights: {path: nowhere/clap, origin: it is not here}}
YAML
cat > tags_by_hand.yaml <<'YAML'
# What builds it can be found; its weights are not here.
base: tags
factory: systems.tags:from_card
name: tags_by_hand
YAML
cd ../..
for card in to_train_linear to_train_dual to_train_dual_2 to_train_fusion to_train_upon_tiny; do
    lbar train "cards/written_by_people/$card.yaml" --out cards --data-root data/clotho --device cpu
done
rm -f cards/*/.lock
rm -rf runs

# --- runs -------------------------------------------------------------------------------------------------------------
lbar eval cards/small_linear/card.yaml random --protocol folder --data-root data/tones --device cpu
lbar eval cards/small_dual/card.yaml --protocol folder --data-root data/tones --device cpu --keep-embeddings --profile dcase2025
lbar eval cards/small_linear/card.yaml --audio data/tones --queries data/queries.csv --profile dcase2024 --device cpu
lbar eval linear random --protocol everyday --device cpu
rm runs/*-everyday/ranking.parquet runs/*-everyday/*.output.csv

# Speed, by the shortest effort: `random` as it comes out, `small_linear` with what speaks against so short a measurement
# left out, so that a board shows it beside the quality.
cat > bench_briefly.py <<'PY'
import sys

from harness.cli import main
from harness.throughput import benchmark, index, timing

timing.FULL = timing.Effort(warm_ups=1, most_warm_up_seconds=0, iterations=2, seconds=0)
index._SWEEP_SECONDS = 0
if "cards/small_linear/card.yaml" in sys.argv:
    benchmark.summary = lambda workloads: ()
    benchmark._reasons = lambda options, environment: []
main()
PY
for system in random cards/small_linear/card.yaml; do
    python bench_briefly.py bench $system --workload index --protocol folder --data-root data/tones --device cpu
done
rm -r bench_briefly.py runs/mlflow.db runs/mlartifacts runs/.tracking.lock

# --- mlflow_model -----------------------------------------------------------------------------------------------------
lbar eval random --protocol folder --data-root data/tones --out registering
lbar mlflow register --protocol folder --data-root data/tones --out registering
cp -r registering/mlartifacts/folder/*/artifacts/retriever mlflow_model
rm -r registering
# MLflow keeps the absolute path of the code it copied, of which it reads the file's name alone.
sed -i 's|model_code_path: .*/leaderboard/|model_code_path: leaderboard/|' mlflow_model/MLmodel

# --- submission -------------------------------------------------------------------------------------------------------
mkdir -p submission/rehearsal submission/hidden_set
lbar submit --init --profile dcase2024 --meta submission/meta.yaml
sed -i -e 's/Lastname/Muster/; s/INST/ABC/; s/Firstname/Maxi/; s/name@institute.org/maxi@example.org/' \
    -e 's/Name of the Institute/Institute of A/; s/City, Country/Linz, Austria/' submission/meta.yaml
printf '%%PDF-1.4\n%%%%EOF\n' > submission/report.pdf
person="--profile dcase2024 --meta submission/meta.yaml --report submission/report.pdf"
lbar submit runs/*-small_linear-folder $person --data-root data/tones --out submission/rehearsal
lbar submit runs/*-small_linear-folder runs/*-small_linear-hidden $person --data-root data/tones --out submission/hidden_set

# --- expected ---------------------------------------------------------------------------------------------------------
mkdir expected
lbar board --out runs > expected/board.txt
lbar board --out runs --json > expected/board.json
lbar board --out runs --format csv > expected/board.csv
lbar compare small_linear random small_dual --protocol folder --out runs --json > expected/compare_folder.json
lbar compare linear random --protocol everyday --out runs --json > expected/compare_everyday.json
lbar score submission/rehearsal/Muster_ABC.zip --protocol folder --data-root data/tones --json > expected/score.json
lbar validate submission/hidden_set/Muster_ABC.zip --profile dcase2024 --audio data/tones --queries data/queries.csv \
    --json > expected/validate.json
python - <<'PY'
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import mlflow

import harness

cards = {path.parent.name: path for path in sorted(Path("cards").glob("*/card.yaml"))}
cards |= {path.stem: path for path in sorted(Path("cards/written_by_people").glob("*.yaml"))}
rows = {}
with tempfile.TemporaryDirectory() as folder:
    # A package that registers the cards, as people register theirs.
    package, about = Path(folder) / "previous_cards", Path(folder) / "previous_cards-1.dist-info"
    shutil.copytree("cards", package)
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: previous-cards\nVersion: 1\n")
    folders = sorted({package, *(path.parent for path in package.rglob("*.yaml"))})
    for one in folders:
        (one / "__init__.py").touch()
        if (one / "card.yaml").exists():
            shutil.copy(one / "card.yaml", one / f"{one.name}.yaml")
    entries = [f"{one.name} = previous_cards.{one.name}" for one in folders[1:]]
    (about / "entry_points.txt").write_text("\n".join(["[lbar.systems]", *entries, ""]))
    sys.path.insert(0, folder)
    from typer.testing import CliRunner
    from harness.cli import build

    app = build()
    listed = {one["name"]: one for one in json.loads(CliRunner().invoke(app, ["systems", "--json"]).stdout)}
    printed = CliRunner().invoke(app, ["systems"]).stdout.splitlines()
# What these say beside their names is said by cards that come with lbar.
upon_shipped = ("upon_shipped", "to_train_upon_tiny", "small_upon_tiny", "clap_by_hand", "tags_by_hand")
lines = [re.sub(" +", " ", line) for line in printed if line.split()[0] in cards.keys() - upon_shipped]
Path("expected/systems.txt").write_text("\n".join(lines) + "\n")
for name, path in cards.items():
    found = listed[name]
    row = {"path": str(path), "problem": found["problem"], "card": None, "files": None, "system": None}
    if name not in upon_shipped:
        row["card"] = {key: value for key, value in found["card"].items() if key not in ("factory", "trainer", "files")}
        row["files"] = [{"name": Path(file["path"]).name, "here": file["place"] is not None} for file in found["files"]]
    try:
        info = harness.load_system(str(path), device="cpu").info
    except harness.UserError as error:
        assert "lacks what it needs" in str(error) or "does not say where its weights is" in str(error), error
    else:
        row["system"] = {
            "name": info.name,
            "sample_rate": info.sample_rate,
            "parameters": info.parameters,
            "trained_on": list(info.trained_on),
            # Drawn weights may be others on another machine.
            "digest": None if name == "upon_shipped" else info.digest,
        }
    rows[name] = row
Path("expected/systems.json").write_text(json.dumps(rows, indent=2) + "\n")
captions = ["rain", "A hum, the 0th of all."]
with tempfile.TemporaryDirectory() as folder:
    # Loading leaves compiled code beside the model's own.
    model = mlflow.pyfunc.load_model(str(shutil.copytree("mlflow_model", Path(folder) / "model")))
    answer = model.predict(captions)
said = {"captions": captions, **answer.to_dict(orient="split", index=False)}
Path("expected/answer.json").write_text(json.dumps(said, indent=2) + "\n")
PY
