"""What a close record must be, field by field, and what of it differs from run to run."""

from __future__ import annotations

import re
from dataclasses import dataclass

from support.daemon import Record

from records.catalogue import CAUSES, EVENT_IDS

CLOSE_NAMES = {
    1000: "Normal Closure",
    1001: "Going Away",
    1002: "Protocol Error",
    1003: "Unsupported Data",
    1005: "No Status Received",
    1006: "Abnormal Closure",
    1007: "Invalid Payload",
    1008: "Policy Violation",
    1009: "Message Too Big",
    1011: "Internal Error",
    1012: "Service Restart",
    1013: "Try Again Later",
    3008: "Timeout",
    4000: "Private Use",
}
ERRNO_NAMES = {5: "EIO", 12: "ENOMEM", 104: "ECONNRESET", 110: "ETIMEDOUT", 113: "EHOSTUNREACH"}

# The values of these cannot be foretold, but their form can.
NUMBER = r"\d+"
TIMES = {"WSRELAY_DURATION_USEC": NUMBER, "WSRELAY_IDLE_USEC": NUMBER}
KERNEL_FIGURES = {"WSRELAY_TCP_RETRANSMITS": NUMBER, "WSRELAY_TCP_RTT_USEC": NUMBER}
IDENTITY = {"WSRELAY_CONNECTION_ID": r"[0-9a-f]{16}"}


def own(record: Record) -> Record:
    """The fields that wsrelay wrote, not those that journald added."""
    ours = {"MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "MESSAGE_ID", "ERRNO"}
    return {k: v for k, v in record.items() if k in ours or k.startswith("WSRELAY_")}


def check(record: Record, exact: Record, forms: Record) -> None:
    """A record must have exactly these fields: some by value, some by form."""
    found = own(record)
    for name, form in forms.items():
        value = found.pop(name, "absent")
        assert re.fullmatch(form, value), f"{name}={value!r} is not {form}"
    wrong = {
        name: (found.get(name), exact.get(name))
        for name in found.keys() | exact.keys()
        if found.get(name) != exact.get(name)
    }
    assert not wrong, f"found, but expected: {wrong}"


@dataclass(frozen=True)
class Closing:
    """What became of the closing handshake, as a record tells it."""

    sent: int | None = None
    received: int | None = None
    order: str = "none"
    clean: bool = False
    saw: str = "1006 wasClean=false"


NO_CLOSING = Closing()


def peer_closed(code: int) -> Closing:
    """The peer sent a Close frame, was answered, and ended TCP."""
    return Closing(code, code, "received-first", True, f"{code} wasClean=true")


def relay_closed(code: int) -> Closing:
    """The relay sent a Close frame, was answered, and TCP ended."""
    return Closing(code, code, "sent-first", True, f"{code} wasClean=true")


def unanswered(code: int) -> Closing:
    """The relay sent a Close frame and heard no more."""
    return Closing(code, None, "sent-first")


def close_fields(
    cause: str,
    path: str | None,
    closing: Closing = NO_CLOSING,
    *,
    phase: str = "open",
    errno: int | None = None,
    rx: tuple[int, int] = (0, 0),
    tx: tuple[int, int] = (0, 0),
    **texts: str,
) -> Record:
    """The fields of a close that are known beforehand.

    `path` is also the route unless another is given; `rx` and `tx` are messages and their bytes.
    `texts` are further fields: `reason_sent="x"` stands for WSRELAY_REASON_SENT.
    """
    row = CAUSES[cause]
    code = closing.received or closing.sent or 1006
    fields: dict[str, str | int | None] = {
        "PRIORITY": row.priority,
        "SYSLOG_IDENTIFIER": "wsrelay",
        "MESSAGE_ID": row.message_id,
        "WSRELAY_EVENT": "close",
        "WSRELAY_CLOSE_CODE": code,
        "WSRELAY_CLOSE_NAME": CLOSE_NAMES[code],
        "WSRELAY_CODE_SENT": closing.sent,
        "WSRELAY_CODE_RECEIVED": closing.received,
        "WSRELAY_CLOSE_ORDER": closing.order,
        "WSRELAY_CLEAN": "yes" if closing.clean else "no",
        "WSRELAY_PEER_SAW": closing.saw,
        "WSRELAY_INITIATOR": row.initiator,
        "WSRELAY_LAYER": row.layer,
        "WSRELAY_CAUSE": cause,
        "WSRELAY_PHASE": phase,
        "WSRELAY_ROUTE": path,
        "WSRELAY_PATH": path,
        "ERRNO": errno,
        "WSRELAY_ERRNO_NAME": None if errno is None else ERRNO_NAMES[errno],
        "WSRELAY_RX_MESSAGES": rx[0],
        "WSRELAY_RX_BYTES": rx[1],
        "WSRELAY_TX_MESSAGES": tx[0],
        "WSRELAY_TX_BYTES": tx[1],
        "WSRELAY_DROPPED_MESSAGES": 0,
        "WSRELAY_UNSENT_BYTES": 0,
        **{f"WSRELAY_{name.upper()}": value for name, value in texts.items()},
    }
    return {name: str(value) for name, value in fields.items() if value is not None}


def check_close(record: Record, port: int, exact: Record, forms: Record | None = None) -> None:
    """A close record must be exactly this one, of the peer at that port."""
    exact = {"WSRELAY_PEER": "127.0.0.1", "WSRELAY_PEER_PORT": str(port), **exact}
    forms = {**IDENTITY, **TIMES, **(forms or {})}
    exact = {name: value for name, value in exact.items() if name not in forms}
    if exact["WSRELAY_CLEAN"] == "no":
        forms |= KERNEL_FIGURES
    place = exact.get("WSRELAY_CHANNEL") or exact.get("WSRELAY_PATH", "-").split("?")[0]
    line = f"closed {exact['WSRELAY_CLOSE_CODE']} {exact['WSRELAY_CAUSE']} {place}"
    line += f" {exact['WSRELAY_PEER']}:{port} after "
    counts = f"rx {record['WSRELAY_RX_MESSAGES']} tx {record['WSRELAY_TX_MESSAGES']}"
    check(record, exact, {**forms, "MESSAGE": rf"{re.escape(line)}\w+, idle \w+, {counts}"})
    assert int(record["WSRELAY_DURATION_USEC"]) >= int(record["WSRELAY_IDLE_USEC"])


def event_fields(event: str, priority: int, **texts: str | int) -> Record:
    """The fields of any other event, but for MESSAGE."""
    return {
        "PRIORITY": str(priority),
        "SYSLOG_IDENTIFIER": "wsrelay",
        "MESSAGE_ID": EVENT_IDS[event],
        "WSRELAY_EVENT": event,
        **{f"WSRELAY_{name.upper()}": str(value) for name, value in texts.items()},
    }
