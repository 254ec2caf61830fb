"""The envelope, and the table from payload type to record (PROTO; HELP, sending and receiving JSON)."""

from __future__ import annotations

from msgspec import Raw, field

from venuewire.codec import Envelope, Mark, MessageTable, Spelling, decoder, encode
from venuewire.venues.ctrader.wire import history, margin, market, session, trading
from venuewire.venues.ctrader.wire.base import Int, Message

HEARTBEAT = 51

REQUESTS: dict[str | int, type[Message]] = {
    51: session.HeartbeatEvent,
    2100: session.ApplicationAuthReq,
    2102: session.AccountAuthReq,
    2104: session.VersionReq,
    2106: trading.NewOrderReq,
    2108: trading.CancelOrderReq,
    2109: trading.AmendOrderReq,
    2110: trading.AmendPositionSLTPReq,
    2111: trading.ClosePositionReq,
    2112: market.AssetListReq,
    2114: market.SymbolsListReq,
    2116: market.SymbolByIdReq,
    2118: market.SymbolsForConversionReq,
    2121: trading.TraderReq,
    2124: trading.ReconcileReq,
    2127: market.SubscribeSpotsReq,
    2129: market.UnsubscribeSpotsReq,
    2133: history.DealListReq,
    2135: market.SubscribeLiveTrendbarReq,
    2136: market.UnsubscribeLiveTrendbarReq,
    2137: history.GetTrendbarsReq,
    2139: margin.ExpectedMarginReq,
    2143: history.CashFlowHistoryListReq,
    2145: history.GetTickDataReq,
    2149: session.GetAccountListByAccessTokenReq,
    2151: session.GetCtidProfileByTokenReq,
    2153: market.AssetClassListReq,
    2156: market.SubscribeDepthQuotesReq,
    2158: market.UnsubscribeDepthQuotesReq,
    2160: market.SymbolCategoryListReq,
    2162: session.AccountLogoutReq,
    2167: margin.MarginCallListReq,
    2169: margin.MarginCallUpdateReq,
    2173: session.RefreshTokenReq,
    2175: history.OrderListReq,
    2177: margin.GetDynamicLeverageByIDReq,
    2179: history.DealListByPositionIdReq,
    2181: history.OrderDetailsReq,
    2183: history.OrderListByPositionIdReq,
    2185: history.DealOffsetListReq,
    2187: margin.GetPositionUnrealizedPnLReq,
}

ANSWERS: dict[str | int, type[Message]] = {
    50: session.CommonErrorRes,
    2101: session.ApplicationAuthRes,
    2103: session.AccountAuthRes,
    2105: session.VersionRes,
    2107: trading.TrailingSLChangedEvent,
    2113: market.AssetListRes,
    2115: market.SymbolsListRes,
    2117: market.SymbolByIdRes,
    2119: market.SymbolsForConversionRes,
    2120: market.SymbolChangedEvent,
    2122: trading.TraderRes,
    2123: trading.TraderUpdatedEvent,
    2125: trading.ReconcileRes,
    2126: trading.ExecutionEvent,
    2128: market.SubscribeSpotsRes,
    2130: market.UnsubscribeSpotsRes,
    2131: market.SpotEvent,
    2132: trading.OrderErrorEvent,
    2134: history.DealListRes,
    2138: history.GetTrendbarsRes,
    2140: margin.ExpectedMarginRes,
    2141: margin.MarginChangedEvent,
    2142: session.ErrorRes,
    2144: history.CashFlowHistoryListRes,
    2146: history.GetTickDataRes,
    2147: session.AccountsTokenInvalidatedEvent,
    2148: session.ClientDisconnectEvent,
    2150: session.GetAccountListByAccessTokenRes,
    2152: session.GetCtidProfileByTokenRes,
    2154: market.AssetClassListRes,
    2155: market.DepthEvent,
    2157: market.SubscribeDepthQuotesRes,
    2159: market.UnsubscribeDepthQuotesRes,
    2161: market.SymbolCategoryListRes,
    2163: session.AccountLogoutRes,
    2164: session.AccountDisconnectEvent,
    2165: market.SubscribeLiveTrendbarRes,
    2166: market.UnsubscribeLiveTrendbarRes,
    2168: margin.MarginCallListRes,
    2170: margin.MarginCallUpdateRes,
    2171: margin.MarginCallUpdateEvent,
    2172: margin.MarginCallTriggerEvent,
    2174: session.RefreshTokenRes,
    2176: history.OrderListRes,
    2178: margin.GetDynamicLeverageByIDRes,
    2180: history.DealListByPositionIdRes,
    2182: history.OrderDetailsRes,
    2184: history.OrderListByPositionIdRes,
    2186: history.DealOffsetListRes,
    2188: margin.GetPositionUnrealizedPnLRes,
}

# 2133, 2137, 2145, 2175 are documented as historical; the rest of them presumably are.
HISTORICAL = frozenset({2133, 2137, 2143, 2145, 2175, 2179, 2181, 2183, 2185})
"""Requests that are taken five times a second only."""

# int64 may come as decimal text (the canonical JSON of the schema): the decoders are lax about that, and only that.
TABLE: MessageTable[Message] = MessageTable({**REQUESTS, **ANSWERS}, strict=False)
"""Every message, both ways."""

HEARTBEAT_FRAME = encode({"payloadType": HEARTBEAT})

DEPTH_EVENT = Spelling(
    b'{"payloadType":2155,"payload":',
    *(Mark.BODY, b'{"ctidTraderAccountId":', Mark.TEXT, b'"symbolId":', Mark.KEY),
    tail=b"}",
)
"""As `frame` spells it: the number of the account (with its comma) and of the symbol, then the quotes."""


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
