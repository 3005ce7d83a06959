"""A plugin of pytest: write `pytest_plugins = ["factstr.testing.fixtures"]` into conftest.py.

factstr_store   a store in memory, which is closed after the test
given           begins a scenario in it: `given(fact("Opened")).when(deposit, 5).then(...)`
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .._inputs import EventInput
from .._memory import MemoryStore
from .._store import Store
from ._scenario import Scenario
from ._scenario import given as _given


@pytest.fixture
def factstr_store() -> Iterator[Store]:
    with MemoryStore() as store:
        yield store


@pytest.fixture
def given(factstr_store: Store) -> Callable[..., Scenario]:
    def begin(*facts: EventInput) -> Scenario:
        return _given(*facts, store=factstr_store)

    return begin
