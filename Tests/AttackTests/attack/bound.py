"""The formula of docs/memory.md: the most memory that connections of a route may take.

docs/memory.md has the same arithmetic for the defaults; test_memory_bound.py compares the two, and
Tests/RelayCoreTests/MemoryBoundTests.swift the types behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB, MIB = 1 << 10, 1 << 20

# Of a block, besides what it holds.
BLOCK_HEAD = 80
# In front of a large one, which begins in the middle of a page.
BLOCK_LEAD = 2 * KIB
SMALLEST_LED_BLOCK = 64 * KIB
# Session, what its record needs, channel and queue of one connection.
CONNECTION = 4 * KIB
CONTEXT = 78_848
# OpenSSL's state, a record that has come in part, and what waits encrypted.
TLS = (15 + 17 + 64) * KIB
RECEIVE_BUFFER = 128 * KIB
POOL = 32 * MIB
MAILBOX = 64 * MIB
FRAME_HEAD = 10


def block(count: int) -> int:
    """The block that holds so many bytes: a power of two, its head, and what is in front."""
    capacity = max(256, 1 << max(count - 1, 0).bit_length())
    return capacity + BLOCK_HEAD + (BLOCK_LEAD if capacity >= SMALLEST_LED_BLOCK else 0)


@dataclass(frozen=True)
class Bound:
    """The settings that count."""

    max_request_size: int = 8 * KIB
    max_message_size: int = 1 * MIB
    send_buffer: int = 1 * MIB
    compression: str = "off"
    threads: int = 1
    max_buffer_memory: int | None = None

    # By what a connection is at

    @property
    def handshake(self) -> int:
        return CONNECTION + block(self.max_request_size + 256)

    @property
    def tls(self) -> int:
        """A handshake behind TLS, whose own may be under way."""
        return self.handshake + TLS

    @property
    def idle(self) -> int:
        return CONNECTION + (CONTEXT if self.compression == "context" else 0)

    @property
    def receiving(self) -> int:
        size = self.max_message_size
        if self.compression != "off":
            size += size // 8 + 64
        return self.idle + block(size) + block(139)

    @property
    def waiting(self) -> int:
        """What a member that does not read is owed: blocks are at least half full."""
        return self.idle + 2 * (self.send_buffer + self.max_message_size + FRAME_HEAD)

    @property
    def worst(self) -> int:
        return self.receiving + self.waiting - self.idle

    # Of the whole process

    @property
    def worker(self) -> int:
        """What a worker takes whatever there is to do: buffers, and a message under way."""
        under_way = 3 * block(max(64 * KIB, self.max_message_size + 1))
        mailbox = MAILBOX if self.threads > 1 else 0
        return RECEIVE_BUFFER + POOL + under_way + mailbox

    def process(self, connections: dict[str, int]) -> int:
        """Connections by what they are at; what they hold together is bounded as well."""
        fixed = CONNECTION * sum(connections.values())
        each = {
            "handshake": self.handshake,
            "tls": self.tls,
            "idle": self.idle,
            "receiving": self.receiving,
            "waiting": self.waiting,
            "worst": self.worst,
        }
        held = sum((each[name] - CONNECTION) * n for name, n in connections.items())
        if self.max_buffer_memory is not None:
            held = min(held, self.max_buffer_memory)
        return self.threads * self.worker + fixed + held
