"""Statuses that come from a server: locked, read-only or lost."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import threading
from pathlib import Path
from urllib.parse import urlsplit

from library import DURABLE, NONE, ON_NONE, ONE, RESET, Library


class Proxy:
    """A way to the server that can be cut."""

    def __init__(self, host: str, port: int) -> None:
        self.server = (host, port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets: list[socket.socket] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, server = self.listener.accept()[0], socket.create_connection(self.server)
                self.sockets += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(
                        target=self.pass_on, args=(source, target), daemon=True
                    ).start()

    def pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def end(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for each in self.sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class Session:
    """A connection by which the test asks the server itself, in the simple protocol."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port))
        start = b"\0\3\0\0user\0%b\0database\0%b\0\0" % (
            (parts.username or "").encode(),
            parts.path[1:].encode(),
        )
        self.socket.sendall(struct.pack("!i", len(start) + 4) + start)
        self.wait()

    def wait(self) -> None:
        kind = b""
        while kind != b"Z":
            kind = self.take(1)
            body = self.take(struct.unpack("!i", self.take(4))[0] - 4)
            if kind == b"E":
                raise AssertionError(body)

    def take(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += self.socket.recv(count - len(data))
        return data

    def run(self, statement: str) -> None:
        text = statement.encode() + b"\0"
        self.socket.sendall(b"Q" + struct.pack("!i", len(text) + 4) + text)
        self.wait()


def servers(lib: Library, folder: Path) -> None:
    url = os.environ["DATABASE_URL"]
    parts = urlsplit(url)
    server = Session(url)
    name = f"s{os.getpid()}"

    def options(schema: str, **more: int) -> bytes:
        times = {"response_timeout_ms": 500, "lock_timeout_ms": 100, "connect_timeout_ms": 500}
        return json.dumps({"schema": schema, "close_timeout_ms": 500} | times | more).encode()

    def opened(status: str, at: str, schema: str, **more: int) -> int:
        database = parts.path[1:].encode()
        handle = lib.expect(
            status,
            "postgres_bootstrap",
            server_url=at.encode(),
            database_name=database,
            options_json=options(schema, **more),
        )
        if handle:
            lib.expect("OK", "store_close", store=handle)
        given = options(schema, **more)
        return lib.expect(status, "postgres_open", url=at.encode(), options_json=given)

    store = opened("OK", url, name)
    lib.expect("OK", "append", store=store)
    # Others hold a table, for longer than the store or the server waits.
    server.run(f"BEGIN; LOCK TABLE {name}.events IN SHARE MODE")
    lib.answered("BUSY", "append", store=store)
    lib.answered("BUSY", "append_if", store=store, query=NONE)
    lib.answered("BUSY", "append_when", store=store, conditions=ON_NONE)
    impatient = url + "&options=-c%20statement_timeout%3D200ms"
    patient = options(name, lock_timeout_ms=-1)
    waiting = lib.expect("OK", "postgres_open", url=impatient.encode(), options_json=patient)
    lib.answered("TIMEOUT", "append", store=waiting)
    lib.answered("TIMEOUT", "append_if", store=waiting, query=NONE)
    lib.answered("TIMEOUT", "append_when", store=waiting, conditions=ON_NONE)
    # A connection that breaks before the answer comes, to a server that cannot be reached then.
    for function in ("append", "append_if", "append_when", "request_wait"):
        cut = Proxy(parts.hostname or "", parts.port or 5432)
        through = url.replace(f":{parts.port}", f":{cut.port}")
        doubtful = lib.expect("OK", "postgres_open", url=through.encode(), options_json=patient)
        given = {"store": doubtful, "query": NONE, "conditions": ON_NONE}
        if function == "request_wait":
            given = {"request": lib.submit("append", store=doubtful), "timeout_ms": -1}
        threading.Timer(0.3, cut.end).start()
        lib.expect("COMMIT_UNKNOWN", function, **given)
    server.run("ROLLBACK")
    server.run(f"BEGIN; LOCK TABLE {name}.events, {name}.durable_stream_cursors")
    lib.answered("TIMEOUT", "query", store=store)
    lib.expect("TIMEOUT", "explain", store=store)
    lib.answered("TIMEOUT", "verify", store=store)
    lib.expect("TIMEOUT", "cursors", store=store)
    reading = lib.expect("OK", "read_open", store=store)
    lib.answered("TIMEOUT", "read_next", reading=reading)
    lib.expect("TIMEOUT", "stream_open", store=store, registration=DURABLE)
    opened("BUSY", url, name)
    opened("TIMEOUT", impatient, name, lock_timeout_ms=-1)
    server.run("ROLLBACK")
    writing = lib.expect("OK", "postgres_open", url=url.encode(), options_json=options(name))
    stream = lib.expect("OK", "stream_open", store=writing, registration=DURABLE)
    lib.expect("OK", "stream_close", stream=stream)
    lib.expect("OK", "store_close", store=writing)
    # A server that may not be written.
    read_only = url + "&options=-c%20default_transaction_read_only%3Don"
    opened("READ_ONLY", read_only + "&target_session_attrs=read-write", name)
    store = lib.expect("OK", "postgres_open", url=read_only.encode(), options_json=options(name))
    lib.answered("READ_ONLY", "append", store=store)
    lib.answered("READ_ONLY", "append_if", store=store, query=NONE)
    lib.answered("READ_ONLY", "append_when", store=store, conditions=ON_NONE)
    lib.expect("READ_ONLY", "stream_open", store=store, registration=DURABLE)
    lib.expect("READ_ONLY", "cursors", store=store, call=RESET)
    # Tables that are no store's, and a batch beyond the end of the log.
    server.run(f"CREATE SCHEMA {name}x; CREATE TABLE {name}x.events (n int)")
    opened("UNSUPPORTED_FORMAT", url, name + "x")
    beyond = f"SELECT max(sequence_number) + 1, max(sequence_number) + 2 FROM {name}.events"
    server.run(f"INSERT INTO {name}.append_batches {beyond}")
    store = lib.expect("OK", "postgres_open", url=url.encode(), options_json=options(name))
    lib.answered("CORRUPT", "append", store=store, events=b"[%b,%b]" % (ONE[1:-1], ONE[1:-1]))
    server.run(f"DELETE FROM {name}.append_batches WHERE first_sequence_number > 1")
    # A server that cannot be reached.
    cut = Proxy(parts.hostname or "", parts.port or 5432)
    through = url.replace(f":{parts.port}", f":{cut.port}")
    store = opened("OK", through, name)
    lib.expect("OK", "append", store=store)
    cut.end()
    opened("BACKEND_FAILURE", through, name)
    lib.answered("BACKEND_FAILURE", "query", store=store)
    lib.expect("BACKEND_FAILURE", "explain", store=store)
    lib.answered("BACKEND_FAILURE", "verify", store=store)
    lib.expect("BACKEND_FAILURE", "cursors", store=store)
    reading = lib.expect("OK", "read_open", store=store)
    lib.answered("BACKEND_FAILURE", "read_next", reading=reading)
    lib.expect("BACKEND_FAILURE", "stream_open", store=store, registration=DURABLE)
