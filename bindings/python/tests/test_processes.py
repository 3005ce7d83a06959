"""Several processes on one store."""

from __future__ import annotations

import unittest

from programs import ProgramCase, run_together
from support import on_persistent_stores, opened


@on_persistent_stores
class ManyProcesses(ProgramCase):
    def test_no_append_of_racing_processes_misses_a_fact_of_its_context(self) -> None:  # G2 G9 G11
        code = """
import sys
import factstr
from programs import begin
from support import opened
kind, place, wins = sys.argv[1], sys.argv[2], int(sys.argv[3])
context = {"filters": [{"event_types": ["Step"]}]}
with opened(kind, place) as store:
    begin()
    while wins:
        seen = store.query({**context, "limit": 0}).current_context_version
        try:
            step = factstr.NewEvent("Step", {"after": seen})
            store.append_if([step, factstr.NewEvent("Other", None)], context, seen)
            wins -= 1
        except factstr.ConditionalAppendConflict as conflict:
            assert conflict.actual_context_version != seen
"""
        processes, wins = 4, 25
        self.assertEqual(
            run_together(code, *[(self.kind, self.place, wins)] * processes), [""] * processes
        )
        with opened(self.kind, self.place) as store:
            records = store.query().event_records
        self.assertEqual(
            [record.sequence_number for record in records], list(range(1, 2 * processes * wins + 1))
        )
        steps = [record for record in records if record.event_type == "Step"]
        self.assertEqual(
            [step.payload["after"] for step in steps],
            [None, *(step.sequence_number for step in steps[:-1])],
        )


if __name__ == "__main__":
    unittest.main()
