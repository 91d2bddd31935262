"""The load tool: against the relay, and against servers that do wrong."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from xml.etree import ElementTree

import pytest
from conftest import ROUTES, RelayFactory
from support.daemon import BINARY
from support.deadlines import DEADLINE
from websockets.http11 import Request
from websockets.sync.server import ServerConnection, serve

BENCH = BINARY.with_name("wsrelay-bench")
FAULT, USAGE, UNAVAILABLE = 1, 64, 69
# Long enough for a machine that is busy with other things.
SHORT = ["--duration", "700ms", "--warmup", "100ms"]

COMPRESSED = ROUTES.replace('mode = "echo"', 'mode = "echo"\ncompression = "on"')
COMPRESSED = COMPRESSED.replace('mode = "broadcast"', 'mode = "broadcast"\ncompression = "context"')


def bench(*arguments: str | int) -> subprocess.CompletedProcess[str]:
    command = [str(BENCH), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def figures(*arguments: str | int) -> dict[str, Any]:
    """What a run that must be without fault found."""
    done = bench(*arguments, *SHORT, "--json")
    assert not done.stderr, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    # First what is wrong: the whole text is long.
    assert done.returncode == 0, f"{found['fault_kinds']} {done.stdout}"
    assert found["faults"] == 0 and found["messages"] > 0, found
    return found


class Terminal:
    """A run whose progress is shown on a terminal, where it can be waited for."""

    def __init__(self, *arguments: str | int) -> None:
        self._ours, theirs = pty.openpty()
        command = [str(BENCH), *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True)
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        os.close(self._ours)

    def wait_until(self, seconds: float) -> None:
        """Waits until so much has been measured."""
        seen = ""
        end = time.monotonic() + DEADLINE
        while True:
            shown = re.findall(r"([\d.]+) of [\d.]+ s: [\d,]+/s", seen)
            if shown and float(shown[-1]) >= seconds:
                return
            ready, _, _ = select.select([self._ours], [], [], end - time.monotonic())
            assert ready, f"no progress: {seen[-200:]!r}"
            seen += os.read(self._ours, 4096).decode()

    def end(self, code: int) -> str:
        """Waits for the end; returns what was printed."""
        text, _ = self.process.communicate(timeout=DEADLINE)
        assert self.process.returncode == code, text
        return text


@pytest.mark.parametrize(
    "options",
    [
        "-c 10",
        "-c 10 -d 16 --text",
        "-c 3 -s 0,1,125,126,65535,65536,1M -d 2",
        pytest.param("-c 10 -t 3 -d 4", marks=pytest.mark.threads),
        "-c 10 --deflate --text -s 1K",
        "-c 10 --subprotocol unknown --header X-Test:1",
    ],
)
def test_echo(relay: RelayFactory, options: str) -> None:
    daemon = relay(COMPRESSED)
    found = figures("echo", *options.split(), "--server-pid", daemon.pid, daemon.url())
    assert found["latency_us"]["count"] >= 0.9 * found["messages"]
    assert 0 < found["latency_us"]["min"] <= found["latency_us"]["p50"] <= 5_000_000
    assert found["server"]["cpu_us_per_message"] > 0
    assert found["client_cpu_us_per_message"] > 0
    closes = daemon.wait("close", found["connections"])
    assert {record["WSRELAY_CAUSE"] for record in closes} == {"peer-close"}
    # The relay counts what was sent before and after the measurement, too.
    assert sum(int(record["WSRELAY_RX_MESSAGES"]) for record in closes) >= found["messages"]


@pytest.mark.parametrize(
    "options",
    [
        "-p 1 -n 20 -d 4",
        "-p 5 -n 0 -s 128 --text",
        pytest.param("-p 3 -n 20 -t 3 -d 8", marks=pytest.mark.threads),
        "-p 3 -n 5 --rate 300",
        "-p 2 -n 5 -t 2 --deflate --text -s 1K",
    ],
)
@pytest.mark.parametrize("includes_sender", [False, True])
def test_broadcast(relay: RelayFactory, options: str, includes_sender: bool) -> None:
    text = COMPRESSED
    if includes_sender:
        text = text.replace('mode = "broadcast"', 'mode = "broadcast"\ninclude_sender = true')
    found = figures("broadcast", *options.split(), relay(text).url("/broadcast"))
    assert found["latency_us"]["p50"] > 0


def test_broadcast_counts_every_delivery(relay: RelayFactory) -> None:
    daemon = relay()
    found = figures("broadcast", "-p", 2, "-n", 3, "--rate", 200, daemon.url("/broadcast"))
    # 200 a second to 4 others each, for the time that was measured.
    expected = 200 * 4 * found["seconds"]
    assert 0.8 * expected < found["messages"] < 1.2 * expected


def test_latency_keeps_its_rate(relay: RelayFactory) -> None:
    found = figures("latency", "--rate", 500, "-c", 7, "-t", 2, relay().url())
    expected = 500 * found["seconds"]
    assert 0.8 * expected < found["messages"] < 1.2 * expected


def test_latency_counts_from_when_a_message_was_due(relay: RelayFactory) -> None:
    """A server that stands still is charged for all that was due meanwhile, not for a few."""
    daemon = relay()
    with Terminal(
        "latency", "--rate", 1000, "-c", 5, "--duration", 3, "--json", daemon.url()
    ) as run:
        run.wait_until(0.5)
        daemon.signal(signal.SIGSTOP)
        try:
            run.wait_until(1.5)
        finally:
            daemon.signal(signal.SIGCONT)
        found = json.loads(run.end(0))
    assert found["faults"] == 0
    # A third of all messages waited, up to a second.
    assert found["latency_us"]["p90"] > 300_000
    assert found["latency_us"]["max"] > 900_000


def test_idle(relay: RelayFactory) -> None:
    daemon = relay()
    done = bench(
        "idle", "-c", 50, *SHORT, "--ramp", "100ms", "--server-pid", daemon.pid, daemon.url()
    )
    assert done.returncode == 0, done.stdout
    assert "50 connections at the end" in done.stdout and "a connection" in done.stdout


def test_churn(relay: RelayFactory) -> None:
    daemon = relay()
    found = figures("churn", "-c", 5, "--text", daemon.url())
    assert len(daemon.wait("close", found["messages"], cause="peer-close")) >= found["messages"]
    assert not daemon.find("close", clean="no")


def test_churn_sees_through_what_it_began() -> None:
    """A server so slow that connections are within their opening handshake when the run ends."""
    requests: list[Request] = []
    ends: list[int | None] = []

    def handle(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(message)
        ends.append(connection.close_code)

    def hesitate(connection: ServerConnection, request: Request) -> None:
        requests.append(request)
        threading.Event().wait(0.5)

    with serving(handle, process_request=hesitate) as url:
        figures("churn", "-c", 4, url)
    assert len(ends) == len(requests) and set(ends) == {1000}


def test_messages_of_a_file(relay: RelayFactory, tmp_path: Path) -> None:
    file = tmp_path / "messages"
    file.write_text('{"a": 1}\n\nübergröße\n')
    found = figures("echo", "-c", 3, "--text", "--file", str(file), relay().url())
    assert found["text"] is True
    file.write_bytes(b"\xff\n")
    assert bench("echo", "--text", "--file", str(file), "ws://127.0.0.1:1").returncode == USAGE
    assert bench("echo", "--file", "/nonexistent", "ws://127.0.0.1:1").returncode == USAGE


def test_plot(relay: RelayFactory, tmp_path: Path) -> None:
    figures("echo", "-c", 3, "--plot", str(tmp_path / "out.svg"), relay().url())
    root = ElementTree.parse(tmp_path / "out.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(root.findall("{*}polyline")) == 2


# Servers that do wrong


@contextmanager
def serving(handle: Callable[[ServerConnection], None], **options: Any) -> Iterator[str]:
    """A server that is not ours."""
    with serve(handle, "127.0.0.1", 0, compression=None, **options) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{running.socket.getsockname()[1]}/"
        finally:
            running.shutdown()
            thread.join()


Answer = Callable[[ServerConnection, str | bytes, int], None]


@contextmanager
def server(answer: Answer) -> Iterator[str]:
    """A server that answers each message, whose number on its connection it knows, in some way."""

    def handle(connection: ServerConnection) -> None:
        for number, message in enumerate(connection):
            answer(connection, message, number)

    with serving(handle) as url:
        yield url


def altered(connection: ServerConnection, message: str | bytes, number: int) -> None:
    assert isinstance(message, bytes)
    if number == 5:
        message = message[:40] + bytes([message[40] ^ 1]) + message[41:]
    connection.send(message)


def shortened(connection: ServerConnection, message: str | bytes, number: int) -> None:
    connection.send(message[:-1] if number == 5 else message)


def of_another_kind(connection: ServerConnection, message: str | bytes, number: int) -> None:
    connection.send("x" * len(message) if number == 5 else message)


def twice(connection: ServerConnection, message: str | bytes, number: int) -> None:
    for _ in range(2 if number == 5 else 1):
        connection.send(message)


def closed(connection: ServerConnection, message: str | bytes, number: int) -> None:
    if number == 5:
        connection.close(1011, "tired")
    else:
        connection.send(message)


def dropped(connection: ServerConnection, message: str | bytes, number: int) -> None:
    if number == 5:
        connection.socket.close()
    else:
        connection.send(message)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (altered, r"content: connection 0: reply 5: byte 40 of 64 is 0x\w\w, not 0x\w\w"),
        (shortened, r"content: connection 0: reply 5: 63 bytes instead of 64"),
        (of_another_kind, r"content: connection 0: reply 5: text instead of binary"),
        (twice, r"content|order: connection 0"),
        (closed, r"closed: connection 0: closed by the server: 1011 tired"),
        (dropped, r"closed: connection 0: "),
    ],
)
@pytest.mark.parametrize("depth", [1, 16])
def test_echo_finds_what_is_wrong(answer: Answer, words: str, depth: int) -> None:
    """Also among replies that come together, which are compared together."""
    with server(answer) as url:
        done = bench("echo", "-c", 1, "-d", depth, *SHORT, url)
    assert done.returncode == FAULT, done.stdout
    assert re.search(r"^  WRONG .*" + words, done.stdout, re.MULTILINE), done.stdout
    assert "verified" not in done.stdout


def test_echo_finds_what_is_wrong_late() -> None:
    """Behind a beginning that was right, and was taken as such: more than one receive call has."""

    def altered_late(connection: ServerConnection, message: str | bytes, number: int) -> None:
        assert isinstance(message, bytes)
        if number == 2:
            message = message[:900_000] + bytes([message[900_000] ^ 1]) + message[900_001:]
        connection.send(message)

    with server(altered_late) as url:
        done = bench("echo", "-c", 1, "-s", "1M", *SHORT, url)
    assert done.returncode == FAULT, done.stdout
    words = r"^  WRONG .*content: connection 0: reply 2: byte 900000 of 1048576 is 0x\w\w, not 0x"
    assert re.search(words, done.stdout, re.MULTILINE), done.stdout


def test_echo_takes_any_framing() -> None:
    """What RFC 6455 §5.4 allows is as good as a reply in one frame."""

    def framed(connection: ServerConnection, message: str | bytes, number: int) -> None:
        if number % 3 == 1:
            connection.ping()
        connection.send([message[:7], message[7:]] if number % 5 == 2 else message)

    with server(framed) as url:
        found = figures("echo", "-c", 3, "-d", 16, url)
    assert found["messages"] > 100


def test_latency_finds_what_never_comes() -> None:
    """All that was due counts, also what could not even be sent."""

    def silent(connection: ServerConnection, message: str | bytes, number: int) -> None:
        pass

    with server(silent) as url:
        done = bench("latency", "--rate", 1000, "-c", 2, *SHORT, "--json", url)
    assert done.returncode == FAULT
    # What was due in the 0.8 s of the load.
    assert json.loads(done.stdout)["fault_kinds"]["lost"]["count"] > 600


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("drops", r"order: connection \d: message 6 of publisher 0 instead of 5"),
        ("repeats", r"order: connection \d: message 5 of publisher 0 instead of 6"),
        ("alters", r"content: connection \d: message 5 of publisher 0 is altered"),
    ],
)
def test_broadcast_finds_what_is_wrong(fault: str, words: str) -> None:
    members: list[ServerConnection] = []
    counts: dict[ServerConnection, int] = {}

    def handle(connection: ServerConnection) -> None:
        members.append(connection)
        for number, message in enumerate(connection):
            assert isinstance(message, bytes)
            copies = [message]
            if number == 5:
                copies = {"drops": [], "repeats": [message] * 2, "alters": [message[:-1] + b"?"]}[
                    fault
                ]
            for member in members:
                if member is not connection:
                    for copy in copies:
                        member.send(copy)
            counts[connection] = number

    with serving(handle) as url:
        done = bench("broadcast", "-n", 2, "--rate", 100, *SHORT, url)
    assert done.returncode == FAULT, done.stdout
    assert re.search(r"^  WRONG .*" + words, done.stdout, re.MULTILINE), done.stdout


# No run at all


def test_name_with_several_addresses(relay: RelayFactory) -> None:
    """The relay listens on IPv4 only, which need not be the first address of the name."""
    figures("echo", "-c", 2, relay().url().replace("127.0.0.1", "localhost"))


def test_no_server() -> None:
    done = bench("echo", *SHORT, "ws://127.0.0.1:1/")
    assert done.returncode == UNAVAILABLE
    assert "connect: Connection refused" in done.stdout


def test_refused(relay: RelayFactory) -> None:
    done = bench("echo", *SHORT, relay().url("/nothing"))
    assert done.returncode == UNAVAILABLE
    assert "the server answered 404 instead of 101" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("echo", "no URL"),
        ("echo --insecure ws://h/", "--ca and --insecure are for wss://"),
        ("echo --ca /nonexistent wss://h/", "--ca"),
        ("echo http://h/", "http:// is not the scheme"),
        ("echo --size 12x ws://h", "--size is a size such as"),
        ("echo --duration 5y ws://h", "--duration is a time such as"),
        ("echo -c 0 ws://h", "--connections is a number from 1"),
        ("latency ws://h", "--rate N"),
        ("broadcast -s 20 ws://h", "21 bytes or more"),
        ("broadcast -n 0 ws://h", "nobody to receive"),
        ("ehco ws://h", 'did you mean "echo"'),
        ("echo --header nonsense ws://h", "'Name: value'"),
        ("echo -c 2 -t 3 ws://h", "--threads 3 for 2 connections"),
        ("echo --plot /nonexistent/x ws://127.0.0.1:1", "No such file"),
    ],
)
def test_usage(arguments: str, words: str) -> None:
    done = bench(*arguments.split())
    assert done.returncode == USAGE
    assert words in done.stderr and not done.stdout


def test_progress_and_interrupt(relay: RelayFactory) -> None:
    """On a terminal a line shows how it gets on; Ctrl-C ends it with what there is by then."""
    with Terminal("echo", "-c", 3, "--warmup", 0, "--duration", 60, relay().url()) as run:
        run.wait_until(0.3)
        run.process.send_signal(signal.SIGINT)
        text = run.end(0)
    assert "stopped    before its time" in text and "verified" in text
