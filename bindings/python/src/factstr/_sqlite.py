"""The store in a SQLite database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from . import _capi
from ._arguments import path_bytes
from ._decoding import ParseFloat
from ._inputs import JsonDumps, JsonLoads
from ._options import SqliteOptions
from ._store import Store

if TYPE_CHECKING:
    from typing_extensions import Unpack


class SqliteStore(Store):
    """A store in a SQLite database, which is created when it does not exist. Several processes
    may have it open.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        parse_float: ParseFloat = float,
        json_dumps: JsonDumps | None = None,
        json_loads: JsonLoads | None = None,
        **options: Unpack[SqliteOptions],
    ) -> None:
        """`parse_float` makes the fractions in payloads from their text, as in the json module:
        decimal.Decimal keeps them exact.

        `json_dumps` writes the payloads and predicates instead of the package, and `json_loads` reads
        the answers that hold payloads: orjson.dumps and orjson.loads, or those of msgspec.json.
        Numbers are then as exact as these are.
        """
        library = _capi.load()
        self._path = path
        super().__init__(
            library.factstr_sqlite_open,
            (path_bytes(path),),
            dict(options),
            parse_float,
            json_dumps,
            json_loads,
        )

    @property
    def path(self) -> str | os.PathLike[str]:
        return self._path

    def __repr__(self) -> str:
        return f"SqliteStore({os.fspath(self._path)!r})"
