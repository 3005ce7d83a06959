"""Runs counts_psycopg.py until all is counted: follow.py LOG PLACE LAST."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import factstr

sys.path.insert(0, "examples/projection")
import counts_psycopg

log, place, last = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3])


class UpToLast:
    """A store whose stream ends behind the last fact of the test."""

    def stream(self, after: int) -> Iterator[factstr.Batch]:
        if after < last:
            for batch in store.stream(after=after):
                yield batch
                if batch.position == last:
                    return


with factstr.PostgresStore(log["url"], schema=log["schema"]) as store:
    counts_psycopg.follow(UpToLast(), place)  # type: ignore[arg-type]
