"""The stores, opened without blocking the event loop."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .. import _memory, _postgres, _sqlite
from .._decoding import ParseFloat
from .._inputs import JsonDumps, JsonLoads
from .._options import PostgresOptions, SqliteOptions, StoreOptions
from ._opening import Opening
from ._store import Store

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack


class MemoryStore(Store):
    """A store in memory; it and its durable cursors live as long as the instance."""

    @classmethod
    def open(
        cls,
        *,
        parse_float: ParseFloat = float,
        json_dumps: JsonDumps | None = None,
        json_loads: JsonLoads | None = None,
        **options: Unpack[StoreOptions],
    ) -> Opening[Self]:
        """As factstr.MemoryStore()."""
        return Opening(
            lambda: _memory.MemoryStore(
                parse_float=parse_float, json_dumps=json_dumps, json_loads=json_loads, **options
            ),
            cls,
        )


class SqliteStore(Store):
    """A store in a SQLite database, which is created when it does not exist. Several processes
    may have it open.
    """

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        parse_float: ParseFloat = float,
        json_dumps: JsonDumps | None = None,
        json_loads: JsonLoads | None = None,
        **options: Unpack[SqliteOptions],
    ) -> Opening[Self]:
        """As factstr.SqliteStore()."""
        return Opening(
            lambda: _sqlite.SqliteStore(
                path,
                parse_float=parse_float,
                json_dumps=json_dumps,
                json_loads=json_loads,
                **options,
            ),
            cls,
        )


class PostgresStore(Store):
    """A store in a PostgreSQL database, which many processes on many hosts may have open."""

    @classmethod
    def open(
        cls,
        url: str,
        *,
        parse_float: ParseFloat = float,
        json_dumps: JsonDumps | None = None,
        json_loads: JsonLoads | None = None,
        **options: Unpack[PostgresOptions],
    ) -> Opening[Self]:
        """As factstr.PostgresStore()."""
        return Opening(
            lambda: _postgres.PostgresStore(
                url,
                parse_float=parse_float,
                json_dumps=json_dumps,
                json_loads=json_loads,
                **options,
            ),
            cls,
        )

    @classmethod
    def bootstrap(
        cls,
        server_url: str,
        database_name: str,
        *,
        parse_float: ParseFloat = float,
        json_dumps: JsonDumps | None = None,
        json_loads: JsonLoads | None = None,
        **options: Unpack[PostgresOptions],
    ) -> Opening[Self]:
        """As factstr.PostgresStore.bootstrap()."""
        return Opening(
            lambda: _postgres.PostgresStore.bootstrap(
                server_url,
                database_name,
                parse_float=parse_float,
                json_dumps=json_dumps,
                json_loads=json_loads,
                **options,
            ),
            cls,
        )
