"""Recordings that libsndfile cannot read, such as AAC in .m4a, by way of the program ffmpeg where it is installed."""

import io
import shlex
import shutil
import subprocess
from pathlib import Path

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
_MOST_SECONDS = 600
"""Time that ffmpeg may take for a file."""


class Unconverted(Exception):  # noqa: N818
    """ffmpeg is needed and not there, or cannot read the file; the message is for the person who has it."""


def readable(path: Path) -> Path | io.BytesIO:
    """What libsndfile reads for a file: the file itself, or what ffmpeg made of it, as WAV.

    Raises:
        Unconverted: the file is of a kind that needs ffmpeg, which is not installed or cannot read it.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(12)
    for place, mark, kind, reader in _KINDS:
        if head[place:].startswith(mark):
            return _converted(path, kind, reader)
    return path


def _converted(path: Path, kind: str, reader: str) -> io.BytesIO:
    program = shutil.which("ffmpeg")
    if program is None:
        command = shlex.join(["ffmpeg", "-i", str(path), str(path.with_suffix(".wav"))])
        raise Unconverted(
            f"{path} is {kind}, which is read where the program ffmpeg is installed, and it is not; install it, or "
            f"convert the file: {command}"
        )
    source = ["-f", reader, "-i", f"file:{path.absolute()}"]
    wanted = ["-map", "0:a:0", "-f", "wav", "-c:a", "pcm_f32le", "pipe:1"]
    try:
        done = subprocess.run(  # noqa: S603
            [program, "-nostdin", "-v", "error", *source, *wanted],
            capture_output=True,
            timeout=_MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unconverted(f"{path}: ffmpeg has not read it within {_MOST_SECONDS} s; convert it yourself") from None
    # Of a file that was cut short it decodes what there is, and complains.
    if done.returncode or done.stderr.strip():
        lines = done.stderr.decode(errors="replace").split("\n")
        raise Unconverted(
            f"{path} cannot be read as {kind} (ffmpeg: {lines[0].strip()[:200]}); copy or download it again"
        )
    return io.BytesIO(done.stdout)
