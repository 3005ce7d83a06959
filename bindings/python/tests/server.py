"""The PostgreSQL server of the tests, and a small client for it."""

from __future__ import annotations

import base64
import getpass
import hashlib
import hmac
import os
import secrets
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, unquote, urlsplit

TIMEOUT_S = 30
Row = tuple[str | None, ...]


def database_url(database: str | None = None) -> str:
    """Returns the URL of the database of the tests, or of another one on its server."""
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
    """One connection to a server, with just enough of the protocol to inspect what a store wrote and
    to take locks that it needs.
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
                    f"the server asks for authentication method {method}; "
                    "the tests know trust, password and scram-sha-256"
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
                raise AssertionError(f"the server refused: {body.decode().split(chr(0))}")
            yield kind, body


class Scram:
    """The client's side of SCRAM-SHA-256, by which servers check passwords by default."""

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
