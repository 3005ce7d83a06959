"""The first steps with FACTSTR in Python: python3 quickstart.py [DATABASE]"""

import sys
from collections.abc import Sequence

import factstr

with factstr.SqliteStore(sys.argv[1] if len(sys.argv) > 1 else "quickstart.db") as store:
    # Facts are appended in batches. A batch is committed whole or not at all.
    appended = store.append(
        [
            {"event_type": "ConcertAnnounced", "payload": {"concert": "c-7", "seats": ["A1", "A2", "A3"]}},
            {"event_type": "SeatReserved", "payload": {"concert": "c-7", "seat": "A1", "by": "Ada"}},
        ]
    )
    print(f"appended facts {appended.first_sequence_number} to {appended.last_sequence_number}")

    # Before a decision, read the facts that matter to it: its context. Here, whether seat A2 is reserved.
    seat_a2: factstr.EventQueryDict = {
        "filters": [{"event_types": ["SeatReserved"], "payload_predicates": [{"concert": "c-7", "seat": "A2"}]}]
    }
    before = store.query(seat_a2)
    print(f"seat A2: {len(before.event_records)} facts, version {before.current_context_version or 'none'}")

    # The decision is appended only if the context is still what was read. Ben is first, Cleo decided on the same view and is too late.
    for by in ("Ben", "Cleo"):
        fact: factstr.NewEventDict = {"event_type": "SeatReserved", "payload": {"concert": "c-7", "seat": "A2", "by": by}}
        try:
            result = store.append_if([fact], seat_a2, before.current_context_version)
            print(f"{by} has seat A2: fact {result.first_sequence_number}")
        except factstr.ConditionalAppendConflict as conflict:
            expected, actual = conflict.expected_context_version, conflict.actual_context_version
            print(f"{by} is too late: expected version {expected or 'none'}, found version {actual}")

    # A durable stream delivers what was committed after its stored cursor and then goes on live.
    def show(batch: Sequence[factstr.EventRecord]) -> None:
        for record in batch:
            print(f"seat plan: {record.payload['seat']} is {record.payload['by']}'s")

    def read_seat_plan() -> None:
        reservations: factstr.EventQueryDict = {"filters": [{"event_types": ["SeatReserved"]}]}
        # It returns when the replay is done; without the close it would stay subscribed.
        store.stream_to_durable("seat-plan", reservations, show).close()

    read_seat_plan()

    # Started again, it gets only what it has not handled yet.
    store.append([{"event_type": "SeatReserved", "payload": {"concert": "c-7", "seat": "A3", "by": "Dora"}}])
    read_seat_plan()
