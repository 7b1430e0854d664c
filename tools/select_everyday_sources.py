"""Choose, cut and describe the recordings of `everyday`; run once, its output is package data.

    python tools/select_everyday_sources.py EVERYDAY_SOUNDS_FOLDER harness/datasets/everyday/sounds

The input folder holds `manifest.csv` and `audio/*.ogg`. A recording is kept when an AudioSet tagger confirms its label:
when one of the classes in `ACCEPTED` is among the tagger's three best with a score of 0.2 or more. The
accepted classes are the AudioSet classes of the label itself, or, where AudioSet has none (blackbird, lark, tuba), the
narrowest classes that contain it. Where the tagger finds only the wider class ("Insect" for a bee), the recording goes
under the wider name. Everything else is dropped, and so is the drum kit: of its drums and cymbals neither could be
counted in a scene.

Each kept recording is cut to one vocalisation or stroke where such can be counted, else to a passage of six seconds or
less, and written as 16-bit FLAC: decoding FLAC is integer arithmetic and gives the same samples on every machine.
"""

import csv
import hashlib
import sys
from pathlib import Path

import numpy as np
import soundfile

LOWEST_SCORE = 0.2

# Label in the manifest: label in `everyday`, and the AudioSet classes that confirm it.
ACCEPTED: dict[str, tuple[str, tuple[str, ...]]] = {
    "accordion": ("accordion", ("Accordion",)),
    "alarm clock": ("alarm", ("Alarm", "Alarm clock")),
    "applause": ("applause", ("Applause", "Clapping")),
    "banjo": ("banjo", ("Banjo",)),
    "bee": ("insect", ("Insect",)),
    "blackbird": ("blackbird", ("Bird vocalization, bird call, bird song", "Chirp, tweet")),
    "busy signal": ("busy signal", ("Busy signal",)),
    "cat": ("cat", ("Cat", "Meow")),
    "cello": ("cello", ("Cello",)),
    "chicken": ("chicken", ("Chicken, rooster", "Cluck")),
    "clarinet": ("clarinet", ("Clarinet",)),
    "cow": ("cow", ("Cattle, bovinae", "Moo")),
    "crow": ("crow", ("Crow", "Caw")),
    "cymbal": ("cymbal", ("Cymbal",)),
    "dog bark": ("dog", ("Dog", "Bark")),
    "drum": ("drum", ("Drum",)),
    "duck": ("duck", ("Duck", "Quack")),
    "electric guitar": ("guitar", ("Guitar",)),
    "fire truck": ("siren", ("Fire engine, fire truck (siren)", "Siren")),
    "flute": ("flute", ("Flute",)),
    "frog": ("frog", ("Frog", "Croak")),
    "gong": ("gong", ("Gong",)),
    "goose": ("goose", ("Goose", "Honk")),
    "grasshopper": ("grasshopper", ("Insect", "Cricket")),
    "guitar": ("guitar", ("Guitar",)),
    "harmonica": ("harmonica", ("Harmonica",)),
    "harp": ("harp", ("Harp",)),
    "heart beat": ("heartbeat", ("Heart sounds, heartbeat",)),
    "horse": ("horse", ("Neigh, whinny", "Horse")),
    "lark": ("lark", ("Bird vocalization, bird call, bird song", "Chirp, tweet")),
    "maracas": ("maracas", ("Maraca",)),
    "organ": ("organ", ("Organ",)),
    "owl": ("owl", ("Owl", "Hoot")),
    "piano": ("piano", ("Piano",)),
    "pig": ("pig", ("Pig", "Oink")),
    "rain": ("rain", ("Rain", "Raindrop", "Rain on surface")),
    "saxophone": ("saxophone", ("Saxophone",)),
    "sheep": ("sheep", ("Sheep", "Bleat")),
    "snare drum": ("snare drum", ("Snare drum",)),
    "thunder": ("thunder", ("Thunder",)),
    "timpani": ("timpani", ("Timpani",)),
    "train": ("train", ("Train", "Rail transport")),
    "train whistle": ("train whistle", ("Train whistle", "Steam whistle")),
    "trombone": ("trombone", ("Trombone",)),
    "trumpet": ("trumpet", ("Trumpet",)),
    "tuba": ("tuba", ("Brass instrument",)),
    "turkey": ("turkey", ("Turkey", "Gobble")),
    "violin": ("violin", ("Violin, fiddle",)),
    "water": ("water", ("Water", "Stream", "Trickle, dribble", "Pour")),
}

# A recording whose file name says more than its label: many frogs, not one.
RELABELLED = {"gcompris_lrfrogsinpondduringstormlacut.ogg": "frogs"}
BACKGROUNDS = ("frogs", "grasshopper", "rain", "train", "water")

# What is kept of each recording, in milliseconds; found from its level curve.
CUTS: dict[str, tuple[int, int]] = {
    "tuxpaint_frog.ogg": (20, 1500),
    "tuxpaint_blackbird.ogg": (150, 5450),
    "tuxpaint_crow.ogg": (0, 420),
    "tuxpaint_gander.ogg": (0, 1073),
    "tuxpaint_lark.ogg": (0, 1740),
    "tuxpaint_turkey.ogg": (0, 1640),
    "tuxpaint_duck.ogg": (440, 780),
    "tuxpaint_bee.ogg": (400, 6200),
    "tuxpaint_grasshopper.ogg": (0, 2750),
    "tuxpaint_cow_white.ogg": (700, 2160),
    "tuxpaint_sheep.ogg": (0, 1120),
    "tuxpaint_blackcat.ogg": (80, 1440),
    "tuxpaint_lightningbolt.ogg": (0, 4650),
    "tuxpaint_firetruck.ogg": (300, 5050),
    "tuxpaint_violin.ogg": (0, 2960),
    "tuxpaint_cymbal_crash.ogg": (0, 2100),
    "tuxpaint_drum_tomtom_floor.ogg": (2285, 2800),
    "gcompris_cat.ogg": (0, 700),
    "gcompris_chickens.ogg": (0, 5000),
    "gcompris_cow.ogg": (880, 1920),
    "gcompris_duck.ogg": (1870, 2180),
    "gcompris_horse.ogg": (1800, 3480),
    "gcompris_owl.ogg": (20, 2280),
    "gcompris_pig.ogg": (2280, 5640),
    "gcompris_sheep.ogg": (60, 1300),
    "gcompris_accordion.ogg": (0, 5000),
    "gcompris_banjo.ogg": (0, 4700),
    "gcompris_cello.ogg": (0, 5500),
    "gcompris_clarinet.ogg": (0, 5000),
    "gcompris_cymbal.ogg": (0, 2700),
    "gcompris_electric_guitar.ogg": (0, 4500),
    "gcompris_flute_traversiere.ogg": (0, 5500),
    "gcompris_guitar.ogg": (0, 4750),
    "gcompris_harmonica.ogg": (0, 5500),
    "gcompris_harp.ogg": (200, 5600),
    "gcompris_maracas.ogg": (0, 4500),
    "gcompris_organ.ogg": (0, 5500),
    "gcompris_piano.ogg": (100, 5600),
    "gcompris_saxophone.ogg": (180, 5200),
    "gcompris_snare_drum.ogg": (1000, 6000),
    "gcompris_timpani.ogg": (500, 6000),
    "gcompris_trombone.ogg": (0, 5600),
    "gcompris_trumpet.ogg": (0, 5600),
    "gcompris_tuba.ogg": (260, 5800),
    "gcompris_violin.ogg": (0, 5500),
    "gcompris_lrapplauses_1_la_cut.ogg": (0, 3200),
    "gcompris_lrbark_1_la_cut.ogg": (520, 860),
    "gcompris_lrbark_3_la_cut.ogg": (200, 520),
    "gcompris_lrbuddhist_gong_05_la.ogg": (0, 3160),
    "gcompris_lrheart_beat_01_la.ogg": (0, 940),
    "gcompris_lrrain_in_garden_01_la_cut.ogg": (0, 5000),
    "gcompris_lrtrain_slowing_down_01_la_cut.ogg": (300, 4000),
    "gcompris_lrfrogsinpondduringstormlacut.ogg": (800, 4080),
    "gcompris_train.ogg": (0, 2500),
    "gcompris_water.ogg": (40, 2600),
    "freedesktop_phone_outgoing_busy.ogg": (60, 2860),
    "freedesktop_alarm_clock_elapsed.ogg": (200, 4900),
}

LICENCE_TEXTS = {
    "GPL-2.0-or-later": "GPL-2.0.txt in this folder",
    "GPL-3.0": "GPL-3.0.txt in this folder",
    "GPL-3.0-or-later": "GPL-3.0.txt in this folder",
    "Free Art License (LAL)": "https://artlibre.org/licence/lal/en/",
    "CC-BY-SA-3.0": "https://creativecommons.org/licenses/by-sa/3.0/",
}

COLUMNS = (
    "file_name",
    "label",
    "kind",
    "licence",
    "author",
    "source",
    "source_url",
    "original",
    "original_label",
    "original_sha256",
    "tagger",
    "changes",
)


def tagger_scores(evidence: str) -> dict[str, float]:
    """`"Cat:0.90 | Animal:0.90"` as a mapping."""
    pairs = (part.rsplit(":", 1) for part in evidence.split(" | "))
    return {name: float(score) for name, score in pairs}


def confirmed(manifest_label: str, evidence: str) -> bool:
    """Whether the tagger confirms the label in the manifest."""
    if manifest_label not in ACCEPTED:
        return False
    scores = tagger_scores(evidence)
    return any(scores.get(name, 0.0) >= LOWEST_SCORE for name in ACCEPTED[manifest_label][1])


def select(folder: Path, target: Path) -> list[dict[str, str]]:
    """Write the kept cuts and return their rows, ordered by label."""
    rows = []
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        for entry in csv.DictReader(file):
            if not confirmed(entry["label"], entry["mn04_top3"]):
                continue
            original = folder / "audio" / entry["file_name"]
            if hashlib.sha256(original.read_bytes()).hexdigest() != entry["sha256"]:
                raise SystemExit(f"{original} is not the file the manifest describes")
            # Decoded to integers, a sample beyond full scale would wrap around.
            decoded, rate = soundfile.read(original, dtype="float64")
            samples = np.rint(np.clip(decoded, -1.0, 1.0) * 32_767).astype(np.int16)
            start, end = CUTS[entry["file_name"]]
            cut = samples[start * rate // 1000 : end * rate // 1000]
            if rate != 32_000 or len(cut) != (end - start) * 32:
                raise SystemExit(f"{original}: the cut {start}-{end} ms is not inside a recording at 32 kHz")
            name = Path(entry["file_name"]).with_suffix(".flac").name
            soundfile.write(target / name, cut, rate, subtype="PCM_16")
            label = RELABELLED.get(entry["file_name"], ACCEPTED[entry["label"]][0])
            rows.append(
                {
                    "file_name": name,
                    "label": label,
                    "kind": "background" if label in BACKGROUNDS else "event",
                    "licence": entry["licence"],
                    "author": entry["author"],
                    "source": f"{entry['source']}: {entry['source_path']}",
                    "source_url": entry["source_url"],
                    "original": entry["file_name"],
                    "original_label": entry["label"],
                    "original_sha256": entry["sha256"],
                    "tagger": entry["mn04_top3"],
                    "changes": f"mono 32 kHz, cut to {start}-{end} ms, 16-bit FLAC",
                }
            )
    return sorted(rows, key=lambda row: (row["label"], row["file_name"]))


def describe(rows: list[dict[str, str]]) -> str:
    """The licence file that lies beside the recordings."""
    lines = [
        "# Licences of the recordings in this folder",
        "",
        "These recordings are not under the licence of the program: each keeps its own, named below with its author",
        "and the Debian package it comes from. All were changed: mixed down to mono, resampled to 32 kHz, cut to the",
        "part named under *changes*, and stored as 16-bit FLAC. `sources.csv` has the same facts for programs, and",
        "what an AudioSet tagger hears in each.",
        "",
        "| licence | text |",
        "|---|---|",
    ]
    used = sorted({row["licence"] for row in rows})
    lines += [f"| {licence} | {LICENCE_TEXTS[licence]} |" for licence in used]
    for licence in used:
        lines += ["", f"## {licence}", "", "| file | author | source | changes |", "|---|---|---|---|"]
        lines += [
            f"| {row['file_name']} | {row['author']} | {row['source']} | {row['changes']} |"
            for row in rows
            if row["licence"] == licence
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the two folders from the command line."""
    folder, target = (Path(argument) for argument in sys.argv[1:])
    for stale in target.glob("*.flac"):
        stale.unlink()
    rows = select(folder, target)
    with (target / "sources.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (target / "LICENCES.md").write_text(describe(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
