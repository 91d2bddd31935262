"""Broadcast: channels, who gets a copy, and nothing lost while members come and go."""

from __future__ import annotations

import asyncio
import selectors
import struct
import time
from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from conftest import ROUTES, RelayFactory
from support.daemon import Daemon
from support.deadlines import DEADLINE
from support.wire import BINARY, Wire, close_frame, frame
from websockets.asyncio.client import connect as connect_async
from websockets.sync.client import connect


def test_everyone_but_the_sender(relay: RelayFactory) -> None:
    url = relay().url("/broadcast")
    with connect(url) as a, connect(url) as b, connect(url) as c:
        a.send("from a")
        assert b.recv(DEADLINE) == c.recv(DEADLINE) == "from a"
        # Had a got its own message, it would come before this one.
        b.send(b"from b")
        assert a.recv(DEADLINE) == c.recv(DEADLINE) == b"from b"


def test_include_sender(relay: RelayFactory) -> None:
    url = relay('[[route]]\npath = "/all"\nmode = "broadcast"\ninclude_sender = true\n').url("/all")
    with connect(url) as a, connect(url) as b:
        a.send("x")
        assert a.recv(DEADLINE) == b.recv(DEADLINE) == "x"


def test_rooms_are_channels_of_their_own(relay: RelayFactory) -> None:
    daemon = relay()
    red, blue = daemon.url("/room/red"), daemon.url("/room/blue")
    with connect(red) as a, connect(red) as b, connect(blue) as c, connect(blue) as d:
        a.send("red")
        c.send("blue")
        assert b.recv(DEADLINE) == "red"
        assert d.recv(DEADLINE) == "blue"
    records = daemon.wait("close", count=4, route="/room/{name}")
    assert sorted(r["WSRELAY_CHANNEL"] for r in records) == ["/room/blue"] * 2 + ["/room/red"] * 2


def test_asyncio_members(relay: RelayFactory) -> None:
    url = relay().url("/broadcast")

    async def listen(joined: asyncio.Semaphore) -> list[str | bytes]:
        async with connect_async(url) as member:
            joined.release()
            return [await member.recv() for _ in range(20)]

    async def scene() -> list[list[str | bytes]]:
        joined = asyncio.Semaphore(0)
        members = [asyncio.create_task(listen(joined)) for _ in range(30)]
        for _ in members:
            await joined.acquire()
        async with connect_async(url) as sender:
            for n in range(20):
                await sender.send(str(n))
            return await asyncio.gather(*members)

    assert asyncio.run(scene()) == [[str(n) for n in range(20)]] * 30


# The big one: 10,000 messages of 10 senders to 200 members on two workers, while members come and
# go.

SENDERS, MEMBERS, MESSAGES = 10, 200, 10_000
ROUNDS = 100
PER_ROUND = MESSAGES // SENDERS // ROUNDS
LEAVING_PER_ROUND = 2
# A payload is a sender and its sequence number, so a frame from the relay is always ten bytes.
FRAME = struct.Struct(">BBII")
HEAD = (0x80 | BINARY, 8)
# A ping in between would be no error, but frames of one size are what makes the check fast.
NO_PINGS = 'ping_interval = "0s"\n'


@dataclass(eq=False)
class Member:
    """One connection to the channel and what it has received of each sender."""

    wire: Wire
    # By sender: the number its next message must have; unset until its first.
    next: dict[int, int] = field(default_factory=dict)
    # How many messages each sender had sent when this member had joined.
    joined_at: list[int] = field(default_factory=list)
    # How many each sender had sent when this member decided to leave: it owes us those first.
    leaves_at: list[int] | None = None
    rest: bytes = b""

    def take(self, data: bytes) -> None:
        data = self.rest + data
        whole = len(data) - len(data) % FRAME.size
        self.rest = data[whole:]
        for first, second, sender, number in FRAME.iter_unpack(data[:whole]):
            assert (first, second) == HEAD, f"unexpected frame {first:#x} {second:#x}"
            expected = self.next.get(sender)
            if expected is None:
                assert number <= self.joined_at[sender], f"missed from {self.joined_at[sender]}"
            else:
                assert number == expected, f"sender {sender}: {number} after {expected - 1}"
            self.next[sender] = number + 1

    def has(self, sent: list[int], but: int | None = None) -> bool:
        """Whether all that was sent up to these counts has come."""
        return all(
            self.next.get(sender, self.joined_at[sender]) >= count
            for sender, count in enumerate(sent)
            if sender != but
        )


class Crowd:
    """All connections of the test, driven by one loop."""

    def __init__(self, daemon: Daemon, path: str) -> None:
        self.daemon, self.path = daemon, path
        self.selector = selectors.DefaultSelector()
        self.sent = [0] * SENDERS
        self.staying: list[Member] = []
        self.leaving: list[Member] = []
        self.closed_count = 0
        self.senders = [self.join() for _ in range(SENDERS)]
        self.staying = [self.join() for _ in range(MEMBERS)]

    def join(self) -> Member:
        wire = Wire.open(self.daemon.port, self.path)
        member = Member(wire, joined_at=list(self.sent), rest=b"")
        member.take(wire.buffer)
        wire.socket.setblocking(False)
        self.selector.register(wire.socket, selectors.EVENT_READ, member)
        return member

    def pump(self, timeout: float = 0) -> None:
        """Takes in what has arrived, and lets those go that have what is theirs."""
        for key, _ in self.selector.select(timeout):
            data = key.data.wire.socket.recv(1 << 18)
            assert data, "the relay ended a connection"
            key.data.take(data)
        for member in [m for m in self.leaving if m.leaves_at and m.has(m.leaves_at)]:
            self.leaving.remove(member)
            self.dismiss(member)

    def dismiss(self, member: Member) -> None:
        self.selector.unregister(member.wire.socket)
        member.wire.socket.settimeout(DEADLINE)
        member.wire.send(close_frame(1000))
        member.wire.read_to_end()
        member.wire.fin()
        self.closed_count += 1

    def play_round(self) -> None:
        for number, sender in enumerate(self.senders):
            first = self.sent[number]
            sender.wire.socket.setblocking(True)
            sender.wire.send(
                b"".join(
                    frame(BINARY, struct.pack(">II", number, first + n)) for n in range(PER_ROUND)
                )
            )
            sender.wire.socket.setblocking(False)
            self.sent[number] += PER_ROUND
            self.pump()
        for _ in range(LEAVING_PER_ROUND):
            member = self.staying.pop(0)
            member.leaves_at = list(self.sent)
            self.leaving.append(member)
            self.staying.append(self.join())

    def finish(self) -> None:
        """Waits until everyone has everything, then lets all go."""
        end = time.monotonic() + 3 * DEADLINE
        while self.leaving or not all(m.has(self.sent) for m in self.staying):
            assert time.monotonic() < end, "members still wait for messages"
            self.pump(0.05)
        while not all(m.has(self.sent, but=n) for n, m in enumerate(self.senders)):
            assert time.monotonic() < end, "senders still wait for messages"
            self.pump(0.05)
        for member in [*self.staying, *self.senders]:
            self.dismiss(member)
        self.selector.close()


@pytest.mark.threads
def test_every_message_to_every_member_once_and_in_order(relay: RelayFactory) -> None:
    daemon = relay("threads = 2\n" + ROUTES.replace('"broadcast"\n', '"broadcast"\n' + NO_PINGS))
    crowd = Crowd(daemon, "/room/crowd")
    # Without those of the crowd: by now both workers have all of their own.
    descriptors = daemon.descriptor_count() - SENDERS - MEMBERS
    for _ in range(ROUNDS):
        crowd.play_round()
    assert sum(crowd.sent) == MESSAGES
    crowd.finish()
    total = SENDERS + MEMBERS + ROUNDS * LEAVING_PER_ROUND
    assert crowd.closed_count == total
    records = daemon.wait("close", count=total)
    assert len(records) == total
    received: dict[str, int] = defaultdict(int)
    for record in records:
        assert record["WSRELAY_CAUSE"] == "peer-close"
        received[record["WSRELAY_CHANNEL"]] += int(record["WSRELAY_RX_MESSAGES"])
    assert received == {"/room/crowd": MESSAGES}
    daemon.wait_descriptors(descriptors)
