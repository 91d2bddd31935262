"""Clients that never stop talking, and notice each message lost, doubled or out of order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from support.wire import TEXT, Wire, frame
from SystemTests.machine import Machine

Body = Callable[[list[Wire]], None]

# The clients share the processors with what they test.
PAUSE = 0.005


class Traffic:
    """Clients on the echo route and in one room, until `stop`."""

    ECHO_CLIENTS = 8
    MEMBERS = 8

    def __init__(self, machine: Machine, stack: ExitStack) -> None:
        self._stop = threading.Event()
        self._failures: list[str] = []
        self.message_count = 0
        self._counting = threading.Lock()
        self.wires: list[Wire] = []
        bodies: list[tuple[Body, list[Wire]]] = []
        for _ in range(self.ECHO_CLIENTS):
            bodies.append((self._echo, [stack.enter_context(machine.connect())]))
        room = [
            stack.enter_context(machine.connect(path="/room/lobby")) for _ in range(self.MEMBERS)
        ]
        bodies.append((self._talk, room))
        self.wires = [wire for _, wires in bodies for wire in wires]
        self._threads = [
            threading.Thread(target=self._guarded, args=(body, wires)) for body, wires in bodies
        ]
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Ends the talk, and every connection in order; fails if anything was lost before."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert not self._failures, self._failures
        for wire in self.wires:
            wire.finish()

    def _guarded(self, body: Body, wires: list[Wire]) -> None:
        try:
            body(wires)
        except Exception as error:
            self._failures.append(f"{type(error).__name__}: {error}")

    def _count(self, count: int) -> None:
        with self._counting:
            self.message_count += count

    def _echo(self, wires: list[Wire]) -> None:
        (wire,) = wires
        number = 0
        while not self._stop.is_set():
            number += 1
            text = str(number).encode()
            wire.send(frame(TEXT, text))
            assert wire.read_frame().payload == text
            self._stop.wait(PAUSE)
        self._count(number)

    def _talk(self, wires: list[Wire]) -> None:
        speaker, *members = wires
        number = 0
        while not self._stop.is_set():
            number += 1
            text = str(number).encode()
            speaker.send(frame(TEXT, text))
            for member in members:
                assert member.read_frame().payload == text
            self._stop.wait(PAUSE)
        self._count(number * len(members))


@contextmanager
def traffic(machine: Machine) -> Iterator[Traffic]:
    """Traffic for the length of the block; at its end all of it must have arrived."""
    with ExitStack() as stack:
        traffic = Traffic(machine, stack)
        try:
            yield traffic
        finally:
            traffic.finish()
