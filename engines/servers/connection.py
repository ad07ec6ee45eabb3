"""Connections to one server: made so that a person's stop is seen at once, kept for the next request, ended from any thread."""

from __future__ import annotations

import contextlib
import importlib
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection

from engines.errors import Cancelled, EngineError
from engines.protocol import Address
from engines.servers import errors

CONNECT_S = 10.0
LOOK_S = 0.03  # how often somebody looks whether the person wants to stop
QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
Stop = Callable[[], bool]


class Watch:
    """One thread that looks at every request under way: its person's stop, and its time limit; it ends the connection."""

    def __init__(self) -> None:
        self._guard = threading.Condition()
        self._held: dict[int, tuple[socket.socket, Stop, float]] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    def add(self, sock: socket.socket, stop: Stop, seconds: float | None = None) -> None:
        """Look after a connection until `drop`; it is ended when `stop()` is true or `seconds` are over."""
        until = time.monotonic() + seconds if seconds is not None else float("inf")
        with self._guard:
            self._held[id(sock)] = (sock, stop, until)
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._look, name="tandem-http-watch", daemon=True)
                self._thread.start()
            self._guard.notify()

    def drop(self, sock: socket.socket) -> None:
        with self._guard:
            self._held.pop(id(sock), None)

    def close(self) -> None:
        """End every connection and the thread."""
        with self._guard:
            self._closed = True
            held = list(self._held.values())
            self._guard.notify()
        for sock, _, _ in held:
            end(sock)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2.0)

    def _look(self) -> None:
        while True:
            with self._guard:
                while not self._held and not self._closed:
                    self._guard.wait()
                if self._closed:
                    return
                held = list(self._held.values())
            now = time.monotonic()
            for sock, stop, until in held:
                if now > until or stop():
                    end(sock)
            time.sleep(LOOK_S)


def end(sock: socket.socket) -> None:
    """Wake whoever waits for bytes on it, from any thread: the reader sees the end of the stream."""
    with contextlib.suppress(OSError, ValueError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # past TLS, whose own farewell would wait


def hurry(sock: socket.socket) -> None:
    """Acknowledge what comes at once (Linux; it must be asked for before each read).

    A server that leaves Nagle's algorithm on holds small pieces back until the last one is acknowledged, which a kernel
    does after 40 ms: those would be the client's, in the middle of the server's figures.
    """
    if QUICKACK is not None:
        with contextlib.suppress(OSError, ValueError):
            sock.setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)


def context_of(address: Address) -> ssl.SSLContext | None:
    """TLS as the address wants it; None without TLS. Raises EngineError `bad_certificate` for a file that holds none."""
    if not address.url.startswith("https:"):
        return None
    context = ssl.create_default_context()
    with contextlib.suppress(ImportError):
        context.load_verify_locations(importlib.import_module("certifi").where())
    if address.ca_file:
        try:
            context.load_verify_locations(address.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise EngineError("bad_certificate", f"{address.ca_file} is no file of certificates.",
                              "Choose a PEM file: it begins with -----BEGIN CERTIFICATE-----.") from error  # fmt: skip
    if not address.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Pool:
    """Idle connections of one address. Safe for many threads."""

    def __init__(self, address: Address, size: int) -> None:
        parts = urllib.parse.urlsplit(address.url)
        self._address, self._size = address, size
        self._host, self._port = parts.hostname or "", parts.port
        self._context = context_of(address)
        self._idle: list[HTTPConnection] = []
        self._guard = threading.Lock()
        self._closed = False

    def idle(self) -> HTTPConnection | None:
        """A connection that is still open, or None."""
        while True:
            with self._guard:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if connection.is_connected:
                return connection
            connection.close()

    def connect(self, stop: Stop) -> HTTPConnection:
        """A new connection. Raises EngineError `no_server`, `bad_certificate`; Cancelled."""
        made: list[Any] = []
        done, given_up = threading.Event(), threading.Event()

        def work() -> None:
            connection = self._new()
            try:
                connection.connect()
                made.append(connection)
            except Exception as error:  # noqa: BLE001 - said by the thread that waits
                made.append(error)
            done.set()
            if given_up.is_set():
                connection.close()

        threading.Thread(target=work, name="http-connect", daemon=True).start()
        while not done.wait(LOOK_S):
            if stop():
                given_up.set()
                raise Cancelled
        if isinstance(made[0], BaseException):
            raise errors.connecting(made[0], self._address, CONNECT_S) from made[0]
        connection: HTTPConnection = made[0]
        return connection

    def put_back(self, connection: HTTPConnection) -> None:
        """Keep it for the next request; it must have nothing left to read."""
        with self._guard:
            if not self._closed and len(self._idle) < self._size:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _new(self) -> HTTPConnection:
        options = [*HTTPConnection.default_socket_options, (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
        if self._context is None:
            return HTTPConnection(self._host, self._port, timeout=CONNECT_S, socket_options=options)
        return HTTPSConnection(
            self._host, self._port, timeout=CONNECT_S, socket_options=options, ssl_context=self._context
        )
