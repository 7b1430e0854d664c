"""A 7z archive unpacked as a whole or not at all."""

import shutil
from pathlib import Path

from harness.errors import UserError
from harness.machine import Progress, silent


def unpack(archive: Path, folder: Path, progress: Progress = silent) -> None:
    """Unpack the folder that an archive holds under the name of `folder`, and put it there when it is complete.

    Needs py7zr. The archive is kept.

    Raises:
        UserError: the archive is damaged, holds no such folder, or the disk is full or not writable.
    """
    import py7zr
    from py7zr.callbacks import ExtractCallback

    class Report(ExtractCallback):
        def report_start_preparation(self) -> None: ...

        def report_start(self, processing_file_path: str, processing_bytes: str) -> None: ...

        def report_update(self, decompressed_bytes: str) -> None: ...

        def report_end(self, processing_file_path: str, wrote_bytes: str) -> None:  # noqa: ARG002
            advance(int(wrote_bytes))

        def report_warning(self, message: str) -> None: ...

        def report_postprocess(self) -> None: ...

    partial = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        with py7zr.SevenZipFile(archive) as packed:
            advance = progress(f"unpacking {archive.name}", packed.archiveinfo().uncompressed)
            packed.extractall(partial, callback=Report())
        if not (partial / folder.name).is_dir():
            raise UserError(f"{archive} holds no folder {folder.name}, which was expected in it")
        (partial / folder.name).replace(folder)
    except py7zr.exceptions.ArchiveError as error:
        raise UserError(
            f"{archive} cannot be unpacked: {error}; unpack it into {folder.parent} by other means"
        ) from error
    except OSError as error:
        raise UserError(
            f"{archive} cannot be unpacked into {folder.parent}: {error.strerror}; mend that (is there room?) and run "
            "again: the archive is kept"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
