"""Runs a projection in Python, as follow.mjs does in Node: follow.py RECIPE LOG PLACE LAST ORDINAL."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator

import factstr

sys.path.insert(0, "examples/projection")
recipe = importlib.import_module({"sqlite3": "counts"}.get(sys.argv[1], f"counts_{sys.argv[1]}"))
log, place, last = json.loads(sys.argv[2]), sys.argv[3], int(sys.argv[4])


class UpToLast:
    """A store whose stream ends behind the last fact of the test."""

    def stream(self, after: int) -> Iterator[factstr.Batch]:
        if sys.argv[5] == "together":
            print("ready", flush=True)
            sys.stdin.read()
        if after < last:
            for batch in store.stream(after=after):
                yield batch
                if batch.position == last:
                    return


store: factstr.Store
if "path" in log:
    store = factstr.SqliteStore(log["path"])
else:
    store = factstr.PostgresStore(log["url"], schema=log["schema"])
with store:
    recipe.follow(UpToLast(), place)
