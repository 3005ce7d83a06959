"""Opens the store that an argument names: a PostgreSQL database by its URL, or a SQLite database
by its path.
"""

from __future__ import annotations

import factstr


def open_store(name: str) -> factstr.Store:
    if name.startswith(("postgres://", "postgresql://")):
        return factstr.PostgresStore(name)
    return factstr.SqliteStore(name)
