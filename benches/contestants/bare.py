"""The receive loop with nothing on it: what the network and picows cost, and so the most any client could do."""

from __future__ import annotations

import asyncio
import sys

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from benches.contestants.result import Stopwatch

SUBSCRIBE = b'{"type":"subscribe","product_ids":["BTC-USD"],"channel":"level2"}'
# Before the first update: the snapshot and the acknowledgement.
BEFORE = 2


class Bare(WSListener):
    """Takes each payload, as everyone must, and counts."""

    def __init__(self, frames: int) -> None:
        self._last = frames + BEFORE
        self._seen = 0
        self.watch: Stopwatch | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, SUBSCRIBE)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        frame.get_payload_as_bytes()
        self._seen += 1
        if self._seen == BEFORE + 1:
            self.watch = Stopwatch()
        elif self._seen == self._last:
            assert self.watch is not None
            self.watch.stop()
            transport.disconnect()


async def main(url: str, frames: int) -> None:
    transport, listener = await ws_connect(lambda: Bare(frames), url, max_frame_size=64 << 20)
    await transport.wait_disconnected()
    assert isinstance(listener, Bare)
    assert listener.watch is not None
    print(listener.watch.report(frames))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
