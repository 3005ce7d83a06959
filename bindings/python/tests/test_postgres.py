"""URLs and names that cannot be a store, creating databases, and that no message holds a password."""

from __future__ import annotations

import time
import unittest
import uuid
from typing import Any

import factstr
import pretended
import server
from programs import run_together
from support import WAIT_S, Deliveries, StoreCase, fact, numbers

SECRET = "hunter2"


class PostgresCase(StoreCase):
    kind = "postgres"

    def refused_url(
        self, error: type[factstr.FactstrError], url: Any, message: str = "", **options: Any
    ) -> factstr.FactstrError:
        """Checks that the URL is refused by a message with neither the URL nor the password."""
        with self.assertRaisesRegex(error, message) as raised:
            factstr.PostgresStore(url, **options)
        self.assert_tells_nothing(raised.exception, url)
        return raised.exception

    def assert_tells_nothing(self, error: factstr.FactstrError, url: Any) -> None:
        self.assertGreater(len(error.message), 10)
        self.assertNotIn(SECRET, error.message)
        if url:
            self.assertNotIn(str(url), error.message)


class Urls(PostgresCase):
    def test_values_that_are_not_text_are_refused(self) -> None:
        for value in (None, 7, b"postgres://localhost/facts", ["postgres://localhost/facts"]):
            with self.subTest(value):
                self.refused_url(factstr.InvalidArgument, value, "url must be a str")
        for url in (
            f"postgres://ann:{SECRET}@localhost/facts\0",
            f"postgres://ann:{SECRET}\ud800@localhost/facts",
        ):
            with self.subTest(url):
                self.refused_url(factstr.InvalidArgument, url, r"url: .*(U\+0000|surrogate)")

    def test_text_that_is_not_a_url_is_refused_without_its_password(self) -> None:
        for url in (
            "",
            "facts",
            f"http://ann:{SECRET}@localhost/facts",
            f"postgres://ann:{SECRET}@localhost:port/facts",
            f"postgres://ann:{SECRET}@[::1/facts",
            f"postgres://ann:{SECRET}@localhost/%zz",
            f"postgres://ann:{SECRET}@localhost/facts?sslmode=perhaps",
            f"postgres://ann@localhost/facts?sslmode=perhaps&password={SECRET}",
            f"host=localhost port=many password={SECRET}",
            f"password='{SECRET}",
        ):
            with self.subTest(url):
                self.refused_url(factstr.InvalidArgument, url)

    def test_a_direct_url_is_checked_as_the_url_is(self) -> None:
        for direct in (
            "facts",
            f"postgres://ann:{SECRET}@localhost:port/facts",
            f"postgres://ann:{SECRET}\0@localhost/facts",
            7,
        ):
            with self.subTest(direct):
                self.refused_url(
                    factstr.InvalidArgument, server.database_url(), "direct_url", direct_url=direct
                )

    def test_a_server_that_cannot_be_reached_is_a_failure_of_the_connection(self) -> None:
        with pretended.listening(pretended.say_nothing) as address:
            pass
        error = self.refused_url(factstr.BackendFailure, f"postgres://ann:{SECRET}@{address}/facts")
        self.assertEqual(getattr(error, "reason", None), "connection")

    def test_a_server_that_does_not_answer_is_given_up_after_the_timeout(self) -> None:
        with pretended.listening(pretended.say_nothing) as address:
            url = f"postgres://ann:{SECRET}@{address}/facts"
            error = self.refused_url(factstr.BackendFailure, url, connect_timeout_ms=50)
        self.assertEqual(getattr(error, "reason", None), "connection")

    def test_the_error_of_a_wrong_password_does_not_contain_it(self) -> None:
        with pretended.listening(pretended.refuse_the_password) as address:
            url = f"postgres://ann:{SECRET}@{address}/facts"
            error = self.refused_url(factstr.BackendFailure, url)
            self.assertEqual(getattr(error, "reason", None), "permission")
            with self.assertRaises(factstr.BackendFailure) as raised:
                factstr.PostgresStore.bootstrap(url, "facts")
            self.assert_tells_nothing(raised.exception, url)

    def test_a_database_that_does_not_exist_is_not_created(self) -> None:
        name = f"missing_{uuid.uuid4().hex}"
        url = server.database_url(name)
        error = self.refused_url(factstr.BackendFailure, url, name)
        self.assertEqual(getattr(error, "reason", None), "missing_path")
        self.assertEqual(server.run(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"), [])


class Options(PostgresCase):
    def test_a_store_shows_its_schema_and_nothing_of_its_url(self) -> None:
        self.assertEqual(repr(self.store), f"PostgresStore(schema={self.place!r})")
        self.assertNotIn(server.database_url(), str(vars(self.store)))

    def test_a_schema_is_created_and_its_name_is_used_unchanged(self) -> None:
        for name in (
            f"Test {uuid.uuid4().hex}",
            f'te"st.{uuid.uuid4().hex}',
            f"tést_{uuid.uuid4().hex}",
        ):
            quoted = '"{}"'.format(name.replace('"', '""'))
            self.addCleanup(server.run, f"DROP SCHEMA IF EXISTS {quoted} CASCADE")
            for expected in (1, 2):
                with factstr.PostgresStore(server.database_url(), schema=name) as store:
                    self.assertEqual(store.append([fact("a")]).first_sequence_number, expected)
            self.assertEqual(server.run(f"SELECT count(*) FROM {quoted}.events"), [("2",)])

    def test_stores_in_two_schemas_share_nothing(self) -> None:
        self.store.append([fact("a")])
        with factstr.PostgresStore(server.database_url(), schema=self.new_place()) as other:
            self.assertEqual(numbers(other.query()), [])

    def test_the_server_lists_the_application(self) -> None:
        name = f"shop {uuid.uuid4().hex}"
        with self.open(application_name=name) as store:
            store.query()
            listed = server.run(
                "SELECT DISTINCT application_name FROM pg_stat_activity "
                f"WHERE application_name LIKE '{name}%'"
            )
            self.assertEqual(listed, [(name,)])

    def test_connections_that_the_server_ends_are_opened_again_and_streams_go_on(
        self,
    ) -> None:  # G5 G21
        name = f"shop {uuid.uuid4().hex}"
        live, durable = Deliveries(), Deliveries()
        with self.open(application_name=name) as store:
            store.stream_all(live)
            store.stream_all_durable("model", durable)
            for number in (1, 2, 3):
                ended = server.run(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    f"WHERE application_name = '{name}'"
                )
                self.assertNotEqual(ended, [])
                self.append_at_last(store)
                self.assertEqual((live.numbers(), durable.numbers()), ([number], [number]))

    def append_at_last(self, store: factstr.Store) -> None:
        until = time.monotonic() + WAIT_S
        while True:
            try:
                store.append([fact("a")])
                return
            except factstr.BackendFailure as error:  # certainly not committed
                self.assertEqual(error.reason, "connection")
                self.assertLess(time.monotonic(), until)

    def test_every_option_is_accepted(self) -> None:
        options: factstr.PostgresOptions = {
            "schema": self.place,
            "application_name": "shop",
            "direct_url": server.database_url(),
            "connections_max": 1,
            "connect_timeout_ms": 10_000,
            "lock_timeout_ms": 10_000,
            "response_timeout_ms": 10_000,
            "poll_interval_ms": 100,
            "close_timeout_ms": 10_000,
            "batch_events_max": 2,
        }
        with factstr.PostgresStore(server.database_url(), **options) as store:
            store.append([fact("a"), fact("b")])
            self.assertEqual(numbers(store.query()), [1, 2])
            with self.assertRaisesRegex(factstr.InvalidArgument, "batch_events_max|events"):
                store.append([fact("a")] * 3)

    def test_bad_options_are_refused_by_name(self) -> None:
        bad: list[dict[str, Any]] = [
            {"schema": 7},
            {"schema": ""},
            {"schema": "a\0"},
            {"schema": "x" * 64},
            {"application_name": ["shop"]},
            {"connections_max": 0},
            {"connections_max": "many"},
            {"connect_timeout_ms": 0},
            {"lock_timeout_ms": 1.5},
            {"response_timeout_ms": -1},
            {"poll_interval_ms": "often"},
            {"busy_timeout_ms": 50},
        ]
        for options in bad:
            with self.subTest(options):
                self.refused_url(
                    factstr.InvalidArgument, server.database_url(), next(iter(options)), **options
                )


class Bootstrap(PostgresCase):
    def new_database(self) -> str:
        name = f"test_{uuid.uuid4().hex}"
        self.addCleanup(server.run, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        return name

    def test_it_creates_the_database_and_later_opens_it(self) -> None:
        name = self.new_database()
        with factstr.PostgresStore.bootstrap(server.database_url(), name) as store:
            self.assertEqual((type(store), repr(store)), (factstr.PostgresStore, "PostgresStore()"))
            store.append([fact("a")])
        with factstr.PostgresStore.bootstrap(
            server.database_url(), name, batch_events_max=1
        ) as store:
            self.assertEqual(numbers(store.query()), [1])
            with self.assertRaises(factstr.InvalidArgument):
                store.append([fact("a")] * 2)
        url = server.database_url(name)
        with factstr.PostgresStore(url) as store:
            self.assertEqual(numbers(store.query()), [1])

    def test_two_processes_may_create_one_database_at_once(self) -> None:
        code = """
import sys
import factstr
from server import database_url
from programs import begin
begin()
with factstr.PostgresStore.bootstrap(database_url(), sys.argv[1]) as store:
    print(store.append([factstr.NewEvent("a", 1)]).first_sequence_number)
"""
        for _ in range(3):
            name = self.new_database()
            self.assertEqual(sorted(run_together(code, [name], [name])), ["1\n", "2\n"])

    def test_names_that_would_need_quotes_are_refused(self) -> None:
        names: list[Any] = [
            "",
            "1a",
            "a-b",
            "a b",
            'a"b',
            "a.b",
            "é",
            "a;b",
            "x" * 64,
            "a\0b",
            "\ud800",
            None,
            7,
            b"facts",
        ]
        before = server.run("SELECT datname FROM pg_database ORDER BY 1")
        for name in names:
            with (
                self.subTest(name),
                self.assertRaisesRegex(factstr.InvalidArgument, "database_name") as raised,
            ):
                factstr.PostgresStore.bootstrap(server.database_url(), name)
            self.assert_tells_nothing(raised.exception, server.database_url())
        self.assertEqual(server.run("SELECT datname FROM pg_database ORDER BY 1"), before)

    def test_a_bad_url_of_the_server_is_refused_without_its_password(self) -> None:
        for url in (
            None,
            7,
            "",
            "facts",
            f"postgres://ann:{SECRET}@localhost:port/facts",
            f"postgres://ann:{SECRET}\0@localhost/facts",
        ):
            with self.subTest(url):
                with self.assertRaises(factstr.InvalidArgument) as raised:
                    factstr.PostgresStore.bootstrap(url, "facts")  # type: ignore[arg-type]  # wrong on purpose
                self.assert_tells_nothing(raised.exception, url)


if __name__ == "__main__":
    unittest.main()
