"""Two Go runtimes in one process: FACTSTR beside adbc_driver_flightsql, each with work of its own
before, while and after the other one works. Whoever comes first: beside.py factstr | flightsql.
"""

import importlib
import socket
import sys
import threading

import factstr

# By name: they are installed where this is run, not where types are checked.
adbc_driver_flightsql = importlib.import_module("adbc_driver_flightsql")
adbc_driver_manager = importlib.import_module("adbc_driver_manager")


def flightsql_answers() -> None:
    """Lets the driver connect to a port where nobody listens. It is its Go code that finds that
    out, and says so.
    """
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        uri = f"grpc://127.0.0.1:{taken.getsockname()[1]}"
        options = {"driver": adbc_driver_flightsql._driver_path(), "uri": uri}
        options["adbc.flight.sql.rpc.timeout_seconds.query"] = "2"
        with adbc_driver_manager.AdbcDatabase(**options) as database:
            try:
                with (
                    adbc_driver_manager.AdbcConnection(database) as connection,
                    adbc_driver_manager.AdbcStatement(connection) as statement,
                ):
                    statement.set_sql_query("SELECT 1")
                    statement.execute_query()
            except adbc_driver_manager.Error as refused:
                assert "refused" in str(refused).lower(), refused
                return
    raise AssertionError("nobody listened, and the driver got an answer")


def factstr_appends(store: factstr.SqliteStore, count: int) -> None:
    for number in range(count):
        store.append([{"event_type": "beside", "payload": number}])


def main(first: str) -> None:
    if first == "flightsql":
        flightsql_answers()
    with factstr.SqliteStore("beside.db") as store:
        factstr_appends(store, 10)
        flightsql_answers()
        appending = threading.Thread(target=factstr_appends, args=(store, 200))
        appending.start()
        for _ in range(5):
            flightsql_answers()
        appending.join()
        got: list[factstr.EventRecord] = []
        store.stream_all_durable("beside", lambda batch: got.extend(batch)).close()
        assert [record.sequence_number for record in got] == list(range(1, 211)), len(got)
    flightsql_answers()
    print("both work")


main(sys.argv[1])
