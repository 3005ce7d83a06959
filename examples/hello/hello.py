import sys

import factstr

with factstr.SqliteStore(sys.argv[1] if len(sys.argv) > 1 else "hello.db") as store:
    seat: factstr.EventQueryDict = {
        "filters": [{"event_types": ["SeatReserved"], "payload_predicates": [{"seat": "A1"}]}]
    }

    seen = store.query(seat)  # what this decision depends on
    if seen.event_records:
        print("seat A1 is taken")
    else:
        # Two people decide on the same view. It still holds for the first of them only.
        for by in ("Ada", "Ben"):
            fact = factstr.NewEvent("SeatReserved", {"seat": "A1", "by": by})
            try:
                store.append_if([fact], seat, seen.current_context_version)
                print(f"{by} has seat A1")
            except factstr.ConditionalAppendConflict:
                print(f"{by} is too late: seat A1 is taken")
