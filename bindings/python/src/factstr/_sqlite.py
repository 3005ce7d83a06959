"""The store in a SQLite database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from . import _capi
from ._arguments import path_bytes
from ._decoding import ParseFloat
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
        **options: Unpack[SqliteOptions],
    ) -> None:
        """`parse_float` makes the fractions in payloads from their text, as in the json module:
        decimal.Decimal keeps them exact.
        """
        library = _capi.load()
        self._path = path
        super().__init__(
            library.factstr_sqlite_open, (path_bytes(path),), dict(options), parse_float
        )

    @property
    def path(self) -> str | os.PathLike[str]:
        return self._path

    def __repr__(self) -> str:
        return f"SqliteStore({os.fspath(self._path)!r})"
