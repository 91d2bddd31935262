"""A client process to be killed or stopped: connects, says so, and reads whatever comes."""

from __future__ import annotations

import sys

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


def main() -> None:
    with connect(sys.argv[1], ping_interval=None) as websocket:
        print("open", websocket.socket.getsockname()[1], flush=True)
        try:
            for _ in websocket:
                pass
        except ConnectionClosed as closed:
            print("closed", closed, flush=True)


if __name__ == "__main__":
    main()
