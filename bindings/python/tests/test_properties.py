"""Whatever a program may append comes back, and matches as ten lines of Python say."""

from __future__ import annotations

import unittest
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import factstr
from support import fact, same_json

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
NUMBERS = (
    st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-1000, max_value=1000, places=20)
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
# Few values and few keys, so that much matches.
SMALL = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 1.0, -0.0, Decimal("0.1"), "a", "1"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=6,
)
FEW = settings(
    max_examples=60, deadline=None, database=None, derandomize=True,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def matches(predicate: Any, payload: Any) -> bool:
    """The rule of predicates, as the documentation tells it."""
    if isinstance(predicate, dict):
        return isinstance(payload, dict) and all(
            key in payload and matches(value, payload[key]) for key, value in predicate.items()
        )
    if isinstance(predicate, list):
        return isinstance(payload, list) and all(
            any(matches(value, item) for item in payload) for value in predicate
        )
    return bool(same_json(exact(predicate), exact(payload)))


def exact(value: Any) -> Any:
    return Decimal(value) if isinstance(value, float) else value


class Properties(unittest.TestCase):
    @FEW
    @given(st.lists(VALUES, min_size=1, max_size=5))
    def test_payloads_come_back_equal(self, payloads: list[Any]) -> None:  # G14
        with factstr.MemoryStore(parse_float=Decimal) as store:
            store.append([fact("a", {"v": payload}) for payload in payloads])
            for payload, record in zip(payloads, store.read(), strict=True):
                self.assertTrue(same_json(decimals(payload), decimals(record.payload["v"])))

    @FEW
    @given(st.lists(SMALL, min_size=1, max_size=6), SMALL)
    def test_predicates_match_as_the_rule_says(  # G12 G13 G14
        self, payloads: list[Any], predicate: Any
    ) -> None:
        with factstr.MemoryStore() as store:
            store.append([fact("a", {"v": payload}) for payload in payloads])
            query = factstr.EventQuery([factstr.EventFilter(None, [{"v": predicate}])])
            found = [record.sequence_number for record in store.query(query).event_records]
            expected = [n for n, each in enumerate(payloads, 1) if matches(predicate, each)]
            self.assertEqual(found, expected, (payloads, predicate))


def decimals(value: Any) -> Any:
    """The value with every number as its exact decimal: a float as its shortest spelling says."""
    if isinstance(value, dict):
        return {key: decimals(item) for key, item in value.items()}
    if isinstance(value, list):
        return [decimals(item) for item in value]
    return Decimal(repr(value)) if isinstance(value, float) else value


if __name__ == "__main__":
    unittest.main()
