"""The formula that the suite holds the relay to is that of docs/memory.md."""

from __future__ import annotations

import re

from attack.bound import BLOCK_HEAD, BLOCK_LEAD, CONTEXT, KIB, TLS, Bound
from support.daemon import ROOT

PAGE = (ROOT / "docs" / "memory.md").read_text()


def test_defaults() -> None:
    bound = Bound()
    expected = {
        "handshake": bound.handshake,
        "idle": bound.idle,
        "receiving": bound.receiving,
        "waiting": bound.waiting,
        "worst": bound.worst,
    }
    found = dict(re.findall(r"^\| (\w+) \|.*\| (\d+) \|$", PAGE, re.MULTILINE))
    assert {state: int(n) for state, n in found.items()} == expected
    assert f"{CONTEXT} with `compression" in PAGE
    assert f"and {BLOCK_HEAD} bytes for" in PAGE
    assert f"{BLOCK_LEAD} more" in PAGE
    of_tls = re.search(r"OpenSSL besides: (\d+) KB .* about (\d+) KB .* (\d+) KiB", PAGE, re.DOTALL)
    assert of_tls and sum(map(int, of_tls.groups())) * KIB == TLS
