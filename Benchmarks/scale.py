#!/usr/bin/env python3
"""How wsrelay's costs grow: with connections, members, channels, workers, and with time.

    scale.py [--binary FILE] [connections members channels workers churn latency]

Prints one table for each; docs/scale.md says what they mean. Two processors, the server on the
first and the load on the second, unless it says otherwise. `make scale` builds what is needed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from compare import HERE, REAL_TIME, Estimate, allows_real_time, awake, free_port

WSLOAD = HERE / "build" / "wsload"
# How often a latency is taken: what else the machine does moves one more than servers differ.
LATENCY_REPETITIONS = 41
CONFIGURATION = """
threads = {threads}
[[listen]]
address = "127.0.0.1:{port}"
[[route]]
path = "/echo"
mode = "echo"
[[route]]
path = "/room/{{name}}"
mode = "broadcast"
"""
REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
FRAME = b"\x82\xc0\x01\x02\x03\x04" + bytes(64)
FRAME_OF_SERVER = len(FRAME) - 4


@dataclass
class Relay:
    """A running relay."""

    pid: int
    port: int

    def memory_kib(self) -> int:
        return status_kib(self.pid, "VmRSS")

    def processor_us(self) -> float:
        """Of all threads so far, by the scheduler's own count."""
        total = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        return total / 1000

    def counts(self) -> tuple[int, int]:
        """Descriptors and threads."""
        process = Path(f"/proc/{self.pid}")
        return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))


def status_kib(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    sys.exit(f"scale: the kernel does not tell {name}")


def available_kib() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))


@contextmanager
def relay(
    binary: Path, threads: int = 1, cpus: str = "0", before: Sequence[str] = ()
) -> Iterator[Relay]:
    """A relay; `before` goes before its command."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "wsrelay.conf"
        configuration.write_text(CONFIGURATION.format(threads=threads, port=port))
        command = ["taskset", "-c", cpus, str(binary), "serve", "--config", str(configuration)]
        with running([*before, *command], port) as at:
            yield at


@contextmanager
def floor(before: Sequence[str]) -> Iterator[Relay]:
    """The reference server."""
    port = free_port()
    command = ["taskset", "-c", "0", str(HERE / "build" / "floor"), str(port)]
    with running([*before, *command], port) as at:
        yield at


@contextmanager
def running(command: list[str], port: int) -> Iterator[Relay]:
    """A server that is to listen on a port; what it has to say of each connection goes nowhere."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet)
    try:
        wait_until_it_listens(port)
        yield Relay(process.pid, port)
    finally:
        process.kill()
        process.wait()


def wait_until_it_listens(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit("scale: the relay did not start")


def wsload(at: Relay, *arguments: str, cpus: str = "1") -> dict[str, float]:
    command = ["taskset", "-c", cpus, str(WSLOAD), *arguments, "--port", str(at.port), "--json"]
    command += ["--server-pid", str(at.pid)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"scale: {' '.join(arguments)}: {done.stdout}{done.stderr}")
    result: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


class Client:
    def __init__(self, port: int, path: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(REQUEST.format(path=path).encode())
        if b" 101 " not in self.socket.recv(4096):
            sys.exit("scale: refused")

    def exchange(self, other: Client, times: int) -> None:
        """Messages that another member gets, one after the other."""
        for _ in range(times):
            self.socket.sendall(FRAME)
            count = FRAME_OF_SERVER
            while count:
                count -= len(other.socket.recv(count))


def connections(binary: Path) -> None:
    print("| connections | RSS each | kernel memory each |\n|---|---|---|")
    for count in (1_000, 10_000, 19_000):
        with relay(binary) as at, ExitStack() as stack:
            base, free = at.memory_kib(), available_kib()
            own = status_kib(os.getpid(), "VmRSS")
            for _ in range(count):
                stack.enter_context(Client(at.port, "/echo").socket)
            time.sleep(1)
            held = at.memory_kib() - base
            ours = status_kib(os.getpid(), "VmRSS") - own
            # Both ends of each connection are on this machine, and cost it about the same.
            kernel = (free - available_kib() - held - ours) / 2
            # What the whole machine has left moves by itself, too.
            cost = f"{kernel * 1024 / count:.0f} B" if kernel > 0 else "lost in the noise"
            print(f"| {count:,} | {held * 1024 / count:.0f} B | {cost} |")


def members(binary: Path) -> None:
    print("| members | server CPU a delivery |\n|---|---|")
    for count in (10, 100, 1_000, 10_000):
        with relay(binary) as at:
            load = ["broadcast", "--path", "/room/a", "--pubs", "1", "--subs", str(count)]
            result = wsload(at, *load, "-s", "64", "--window", "8", "--duration", "3")
            print(f"| {count:,} | {result['server_us_per']:.3f} µs |")


def channels(binary: Path) -> None:
    """Two members in each channel; every message goes to another channel than the one before."""
    print("| channels of 2 members | RSS a connection | server CPU a message |\n|---|---|---|")
    for count in (1, 10, 100, 1_000, 5_000, 9_000):
        with relay(binary) as at, ExitStack() as stack:
            base = at.memory_kib()
            pairs = [[Client(at.port, f"/room/{n}") for _ in range(2)] for n in range(count)]
            for pair in pairs:
                for client in pair:
                    stack.enter_context(client.socket)
            held = (at.memory_kib() - base) * 1024 / (2 * count)
            rounds = max(1, 20_000 // count)
            before = at.processor_us()
            for _ in range(rounds):
                for sender, receiver in pairs:
                    sender.exchange(receiver, 1)
            cost = (at.processor_us() - before) / (rounds * count)
            text = f"{held:.0f} B" if count >= 1000 else "-"
            print(f"| {count:,} | {text} | {cost:.2f} µs |")


def workers(binary: Path) -> None:
    print("| case | workers | messages a second | server CPU a message |\n|---|---|---|---|")
    cases = {
        "echo, 100 connections": ["echo", "--path", "/echo", "-c", "100", "-s", "64", "-d", "16"],
        "1 publisher, 1000 members": [
            *("broadcast", "--path", "/room/a", "--pubs", "1", "--subs", "1000"),
            *("-s", "64", "--window", "8"),
        ],
        "50 members, all to all": [
            *("broadcast", "--path", "/room/a", "--pubs", "50", "--subs", "0"),
            *("-s", "128", "--window", "4"),
        ],
    }
    for name, load in cases.items():
        for threads in (1, 2):
            with relay(binary, threads, "0,1") as at:
                result = wsload(at, *load, "--duration", "3", cpus="0,1")
                cost, rate = result["server_us_per"], result["rate"]
                print(f"| {name} | {threads} | {rate:,.0f} | {cost:.3f} µs |")


def churn(binary: Path) -> None:
    """Memory after many connections that came and went."""
    print("| connections so far | RSS | descriptors | threads |\n|---|---|---|---|")
    with relay(binary) as at:
        total = 0
        for goal in (10_000, 100_000, 1_000_000):
            while total < goal:
                load = ["churn", "--path", "/echo", "-c", "50", "-t", "-s", "64", "--warmup", "0"]
                rest = goal - total
                seconds = "0.5" if rest < 20_000 else str(min(20, rest // 20_000))
                total += int(wsload(at, *load, "--duration", seconds)["count"])
            descriptors, threads = at.counts()
            print(f"| {total:,} | {at.memory_kib():,} KiB | {descriptors} | {threads} |")


def latency(binary: Path) -> None:
    """20,000 messages a second, alone and while 1,000 connections a second come and go."""
    before = REAL_TIME if allows_real_time() else []
    if not before:
        print("no real-time priority (try as root): other processes show in the latencies\n")
    servers = {"floor": lambda: floor(before), "wsrelay": lambda: relay(binary, before=before)}
    found: dict[str, dict[bool, list[float]]] = {n: {False: [], True: []} for n in servers}
    arrivals = 0.0
    with awake(["0", "1"]):
        for repetition in range(LATENCY_REPETITIONS):
            for name in sorted(servers, reverse=repetition % 2 == 1):
                for crowd in (False, True):
                    p99, rate = latency_of(servers[name], crowd)
                    found[name][crowd].append(p99)
                    arrivals += rate / (2 * LATENCY_REPETITIONS)
    print("| server | p99 alone | p99 beside newcomers |\n|---|---|---|")
    for name, figures in found.items():
        medians = [f"{statistics.median(figures[crowd]):.0f} µs" for crowd in (False, True)]
        print(f"| {name} | {medians[0]} | {medians[1]} |")
    alone, crowded = (
        Estimate([w / f for w, f in zip(found["wsrelay"][c], found["floor"][c], strict=True)])
        for c in (False, True)
    )
    print(f"| wsrelay ÷ floor | {alone} | {crowded} |")
    print(f"\n{arrivals:,.0f} newcomers a second")


def latency_of(
    server: Callable[[], AbstractContextManager[Relay]], crowd: bool
) -> tuple[float, float]:
    """One run on a start of its own: the 99th percentile in µs, and how many came a second."""
    with server() as at:
        stop = threading.Event()
        done = [0]
        thread = threading.Thread(target=come_and_go, args=(at.port, stop, done))
        began = time.monotonic()
        if crowd:
            thread.start()
        load = ["latency", "--path", "/echo", "-c", "100", "-s", "64", "--rate", "20000"]
        result = wsload(at, *load, "--duration", "0.5", "--warmup", "0.3")
        stop.set()
        if crowd:
            thread.join()
        return result["p99"], done[0] / (time.monotonic() - began)


def come_and_go(port: int, stop: threading.Event, done: list[int]) -> None:
    """1,000 connections a second, each with a Close, on the processor of the load."""
    os.sched_setaffinity(0, {1})
    began = time.monotonic()
    while not stop.is_set():
        if done[0] > (time.monotonic() - began) * 1000:
            time.sleep(0.001)
            continue
        client = Client(port, "/echo")
        client.socket.sendall(b"\x88\x82\0\0\0\0\x03\xe8")
        client.socket.recv(16)
        client.socket.close()
        done[0] += 1


TABLES: dict[str, Callable[[Path], None]] = {
    "connections": connections,
    "members": members,
    "channels": channels,
    "workers": workers,
    "churn": churn,
    "latency": latency,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--binary", type=Path, default=HERE.parent / ".build/release/wsrelay")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(TABLES))
    args = parser.parse_args()
    if unknown := set(args.tables) - set(TABLES):
        sys.exit(f"scale: no table {', '.join(unknown)}; there are {', '.join(TABLES)}")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for name in args.tables or TABLES:
        print(f"\n{name}\n")
        TABLES[name](args.binary)
    return 0


if __name__ == "__main__":
    sys.exit(main())
