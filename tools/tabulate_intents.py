"""Print the table of what systems reach under queries as people type them, from a folder of run folders.

    lbar eval --config intents.yaml
    python tools/tabulate_intents.py runs docs/results/intents.md

where intents.yaml says `protocol: [...]` with the names that stand in `PROTOCOLS` and `NEGATION` below.
With a page named, the table takes the place of the one in it, between two comments.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from leaderboard.board import standings
from leaderboard.runs import board_from

PROTOCOLS = (
    "everyday-multi",
    *(f"everyday-intents-{kind}" for kind in ("question", "command", "keywords", "paraphrase")),
)
NEGATION = "everyday-intents-negation"
OF_NEGATION = ("mAP@10", "HNSR@10", "RightRank")
_TABLE = re.compile(r"(?<=<!-- table -->\n).*(?=<!-- end of table -->)", re.DOTALL)


def intents_table(out: Path) -> str:
    """A table in Markdown: mAP@10 by kind of query, and the measures of negation, a row for each system, best first.

    A system that was not evaluated by a protocol has an empty cell there.
    """
    found: dict[str, dict[str, str]] = {}
    for standing in standings(board_from(out), groups=False):
        for entry in standing.entries:
            for name in OF_NEGATION:
                if name in entry.measures and standing.protocol.name in (*PROTOCOLS, NEGATION):
                    one = entry.measures[name]
                    cell = f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"
                    found.setdefault(entry.label, {})[f"{standing.protocol.name} {name}"] = cell
    columns = [*(f"{name} mAP@10" for name in PROTOCOLS), *(f"{NEGATION} {name}" for name in OF_NEGATION)]
    header = ["system", "captions", "questions", "commands", "key words", "paraphrases"]
    header += [f"negations: {name}" for name in OF_NEGATION]
    lines = [_line(header), _line(["---"] * len(header))]
    lines += [_line([system, *(cells.get(column, "") for column in columns)]) for system, cells in found.items()]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(out: str, page: str | None = None) -> None:
    """Print the table, or put it into a page."""
    table = intents_table(Path(out))
    if page is None:
        sys.stdout.write(f"{table}\n")
        return
    text, count = _TABLE.subn(lambda _: f"\n{table}\n\n", Path(page).read_text(encoding="utf-8"))
    if count != 1:
        sys.exit(f"{page} has {count} places for the table; expected `<!-- table -->` and `<!-- end of table -->` once")
    Path(page).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
