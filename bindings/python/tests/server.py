"""The PostgreSQL server of the tests, and servers that only pretend to be one."""

from __future__ import annotations

import base64
import getpass
import hashlib
import hmac
import os
import secrets
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

TIMEOUT_S = 30
Row = tuple[str | None, ...]


def database_url(database: str | None = None) -> str:
    """The URL of the database of the tests, or of another one on its server."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise AssertionError(
            "DATABASE_URL is not set: it names a PostgreSQL database that the tests may fill. "
            "go run ./tools/pgserver -- COMMAND runs a command with one"
        )
    if database is None:
        return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/{database}?{parts.query}"


def run(sql: str) -> list[Row]:
    """Runs SQL in the database of the tests."""
    with session() as connection:
        return connection.run(sql)


@contextmanager
def session() -> Iterator[Session]:
    connection = Session(database_url())
    try:
        yield connection
    finally:
        connection.close()


def connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query))
    host = given.get("host") or parts.hostname or "localhost"
    port = int(given.get("port") or parts.port or 5432)
    if not host.startswith("/"):
        return socket.create_connection((host, port), TIMEOUT_S)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(TIMEOUT_S)
    connection.connect(f"{host}/.s.PGSQL.{port}")
    return connection


class Session:
    """One connection to a server: as much of the protocol as it takes to look behind a store and
    to stand in its way.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        given = dict(parse_qsl(parts.query))
        user = given.get("user") or unquote(parts.username or getpass.getuser())
        self._socket = connected(url)
        self._incoming = self._socket.makefile("rb")
        startup = {
            "user": user,
            "database": unquote(parts.path[1:]) or user,
            "client_encoding": "UTF8",
        }
        self._send(
            b"",
            struct.pack(">i", 3 << 16)
            + b"".join(_text(word) for pair in startup.items() for word in pair)
            + b"\0",
        )
        self._log_in(given.get("password") or unquote(parts.password or ""))

    def run(self, sql: str) -> list[Row]:
        self._send(b"Q", _text(sql))
        return [_row(body) for kind, body in self._until_ready() if kind == b"D"]

    def close(self) -> None:
        self._incoming.close()
        self._socket.close()

    def _log_in(self, password: str) -> None:
        scram = Scram(password)
        for kind, body in self._until_ready():
            if kind != b"R":
                continue
            (method,) = struct.unpack_from(">i", body)
            if method == 3:
                self._send(b"p", _text(password))
            elif method == 10:
                first = scram.first()
                self._send(b"p", _text("SCRAM-SHA-256") + struct.pack(">i", len(first)) + first)
            elif method == 11:
                self._send(b"p", scram.final(body[4:]))
            elif method not in (0, 12):
                raise AssertionError(
                    f"the tests cannot log in by method {method}; trust, password and scram-sha-256 they can"
                )

    def _send(self, kind: bytes, body: bytes) -> None:
        self._socket.sendall(kind + struct.pack(">i", len(body) + 4) + body)

    def _until_ready(self) -> Iterator[tuple[bytes, bytes]]:
        while True:
            kind, length = struct.unpack(">ci", self._incoming.read(5))
            body = self._incoming.read(length - 4)
            if kind == b"Z":
                return
            if kind == b"E":
                raise AssertionError(f"the server says {body.decode().split(chr(0))}")
            yield kind, body


class Scram:
    """The client's side of SCRAM-SHA-256, which is how servers ask for passwords by default."""

    def __init__(self, password: str) -> None:
        self._password = password.encode()
        self._first = f"n=,r={secrets.token_urlsafe(18)}".encode()

    def first(self) -> bytes:
        return b"n,," + self._first

    def final(self, challenge: bytes) -> bytes:
        fields = dict(part.split(b"=", 1) for part in challenge.split(b","))
        salted = hashlib.pbkdf2_hmac(
            "sha256", self._password, base64.b64decode(fields[b"s"]), int(fields[b"i"])
        )
        key = hmac.digest(salted, b"Client Key", "sha256")
        answer = b"c=biws,r=" + fields[b"r"]
        signature = hmac.digest(
            hashlib.sha256(key).digest(), b",".join((self._first, challenge, answer)), "sha256"
        )
        return (
            answer
            + b",p="
            + base64.b64encode(
                bytes(left ^ right for left, right in zip(key, signature, strict=True))
            )
        )


def _text(text: str) -> bytes:
    return text.encode() + b"\0"


def _row(body: bytes) -> Row:
    (columns,) = struct.unpack_from(">h", body)
    values: list[str | None] = []
    at = 2
    for _ in range(columns):
        (length,) = struct.unpack_from(">i", body, at)
        at += 4
        values.append(None if length < 0 else body[at : at + length].decode())
        at += max(length, 0)
    return tuple(values)


@contextmanager
def pretended(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """Listens as a server would and lets `talk` have each connection; gives HOST:PORT. A
    connection stays open until the block ends.
    """
    connections: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection = listener.accept()[0]
                except OSError:
                    return  # the block has ended
                connections.append(connection)
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        try:
            yield "{}:{}".format(*listener.getsockname())
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            serving.join(TIMEOUT_S)
            for connection in connections:
                connection.close()


def say_nothing(connection: socket.socket) -> None:
    """A server that hangs."""


def refuse_the_password(connection: socket.socket) -> None:
    """A server that asks for the password in clear and then says as PostgreSQL does that it is
    wrong.
    """
    with connection, connection.makefile("rwb") as talk:
        while len(length := talk.read(4)) == 4 and (
            request := talk.read(struct.unpack(">i", length)[0] - 4)
        )[:4] == struct.pack(">i", 80877103):
            talk.write(b"N")  # no TLS here
            talk.flush()
        if len(length) < 4:
            return  # the client has found out and tries again on another connection
        talk.write(b"R" + struct.pack(">ii", 8, 3))
        talk.flush()
        assert request[:4] == struct.pack(">i", 3 << 16) and talk.read(1) == b"p"
        talk.read(struct.unpack(">i", talk.read(4))[0] - 4)
        fields = b'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "ann"\0\0'
        talk.write(b"E" + struct.pack(">i", len(fields) + 4) + fields)


class Relay:
    """Stands in front of the server of the tests, which seems to be away between down() and
    up().
    """

    url = ""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_up = True
        self._sockets: list[socket.socket] = []

    def down(self) -> None:
        with self._lock:
            self._is_up = False
            for each in self._sockets:
                _shut_down(each)
            self._sockets.clear()

    def up(self) -> None:
        with self._lock:
            self._is_up = True

    def carry(self, client: socket.socket) -> None:
        with connected(database_url()) as server:
            server.settimeout(None)
            with self._lock:
                if not self._is_up:
                    _shut_down(client)
                    return
                self._sockets += (client, server)
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join()


@contextmanager
def relay() -> Iterator[Relay]:
    carrying = Relay()
    with pretended(carrying.carry) as address:
        parts = urlsplit(database_url())
        user, at, _ = parts.netloc.rpartition("@")
        rest = urlencode(
            [
                (name, value)
                for name, value in parse_qsl(parts.query)
                if name not in ("host", "port")
            ]
        )
        carrying.url = f"{parts.scheme}://{user}{at}{address}{parts.path}?{rest}"
        try:
            yield carrying
        finally:
            carrying.down()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    _shut_down(source)
    _shut_down(target)


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
