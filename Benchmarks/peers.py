#!/usr/bin/env python3
"""wsrelay beside servers that anybody can install from Debian or PyPI, loaded by wsrelay-bench.

    peers.py [--reps 5] [--peers wsrelay,websockets] [--cases echo,idle]

Each server runs on core 0 and wsrelay-bench on core 1, one server at a time, alternating. Writes a
table, compared.md, and a picture, compared.svg, into this folder. Servers that are not installed
are left out, aloud; one that does something wrong fails the comparison.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from compare import HERE, Server, start

ROOT = HERE.parent
BENCH = ROOT / ".build" / "release" / "wsrelay-bench"
RELAY = ROOT / ".build" / "release" / "wsrelay"
PYTHON = HERE / "build" / "venv" / "bin" / "python"
PEERS = HERE / "peers"


@dataclass(frozen=True)
class Case:
    """One load, and the figure that it is about."""

    title: str
    load: str
    path: str
    figure: tuple[str, ...]
    unit: str


CPU = ("server", "cpu_us_per_message")
CASES = {
    "echo": Case("echo, 64 B", "echo -c 100 -s 64", "/echo", CPU, "µs of CPU a message"),
    "pipelined": Case(
        "echo, 64 B, 16 in flight", "echo -c 100 -s 64 -d 16", "/echo", CPU, "µs of CPU a message"
    ),
    "large": Case("echo, 16 KiB", "echo -c 50 -s 16K", "/echo", CPU, "µs of CPU a message"),
    "broadcast": Case(
        "1 to 200, 64 B", "broadcast -n 200 -s 64 -d 4", "/broadcast", CPU, "µs of CPU a delivery"
    ),
    "idle": Case(
        "idle", "idle -c 2000", "/broadcast", ("server", "bytes_per_connection"), "B a connection"
    ),
}


@dataclass
class Peer:
    """A server: how it is started, and how its version is found."""

    command: str
    version: list[str]
    # What must be there, and how it comes there.
    needs: Path
    install: str
    # The cases that it cannot do.
    lacks: tuple[str, ...] = ()
    found: dict[str, list[float]] = field(default_factory=dict)

    def describe(self) -> str:
        done = subprocess.run(self.version, capture_output=True, text=True)
        match = re.search(r"\d+\.\d+[\w.+~:-]*", done.stdout + done.stderr)
        return match.group() if match else "?"


def of_pip(package: str) -> list[str]:
    code = f"from importlib.metadata import version; print(version('{package}'))"
    return [str(PYTHON), "-c", code]


def of_debian(package: str) -> list[str]:
    return ["dpkg-query", "--show", "--showformat=${Version}", package]


def peers(folder: Path) -> dict[str, Peer]:
    return {
        "wsrelay": Peer(
            f"{RELAY} serve --config {ROOT}/config/wsrelay.conf --listen 127.0.0.1:PORT",
            [str(RELAY), "--version"],
            RELAY,
            "make build",
        ),
        "picows (Python, uvloop)": Peer(
            f"{PYTHON} {PEERS}/picows_server.py PORT", of_pip("picows"), PYTHON, "make bench-peers"
        ),
        "nchan (nginx)": Peer(
            f"{PEERS}/run-nchan {folder} PORT",
            of_debian("libnginx-mod-nchan"),
            Path("/usr/lib/nginx/modules/ngx_nchan_module.so"),
            "apt install nginx-light libnginx-mod-nchan (which starts nginx on port 80)",
            lacks=("echo", "pipelined", "large"),
        ),
        "ws (Node.js)": Peer(
            f"node {PEERS}/ws_server.js PORT",
            of_debian("node-ws"),
            Path("/usr/share/nodejs/ws"),
            "apt install nodejs node-ws",
        ),
        "websockets (Python)": Peer(
            f"{PYTHON} {PEERS}/websockets_server.py PORT",
            of_pip("websockets"),
            PYTHON,
            "make bench-peers",
        ),
    }


def installed(chosen: dict[str, Peer]) -> dict[str, Peer]:
    for name, peer in chosen.items():
        if not peer.needs.exists():
            print(f"left out: {name}: {peer.install}", file=sys.stderr)
    return {name: peer for name, peer in chosen.items() if peer.needs.exists()}


def measure(args: argparse.Namespace, name: str, peer: Peer, key: str) -> float:
    case = CASES[key]
    log = HERE / "build" / "peer.log"
    process, port = start(Server(name, peer.command), "0", log)
    try:
        command = ["taskset", "-c", "1", str(BENCH), *case.load.split(), "--json"]
        command += ["--duration", args.duration, "--warmup", "500ms"]
        command += ["--server-pid", str(process.pid), f"ws://127.0.0.1:{port}{case.path}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            sys.exit(f"{name}, {case.title}: {done.stdout}{done.stderr}")
        value: Any = json.loads(done.stdout)
        for part in case.figure:
            value = value[part]
        return float(value)
    finally:
        process.kill()
        process.wait()


def figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def heading(args: argparse.Namespace) -> str:
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
    return (
        f"Taken {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores of {model}, "
        f"{platform.system()} {platform.release()}, load average "
        f"{os.getloadavg()[1]:.1f}: medians of {args.reps} alternating runs of {args.duration}."
    )


def table(args: argparse.Namespace, chosen: dict[str, Peer], keys: list[str]) -> str:
    titles = [f"{CASES[key].title}: {CASES[key].unit}" for key in keys]
    lines = [
        "# wsrelay beside other servers",
        "",
        "`make bench-peers` writes this and [the picture](compared.svg). "
        "[README.md](README.md) says why CPU time; [peers](peers) has the servers.",
        "",
        heading(args),
        "",
        "| server | version | " + " | ".join(titles) + " |",
        "|---|---|" + "---|" * len(keys),
    ]
    for name, peer in chosen.items():
        cells = [
            figure(statistics.median(peer.found[key])) if key in peer.found else "–" for key in keys
        ]
        lines.append(f"| {name} | {peer.describe()} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def picture(args: argparse.Namespace, chosen: dict[str, Peer], keys: list[str]) -> str:
    """Bars on a logarithmic axis, one group for each case; shorter is cheaper."""
    width, left, row = 860, 210, 22
    parts: list[str] = []
    y = 70
    for key in keys:
        values = {
            name: statistics.median(peer.found[key])
            for name, peer in chosen.items()
            if key in peer.found
        }
        least, most = min(values.values()) / 2, max(values.values())
        parts.append(
            f'<text class="case" x="24" y="{y}">'
            f"{escape(CASES[key].title)}: {CASES[key].unit}</text>"
        )
        y += 10
        for name, value in values.items():
            length = (width - left - 110) * math.log(value / least) / math.log(most / least)
            style = "ours" if name == "wsrelay" else "other"
            parts.append(
                f'<text x="{left - 10}" y="{y + 15}" text-anchor="end">{escape(name)}</text>'
                f'<rect class="{style}" x="{left}" y="{y + 3}" width="{length:.1f}" height="16"/>'
                f'<text x="{left + length + 8:.1f}" y="{y + 15}">{figure(value)}</text>'
            )
            y += row
        y += 34
    style = (
        "text { font: 13px system-ui, sans-serif; fill: #333 } .case { font-weight: 600 } "
        ".title { font-size: 17px; font-weight: 600 } .ours { fill: #1464a8 } "
        ".other { fill: #a9bccb }"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y - 20}" role="img">\n'
        f"<title>wsrelay beside other servers</title>\n<style>{style}</style>\n"
        '<rect width="100%" height="100%" fill="#fff"/>\n'
        '<text class="title" x="24" y="30">What servers cost: shorter is cheaper, '
        "axes are logarithmic</text>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def main() -> int:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--reps", type=int, default=5)
    p.add_argument("--duration", default="1500ms")
    p.add_argument("--peers", default="", help="parts of names; all if empty")
    p.add_argument("--cases", default=",".join(CASES))
    args = p.parse_args()
    keys = args.cases.split(",")
    with tempfile.TemporaryDirectory() as folder:
        wanted = args.peers.split(",")
        known = peers(Path(folder)).items()
        chosen = installed({n: peer for n, peer in known if any(part in n for part in wanted)})
        for key in keys:
            for _ in range(args.reps):
                for name, peer in chosen.items():
                    if key not in peer.lacks:
                        peer.found.setdefault(key, []).append(measure(args, name, peer, key))
            for name, peer in chosen.items():
                if key in peer.found:
                    values = peer.found[key]
                    middle, spread = (
                        statistics.median(values),
                        f"{min(values):.3g}–{max(values):.3g}",
                    )
                    print(f"{key:10} {name:25} {figure(middle):>8}  ({spread})", flush=True)
    (HERE / "compared.md").write_text(table(args, chosen, keys))
    (HERE / "compared.svg").write_text(picture(args, chosen, keys))
    return 0


if __name__ == "__main__":
    sys.exit(main())
