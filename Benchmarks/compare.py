#!/usr/bin/env python3
"""Server CPU time per message of several WebSocket servers, side by side in one run.

    compare.py [--cases E1,B1] [--reps 15] floor='build/floor PORT' wsrelay='wsrelay … :PORT'

For each case and repetition every server is started afresh on core 0 and loaded from core 1, one
after the other, so that a change of the machine's speed touches all alike. The judgement is the
median over repetitions of the ratio to the first server of the same repetition; below 1 is cheaper
than the first. With --bars the last server must stay below the bars of this file (README.md says
where they come from), and the exit status is 1 where it does not.

One start of a server may cost a tenth more than the next of the same binary, for as long as it
runs. So many short repetitions tell more than a few long ones, and each ratio is said with the 95 %
interval of its median.

A bar of 1.0, for what has to be no dearer than a rival that is as cheap, would be a throw of a
coin: it is missed where the whole interval lies above it. An open loop is judged by its 99th
percentile, which is mostly the machine's: what else runs, and how long a core takes to wake. It is
measured four times as often as the others, on cores that are kept awake, and the servers have
real-time priority where that is allowed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import socket
import statistics
import subprocess
import sys
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

CASES = {
    "E1": "echo -c 100 -s 64 -d 1",
    "E2": "echo -c 100 -s 64 -d 16",
    "E3": "echo -c 50 -s 16384 -d 4",
    "E4": "echo -c 10 -s 1048576 -d 1",
    "B1": "broadcast --pubs 1 --subs 1000 -s 64 --window 8",
    "B2": "broadcast --pubs 50 --subs 0 -s 128 --window 4",
    "E1t": "echo -t -c 100 -s 64 -d 1",
    "E2t": "echo -t -c 100 -s 64 -d 16",
    "E3t": "echo -t -c 50 -s 16384 -d 4",
    "E1m": "echo --mixed -c 100 -s 64 -d 1",
    "E2m": "echo --mixed -c 100 -s 64 -d 16",
    "E3m": "echo --mixed -c 50 -s 16384 -d 4",
    "C1": "churn -c 50 -t -s 64",
    "D1": "echo -t --deflate -c 100 -s 1024 -d 1",
    "L1": "latency -c 100 -s 64 --rate 20000",
}

# Server CPU per message, the last server ÷ the first.
BARS = {"E1": 1.05, "E2": 1.15, "E3": 1.10, "E4": 1.10, "B1": 1.05, "B2": 1.10}
# What checking UTF-8 may cost: the last server's text ÷ its binary twin, which is measured beside
# it in every repetition. Lower quartiles, because a run of 16 KiB messages settles at either 4.7 or
# 11 µs a message, whatever the server: a slow run ÷ a fast one would say nothing about UTF-8.
TEXT_BARS = {
    "E1t": ("E1", 1.05),
    "E2t": ("E2", 1.05),
    "E3t": ("E3", 1.05),
    "E1m": ("E1", 1.15),
    "E2m": ("E2", 1.15),
    "E3m": ("E3", 1.15),
}
# Cases whose figure beside CPU is the 99th percentile, in µs; how many repetitions stand for one of
# the others.
OPEN_LOOPS = ["L1"]
OPEN_LOOP_REPETITIONS = 4
# Before a server's command: nothing else that wants its core is let in between. 1 is the lowest of
# such priorities.
REAL_TIME = ["chrt", "--fifo", "1"]
# Before a command that runs only where nothing else would.
IDLE = ["chrt", "--idle", "0"]
# The bar of whoever must be no dearer than a rival that is as cheap.
PARITY = 1.0
# The last server ÷ the one that `--rival` names: CPU a message, and for L1 the 99th percentile.
RIVAL_BARS = {"E4": 0.80, "C1": PARITY, "D1": 0.60, "L1": PARITY}

# The host may be shared: one repetition's core speeds must be this alike to count as one moment.
ALIKE_CORE_SPEEDS = 1.25
# Percent of a core that something else may take from the server while it is measured.
TOLERATED_INTRUSION = 10.0
# How often a repetition is measured again because it was disturbed.
MAXIMUM_RETRY_COUNT = 3
START_SECONDS = 10.0
RUN_SECONDS = 90


@dataclass(frozen=True)
class Server:
    """One command to measure; PORT in it stands for the port to listen on."""

    name: str
    command: str


@dataclass
class Estimate:
    """What repetitions say of a ratio: their median, and where it lies with 95 % or more.

    The interval goes by ranks, so that nothing is supposed of how they spread: that the median of
    what they were drawn from is below the value of rank k is as likely as fewer than k heads in as
    many throws of a coin. Five values or fewer have no such interval: it is all of them then, and
    says less (94 % of five, 75 % of three).
    """

    values: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def interval(self) -> tuple[float, float]:
        count, ordered = len(self.values), sorted(self.values)
        tails = accumulate(math.comb(count, heads) / 2**count for heads in range(count))
        rank = max(bisect_right(list(tails), 0.025) - 1, 0)
        return ordered[rank], ordered[count - 1 - rank]

    def __str__(self) -> str:
        least, most = self.interval
        if least == most:
            return f"{self.median:.3f}"
        return f"{self.median:.3f} ({least:.3f} to {most:.3f})"


@dataclass
class Row:
    """What all repetitions of one case said about one server."""

    case: str
    server: str
    cost: float
    rate: float
    ratio: Estimate
    errors: int
    disturbed: int
    # Of an open loop, in µs.
    p99: float | None = None
    bar: float | None = None
    judged: Estimate | None = None

    @property
    def passed(self) -> bool:
        if self.errors or self.bar is None or self.judged is None:
            return self.errors == 0
        return (self.judged.interval[0] if self.bar == PARITY else self.judged.median) <= self.bar

    @property
    def verdict(self) -> str:
        if self.errors:
            return f"ERRORS {self.errors}"
        if self.bar is None:
            return ""
        holds = "not above" if self.bar == PARITY else "≤"
        return f"{self.judged} {holds if self.passed else '> BAR'} {self.bar:.2f}"


@dataclass
class Repetition:
    """One round over all servers, close together in time."""

    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Of a text case: the last server's run of its binary twin.
    twin: dict[str, Any] | None = None
    # Whether the cores were kept awake: what did that is no disturbance.
    is_awake: bool = False

    @property
    def is_quiet(self) -> bool:
        """The machine was equally fast throughout, and nothing else ran on the server's core."""
        runs = [*self.runs.values(), *([self.twin] if self.twin else [])]
        speeds = [s for run in runs for s in run.get("calib_ns", []) if s > 0]
        if speeds and max(speeds) / min(speeds) > ALIKE_CORE_SPEEDS:
            return False
        return all(self.intrusion(run) <= TOLERATED_INTRUSION for run in runs)

    def intrusion(self, run: dict[str, Any]) -> float:
        """Percent of the server's core that others used or the host withheld during one run."""
        others = float(run.get("core_busy_pct", 0)) - float(run.get("server_core_pct", 0))
        steal = float(run.get("core_steal_pct", 0))
        return steal if self.is_awake else max(others, 0.0) + steal


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def allows_real_time() -> bool:
    return subprocess.run([*REAL_TIME, "true"], stderr=subprocess.DEVNULL).returncode == 0


@contextmanager
def awake(cpus: Sequence[str]) -> Iterator[None]:
    """Keeps cores from sleeping: something that gives way to everybody runs on each.

    How long a host takes to wake a core of a virtual machine differs by milliseconds from one
    moment to the next, whichever server it is that waits.
    """
    # It ends with this process, however that ends.
    loop = f"import os\nwhile os.getppid() == {os.getpid()}: sum(range(1000))"
    spin = [sys.executable, "-c", loop]
    spinners = [subprocess.Popen([*IDLE, "taskset", "-c", cpu, *spin]) for cpu in cpus]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()


def start(
    server: Server, cpus: str, log: Path, before: Sequence[str] = ()
) -> tuple[subprocess.Popen[bytes], int]:
    """Starts a server and waits until it accepts connections; `before` goes before its command."""
    port = free_port()
    command = [*before, "taskset", "-c", cpus, *server.command.replace("PORT", str(port)).split()]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            time.sleep(0.15)  # let the server finish with the probe before it is measured
            return process, port
        except OSError:
            time.sleep(0.02)
    process.kill()
    process.wait()
    tail = log.read_text(errors="replace")[-500:]
    sys.exit(f"did not start: {' '.join(command)}\n{tail}")


def measure(args: argparse.Namespace, server: Server, case: str) -> dict[str, Any]:
    log = args.output / f"{server.name}.log"
    is_open_loop = case in OPEN_LOOPS
    before = REAL_TIME if is_open_loop and args.real_time else []
    process, port = start(server, args.cpus, log, before)
    path = args.broadcast_path if case.startswith("B") else args.echo_path
    load = ["taskset", "-c", args.load_cpu, str(args.wsload), *CASES[case].split()]
    load += ["--port", str(port), "--path", path, "--duration", args.duration, "--warmup", "0.3"]
    load += ["--server-pid", str(process.pid), "--server-cpu", args.cpus.split(",")[0], "--json"]
    try:
        run = subprocess.run(load, capture_output=True, text=True, timeout=RUN_SECONDS)
        if process.poll() is not None:
            sys.exit(f"{case}: the server ended by itself: {server.command}\nsee {log}")
        lines = run.stdout.strip().splitlines()
        if not lines:
            sys.exit(f"{case}: {server.command}: {run.stderr.strip()[-300:]}")
        result: dict[str, Any] = json.loads(lines[-1])
        return result
    finally:
        process.kill()
        process.wait()


def repeat(args: argparse.Namespace, servers: list[Server], case: str) -> list[Repetition]:
    """All repetitions of a case, each begun by another server."""
    is_open_loop = case in OPEN_LOOPS
    count = args.reps * (OPEN_LOOP_REPETITIONS if is_open_loop else 1)
    firsts = [index % len(servers) for index in range(count)]
    cores = [*args.cpus.split(","), args.load_cpu]
    with awake(cores) if is_open_loop else nullcontext():
        return [measure_all(args, servers, first, case) for first in firsts]


def measure_all(
    args: argparse.Namespace, servers: list[Server], first: int, case: str
) -> Repetition:
    """One repetition, measured again while the machine was disturbed."""
    in_turn = servers[first:] + servers[:first]
    for attempt in range(MAXIMUM_RETRY_COUNT + 1):
        runs = {s.name: measure(args, s, case) for s in in_turn}
        repetition = Repetition(runs, is_awake=case in OPEN_LOOPS)
        if case in TEXT_BARS and args.bars:
            repetition.twin = measure(args, servers[-1], TEXT_BARS[case][0])
        if repetition.is_quiet or attempt == MAXIMUM_RETRY_COUNT:
            break
    return repetition


def ratios(rounds: list[Repetition], server: str, other: str, figure: str) -> Estimate:
    """A server's figure ÷ another's, by repetition."""
    return Estimate([r.runs[server][figure] / r.runs[other][figure] for r in rounds])


def summarise(case: str, server: Server, first: Server, rounds: list[Repetition]) -> Row:
    runs = [r.runs[server.name] for r in rounds]
    return Row(
        case=case,
        server=server.name,
        cost=statistics.median(run["server_us_per"] for run in runs),
        rate=statistics.median(run["rate"] for run in runs),
        ratio=ratios(rounds, server.name, first.name, "server_us_per"),
        errors=sum(run["errors"] for run in runs),
        disturbed=sum(not r.is_quiet for r in rounds),
        p99=statistics.median(run["p99"] for run in runs) if case in OPEN_LOOPS else None,
    )


def lower_quartile(runs: list[dict[str, Any]]) -> float:
    """The CPU a message that a quarter of the runs stay below."""
    costs = sorted(run["server_us_per"] for run in runs)
    return float(costs[(len(costs) - 1) // 4])


def judge(row: Row, rival: str | None, rounds: list[Repetition]) -> None:
    """Sets the bar of the row of the last server."""
    row.judged = row.ratio
    if row.case in RIVAL_BARS and rival:
        is_open_loop = row.case in OPEN_LOOPS
        found = ratios(rounds, row.server, rival, "p99" if is_open_loop else "server_us_per")
        row.bar, row.judged = RIVAL_BARS[row.case], found
    elif row.case in TEXT_BARS:
        texts = [r.runs[row.server] for r in rounds]
        twins = [r.twin for r in rounds if r.twin]
        row.bar = TEXT_BARS[row.case][1]
        row.judged = Estimate([lower_quartile(texts) / lower_quartile(twins)])
        row.errors += sum(run["errors"] for run in twins)
    else:
        row.bar = BARS.get(row.case)


HEADINGS = ["case", "server", "µs CPU a message", "messages/s", "p99", "ratio", "judged"]


def cells(row: Row) -> list[str]:
    noise = f" (disturbed {row.disturbed}×)" if row.disturbed else ""
    return [
        row.case,
        row.server,
        f"{row.cost:.3f}",
        f"{row.rate:,.0f}",
        "" if row.p99 is None else f"{row.p99:.0f} µs",
        f"{row.ratio}{noise}",
        row.verdict,
    ]


def write_results(args: argparse.Namespace, rows: list[Row]) -> Path:
    system = os.uname()
    out = [
        f"{system.sysname} {system.release} {system.machine}, {os.cpu_count()} CPUs; "
        f"{args.reps} alternating repetitions of {args.duration} s, of open loops "
        f"{args.reps * OPEN_LOOP_REPETITIONS}; medians, and the 95 % interval of those of ratios; "
        "text cases are judged against their binary twin.\n",
        "| " + " | ".join(HEADINGS) + " |",
        "|" + "---|" * len(HEADINGS),
        *("| " + " | ".join(cells(row)) + " |" for row in rows),
    ]
    path: Path = args.output / "results.md"
    path.write_text("\n".join(out) + "\n")
    return path


def parse_arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("servers", nargs="+", metavar="NAME=COMMAND")
    p.add_argument("--cases", default="E1,E2,E3,E4,B1,B2,E1t,E2t,E3t")
    p.add_argument("--reps", type=int, default=15)
    p.add_argument("--duration", default="0.5", help="seconds a run is measured")
    p.add_argument("--cpus", default="0", help="the servers' cores")
    p.add_argument("--load-cpu", default="1")
    p.add_argument("--echo-path", default="/echo")
    p.add_argument("--broadcast-path", default="/broadcast")
    p.add_argument("--wsload", type=Path, default=HERE / "build" / "wsload")
    p.add_argument("--output", type=Path, default=HERE / "build")
    p.add_argument("--bars", action="store_true", help="fail above the bars")
    p.add_argument("--rival", metavar="NAME", help="the server some bars are relative to")
    args = p.parse_args()
    if args.rival and not any(s.startswith(f"{args.rival}=") for s in args.servers):
        p.error(f"no server is named {args.rival}")
    unknown = [c for c in args.cases.split(",") if c not in CASES]
    if unknown:
        p.error(f"unknown cases: {', '.join(unknown)}; known: {', '.join(CASES)}")
    return args


def main() -> int:
    args = parse_arguments()
    if (os.cpu_count() or 1) < 2:
        sys.exit("needs two CPUs: one for the server, one for the load")
    args.output.mkdir(parents=True, exist_ok=True)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    servers = [Server(*text.split("=", 1)) for text in args.servers]
    args.real_time = allows_real_time()
    if not args.real_time and any(case in OPEN_LOOPS for case in args.cases.split(",")):
        print("no real-time priority (try as root): other processes will show in the latencies")
    rows: list[Row] = []
    for case in args.cases.split(","):
        rounds = repeat(args, servers, case)
        for server in servers:
            row = summarise(case, server, servers[0], rounds)
            if server is servers[-1] and args.bars:
                judge(row, args.rival, rounds)
            rows.append(row)
            columns = zip(cells(row), (4, -10, 9, 12, 7, -22, 1), strict=True)
            print("  ".join(f"{c:>{w}}" if w > 0 else f"{c:{-w}}" for c, w in columns), flush=True)
    print(f"table: {write_results(args, rows)}")
    failed = [row for row in rows if not row.passed]
    judged = [row for row in rows if row.bar is not None or row.errors]
    print(f"{len(judged) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
