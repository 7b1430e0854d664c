"""Print the README's table of what each stage of the small systems reaches, on average over seeds.

    python tools/tabulate_stages.py everyday runs/seed-0 runs/seed-1 runs/seed-2

Each folder holds the runs of all nine systems with one seed.
"""

import sys
from pathlib import Path

from leaderboard.comparison.seeds import read_seeds, stage_table

STAGES = {"stage 1": "", "self-distilled": "-m1", "ensemble-distilled": "-m3"}
ROWS = {
    title: [f"tiny-{encoder}{stage}" for stage in STAGES.values()]
    for title, encoder in (("PaSST", "passt"), ("ATST-Frame", "atst"), ("MobileNet", "mn"))
}


if __name__ == "__main__":
    protocol, *folders = sys.argv[1:]
    seeds = read_seeds([Path(folder) for folder in folders], [name for row in ROWS.values() for name in row], protocol)
    sys.stdout.write(stage_table(seeds, ROWS, list(STAGES), "mAP@10") + "\n")
    for name in seeds.systems:
        by_seed = " ".join(f"{value:.4f}" for value in seeds.by_seed(name, "mAP@10"))
        sys.stderr.write(f"{name} {by_seed}\n")
