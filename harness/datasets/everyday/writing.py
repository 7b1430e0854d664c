"""The files of one split, in the layout of Clotho, and the true content of its scenes."""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from harness.datasets.everyday.captions import Caption
from harness.datasets.everyday.claims import SceneIndex
from harness.datasets.everyday.render import render, wav_bytes
from harness.datasets.everyday.scenes import Scene
from harness.datasets.everyday.sources import SAMPLES_PER_MS
from harness.machine import Advance, usable_cores

WAV_HEADER = 44


def captions_name(split: str) -> str:
    """The CSV with five captions per clip."""
    return f"clotho_captions_{split}.csv"


def file_names(split: str) -> tuple[str, ...]:
    """The files beside the folder of clips."""
    return f"relevance_{split}.csv", f"scenes_{split}.json", captions_name(split)


def size_in_bytes(scenes: Sequence[Scene]) -> int:
    """Number of bytes of the clips of these scenes."""
    return sum(WAV_HEADER + 2 * scene.duration_ms * SAMPLES_PER_MS for scene in scenes)


def write_split(
    folder: Path,
    split: str,
    scenes: Sequence[Scene],
    captions: Sequence[Sequence[Caption]],
    advance: Advance,
) -> None:
    """Render a split and write all its files; `advance` is called after every scene.

    Raises:
        OSError: something cannot be written.
    """
    (folder / split).mkdir()
    (folder / captions_name(split)).write_bytes(_captions_csv(scenes, captions))
    (folder / f"relevance_{split}.csv").write_bytes(_relevance_csv(scenes, captions))
    (folder / f"scenes_{split}.json").write_bytes(_scenes_json(scenes, captions))

    def write(scene: Scene) -> None:
        (folder / split / scene.name).write_bytes(wav_bytes(render(scene)))

    pool = ThreadPoolExecutor(usable_cores())
    try:
        for _ in pool.map(write, scenes):
            advance(1)
    finally:
        pool.shutdown(cancel_futures=True)


def digest(folder: Path, split: str) -> str:
    """SHA-256 over the names and contents of all files of a split, clips first, each group in the order of names.

    Hidden files, which file managers leave behind, do not count.

    Raises:
        OSError: a file is missing or cannot be read.
    """
    clips = sorted(path for path in (folder / split).iterdir() if not path.name.startswith("."))
    paths = clips + [folder / name for name in sorted(file_names(split))]
    with ThreadPoolExecutor(usable_cores()) as pool:
        contents = pool.map(lambda path: hashlib.sha256(path.read_bytes()).hexdigest(), paths)
        lines = [f"{path.name}\0{content}\n" for path, content in zip(paths, contents, strict=True)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _captions_csv(scenes: Sequence[Scene], captions: Sequence[Sequence[Caption]]) -> bytes:
    header = ["file_name", *(f"caption_{number}" for number in range(1, len(captions[0]) + 1))]
    rows = [[scene.name, *(caption.text for caption in five)] for scene, five in zip(scenes, captions, strict=True)]
    return _csv([header, *rows])


def _relevance_csv(scenes: Sequence[Scene], captions: Sequence[Sequence[Caption]]) -> bytes:
    """For each caption, every scene that it is true of, not only its own, in the format of DCASE 2025."""
    index = SceneIndex(scenes)
    rows = [
        [caption.text, repr([scene.name for scene in index.matching(caption.claims)])]
        for five in captions
        for caption in five
    ]
    return _csv([["query", "audio_filenames"], *rows])


def _scenes_json(scenes: Sequence[Scene], captions: Sequence[Sequence[Caption]]) -> bytes:
    truth = [
        {**asdict(scene), "captions": [asdict(caption) for caption in five]}
        for scene, five in zip(scenes, captions, strict=True)
    ]
    return (json.dumps(truth, indent=1) + "\n").encode()


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
