"""A relay that speaks TLS, and clients of it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

from support.certificates import Authority
from support.daemon import Daemon
from support.routes import ROUTES
from support.wire import BINARY, TEXT, Wire, frame, request


def secure(pairs: str, more: str = "") -> str:
    """A configuration with one listener that has these certificates."""
    return f'{ROUTES}\n[[listen]]\naddress = "127.0.0.1:PORT"\ntls = {pairs}\n{more}\n'


class Client(Wire):
    """A WebSocket client behind TLS, on one thread: Python's SSL objects do not bear two, which the
    client of websockets.sync has."""

    def say(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.send(frame(TEXT, message.encode()))
        else:
            self.send(frame(BINARY, message))

    def hear(self) -> str | bytes:
        got = self.read_frame()
        return got.payload.decode() if got.opcode == TEXT else got.payload


class BufferedClient(Wire):
    """A client behind TLS whose records are sent when it says so."""

    def __init__(self, port: int, authority: Authority) -> None:
        super().__init__(port)
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = authority.client().wrap_bio(
            self._received, self._to_send, server_hostname="127.0.0.1"
        )
        while not self._is_done(self._tls.do_handshake):
            self._flush()
            self._receive()
        self._flush()

    def send(self, data: bytes) -> None:
        self._tls.write(data)
        self._flush()

    def send_last(self, data: bytes) -> None:
        """With close_notify, in one packet; what the peer sends is read on."""
        self._tls.write(data)
        assert not self._is_done(self._tls.unwrap), "the peer's close_notify came before"
        self._flush()

    @staticmethod
    def _is_done(step: Callable[[], object]) -> bool:
        try:
            step()
        except ssl.SSLWantReadError:
            return False
        return True

    def _flush(self) -> None:
        self.socket.sendall(self._to_send.read())

    def _receive(self) -> None:
        if data := self.socket.recv(1 << 16):
            self._received.write(data)
        else:
            self._received.write_eof()

    def _more(self) -> bool:
        while True:
            try:
                data = self._tls.read(1 << 16)
            except ssl.SSLWantReadError:
                self._receive()
            except ssl.SSLZeroReturnError:
                return False
            else:
                self.buffer += data
                return bool(data)


def dial(daemon: Daemon, authority: Authority, path: str = "/echo") -> Client:
    """A WebSocket client that is open."""
    client = Client.over(handshake(daemon, authority.client()))
    client.send(request(path))
    assert client.read_head().startswith("HTTP/1.1 101 ")
    return client


def handshake(
    daemon: Daemon, context: ssl.SSLContext, host: str | None = "127.0.0.1"
) -> ssl.SSLSocket:
    """A client that has made the handshake of TLS and nothing else."""
    raw = socket.create_connection(("127.0.0.1", daemon.port), 20)
    return context.wrap_socket(raw, server_hostname=host)
