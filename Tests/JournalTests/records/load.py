"""Several processes that end connections, and how many they ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from types import TracebackType

from records import churn

ENDLESS = 1 << 40


class Load:
    """Processes that end so many connections each; `finish` or the end of the block ends them."""

    def __init__(self, port: int, count: int, *ways: str, processes: int = 2) -> None:
        self.seed = int(os.environ.get("WSRELAY_SEED", "0")) or int.from_bytes(os.urandom(4))
        self.clients = [
            subprocess.Popen(
                [sys.executable, churn.__file__, *map(str, (port, count, self.seed + n)), *ways],
                stdout=subprocess.PIPE,
            )
            for n in range(processes)
        ]

    def __enter__(self) -> Load:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for client in self.clients:
            if client.poll() is None:
                client.kill()
            client.wait()
            assert client.stdout is not None
            client.stdout.close()

    @property
    def has_ended(self) -> bool:
        return all(client.poll() is not None for client in self.clients)

    def finish(self, early: bool = False) -> Counter[str]:
        """Waits for all processes, or ends them now; how many connections ended by each cause."""
        ended: Counter[str] = Counter()
        for client in self.clients:
            if early:
                client.terminate()
        for client in self.clients:
            output = client.communicate(timeout=150)[0]
            assert client.returncode == 0, f"a client failed (WSRELAY_SEED={self.seed})"
            ended.update(json.loads(output))
        return ended
