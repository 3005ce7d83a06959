"""A projection that keeps its position with what it made: each event counts exactly once."""

import factstr
import psycopg


def follow(store: factstr.Store, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as database:
        with database.transaction():
            # One after another: IF NOT EXISTS fails where two programs make a table at once.
            database.execute("SELECT pg_advisory_xact_lock(hashtext('totals'))")
            database.execute(
                "CREATE TABLE IF NOT EXISTS place (projection text PRIMARY KEY, position bigint)"
            )
            database.execute(
                "CREATE TABLE IF NOT EXISTS totals (event_type text PRIMARY KEY, events bigint)"
            )
            database.execute("INSERT INTO place VALUES ('totals', 0) ON CONFLICT DO NOTHING")
        ((after,),) = database.execute("SELECT position FROM place WHERE projection = 'totals'")
        for batch in store.stream(after=after):
            with database.transaction():
                move = (
                    "UPDATE place SET position = %s WHERE projection = 'totals' AND position = %s"
                )
                if database.execute(move, (batch.position, after)).rowcount != 1:
                    raise RuntimeError("another program counts, too")
                for record in batch:
                    database.execute(
                        "INSERT INTO totals VALUES (%s, 1) "
                        "ON CONFLICT (event_type) DO UPDATE SET events = totals.events + 1",
                        (record.event_type,),
                    )
            after = batch.position
