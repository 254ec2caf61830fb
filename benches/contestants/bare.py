"""The receive loop with nothing on it: what the network and picows cost, and so the most any client could do."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from array import array

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from benches.contestants.result import Asked, Stopwatch, asked, release

# Before the first update: the snapshot and the acknowledgement.
BEFORE = 2


class Bare(WSListener):
    """Takes each payload, as everyone must, and counts; or notes the time of each."""

    def __init__(self, what: Asked) -> None:
        self._subscribe = json.dumps({"type": "subscribe", "product_ids": what.symbols, "channel": "level2"}).encode()
        self._last = what.frames + BEFORE
        self._times = what.times
        self._seen = 0
        self.times = array("q")
        self.watch: Stopwatch | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, self._subscribe)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        frame.get_payload_as_bytes()
        self._seen += 1
        if self._times and self._seen > BEFORE:
            self.times.append(time.monotonic_ns())
        if self._seen == BEFORE + 1:
            self.watch = Stopwatch()
        elif self._seen == self._last:
            assert self.watch is not None
            self.watch.stop()
            transport.disconnect()


async def main(what: Asked) -> None:
    context = ssl.create_default_context(cafile=what.ca) if what.ca else None
    transport, listener = await ws_connect(lambda: Bare(what), what.url, ssl_context=context, max_frame_size=64 << 20)
    await transport.wait_disconnected()
    assert isinstance(listener, Bare)
    assert listener.watch is not None
    print(listener.watch.report(what.frames, None, release("picows"), listener.times))


if __name__ == "__main__":
    asyncio.run(main(asked()))
