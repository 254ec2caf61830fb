"""The WebSocket client, on picows: dial with headers, receive whole messages, learn how it ended.

picows hands over frames and leaves three things to its user, done here: joining fragments and bounding the whole
message, refusing reserved bits, and answering the closing handshake. Redirects are not followed: picows would send
the credential headers on to another host.
"""

from __future__ import annotations

import asyncio
import logging
import ssl

from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,  # pyright: ignore[reportUnknownVariableType]  # its **kwargs are not annotated
)

from venuewire.errors import ConnectFailed
from venuewire.transport.network import Receiver
from venuewire.venue import Headers

ABNORMAL = 1006
HANDSHAKE_SECONDS = 10.0
# Protocol pings keep idle middle boxes open and find a dead peer; they say nothing about data (see session.liveness).
PING_SECONDS = 15.0

# Looking a member up in its enumeration costs more than the comparison it is looked up for.
_TEXT, _BINARY, _CONTINUATION, _CLOSE = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION, WSMsgType.CLOSE


class _Discreet(logging.Logger):
    """Below DEBUG picows logs handshake headers and payloads, and both hold credentials: they are never logged, at
    whatever level the program's loggers stand."""

    @property  # type: ignore[override,unused-ignore]  # an attribute there; picows' own children ask for it
    def level(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return max(logging.DEBUG, _PICOWS.getEffectiveLevel())

    @level.setter
    def level(self, _: int) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        pass


_PICOWS = logging.getLogger("picows.client")
_logger = _Discreet("picows.client.discreet")
_logger.parent = _PICOWS


class SocketLine(WSListener):
    """One WebSocket over a socket; see `network.Line`."""

    def __init__(self, receiver: Receiver, max_message: int) -> None:
        self._received = receiver.received
        self._closed = receiver.closed
        self._max = max_message
        self._parts: bytearray | None = None
        self._code, self._reason = ABNORMAL, ""
        self._is_over = False
        self._transport: WSTransport | None = None

    # What picows calls.

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._violation(transport, WSCloseCode.PROTOCOL_ERROR, "reserved bits set")
        elif kind is _TEXT or kind is _BINARY:
            if self._parts is not None:
                self._violation(transport, WSCloseCode.PROTOCOL_ERROR, "a new message inside a fragmented one")
            elif frame.fin:
                self._received(frame.get_payload_as_bytes())
            else:
                self._parts = bytearray(frame.get_payload_as_memoryview())
        elif kind is _CONTINUATION:
            self._continue(transport, frame)
        elif kind is _CLOSE:
            self._goodbye(transport, frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._end()

    def _end(self) -> None:
        """Tell it once: by the close frame, or by the end of the socket, which a peer that is gone may never let us
        see."""
        if not self._is_over:
            self._is_over, self._transport = True, None
            self._closed(self._code, self._reason)

    def _continue(self, transport: WSTransport, frame: WSFrame) -> None:
        if self._parts is None:
            self._violation(transport, WSCloseCode.PROTOCOL_ERROR, "a continuation of nothing")
            return
        self._parts += frame.get_payload_as_memoryview()
        if len(self._parts) > self._max:
            self._violation(transport, WSCloseCode.MESSAGE_TOO_BIG, f"message above {self._max} bytes")
        elif frame.fin:
            payload, self._parts = bytes(self._parts), None
            self._received(payload)

    def _goodbye(self, transport: WSTransport, frame: WSFrame) -> None:
        # 1005 (no code in the frame) is a clean close all the same.
        self._code = int(frame.get_close_code().value) or 1005
        self._reason = frame.get_close_reason() or ""
        transport.send_close(frame.get_close_code() if self._code != 1005 else WSCloseCode.OK)
        transport.disconnect()
        self._end()

    def _violation(self, transport: WSTransport, code: WSCloseCode, reason: str) -> None:
        self._code, self._reason = int(code.value), reason
        transport.send_close(code, reason.encode())
        transport.disconnect()
        self._end()

    # What the client calls.

    def send(self, payload: bytes) -> None:
        if self._transport is not None:
            self._transport.send(_TEXT, payload)

    def close(self, code: int = 1000, reason: str = "") -> None:
        if self._transport is not None:
            self._code, self._reason = code, reason
            self._transport.send_close(WSCloseCode(code), reason.encode())
            self._transport.disconnect()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    def unsent(self) -> int:
        return 0 if self._transport is None else self._transport.underlying_transport.get_write_buffer_size()


async def dial(
    url: str, headers: Headers, receiver: Receiver, *, context: ssl.SSLContext | None, max_frame: int
) -> SocketLine:
    """Open a line. Raises `ConnectFailed`: with status and (as far as it came) body when the handshake was refused."""
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            _, line = await ws_connect(
                lambda: SocketLine(receiver, max_frame),
                url,
                ssl_context=context,
                websocket_handshake_timeout=HANDSHAKE_SECONDS,
                logger_name=_logger,
                enable_auto_ping=True,
                auto_ping_idle_timeout=PING_SECONDS,
                auto_ping_reply_timeout=PING_SECONDS,
                max_frame_size=max_frame,
                extra_headers=dict(headers),
                max_redirects=0,
            )
    except WSHandshakeError as error:
        raise _refusal(url, error) from None
    except TimeoutError:
        raise ConnectFailed(url, f"no handshake within {HANDSHAKE_SECONDS:g} s") from None
    except ssl.SSLCertVerificationError as error:
        raise ConnectFailed(url, f"certificate refused: {error.verify_message}") from None
    except (OSError, ValueError, WSError) as error:
        raise ConnectFailed(url, str(error) or type(error).__name__) from None
    assert isinstance(line, SocketLine)
    return line


def _refusal(url: str, error: WSHandshakeError) -> ConnectFailed:
    if error.response is None:
        return ConnectFailed(url, "the handshake was answered with something that is no HTTP")
    status = int(error.response.status)
    refusal = ConnectFailed(url, f"handshake refused with HTTP status {status}", status, bytes(error.raw_body or b""))
    wait = str(error.response.headers.get("Retry-After") or "")
    refusal.retry_after = float(wait) if wait.isascii() and wait.isdigit() else None
    return refusal
