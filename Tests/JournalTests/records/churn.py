"""Ends connections as fast as one process can: churn.py PORT COUNT SEED [WAY…].

Without a way each connection ends in a random one of them all. TERM ends it early. Its last line is
a JSON object: how many connections ended by each cause, or were refused.
"""

from __future__ import annotations

import json
import random
import signal
import socket
import struct
import sys
from collections import Counter

REQUEST = (
    "GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
NO_LINGER = struct.pack("ii", 1, 0)


def masked(first: int, payload: bytes) -> bytes:
    """A frame with the masking key 0, which masks nothing."""
    return bytes([first, 0x80 | len(payload), 0, 0, 0, 0]) + payload


def close(code: int, reason: bytes = b"") -> bytes:
    return masked(0x88, struct.pack(">H", code) + reason)


# What is sent before the end, and the cause it makes; None: TCP ends without any more words.
WAYS: dict[str, tuple[str, bytes | None]] = {
    "fin": ("peer-fin", None),
    "reset": ("peer-reset", None),
    "close": ("peer-close", close(1000, b"bye")),
    "empty close": ("peer-close", masked(0x88, b"")),
    "own code": ("peer-close", close(4711, "grüße\n".encode())),
    "error": ("peer-close-error", close(1011)),
    "unmasked": ("protocol-error", b"\x81\x01x"),
    "reserved": ("protocol-error", masked(0xC1, b"x")),
    "bad text": ("invalid-utf8", masked(0x81, b"\xff")),
    "bad reason": ("invalid-utf8", close(1000, b"\xff")),
    "binary": ("unsupported-data", masked(0x82, b"x")),
    "too big": ("message-too-big", masked(0x81, b"x" * 65)),
    "refused": ("reject", b""),
    # Not a byte was sent; the fastest way there is, and not one of those at random.
    "silent": ("peer-fin", None),
}


def end(port: int, way: str) -> None:
    """One connection from the handshake to its end."""
    sent = WAYS[way][1]
    path = "/nowhere" if way == "refused" else "/churn"
    with socket.create_connection(("127.0.0.1", port), 30) as client:
        if way == "silent":
            return
        client.sendall((REQUEST % path).encode())
        answer = client.recv(4096)
        assert answer.startswith(b"HTTP/1.1 404" if way == "refused" else b"HTTP/1.1 101"), answer
        if sent:
            client.sendall(sent)
        elif way == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        if sent is not None:
            # Only once the relay has spoken has it found its cause; FIN is then answer enough.
            client.recv(4096)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass


def main() -> None:
    port, count, seed = (int(argument) for argument in sys.argv[1:4])
    chance = random.Random(seed)
    ways = sys.argv[4:] or [way for way in WAYS if way != "silent"]
    ended: Counter[str] = Counter()
    told_to_end: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told_to_end.append(number))
    for _ in range(count):
        if told_to_end:
            break
        way = chance.choice(ways)
        end(port, way)
        ended[WAYS[way][0]] += 1
    print(json.dumps(ended))


if __name__ == "__main__":
    main()
