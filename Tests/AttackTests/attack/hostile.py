"""Bad clients: connections from an address of their own, and how each of them ended."""

from __future__ import annotations

import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress

from support.deadlines import DEADLINE
from support.wire import CLOSE, Wire, request

# All attackers, and nobody else: their entries are found by it.
ADDRESS = "127.0.0.66"
# linux/in.h; Python has no name for it before 3.13.
IP_BIND_ADDRESS_NO_PORT = 24

# What became of connections, by the answer each got: "1009", "HTTP 400", "FIN", "RST", "open".
Answers = Counter[str]


class HostileWire(Wire):
    """A connection of an attacker."""

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(DEADLINE)
        # The port is found once the destination is known: looking for one that nobody had in the
        # last minute takes milliseconds after a storm.
        self.socket.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        self.socket.bind((ADDRESS, 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.local_port = int(self.socket.getsockname()[1])
        self.buffer = b""

    @classmethod
    def opened(
        cls,
        port: int,
        path: str,
        headers: dict[str, str] | None = None,
        receive_buffer: int | None = None,
    ) -> HostileWire:
        """Connects and completes the opening handshake."""
        wire = cls(port, receive_buffer)
        wire.send(request(path, headers))
        head = wire.read_head()
        assert head.startswith("HTTP/1.1 101 "), head
        return wire

    def answer(self) -> str:
        """The status, or reads on until the code of a Close frame, or how TCP ended."""
        if not self.buffer and not self._filled():
            return "FIN"
        if self.buffer.startswith(b"HTTP/1.1 "):
            status = self.read_head().split(" ")[1]
            if status != "101":
                self.read_to_end()
            return f"HTTP {status}"
        try:
            while (got := self.read_frame()).opcode != CLOSE:
                pass
        except EOFError:
            return "FIN"
        except ConnectionError:
            return "RST"
        # It is not answered: the relay closes once TCP ends.
        return str(int.from_bytes(got.payload[:2], "big")) if got.payload else "1005"

    def _filled(self) -> bool:
        try:
            return self._more()
        except ConnectionError:
            self.buffer = b""
            return False


def each(
    port: int, count: int, act: Callable[[HostileWire], None], path: str | None = None
) -> Answers:
    """So many connections one after the other, opened on a path or not; what each was answered."""
    answers: Answers = Counter()
    for _ in range(count):
        with HostileWire(port) if path is None else HostileWire.opened(port, path) as wire:
            # It may be answered before all is sent.
            with suppress(ConnectionError):
                act(wire)
            answers[wire.answer()] += 1
    return answers


class Flood:
    """Sends the same bytes over and over on some connections, as fast as they are taken."""

    def __init__(self, wires: Iterable[Wire], data: bytes, reads: bool = True) -> None:
        self.sockets = [wire.socket for wire in wires]
        self.data = memoryview(data)
        # Where not, nothing that comes back is ever taken.
        self.reads = reads
        self.position = dict.fromkeys(self.sockets, 0)
        self.sent = 0
        self._waste = bytearray(1 << 20)
        for each_socket in self.sockets:
            each_socket.setblocking(False)

    def run(self, seconds: float) -> int:
        """Goes on for so long, or until the last connection has ended; the bytes sent in all."""
        end = time.monotonic() + seconds
        while self.sockets and time.monotonic() < end:
            sources = self.sockets if self.reads else []
            readable, writable, _ = select.select(sources, self.sockets, [], 0.05)
            for ready in readable:
                self._throw_away(ready)
            for ready in writable:
                self._send(ready)
        return self.sent

    def _throw_away(self, ready: socket.socket) -> None:
        try:
            if ready.recv_into(self._waste):
                return
        except ConnectionError:
            pass
        self.sockets.remove(ready)

    def _send(self, ready: socket.socket) -> None:
        if ready not in self.sockets:
            return
        position = self.position[ready]
        try:
            count = ready.send(self.data[position:])
        except BlockingIOError:
            return
        except ConnectionError:
            self.sockets.remove(ready)
            return
        self.sent += count
        self.position[ready] = (position + count) % len(self.data)


def saying(data: bytes) -> Callable[[HostileWire], None]:
    """To be done by a connection: says this, and no more."""
    return lambda wire: wire.send(data)


def answers_of(wires: Iterable[HostileWire], seconds: float) -> Answers:
    """What connections were answered within so long; "open" if nothing was."""
    answers: Answers = Counter()
    pending = {wire.socket.fileno(): wire for wire in wires}
    poll = select.poll()
    for number in pending:
        poll.register(number, select.POLLIN)
    end = time.monotonic() + seconds
    while pending and (left := end - time.monotonic()) > 0:
        for number, _ in poll.poll(left * 1000):
            poll.unregister(number)
            wire = pending.pop(number)
            wire.socket.settimeout(1)
            try:
                answers[wire.answer()] += 1
            except TimeoutError:
                # There was something to read, but no end.
                answers["open"] += 1
    answers["open"] += len(pending)
    return +answers


def hold(port: int, count: int, begin: Callable[[HostileWire], None], seconds: float) -> Answers:
    """So many connections at once, which begin something and then stay silent for so long."""
    with ExitStack() as stack:
        wires = [stack.enter_context(HostileWire(port)) for _ in range(count)]
        for wire in wires:
            begin(wire)
        return answers_of(wires, seconds)


def drip(port: int, count: int, data: bytes, interval: float, seconds: float) -> Answers:
    """So many connections at once, which send a byte every now and then."""
    answers: Answers = Counter()
    with ExitStack() as stack:
        wires = [stack.enter_context(HostileWire(port)) for _ in range(count)]
        end = time.monotonic() + seconds
        for byte in data:
            if not wires or time.monotonic() > end:
                break
            for wire in wires:
                with suppress(ConnectionError):
                    wire.send(bytes([byte]))
            ready, _, _ = select.select([wire.socket for wire in wires], [], [], interval)
            for wire in [wire for wire in wires if wire.socket in ready]:
                wires.remove(wire)
                answers[wire.answer()] += 1
        answers["open"] += len(wires)
    return +answers


def masked_flood(payloads: Iterable[tuple[int, bytes]], byte_count: int) -> bytes:
    """Masked frames of (first byte, payload), repeated to about so many bytes in all."""
    unit = b"".join(
        bytes([first, 0x80 | len(payload)]) + b"\0\0\0\0" + payload for first, payload in payloads
    )
    return unit * max(1, byte_count // len(unit))
