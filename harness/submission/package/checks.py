"""Checks of a package's tree: top folder, one folder per system, one output and one meta file in each, the report."""

from collections.abc import Iterator

from harness.interface import Finding
from harness.submission.findings import Checks, counted, shown
from harness.submission.package.layout import FIXED, Package, SystemFolder
from harness.submission.package.members import Member

PACKAGE_CHECKS = Checks[Package]()
SYSTEM_CHECKS = Checks[SystemFolder]()


@PACKAGE_CHECKS("P010", "error", "The task's folder is the first part of every path.")
def _top_folder_is_at_the_top(package: Package) -> Iterator[Finding]:
    if package.above:
        top = package.profile.top_folder
        inside = f"{top}/" if package.top and package.top.endswith(top) else "the systems' folders"
        again = f"make the zip from the folder {top}/ itself, so that it is the first part of every path"
        yield Finding(f"{inside} inside {package.above}/", f"{top}/ at the top", again, package.above)


@PACKAGE_CHECKS("P011", "error", "The package has the folder of the task.")
def _top_folder_is_there(package: Package) -> Iterator[Finding]:
    wanted, label = package.profile.top_folder, package.profile.example_label
    if package.top is None or package.top.rpartition("/")[2] != wanted:
        others = sorted({member.parts[0] for member in package.tree.members if len(member.parts) > 1})
        yield Finding(
            f"no folder {wanted}/" + (f", but {', '.join(map(shown, others[:5]))}" if others else ""),
            f"{wanted}/{label}/{label}.meta.yaml and so on",
            f"put all systems into one folder {wanted}/, or name the edition it is for with --profile",
        )


@PACKAGE_CHECKS("P012", "error", "The package has a folder per system.")
def _has_systems(package: Package) -> Iterator[Finding]:
    if package.top is not None and not package.systems:
        expected = f"a folder per system, such as {package.profile.example_label}/"
        mend = "put each system's files into a folder called like its label"
        yield Finding("no folder with an output or a meta file", expected, mend)


@PACKAGE_CHECKS("P013", "error", "No more systems are handed in than allowed.")
def _not_too_many_systems(package: Package) -> Iterator[Finding]:
    number, most = len(package.systems), package.profile.most_systems
    if number > most:
        mend = f"leave out all but the {most} that are to be judged"
        yield Finding(counted(number, "system"), f"at most {most}", mend)


@SYSTEM_CHECKS("P014", "error", "A system's folder is called like its label.")
def _folder_is_label(system: SystemFolder) -> Iterator[Finding]:
    if not system.profile.label_pattern.fullmatch(system.label):
        yield Finding(
            f"a system's folder {shown(system.label)}",
            f"a label such as {system.profile.example_label}: last name, institute, task and a number from 1 to 4",
            "rename the folder, and the files in it likewise",
        )


@PACKAGE_CHECKS("P015", "error", "All systems are of one team.")
def _one_team(package: Package) -> Iterator[Finding]:
    matches = [package.profile.label_pattern.fullmatch(system.label) for system in package.systems]
    teams = dict.fromkeys(f"{match['author']}_{match['institute']}" for match in matches if match)
    if len(teams) > 1:
        expected = "one corresponding author's name and institute in all labels"
        yield Finding(f"labels of {', '.join(teams)}", expected, "call all systems alike but for their number")


@SYSTEM_CHECKS("P016", "error", "Every system has one output file.")
def _one_output(system: SystemFolder) -> Iterator[Finding]:
    add = "put the system's output beside its meta file"
    leave = "leave one, or make them systems of their own; one label stands for one output"
    # Of another task's outputs nothing is known; there may be several.
    if system.profile.kind != "other" or not system.outputs:
        wanted = system.profile.named(system.profile.output, system.label)
        yield from _exactly_one(system.outputs, "output file", "csv", wanted, add, leave)


@SYSTEM_CHECKS("P017", "error", "Every system has one meta file.")
def _one_meta(system: SystemFolder) -> Iterator[Finding]:
    add = "write one; `lbar submit --init` gives a template with comments"
    wanted = system.profile.named(system.profile.meta, system.label)
    yield from _exactly_one(system.metas, "meta file", "yaml", wanted, add, "leave one")


def _exactly_one(
    members: tuple[Member, ...], what: str, suffix: str, wanted: str, add: str, leave: str
) -> Iterator[Finding]:
    if not members:
        yield Finding(f"no {what} (*.{suffix})", wanted, add)
    elif len(members) > 1:
        names = ", ".join(shown(member.base) for member in members[:5])
        yield Finding(f"{len(members)} {what}s: {names}", f"one, {wanted}", leave)


@SYSTEM_CHECKS("P018", "error", "A system's files are called like its folder.")
def _files_are_named_after_the_folder(system: SystemFolder) -> Iterator[Finding]:
    profile = system.profile
    outputs = () if profile.kind == "other" else system.outputs
    wanted_names = [(member, profile.meta) for member in system.metas] + [(one, profile.output) for one in outputs]
    for member, template in wanted_names:
        wanted = profile.named(template, system.label)
        if member.base != wanted:
            found = f"a file called {shown(member.base)} in the folder {shown(system.label)}"
            mend = "rename the file or the folder: label, folder and files are called alike"
            yield Finding(found, wanted, mend, member.name)


@PACKAGE_CHECKS("P019", "error", "The package has a technical report.")
def _report_is_there(package: Package) -> Iterator[Finding]:
    if package.systems and not package.all_reports:
        wanted = package.profile.named(package.profile.report, package.systems[0].label)
        mend = "put the report there; at the deadline it needs at least title, authors and abstract"
        yield Finding("no technical report (*.pdf)", f"{package.profile.top_folder}/{wanted}", mend)


@PACKAGE_CHECKS("P021", "warning", "The report is called after the team.")
def _report_is_named(package: Package) -> Iterator[Finding]:
    profile, labels = package.profile, [system.label for system in package.systems]
    known = {profile.named(one, label) for label in labels for one in (profile.report, *profile.reports)}
    for report in package.all_reports:
        if known and report.base not in known:
            wanted = profile.named(profile.report, labels[0])
            yield Finding(
                f"a report called {shown(report.base)}", wanted, "rename it, so that it is found", report.name
            )


@PACKAGE_CHECKS("P022", "warning", "The package has no files of an operating system.")
def _no_junk(package: Package) -> Iterator[Finding]:
    mend = "leave it out (`zip -X`, or `lbar validate --fix`)"
    for member in package.junk:
        if member.kind != "folder":
            found = f"a file of the operating system, {shown(member.base)}"
            yield Finding(found, "outputs, meta files and the report", mend, member.name)


@PACKAGE_CHECKS("P023", "warning", "Every file has its place.")
def _nothing_else(package: Package) -> Iterator[Finding]:
    top = package.profile.top_folder
    expected = f"{top}/<label>/ with an output and a meta file, and the report beside it"
    for member in package.strays:
        found = f"a file that has no place in the tree, {shown(member.base)}"
        yield Finding(found, expected, "move it to its place, or leave it out", member.name)


@PACKAGE_CHECKS("P024", "warning", "Only this task is looked at.")
def _only_this_task(package: Package) -> Iterator[Finding]:
    mend = "nothing, if it is meant to be there: several tasks may share one zip"
    expected = f"{package.profile.top_folder}/, which is what was checked"
    yield from (
        Finding(f"the folder {shown(name)} of another task", expected, mend, name) for name in package.elsewhere
    )


@PACKAGE_CHECKS("P025", "warning", "The zip is called after the team.")
def _package_is_named(package: Package) -> Iterator[Finding]:
    profile, name = package.profile, package.tree.name
    labels = [system.label for system in package.systems if profile.label_pattern.fullmatch(system.label)]
    if name.lower().endswith(".zip") and labels:
        wanted = profile.named(profile.package, labels[0])
        if name.replace(f"{FIXED}.", ".") != wanted:
            yield Finding(f"a package called {shown(name)}", wanted, "rename the zip")
