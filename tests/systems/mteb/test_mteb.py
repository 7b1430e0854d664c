"""MTEB both ways, with the package itself; a test skips where it is not installed."""

import functools
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import UserError
from harness.evaluation.evaluating import evaluate
from harness.evaluation.options import Options
from harness.interface.conformance import check
from harness.interface.systems import load_system
from harness.protocols.description import get_protocol
from harness.protocols.named import Protocol
from systems.mteb.card import ScoringMtebSystem, from_card
from systems.mteb.model import as_model
from systems.mteb.package import TASKS
from systems.mteb.task import as_task
from tests.systems.test_clap import RATE, save_tiny

pytestmark = pytest.mark.slow
RANDOM = {"factory": "x", "name": "theirs", "model": "mteb/baseline-random-encoder", "sample_rate": 16_000}
SHOWN = {"mAP@10": "map_at_10", "R@1": "hit_rate_at_1", "R@5": "hit_rate_at_5", "R@10": "hit_rate_at_10"}
A2T = Protocol("a2t", "folder", "all", "audio-to-text", ("mAP@10", "Hit@1", "Hit@5", "R@5"), submission=None)


@pytest.fixture(scope="module")
def mteb() -> Any:
    return pytest.importorskip("mteb", reason="needs the package mteb (extra mteb)")


@pytest.fixture
def evaluated(mteb: Any) -> Callable[..., dict[str, float]]:
    def scores(model: Any, task: Any) -> dict[str, float]:
        found = mteb.evaluate(model, task, cache=None, show_progress_bar=False, co2_tracker=False)
        one: dict[str, float] = found.task_results[0].scores["test"][0]
        return one

    return scores


@pytest.mark.parametrize("name", ["linear", "tiny-mn"])
def test_a_system_scores_through_mteb_as_it_does_here(
    evaluated: Callable[..., dict[str, float]], tmp_path: Path, name: str
) -> None:
    system = load_system(name, device="cpu")
    ours = evaluate(system, "everyday", Options(out=tmp_path)).record
    theirs = evaluated(as_model(system), as_task("everyday", sample_rate=system.info.sample_rate))
    assert {one.name: round(one.value, 4) for one in ours.measures} == {
        own: round(theirs[name], 4) for own, name in SHOWN.items()
    }
    assert ours.tied_fraction < 0.001


class OwnScore:
    """A system whose score is no cosine, and is not the same the other way round."""

    def __init__(self, system: Any) -> None:
        self._system = system
        self.info = replace(system.info, name="own-score")
        self.embed_audio, self.embed_text = system.embed_audio, system.embed_text

    def score(self, text: Any, audio: Any) -> Any:
        return np.ascontiguousarray(-np.abs(text[:, None, :] - 1.5 * audio[None, :, :]).sum(axis=2))


@pytest.mark.parametrize("protocol", [get_protocol("folder"), A2T])
@pytest.mark.parametrize("wrap", [lambda system: system, OwnScore])
def test_both_directions_and_a_score_of_its_own(
    evaluated: Callable[..., dict[str, float]],
    tones: Callable[..., Path],
    tmp_path: Path,
    protocol: Protocol,
    wrap: Callable[[Any], Any],
) -> None:
    root, system = tones(), wrap(load_system("random"))
    ours = evaluate(system, protocol, Options(root, tmp_path)).record
    theirs = evaluated(as_model(system), as_task(protocol, data_root=root, sample_rate=system.info.sample_rate))
    for one in ours.measures:
        kind, _, k = one.name.partition("@")
        assert one.value == pytest.approx(
            theirs[f"{({'mAP': 'map', 'R': 'recall', 'Hit': 'hit_rate'})[kind]}_at_{k}"], abs=6e-6
        )


def test_a_system_resamples_what_mteb_hands_it(
    evaluated: Callable[..., dict[str, float]], tones: Callable[..., Path]
) -> None:
    heard = []

    class Listening:
        info = replace(load_system("random").info, name="listening", sample_rate=8_000)

        def embed_audio(self, clips: Any) -> Any:
            heard.extend(len(clip) for clip in clips)
            return np.ones((len(clips), 2), np.float32)

        def embed_text(self, captions: Any) -> Any:
            return np.ones((len(captions), 2), np.float32)

    evaluated(as_model(Listening()), as_task("folder", data_root=tones(), sample_rate=16_000))
    assert heard == [(8_000 + 1_000 * index) // 2 for index in range(8)]


def test_models_say_what_they_were_trained_on_by_tasks(mteb: Any) -> None:
    class Trained:
        info = replace(load_system("random").info, trained_on=("clotho", "everyday"))
        embed_audio = embed_text = None

    system: Any = Trained()
    system.embed_audio = system.embed_text = lambda items: np.ones((len(items), 1), np.float32)
    meta = as_model(system).mteb_model_meta
    assert meta.training_datasets == set(TASKS["clotho"])
    known = {task.metadata.name for task in mteb.get_tasks(tasks=[name for names in TASKS.values() for name in names])}
    assert known == {name for names in TASKS.values() for name in names}
    system.info = replace(system.info, uses=("keywords",))
    with pytest.raises(UserError, match="uses keywords, which MTEB does not hand out"):
        as_model(system)


def test_their_random_baseline_is_a_system(mteb: Any, tones: Callable[..., Path], tmp_path: Path) -> None:
    system = from_card(RANDOM, tmp_path)
    assert check(system) == []
    assert (system.info.licence, system.info.source) == ("mit", "MTEB: mteb/baseline-random-encoder")
    run = evaluate(system, "folder", Options(tones(), tmp_path / "runs"))
    assert 0 < run.record.primary.value < 1
    # What stood for torchaudio meanwhile is gone.
    assert "torchaudio" not in sys.modules or hasattr(sys.modules["torchaudio"], "__file__")


def test_their_clap_is_a_system_at_its_rate_only(
    mteb: Any, tones: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CLAP in small by MTEB's own wrapper: it sets its own collator, which wants torchaudio."""
    from mteb.models.get_model_meta import MODEL_REGISTRY
    from mteb.models.model_implementations import clap_models

    save_tiny(tmp_path / "clap", fuses=False)
    loader = functools.partial(local_clap, clap_models.ClapZeroShotWrapper, tmp_path / "clap")
    meta = clap_models.clap_htsat_fused.model_copy(update={"name": "local/clap", "revision": "1", "loader": loader})
    monkeypatch.setitem(MODEL_REGISTRY, "local/clap", meta)
    card = RANDOM | {"model": "local/clap", "sample_rate": RATE}
    system = from_card(card, tmp_path)
    assert (system.info.parameters, "mteb" in system.info.source.lower()) == (153_507_530, True)
    run = evaluate(system, "folder", Options(tones(), tmp_path / "runs"))
    assert (run.record.dataset.clips, run.record.tied_fraction) == (8, 0.0)
    wrong = from_card(card | {"sample_rate": 2 * RATE}, tmp_path)
    with pytest.raises(UserError, match=f"wants 8,000 Hz and .* says 16,000; write `sample_rate: {RATE}` there"):
        wrong.embed_audio([np.zeros(RATE, np.float32)])


def local_clap(wrapper: Any, folder: Path, _name: str, revision: str, **options: Any) -> Any:
    if not (folder / "tokenizer.json").exists():
        from transformers import RobertaTokenizer

        RobertaTokenizer.from_pretrained(folder).save_pretrained(folder)
    return wrapper(str(folder), revision, **options)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("no/such-model", "theirs: Model 'no/such-model' not found in MTEB registry"),
        ("facebook/wav2vec2-base", "theirs: facebook/wav2vec2-base embeds audio, not text; a system needs both"),
        ("sentence-transformers/all-MiniLM-L6-v2", "embeds text, not audio; a system needs both"),
        ("mteb/baseline-random-cross-encoder", "has no embeddings: MTEB uses it as cross-encoder"),
    ],
)
def test_a_model_that_cannot_be_a_system_is_one_line(mteb: Any, tmp_path: Path, model: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        from_card(RANDOM | {"model": model}, tmp_path)


def test_another_similarity_than_the_cosine_is_the_models_own(mteb: Any, tmp_path: Path) -> None:
    system = from_card(RANDOM | {"model": "mteb/baseline-random-sparse-encoder"}, tmp_path)
    assert isinstance(system, ScoringMtebSystem)
    text, audio = system.embed_text(["a", "b"]), system.embed_audio([np.ones(99, np.float32)])
    np.testing.assert_allclose(system.score(text, audio), text @ audio.T, rtol=1e-6)


def test_the_page_runs_as_it_stands(mteb: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "how-to" / "mteb.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"^```py\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    exec(compile(code, "mteb.md", "exec"), {})
    assert "'map_at_10': 0.62" in capsys.readouterr().out
    (card,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "mteb-random.yaml").write_text(card)
    assert load_system("mteb-random.yaml").info.name == "mteb-random"
    shutil.rmtree(tmp_path, ignore_errors=True)
