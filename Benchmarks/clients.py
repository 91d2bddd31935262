#!/usr/bin/env python3
"""wsrelay-bench against wsload: what each costs itself, and what each says that a server costs.

    clients.py [--cases E1,B1] [--reps 21] [--bench ../.build/release/wsrelay-bench]

Both load the reference server, floor, in turn, the server on core 0 and the client on core 1;
wsload does so twice: how its two runs differ is the machine's doing and the order's. The exit
status is 1 where wsrelay-bench needs more than 1.3 times wsload's CPU time a message, by the median
of the repetitions' ratios, or where the two disagree by more than 5 % on the server's, by the whole
95 % interval of that median.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from compare import HERE, Estimate, Server, start

ROOT = HERE.parent

# By case: what wsload is told, and what wsrelay-bench is.
CASES = {
    "E1": ("echo -c 100 -s 64 -d 1", "echo -c 100 -s 64 -d 1"),
    "E2": ("echo -c 100 -s 64 -d 16", "echo -c 100 -s 64 -d 16"),
    "E3": ("echo -c 50 -s 16384 -d 4", "echo -c 50 -s 16K -d 4"),
    "E4": ("echo -c 10 -s 1048576 -d 1", "echo -c 10 -s 1M -d 1"),
    "E1t": ("echo -t -c 100 -s 64 -d 1", "echo --text -c 100 -s 64 -d 1"),
    "B1": (
        "broadcast --pubs 1 --subs 1000 -s 64 --window 8",
        "broadcast -p 1 -n 1000 -s 64 -d 8",
    ),
    "B2": ("broadcast --pubs 50 --subs 0 -s 128 --window 4", "broadcast -p 50 -n 0 -s 128 -d 4"),
}

OWN_BAR = 1.3
AGREEMENT = 0.05


@dataclass
class Run:
    """What one client said of one run, in µs of CPU time a message."""

    own: float
    server: float
    faults: int


def path(case: str) -> str:
    return "/broadcast" if case.startswith("B") else "/echo"


def load(command: list[str], cpu: str) -> dict[str, object]:
    done = subprocess.run(
        ["taskset", "-c", cpu, *command], capture_output=True, text=True, timeout=90
    )
    lines = done.stdout.strip().splitlines()
    if not lines:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()[-300:]}")
    result: dict[str, object] = json.loads(lines[-1])
    return result


def run_wsload(args: argparse.Namespace, case: str, pid: int, port: int) -> Run:
    command = [str(HERE / "build" / "wsload"), *CASES[case][0].split(), "--json"]
    command += ["--port", str(port), "--path", path(case), "--server-pid", str(pid)]
    found = load([*command, "--duration", args.duration, "--warmup", "0.5"], args.load_cpu)
    seconds, count = float(str(found["seconds"])), float(str(found["count"]))
    own = float(str(found["loadgen_pct"])) / 100 * seconds * 1e6 / count
    return Run(own, float(str(found["server_us_per"])), int(str(found["errors"])))


def run_bench(args: argparse.Namespace, case: str, pid: int, port: int) -> Run:
    command = [str(args.bench), *CASES[case][1].split(), "--json", "--server-pid", str(pid)]
    command += ["--duration", args.duration, "--warmup", "0.5"]
    found = load([*command, f"ws://127.0.0.1:{port}{path(case)}"], args.load_cpu)
    server = found["server"]
    assert isinstance(server, dict)
    own = float(str(found["client_cpu_us_per_message"]))
    return Run(own, float(server["cpu_us_per_message"]), int(str(found["faults"])))


@dataclass
class Repetition:
    """wsrelay-bench and, twice, wsload on one start of the server."""

    bench: Run
    wsload: tuple[Run, Run]

    def ratio(self, figure: Callable[[Run], float]) -> float:
        """wsrelay-bench's figure ÷ the mean of wsload's."""
        return figure(self.bench) * 2 / sum(map(figure, self.wsload))

    @property
    def control(self) -> float:
        """What wsload says of the server ÷ what it said before: machine and order alone."""
        return self.wsload[1].server / self.wsload[0].server


def measure(args: argparse.Namespace, case: str) -> list[Repetition]:
    """Each repetition on a server of its own, which the clients load in turn: one start of it may
    cost a tenth more than the next. Each comes first, second and last as often as the others."""
    server = Server("floor", f"{HERE / 'build' / 'floor'} PORT")
    found = []
    for repetition in range(args.reps):
        clients = [run_wsload, run_wsload]
        place = repetition % 3
        clients.insert(place, run_bench)
        process, port = start(server, "0", HERE / "build" / "floor.log")
        try:
            runs = [client(args, case, process.pid, port) for client in clients]
        finally:
            process.kill()
            process.wait()
        bench = runs.pop(place)
        found.append(Repetition(bench, (runs[0], runs[1])))
    return found


def main() -> int:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--cases", default="E1,E2,E3,E4,B1,B2")
    p.add_argument("--reps", type=int, default=21)
    p.add_argument("--duration", default="0.6")
    p.add_argument("--load-cpu", default="1")
    p.add_argument("--bench", type=Path, default=ROOT / ".build" / "release" / "wsrelay-bench")
    args = p.parse_args()
    failed = 0
    print(
        "case  own CPU a message: wsload, bench, ratio           the server's: wsload, bench, ratio"
    )
    for case in args.cases.split(","):
        found = measure(args, case)
        own = Estimate([r.ratio(lambda run: run.own) for r in found])
        server = Estimate([r.ratio(lambda run: run.server) for r in found])
        control = Estimate([r.control for r in found])
        faults = sum(run.faults for r in found for run in (r.bench, *r.wsload))
        least, most = server.interval
        agree = least <= 1 + AGREEMENT and most >= 1 - AGREEMENT
        passed = own.median <= OWN_BAR and agree and faults == 0
        failed += not passed
        wsloads, benches = [w for r in found for w in r.wsload], [r.bench for r in found]
        print(
            f"{case:5} {median(w.own for w in wsloads):18.3f} {median(b.own for b in benches):7.3f}"
            f" {own!s:>22} {median(w.server for w in wsloads):12.3f}"
            f" {median(b.server for b in benches):7.3f} {server!s:>22}"
            f"  wsload again {control}"
            f"{'' if passed else '  ABOVE THE BAR'}{f'  FAULTS {faults}' if faults else ''}",
            flush=True,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
