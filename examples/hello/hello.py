import sys

import factstr

with factstr.SqliteStore(sys.argv[1] if len(sys.argv) > 1 else "hello.db") as store:
    seat = {"filters": [{"event_types": ["SeatReserved"], "payload_predicates": [{"seat": "A1"}]}]}
    fact = {"event_type": "SeatReserved", "payload": {"seat": "A1", "by": "Ada"}}

    version = store.query(seat).current_context_version  # nothing yet
    print(store.append_if([fact], seat, version))  # fact 1
    try:
        store.append_if([fact], seat, version)
    except factstr.ConditionalAppendConflict as conflict:  # somebody was first: version 1
        print(conflict)
