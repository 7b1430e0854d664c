"""`lbar score`, `lbar submit` and `lbar validate`."""

import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import AsJson, DataRoot, MaybeProtocol, ProtocolName, Runs
from harness.cli.printing import echo, print_json, say, show_error
from harness.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.evaluation import Options
    from harness.predictions import Format, Source
    from harness.protocols import RetrievalTask
    from harness.submission import PackageScore

ProfileName = Annotated[
    str, typer.Option("--profile", help="Edition of the challenge, such as dcase2025, or a profile's YAML file.")
]
MaybeProfileName = Annotated[
    str | None, typer.Option("--profile", help="Write predictions as this edition of the challenge asks for them.")
]
Queries = Annotated[Path | None, typer.Option("--queries", help="CSV of the hidden set's queries, column caption.")]
Audio = Annotated[Path | None, typer.Option("--audio", help="Folder of the hidden set's recordings.")]


def score(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Ranked lists (2022 to 2024), score matrices (2025), folders, zips; several are compared. Or scores "
            "or embeddings as .npy, .npz, .parquet or .safetensors."
        ),
    ],
    protocol: ProtocolName,
    data_root: DataRoot = Path("data"),
    format: Annotated[str, typer.Option(help="auto, ranked-list or score-matrix.")] = "auto",  # noqa: A002
    profile: Annotated[
        str | None, typer.Option("--profile", help="YAML file of a profile whose column names the files have.")
    ] = None,
    text: Annotated[
        Path | None, typer.Option("--text", help="Embeddings of the captions, where the file has those of the clips.")
    ] = None,
    captions: Annotated[
        str | None, typer.Option("--captions", help="The rows' captions: a text file, or a CSV (its column caption).")
    ] = None,
    clips: Annotated[
        str | None,
        typer.Option("--clips", help="The clips' names in their order: a text file, or a CSV (its column file_name)."),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="With --keep: what the system is called.")] = "",
    keep: Annotated[bool, typer.Option("--keep", help="Leave a run folder, as an evaluation does.")] = False,
    out: Runs = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Score predictions files and packages, embeddings and scores, of any system.

    Where there are several, each system is compared with those of the others, query by query. With --keep the system
    stands on the board and can be compared and fused, as if it had been evaluated here.
    """
    from harness.predictions import is_array_file, read_names, score_file
    from harness.predictions import score as score_arrays
    from harness.submission import columns_in_use, is_package, score_package

    if bool(name) != keep:
        raise UserError("--keep leaves a run folder of a system and --name says what it is called; give both")
    arrays = len(files) == 1 and (text is not None or is_array_file(files[0]))
    if (keep or text or captions or clips) and not (arrays or (len(files) == 1 and not is_package(files[0]))):
        raise UserError("--keep, --text, --captions and --clips are for the outputs of one system; name one file")
    if keep or arrays:
        source = (text, files[0]) if text else files[0]
        names = {
            "captions": read_names(captions, "caption") if captions else None,
            "clips": read_names(clips, "file_name") if clips else None,
        }
        if keep:
            _keep(source, protocol, name, names, data_root, out, as_json=as_json)
            return
        result = score_arrays(source, protocol, **names, data_root=data_root)
        print_json(result.to_json()) if as_json else echo(result.to_text())
        return
    task, known = _task(files, protocol, data_root), columns_in_use(profile)
    if len(files) > 1 or is_package(files[0]):
        packages = [score_package(file, task, format, known) for file in files]
        _print_packages(packages, task, as_json=as_json)
        return
    result = score_file(files[0], task, format, known)
    if as_json:
        print_json(result.to_json())
    else:
        echo(result.to_text())


def _keep(
    source: "Source",
    protocol: str,
    name: str,
    names: "Mapping[str, tuple[str, ...] | None]",
    data_root: Path,
    out: Path,
    *,
    as_json: bool,
) -> None:
    """Keep the outputs of a system as a run."""
    from harness.evaluation import keep_outputs
    from harness.runs import try_mirror

    run = keep_outputs(
        source, protocol, name, captions=names["captions"], clips=names["clips"], data_root=data_root, out=out
    )
    if warning := try_mirror(run.folder, out=out):
        say(f"{name}: {warning}")
    for reason in run.record.reasons:
        say(f"not comparable: {reason}")
    if as_json:
        print_json(run.record.model_dump(mode="json"))
        return
    for measure in run.record.measures:
        echo(f"{measure.name:8} {measure.value:.4f}   95 % {measure.low:.4f} to {measure.high:.4f}")
    echo(f"{name}: {run.folder}")


def _task(files: list[Path], protocol: str, data_root: Path) -> "RetrievalTask":
    """The task that the files should answer."""
    from harness.datasets import differences_from_published
    from harness.measures import measures_of
    from harness.protocols import get_protocol, load_dataset, pose

    rules = get_protocol(protocol)
    for file in files:
        if not file.exists():
            raise UserError(f"{file} does not exist; expected a CSV, a folder or a zip")
    measures_of(rules)
    dataset = load_dataset(rules, data_root)
    for difference in differences_from_published(dataset, data_root):
        say(f"not comparable: {difference}")
    return pose(rules, dataset)


def _print_packages(packages: "list[PackageScore]", task: "RetrievalTask", *, as_json: bool) -> None:
    from harness.submission import compare

    differences = compare(packages, task.clusters)
    if as_json:
        document = {"packages": [package.to_json() for package in packages]}
        print_json(document | {"differences": [asdict(difference) for difference in differences]})
    else:
        texts = [*(package.to_text() for package in packages), *(one.to_text() for one in differences)]
        _print_blocks(text for text in texts if text)
    failures = [failure for package in packages for failure in package.failures.values()]
    for failure in failures:
        show_error(failure)
    if failures:
        raise typer.Exit(2)


def _print_blocks(blocks: "Iterable[str]") -> None:
    for block in blocks:
        echo(block)


def validate(
    path: Annotated[Path, typer.Argument(help="An output (*.csv), a meta file (*.yaml), a folder or a zip.")],
    profile: ProfileName,
    protocol: MaybeProtocol = None,
    queries: Queries = None,
    audio: Audio = None,
    fix: Annotated[bool, typer.Option("--fix", help="Write a copy with all safe repairs, and check that.")] = False,
    data_root: DataRoot = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Find everything that is wrong with a submission, at once.

    With --protocol, outputs are compared with its queries, and scored. Without it, --queries and --audio, outputs that
    answer the development-testing split are compared with that split where the data root has it.
    """
    from harness.submission import get_profile, mend, of_files, of_protocol
    from harness.submission import validate as look

    if protocol and (queries or audio):
        raise UserError("--protocol names queries and clips already; leave out --queries and --audio, or --protocol")
    if any((path / name).is_file() for name in ("record.json", "prediction.json")):
        raise UserError(
            f"{path} is a run folder, not a package: `lbar submit` makes one of it; or name its predictions file, "
            f"{next((str(file) for file in sorted(path.glob('*.csv'))), 'a CSV')}"
        )
    expected = of_protocol(protocol, data_root) if protocol else of_files(queries, audio)
    _say_folders(audio)
    edition = get_profile(profile)
    mended = mend(path, edition, expected, data_root) if fix else None
    result = look(mended.path if mended and mended.path else path, edition, expected, data_root=data_root)
    if as_json:
        print_json(result.to_json() | (mended.to_json() if mended else {}))
    else:
        if mended is not None:
            _print_blocks(mended.repairs.to_text())
            echo(f"{mended.path}: the mended copy" if mended.path else f"{path}: nothing can be mended safely")
        _print_blocks(result.to_text())
    if not result.is_valid:
        raise typer.Exit(1)


def submit(
    profile: ProfileName,
    runs: Annotated[
        list[Path] | None,
        typer.Argument(help="Run folders: evaluations, predictions on a hidden set, or both for a system."),
    ] = None,
    meta: Annotated[Path, typer.Option("--meta", help="Your meta file, with the authors.")] = Path("meta.yaml"),
    report: Annotated[Path, typer.Option("--report", help="The technical report.")] = Path("report.pdf"),
    out: Annotated[Path, typer.Option("--out", help="Folder for the zip.")] = Path(),
    replace: Annotated[bool, typer.Option("--replace", help="Replace another package of the same name.")] = False,
    init: Annotated[bool, typer.Option("--init", help="Write a meta file to fill in, and nothing else.")] = False,
    data_root: DataRoot = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Make the zip that a challenge takes from runs, and validate it.

    It holds the outputs, meta files filled in from the systems' cards and records, and the report, for up to four
    systems. No zip is written where the validator finds errors.
    """
    from harness.machine import write_text
    from harness.submission import get_profile, template
    from harness.submission import submit as make

    edition = get_profile(profile)
    if init:
        if meta.exists():
            raise UserError(f"{meta} is there already and stays as it is; name another file with --meta")
        write_text(meta, template(edition))
        echo(f"{meta}: fill it in, then `lbar submit RUN --profile {profile} --meta {meta} --report report.pdf`")
        return
    made = make(runs or [], edition, meta, report, out, data_root, say=say, replace=replace)
    document = {"package": made.path and str(made.path), "labels": made.labels} | made.validation.to_json()
    if as_json:
        print_json(document)
    else:
        _print_blocks(made.validation.to_text())
        if made.path:
            echo(f"{made.path}: {', '.join(made.labels)}")
        else:
            say("no package was written")
    if made.path is None:
        raise typer.Exit(1)


def _say_folders(audio: Path | None) -> None:
    from harness.evaluation import audio_files, from_folders_within

    if audio is not None and (line := from_folders_within(audio, audio_files(audio))):
        say(line)


def format_of(profile: str | None) -> "Format | None":
    """The format of an edition's outputs; `None` where no edition is named."""
    from harness.submission import get_profile

    kind = get_profile(profile).kind if profile else None
    if kind == "other":
        raise UserError(f"profile {profile} does not say what an output is; name an edition, such as dcase2024")
    return kind


def predict_all(
    systems: list[str], queries: Path | None, audio: Path | None, options: "Options", *, as_json: bool
) -> None:
    """Have systems answer a hidden set's queries: `lbar eval SYSTEM --audio DIR --queries FILE`."""
    from harness.evaluation import hidden_task, machines_on, odd_sounds, predict
    from harness.interface import beside_the_sound, uses_of
    from harness.machine import bars

    if queries is None or audio is None or not systems:
        missing = "--queries" if queries is None else "--audio" if audio is None else "a system"
        raise UserError(
            "a hidden set is named by both --audio DIR and --queries FILE, and its systems one by one; "
            f"{missing} is missing"
        )
    task = hidden_task(queries, audio)
    _say_folders(audio)
    folders = []
    if options.workers:
        # What is wrong with them is told before anything is decoded.
        machines_on(options.workers.on)
    with bars() as progress, redirect_stdout(sys.stderr):
        for name in systems:
            built = options.build(name)
            done = predict(built.system, task, options.told(name, built), progress=progress)
            folders.append(done.folder)
            for line in odd_sounds(done.record.remarked, len(task.items)):
                say(line)
            if uses := beside_the_sound(uses_of(built.system)):
                say(f"{name}: nothing is known of a hidden set's clips beside their sound; without {', '.join(uses)}")
            say(f"{name}: {len(task.queries):,} queries, {len(task.items):,} clips: {folders[-1]}")
    if as_json:
        print_json([str(folder) for folder in folders])
    else:
        for folder in folders:
            echo(str(folder))
