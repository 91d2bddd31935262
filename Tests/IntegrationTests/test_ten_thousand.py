"""Ten thousand connections: deadlines fire in time, and an idle one costs next to nothing."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from conftest import ROUTES, RelayFactory
from support.daemon import Daemon, Record
from support.wire import Wire, close_frame, request

COUNT = 10_000
# Besides the connections: what the interpreter and the daemon have open anyway.
OTHER_DESCRIPTORS = 500

MAXIMUM_LATENESS_MS = 250.0
MAXIMUM_IDLE_RSS_BYTES = 272

DEADLINES = """
[[listen]]
address = "127.0.0.1:PORT"
handshake_timeout = "4s"

[[route]]
path = "/idle"
mode = "echo"
idle_timeout = "4s"
close_timeout = "1s"

[[route]]
path = "/ping"
mode = "echo"
ping_interval = "4s"
ping_timeout = "1s"
close_timeout = "1s"

[[route]]
path = "/close"
mode = "echo"
close_timeout = "4s"
"""

Connections = list[socket.socket]


@pytest.fixture(autouse=True)
def room_for_connections() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < COUNT + OTHER_DESCRIPTORS:
        pytest.skip(f"needs {COUNT + OTHER_DESCRIPTORS} descriptors; `ulimit -Hn` is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def connected(daemon: Daemon, count: int) -> Iterator[Connections]:
    """Connections that have said nothing yet."""
    with ExitStack() as stack:
        yield [stack.enter_context(Wire(daemon.port)).socket for _ in range(count)]


def open_all(connections: Connections, path: str) -> None:
    """Completes the opening handshakes: all requests first, then all answers."""
    for connection in connections:
        connection.sendall(request(path))
    for connection in connections:
        head = connection.recv(4096)
        assert head.startswith(b"HTTP/1.1 101 ") and head.endswith(b"\r\n\r\n"), head


def waited_for_processor_ms(daemon: Daemon) -> float:
    """How long the workers were ready to run and something else ran: not what is measured here."""
    threads = [
        task
        for task in Path(f"/proc/{daemon.pid}/task").iterdir()
        if (task / "comm").read_text().startswith("wsrelay")
    ]
    return max(int((task / "schedstat").read_text().split()[1]) / 1e6 for task in threads)


def lateness_ms(records: list[Record], field: str, deadlines: float) -> list[float]:
    """How much longer than its deadlines, in seconds, each connection took."""
    return [int(r[field]) / 1e3 - deadlines * 1e3 for r in records]


def test_every_kind_of_deadline(relay: RelayFactory) -> None:
    """The clients are as silent as dead ones, so that all the deadlines of a route pass in turn."""
    daemon = relay(DEADLINES)
    part = COUNT // 4
    with connected(daemon, COUNT) as connections:
        # The first part never asks. Those that do have the time of the slowest of all to do so.
        for index, path in enumerate(["/idle", "/ping", "/close"], 1):
            open_all(connections[index * part : (index + 1) * part], path)
        for connection in connections[3 * part :]:
            connection.sendall(close_frame(1000))
        waited = waited_for_processor_ms(daemon)
        daemon.wait("reject", part)
        daemon.wait("close", 3 * part)
        waited = waited_for_processor_ms(daemon) - waited

    def closed(cause: str) -> list[Record]:
        return daemon.find("close", cause=cause)

    late = {
        "handshake": lateness_ms(daemon.find("reject"), "WSRELAY_DURATION_USEC", 4),
        "idle, close": lateness_ms(closed("idle-timeout"), "WSRELAY_IDLE_USEC", 4 + 1),
        "ping, pong, close": lateness_ms(closed("pong-timeout"), "WSRELAY_IDLE_USEC", 4 + 1 + 1),
        "close": lateness_ms(closed("close-timeout"), "WSRELAY_IDLE_USEC", 4),
    }
    print(f"a worker waited {waited:.0f} ms for a processor")
    for name, values in late.items():
        print(f"{name}: {len(values)} deadlines, {min(values):.0f} to {max(values):.0f} ms late")
        assert len(values) == part
        assert min(values) >= 0, f"{name} fired early"
        assert max(values) <= MAXIMUM_LATENESS_MS + waited, f"{name} fired late"


def rss_bytes(daemon: Daemon) -> int:
    for line in Path(f"/proc/{daemon.pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel does not tell the RSS")


def test_idle_connections_cost_little_memory(relay: RelayFactory) -> None:
    daemon = relay(ROUTES)
    # What a worker takes once, at its first connections, is no connection's.
    for _ in range(16):
        with Wire.open(daemon.port) as wire:
            wire.finish()
    empty = rss_bytes(daemon)
    with connected(daemon, COUNT) as connections:
        open_all(connections, "/echo")
        cost = (rss_bytes(daemon) - empty) / COUNT
        print(f"{cost:.0f} B of RSS for each idle connection")
        assert cost <= MAXIMUM_IDLE_RSS_BYTES
        # Ten thousand closing handshakes at the end would measure nothing.
        daemon.process.terminate()
        daemon.process.terminate()
