"""Programs that tests run in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from support import SOURCE, PlaceCase

PROGRAM_S = 600 if {"FACTSTR_TORTURE", "FACTSTR_TEST_EMULATOR"} & os.environ.keys() else 60
"""How long a program of a test may run."""


def environment() -> dict[str, str]:
    path = os.pathsep.join(map(str, (SOURCE, Path(__file__).parent)))
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def run_program(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs Python code in a process of its own, with the package of this checkout."""
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    return subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=PROGRAM_S, check=False
    )


def begin() -> None:
    """Waits until all programs of one run_together have called it."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()


def run_together(code: str, *arguments: Sequence[object]) -> list[str]:
    """Runs Python code in one process for each list of arguments; returns what each printed after it
    had called begin().
    """
    programs = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code, *map(str, each)],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for each in arguments
    ]
    try:
        for program in programs:
            assert program.stdout
            first = program.stdout.readline()
            assert first == "ready\n", first + program.stdout.read()
        for program in programs:
            assert program.stdin
            program.stdin.close()
            program.stdin = None
        return [program.communicate(timeout=PROGRAM_S)[0] for program in programs]
    finally:
        for program in programs:
            with program:
                program.kill()


class ProgramCase(PlaceCase):
    """Runs programs. Those that open a store get its kind and place as arguments."""

    def prints(self, expected: str, code: str, *arguments: object) -> None:
        """Checks that the program prints exactly these lines, nothing to standard error, and exits 0."""
        done = run_program(code, *arguments)
        self.assertEqual(
            (done.stdout.strip(), done.stderr, done.returncode), (expected, "", 0), done.stderr
        )
