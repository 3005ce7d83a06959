from __future__ import annotations

import re
import unittest
from pathlib import Path

from support import ProgramCase

README = Path(__file__).parents[1] / "README.md"


class Readme(ProgramCase):
    def test_its_example_runs_again_and_again(self) -> None:
        (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
        for _ in range(2):
            self.prints(
                "taken meanwhile, by fact 1\n1 SeatTaken {'seat': '12A', 'by': 'Ann'}",
                f"import os, sys\nos.chdir(sys.argv[1])\n{example}",
                self.folder,
            )


if __name__ == "__main__":
    unittest.main()
