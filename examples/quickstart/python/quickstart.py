"""The first steps with FACTSTR in Python: python3 quickstart.py [DATABASE]"""

import sys
from collections.abc import Sequence

import factstr

with factstr.SqliteStore(sys.argv[1] if len(sys.argv) > 1 else "quickstart.db") as store:
    # Facts are appended in batches. A batch is committed whole or not at all, and here only if
    # nobody has announced the concert yet.
    announcement: factstr.EventQueryDict = {
        "filters": [
            {"event_types": ["ConcertAnnounced"], "payload_predicates": [{"concert": "c-7"}]}
        ]
    }
    facts: list[factstr.NewEventDict] = [
        {
            "event_type": "ConcertAnnounced",
            "payload": {"concert": "c-7", "seats": ["A1", "A2", "A3"]},
        },
        {"event_type": "SeatReserved", "payload": {"concert": "c-7", "seat": "A1", "by": "Ada"}},
    ]
    try:
        appended = store.append_if(facts, announcement, None)
        print(f"appended facts {appended.first_sequence_number} to {appended.last_sequence_number}")
    except factstr.ConditionalAppendConflict as conflict:
        print(f"concert c-7 is announced already, by fact {conflict.actual_context_version}")

    # Before a decision, read the facts that it depends on: its context. The decision is appended
    # only if the context is unchanged.
    def reserve(seat: str, *people: str) -> None:
        context: factstr.EventQueryDict = {
            "filters": [
                {
                    "event_types": ["SeatReserved"],
                    "payload_predicates": [{"concert": "c-7", "seat": seat}],
                }
            ]
        }
        before = store.query(context)
        if before.event_records:
            print(f"seat {seat} is taken, by fact {before.current_context_version}")
            return
        # They all decide on the same view. The first decision changes it.
        for by in people:
            fact: factstr.NewEventDict = {
                "event_type": "SeatReserved",
                "payload": {"concert": "c-7", "seat": seat, "by": by},
            }
            try:
                result = store.append_if([fact], context, before.current_context_version)
                print(f"{by} has seat {seat}: fact {result.first_sequence_number}")
            except factstr.ConditionalAppendConflict as conflict:
                expected, actual = (
                    conflict.expected_context_version,
                    conflict.actual_context_version,
                )
                print(
                    f"{by} is too late: expected version {expected or 'none'}, "
                    f"found version {actual}"
                )

    reserve("A2", "Ben", "Cleo")

    # A durable stream replays what was committed after its stored cursor, then goes on live.
    def show(batch: Sequence[factstr.EventRecord]) -> None:
        for record in batch:
            print(f"seat plan: {record.payload['seat']} is {record.payload['by']}'s")

    def read_seat_plan() -> None:
        reservations: factstr.EventQueryDict = {"filters": [{"event_types": ["SeatReserved"]}]}
        # The call returns when the replay is done. Without close() it would stay subscribed.
        store.stream_to_durable("seat-plan", reservations, show).close()

    read_seat_plan()

    # Started again, it gets only what it has not handled yet.
    reserve("A3", "Dora")
    read_seat_plan()
