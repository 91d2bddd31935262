"""Every way two ends can part: exactly one record for each connection, no descriptor left.

Who closes first × what is in flight × how the client ends TCP.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.daemon import Daemon, running
from support.wire import BINARY, TEXT, Wire, close_frame, frame

CONFIG = """
threads = 2

[[route]]
path = "/echo"
mode = "echo"
idle_timeout = "500ms"
close_timeout = "200ms"
"""

BAD_FRAME = frame(TEXT, b"x", rsv=1)
FIRST = {
    "nobody": b"",
    "peer": close_frame(1000, b"bye"),
    "relay": BAD_FRAME,
    "both": BAD_FRAME + close_frame(1000),
}
IN_FLIGHT = {
    "nothing": b"",
    "echoes": frame(TEXT, b"x" * 1024) * 10,
    "fragment": frame(TEXT, b"unfinished", fin=False),
    "unread": frame(BINARY, b"y" * 16384) * 60,
}
ENDINGS = ["answer", "half-close", "fin", "reset", "silence"]
# What may be the first thing the relay notices. A FIN or RST can overtake what was sent before it,
# because RST makes the kernel drop what the relay had not read yet.
GONE = {"peer-fin", "peer-reset"}
CAUSES = {
    "nobody": GONE | {"idle-timeout"},
    "peer": GONE | {"peer-close", "close-timeout"},
    "relay": GONE | {"protocol-error"},
    "both": GONE | {"protocol-error"},
}
# Without a race there is one right answer.
CERTAIN = {
    ("nobody", "answer"): {"idle-timeout"},
    ("nobody", "silence"): {"idle-timeout"},
    ("nobody", "half-close"): {"peer-fin"},
    ("peer", "half-close"): {"peer-close"},
    ("peer", "silence"): {"peer-close", "close-timeout"},
    ("relay", "answer"): {"protocol-error"},
    ("relay", "half-close"): {"protocol-error"},
    ("relay", "silence"): {"protocol-error"},
    ("both", "answer"): {"protocol-error"},
}
TIMES = 5
# A peer that closes first has nothing to answer: that is half-close.
COMBINATIONS = [
    combination
    for combination in itertools.product(FIRST, IN_FLIGHT, ENDINGS)
    if (combination[0], combination[2]) != ("peer", "answer")
]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder: Path = tmp_path_factory.mktemp("races")
    with running(folder, CONFIG) as daemon:
        yield daemon


def end(wire: Wire, ending: str) -> None:
    """Ends one connection from the client's side, in one of the ways clients do."""
    if ending == "fin":
        wire.fin()
    elif ending == "reset":
        wire.reset()
    elif ending == "half-close":
        wire.half_close()
        wire.read_to_end()
        wire.fin()
    elif ending == "answer":
        wire.read_close()
        wire.send(close_frame(1000))
        wire.read_to_end()
        wire.fin()
    else:
        # Neither reads nor answers: the relay must end it by itself. `finish` looks at the record.
        assert ending == "silence"


@pytest.mark.threads
@pytest.mark.parametrize(("first", "flight", "ending"), COMBINATIONS)
def test_one_record_and_no_descriptor(daemon: Daemon, first: str, flight: str, ending: str) -> None:
    known = len(daemon.find("close"))
    wires = [Wire.open(daemon.port) for _ in range(TIMES)]
    descriptors = daemon.descriptor_count() - TIMES
    for wire in wires:
        wire.send(IN_FLIGHT[flight] + FIRST[first])
    for wire in wires:
        end(wire, ending)
    records = daemon.wait("close", count=known + TIMES)[known:]
    daemon.wait_descriptors(descriptors)
    for wire in wires:
        wire.fin()
    # Whatever would write a second record had its chance: the descriptors are gone.
    assert len(daemon.find("close")) == known + TIMES
    allowed = CERTAIN.get((first, ending), CAUSES[first])
    assert {r["WSRELAY_CAUSE"] for r in records} <= allowed
    ports = sorted(int(r["WSRELAY_PEER_PORT"]) for r in records)
    assert ports == sorted(wire.local_port for wire in wires)
