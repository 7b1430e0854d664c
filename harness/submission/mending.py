"""`lbar validate --fix`: a copy with all safe repairs; the original is never changed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.machine import copy, temporary_folder
from harness.predictions import with_commas
from harness.submission.editions.profiles import Profile
from harness.submission.meta.mending import mend_meta
from harness.submission.output.expected import Comparison, Expected
from harness.submission.output.file import read_start
from harness.submission.output.mending import mend_output
from harness.submission.package.layout import FIXED, Package, is_junk, understand
from harness.submission.package.member_checks import largest, may_be_read
from harness.submission.package.members import FileTree, FolderTree, Member, Tree, open_tree
from harness.submission.package.packing import pack
from harness.submission.package.zip_directory import DamagedError
from harness.submission.repairs import Repair, Repairs


@dataclass
class Mended:
    """The mended copy, `None` where there was nothing to mend, and the repairs in it."""

    path: Path | None = None
    repairs: Repairs = field(default_factory=Repairs)

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        repairs = [repair.to_json() for repair in self.repairs.kept]
        return {"fixed": self.path and str(self.path), "repairs": repairs}


def mend(path: Path, profile: Profile, expected: Expected | None, data_root: Path | None) -> Mended:
    """Write a mended copy beside the original, `name.fixed.csv`, if there is something to mend.

    Args:
        path: a CSV, a YAML, a folder or a zip.
        profile: the edition.
        expected: the queries and clips that outputs should answer; as for `validate`.
        data_root: as for `validate`.

    Raises:
        UserError: there is no such file, the copy's name is taken, or the copy cannot be written.
    """
    tree = open_tree(path, profile.top_folder)
    path = path if path.name else path.resolve()
    target = path.with_name(f"{path.name}{FIXED}" if path.is_dir() else f"{path.stem}{FIXED}{path.suffix}")
    if target.exists():
        raise UserError(f"{target} is there already and stays as it is; move it away")
    mended = Mended()
    with temporary_folder() as folder:
        mender = _Mender(tree, profile, Comparison(expected, profile, data_root), folder, mended.repairs)
        if isinstance(tree, FileTree):
            member = tree.members[0]
            staged = mender.file(member) if member.size <= largest(profile, member) else None
            if mended.repairs and staged is not None:
                copy(staged, target)
                mended.path = target
            return mended
        files = mender.package()
        if mended.repairs:
            with _absent(target) as temporary:
                if isinstance(tree, FolderTree):
                    for name, source in files.items():
                        copy(source, temporary / name)
                else:
                    pack(temporary, files)
            mended.path = target
    return mended


@contextmanager
def _absent(target: Path) -> Iterator[Path]:
    """A temporary path beside the target, which is renamed to the target when all is written."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        yield temporary
        temporary.rename(target)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


class _Mender:
    """Writes mended copies of the files in a tree into a folder."""

    def __init__(self, tree: Tree, profile: Profile, compared: Comparison, folder: Path, repairs: Repairs) -> None:
        self._tree, self._profile, self._compared = tree, profile, compared
        self._folder, self._repairs = folder, repairs

    def file(self, member: Member) -> Path | None:
        """A copy of a member, mended as far as that is safe; `None` where it cannot be read at all."""
        target = self._folder / f"{member.position}{member.suffix if member.suffix.isascii() else ''}"[:60]
        try:
            with self._tree.place(member) as place:
                if member.suffix == ".csv" and self._profile.kind != "other":
                    self._output(place, target, member.name)
                elif member.suffix in (".yaml", ".yml"):
                    mend_meta(place, target, member.name, self._repairs)
                if not target.exists():
                    copy(place, target)
        except DamagedError:
            return None
        return target

    def _output(self, place: Path, target: Path, name: str) -> None:
        start = read_start(place, self._profile)
        if start.complaint is not None or start.kind not in (None, self._profile.kind):
            return
        # Repairs of a file that then turns out to be unreadable do not count.
        done = Repairs()
        try:
            if start.separator:
                commas = target.with_name(f"{target.name}.commas")
                with_commas(place, commas, start.separator)
                done.add(Repair(name, "separator", start.separator, ",", start.line))
                place, before = commas, start
                start = replace(
                    read_start(commas, self._profile),
                    has_bom=before.has_bom,
                    has_carriage_returns=before.has_carriage_returns,
                )
            mend_output(start, target, self._compared.guess(place), name, done)
        except UserError:
            return
        for repair in done.kept:
            self._repairs.add(repair)
        for key, count in done.counts.items():
            self._repairs.counts[key] = count

    def package(self) -> dict[str, Path]:
        """The mended copies of all members that can be kept, by their names in the package."""
        package = understand(self._tree, self._profile)
        files: dict[str, Path] = {}
        for member in self._tree.members:
            if member.kind == "folder":
                continue
            name = self._name(member, package)
            reason = _left_out(member, package, name in files)
            staged = None if reason else self.file(member)
            if staged is None:
                self._repairs.add(Repair(member.name, reason or "damaged, left out", member.name, ""))
                continue
            if name != member.name:
                self._repairs.add(Repair(member.name, "folder", member.name, name))
            files[name] = staged
        return files

    def _name(self, member: Member, package: Package) -> str:
        """A member's path without the folders above the top folder."""
        name = "/".join(member.parts)
        lifted = package.above and package.top and package.top.endswith(self._profile.top_folder)
        return name.removeprefix(f"{package.above}/") if lifted else name


def _left_out(member: Member, package: Package, is_there: bool) -> str:
    """Why a member has no place in the copy; empty where it has."""
    if is_junk(member):
        return "of the operating system, left out"
    if not may_be_read(package.profile, member):
        return "not safe to read, left out"
    return "there twice, left out" if is_there else ""
