"""The program of docs/operating.md that moves a log to another store, run as a test."""

import tempfile
import unittest
from pathlib import Path

import factstr


# region move
def move(source: factstr.Store, target: factstr.Store) -> int:
    """Copies the log of one store to an empty one, or goes on where a copy ended. Nobody else may
    append to either meanwhile. Numbers and batches stay the same; occurred_at is the time of the
    copy. Returns how many facts the target has.
    """
    there = target.query({"limit": 0}).current_context_version or 0
    head = source.query({"limit": 0}).current_context_version or 0
    if there > head or (there and last_fact(source, there) != last_fact(target, there)):
        raise ValueError("the target holds other facts than the source")
    if there == head:
        return there
    for batch in source.stream(after=there):
        facts = [factstr.NewEvent(record.event_type, record.payload) for record in batch]
        # On the condition that the target is what it was: nothing is copied twice, or out of turn.
        there = target.append_if(facts, {}, there or None).last_sequence_number
        if there >= head:
            break
    return there


def last_fact(store: factstr.Store, number: int) -> tuple[str, object]:
    (record,) = store.query({"min_sequence_number": number - 1, "limit": 1}).event_records
    return record.event_type, record.payload


# endregion


class Moving(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source = factstr.MemoryStore()
        self.addCleanup(self.source.close)
        self.target = factstr.SqliteStore(Path(folder.name) / "facts.db")
        self.addCleanup(self.target.close)

    def append(self, store: factstr.Store, *numbers: int) -> None:
        store.append([{"event_type": "Counted", "payload": {"number": n}} for n in numbers])

    def test_a_log_arrives_with_its_numbers_and_batches(self) -> None:
        self.append(self.source, 1)
        self.append(self.source, 2, 3)
        self.assertEqual(move(self.source, self.target), 3)
        self.append(self.source, 4, 5)
        self.assertEqual(move(self.source, self.target), 5)  # goes on
        self.assertEqual(move(self.source, self.target), 5)  # and copies nothing again
        batches = []
        for batch in self.target.stream(after=0):
            batches.append([record.payload["number"] for record in batch])
            if batch.position == 5:
                break
        self.assertEqual(batches, [[1], [2, 3], [4, 5]])

    def test_nothing_moves_from_an_empty_log(self) -> None:
        self.assertEqual(move(self.source, self.target), 0)

    def test_a_target_with_other_facts_is_noticed(self) -> None:
        self.append(self.source, 1)
        self.append(self.source, 2, 3)
        self.append(self.target, 7, 8)  # in the middle of a batch of the source
        with self.assertRaises(ValueError):
            move(self.source, self.target)


if __name__ == "__main__":
    unittest.main()
