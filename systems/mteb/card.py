"""Any model of MTEB that embeds audio and text, as a system."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from harness.audio import Array
from harness.errors import UserError, one_line
from harness.interface import Card, parse_card, takes_card
from systems.mteb.package import datasets_of, mteb, torchaudio_spared


class MtebCard(Card):
    """A card that names a model of MTEB.

    Attributes:
        model: its name there, such as `laion/clap-htsat-unfused`.
        revision: of its weights; by default the one that MTEB names.
        sample_rate: Hz at which it takes clips, which MTEB does not say; the harness resamples to it.
    """

    model: str
    revision: str | None = None
    sample_rate: Annotated[int, Field(ge=4_000, le=192_000)]


@dataclass(frozen=True)
class Rows:
    """Inputs as MTEB's models look at a data set: its length, its rows, its columns."""

    column: str
    values: Sequence[Any]

    @property
    def features(self) -> dict[str, str]:
        """The columns; what is in them, models do not ask."""
        return {self.column: self.column}

    @property
    def column_names(self) -> list[str]:
        """The names of the columns."""
        return [self.column]

    def select(self, indices: Sequence[int]) -> "Rows":
        """Some of the rows."""
        return Rows(self.column, [self.values[index] for index in indices])

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {self.column: self.values[index]}


class MtebSystem:
    """Embeds clips as documents and captions as queries by a model of MTEB, and compares by its cosine."""

    def __init__(self, card: MtebCard, model: Any, meta: Any, package: Any) -> None:
        self._model = model
        self._package = package
        self._task = _task_metadata(package)
        decides = [meta.name, meta.revision, package.__version__, card.sample_rate]
        info = card.info(
            sample_rate=card.sample_rate,
            parameters=card.parameters or meta.n_parameters or 0,
            digest=hashlib.sha256(json.dumps(decides).encode()).hexdigest(),
        )
        self.info = replace(
            info,
            trained_on=tuple(dict.fromkeys((*info.trained_on, *datasets_of(meta.training_datasets or ())))),
            licence=info.licence or str(meta.license or ""),
            source=info.source or f"MTEB: {meta.name}",
        )

    def embed_audio(self, clips: Sequence[Array]) -> Array:
        """Embed clips, `(n, d)`."""
        rate = self.info.sample_rate
        return self._encode(Rows("audio", [{"array": clip, "sampling_rate": rate} for clip in clips]), "document")

    def embed_text(self, captions: Sequence[str]) -> Array:
        """Embed captions, `(m, d)`."""
        return self._encode(Rows("text", list(captions)), "query")

    def _encode(self, rows: Rows, role: str) -> Array:
        from torch.utils.data import DataLoader

        rate = self.info.sample_rate
        loader: Any = DataLoader(rows, batch_size=max(len(rows), 1), collate_fn=_as_lists)  # type: ignore[arg-type]
        with torchaudio_spared(rate):
            found = self._model.encode(
                loader,
                task_metadata=self._task,
                hf_split="test",
                hf_subset="default",
                prompt_type=self._package.types.PromptType(role),
                batch_size=len(rows),
                show_progress_bar=False,
            )
        # Where torchaudio is here, a model resamples in silence.
        wanted = getattr(loader.collate_fn, "target_sampling_rate", rate)
        if wanted != rate:
            raise UserError(
                f"{self.info.name} wants {wanted:,} Hz and its card says {rate:,}; write `sample_rate: {wanted}` there"
            )
        return as_array(found)


class ScoringMtebSystem(MtebSystem):
    """The same of a model whose similarity is another than the cosine."""

    def score(self, text: Array, audio: Array) -> Array:
        """The model's own similarity of captions with clips, `(m, n)`."""
        return as_array(self._model.similarity(text, audio))


@takes_card(MtebCard)
def from_card(card: Mapping[str, object], folder: Path, *, device: str = "cpu") -> MtebSystem:  # noqa: ARG001
    """Build the system from a model of MTEB.

    Raises:
        UserError: something is wrong with the card, MTEB is not installed, it has no such model or the model does not
            embed both audio and text, or it cannot be loaded.
    """
    parsed = parse_card(MtebCard, card)
    package = mteb()
    try:
        meta = package.get_model_meta(parsed.model, parsed.revision)
    except (KeyError, ValueError) as error:
        raise UserError(f"{parsed.name}: {' '.join(map(str, error.args))}") from error
    missing = [side for side in ("audio", "text") if side not in meta.modalities]
    if missing:
        raise UserError(
            f"{parsed.name}: {meta.name} embeds {' and '.join(meta.modalities)}, not {' and '.join(missing)}; a system "
            "needs both"
        )
    try:
        with torchaudio_spared(parsed.sample_rate):
            model = _without_audio_extra(meta).load_model(device=device)
        model.mteb_model_meta = meta
    except (Exception, SystemExit) as error:
        raise UserError(f"{parsed.name}: MTEB cannot load {meta.name}: {one_line(error)}") from error
    if not callable(getattr(model, "encode", None)):
        raise UserError(f"{parsed.name}: {meta.name} has no embeddings: MTEB uses it as {', '.join(meta.model_type)}")
    kind = MtebSystem if str(meta.similarity_fn_name) == "cosine" else ScoringMtebSystem
    return kind(parsed, model, meta, package)


def _without_audio_extra(meta: Any) -> Any:
    """The metadata of a model as if it needed no audio, for which MTEB wants torchaudio to be installed."""
    extras = [extra for extra in meta.extra_requirements_groups or () if extra != "audio"]
    return meta.model_copy(update={"extra_requirements_groups": extras or None, "modalities": ["text"]})


def as_array(found: Any) -> Array:
    """What a model returned, as float32 in NumPy."""
    if hasattr(found, "detach"):
        found = found.detach().cpu().float().numpy()
    return np.asarray(found, np.float32)


def _as_lists(batch: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {column: [row[column] for row in batch] for column in batch[0]}


def _task_metadata(package: Any) -> Any:
    """The metadata of a retrieval task, by which some models choose their prompt."""
    return package.TaskMetadata(
        name="lbar",
        description="Rank audio clips for a caption.",
        dataset={"path": "lbar", "revision": "1"},
        type="Any2AnyRetrieval",
        category="t2a",
        modalities=["text", "audio"],
        eval_langs=["eng-Latn"],
        main_score="hit_rate_at_5",
    )
