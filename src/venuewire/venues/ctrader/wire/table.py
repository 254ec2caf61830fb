"""The envelope, and the table from payload type to record (PROTO; HELP, sending and receiving JSON)."""

from __future__ import annotations

from msgspec import Raw, field

from venuewire.codec import Envelope, MessageTable, decoder, encode
from venuewire.venues.ctrader.wire.base import Int, Message
from venuewire.venues.ctrader.wire.market import (
    AssetListReq,
    AssetListRes,
    DepthEvent,
    SpotEvent,
    SubscribeDepthQuotesReq,
    SubscribeDepthQuotesRes,
    SubscribeSpotsReq,
    SubscribeSpotsRes,
    SymbolByIdReq,
    SymbolByIdRes,
    SymbolsListReq,
    SymbolsListRes,
    UnsubscribeDepthQuotesReq,
    UnsubscribeDepthQuotesRes,
    UnsubscribeSpotsReq,
    UnsubscribeSpotsRes,
)
from venuewire.venues.ctrader.wire.session import (
    AccountAuthReq,
    AccountAuthRes,
    AccountDisconnectEvent,
    AccountLogoutReq,
    AccountLogoutRes,
    AccountsTokenInvalidatedEvent,
    ApplicationAuthReq,
    ApplicationAuthRes,
    ClientDisconnectEvent,
    CommonErrorRes,
    ErrorRes,
    GetAccountListByAccessTokenReq,
    GetAccountListByAccessTokenRes,
    HeartbeatEvent,
    RefreshTokenReq,
    RefreshTokenRes,
    VersionReq,
    VersionRes,
)
from venuewire.venues.ctrader.wire.trading import (
    AmendOrderReq,
    CancelOrderReq,
    ClosePositionReq,
    ExecutionEvent,
    NewOrderReq,
    OrderErrorEvent,
    ReconcileReq,
    ReconcileRes,
    TraderReq,
    TraderRes,
    TraderUpdatedEvent,
)

HEARTBEAT = 51

REQUESTS: dict[str | int, type[Message]] = {
    51: HeartbeatEvent,
    2100: ApplicationAuthReq,
    2102: AccountAuthReq,
    2104: VersionReq,
    2106: NewOrderReq,
    2108: CancelOrderReq,
    2109: AmendOrderReq,
    2111: ClosePositionReq,
    2112: AssetListReq,
    2114: SymbolsListReq,
    2116: SymbolByIdReq,
    2121: TraderReq,
    2124: ReconcileReq,
    2127: SubscribeSpotsReq,
    2129: UnsubscribeSpotsReq,
    2149: GetAccountListByAccessTokenReq,
    2156: SubscribeDepthQuotesReq,
    2158: UnsubscribeDepthQuotesReq,
    2162: AccountLogoutReq,
    2173: RefreshTokenReq,
}

ANSWERS: dict[str | int, type[Message]] = {
    50: CommonErrorRes,
    2101: ApplicationAuthRes,
    2103: AccountAuthRes,
    2105: VersionRes,
    2113: AssetListRes,
    2115: SymbolsListRes,
    2117: SymbolByIdRes,
    2122: TraderRes,
    2123: TraderUpdatedEvent,
    2125: ReconcileRes,
    2126: ExecutionEvent,
    2128: SubscribeSpotsRes,
    2130: UnsubscribeSpotsRes,
    2131: SpotEvent,
    2132: OrderErrorEvent,
    2142: ErrorRes,
    2147: AccountsTokenInvalidatedEvent,
    2148: ClientDisconnectEvent,
    2150: GetAccountListByAccessTokenRes,
    2155: DepthEvent,
    2157: SubscribeDepthQuotesRes,
    2159: UnsubscribeDepthQuotesRes,
    2163: AccountLogoutRes,
    2164: AccountDisconnectEvent,
    2174: RefreshTokenRes,
}

# int64 may come as decimal text (the canonical JSON of the schema): the decoders are lax about that, and only that.
TABLE: MessageTable[Message] = MessageTable({**REQUESTS, **ANSWERS}, strict=False)
"""Every message of this core, both ways."""

HEARTBEAT_FRAME = encode({"payloadType": HEARTBEAT})


class ProtoMessage(Message, frozen=True, kw_only=True):
    """The outer record of every frame (HELP, sending and receiving JSON; PROTO common messages)."""

    payload_type: Int
    payload: Raw = field(default_factory=Raw)
    client_msg_id: str | None = None


class _Empty(Message, frozen=True, kw_only=True):
    payload_type: int
    client_msg_id: str | None = None


class _Full(Message, frozen=True, kw_only=True):
    payload_type: int
    payload: Message
    client_msg_id: str | None = None


_open = decoder(ProtoMessage, strict=False)


def open_frame(payload: bytes) -> Envelope:
    """The envelope of one text frame. Raises `RemoteProtocolError`."""
    outer = _open(payload)
    return Envelope(outer.payload_type, bytes(outer.payload) or b"{}", outer.client_msg_id)


def frame(message: Message, client_msg_id: str | None = None) -> bytes:
    """One text frame. A message without a set field travels without the `payload` key (HELP)."""
    kind = TABLE.kind(message)
    if not type(message).__struct_fields__:
        return encode(_Empty(payload_type=int(kind), client_msg_id=client_msg_id))
    return encode(_Full(payload_type=int(kind), payload=message, client_msg_id=client_msg_id))
