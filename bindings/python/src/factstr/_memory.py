"""The store in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _capi
from ._decoding import ParseFloat
from ._inputs import JsonDumps, JsonLoads
from ._options import StoreOptions
from ._store import Store

if TYPE_CHECKING:
    from typing_extensions import Unpack


class MemoryStore(Store):
    """A store in memory; it and its durable cursors live as long as the instance."""

    _append_waits = False  # no disk and no other process

    def __init__(
        self,
        *,
        parse_float: ParseFloat = float,
        json_dumps: JsonDumps | None = None,
        json_loads: JsonLoads | None = None,
        **options: Unpack[StoreOptions],
    ) -> None:
        """`parse_float` makes the fractions in payloads from their text, as in the json module:
        decimal.Decimal keeps them exact.

        `json_dumps` writes the payloads and predicates instead of the package, and `json_loads` reads
        the answers that hold payloads: orjson.dumps and orjson.loads, or those of msgspec.json.
        Numbers are then as exact as these are.
        """
        super().__init__(
            _capi.load().factstr_memory_open, (), dict(options), parse_float, json_dumps, json_loads
        )

    def __repr__(self) -> str:
        return "MemoryStore()"
