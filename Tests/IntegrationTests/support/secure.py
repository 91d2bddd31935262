"""A relay that speaks TLS, and clients of it."""

from __future__ import annotations

import socket
import ssl

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
