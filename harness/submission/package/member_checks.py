"""Checks of the files in a package as files: whether it is safe to look into them."""

from collections import Counter
from collections.abc import Iterator

from harness.submission.editions.profiles import Profile
from harness.submission.findings import Check, Problem, shown
from harness.submission.package.layout import Package
from harness.submission.package.members import METHODS, MOST_MEMBERS, Member, Tree

_BOMB_RATIO = 150
_HARMLESS_BYTES = 1 << 20


def _readable(tree: Tree) -> Iterator[Problem]:
    if tree.damage:
        yield Problem(tree.damage, "a zip that can be read to its end", "make the zip again, and copy it whole")


def _not_too_many(tree: Tree) -> Iterator[Problem]:
    if len(tree.members) > MOST_MEMBERS:
        yield Problem(
            f"more than {MOST_MEMBERS:,} files",
            "an output and a meta file per system, and a report",
            "name the package, not a folder it lies in",
        )


def _stays_inside(tree: Tree) -> Iterator[Problem]:
    for member in tree.members:
        if leads_out(member):
            yield Problem(
                f"the path {shown(member.name)}",
                "a path below the package's own folder, with / between its parts",
                "make the zip again from within the folder; whoever unpacks this one may overwrite files of theirs",
                file=member.name,
            )


def _no_links(tree: Tree) -> Iterator[Problem]:
    for member in tree.members:
        if member.kind in ("link", "other"):
            yield Problem(
                "a link" if member.kind == "link" else "a device, pipe or socket",
                "a regular file",
                "put the file itself in its place; a link points to nothing where the package is unpacked",
                file=member.name,
            )


def _no_bomb(tree: Tree) -> Iterator[Problem]:
    for member in tree.members:
        if is_bomb(member):
            yield Problem(
                f"{member.packed:,} bytes that unpack to {member.size:,}",
                f"at most {_BOMB_RATIO} bytes from one",
                "pack the real file; this one was not unpacked",
                file=member.name,
            )


def _usually_packed(tree: Tree) -> Iterator[Problem]:
    for member in tree.members:
        if member.encrypted or member.method not in METHODS:
            yield Problem(
                "a member that needs a password" if member.encrypted else f"compression method {member.method}",
                f"no password, and a usual method ({' or '.join(METHODS.values())})",
                "make the zip again with the usual settings",
                file=member.name,
            )


def _named_once(tree: Tree) -> Iterator[Problem]:
    times = Counter("/".join(member.parts).casefold() for member in tree.members if member.kind == "file")
    for member in tree.members:
        count = times.pop("/".join(member.parts).casefold(), 0) if member.kind == "file" else 0
        if count > 1:
            yield Problem(
                f"{count} files of this name, capital letters set aside",
                "each name once",
                "leave out all but one; which one survives unpacking depends on the program",
                file=member.name,
            )


def _not_too_large(package: Package) -> Iterator[Problem]:
    for member in package.tree.members:
        yield from too_large(package.profile, member)


def too_large(profile: Profile, member: Member) -> Iterator[Problem]:
    """The problem of a file that is far larger than its like."""
    most = largest(profile, member)
    if member.kind == "file" and member.size > most:
        yield Problem(
            f"{member.size:,} bytes",
            f"at most {most:,} for a {member.suffix or 'nameless'} file",
            "look whether it is the right file; it was not read",
            file=member.name,
        )


def largest(profile: Profile, member: Member) -> int:
    """How large this file may be."""
    sizes = profile.largest_bytes
    return {".csv": sizes.output, ".yaml": sizes.meta, ".yml": sizes.meta}.get(member.suffix, sizes.report)


def is_bomb(member: Member) -> bool:
    """Whether it unpacks to very much more than it takes."""
    return member.size > _HARMLESS_BYTES and member.size > _BOMB_RATIO * max(member.packed, 1)


def leads_out(member: Member) -> bool:
    """Whether its path leads out of the folder it is unpacked in, on some system."""
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
    """Whether none of these checks speaks against unpacking it."""
    return is_safe(member) and member.size <= largest(profile, member)


def _not_empty(package: Package) -> Iterator[Problem]:
    for member in package.tree.members:
        if member.kind == "file" and not member.size:
            yield Problem("an empty file", "a file with content", "put the whole file in its place", file=member.name)


TREE_CHECKS: tuple[Check[Tree], ...] = (
    Check("P001", "error", "The package can be read.", _readable),
    Check("P002", "error", "The package holds no more than what is asked for.", _not_too_many),
    Check("P003", "error", "Every path stays inside the package.", _stays_inside),
    Check("P004", "error", "The package holds files, not links.", _no_links),
    Check("P005", "error", "No file unpacks to very much more than it takes.", _no_bomb),
    Check("P006", "error", "Every reader can unpack the package.", _usually_packed),
    Check("P007", "error", "A package has each file once.", _named_once),
)

SIZE_CHECKS: tuple[Check[Package], ...] = (
    Check("P008", "error", "No file is far larger than such files are.", _not_too_large),
    Check("P009", "error", "No file is empty.", _not_empty),
)
