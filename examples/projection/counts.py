"""A projection that keeps its position with what it made: each event counts exactly once."""

import sqlite3

import factstr


def follow(store: factstr.Store, path: str) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("CREATE TABLE IF NOT EXISTS place (position INTEGER NOT NULL)")
    database.execute(
        "CREATE TABLE IF NOT EXISTS totals (event_type TEXT PRIMARY KEY, events INTEGER)"
    )
    database.execute("INSERT INTO place SELECT 0 WHERE NOT EXISTS (SELECT * FROM place)")
    (after,) = database.execute("SELECT position FROM place").fetchone()
    for batch in store.stream(after=after):
        database.execute("BEGIN IMMEDIATE")
        move = "UPDATE place SET position = ? WHERE position = ?"
        if database.execute(move, (batch.position, after)).rowcount != 1:
            raise RuntimeError("another program counts, too")
        for record in batch:
            database.execute(
                "INSERT INTO totals VALUES (?, 1) ON CONFLICT DO UPDATE SET events = events + 1",
                (record.event_type,),
            )
        database.execute("COMMIT")
        after = batch.position
