"""Recordings that libsndfile cannot read, such as AAC in .m4a, by way of the program ffmpeg where it is installed."""

import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from tempfile import TemporaryFile
from typing import IO, cast

# By where a file of this kind has which bytes: its name, and how ffmpeg calls what reads it. To name that keeps
# ffmpeg from taking a file for a playlist, which could make it open others.
_KINDS = (
    (4, b"ftyp", "MPEG-4 (.m4a, .mp4)", "mov"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska (.webm, .mka)", "matroska"),
    (0, b"\xff\xf1", "AAC", "aac"),
    (0, b"\xff\xf9", "AAC", "aac"),
    (0, b"\x30\x26\xb2\x75", "Windows Media (.wma)", "asf"),
    (0, b"#!AMR", "AMR", "amr"),
)
_MOST_SECONDS = 3_600
"""Processor time that ffmpeg may take for a file."""


class Unconverted(Exception):  # noqa: N818
    """ffmpeg is needed and not there, or cannot read the file; the message is for the person who has it."""


@contextmanager
def readable(path: Path, start: int = 0) -> Iterator[Path | int]:
    """What libsndfile reads for a file: the file itself, or a pipe into which ffmpeg writes it from a second on as AU.

    Where the pipe is read to its end, what ffmpeg found wrong is raised at the end of the context; where it is not,
    ffmpeg is stopped there.

    Raises:
        Unconverted: the file is of a kind that needs ffmpeg, which is not installed or cannot read it.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(12)
    for place, mark, kind, reader in _KINDS:
        if head[place:].startswith(mark):
            with _converted(path, kind, reader, start) as pipe:
                yield pipe
            return
    yield path


@contextmanager
def _converted(path: Path, kind: str, reader: str, start: int) -> Iterator[int]:
    program = shutil.which("ffmpeg")
    if program is None:
        command = shlex.join(["ffmpeg", "-i", str(path), str(path.with_suffix(".wav"))])
        raise Unconverted(
            f"{path} is {kind}, which is read where the program ffmpeg is installed, and it is not; install it, or "
            f"convert the file: {command}"
        )
    source = ["-timelimit", str(_MOST_SECONDS), "-f", reader, "-ss", str(start), "-i", f"file:{path.absolute()}"]
    # Unlike WAV, AU has no most bytes.
    wanted = ["-map", "0:a:0", "-f", "au", "-c:a", "pcm_f32be", "pipe:1"]
    command_line = [program, "-nostdin", "-v", "error", *source, *wanted]
    failed: RuntimeError | None = None
    with TemporaryFile() as said, Popen(command_line, stdout=PIPE, stderr=said) as process:  # noqa: S603
        pipe = cast("IO[bytes]", process.stdout)
        try:
            yield pipe.fileno()
        except RuntimeError as error:
            # Where ffmpeg wrote nothing, libsndfile cannot say why.
            failed = error
        except BaseException:
            process.kill()
            raise
        if pipe.read(1):
            process.kill()
        # Of a file that was cut short it decodes what there is, and complains.
        elif process.wait() or said.tell():
            said.seek(0)
            why = said.readline().decode(errors="replace").strip()[:200] or f"ended with {process.returncode}"
            raise Unconverted(f"{path} cannot be read as {kind} (ffmpeg: {why}); copy or download it again")
    if failed is not None:
        raise failed
