"""The store in a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from . import _capi
from ._arguments import c_text
from ._decoding import ParseFloat
from ._inputs import JsonDumps, JsonLoads
from ._options import PostgresOptions
from ._store import Store

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack


class PostgresStore(Store):
    """A store in a PostgreSQL database, which many processes on many hosts may have open."""

    _at_once = False  # the server is waited for

    def __init__(
        self,
        url: str,
        *,
        parse_float: ParseFloat = float,
        json_dumps: JsonDumps | None = None,
        json_loads: JsonLoads | None = None,
        **options: Unpack[PostgresOptions],
    ) -> None:
        """`url` is such as postgres://user:password@host:5432/database, or libpq's keywords.
        Tables are created, a database never is.

        `parse_float` makes the fractions in payloads from their text, as in the json module:
        decimal.Decimal keeps them exact.

        `json_dumps` writes the payloads and predicates instead of the package, and `json_loads` reads
        the answers that hold payloads: orjson.dumps and orjson.loads, or those of msgspec.json.
        Numbers are then as exact as these are.
        """
        library = _capi.load()
        self._connect(
            library.factstr_postgres_open,
            (c_text("url", url),),
            options,
            parse_float,
            json_dumps,
            json_loads,
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
    ) -> Self:
        """Creates the database if it is missing, and opens it. `server_url` names the server and
        a database that exists.

        The name consists of ASCII letters, digits and underscores, does not begin with a digit,
        and has 63 bytes at most.
        """
        library = _capi.load()
        names = c_text("server_url", server_url), c_text("database_name", database_name)
        store = cls.__new__(cls)
        store._connect(
            library.factstr_postgres_bootstrap, names, options, parse_float, json_dumps, json_loads
        )
        return store

    def _connect(
        self,
        open_: Callable[..., int],
        before: tuple[bytes, ...],
        options: PostgresOptions,
        parse_float: ParseFloat,
        json_dumps: JsonDumps | None,
        json_loads: JsonLoads | None,
    ) -> None:
        self._schema = options.get("schema")
        super().__init__(open_, before, dict(options), parse_float, json_dumps, json_loads)

    def __repr__(self) -> str:
        # No part of the URL, which may hold a password.
        return (
            "PostgresStore()" if self._schema is None else f"PostgresStore(schema={self._schema!r})"
        )
