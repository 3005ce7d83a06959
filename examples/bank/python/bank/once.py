"""How every command is carried out: once, however often it is sent."""

from __future__ import annotations

from collections.abc import Callable

from factstr import EventFilter, EventQuery, EventRecord, NewEvent, QueryResult, Store

from .facts import Facts, Refused


def once(
    store: Store, fact: NewEvent, context: list[EventFilter], rule: Callable[[Facts], None]
) -> str:
    """Appends the fact of a command if the rule allows it, unless it is there already.

    The context has the facts that the rule needs, and those with the command's id: so of two
    processes that carry out the same command at once, one appends, and the other one finds what it
    did.
    """
    command = fact.payload["command"]
    earlier: EventRecord | None = None

    def decide(seen: QueryResult) -> list[NewEvent] | None:
        nonlocal earlier
        records = seen.event_records
        earlier = next((each for each in records if each.payload["command"] == command), None)
        if earlier:
            return None
        rule(records)
        return [fact]

    ids = EventFilter(payload_predicates=[{"command": command}])
    done = store.decide(EventQuery([*context, ids]), decide)
    if done:
        return f"fact {done.first_sequence_number}"
    if earlier is None or (earlier.event_type, earlier.payload) != (fact.event_type, fact.payload):
        raise Refused(f"{command} is the id of another command")
    return f"done before: fact {earlier.sequence_number}"


def checked(amount: str, *names: str) -> int:
    """Fails for a name or an amount that no slice can use."""
    if "" in names:
        raise Refused("a name must not be empty")
    if not (amount.isascii() and amount.isdigit() and 0 < int(amount) < 2**53):
        raise Refused(f"an amount is a whole number of cents above 0, not {amount}")
    return int(amount)
