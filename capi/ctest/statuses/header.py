"""Reads from the text of factstr.h the functions and the statuses that each lists."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Function:
    parameters: list[tuple[str, str]]  # type and name
    statuses: dict[str, str]  # "OK" and what stands behind it


def parse(header: str) -> dict[str, Function]:
    functions: dict[str, Function] = {}
    statuses: dict[str, str] = {}
    pattern = (
        r"/\*((?:(?!\*/).)*)\*/\s*(?=FACTSTR_API)|FACTSTR_API ([^;(]*?)\bfactstr_(\w+)\(([^;]*)\);"
    )
    for comment, result, name, parameters in re.findall(pattern, header, flags=re.DOTALL):
        if comment:
            statuses = listed(re.sub(r"\n \* ?", "\n", comment), functions)
        elif result.strip() == "factstr_status":
            functions[name] = Function(
                re.findall(r"\s*([^,]+?) ?(\w+)(?:,|$)", parameters),
                statuses,
            )
    return functions


def listed(comment: str, functions: dict[str, Function]) -> dict[str, str]:
    statuses: dict[str, str] = {}
    _, found, text = comment.partition("\nStatuses")
    if not found:
        return statuses
    base = re.match(r": those of ([\w ]*?)(?:,? without ([\w ,]*?))?(?:, and\n|\.)", text)
    if base is not None:
        for name in re.findall(r"factstr_(\w+)", base[1]):
            statuses |= functions[name].statuses
        for status in re.findall(r"FACTSTR_(\w+)", base[2] or ""):
            del statuses[status]
    for names, meaning in re.findall(r"\n  ((?:FACTSTR_\w+,?\s*)+)([^\n]*)", text):
        for status in re.findall(r"FACTSTR_(\w+)", names):
            statuses[status] = meaning
    return statuses
