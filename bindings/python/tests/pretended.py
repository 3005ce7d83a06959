"""Servers that only pretend to be PostgreSQL, and a relay in front of the real one."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import parse_qsl, urlencode, urlsplit

from server import TIMEOUT_S, connected, database_url


@contextmanager
def listening(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """Listens as a server would, and calls `talk` with each connection, which stays open until the
    block ends. Yields HOST:PORT.
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
    """Never answers."""


def refuse_the_password(connection: socket.socket) -> None:
    """Asks for the password in clear text, and then answers as PostgreSQL does that it is wrong."""
    with connection, connection.makefile("rwb") as talk:
        while len(length := talk.read(4)) == 4 and (
            request := talk.read(struct.unpack(">i", length)[0] - 4)
        )[:4] == struct.pack(">i", 80877103):
            talk.write(b"N")  # no TLS here
            talk.flush()
        if len(length) < 4:
            return  # the client closed the connection and tries again on another one
        talk.write(b"R" + struct.pack(">ii", 8, 3))
        talk.flush()
        assert request[:4] == struct.pack(">i", 3 << 16) and talk.read(1) == b"p"
        talk.read(struct.unpack(">i", talk.read(4))[0] - 4)
        fields = b'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "ann"\0\0'
        talk.write(b"E" + struct.pack(">i", len(fields) + 4) + fields)


class Relay:
    """Forwards connections to the server of the tests. Between down() and up() it acts as a server
    that is away, and after silence() as one that answers nothing.
    """

    url = ""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_up = True
        self._sockets: list[socket.socket] = []
        self._answers = threading.Event()
        self._answers.set()

    def down(self) -> None:
        self._answers.set()
        with self._lock:
            self._is_up = False
            for each in self._sockets:
                _shut_down(each)
            self._sockets.clear()

    def silence(self) -> None:
        self._answers.clear()

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
            back = threading.Thread(target=_pump, args=(server, client, self._answers), daemon=True)
            back.start()
            _pump(client, server, self._answers)
            back.join()


@contextmanager
def relay() -> Iterator[Relay]:
    carrying = Relay()
    with listening(carrying.carry) as address:
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


def _pump(source: socket.socket, target: socket.socket, open_: threading.Event) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            open_.wait()
            target.sendall(data)
    _shut_down(source)
    _shut_down(target)


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
