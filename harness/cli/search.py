"""`lbar index` and `lbar search`."""

import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.options import AsJson, Device, On, Precision, Trust, complete_system
from harness.cli.printing import echo, print_json, print_table, say
from harness.errors import first_few

if TYPE_CHECKING:
    from harness.search import Indexed

Index = Annotated[str, typer.Argument(help="An index of sounds: a folder, or an address such as s3://bucket/sounds.")]


def index_recordings(
    folders: Annotated[list[Path], typer.Argument(help="Folders with recordings, in folders within them too.")],
    system: Annotated[
        str, typer.Option("--system", autocompletion=complete_system, help="Which system hears the recordings.")
    ],
    out: Annotated[str, typer.Option("--out", help="The index: a folder, or an address such as s3://bucket/sounds.")],
    approximate: Annotated[
        bool, typer.Option("--approximate", help="Also build what answers faster where there are millions of windows.")
    ] = False,
    device: Device = "auto",
    precision: Precision = "fp32",
    on: On = None,
    trust: Trust = False,  # noqa: ARG001
    as_json: AsJson = False,
) -> None:
    """Index recordings, so that `lbar search` and `lbar listen` find places in them by words.

    Again, it takes only what is new, has changed, or is gone. Long recordings are searched in windows of ten seconds.
    """
    from harness.machine import bars
    from harness.search import index_sounds

    with bars() as progress, redirect_stdout(sys.stderr):
        options: dict[str, Any] = {"device": device, "precision": precision, "approximate": approximate, "on": on}
        done = index_sounds(folders, system, out, **options, progress=progress)
    if as_json:
        print_json(asdict(done))
    else:
        _report(done, out)


def _report(done: "Indexed", out: str) -> None:
    rate = f", {done.added / done.took_seconds:,.1f} a second" if done.added else ""
    echo(f"{out}: {done.added:,} recordings embedded ({done.sound_seconds / 3600:,.2f} h of sound{rate})")
    echo(f"{done.kept:,} as before, {done.removed:,} taken out; {done.windows:,} windows in all")
    if done.recall is not None:
        echo(f"approximate search finds {done.recall:.1%} of the ten best")
    if done.broken:
        say(f"{len(done.broken):,} recordings cannot be used:")
        for line in first_few([f"{file}: {why}" for file, why in done.broken.items()]):
            say(f"  {line}")


def search_recordings(
    index: Index,
    words: Annotated[str, typer.Argument(help="What is looked for, in words.")] = "",
    top: Annotated[int, typer.Option("--top", min=1, help="Number of answers.")] = 10,
    system: Annotated[
        str | None, typer.Option("--system", autocompletion=complete_system, help="Which of the systems in the index.")
    ] = None,
    like: Annotated[
        str, typer.Option("--like", metavar="FILE[@SECONDS]", help="Find what sounds like this, in place of words.")
    ] = "",
    without: Annotated[str, typer.Option("--not", help="Words that take off what they score.")] = "",
    folder: Annotated[str, typer.Option("--folder", help="Only recordings in this folder.")] = "",
    approximate: Annotated[
        bool, typer.Option("--approximate", help="Faster where there are millions of windows; some may be missed.")
    ] = False,
    device: Device = "auto",
    precision: Precision = "fp32",
    trust: Trust = False,  # noqa: ARG001
    as_json: AsJson = False,
) -> None:
    """Find places in indexed recordings by words, or by how they sound.

    How sure an answer is says its score beside those of 1,000 unrelated captions at the same place.
    """
    from harness.machine import bars
    from harness.search import answers_of, open_index

    with bars() as progress, redirect_stdout(sys.stderr):
        opened = open_index(index, system, device=device, precision=precision, progress=progress)
        found = opened.search(words, top=top, like=like, without=without, folder=folder, approximate=approximate)
    if approximate and opened.recall is not None:
        say(f"approximate: {opened.recall:.1%} of the ten best were found when this was measured")
    if as_json:
        print_json(answers_of(found))
        return
    columns = (found[name].tolist() for name in ("score", "better_than", "start", "end", "file"))
    rows = [
        (f"{score:.3f}", f"{better:.1%}" if words else "", f"{clock(start)} to {clock(end)}", file)
        for score, better, start, end, file in zip(*columns, strict=True)
    ]
    print_table(("score", "better than", "place", "recording"), rows)
    if words:
        say("better than: the share of 1,000 unrelated captions that score lower at this place")


def clock(seconds: float) -> str:
    """A place in a recording.

    >>> clock(5.25), clock(3725)
    ('0:05.2', '1:02:05.0')
    """
    minutes, rest = divmod(int(10 * seconds), 600)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{start}:{rest // 10:02}.{rest % 10}"
