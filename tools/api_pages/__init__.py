"""The pages of the API, one a language, made from what the language itself reads: the types of the
Node package, the docstrings of the Python package, the comments of Go, the header of C. A comment
that is mended there is mended on its page by python3 tools/check_docs.py --write.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from . import c, go, node, python

_LANGUAGES: dict[str, Callable[[], str]] = {
    "node": node.page,
    "python": python.page,
    "go": go.page,
    "c": c.page,
}


def api(language: str) -> str:
    return _LANGUAGES[language]()


def signatures(language: str) -> str:
    """The declarations of the page of a language, without what is said of them."""
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", api(language), re.DOTALL | re.MULTILINE)
    code = [text.rstrip() for fence, text in blocks if fence != "text"]
    fence = next(fence for fence, _ in blocks if fence != "text")
    return f"```{fence}\n" + "\n".join(code) + "\n```\n"
