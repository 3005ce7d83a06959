"""Decodes JSON that is nested deeper than the standard decoder goes, which calls itself for each
level. It is slow, and used only for text that the standard decoder refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from json.decoder import scanstring  # type: ignore[attr-defined]  # missing in the stubs
from typing import Any

# The library has validated the text, so separators carry no information here.
_TOKEN = re.compile(
    r'[ \t\n\r,:]*(?:(true|false|null)|(-?[0-9]+)((?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)|(["\[\]{}]))'
)
_WORDS = {"true": True, "false": False, "null": None}


def decode_deep(
    text: str, parse_float: Callable[[str], Any], parse_int: Callable[[str], Any]
) -> Any:
    whole: list[Any] = []
    container: list[Any] | dict[str | None, Any] = whole
    outer: list[Any] = []
    key: str | None = None
    position = 0
    while (token := _TOKEN.match(text, position)) is not None:
        position = token.end()
        word, integer, fraction, mark = token.groups()
        value: Any
        if mark == "]" or mark == "}":
            container = outer.pop()
            continue
        if mark == '"':
            value, position = scanstring(text, position)
            if key is None and isinstance(container, dict):
                key = value
                continue
        elif mark is not None:
            value = [] if mark == "[" else {}
        elif word is not None:
            value = _WORDS[word]
        else:
            value = parse_float(integer + fraction) if fraction else parse_int(integer)
        if isinstance(container, dict):
            container[key] = value
            key = None
        else:
            container.append(value)
        if mark == "[" or mark == "{":
            outer.append(container)
            container = value
    return whole[0]
