"""Given facts, a command, and what it did."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .._encoding import encode_events
from .._inputs import EventInput, NewEvent
from .._memory import MemoryStore
from .._results import EventRecord
from .._store import Store


def fact(event_type: str, payload: Any = None) -> NewEvent:
    """A fact; without a payload, an empty object."""
    return NewEvent(event_type, {} if payload is None else payload)


def given(*facts: EventInput, store: Store | None = None) -> Scenario:
    """Begins a scenario in a new store in memory that holds the facts, all of one batch. `store`
    names another one, which may hold facts already; the new one is closed when Python collects the
    scenario, which an error that a command raised can put off until a collection of cycles.
    """
    if store is not None:
        return Scenario(store, facts)
    own = MemoryStore()
    scenario = Scenario(own, facts)
    weakref.finalize(scenario, own.close)
    return scenario


class Scenario:
    """A store with some facts, and what a command did to it."""

    def __init__(self, store: Store, facts: Iterable[EventInput]) -> None:
        self.store = store
        self.results: list[Any] = []
        self.errors: list[BaseException] = []
        before = list(facts)
        if before:
            store.append(before)
        self._before = store.query({"limit": 0}).current_context_version or 0

    def when(self, command: Callable[..., Any], *arguments: Any, **named: Any) -> Scenario:
        """Runs `command(store, *arguments, **named)`, and keeps what it returns or raises."""
        try:
            self.results.append(command(self.store, *arguments, **named))
        except Exception as error:
            self.errors.append(error)
        return self

    def when_at_once(self, count: int, command: Callable[[Store, int], Any]) -> Scenario:
        """Runs `command(store, n)` for each n from 0 to count - 1, on as many threads at once."""
        with ThreadPoolExecutor(count) as threads:
            for running in [threads.submit(command, self.store, n) for n in range(count)]:
                error = running.exception()
                if error is None:
                    self.results.append(running.result())
                else:
                    self.errors.append(error)
        return self

    @property
    def appended(self) -> tuple[EventRecord, ...]:
        """What the commands have appended."""
        return self.store.query({"min_sequence_number": self._before}).event_records

    def then(self, *facts: EventInput) -> Scenario:
        """Checks that no command raised, and that they appended these facts and no others, in this
        order.
        """
        if self.errors:
            raise AssertionError(f"the command raised {self.errors[0]!r}") from self.errors[0]
        self._check(facts)
        return self

    def then_nothing(self) -> Scenario:
        """Checks that no command raised or appended anything."""
        return self.then()

    def then_raises(self, error: type[BaseException]) -> Scenario:
        """Checks that a command raised an error of this class, and that nothing was appended."""
        if not any(isinstance(each, error) for each in self.errors):
            raised = ", ".join(map(repr, self.errors)) or "nothing"
            raise AssertionError(f"{error.__name__} was not raised; the command raised {raised}")
        self._check(())
        return self

    def _check(self, facts: Iterable[EventInput]) -> None:
        expected = [_shown(each) for each in facts]
        appended = [_shown(NewEvent(record.event_type, record.payload)) for record in self.appended]
        if appended != expected:
            lines = "\n".join(("appended:", *appended, "expected:", *expected))
            raise AssertionError(f"other facts than expected were appended\n{lines}")


def _shown(event: EventInput) -> str:
    """A text of a fact that is the same for equal ones, whatever the order of their keys: numbers
    are equal by value, and true is not 1.
    """
    fields = json.loads(encode_events([event]), parse_float=_plain)[0]
    return f"  {fields['event_type']} {json.dumps(fields['payload'], sort_keys=True)}"


def _plain(text: str) -> float | int:
    value = float(text)
    return int(value) if value.is_integer() else value
