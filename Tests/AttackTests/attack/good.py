"""Well-behaved clients beside an attack: wsload at a fixed rate, whatever the relay does."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass

from attack.machine import pinned, processors
from support.daemon import ROOT

WSLOAD = ROOT / "Benchmarks" / "build" / "wsload"
ROUTES = """
[[route]]
path = "/good/echo"
mode = "echo"
[[route]]
path = "/good/{room}"
mode = "broadcast"
"""


@dataclass
class Good:
    """What the well-behaved clients measured."""

    p99_us: float
    lost: int
    faults: str


class GoodClients:
    """Well-behaved clients: echoes and a room, at a fixed rate whatever the relay does."""

    RATE = {"echo": 400, "room": 100}

    def __init__(self, port: int, seconds: float) -> None:
        shared = ["--port", str(port), "--duration", str(seconds), "--warmup", "0.2", "--json"]
        modes = [
            ["--path", "/good/echo", "-c", "4", "--rate", str(self.RATE["echo"])],
            [
                *("--kind", "broadcast", "--path", "/good/room", "--subs", "3", "--pubs", "1"),
                *("--rate", str(self.RATE["room"]), "--self", "0", "--ignore-other"),
            ],
        ]
        priority = ("chrt", "--fifo", "5")
        self.processes = [
            subprocess.Popen(
                pinned(
                    *(str(WSLOAD), "latency", *shared, *mode),
                    cpu=str(processors()[1]),
                    priority=priority,
                ),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for mode in modes
        ]

    def finish(self) -> Good:
        results = []
        for process in self.processes:
            output, errors = process.communicate(timeout=60)
            assert output.strip(), errors
            results.append(json.loads(output.strip().splitlines()[-1]))
        return Good(
            p99_us=max(r["p99"] for r in results),
            lost=sum(r["lost"] + r["order"] + r["dup"] + r["mismatch"] for r in results),
            faults=" ".join(r["first_error"] for r in results).strip(),
        )
