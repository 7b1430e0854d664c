"""One evaluation from files on disk to a run folder, against answers that are known."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from harness.errors import UserError
from harness.evaluation.evaluating import evaluate
from harness.evaluation.options import Options
from harness.interface.systems import load_system
from harness.predictions.ranked_list import read_ranked_list
from harness.protocols.description import get_protocol
from harness.protocols.named import Protocol
from harness.runs.run_folder import read_record

Tones = Callable[..., Path]
FOLDER = get_protocol("folder")
FOLDER_A2T = Protocol("folder-a2t", "folder", "all", "audio-to-text", submission=None)
pytestmark = pytest.mark.usefixtures("own_cache", "participant")


def options(tones: Path, tmp_path: Path, **more: object) -> Options:
    return Options(data_root=tones, out=tmp_path / "runs", **more)


def values(record: object) -> dict[str, float]:
    return {measure.name: measure.value for measure in record.measures}


def test_a_system_that_hears_everything_scores_one(tones: Tones, tmp_path: Path) -> None:
    run = evaluate(load_system("tone_system:ToneSystem"), FOLDER, options(tones(), tmp_path))
    assert values(run.record) == {"mAP@10": 1.0, "R@1": 1.0, "R@5": 1.0, "R@10": 1.0}
    assert (run.record.dataset.clips, run.record.dataset.queries) == (8, 16)
    assert run.record.comparable
    assert run.record.system.digest == "tone-1"
    assert read_record(run.folder) == run.record


def test_the_opposite_score_ranks_own_clip_last(tones: Tones, tmp_path: Path) -> None:
    run = evaluate(load_system("tone_system:Scored"), FOLDER, options(tones(), tmp_path))
    assert values(run.record) == {"mAP@10": 0.125, "R@1": 0.0, "R@5": 0.0, "R@10": 1.0}


@pytest.mark.parametrize(("name", "expected"), [("ToneSystem", 1.0), ("Scored", (1 / 15 + 2 / 16) / 2)])
def test_audio_to_text(tones: Tones, tmp_path: Path, name: str, expected: float) -> None:
    protocol = Protocol("a2t", "folder", "all", "audio-to-text", measures=("mAP@20", "Hit@1"), submission=None)
    run = evaluate(load_system(f"tone_system:{name}"), protocol, options(tones(), tmp_path))
    assert values(run.record)["mAP@20"] == pytest.approx(expected)
    assert (run.record.dataset.clips, run.record.dataset.queries) == (8, 8)
    assert not list(run.folder.glob("*.csv"))


def test_what_lies_in_the_run_folder(tones: Tones, tmp_path: Path) -> None:
    run = evaluate(load_system("tone_system:ToneSystem"), FOLDER, options(tones(), tmp_path, keep_embeddings=True))
    per_query = pd.read_parquet(run.folder / "per_query.parquet")
    assert per_query["text"][3] == "it hums at 420, softly"
    assert per_query["clip"][3] == "tone 1.wav"
    assert per_query["rank_pessimistic"].tolist() == [1] * 16
    assert per_query["mAP@10"].mean() == run.record.primary.value
    ranking = pd.read_parquet(run.folder / "ranking.parquet")
    assert ranking.groupby("query").size().tolist() == [8] * 16
    assert ranking[(ranking["query"] == 3) & (ranking["rank"] == 1)]["item"].item() == "tone 1.wav"
    assert (ranking.groupby("query")["score"].diff().dropna() <= 0).all()
    assert np.load(run.folder / "embeddings" / "audio.npy").shape == (8, 64)
    predictions = read_ranked_list(run.folder / "tone.output.csv")
    assert predictions.queries == tuple(per_query["text"])
    assert {names[0] for names in predictions.names} == {f"tone {index}.wav" for index in range(8)}


def test_a_second_run_reuses_the_first(tones: Tones, tmp_path: Path) -> None:
    system, where = load_system("tone_system:Recorded"), options(tones(), tmp_path)
    first = evaluate(system, FOLDER, where)
    second = evaluate(system, FOLDER, where)
    assert (first.reused, second.reused) == (False, True)
    assert second.folder == first.folder
    third = evaluate(system, FOLDER, options(where.data_root, tmp_path, again=True))
    assert third.folder != first.folder
    assert values(third.record) == values(first.record)
    assert Path("embedded.txt").read_text().split() == ["8"]


def test_changed_audio_is_embedded_again(tones: Tones, tmp_path: Path) -> None:
    system, where = load_system("tone_system:Recorded"), options(tones(), tmp_path)
    evaluate(system, FOLDER, where)
    soundfile.write(where.data_root / "tone 0.wav", 0.5 * np.sin(np.arange(16000)), 16000)
    changed = evaluate(system, FOLDER, where)
    assert not changed.reused
    assert values(changed.record)["R@1"] < 1
    assert Path("embedded.txt").read_text().split() == ["8", "8"]


def test_without_a_digest_nothing_is_reused(tones: Tones, tmp_path: Path) -> None:
    system, where = load_system("tone_system:Undigested"), options(tones(), tmp_path)
    assert not evaluate(system, FOLDER, where).reused
    assert not evaluate(system, FOLDER, where).reused
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_a_protocol_may_be_named_and_a_system_may_not(tones: Tones, tmp_path: Path) -> None:
    system, where = load_system("tone_system:ToneSystem"), options(tones(), tmp_path)
    assert evaluate(system, "folder", where).record.protocol.name == "folder"
    with pytest.raises(UserError, match="unknown protocol 'foldr'; did you mean 'folder'"):
        evaluate(system, "foldr", where)
    with pytest.raises(UserError, match=r"'linear' is the name of a system; harness.load_system\('linear'\) builds it"):
        evaluate("linear", "folder", where)  # type: ignore[arg-type]


def test_a_failure_keeps_what_was_embedded(tones: Tones, tmp_path: Path) -> None:
    system, where = load_system("tone_system:Failing"), options(tones(), tmp_path, batch_size=1)
    with pytest.raises(UserError, match="failing failed on clips 6 to 6 of 8: RuntimeError: no luck today"):
        evaluate(system, FOLDER, where)
    assert not list((tmp_path / "runs").glob("*/record.json"))
    assert values(evaluate(system, FOLDER, where).record)["R@1"] == 1
    assert type(system).seen == 7 + 2


def test_all_broken_clips_are_listed_or_left_out(tones: Tones, tmp_path: Path) -> None:
    where = options(tones(), tmp_path)
    (where.data_root / "tone 2.wav").unlink()
    (where.data_root / "tone 5.wav").write_bytes(b"")
    system = load_system("tone_system:ToneSystem")
    with pytest.raises(UserError, match="2 of 8 clips are broken or missing.*--skip-broken") as caught:
        evaluate(system, FOLDER, where)
    assert ["tone 2.wav" in caught.value.problems[0], "tone 5.wav" in caught.value.problems[1]] == [True, True]
    for protocol, queries in ((FOLDER, 12), (FOLDER_A2T, 6)):
        record = evaluate(system, protocol, options(where.data_root, tmp_path, skip_broken=True)).record
        assert values(record)["R@1"] == (1 if protocol is FOLDER else 0.5)
        assert (record.dataset.clips, record.dataset.queries) == (6, queries)
        assert [skipped.clip for skipped in record.skipped] == ["tone 2.wav", "tone 5.wav"]
        assert not record.comparable
        assert record.reasons == ("2 broken clips were left out",)


def test_equal_captions_are_embedded_once_and_asked_each(tones: Tones, tmp_path: Path) -> None:
    root = tones()
    captions = root / "captions.csv"
    captions.write_text(captions.read_text().replace("a tone of 420 hertz", "a tone of 300 hertz"))
    record = evaluate(load_system("tone_system:ToneSystem"), FOLDER, options(root, tmp_path)).record
    assert record.dataset.queries == 16
    assert values(record)["R@1"] == 15 / 16


def test_a_full_disk_leaves_no_run_behind(tones: Tones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = options(tones(), tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("pyarrow.parquet.write_table", full)
    with pytest.raises(UserError, match="cannot write the run into .*No space left on device"):
        evaluate(load_system("tone_system:ToneSystem"), FOLDER, where)
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_batch_size_that_is_asked_for_is_obeyed(tones: Tones, tmp_path: Path) -> None:
    system, where = load_system("tone_system:Recorded"), options(tones(), tmp_path)
    evaluate(system, FOLDER, where)
    small = evaluate(system, FOLDER, options(where.data_root, tmp_path, batch_size=3))
    assert not small.reused
    assert small.record.settings.batch_size == 3
    assert Path("embedded.txt").read_text().split() == ["8", "3", "3", "2"]


def test_leaving_clips_out_never_finds_a_run_without_them(tones: Tones, tmp_path: Path) -> None:
    system, where = load_system("tone_system:ToneSystem"), options(tones(), tmp_path)
    captions = (where.data_root / "captions.csv").read_text().splitlines(keepends=True)
    (where.data_root / "captions.csv").write_text("".join(captions[:-1]))
    assert evaluate(system, FOLDER, where).record.comparable
    (where.data_root / "captions.csv").write_text("".join(captions))
    (where.data_root / "tone 7.wav").write_bytes(b"")
    skipped = evaluate(system, FOLDER, options(where.data_root, tmp_path, skip_broken=True))
    assert not skipped.reused
    assert not skipped.record.comparable


def test_a_published_split_that_was_changed_is_not_comparable(tones: Tones, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    folder = tones()
    (folder / "captions.csv").rename(root / "clotho_captions_evaluation.csv")
    folder.rename(root / "evaluation")
    record = evaluate(
        load_system("tone_system:ToneSystem"), get_protocol("clotho-dcase2024"), options(root, tmp_path)
    ).record
    assert not record.comparable
    assert "is not the published file" in record.reasons[0]
    assert record.reasons[1].endswith("has 8 clips, expected 1045")


def test_a_cross_encoder_is_evaluated_pair_by_pair(tones: Tones, tmp_path: Path) -> None:
    system, where = load_system("tone_system:Pairs"), options(tones(), tmp_path)
    vectors = evaluate(load_system("tone_system:ToneSystem"), FOLDER, where).record
    run = evaluate(system, FOLDER, where)
    assert values(run.record) == values(vectors)
    assert Path("scored.txt").read_text().split() == ["8"] * 16
    kept = evaluate(system, FOLDER, options(where.data_root, tmp_path, keep_embeddings=True))
    assert np.load(kept.folder / "embeddings" / "pairs.npy").shape == (16, 8)
    backwards = evaluate(system, FOLDER_A2T, where)
    assert values(backwards.record)["R@1"] == 0.5
    assert len(Path("scored.txt").read_text().split()) == 16, "kept for the other direction"
    assert read_ranked_list(run.folder / "pairs.output.csv").names[0][0] == "tone 0.wav"


def test_an_interrupted_cross_encoder_goes_on(tones: Tones, tmp_path: Path) -> None:
    system, where = load_system("tone_system:PairsFailing"), options(tones(), tmp_path)
    with pytest.raises(UserError, match="pairs-failing failed on captions 4 to 4 of 16: RuntimeError: no luck today"):
        evaluate(system, FOLDER, where)
    assert values(evaluate(system, FOLDER, where).record)["R@1"] == 1
    assert type(system).calls == 5 + 12


def test_pair_scores_of_the_wrong_shape_are_one_line(tones: Tones, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"score_pairs returned an array of shape \(8, 1\); expected \(8,\)"):
        evaluate(load_system("tone_system:PairsOfTheWrongShape"), FOLDER, options(tones(), tmp_path))


def rewritten(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    samples, rate = soundfile.read(path)
    soundfile.write(path, change(samples), rate, subtype="FLOAT")


def test_quiet_sound_and_integers_as_floats_are_heard_as_they_were_meant(tones: Tones, tmp_path: Path) -> None:
    where = options(tones(), tmp_path)
    rewritten(where.data_root / "tone 0.wav", lambda samples: samples * 1e-5)
    rewritten(where.data_root / "tone 1.wav", lambda samples: samples * 32768)
    record = evaluate(load_system("tone_system:ToneSystem"), FOLDER, where).record
    assert values(record)["R@1"] == 1
    assert [one.clip for one in record.remarked] == ["tone 0.wav", "tone 1.wav"]
    assert record.comparable


def test_sound_that_cannot_be_heard_is_named_in_the_record(tones: Tones, tmp_path: Path) -> None:
    where = options(tones(), tmp_path)
    rewritten(where.data_root / "tone 2.wav", lambda samples: np.zeros_like(samples))
    rewritten(where.data_root / "tone 5.wav", lambda samples: np.stack([samples, -samples], axis=1))
    run = evaluate(load_system("random"), FOLDER, where)
    said = {one.clip: one.remark.split(":")[0] for one in run.record.remarked}
    assert said == {"tone 2.wav": "is silent", "tone 5.wav": "has channels that cancel each other"}
    assert read_record(run.folder) == run.record
    again = evaluate(load_system("random"), FOLDER, options(where.data_root, tmp_path, again=True))
    assert again.record.remarked == run.record.remarked


def test_progress_is_shown_by_default_and_a_notebook_shows_the_run(
    tones: Tones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages: list[str] = []

    @contextmanager
    def watched() -> Iterator[Callable[[str, int], Callable[[int], None]]]:
        yield lambda stage, _: stages.append(stage) or (lambda _: None)

    monkeypatch.setattr("harness.evaluation.evaluating.bars", watched)
    run = evaluate(load_system("tone_system:Scored"), FOLDER, options(tones(), tmp_path))
    assert {"decode", "rank"} <= set(stages)
    assert repr(run).startswith("Run(scored on folder: mAP@10 0.1250 [0.1250, 0.1250], ")
    html = run._repr_html_()
    assert "<caption>scored on folder, 16 queries</caption>" in html
    assert '<th scope="row">R@10</th><td>1.0000</td><td>1.0000 to 1.0000</td>' in html
    assert "<p>worse than chance: mAP@10" in html
    assert f"<p>{run.folder}</p>" in html


def with_keywords(tones: Path, keywords: dict[int, str]) -> Path:
    """The same folder with a column of keywords, by the number of the clip."""
    path = tones / "captions.csv"
    header, *rows = path.read_text().splitlines()
    rows = [f"{row},{keywords.get(number, '')}" for number, row in enumerate(rows)]
    path.write_text("\n".join([f"{header},keywords", *rows]) + "\n")
    return tones


def test_a_system_gets_what_it_says_it_uses_and_the_record_says_so(tones: Tones, tmp_path: Path) -> None:
    pitches = (300, 420, 600, 800, 1100, 1500, 2000, 2600)
    known = with_keywords(tones(), {number: str(pitch) for number, pitch in enumerate(pitches) if number != 4})
    where = options(known, tmp_path)
    run = evaluate(load_system("tone_system:Described"), FOLDER, where)
    assert values(run.record)["R@1"] == 1
    assert run.record.system.uses == ("keywords",)
    (used,) = run.record.dataset.metadata
    assert (used.kind, used.without) == ("keywords", 1)
    assert read_record(run.folder) == run.record
    assert "{'keywords': ('300',)}" in Path("described.txt").read_text()
    assert evaluate(load_system("tone_system:Described"), FOLDER, where).reused

    plain = evaluate(load_system("tone_system:ToneSystem"), FOLDER, where)
    assert plain.record.dataset.digest == run.record.dataset.digest
    assert plain.record.dataset.metadata == ()
    assert not {"uses", "metadata"} & set(plain.record.model_dump()["system"] | plain.record.model_dump()["dataset"])


def test_other_keywords_are_another_evaluation(tones: Tones, tmp_path: Path) -> None:
    known = with_keywords(tones(), dict.fromkeys(range(8), "300"))
    first = evaluate(load_system("tone_system:Described"), FOLDER, options(known, tmp_path))
    (known / "captions.csv").write_text((known / "captions.csv").read_text().replace(",300\n", ",\n"))
    second = evaluate(load_system("tone_system:Described"), FOLDER, options(known, tmp_path))
    assert not second.reused
    assert (values(first.record)["R@1"], values(second.record)["R@1"]) == (0.0, 1.0)


def test_a_system_that_needs_keywords_is_not_evaluated_without(tones: Tones, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="captions.csv has no column keywords, which this system uses"):
        evaluate(load_system("tone_system:Described"), FOLDER, options(tones(), tmp_path))
