"""Echo and broadcast with the package websockets, as its documentation would have it.

websockets_server.py PORT
"""

from __future__ import annotations

import asyncio
import sys

from websockets.asyncio.server import ServerConnection, broadcast, serve

members: set[ServerConnection] = set()


async def handle(connection: ServerConnection) -> None:
    assert connection.request is not None
    if connection.request.path == "/echo":
        async for message in connection:
            await connection.send(message)
        return
    members.add(connection)
    try:
        async for message in connection:
            broadcast(members - {connection}, message)
    finally:
        members.discard(connection)


async def main() -> None:
    port = int(sys.argv[1])
    async with serve(
        handle, "127.0.0.1", port, compression=None, ping_interval=None, max_size=None, backlog=1024
    ) as server:
        await server.serve_forever()


asyncio.run(main())
