"""The parts of a package, by the tree of an edition: systems with their outputs and meta files, and the report."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from harness.submission.editions.profiles import Profile
from harness.submission.package.members import Member, Tree

JUNK = frozenset({"__macosx", ".ds_store", "thumbs.db", "desktop.ini", ".git", "__pycache__", ".ipynb_checkpoints"})
FIXED = ".fixed"
"""What stands before the extension in the name of a mended copy; it is no part of the label."""
_TOP = "task"
_OF_A_SYSTEM = (".csv", ".yaml", ".yml", ".pdf")


@dataclass(frozen=True, slots=True)
class SystemFolder:
    """The folder of one system.

    Attributes:
        profile: the edition.
        label: the folder's name.
        path: of the folder, within the package.
        outputs: the CSV files in it.
        metas: the YAML files in it.
        reports: the PDF files in it.
    """

    profile: Profile
    label: str
    path: str
    outputs: tuple[Member, ...]
    metas: tuple[Member, ...]
    reports: tuple[Member, ...]


@dataclass(frozen=True)
class Package:
    """A package, as far as it has the tree that the edition asks for.

    Attributes:
        profile: the edition.
        tree: the files.
        above: path of the folder that the top folder was found in; empty where it is at the top, as it should be.
        top: path of the top folder; `None` where there is none.
        systems: the systems' folders, by name.
        reports: PDF files in the top folder.
        junk: what an operating system left.
        strays: files that have no place in the tree.
        elsewhere: top folders of other tasks, which are not looked into.
    """

    profile: Profile
    tree: Tree
    above: str
    top: str | None
    systems: tuple[SystemFolder, ...]
    reports: tuple[Member, ...]
    junk: tuple[Member, ...]
    strays: tuple[Member, ...]
    elsewhere: tuple[str, ...]

    @property
    def all_reports(self) -> tuple[Member, ...]:
        """The reports in the top folder and in the systems' folders."""
        return (*self.reports, *(report for system in self.systems for report in system.reports))


def understand(tree: Tree, profile: Profile) -> Package:
    """Find the parts of a package among its files."""
    top = _top(tree.members, profile)
    depth = len(top or ())
    folders: dict[str, list[Member]] = defaultdict(list)
    reports: list[Member] = []
    strays: list[Member] = []
    elsewhere: dict[str, None] = {}
    for member in tree.members:
        parts = member.parts
        if member.kind != "file" or is_junk(member):
            continue
        if top is None or parts[:depth] != top:
            if len(parts) > 1 and parts[0].lower().startswith(_TOP) and parts[0] != profile.top_folder:
                elsewhere[parts[0]] = None
            else:
                strays.append(member)
        elif len(parts) == depth + 2:
            folders[parts[depth]].append(member)
        elif len(parts) == depth + 1 and member.suffix == ".pdf":
            reports.append(member)
        else:
            strays.append(member)
    systems = [_system(profile, label, (*(top or ()), label), members) for label, members in sorted(folders.items())]
    strays += [one for members in folders.values() for one in members if one.suffix not in _OF_A_SYSTEM]
    return Package(
        profile,
        tree,
        "/".join((top or ())[:-1]),
        None if top is None else "/".join(top),
        tuple(system for system in systems if system.outputs or system.metas),
        tuple(reports),
        tuple(member for member in tree.members if is_junk(member)),
        tuple(strays),
        tuple(elsewhere),
    )


def is_junk(member: Member) -> bool:
    """Whether an operating system or a program left it there."""
    parts = member.parts
    return bool(parts) and (any(part.lower() in JUNK for part in parts) or parts[-1].startswith("._"))


def only(members: Iterable[Member], name: str) -> Member | None:
    """The member with this name, or else the first; `None` where there are no members."""
    found = list(members)
    return next((member for member in found if member.base == name), found[0] if found else None)


def _top(members: Iterable[Member], profile: Profile) -> tuple[str, ...] | None:
    """Path of the top folder: the shallowest one called as the edition says, or else what holds the first label."""
    named: list[tuple[str, ...]] = []
    holding: list[tuple[str, ...]] = []
    for member in members:
        if is_junk(member) or member.kind not in ("file", "folder"):
            continue
        folders = member.parts if member.kind == "folder" else member.parts[:-1]
        named += [folders[: at + 1] for at, part in enumerate(folders) if part == profile.top_folder]
        holding += [folders[:at] for at, part in enumerate(folders) if profile.label_pattern.fullmatch(part)]
    found = named or holding
    return min(found, key=len) if found else None


def _system(profile: Profile, label: str, path: tuple[str, ...], members: list[Member]) -> SystemFolder:
    def called(*suffixes: str) -> tuple[Member, ...]:
        return tuple(member for suffix in suffixes for member in members if member.suffix == suffix)

    return SystemFolder(profile, label, "/".join(path), called(".csv"), called(".yaml", ".yml"), called(".pdf"))
