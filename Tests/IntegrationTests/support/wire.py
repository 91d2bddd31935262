"""A client that says exactly what a test wants on the wire, right or wrong."""

from __future__ import annotations

import base64
import os
import socket
import struct
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from support.deadlines import DEADLINE

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


@dataclass(frozen=True)
class Frame:
    fin: bool
    opcode: int
    payload: bytes


def mask(payload: bytes, key: bytes) -> bytes:
    size = len(payload)
    repeated = (key * (size // 4 + 1))[:size]
    number = int.from_bytes(payload, "little") ^ int.from_bytes(repeated, "little")
    return number.to_bytes(size, "little")


def frame(opcode: int, payload: bytes = b"", fin: bool = True, rsv: int = 0) -> bytes:
    """One masked frame, RFC 6455 §5.2."""
    head = bytes([fin << 7 | rsv << 4 | opcode])
    size = len(payload)
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 1 << 16:
        head += bytes([0x80 | 126]) + struct.pack(">H", size)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", size)
    key = os.urandom(4)
    return head + key + mask(payload, key)


def close_frame(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


def request(path: str = "/echo", headers: dict[str, str] | None = None) -> bytes:
    """An opening handshake, RFC 6455 §4.1; a header of None value is left out."""
    fields: dict[str, str] = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        **(headers or {}),
    }
    lines = [f"GET {path} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Wire:
    """A TCP connection to the daemon; after `open` a WebSocket connection."""

    def __init__(
        self, port: int, host: str = "127.0.0.1", through: socket.socket | None = None
    ) -> None:
        self.socket = through or socket.create_connection((host, port), DEADLINE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.local_port = int(self.socket.getsockname()[1])
        self.buffer = b""

    @classmethod
    def over(cls, connected: socket.socket) -> Self:
        """The same over a socket that is connected already, perhaps through TLS."""
        return cls(int(connected.getpeername()[1]), through=connected)

    @classmethod
    def open(cls, port: int, path: str = "/echo", headers: dict[str, str] | None = None) -> Wire:
        """Connects and completes the opening handshake."""
        wire = cls(port)
        wire.send(request(path, headers))
        head = wire.read_head()
        assert head.startswith("HTTP/1.1 101 "), head
        return wire

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    # Sending

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def half_close(self) -> None:
        """FIN, and go on reading."""
        self.socket.shutdown(socket.SHUT_WR)

    def fin(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # Receiving

    def _more(self) -> bool:
        data = self.socket.recv(1 << 16)
        self.buffer += data
        return bool(data)

    def _take(self, size: int) -> bytes:
        while len(self.buffer) < size:
            if not self._more():
                raise EOFError(f"{len(self.buffer)} of {size} bytes")
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def read_head(self) -> str:
        """The status line and header fields of an HTTP answer."""
        while b"\r\n\r\n" not in self.buffer:
            if not self._more():
                break
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return head.decode("latin-1")

    def read_to_end(self) -> bytes:
        """Everything up to FIN; a reset ends it as well."""
        try:
            while self._more():
                pass
        except ConnectionResetError:
            pass
        return self.buffer

    def read_frame(self) -> Frame:
        first, second = self._take(2)
        assert not second & 0x80, "a server must not mask, RFC 6455 §5.1"
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", self._take(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self._take(8))
        return Frame(bool(first & 0x80), first & 0x0F, self._take(size))

    def read_close(self) -> tuple[int | None, bytes]:
        """Reads on until the Close frame; its code and reason."""
        while (got := self.read_frame()).opcode != CLOSE:
            pass
        if len(got.payload) < 2:
            return None, b""
        return struct.unpack(">H", got.payload[:2])[0], got.payload[2:]

    def finish(self, code: int = 1000) -> None:
        """The whole closing handshake, begun here."""
        self.send(close_frame(code))
        self.read_close()
        self.read_to_end()
        self.fin()
