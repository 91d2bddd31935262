"""Echo and broadcast with the package picows on uvloop, as its documentation would have it.

picows_server.py PORT
"""

from __future__ import annotations

import sys

import uvloop
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_create_server,
)

members: set[WSTransport] = set()


class Listener(WSListener):  # type: ignore[misc] # picows has no types for mypy
    def __init__(self, echoes: bool) -> None:
        self.echoes = echoes

    def on_ws_connected(self, transport: WSTransport) -> None:
        if not self.echoes:
            members.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        members.discard(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
            return
        if frame.msg_type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return
        if self.echoes:
            transport.send(frame.msg_type, frame.get_payload_as_memoryview())
            return
        payload = frame.get_payload_as_bytes()
        for member in members:
            if member is not transport:
                member.send(frame.msg_type, payload)


async def main() -> None:
    def listener(request: WSUpgradeRequest) -> Listener:
        return Listener(echoes=bytes(request.path) == b"/echo")

    server = await ws_create_server(
        listener, "127.0.0.1", int(sys.argv[1]), max_frame_size=1 << 24, backlog=1024
    )
    await server.serve_forever()


uvloop.run(main())
