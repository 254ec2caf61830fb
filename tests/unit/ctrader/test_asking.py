"""What our end asks beyond market data and orders: the account as a whole, symbols, estimates, the rest by record."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.ctrader.ends import SECOND, Client, Sandbox
from tests.unit.ctrader.test_session import Desk

from venuewire.errors import LocalProtocolError
from venuewire.model.account import AccountSummary
from venuewire.model.market import SecurityStatus
from venuewire.model.orders import NewOrder
from venuewire.model.session import (
    BarRequest,
    Bars,
    OrderEstimate,
    OrderEstimateRequest,
    Reply,
    RequestRejected,
    Subscribe,
    SubscriptionAccepted,
    SubscriptionRejected,
    Unsubscribe,
    VenueNews,
    VenueRequest,
)
from venuewire.model.terms import Channel, OrdType, Side
from venuewire.venue import Send
from venuewire.venues.ctrader.initiator.bars import decoded
from venuewire.venues.ctrader.initiator.questions import ASKED
from venuewire.venues.ctrader.wire import history, margin, market, session, trading
from venuewire.venues.ctrader.wire.base import Message
from venuewire.venues.ctrader.wire.table import REQUESTS

MINUTE = 60 * SECOND
A_WEEK = {"from_timestamp": 1_790_000_000_000 - 600_000_000, "to_timestamp": 1_790_000_001_000}


def client() -> Client:
    sandbox = Sandbox()
    sandbox.others(Side.BUY, "9000", "1.14800")
    sandbox.others(Side.SELL, "9000", "1.14820")
    return Client(sandbox).start()


def bought(ours: Client) -> None:
    order = NewOrder(
        symbol="EURUSD", side=Side.BUY, ord_type=OrdType.MARKET, order_qty=2000, cl_ord_id="5", ref="5", text="one"
    )
    ours.submit(order)


PLAIN: list[Message] = [
    session.VersionReq(),
    session.GetAccountListByAccessTokenReq(access_token=""),
    session.GetCtidProfileByTokenReq(access_token=""),
    market.AssetListReq(ctid_trader_account_id=0),
    market.AssetClassListReq(ctid_trader_account_id=0),
    market.SymbolsListReq(ctid_trader_account_id=0, include_archived_symbols=True),
    market.SymbolByIdReq(ctid_trader_account_id=0, symbol_id=(1, 41)),
    market.SymbolCategoryListReq(ctid_trader_account_id=0),
    market.SymbolsForConversionReq(ctid_trader_account_id=0, first_asset_id=5, last_asset_id=6),
    trading.TraderReq(ctid_trader_account_id=0),
    trading.ReconcileReq(ctid_trader_account_id=0, return_protection_orders=True),
    margin.ExpectedMarginReq(ctid_trader_account_id=0, symbol_id=1, volume=(100_000, 200_000)),
    margin.GetDynamicLeverageByIDReq(ctid_trader_account_id=0, leverage_id=1001),
    margin.GetPositionUnrealizedPnLReq(ctid_trader_account_id=0),
    margin.MarginCallListReq(ctid_trader_account_id=0),
    history.CashFlowHistoryListReq(ctid_trader_account_id=0, **A_WEEK),
    history.DealListReq(ctid_trader_account_id=0),
    history.DealListByPositionIdReq(ctid_trader_account_id=0, position_id=5_000_001),
    history.GetTickDataReq(ctid_trader_account_id=0, symbol_id=1, type=1),
    history.GetTrendbarsReq(
        ctid_trader_account_id=0, symbol_id=1, period="M5", count=3, to_timestamp=1_790_000_000_000
    ),
    history.OrderListReq(ctid_trader_account_id=0),
    history.OrderListByPositionIdReq(ctid_trader_account_id=0, position_id=5_000_001),
]


@pytest.mark.parametrize("message", PLAIN, ids=lambda message: type(message).__name__)
def test_a_record_is_answered_with_a_record(message: Message) -> None:
    ours = client()
    bought(ours)
    (reply,) = ours.submit(VenueRequest(message=message, ref="9"))
    assert isinstance(reply, Reply)
    assert (type(reply.message), reply.ref) == (ASKED[type(message)], "9")


def test_details_of_an_order_and_its_deals_offsets() -> None:
    ours = client()
    bought(ours)
    (listed,) = ours.submit(VenueRequest(message=history.DealListReq(ctid_trader_account_id=0), ref="8"))
    assert isinstance(listed, Reply)
    assert isinstance(listed.message, history.DealListRes)
    deal = listed.message.deal[0]
    details = history.OrderDetailsReq(ctid_trader_account_id=0, order_id=deal.order_id or 0)
    (reply,) = ours.submit(VenueRequest(message=details, ref="9"))
    assert isinstance(reply, Reply)
    assert isinstance(reply.message, history.OrderDetailsRes)
    assert reply.message.deal[0].deal_id == deal.deal_id
    offsets = history.DealOffsetListReq(ctid_trader_account_id=0, deal_id=deal.deal_id)
    (reply,) = ours.submit(VenueRequest(message=offsets, ref="10"))
    assert isinstance(reply, Reply)
    assert isinstance(reply.message, history.DealOffsetListRes)


def test_a_margin_call_that_is_changed_is_answered_and_told() -> None:
    ours = client()
    call = margin.MarginCallListReq(ctid_trader_account_id=0)
    (listed,) = ours.submit(VenueRequest(message=call, ref="8"))
    assert isinstance(listed, Reply)
    assert isinstance(listed.message, margin.MarginCallListRes)
    wanted = replace(listed.message.margin_call[0], margin_level_threshold=Decimal("120.5"))
    change = margin.MarginCallUpdateReq(ctid_trader_account_id=0, margin_call=wanted)
    told = ours.submit(VenueRequest(message=change, ref="9"))
    assert Reply(message=margin.MarginCallUpdateRes(), ref="9") in told
    (news,) = [event for event in told if isinstance(event, VenueNews)]
    assert isinstance(news.message, margin.MarginCallUpdateEvent)
    assert news.message.margin_call.margin_level_threshold == Decimal("120.5")


def test_ticks_are_asked_for_by_record_and_decoded() -> None:
    ours = client()
    wanted = history.GetTickDataReq(ctid_trader_account_id=0, symbol_id=1, type="ASK", **A_WEEK)
    (reply,) = ours.submit(VenueRequest(message=wanted, ref="9"))
    assert isinstance(reply, Reply)
    assert isinstance(reply.message, history.GetTickDataRes)
    ticks = decoded(reply.message.tick_data)
    times = [time for time, _ in ticks]
    assert times == sorted(times, reverse=True) or times == sorted(times)
    assert all(100_000 < price < 130_000 for _, price in ticks)


def test_nothing_that_trades_is_asked_by_record_and_every_other_request_is() -> None:
    elsewhere = {
        *(session.HeartbeatEvent, session.ApplicationAuthReq, session.AccountAuthReq, session.RefreshTokenReq),
        *(session.AccountLogoutReq, trading.NewOrderReq, trading.CancelOrderReq, trading.AmendOrderReq),
        *(trading.AmendPositionSLTPReq, trading.ClosePositionReq, market.SubscribeSpotsReq),
        *(market.UnsubscribeSpotsReq, market.SubscribeDepthQuotesReq, market.UnsubscribeDepthQuotesReq),
        *(market.SubscribeLiveTrendbarReq, market.UnsubscribeLiveTrendbarReq),
    }
    assert set(REQUESTS.values()) - set(ASKED) == elsewhere
    ours = client()
    order = trading.NewOrderReq(ctid_trader_account_id=0, symbol_id=1, order_type=1, trade_side=1, volume=100_000)
    with pytest.raises(LocalProtocolError, match="NewOrderReq; there are: AssetClassListReq"):
        ours.submit(VenueRequest(message=order, ref="9"))
    with pytest.raises(LocalProtocolError, match="accountIds"):
        ours.submit(VenueRequest(message=trading.TraderReq(ctid_trader_account_id=77), ref="9"))


def test_a_refusal_is_told_to_who_asked() -> None:
    ours = client()
    unknown = margin.GetDynamicLeverageByIDReq(ctid_trader_account_id=0, leverage_id=5)
    (refused,) = ours.submit(VenueRequest(message=unknown, ref="9"))
    assert isinstance(refused, RequestRejected)
    assert (refused.code, refused.ref) == ("ENTITY_NOT_FOUND", "9")


# --------------------------------------------------------------------------- estimates


@pytest.mark.parametrize(("side", "bound"), [(Side.BUY, "22.96"), (Side.SELL, "22.96")])
def test_an_estimate_is_the_margin_of_the_orders_side(side: Side, bound: str) -> None:
    ours = client()
    order = NewOrder(symbol="EURUSD", side=side, ord_type=OrdType.MARKET, order_qty=2000)
    (estimate,) = ours.submit(OrderEstimateRequest(order=order, ref="9"))
    assert estimate == OrderEstimate(currency="USD", margin=Decimal(bound), ref="9")
    # The currency of the account is known from now on.
    before = len(ours.sent)
    ours.submit(OrderEstimateRequest(order=order, ref="10"))
    assert len(ours.sent) == before + 1


def test_an_estimate_of_what_could_not_be_sent_is_refused_before_sending() -> None:
    ours = client()
    order = NewOrder(symbol="EURUSD", side=Side.BUY, ord_type=OrdType.MARKET, order_qty=1)
    with pytest.raises(LocalProtocolError, match="multiple"):
        ours.submit(OrderEstimateRequest(order=order, ref="9"))


# --------------------------------------------------------------------------- the account as a whole


def summaries(told: list[Any]) -> list[AccountSummary]:
    return [event for event in told if isinstance(event, AccountSummary)]


def test_the_account_as_a_whole_is_told_when_it_is_asked_for_and_whenever_it_changes() -> None:
    ours = client()
    told = ours.submit(Subscribe(channel=Channel.SUMMARY, ref="9"))
    assert SubscriptionAccepted(ref="9") in told
    (empty,) = summaries(told)
    assert (empty.currency, empty.equity, empty.available) == ("USD", Decimal(1_000_000), Decimal(1_000_000))
    assert (empty.initial_margin, empty.unrealized_pnl) == (Decimal(0), Decimal(0))
    assert empty.account == ours.sandbox.stage.account
    assert empty.figures["leverage"] == 100
    assert empty.figures["accountType"] == "HEDGED"
    before = len(ours.told)
    bought(ours)
    # 2,000 bought at 1.14820 and worth 1.14800: 40 cents less, and 10 cents of commission are owed.
    held = summaries(ours.told[before:])[-1]
    assert held.unrealized_pnl == Decimal("-0.45")
    assert held.initial_margin == Decimal("22.96")
    assert held.equity == Decimal("999999.55")
    assert held.available == Decimal("999976.59")


def test_nobody_is_asked_once_nobody_wants_to_know() -> None:
    ours = client()
    ours.submit(Subscribe(channel=Channel.SUMMARY, ref="9"))
    ours.submit(Unsubscribe(channel=Channel.SUMMARY, subscription="9", ref="10"))
    before = len(ours.told)
    bought(ours)
    assert summaries(ours.told[before:]) == []


def test_changes_while_a_summary_is_on_its_way_are_asked_for_once_more() -> None:
    ours = client()
    ours.submit(Subscribe(channel=Channel.SUMMARY, ref="9"))
    trader = {"ctidTraderAccountId": ours.sandbox.account_id, "balance": 5, "depositAssetId": 15}

    def changed() -> list[Any]:
        return [out for out in ours.hear(2123, ours.line.of(trader=trader)) if isinstance(out, Send)]

    (first,) = changed()
    assert (changed(), changed()) == ([], [])
    told = ours.hear(2188, ours.line.of(moneyDigits=2), first.ref)
    (again,) = [out for out in told if isinstance(out, Send)]
    assert b'"payloadType":2187' in again.payload
    assert summaries(told)[0].equity == Decimal("0.05")
    # One that is refused is asked for again only when something changes.
    assert ours.hear(2142, {"errorCode": "TIMEOUT_ERROR"}, again.ref) == []
    assert len(changed()) == 1


# --------------------------------------------------------------------------- symbols that change


def test_the_status_of_a_symbol_is_told_and_told_again_when_it_changes() -> None:
    ours = client()
    told = ours.submit(Subscribe(channel=Channel.STATUS, symbol="EURUSD", ref="9"))
    assert told[0] == SubscriptionAccepted(ref="9")
    assert told[1:] == [SecurityStatus(symbol="EURUSD", tradable=True, text="ENABLED", recv_time=ours.sandbox.now)]
    news, again = ours.hear(2120, ours.line.of(symbolId=[1, 999]))
    assert isinstance(news, VenueNews)
    assert isinstance(again, Send)
    closing = {"symbolId": 1, "digits": 5, "pipPosition": 4, "stepVolume": 500_000, "tradingMode": 3}
    (status,) = ours.hear(2117, ours.line.of(symbol=[closing]), again.ref)
    assert isinstance(status, SecurityStatus)
    assert (status.tradable, status.text) == (False, "CLOSE_ONLY_MODE")
    assert ours.seat.instruments["EURUSD"].min_qty_increment == 5000


def test_a_status_of_a_number_nobody_knows_yet_is_no_damage() -> None:
    ours = client()
    (effect,) = ours.initiator.send(Subscribe(channel=Channel.STATUS, symbol="EURUSD", ref="9"), 0)
    assert isinstance(effect, Send)
    row = {"symbolId": 1, "digits": 5, "pipPosition": 4, "tradingMode": 9}
    _, status = ours.hear(2117, ours.line.of(symbol=[row]), "9")
    assert (status.tradable, status.text) == (False, "9")


def test_a_status_that_is_refused() -> None:
    ours = client()
    ours.initiator.send(Subscribe(channel=Channel.STATUS, symbol="EURUSD", ref="9"), 0)
    refused = ours.hear(2142, {"errorCode": "SYMBOL_NOT_FOUND"}, "9")
    assert refused == [SubscriptionRejected(code="SYMBOL_NOT_FOUND", text="SYMBOL_NOT_FOUND", ref="9")]


# --------------------------------------------------------------------------- in time


def test_the_sixth_historical_request_waits_and_none_is_refused() -> None:
    desk = Desk()
    now = desk.sandbox.now
    request = BarRequest(symbol="EURUSD", period=MINUTE, start=now - 600 * MINUTE, end=now)
    refs = [desk.session.submit(request, now) for _ in range(12)]
    order = NewOrder(symbol="EURUSD", side=Side.BUY, ord_type=OrdType.LIMIT, order_qty=1000, price="1.1", cl_ord_id="1")
    placed = desk.session.submit(order, now)
    desk.carry()
    came = [event.ref for event in desk.told if isinstance(event, Bars)]
    assert came == refs[:5]
    assert any(getattr(event, "ref", None) == placed for event in desk.told)
    desk.step(2)
    assert [event.ref for event in desk.told if isinstance(event, Bars)] == refs
    assert desk.count(RequestRejected) == 0


def test_what_is_asked_while_the_token_is_exchanged_waits() -> None:
    desk = Desk(ends_in=900)
    desk.step(599)
    desk.sandbox.now += SECOND
    desk.take(desk.session.tick(desk.sandbox.now))
    (refresh,) = desk.session.effects()
    assert isinstance(refresh, Send)
    assert b'"payloadType":2173' in refresh.payload
    order = NewOrder(symbol="EURUSD", side=Side.BUY, ord_type=OrdType.LIMIT, order_qty=1000, price="1.1", cl_ord_id="1")
    ref = desk.session.submit(order, desk.sandbox.now)
    assert desk.session.effects() == []
    desk.line.send(refresh.payload)
    desk.carry()
    (report,) = [event for event in desk.told if getattr(event, "ref", None) == ref]
    assert report.order_id
    assert desk.count(RequestRejected) == 0
