"""100,000 connections that end in every quick way at random: one entry each, and all counted."""

from __future__ import annotations

import json
import os
import re
import signal
from collections import Counter

from records.daemon import LIFE, JournalRelay
from records.journald import journalctl, journalctl_bytes
from records.load import Load
from support.deadlines import eventually

pytest_plugins = ["records.fixtures"]

COUNT = int(os.environ.get("WSRELAY_STORM", "100000"))
ROUTES = """
threads = 2
[[route]]
path = "/churn"
mode = "echo"
accept = "text"
max_message_size = "64B"
"""


def test_storm(relay: JournalRelay) -> None:
    daemon = relay(ROUTES, follow=LIFE)
    with Load(daemon.port, COUNT // 4, processes=4) as load:
        what = f"(WSRELAY_SEED={load.seed} repeats it)"
        ended = load.finish()

    def counters() -> str:
        """The daemon's own count, once nothing is open any more."""
        daemon.signal(signal.SIGUSR1)
        lines = [entry["MESSAGE"] for entry in daemon.entries("--lines=20")]
        return next((line for line in lines if line.startswith("counters: 0 ")), "")

    line = eventually(counters, f"no connection is left {what}", 60)
    own = {cause: int(n) for cause, n in re.findall(r"([a-z0-9-]+) (\d+)[,)]", line.split("(")[1])}
    own["reject"] = int(re.search(r"(\d+) refused", line).group(1))  # type: ignore[union-attr]
    assert own == ended, what

    journalctl()
    fields = "--output-fields=WSRELAY_CONNECTION_ID,WSRELAY_CAUSE,WSRELAY_EVENT"
    match = (daemon.match, "WSRELAY_EVENT=close", "WSRELAY_EVENT=reject")
    entries = [json.loads(e) for e in journalctl_bytes("-o", "json", fields, *match).splitlines()]
    assert len(entries) == COUNT, what
    assert len({entry["WSRELAY_CONNECTION_ID"] for entry in entries}) == COUNT, what
    assert Counter(e.get("WSRELAY_CAUSE", e["WSRELAY_EVENT"]) for e in entries) == ended, what
