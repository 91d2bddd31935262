"""Where records go by `[log] target`, and that each place gets the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from records.causes import CASES, ROUTES, Case
from records.daemon import JournalDaemon, JournalRelay
from records.expected import own
from records.journald import Journald, entries
from support.daemon import Daemon, Record, free_port, running, supervised
from support.deadlines import eventually
from support.wire import Wire, frame

pytest_plugins = ["records.fixtures"]

# Differ from run to run.
VARYING = re.compile(r"_USEC|_CONNECTION_ID|_PEER_PORT|_TCP_|MESSAGE$|_LISTENER")
AUTO = '\n[log]\ntarget = "auto"\n'
# As a service: standard error is the journal's stream, and a variable says so.
SERVICE = (
    *("systemd-cat", "sh", "-c"),
    'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$@"',
    "sh",
)


def steady(record: Record) -> Record:
    return {k: v for k, v in own(record).items() if not VARYING.search(k)}


@pytest.mark.parametrize(
    "name", ["peer-close by a browser's manners", "peer-reset", "idle-timeout"]
)
def test_json_has_what_the_journal_has(relay: JournalRelay, tmp_path: Path, name: str) -> None:
    """The same end, once to the journal and once to standard error as JSON: the same fields."""
    case: Case = CASES[name]
    journal = relay(ROUTES)
    kept = journal.closed(peer_port=case.act(journal))
    with running(tmp_path, ROUTES, name="stderr.conf") as daemon:
        line = daemon.closed(peer_port=case.act(daemon))
    assert own(line).keys() == own(kept).keys()
    assert steady(line) == steady(kept)
    assert line.keys() - own(line).keys() == {"__REALTIME_TIMESTAMP"}
    # JSON has them in the order of the entry, MESSAGE first.
    assert list(line)[:4] == ["__REALTIME_TIMESTAMP", "MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER"]


def break_a_rule(daemon: Daemon) -> int:
    with Wire.open(daemon.port) as client:
        client.send(frame(3))
        client.read_to_end()
        return client.local_port


def test_auto_in_a_service(relay: JournalRelay) -> None:
    daemon = relay(ROUTES + AUTO, *SERVICE)
    record = daemon.closed(peer_port=break_a_rule(daemon))
    assert record["_TRANSPORT"] == "journal" and record["WSRELAY_CAUSE"] == "protocol-error"


class PlainDaemon(Daemon):
    """One whose records are lines of text: all of them end up in `other_lines`."""

    def find(self, event: str, **fields: str | int) -> list[Record]:
        # Its start is told by the word; nothing else can be asked for.
        lines = list(self.early_lines)
        return [{"MESSAGE": line} for line in lines if "started: " in line]

    def check_records(self) -> None:
        assert not self.records


def test_auto_elsewhere(journald: Journald, tmp_path: Path) -> None:
    """Standard error is a pipe: lines of text in it, and nothing in the journal."""
    daemon = PlainDaemon(tmp_path / "wsrelay.conf", ROUTES + AUTO, free_port())
    with supervised(daemon):
        port = break_a_rule(daemon)
        lines = eventually(
            lambda: [line for line in list(daemon.other_lines) if f":{port} " in line], "a line"
        )
    (line,) = lines
    time, rest = line.split(" ", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", time)
    assert rest.startswith(f"warning: closed 1002 protocol-error /echo 127.0.0.1:{port} after ")
    assert " sent=1002 " in rest and " initiator=relay layer=frame " in rest
    assert 'detail="reserved opcode 3 (RFC 6455 5.2)"' in rest
    assert entries(f"_PID={daemon.pid}") == []


def test_text_in_the_journals_stream(journald: Journald, tmp_path: Path) -> None:
    """`stderr` in a service: journald takes the priority off the line and knows the time."""
    text = ROUTES + '\n[log]\ntarget = "stderr"\n'
    daemon = JournalDaemon(tmp_path / "wsrelay.conf", text, free_port(), *SERVICE)
    try:
        eventually(lambda: any("started: " in r["MESSAGE"] for r in list(daemon.records)), "start")
        port = break_a_rule(daemon)
    finally:
        daemon.stop()
    (record,) = (r for r in daemon.records if f":{port} " in r["MESSAGE"])
    assert record["_TRANSPORT"] == "stdout" and record["PRIORITY"] == "4"
    assert record["MESSAGE"].startswith("warning: closed 1002 protocol-error /echo ")
    assert not any("<" in r["MESSAGE"] for r in daemon.records)
