"""Behind proxies: whose a connection is, in limits and in records."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

from conftest import RelayFactory
from support.wire import Wire, request
from websockets.sync.client import connect

CONFIG = """
[[listen]]
address = "127.0.0.1:PORT"
trusted_proxies = ["127.0.0.0/8"]

[[route]]
path = "/echo"
mode = "echo"
max_connections_per_peer = 1
"""

PROXIED = """
[[listen]]
address = "127.0.0.1:PORT"
proxy_protocol = true

[[route]]
path = "/echo"
mode = "echo"
"""


def test_forwarded_client_in_limits_and_records(relay: RelayFactory) -> None:
    daemon = relay(CONFIG)
    for client in ("203.0.113.9", "203.0.113.10"):
        header = {"X-Forwarded-For": f"1.2.3.4, {client}"}
        with connect(daemon.url(), additional_headers=header) as first:
            first.send("hello")
            assert first.recv(10) == "hello"
            with Wire(daemon.port) as second:
                second.send(request(headers=header))
                assert second.read_head().startswith("HTTP/1.1 429 ")
        record = daemon.closed(peer=client)
        assert record["WSRELAY_VIA"].startswith("127.0.0.1:")
        assert daemon.wait("reject", peer=client)[0]["WSRELAY_HTTP_STATUS"] == "429"


def test_proxy_protocol(relay: RelayFactory) -> None:
    daemon = relay(PROXIED)
    addresses = socket.inet_aton("203.0.113.9") + socket.inet_aton("10.0.0.1")
    headers = {
        "203.0.113.9": b"\r\n\r\n\0\r\nQUIT\n\x21\x11"
        + struct.pack(">H8sHH", 12, addresses, 4711, 80),
        "2001:db8::9": b"PROXY TCP6 2001:db8::9 fd00::1 4711 80\r\n",
    }
    for client, header in headers.items():
        with Wire(daemon.port) as wire:
            wire.send(header + request())
            assert wire.read_head().startswith("HTTP/1.1 101 ")
            wire.finish()
        record = daemon.closed(peer=client, peer_port=4711)
        assert record["WSRELAY_VIA"].startswith("127.0.0.1:")
    with Wire(daemon.port) as wire:
        wire.send(request())
        assert wire.read_head().startswith("HTTP/1.1 400 ")
    assert "PROXY" in daemon.wait("reject")[0]["WSRELAY_RULE"]


def test_proxy_on_a_unix_socket(relay: RelayFactory, tmp_path: Path) -> None:
    path = tmp_path / "relay.sock"
    text = CONFIG.replace("127.0.0.1:PORT", f"unix:{path}").replace("127.0.0.0/8", "unix")
    daemon = relay(text)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(request(headers={"Forwarded": 'for="[2001:db8::9]:4711"'}))
        assert client.recv(4096).startswith(b"HTTP/1.1 101 ")
    record = daemon.closed(peer="2001:db8::9")
    assert record["WSRELAY_VIA"] == "unix" and record["WSRELAY_PEER_PORT"] == "4711"


def test_a_proxy_that_does_not_tell_the_port(relay: RelayFactory) -> None:
    daemon = relay(CONFIG)
    for client in ("203.0.113.9", "2001:db8::9"):
        with Wire(daemon.port) as wire:
            wire.send(request(headers={"X-Forwarded-For": client}))
            assert wire.read_head().startswith("HTTP/1.1 101 ")
            wire.finish()
        record = daemon.closed(peer=client)
        assert "WSRELAY_PEER_PORT" not in record
        assert f" {client} after " in record["MESSAGE"]
