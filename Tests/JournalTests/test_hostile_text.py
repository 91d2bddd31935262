"""Whatever text a peer sends, it stays the value of one field of one entry, and does nothing else.

Looked at as an administrator does, by every output of journalctl.
"""

from __future__ import annotations

import json
import re
import unicodedata

import pytest
from records.daemon import JournalDaemon, JournalRelay
from records.hostile import SECRETS, TEXTS
from records.journald import journalctl, journalctl_bytes
from support.daemon import ROOT
from support.wire import Wire, close_frame, request

pytest_plugins = ["records.fixtures"]

ROUTES = """
threads = 1
[[route]]
path = "/echo"
mode = "echo"
[[route]]
path = "/room/{name}"
mode = "broadcast"
[[route]]
path = "/chat"
mode = "echo"
subprotocols = ["chat.v2"]
"""
FIELDS = set(
    re.findall(
        r'= "([A-Z_]+)"',
        (ROOT / "Sources" / "CloseEvents" / "JournalField.swift").read_text(),
    )
)
HOLE = "HOLE"
# Where a text is put into a request; a close reason is put into a frame instead.
PLACES = {
    "path": request(f"/room/{HOLE}"),
    "query": request(f"/room/x?q={HOLE}"),
    "query name": request(f"/room/x?{HOLE}=1"),
    "unknown path": request(f"/{HOLE}"),
    "origin": request("/echo", {"Origin": HOLE}),
    "user agent": request("/echo", {"User-Agent": HOLE}),
    "subprotocol": request("/chat", {"Sec-WebSocket-Protocol": f"{HOLE}, chat.v2"}),
    "wrong subprotocol": request("/chat", {"Sec-WebSocket-Protocol": HOLE}),
    "method": request("/echo").replace(b"GET ", HOLE.encode() + b" ", 1),
    "version": request("/echo").replace(b"HTTP/1.1", HOLE.encode(), 1),
    "host": request("/echo").replace(b"127.0.0.1", HOLE.encode(), 1),
}


def attempt(daemon: JournalDaemon, sent: bytes) -> int:
    """One connection, opened or refused, to its end; the port it came from."""
    with Wire(daemon.port) as client:
        client.send(sent)
        if client.read_head().startswith("HTTP/1.1 101"):
            client.send(close_frame(1000))
        else:
            # What is not refused yet waits for more: there is no more.
            client.half_close()
        client.read_to_end()
        return client.local_port


def exported(text: bytes) -> list[dict[str, str]]:
    """The entries of `journalctl -o export`, in which a field that is no text shows as binary."""
    found = []
    for block in text.decode().strip("\n").split("\n\n"):
        pairs = [line.split("=", 1) for line in block.split("\n")]
        assert all(len(pair) == 2 for pair in pairs), f"a binary field: {block!r}"
        entry = {name: value for name, value in pairs}
        assert len(entry) == len(pairs), f"a field twice: {block!r}"
        found.append(entry)
    return found


def check_printable(text: bytes, what: str) -> None:
    """Nothing in it acts on a screen: no control byte, no line separator, no direction."""
    for character in set(text.decode()) - {"\n"}:
        acts = unicodedata.category(character) in ("Cc", "Zl", "Zp")
        directs = unicodedata.bidirectional(character) in (
            *("LRE", "RLE", "LRO", "RLO", "PDF"),
            *("LRI", "RLI", "FSI", "PDI"),
        )
        assert not acts and not directs, f"{character!r} in journalctl -o {what}"


def check_all_outputs(daemon: JournalDaemon, count: int) -> list[dict[str, str]]:
    """So many entries in every format, and none that does more than to be read."""
    journalctl()
    outputs = {
        name: journalctl_bytes("-o", name, daemon.match)
        for name in ("cat", "short", "json", "verbose", "export")
    }
    for name, output in outputs.items():
        check_printable(output, name)
        assert b"blob data" not in output, f"journalctl -o {name} hides what it cannot print"
    found = exported(outputs["export"])
    assert len(found) == count
    for entry in found:
        own = {name for name in entry if not name.startswith("_")}
        assert own <= FIELDS, f"a field of somebody else's making: {own - FIELDS}"
        assert entry["SYSLOG_IDENTIFIER"] == "wsrelay" and entry["PRIORITY"] in "34567"
        assert entry.get("WSRELAY_CAUSE") != "forged" and entry["MESSAGE"] != "forged"
    for name in ("cat", "short", "json"):
        assert outputs[name].count(b"\n") == count, f"journalctl -o {name} has other lines"
    for line in outputs["json"].splitlines():
        assert all(isinstance(value, str) for value in json.loads(line).values())
    return found


@pytest.mark.parametrize("place", PLACES)
def test_text_in_a_request(relay: JournalRelay, place: str) -> None:
    daemon = relay(ROUTES)
    sent = [PLACES[place].replace(HOLE.encode(), text) for text in TEXTS.values()]
    ports = [attempt(daemon, request) for request in sent]
    daemon.stop()
    # Besides these: start, drain and stop.
    found = check_all_outputs(daemon, len(TEXTS) + 3)
    peers = (entry.get("WSRELAY_PEER_PORT") for entry in found)
    assert sorted(int(port) for port in peers if port) == sorted(ports)


def test_text_in_a_close_reason(relay: JournalRelay) -> None:
    daemon = relay(ROUTES)
    for text in TEXTS.values():
        with Wire.open(daemon.port) as client:
            client.send(close_frame(1000, text))
            client.read_to_end()
    daemon.stop()
    found = check_all_outputs(daemon, len(TEXTS) + 3)
    found = [entry for entry in found if entry["WSRELAY_EVENT"] == "close"]
    reasons = {e.get("WSRELAY_REASON_RECEIVED", "") for e in found}
    assert r"x\x0aMESSAGE=forged" in reasons
    assert r"\u{202e}gnp.exe" in reasons
    assert "A" * 123 in reasons
    # Of what is not UTF-8 nothing is kept, and what is too long is no Close frame at all.
    assert {e["WSRELAY_CAUSE"] for e in found} == {"peer-close", "invalid-utf8", "protocol-error"}


def test_words_stay_words(relay: JournalRelay) -> None:
    """The fifth word of MESSAGE is the peer, whatever the path is."""
    daemon = relay(ROUTES)
    for text in TEXTS.values():
        attempt(daemon, PLACES["path"].replace(HOLE.encode(), text))
    daemon.stop()
    for record in daemon.find("close"):
        words = record["MESSAGE"].split(" ")
        assert words[4] == f"127.0.0.1:{record['WSRELAY_PEER_PORT']}", record["MESSAGE"]


@pytest.mark.parametrize("details", ["true", "false"])
def test_secrets_are_masked(relay: JournalRelay, details: str) -> None:
    log = f'\n[log]\ntarget = "journal"\nlevel = "debug"\npeer_details = {details}\n'
    daemon = relay(ROUTES + log)
    for target in SECRETS:
        attempt(daemon, request("/TARGET").replace(b"/TARGET", target))
        headers = {"Origin": f"https://example.org{target.decode('latin-1')}"}
        attempt(daemon, request("/echo", headers))
    daemon.stop()
    output = journalctl("-o", "export", daemon.match)
    assert "S3CRET" not in output
    assert ("token=***" in output) == (details == "true")


def test_without_peer_details(relay: JournalRelay) -> None:
    """Origin, user agent and query appear nowhere, not even where a request is refused."""
    log = '\n[log]\ntarget = "journal"\nlevel = "debug"\npeer_details = false\n'
    daemon = relay(ROUTES + log)
    headers = {"Origin": "https://MARKED.example", "User-Agent": "MARKED"}
    paths = ("/echo", "/room/x", "/nowhere", "/ec\x7fho", "/x#MARKED", "/" + "x" * 1100)
    for path in paths:
        attempt(daemon, request(f"{path}?q=MARKED", headers))
        attempt(daemon, request(f"{path}?q=MARKED", headers).replace(b"Upgrade: ", b"Bad : "))
    attempt(daemon, request("/echo?MARKED", {**headers, "Origin": "https://x.example?MARKED"}))
    daemon.stop()
    assert len(daemon.find("close") + daemon.find("reject")) == 2 * len(paths) + 1
    assert "MARKED" not in journalctl("-o", "export", daemon.match)
