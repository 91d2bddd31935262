"""A relay that speaks TLS, and clients of it."""

from __future__ import annotations

import socket
import ssl

from websockets.sync.client import ClientConnection, connect

from support.certificates import Authority
from support.daemon import Daemon

ROUTES = """
[[route]]
path = "/echo"
mode = "echo"

[[route]]
path = "/broadcast"
mode = "broadcast"
"""


def secure(pairs: str, more: str = "") -> str:
    """A configuration with one listener that has these certificates."""
    return f'{ROUTES}\n[[listen]]\naddress = "127.0.0.1:PORT"\ntls = {pairs}\n{more}\n'


def dial(daemon: Daemon, authority: Authority, path: str = "/echo") -> ClientConnection:
    """A WebSocket client that is open."""
    url = f"wss://127.0.0.1:{daemon.port}{path}"
    return connect(url, ssl=authority.client(), max_size=None)


def handshake(
    daemon: Daemon, context: ssl.SSLContext, host: str | None = "127.0.0.1"
) -> ssl.SSLSocket:
    """A client that has made the handshake of TLS and nothing else."""
    raw = socket.create_connection(("127.0.0.1", daemon.port), 20)
    return context.wrap_socket(raw, server_hostname=host)
