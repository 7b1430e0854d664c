"""Pages of the documentation that are made from the code: the command line, the Python names, cards, checks.

MkDocs calls `on_files` when it builds the site; nothing of what is made here is kept in the repository.
"""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from griffe import Docstring, DocstringSectionKind
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel
from typer.main import get_command

ROOT = Path(__file__).resolve().parents[1]
CARDS = sorted((ROOT / "systems" / "cards").rglob("*.yaml")) + sorted((ROOT / "tests/benchmarks/cards").glob("*.yaml"))
PACKAGES = ("harness", "systems", "leaderboard")
LONGEST = 90


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from the code."""
    for name, page in (("commands", commands), ("python", python), ("cards", cards), ("checks", checks)):
        files.append(File.generated(config, f"reference/{name}.md", content=page()))
    return files


def commands() -> str:
    """Every command of `lbar` with its arguments and options."""
    from harness.cli.app import build

    lines = ["# Command line", "", "Made from the command itself; `lbar COMMAND --help` prints the same.", ""]
    return "\n".join([*lines, *_command("lbar", get_command(build()))])


def _command(name: str, command: Any) -> Iterator[str]:
    yield from (f"## `{name}`", "", (command.help or "").replace("\n\n", "\n").replace("\f", ""), "")
    shown = [parameter for parameter in command.params if parameter.name != "help" and not _is_hidden(parameter)]
    if shown:
        yield from ("| | meaning | default |", "| --- | --- | --- |")
        for parameter in shown:
            yield _row(*_parameter(parameter))
        yield ""
    for below in getattr(command, "commands", {}).values():
        yield from _command(f"{name} {below.name}", below)


def _is_hidden(parameter: Any) -> bool:
    return bool(getattr(parameter, "hidden", False))


def _parameter(parameter: Any) -> tuple[str, str, str]:
    names = "`, `".join((*parameter.opts, *parameter.secondary_opts)) if parameter.opts else parameter.name
    name = names.upper() if parameter.param_type_name == "argument" else names
    default = "required" if parameter.required else _default(parameter)
    variable = f" (environment variable `{parameter.envvar}`)" if parameter.envvar else ""
    return f"`{name}`", f"{getattr(parameter, 'help', None) or ''}{variable}", default


def _default(parameter: Any) -> str:
    empty = parameter.default in (None, False, (), []) or not isinstance(parameter.default, str | int | float | Path)
    return "" if empty else f"`{parameter.default}`"


def python() -> str:
    """Every name that the packages and their rooms hand out."""
    lines = [
        "# Python",
        "",
        "The names that the packages and their folders hand out. Modules below these are internal.",
        "",
    ]
    shown: dict[str, str] = {}
    for package in PACKAGES:
        faces = sorted(path.parent for path in (ROOT / package).glob("*/__init__.pyi"))
        for folder in [ROOT / package, *faces]:
            module = ".".join(folder.relative_to(ROOT).parts)
            about = (
                ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
            ).splitlines()
            lines += [f"## {module}", "", about[0] if about else "", ""]
            for name, address in public_names(folder):
                if address in shown:
                    lines += [f"`{module}.{name}` is [{shown[address]}][{address}].", ""]
                else:
                    shown[address] = f"{module}.{name}"
                    lines += [f"::: {address}", "    options:", f"      heading: {module}.{name}", ""]
    return "\n".join(lines)


def public_names(folder: Path) -> Iterator[tuple[str, str]]:
    """The names of a face, each with the address where it is defined, one that stands in no face above it."""
    package = ".".join(folder.relative_to(ROOT).parts)
    for node in ast.parse((folder / "__init__.pyi").read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.ImportFrom) or node.level != 1:
            continue
        for alias in node.names:
            module = f"{package}.{node.module}"
            below = ROOT.joinpath(*module.split(".")) / "__init__.pyi"
            if below.exists():
                found = dict(public_names(below.parent))
                if alias.name in found:
                    yield alias.name, found[alias.name]
                    continue
            yield alias.name, f"{module}.{alias.name}"


def card_models() -> Iterator[tuple[str, str, type[BaseModel]]]:
    """The title, where in a card it stands, and the model, for all that a card may say."""

    def named(address: str) -> type[BaseModel]:
        module, _, name = address.partition(":")
        found = getattr(import_module(module), name)
        assert issubclass(found, BaseModel)
        return found

    yield "Every card", "", named("harness.interface.cards.card:Card")
    yield "A file", "files.*", named("harness.interface.cards.files:CardFile")
    yield "Published figures", "published.*", named("harness.interface.cards.card:Published")
    yield "A dual encoder", "", named("systems.dual_encoder.card:DualEncoderCard")
    for path in sorted((ROOT / "systems/audio/encoders").glob("[!_]*.py")):
        encoder = import_module(f"systems.audio.encoders.{path.stem}").ENCODER
        yield f"The audio encoder {path.stem}", "audio", encoder
    yield "Windows", "windows", named("systems.audio.windows:WindowConfig")
    yield "The text encoder", "text", named("systems.text.roberta:TextConfig")
    yield "Training of a dual encoder", "training", named("systems.dual_encoder.training_section:TrainingConfig")
    yield "The learning rate", "training.schedule", named("systems.dual_encoder.training_section:Schedule")
    yield "A fusion", "", named("systems.fusion:FusionCard")
    yield "The linear system", "", named("systems.linear:LinearCard")
    yield "Tags", "", named("systems.tags:TagsCard")


def cards() -> str:
    """Every field of a card, with its type, default and an example."""
    lines = ["# Fields of cards", "", "Made from the code that reads them. [How cards work](../how-to/cards.md).", ""]
    of_all: set[str] = set()
    for title, where, model in card_models():
        lines += [f"## {title}", "", _first_line(model), ""]
        if where:
            lines += [f"Under `{where.replace('.*', '.NAME' if where == 'files.*' else '[…]')}:`.", ""]
        lines += ["| field | type | default | meaning | example |", "| --- | --- | --- | --- | --- |"]
        described = descriptions(model)
        schema = model.model_json_schema()["properties"]
        for name, field in model.model_fields.items():
            if not where and title != "Every card" and name in of_all:
                continue
            default = "required" if field.is_required() else f"`{_shown(field.get_default(call_default_factory=True))}`"
            example = example_of(where, name, model)
            lines.append(_row(f"`{name}`", _type(schema[name]), default, described.get(name, ""), example))
        if title == "Every card":
            of_all = set(model.model_fields)
        lines.append("")
    return "\n".join(lines)


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """What the docstrings of a model and of those it is made from say of its fields."""
    found: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if kind.__doc__ and issubclass(kind, BaseModel) and kind is not BaseModel:
            for section in Docstring(kind.__doc__).parse("google", warn_missing_types=False, warnings=False):
                if section.kind is DocstringSectionKind.attributes:
                    found |= {item.name: " ".join(item.description.split()) for item in section.value}
    return found


def example_of(where: str, name: str, model: type[BaseModel]) -> str:
    """The field as the first card that has it says it; where none has it, its default or its type's least value."""
    encoder = model.model_fields["encoder"].default if "encoder" in model.model_fields else None
    for path in CARDS:
        card = yaml.safe_load(path.read_text(encoding="utf-8"))
        for section in _sections(card, where):
            fits = encoder is None or section.get("encoder") == encoder
            if fits and name in section:
                return f"`{name}: {_shown(section[name])}`"
    field = model.model_fields[name]
    given = (field.examples or [None])[0]
    return f"`{name}: {_shown(given)}`" if given is not None else f"`{name}: {_shown(field.get_default())}`"


def _sections(card: Any, where: str) -> Iterator[dict[str, Any]]:
    parts = where.split(".") if where else []
    found = [card]
    for part in parts:
        if part == "*":
            found = [one for section in found for one in (section.values() if isinstance(section, dict) else section)]
        else:
            found = [section[part] for section in found if isinstance(section, dict) and section.get(part)]
    yield from (section for section in found if isinstance(section, dict))


_WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false", "null": "null", "object": "fields"}
_LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def _type(schema: dict[str, Any]) -> str:
    """What may stand in a field, in words, from its JSON schema."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_type, schema["anyOf"])))
    if "enum" in schema or "const" in schema:
        return " or ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"names, each with {_type(schema['additionalProperties'])}"
    limits = [f"{sign} {schema[limit]:g}" for limit, sign in _LIMITS.items() if limit in schema]
    word = _WORDS.get(schema.get("type", ""), schema.get("type", "fields" if "$ref" in schema else "anything"))
    return " ".join([word, " and ".join(limits)]).strip()


def _shown(value: Any) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    elif isinstance(value, tuple):
        value = list(value)
    text = yaml.safe_dump(value, default_flow_style=True, width=10000, allow_unicode=True, sort_keys=False)
    text = text.removesuffix("...\n").strip()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def checks() -> str:
    """Every rule that the validator checks."""
    lines = [
        "# Codes of checks",
        "",
        "What `lbar validate` checks. A code is never given to another rule. An *error* makes a submission invalid.",
        "",
        "| code | level | rule |",
        "| --- | --- | --- |",
    ]
    return "\n".join([*lines, *(_row(f"`{one.code}`", one.level, one.rule) for one in all_checks())])


def all_checks() -> list[Any]:
    """All checks of the validator, in the order of their codes."""
    from harness.submission.findings import Check, Checks

    found: dict[str, Any] = {}
    for path in sorted((ROOT / "harness" / "submission").rglob("*.py")):
        module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for one in vars(module).values():
            if isinstance(one, Check | Checks):
                found |= {check.code: check for check in ([one] if isinstance(one, Check) else one)}
    return [found[code] for code in sorted(found)]


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _row(*cells: str) -> str:
    return f"| {' | '.join(' '.join(cell.replace('|', '&#124;').split()) for cell in cells)} |"
