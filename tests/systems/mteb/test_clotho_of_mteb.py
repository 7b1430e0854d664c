"""What the documentation says of MTEB's Clotho, on the real captions."""

import csv
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "mteb.md"


@pytest.mark.shared
def test_joined_and_split_captions_are_other_queries(shared: Path) -> None:
    """As `ClothoT2ARetrieval.load_data` splits the text of a clip: `row["text"].split(".")`."""
    with (shared / "data/clotho/clotho_captions_evaluation.csv").open(newline="", encoding="utf-8") as file:
        captions = [[row[f"caption_{number}"].strip() for number in range(1, 6)] for row in csv.DictReader(file)]
    every = [caption for of_clip in captions for caption in of_clip]
    assert (len(every), len(set(every)), len(captions)) == (5225, 5225, 1045)
    pieces = [[piece.strip() for piece in " ".join(of_clip).split(".")] for of_clip in captions]
    whole = [[caption.rstrip(".").strip() for caption in of_clip] for of_clip in captions]
    empty = sum(piece == "" for of_clip in pieces for piece in of_clip)
    several = sum(piece not in ("", *own) for own, of_clip in zip(whole, pieces, strict=True) for piece in of_clip)
    lost = sum(caption not in of_clip for own, of_clip in zip(whole, pieces, strict=True) for caption in own)
    counts = {
        "captions have no full stop": sum(not caption.endswith(".") for caption in every),
        "pieces": sum(map(len, pieces)),
        "are empty": empty,
        "of the others are two or more": several,
        "captions are lost as": lost,
    }
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    for what, count in counts.items():
        assert f"{count:,} {what}" in text, (what, count)
    assert 5585 - 905 == 4680
