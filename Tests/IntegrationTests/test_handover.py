"""A relay that becomes another program on USR2: its clients stay, in whatever state they are."""

from __future__ import annotations

import shutil
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import ROUTES, RelayFactory
from support import wire as wires
from support.certificates import Authority, Pair
from support.daemon import BINARY, Daemon, free_port, supervised
from support.secure import dial, handshake, secure
from support.wire import CLOSE, CONTINUATION, PING, PONG, TEXT, Wire, close_frame, frame, request
from websockets.sync.client import connect


def restart(daemon: Daemon) -> dict[str, str]:
    """Sends USR2 and returns the record of what became of the connections."""
    known = len(daemon.find("restart"))
    daemon.signal(signal.SIGUSR2)
    return daemon.wait("restart", count=known + 1)[known]


def test_everybody_stays(relay: RelayFactory) -> None:
    daemon = relay(ROUTES)
    with ExitStack() as stack:
        clients = [stack.enter_context(Wire.open(daemon.port)) for _ in range(100)]
        for round_number in range(1, 4):
            record = restart(daemon)
            assert record["WSRELAY_ADOPTED"] == "100"
            assert record["WSRELAY_CLOSED"] == "0"
            for wire in clients:
                wire.send(frame(TEXT, b"still there"))
            for wire in clients:
                assert wire.read_frame().payload == b"still there"
            assert len(daemon.wait("start", count=round_number + 1)) == round_number + 1
        for wire in clients:
            wire.finish()
    closed = daemon.wait("close", count=100)
    assert {r["WSRELAY_RESTARTS"] for r in closed} == {"3"}
    assert {(r["WSRELAY_CAUSE"], r["WSRELAY_CLEAN"]) for r in closed} == {("peer-close", "yes")}
    assert {r["WSRELAY_RX_MESSAGES"] for r in closed} == {"3"}


def test_no_connection_attempt_is_refused(relay: RelayFactory) -> None:
    daemon = relay(ROUTES)
    stop = threading.Event()
    failures: list[str] = []
    count = 0

    def knock() -> None:
        nonlocal count
        while not stop.is_set():
            try:
                with Wire.open(daemon.port) as wire:
                    wire.send(frame(TEXT, b"x"))
                    assert wire.read_frame().payload == b"x"
                    wire.finish()
                count += 1
            except (OSError, AssertionError, EOFError) as error:
                failures.append(repr(error))

    thread = threading.Thread(target=knock)
    thread.start()
    for _ in range(5):
        restart(daemon)
    stop.set()
    thread.join()
    assert not failures
    assert count > 5


def half_request(wire: Wire) -> Callable[[], None]:
    bytes_ = request()
    wire.send(bytes_[:50])

    def finish() -> None:
        wire.send(bytes_[50:])
        assert wire.read_head().startswith("HTTP/1.1 101 ")
        wire.finish()

    return finish


def half_frame(wire: Wire) -> Callable[[], None]:
    bytes_ = frame(TEXT, "Grüße".encode() * 100)
    wire.send(bytes_[:7])

    def finish() -> None:
        wire.send(bytes_[7:])
        assert wire.read_frame().payload == "Grüße".encode() * 100
        wire.finish()

    return finish


def half_message(wire: Wire) -> Callable[[], None]:
    wire.send(frame(TEXT, b"Gr" + b"\xc3", fin=False) + frame(PING, b"p"))
    assert wire.read_frame().opcode == PONG

    def finish() -> None:
        wire.send(frame(CONTINUATION, b"\xbc", fin=True))
        assert wire.read_frame().payload == "Grü".encode()
        wire.finish()

    return finish


def large_message(wire: Wire) -> Callable[[], None]:
    payload = bytes(range(256)) * 3000
    bytes_ = binary(payload)
    wire.send(bytes_[:400_000])

    def finish() -> None:
        wire.send(bytes_[400_000:])
        assert wire.read_frame().payload == payload
        wire.finish()

    return finish


def unread_replies(wire: Wire) -> Callable[[], None]:
    """The socket is full of replies, others wait in the relay, and more of its requests behind."""
    payloads = [bytes([number]) * 200_000 for number in range(100)]
    sender = threading.Thread(target=wire.send, args=(b"".join(map(binary, payloads)),))
    sender.start()

    def finish() -> None:
        for payload in payloads:
            assert wire.read_frame().payload == payload
        sender.join()
        wire.finish()

    return finish


def binary(payload: bytes) -> bytes:
    return frame(wires.BINARY, payload)


def close_half_way(wire: Wire) -> Callable[[], None]:
    """Closed for a violation; its answer is still to come."""
    wire.send(frame(CONTINUATION, b"of nothing"))
    assert wire.read_close()[0] == 1002

    def finish() -> None:
        wire.send(close_frame(1002))
        assert wire.read_to_end() == b""
        wire.fin()

    return finish


def close_sent(wire: Wire) -> Callable[[], None]:
    """Closed by the client, which does not end TCP yet."""
    wire.send(close_frame(1000, b"bye"))
    assert wire.read_frame().opcode == CLOSE

    def finish() -> None:
        assert wire.read_to_end() == b""
        wire.fin()

    return finish


STATES = [half_frame, half_message, large_message, unread_replies, close_half_way, close_sent]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_a_state_goes_on(relay: RelayFactory, state: Callable[[Wire], Callable[[], None]]) -> None:
    daemon = relay(ROUTES)
    with Wire.open(daemon.port) as wire:
        finish = state(wire)
        for _ in range(3):
            assert restart(daemon)["WSRELAY_ADOPTED"] == "1"
        finish()
    record = daemon.closed()
    assert record["WSRELAY_CLEAN"] == "yes"
    assert record["WSRELAY_RESTARTS"] == "3"


def test_a_handshake_goes_on(relay: RelayFactory) -> None:
    daemon = relay(ROUTES)
    with Wire(daemon.port) as wire:
        finish = half_request(wire)
        restart(daemon)
        finish()


def test_a_room_goes_on(relay: RelayFactory) -> None:
    """Several workers, a speaker that never pauses: every member gets each message once."""
    daemon = relay("threads = 2\n" + ROUTES)
    count = 3000
    with ExitStack() as stack:
        members = [stack.enter_context(Wire.open(daemon.port, "/room/a")) for _ in range(20)]
        speaker = stack.enter_context(Wire.open(daemon.port, "/room/a"))
        got: list[list[int]] = [[] for _ in members]

        def listen(index: int) -> None:
            while len(got[index]) < count:
                got[index].append(int(members[index].read_frame().payload))

        threads = [threading.Thread(target=listen, args=(index,)) for index in range(20)]
        for thread in threads:
            thread.start()
        for number in range(count):
            speaker.send(frame(TEXT, b"%d" % number))
            if number % 600 == 300:
                daemon.signal(signal.SIGUSR2)
        for thread in threads:
            thread.join(20)
        assert all(numbers == list(range(count)) for numbers in got)
    daemon.wait("restart")


def test_removed_routes_and_new_limits(relay: RelayFactory) -> None:
    daemon = relay(ROUTES)
    with Wire.open(daemon.port, "/broadcast") as gone, Wire.open(daemon.port) as kept:
        daemon.configure('[[route]]\npath = "/echo"\nmode = "echo"\nmax_message_size = "4B"\n')
        record = restart(daemon)
        assert (record["WSRELAY_ADOPTED"], record["WSRELAY_CLOSED"]) == ("1", "1")
        code, _ = gone.read_close()
        assert code == 1001
        gone.send(close_frame(1001))
        gone.read_to_end()
        kept.send(frame(TEXT, b"12345"))
        assert kept.read_close()[0] == 1009
    removed = daemon.closed(cause="route-removed")
    assert removed["WSRELAY_ROUTE"] == "/broadcast"
    assert removed["WSRELAY_RESTARTS"] == "1"


def test_another_address_at_the_same_port(relay: RelayFactory) -> None:
    daemon = relay(ROUTES)
    with Wire.open(daemon.port) as stays:
        for address in ("*", "127.0.0.1"):
            daemon.configure(f'{ROUTES}\n[[listen]]\naddress = "{address}:PORT"\n')
            assert restart(daemon)["WSRELAY_ADOPTED"] == "1"
            stays.send(frame(TEXT, b"still there"))
            assert stays.read_frame().payload == b"still there"
            with Wire.open(daemon.port) as new:
                new.finish()


def test_a_wrong_file_changes_nothing(relay: RelayFactory) -> None:
    daemon = relay(ROUTES)
    with connect(daemon.url()) as client:
        daemon.configure("nonsense = 1\n")
        daemon.signal(signal.SIGUSR2)
        daemon.wait_message("not handed over: the configuration is wrong")
        client.send("still there")
        assert client.recv() == "still there"
    assert len(daemon.find("start")) == 1
    daemon.configure(ROUTES)


class Copy(Daemon):
    """A daemon whose program can be replaced."""

    def __init__(self, folder: Path) -> None:
        self.binary = folder / "wsrelay"
        shutil.copy(BINARY, self.binary)
        super().__init__(folder / "wsrelay.conf", ROUTES, free_port())

    def replace(self, content: str) -> None:
        self.binary.unlink()
        self.binary.write_text(content)
        self.binary.chmod(0o755)


def test_a_program_that_does_not_start_changes_nothing(tmp_path: Path) -> None:
    with supervised(Copy(tmp_path)) as daemon, connect(daemon.url()) as client:
        daemon.replace("#!/nonexistent/interpreter\n")
        daemon.signal(signal.SIGUSR2)
        daemon.wait_message(f"cannot start {daemon.binary}")
        client.send("still there")
        assert client.recv() == "still there"
        assert len(daemon.find("start")) == 1


def test_behind_tls_nobody_can_move(relay: RelayFactory, authority: Authority, local: Pair) -> None:
    """What TLS keeps of a connection cannot be handed over: it is closed with 1012 before."""
    plain = free_port()
    listen = f'[[listen]]\naddress = "127.0.0.1:{plain}"\n[drain]\ngrace = "500ms"\n'
    daemon = relay("threads = 2\n" + secure(local.toml, listen))
    with (
        dial(daemon, authority) as polite,
        dial(daemon, authority) as silent,
        handshake(daemon, authority.client()) as unopened,
        Wire.open(plain) as kept,
    ):
        daemon.signal(signal.SIGUSR2)
        assert polite.read_close() == (1012, b"service restart")
        polite.send(close_frame(1012))
        assert polite.read_to_end() == b""
        polite.fin()
        assert unopened.recv(4096).startswith(b"HTTP/1.1 503 ")
        # Others are served while those leave.
        kept.send(frame(TEXT, b"still there"))
        assert kept.read_frame().payload == b"still there"
        assert daemon.wait("restart")[0]["WSRELAY_ADOPTED"] == "1"
        assert silent.read_close() == (1012, b"service restart")
        kept.send(frame(TEXT, b"and after it"))
        assert kept.read_frame().payload == b"and after it"
        kept.finish()
        with dial(daemon, authority) as new:
            new.say("hello")
            assert new.hear() == "hello"
            new.finish()
    closed = daemon.wait("close", 2, cause="restart")
    assert sorted(record["WSRELAY_CLEAN"] for record in closed) == ["no", "yes"]
    assert {record["WSRELAY_CODE_SENT"] for record in closed} == {"1012"}
