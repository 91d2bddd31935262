"""Ten thousand clients in every state at once, which notice each message lost, doubled or altered.

One thread serves them all; what it cannot keep up with would look like a pause of the relay, so the
traffic is paced.
"""

from __future__ import annotations

import select
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from support.deadlines import DEADLINE, eventually
from support.wire import BINARY, CONTINUATION, PING, PONG, TEXT, Wire, close_frame, frame
from SystemTests.machine import Machine

BURST = 3
LARGE = bytes(range(256)) * 4096


class Client:
    """One connection, whose received bytes become frames."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.wire.socket.setblocking(False)
        self.buffer = bytearray(wire.buffer)
        self.longest = 0.0

    def send(self, data: bytes) -> None:
        sent = self.wire.socket.send(data)
        assert sent == len(data), "the socket of a client that is read is never full"

    def receive(self) -> Iterator[tuple[int, bytes]]:
        """The frames that have come."""
        try:
            data = self.wire.socket.recv(1 << 18)
        except BlockingIOError:
            return
        assert data, "the relay ended the connection"
        self.buffer += data
        while len(self.buffer) >= 2:
            size, start = self.buffer[1], 2
            if size == 126:
                size, start = struct.unpack_from(">H", self.buffer, 2)[0], 4
            elif size == 127:
                size, start = struct.unpack_from(">Q", self.buffer, 2)[0], 10
            if len(self.buffer) < start + size:
                return
            first, payload = self.buffer[0], bytes(self.buffer[start : start + size])
            del self.buffer[: start + size]
            if first & 0x0F == PING:
                self.send(frame(PONG, payload))
            else:
                yield first & 0x0F, payload

    def on_frame(self, opcode: int, payload: bytes, now: float) -> None:
        raise NotImplementedError


class Echoer(Client):
    """Has several messages in flight at any time."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self.next = 0
        self.awaited: deque[tuple[bytes, float]] = deque()

    def burst(self, now: float) -> None:
        data = b""
        for _ in range(BURST):
            text = b"%d" % self.next
            self.next += 1
            self.awaited.append((text, now))
            data += frame(TEXT, text)
        self.send(data)

    def on_frame(self, opcode: int, payload: bytes, now: float) -> None:
        assert self.awaited, f"doubled: {payload!r}"
        expected, sent = self.awaited.popleft()
        assert (opcode, payload) == (TEXT, expected)
        self.longest = max(self.longest, now - sent)


class Member(Client):
    """Listens in a room; messages carry when they were sent."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self.count = 0

    def on_frame(self, opcode: int, payload: bytes, now: float) -> None:
        number, sent = payload.split()
        assert int(number) == self.count, f"message {number!r} in place of {self.count}"
        self.count += 1
        self.longest = max(self.longest, now - float(sent))


class Room:
    """A speaker and its members."""

    def __init__(self, speaker: Client, members: list[Member]) -> None:
        self.speaker = speaker
        self.members = members
        self.count = 0

    def speak(self, now: float) -> None:
        self.speaker.send(frame(TEXT, b"%d %.6f" % (self.count, now)))
        self.count += 1


class Patient:
    """Connections in the midst of something, which they finish once all is over."""

    def __init__(self, machine: Machine, stack: ExitStack, count: int) -> None:
        def some(path: str = "/echo") -> list[Wire]:
            return [stack.enter_context(machine.connect(path=path)) for _ in range(count)]

        self.half_frame = frame(TEXT, "Grüße".encode() * 100)
        self.half_large = frame(BINARY, LARGE)
        self.in_frame, self.in_message, self.in_large = some(), some(), some()
        self.slow, self.closing, self.violating = some(), some(), some()
        for wire in self.in_frame:
            wire.send(self.half_frame[:9])
        for wire in self.in_message:
            wire.send(frame(TEXT, b"Gr\xc3", fin=False))
        for wire in self.in_large:
            wire.send(self.half_large[:300_000])
        for wire in self.slow:
            for number in range(3):
                wire.send(frame(BINARY, bytes([number]) + LARGE[1:]))
        for wire in self.violating:
            wire.send(frame(CONTINUATION, b"of nothing"))
            assert wire.read_close()[0] == 1002

    def close_some(self, count: int) -> None:
        """Closes that are in flight while the relay restarts."""
        for wire in self.closing[:count]:
            wire.send(close_frame(1000, b"bye"))
        del self.closing[:count]

    def finish(self) -> None:
        for wire in self.in_frame:
            wire.send(self.half_frame[9:])
            assert wire.read_frame().payload == "Grüße".encode() * 100
        for wire in self.in_message:
            wire.send(frame(CONTINUATION, b"\xbc"))
            assert wire.read_frame().payload == "Grü".encode()
        for wire in self.in_large:
            wire.send(self.half_large[300_000:])
            assert wire.read_frame().payload == LARGE
        for wire in self.slow:
            for number in range(3):
                assert wire.read_frame().payload == bytes([number]) + LARGE[1:]
        for wire in self.in_frame + self.in_message + self.in_large + self.slow + self.closing:
            wire.finish()
        for wire in self.violating:
            wire.send(close_frame(1002))
            assert wire.read_to_end() == b""
            wire.fin()


class Crowd:
    """All of them, served by a thread until `finish`."""

    def __init__(
        self, machine: Machine, stack: ExitStack, *, echoers: int, rooms: int, members: int
    ) -> None:
        self._machine = machine
        self._stop = threading.Event()
        self.failures: list[str] = []
        self.knock_count = 0
        connect = machine.connect
        self.echoers = [Echoer(stack.enter_context(connect())) for _ in range(echoers)]
        self.rooms = [
            Room(
                Client(stack.enter_context(connect(path=f"/room/{room}"))),
                [
                    Member(stack.enter_context(connect(path=f"/room/{room}")))
                    for _ in range(members)
                ],
            )
            for room in range(rooms)
        ]
        self.members = [member for room in self.rooms for member in room.members]
        self._threads = [threading.Thread(target=self._serve)]
        self._threads.append(threading.Thread(target=self._knock))
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Ends the traffic and waits for all that is under way; nothing may be missing."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert not self.failures, self.failures[:5]

    def wait_for_more(self, count: int) -> None:
        """Waits until each member has heard so many more messages."""
        before = [member.count for member in self.members]

        def heard() -> bool:
            counts = zip(self.members, before, strict=True)
            return bool(self.failures) or all(m.count >= old + count for m, old in counts)

        eventually(heard, f"{count} more messages")
        assert not self.failures, self.failures[:5]

    def pauses(self) -> list[float]:
        """The longest time each of them waited for a message since the last call, in order."""
        clients: list[Client] = [*self.echoers, *self.members]
        pauses = sorted(client.longest for client in clients)
        for client in clients:
            client.longest = 0.0
        return pauses

    # One round through everybody takes so long, in seconds; speakers speak at this interval.
    ROUND = 3.0
    SPEECH = 0.25

    def _serve(self) -> None:
        try:
            self._serve_until_stopped()
        except Exception as error:
            self.failures.append(f"{type(error).__name__}: {error}")

    def _serve_until_stopped(self) -> None:
        poll = select.epoll()
        clients: dict[int, Client] = {c.wire.socket.fileno(): c for c in self.echoers}
        clients |= {c.wire.socket.fileno(): c for c in self.members}
        for number in clients:
            poll.register(number, select.EPOLLIN)
        begun, burst_count, speech_count = time.monotonic(), 0, 0
        end = 0.0
        while True:
            now = time.monotonic()
            if not self._stop.is_set():
                due = int((now - begun) * len(self.echoers) / self.ROUND)
                for _ in range(min(due - burst_count, 100)):
                    self.echoers[burst_count % len(self.echoers)].burst(now)
                    burst_count += 1
                due = int((now - begun) * len(self.rooms) / self.SPEECH)
                while speech_count < due:
                    self.rooms[speech_count % len(self.rooms)].speak(now)
                    speech_count += 1
            elif self._is_quiet():
                return
            else:
                end = end or now + DEADLINE
                assert now < end, "messages are missing"
            for number, _ in poll.poll(0.005, 1000):
                client = clients[number]
                for opcode, payload in client.receive():
                    client.on_frame(opcode, payload, time.monotonic())

    def _is_quiet(self) -> bool:
        return not any(client.awaited for client in self.echoers) and all(
            member.count == room.count for room in self.rooms for member in room.members
        )

    def _knock(self) -> None:
        """Somebody new, all the time: nobody may be refused."""
        while not self._stop.is_set():
            try:
                self._machine.echo()
                self.knock_count += 1
            except (OSError, EOFError, AssertionError) as error:
                self.failures.append(f"a newcomer: {type(error).__name__}: {error}")
            self._stop.wait(0.02)


@contextmanager
def crowd(machine: Machine, *, echoers: int, rooms: int, members: int) -> Iterator[Crowd]:
    """A crowd for the length of the block; at its end all messages must have arrived."""
    with ExitStack() as stack:
        crowd = Crowd(machine, stack, echoers=echoers, rooms=rooms, members=members)
        try:
            yield crowd
        finally:
            crowd.finish()
