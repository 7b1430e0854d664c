"""Checks of a package's tree: top folder, one folder per system, one output and one meta file in each, the report."""

from collections.abc import Iterator

from harness.submission.findings import Check, Problem, counted, shown
from harness.submission.package.layout import FIXED, Package, SystemFolder

_MAKE_AGAIN = "make the zip from the folder {top}/ itself, so that it is the first part of every path"


def _top_folder_is_at_the_top(package: Package) -> Iterator[Problem]:
    if package.above:
        yield Problem(
            f"{package.profile.top_folder}/ inside {package.above}/"
            if package.top and package.top.endswith(package.profile.top_folder)
            else f"the systems' folders inside {package.above}/",
            f"{package.profile.top_folder}/ at the top",
            _MAKE_AGAIN.format(top=package.profile.top_folder),
            file=package.above,
        )


def _top_folder_is_there(package: Package) -> Iterator[Problem]:
    wanted = package.profile.top_folder
    if package.top is None or package.top.rpartition("/")[2] != wanted:
        others = sorted({member.parts[0] for member in package.tree.members if member.parts and len(member.parts) > 1})
        yield Problem(
            f"no folder {wanted}/" + (f", but {', '.join(map(shown, others[:5]))}" if others else ""),
            f"{wanted}/{package.profile.example_label}/{package.profile.example_label}.meta.yaml and so on",
            f"put all systems into one folder {wanted}/, or name the edition it is for with --profile",
        )


def _has_systems(package: Package) -> Iterator[Problem]:
    if package.top is not None and not package.systems:
        yield Problem(
            "no folder with an output or a meta file",
            f"a folder per system, such as {package.profile.example_label}/",
            "put each system's files into a folder called like its label",
        )


def _not_too_many_systems(package: Package) -> Iterator[Problem]:
    most = package.profile.most_systems
    if len(package.systems) > most:
        yield Problem(
            counted(len(package.systems), "system"),
            f"at most {most}",
            f"leave out all but the {most} that are to be judged",
        )


def _folders_are_labels(package: Package) -> Iterator[Problem]:
    for system in package.systems:
        if not package.profile.label_pattern.fullmatch(system.label):
            yield Problem(
                f"a system's folder {shown(system.label)}",
                f"a label such as {package.profile.example_label}: last name, institute, task and a number from 1 to 4",
                "rename the folder, and the files in it likewise",
                file=system.path,
            )


def _one_team(package: Package) -> Iterator[Problem]:
    matches = [package.profile.label_pattern.fullmatch(system.label) for system in package.systems]
    teams = {
        (match["author"], match["institute"]): system
        for match, system in zip(matches, package.systems, strict=True)
        if match
    }
    if len(teams) > 1:
        yield Problem(
            "labels of " + ", ".join(f"{author}_{institute}" for author, institute in teams),
            "one corresponding author's name and institute in all labels",
            "call all systems alike but for their number",
        )


def _one_output_each(package: Package) -> Iterator[Problem]:
    for system in package.systems:
        wanted = package.profile.named(package.profile.output, system.label)
        many_are_usual = package.profile.kind == "other"
        if not system.outputs:
            yield Problem(
                "no output file (*.csv)", wanted, "put the system's output beside its meta file", file=system.path
            )
        elif len(system.outputs) > 1 and not many_are_usual:
            names = ", ".join(shown(member.base) for member in system.outputs[:5])
            yield Problem(
                f"{len(system.outputs)} output files: {names}",
                f"one, {wanted}",
                "leave one, or make them systems of their own; one label stands for one output",
                file=system.path,
            )


def _one_meta_each(package: Package) -> Iterator[Problem]:
    for system in package.systems:
        wanted = package.profile.named(package.profile.meta, system.label)
        if not system.metas:
            yield Problem(
                "no meta file (*.yaml)",
                wanted,
                "write one; `lbar submit --init` gives a template with comments",
                file=system.path,
            )
        elif len(system.metas) > 1:
            names = ", ".join(shown(member.base) for member in system.metas[:5])
            yield Problem(f"{len(system.metas)} meta files: {names}", f"one, {wanted}", "leave one", file=system.path)


def _files_are_named_after_the_folder(package: Package) -> Iterator[Problem]:
    for system in package.systems:
        yield from _misnamed(package, system)


def _misnamed(package: Package, system: SystemFolder) -> Iterator[Problem]:
    profile = package.profile
    files = [(member, profile.meta) for member in system.metas]
    if profile.kind != "other":
        files += [(member, profile.output) for member in system.outputs]
    for member, template in files:
        wanted = profile.named(template, system.label)
        if member.base != wanted:
            yield Problem(
                f"a file called {shown(member.base)} in the folder {shown(system.label)}",
                wanted,
                "rename the file or the folder: label, folder and files are called alike",
                file=member.name,
            )


def _report_is_there(package: Package) -> Iterator[Problem]:
    if package.systems and not package.reports and not any(system.reports for system in package.systems):
        wanted = package.profile.named(package.profile.report, package.systems[0].label)
        yield Problem(
            "no technical report (*.pdf)",
            f"{package.profile.top_folder}/{wanted}",
            "put the report there; at the deadline it needs at least title, authors and abstract",
        )


def _report_is_named(package: Package) -> Iterator[Problem]:
    profile = package.profile
    wanted = {
        profile.named(template, system.label)
        for system in package.systems
        for template in (profile.report, *profile.reports)
    }
    for report in (*package.reports, *(report for system in package.systems for report in system.reports)):
        if wanted and report.base not in wanted:
            yield Problem(
                f"a report called {shown(report.base)}",
                profile.named(profile.report, package.systems[0].label),
                "rename it, so that it is found",
                file=report.name,
            )


def _no_junk(package: Package) -> Iterator[Problem]:
    for member in package.junk:
        if member.kind != "folder":
            yield Problem(
                f"a file of the operating system, {shown(member.base)}",
                "outputs, meta files and the report",
                "leave it out (`zip -X`, or `lbar validate --fix`)",
                file=member.name,
            )


def _nothing_else(package: Package) -> Iterator[Problem]:
    for member in package.strays:
        yield Problem(
            f"a file that has no place in the tree, {shown(member.base)}",
            f"{package.profile.top_folder}/<label>/ with an output and a meta file, and the report beside it",
            "move it to its place, or leave it out",
            file=member.name,
        )


def _only_this_task(package: Package) -> Iterator[Problem]:
    for name in package.elsewhere:
        yield Problem(
            f"the folder {shown(name)} of another task",
            f"{package.profile.top_folder}/, which is what was checked",
            "nothing, if it is meant to be there: several tasks may share one zip",
            file=name,
        )


def _package_is_named(package: Package) -> Iterator[Problem]:
    profile = package.profile
    labels = [system.label for system in package.systems if profile.label_pattern.fullmatch(system.label)]
    if package.tree.name.lower().endswith(".zip") and labels:
        wanted = profile.named(profile.package, labels[0])
        if package.tree.name.replace(f"{FIXED}.", ".") != wanted:
            yield Problem(f"a package called {shown(package.tree.name)}", wanted, "rename the zip")


PACKAGE_CHECKS: tuple[Check[Package], ...] = (
    Check("P010", "error", "The task's folder is the first part of every path.", _top_folder_is_at_the_top),
    Check("P011", "error", "The package has the folder of the task.", _top_folder_is_there),
    Check("P012", "error", "The package has a folder per system.", _has_systems),
    Check("P013", "error", "No more systems are handed in than allowed.", _not_too_many_systems),
    Check("P014", "error", "A system's folder is called like its label.", _folders_are_labels),
    Check("P015", "error", "All systems are of one team.", _one_team),
    Check("P016", "error", "Every system has one output file.", _one_output_each),
    Check("P017", "error", "Every system has one meta file.", _one_meta_each),
    Check("P018", "error", "A system's files are called like its folder.", _files_are_named_after_the_folder),
    Check("P019", "error", "The package has a technical report.", _report_is_there),
    Check("P021", "warning", "The report is called after the team.", _report_is_named),
    Check("P022", "warning", "The package has no files of an operating system.", _no_junk),
    Check("P023", "warning", "Every file has its place.", _nothing_else),
    Check("P024", "warning", "Only this task is looked at.", _only_this_task),
    Check("P025", "warning", "The zip is called after the team.", _package_is_named),
)
