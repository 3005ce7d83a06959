from __future__ import annotations

import os
import re
import unittest
import uuid
from pathlib import Path
from unittest import mock

import server
from programs import ProgramCase

README = Path(__file__).parents[1] / "README.md"


class Readme(ProgramCase):
    def setUp(self) -> None:
        super().setUp()
        self.on_sqlite, self.on_postgres, self.on_asyncio = re.findall(
            r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL
        )

    def test_its_example_runs_again_and_again(self) -> None:
        for _ in range(2):
            self.prints(
                "taken meanwhile, by fact 1\n1 SeatTaken {'seat': '12A', 'by': 'Ann'}",
                f"import os, sys\nos.chdir(sys.argv[1])\n{self.on_sqlite}",
                self.folder,
            )

    def test_its_example_on_asyncio_runs(self) -> None:
        self.prints(
            "taken: ['12A']",
            f"import os, sys\nos.chdir(sys.argv[1])\n{self.on_asyncio}",
            self.folder,
        )

    def test_its_example_on_postgres_runs_again_and_again(self) -> None:
        name = f"test_{uuid.uuid4().hex}"
        server.run(f"CREATE DATABASE {name}")
        self.addCleanup(server.run, f"DROP DATABASE {name} WITH (FORCE)")
        url = server.database_url(name)
        with mock.patch.dict(os.environ, DATABASE_URL=url):
            self.prints("1", self.on_postgres)
            self.prints("2", self.on_postgres)


if __name__ == "__main__":
    unittest.main()
