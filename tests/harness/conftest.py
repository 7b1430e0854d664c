"""A small world with the file-name traps of real data, and sound submissions in it, for tests to spoil."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from harness.audio.clip import Clip
from harness.protocols.named import Protocol
from harness.protocols.relevance import Relevance
from harness.protocols.task import RetrievalTask
from harness.submission.editions.profiles import Profile, get_profile
from harness.submission.output.expected import Expected, of_task
from harness.submission.validation import Validation, validate

CLIPS = (
    " typical neighborhood in Porto.wav",
    "Edit Radio .wav",
    "Chat2 - (Apollonia&#39;s sPA).wav",
    "Rhodes, scooter, tourists.wav",
    "A swing is squeaking at night. (Ukraine.wav",
    "KOOKABURRA..WAV.wav",
    "1.wav",
    "14.12.2011.001.wav",
    "Intersection Wet_Metro Pass.wav",
    "rain  twice.wav",
    "rain.wav",
    "sea [loop].wav",
)
QUERIES = (
    "Rain falls on a roof, steadily.",
    "A radio is tuned ",
    " People chat; a bird sings.",
    "An owl hoots",
    "Somebody's scooter passes",
    "The sea",
    "A metro train passes by.",
    "A swing squeaks at night",
)
META = """\
submission:
  label: {label}
  name: A system of ours
  abbreviation: {abbreviation}
  authors:
    - lastname: Müster-Mann
      firstname: Zoë
      email: zoe@example.org
      corresponding: true
      affiliation: {{abbreviation: ABC, institute: Institute of A, department: null, location: "Linz, Austria"}}
    - lastname: Other
      firstname: O.
      email: o@example.org
      affiliation: {{abbreviation: ABC, institute: Institute of B, location: "Linz, Austria"}}
system:
  description:
    input_sampling_rate: 32kHz
    learning_rate: 2e-5
    text_augmentation: !!null   # none
  complexity:
    total_parameters: {parameters}
  train_datasets:
    - {{name: Clotho-development, has_audio: Yes, nb_captions_per_audio: 5}}
results:
  development_testing:
    {measure}: {value}
"""
PDF = b"%PDF-1.4\n1 0 obj\nendobj\ntrailer\n%%EOF\n"


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(letter in cell for letter in ',"\r\n') else cell


@dataclass(frozen=True)
class World:
    """Queries, clips and what answers what; packages that are sound in it, as names and bytes."""

    folder: Path
    task: RetrievalTask
    expected: Expected

    def rows(self, edition: Profile, seed: int = 0) -> list[list[str]]:
        """The cells of a sound output; the right clip comes first for every other query."""
        random = np.random.default_rng(seed)
        scores = random.standard_normal((len(QUERIES), len(CLIPS)))
        scores[range(len(QUERIES)), range(len(QUERIES))] += 3 * (np.arange(len(QUERIES)) % 2)
        if edition.kind == "score-matrix":
            return [
                ["index", *CLIPS],
                *([text, *map(repr, row)] for text, row in zip(QUERIES, scores.tolist(), strict=True)),
            ]
        best = np.argsort(-scores, axis=1)[:, : edition.depth]
        return [
            edition.header(),
            *([text, *(CLIPS[clip] for clip in row)] for text, row in zip(QUERIES, best, strict=True)),
        ]

    def rows_of(self, name: str) -> list[list[str]]:
        """The same of an edition by its name."""
        return self.rows(get_profile(name))

    def csv(self, rows: list[list[str]]) -> bytes:
        return "".join(",".join(map(quoted, row)) + "\n" for row in rows).encode()

    def files(self, name: str, systems: int = 1) -> dict[str, bytes]:
        """A sound package."""
        edition = get_profile(name)
        top, team = edition.top_folder, f"Muestermann_ABC_task{edition.task}"
        files = {f"{top}/{team}.technical_report.pdf": PDF}
        for number in range(1, systems + 1):
            label = f"{team}_{number}"
            output = self.csv(self.rows(edition, number))
            said = META.format(
                label=label,
                abbreviation=f"ABC{number}",
                parameters=1_000_000 + number,
                measure="R@1",
                value=repr(self.recall_at_1(edition, number)),
            )
            files[f"{top}/{label}/{label}.meta.yaml"] = said.replace("Müster-Mann", "Muestermann").encode()
            files[f"{top}/{label}/{label}.output.csv"] = output
        return files

    def recall_at_1(self, edition: Profile, seed: int) -> float:
        """Worked out from the cells alone."""
        header, *rows = self.rows(edition, seed)
        if edition.kind == "score-matrix":
            best = [header[1:][max(range(len(CLIPS)), key=lambda clip: float(row[1 + clip]))] for row in rows]
        else:
            best = [row[1] for row in rows]
        return sum(name == CLIPS[query] for query, name in enumerate(best)) / len(rows)

    def zip(self, files: Mapping[str, bytes], name: str = "Muestermann_ABC.zip") -> Path:
        """The files as a zip on disk."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            for member, content in files.items():
                file.writestr(member, content)
        path = self.folder / name
        path.write_bytes(packed.getvalue())
        return path

    def write(self, files: Mapping[str, bytes], name: str = "package") -> Path:
        """The files as a folder on disk; of one file alone, that file."""
        for member, content in files.items():
            path = self.folder / name / member
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return self.folder / name

    def look(self, files: Mapping[str, bytes], edition: str | Profile, *, known: bool = True) -> Validation:
        """What the validator says of the files as a zip."""
        wanted = get_profile(edition) if isinstance(edition, str) else edition
        return validate(self.zip(files), wanted, self.expected if known else None)

    def look_at_file(self, name: str, content: bytes, edition: str, *, known: bool = True) -> Validation:
        """What it says of one file."""
        path = self.folder / name
        path.write_bytes(content)
        return validate(path, get_profile(edition), self.expected if known else None)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    relevance = Relevance.from_lists([[query] for query in range(len(QUERIES))])
    protocol = Protocol("small", "folder", "all", measures=("mAP@10", "R@1", "R@5", "R@10"))
    task = RetrievalTask(
        protocol,
        tuple(Clip(name, Path(name)) for name in CLIPS),
        QUERIES,
        relevance,
        tuple(CLIPS[: len(QUERIES)]),
    )
    return World(tmp_path_factory.mktemp("world"), task, of_task(task))
