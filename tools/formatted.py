"""Python code as ruff formats it in Markdown: a part of a file that stood further in needs other
blank lines where it stands alone.
"""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@cache
def formatted(code: str) -> str:
    """Returns code that is no Python by itself, such as a signature, as it is."""
    command = ["ruff", "format", "--quiet", "--stdin-filename", "block.py", "-"]
    try:
        done = subprocess.run(command, cwd=ROOT, input=code, text=True, capture_output=True)
    except FileNotFoundError:
        raise SystemExit("ruff is not on the PATH; ./build.sh lint puts it into .tools/") from None
    return done.stdout if done.returncode == 0 else code
