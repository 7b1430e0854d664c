"""Checks of the files in a package as files: whether it is safe to look into them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from harness.interface import Finding
from harness.submission.editions.profiles import Profile
from harness.submission.findings import Checks, shown
from harness.submission.package.members import METHODS, MOST_MEMBERS, Member, Tree

_BOMB_RATIO = 150
_HARMLESS_BYTES = 1 << 20

TREE_CHECKS = Checks[Tree]()
MEMBER_CHECKS = Checks[Member]()


@TREE_CHECKS("P001", "error", "The package can be read.")
def readable(tree: Tree) -> Iterator[Finding]:
    """The check that a zip can be read to its end."""
    if tree.damage:
        yield Finding(tree.damage, "a zip that can be read to its end", "make the zip again, and copy it whole")


@TREE_CHECKS("P002", "error", "The package holds no more than what is asked for.")
def _not_too_many(tree: Tree) -> Iterator[Finding]:
    if len(tree.members) > MOST_MEMBERS:
        asked_for = "an output and a meta file per system, and a report"
        yield Finding(f"more than {MOST_MEMBERS:,} files", asked_for, "name the package, not a folder it lies in")


@MEMBER_CHECKS("P003", "error", "Every path stays inside the package.")
def _stays_inside(member: Member) -> Iterator[Finding]:
    if leads_out(member):
        yield Finding(
            f"the path {shown(member.name)}",
            "a path below the package's own folder, with / between its parts",
            "make the zip again from within the folder; whoever unpacks this one may overwrite files of theirs",
        )


@MEMBER_CHECKS("P004", "error", "The package holds files, not links.")
def _no_links(member: Member) -> Iterator[Finding]:
    if member.kind in ("link", "other"):
        yield Finding(
            "a link" if member.kind == "link" else "a device, pipe or socket",
            "a regular file",
            "put the file itself in its place; a link points to nothing where the package is unpacked",
        )


@MEMBER_CHECKS("P005", "error", "No file unpacks to very much more than it takes.")
def _no_bomb(member: Member) -> Iterator[Finding]:
    if is_bomb(member):
        yield Finding(
            f"{member.packed:,} bytes that unpack to {member.size:,}",
            f"at most {_BOMB_RATIO} bytes from one",
            "pack the real file; this one was not unpacked",
        )


@MEMBER_CHECKS("P006", "error", "Every reader can unpack the package.")
def _usually_packed(member: Member) -> Iterator[Finding]:
    if member.encrypted or member.method not in METHODS:
        yield Finding(
            "a member that needs a password" if member.encrypted else f"compression method {member.method}",
            f"no password, and a usual method ({' or '.join(METHODS.values())})",
            "make the zip again with the usual settings",
        )


@TREE_CHECKS("P007", "error", "A package has each file once.")
def _named_once(tree: Tree) -> Iterator[Finding]:
    times = Counter("/".join(member.parts).casefold() for member in tree.members if member.kind == "file")
    for member in tree.members:
        count = times.pop("/".join(member.parts).casefold(), 0) if member.kind == "file" else 0
        if count > 1:
            yield Finding(
                f"{count} files of this name, capital letters set aside",
                "each name once",
                "leave out all but one; which one survives unpacking depends on the program",
                member.name,
            )


@dataclass(frozen=True, slots=True)
class Sized:
    """A member, and how many bytes it may have."""

    member: Member
    most: int


SIZE_CHECKS = Checks[Sized]()


@SIZE_CHECKS("P008", "error", "No file is far larger than such files are.")
def _not_too_large(sized: Sized) -> Iterator[Finding]:
    member = sized.member
    if member.kind == "file" and member.size > sized.most:
        expected = f"at most {sized.most:,} for a {member.suffix or 'nameless'} file"
        yield Finding(f"{member.size:,} bytes", expected, "look whether it is the right file; it was not read")


@MEMBER_CHECKS("P009", "error", "No file is empty.")
def _not_empty(member: Member) -> Iterator[Finding]:
    if member.kind == "file" and not member.size:
        yield Finding("an empty file", "a file with content", "put the whole file in its place")


def largest(profile: Profile, member: Member) -> int:
    """How many bytes this file may have."""
    sizes = profile.largest_bytes
    return {".csv": sizes.output, ".yaml": sizes.meta, ".yml": sizes.meta}.get(member.suffix, sizes.report)


def is_bomb(member: Member) -> bool:
    """Whether it unpacks to very much more than it takes."""
    return member.size > _HARMLESS_BYTES and member.size > _BOMB_RATIO * max(member.packed, 1)


def leads_out(member: Member) -> bool:
    """Whether its path leads out of the folder it is unpacked in, on some operating system."""
    name = member.name
    return (
        name.startswith(("/", "~"))
        or "\\" in name
        or ".." in name.split("/")
        or (len(name) > 1 and name[1] == ":")
        or any(ord(letter) < 32 for letter in name)
    )


def is_safe(member: Member) -> bool:
    """Whether it is a file that can be unpacked and does no harm."""
    usual = member.kind == "file" and member.method in METHODS and not member.encrypted
    return usual and not is_bomb(member) and not leads_out(member)


def may_be_read(profile: Profile, member: Member) -> bool:
    """Whether it is safe to unpack, and not too large."""
    return is_safe(member) and member.size <= largest(profile, member)
