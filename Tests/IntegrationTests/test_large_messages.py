"""Large messages of many connections at once."""

from __future__ import annotations

import os
import signal
import socket
import struct
from contextlib import ExitStack
from pathlib import Path

from conftest import ROUTES, RelayFactory
from support.deadlines import DEADLINE
from support.wire import BINARY, frame, request

COUNT = 200
# More than one receive call takes, but no more than a Unix socket holds before anybody reads.
SIZE = 200 << 10
# A block for each would be 40 MiB.
MAXIMUM_GROWTH_KIB = 8 << 10


def test_one_block_serves_all(relay: RelayFactory, tmp_path: Path) -> None:
    """Each message is received to its end before the next is begun."""
    path = tmp_path / "relay.sock"
    daemon = relay(ROUTES, "--listen", f"unix:{path}")
    payload = os.urandom(SIZE)
    with ExitStack() as stack:
        clients = []
        for _ in range(COUNT):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.settimeout(DEADLINE)
            client.connect(str(path))
            client.sendall(request())
            opened = client.recv(4096)
            assert opened.startswith(b"HTTP/1.1 101 ") and opened.endswith(b"\r\n\r\n"), opened
            clients.append(client)
        before = daemon.memory_kib("VmHWM")
        daemon.signal(signal.SIGSTOP)
        for client in clients:
            client.sendall(frame(BINARY, payload))
        daemon.signal(signal.SIGCONT)
        head = bytes([0x80 | BINARY, 127]) + struct.pack(">Q", SIZE)
        for client in clients:
            # A file waits for all it is asked for; with a timeout, MSG_WAITALL would not.
            answer = stack.enter_context(client.makefile("rb"))
            assert answer.read(len(head)) == head
            assert answer.read(SIZE) == payload
        grown = daemon.memory_kib("VmHWM") - before
        print(f"{grown} KiB for {COUNT} messages of {SIZE >> 10} KiB")
        assert grown <= MAXIMUM_GROWTH_KIB
