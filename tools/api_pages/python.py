"""The API page of Python: what the package exports, with its docstrings."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from .markdown import Entry, Section, assembled, prose

_PACKAGE = Path(__file__).resolve().parents[2] / "bindings" / "python" / "src" / "factstr"
_WIDTH = 88
# Fields that a docstring explains, in two columns.
_FIELD = re.compile(r"^(\w+) {2,}(\S.*)$")
_STORES = ("MemoryStore", "SqliteStore", "PostgresStore")
_ERRORS = "Every exception has its `code`.\n[Errors](errors.md) says for each what happened, and what to do."
_Function = ast.FunctionDef | ast.AsyncFunctionDef


_ASYNCIO = (
    "The calls of `factstr.aio`, which are those above as coroutines.\n"
    "[Python](python.md#asyncio) shows their use."
)


def _modules(folder: Path) -> dict[str, ast.Module]:
    return {
        file.stem: ast.parse(file.read_text(encoding="utf-8"))
        for file in sorted(folder.glob("*.py"))
    }


def _asyncio() -> Section:
    modules, section = _modules(_PACKAGE / "aio"), Section("asyncio", _ASYNCIO)
    classes = {
        node.name: node
        for module in modules.values()
        for node in module.body
        if isinstance(node, ast.ClassDef)
    }
    for name in (*_STORES, "Store", "Subscription", "Batches", "Reading"):
        node, prefix = classes[name], f"aio.{name}"
        section.entries.append(Entry(prefix, f"class {prefix}", _documented(node)))
        section.entries += [
            Entry(f"{prefix}.{each.name}", each.code, each.prose) for each in _methods(node, "")
        ]
    section.entries += [
        Entry(f"aio.{node.name}", _signature(node, node.name, skip_first=False), _documented(node))
        for node in modules["_cancelling"].body
        if isinstance(node, ast.FunctionDef) and node.name == "went_on"
    ]
    return section


def _documented(node: ast.ClassDef | _Function) -> str:
    """The docstring as Markdown; two columns of fields become a list."""
    text = ast.get_docstring(node) or ""
    blocks = []
    for block in text.split("\n\n"):
        lines = block.split("\n")
        if not _FIELD.match(lines[0]):
            blocks.append(prose(block))
            continue
        items: list[str] = []
        for line in lines:
            if found := _FIELD.match(line):
                items.append(f"- `{found[1]}`: {found[2]}")
            elif items:
                items[-1] += " " + line.strip()
        blocks.append(prose("\n".join(items)))
    return "\n\n".join(filter(None, blocks)).replace("``", "`")


def _signature(node: _Function, shown: str, skip_first: bool = True) -> str:
    arguments = node.args
    if skip_first and arguments.args:
        arguments = ast.arguments(**{**vars(arguments), "args": arguments.args[1:]})
    result = f" -> {ast.unparse(node.returns)}" if node.returns and shown[0].islower() else ""
    parts, depth, part = [], 0, ""
    for character in ast.unparse(arguments) + ",":
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append(re.sub(r"(: [^=]+)=", r"\1 = ", part.strip()))
            part = ""
        else:
            part += character
    text = f"{shown}({', '.join(filter(None, parts))}){result}"
    if len(text) <= _WIDTH:
        return text
    lines = "".join(f"    {each},\n" for each in parts)
    return f"{shown}(\n{lines}){result}"


def _is_property(node: _Function) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "property" for each in node.decorator_list)


def _methods(node: ast.ClassDef, prefix: str) -> list[Entry]:
    entries = []
    for child in node.body:
        if not isinstance(child, _Function) or child.name.startswith("_"):
            continue
        names = {each.id for each in child.decorator_list if isinstance(each, ast.Name)}
        if _is_property(child):
            assert child.returns is not None
            code = f"{child.name}: {ast.unparse(child.returns)}"
        else:
            asynchronous = "async " if isinstance(child, ast.AsyncFunctionDef) else ""
            code = asynchronous + _signature(
                child, child.name, skip_first="staticmethod" not in names
            )
        entries.append(Entry(prefix + child.name, code, _documented(child)))
    return entries


def _class(node: ast.ClassDef) -> Entry:
    """A class as a whole: how it is made, or which fields it has."""
    made = next(
        (each for each in node.body if isinstance(each, _Function) and each.name == "__init__"),
        None,
    )
    described = _documented(node)
    bases = [ast.unparse(base) for base in node.bases]
    if made is not None and node.name in _STORES:
        described = "\n\n".join(filter(None, [described, _documented(made)]))
        return Entry(node.name, _signature(made, node.name), described)
    head = f"class {node.name}" + (f"({', '.join(bases)})" if bases else "")
    fields = [ast.unparse(each) for each in node.body if isinstance(each, ast.AnnAssign)]
    fields = [each.replace("'", '"') for each in fields if not each.startswith("_")]
    lines = "".join(f"\n    {each}" for each in fields)
    return Entry(node.name, head + (f":{lines}" if lines else ""), described)


def page() -> str:
    modules = _modules(_PACKAGE)
    (names,) = (
        ast.literal_eval(node.value)
        for node in modules["__init__"].body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    classes = {
        node.name: (file, node)
        for file, module in modules.items()
        for node in module.body
        if isinstance(node, ast.ClassDef)
    }
    opening = Section("Open")
    calls = Section("Calls of a store", "All three classes have them.")
    calls.entries = _methods(classes["Store"][1], "store.")
    for name in _STORES:
        node = classes[name][1]
        opening.entries.append(_class(node))
        opening.entries += [
            Entry(name + "." + entry.name, entry.code, entry.prose)
            for entry in _methods(node, "")
            if entry.name != "path"
        ]
    subscription = Section("A subscription", _documented(classes["Subscription"][1]))
    subscription.entries = _methods(classes["Subscription"][1], "subscription.")
    batches = Section("Loops")
    types, dicts, errors = (
        Section("Types"),
        Section("Options and input as dicts"),
        Section("Errors", _ERRORS),
    )
    for name in names:
        if name not in classes or name in (*_STORES, "Store", "Subscription"):
            continue
        file, node = classes[name]
        if file == "errors":
            errors.entries.append(_class(node))
        elif name in ("Batches", "OpenBatch"):
            batches.entries += [_class(node), *_methods(node, f"{name}.")]
        elif name.endswith(("Dict", "Options")):
            dicts.entries.append(_class(node))
        else:
            types.entries.append(_class(node))
    sections = [opening, calls, subscription, batches, types, dicts, errors, _asyncio()]
    return assembled(sections, "python")
