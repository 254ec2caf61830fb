"""Futures on the sandbox's stage, from the order to the figures of risk; and the portfolios that trade them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.unit.alor.rig import START, Client, Venue, Wire, row

from venuewire.errors import LocalProtocolError
from venuewire.model.account import AccountSummary, Position
from venuewire.model.orders import CancelOrder, ExecutionReport, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import (
    Holdings,
    MassStatus,
    OrderEstimate,
    OrderEstimateRequest,
    OrderMassStatusRequest,
    Reply,
    RequestForPositions,
    SecurityList,
    SecurityListRequest,
    Subscribe,
    VenueRequest,
)
from venuewire.model.terms import (
    NANOS_PER_SECOND,
    Channel,
    ExecType,
    OrdRejReason,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
)
from venuewire.venues.alor import sessions
from venuewire.venues.alor.acceptor.stage import future
from venuewire.venues.alor.wire import account, requests, risk

FUTURE = "MOEX:SBRF-12.25"
DAY = 86_400 * NANOS_PER_SECOND


@pytest.fixture
def venue() -> Venue:
    venue = Venue()
    venue.maker = venue.exchange.open_account("deep", {"RUB": "1000000000", "SBER": "100000"})
    venue.quote("26100", Side.BUY, 50, FUTURE)
    venue.quote("26130", Side.SELL, 50, FUTURE)
    venue.quote("257.70", Side.BUY, 100)
    venue.quote("257.71", Side.SELL, 100)
    venue.exchange.drain()
    return venue


def portfolio(venue: Venue, kind: str) -> str:
    return f"{kind}{venue.portfolio[1:]}"


def trader(venue: Venue, kind: str = "75") -> Client:
    client = Client(venue, portfolio=portfolio(venue, kind))
    client.dial("ws")
    client.dial("cws")
    for event in client.do(SecurityListRequest(symbols=(FUTURE, "MOEX:SBER"))):
        assert isinstance(event, SecurityList)
        client.seat.know(event.instruments)
    return client


@pytest.fixture
def client(venue: Venue) -> Client:
    return trader(venue)


def order(side: Side = Side.BUY, qty: int = 2, price: str = "26130", **more: Any) -> NewOrder:
    given: dict[str, Any] = {"symbol": FUTURE, "cl_ord_id": "77", **more}
    return NewOrder(side=side, ord_type=OrdType.LIMIT, order_qty=qty, price=price, **given)


def reports(events: list[Any]) -> list[ExecutionReport]:
    return [event for event in events if isinstance(event, ExecutionReport)]


def later(client: Client) -> list[Any]:
    """What the lines tell at their next tick: news of a token's further portfolios waits for it."""
    client.venue.now += NANOS_PER_SECOND
    events: list[Any] = []
    for name, end in client.ends.items():
        if (due := end.next_tick()) is not None and due <= client.now:
            events += client.receive(name, end.tick(client.now))
    return events


def asked(client: Client, record: msgspec.Struct) -> Any:
    (event,) = client.do(VenueRequest(message=record))
    return event.message if isinstance(event, Reply) else event


# --------------------------------------------------------------------------- the instrument


@pytest.mark.parametrize(
    ("now", "ticker", "short"),
    [
        (START, "SBRF-12.25", "SRZ5"),
        (START + 69 * DAY, "SBRF-3.26", "SRH6"),  # 17 December 2025: the last day is the 18th
        (START + 150 * DAY, "SBRF-3.26", "SRH6"),
        (START + 160 * DAY, "SBRF-6.26", "SRM6"),
    ],
)
def test_the_nearest_future_with_a_week_to_live(now: int, ticker: str, short: str) -> None:
    assert (future(now).security_id, future(now).base) == (ticker, short)


def test_a_future_is_told_as_one(client: Client, venue: Venue) -> None:
    known = client.seat.instruments[FUTURE]
    assert row(known.round_lot, known.min_price_increment, known.market_segment_id) == row(1, 1, "RFUD")
    (found,) = asked(client, requests.SecuritiesRequest(sector="FORTS")).rows
    assert (found.symbol, found.shortname, found.market) == ("SBRF-12.25", "SRZ5", "FORTS")
    assert (found.type, found.cfiCode) == ("Фьючерсный контракт SBRF-12.25", "FFSPSX")
    assert found.cancellation == "2025-12-18T23:59:59.9999999"
    assert row(found.facevalue, found.marginbuy, found.marginrate) == row(100, 5224, 20)
    assert asked(client, requests.SecurityRequest(symbol="SRZ5")).symbol == "SBRF-12.25"
    assert asked(client, requests.FuturesQuoteRequest(symbol="SBER")).symbol == "SBRF-12.25"
    assert asked(client, requests.FuturesQuoteRequest(symbol="LKOH")).code == "404"
    told = Wire(venue, "ws").say(
        {"opcode": "InstrumentsGetAndSubscribeV2", "code": "SBRF-12.25", "exchange": "MOEX", "guid": "i"}
        | {"token": venue.token()}
    )
    assert told[-1]["data"]["marginBuy"] == 5224


# --------------------------------------------------------------------------- orders


def test_an_order_is_filled_and_its_id_has_nineteen_digits(client: Client) -> None:
    client.do(Subscribe(channel=Channel.ORDERS))
    client.do(Subscribe(channel=Channel.POSITIONS))
    client.do(Subscribe(channel=Channel.SUMMARY))
    told = [*client.do(order()), *later(client)]
    placed = reports(told)[0]
    assert len(placed.order_id) == 19
    assert placed.order_id.isdigit()
    fills = [report for report in reports(told) if report.exec_type is ExecType.TRADE]
    assert [row(fill.order_id, fill.last_qty, fill.last_px, fill.cl_ord_id) for fill in fills] == [
        row(placed.order_id, 2, 26130, "77")
    ]
    assert {report.order_id for report in reports(told)} == {placed.order_id}
    (position,) = [event for event in told if isinstance(event, Position) and event.symbol == FUTURE]
    assert row(position.qty, position.avg_px) == row(2, 26130)
    (summary,) = [event for event in told + later(client) if isinstance(event, AccountSummary)]
    assert row(summary.initial_margin, summary.available) == row(10_452, 5_000_000 - 10_452)
    (status,) = [event for event in client.do(OrderMassStatusRequest()) if isinstance(event, MassStatus)]
    assert [report.order_id for report in status.reports] == [placed.order_id]


def test_it_is_sold_short_and_held_at_a_loss(client: Client, venue: Venue) -> None:
    assert reports(client.do(order(Side.SELL, 3, "26100")))
    (holdings,) = [event for event in client.do(RequestForPositions()) if isinstance(event, Holdings)]
    assert [row(held.symbol, held.qty) for held in holdings.positions] == [row(FUTURE, -3)]
    other = venue.exchange.open_account("other", {"RUB": "10000000"})
    other.execute(order(Side.BUY, 1, "26130"), venue.now)
    figures = asked(client, requests.SpectraRiskRequest())
    assert isinstance(figures, risk.SpectraRisk)
    assert row(figures.vmCurrentPositions, figures.moneyAmount) == row(-90, 5_000_000)
    assert row(figures.moneyBlocked, figures.posRisk) == row(15_660, 15_660)
    told = asked(client, requests.RiskRequest())
    assert row(told.initialMargin, told.minimalMargin, told.riskStatus) == row(15_660, 7_830, "Ok")
    assert told.hasNegativeQuantity is True
    assert row(told.portfolioEvaluation) == row(4_999_910)


def test_what_the_margin_does_not_cover_is_refused(client: Client) -> None:
    (refusal,) = reports(client.do(order(qty=957)))
    assert (refusal.ord_status, refusal.ord_rej_reason) == (OrdStatus.REJECTED, OrdRejReason.ORDER_EXCEEDS_LIMIT)
    (estimate,) = [e for e in client.do(OrderEstimateRequest(order=order(qty=10))) if isinstance(e, OrderEstimate)]
    assert row(estimate.accepted, estimate.notional, estimate.max_qty) == row(True, 52_240, 957)


def test_good_till_cancelled_is_for_derivatives(client: Client) -> None:
    good = order(price="26000", time_in_force=TimeInForce.GOOD_TILL_CANCEL)
    (placed,) = reports(client.do(good))
    record = asked(client, requests.OrderRequest(orderId=placed.order_id))
    assert isinstance(record, account.OrderSimple)
    assert (record.timeInForce, record.endTime) == ("goodtillcancelled", "2060-12-31T23:59:59.0000000Z")
    client.venue.exchange.advance(client.now + 3 * DAY)
    assert asked(client, requests.OrderRequest(orderId=placed.order_id)).status == "working"
    with pytest.raises(LocalProtocolError, match="derivatives boards only"):
        client.do(order(symbol="MOEX:SBER", qty=10, price="200", time_in_force=TimeInForce.GOOD_TILL_CANCEL))


def test_a_day_order_ends_with_its_day(client: Client) -> None:
    (placed,) = reports(client.do(order(price="26000")))
    client.venue.exchange.advance(client.now + DAY)
    assert asked(client, requests.OrderRequest(orderId=placed.order_id)).status == "canceled"


def test_a_replacement_keeps_side_and_instrument_whatever_it_says(client: Client, venue: Venue) -> None:
    (placed,) = reports(client.do(order(price="26000")))
    change = ReplaceOrder(
        symbol=FUTURE,
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_id=placed.order_id,
        orig_cl_ord_id="77",
        cl_ord_id="78",
        order_qty=3,
        price="26010",
    )
    (replaced,) = reports(client.do(change))
    assert len(replaced.order_id) == 19
    assert replaced.order_id != placed.order_id
    cws = Wire(venue, "cws")
    cws.say({"opcode": "authorize", "guid": "a", "token": venue.token()})
    message = {
        "opcode": "update:limit",
        "guid": "b",
        "orderId": replaced.order_id,
        "side": "sell",
        "quantity": 4,
        "price": 26020,
        "instrument": {"symbol": "SRZ5", "exchange": "MOEX"},
        "user": {"portfolio": portfolio(venue, "75")},
    }
    (answer,) = cws.say(message)
    assert answer["httpCode"] == 200
    (standing,) = venue.exchange.port(portfolio(venue, "75")).orders()
    assert row(standing.side, standing.order_qty, standing.price) == row(Side.BUY, 4, 26020)
    last = CancelOrder(
        symbol=FUTURE,
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_id=answer["orderNumber"],
        orig_cl_ord_id="",
        cl_ord_id="79",
    )
    (ended,) = reports(client.do(last))
    assert ended.order_id == answer["orderNumber"]
    assert venue.exchange.port(portfolio(venue, "75")).orders() == []


def test_a_stop_order_leads_to_one_of_nineteen_digits(client: Client, venue: Venue) -> None:
    client.do(Subscribe(channel=Channel.ORDERS))
    stop = NewOrder(symbol=FUTURE, side=Side.BUY, ord_type=OrdType.STOP, order_qty=1, stop_px="26130", cl_ord_id="80")
    (placed,) = reports(client.do(stop))
    other = venue.exchange.open_account("other", {"RUB": "10000000"})
    other.execute(order(Side.BUY, 1, "26130"), venue.now)
    told = reports([event for _ in range(2) for event in (*client.news(), *later(client))])
    triggered = [report for report in told if report.exec_type in (ExecType.TRIGGERED, ExecType.REPLACED)]
    assert triggered[0].order_id == placed.order_id
    (fill,) = [report for report in told if report.exec_type is ExecType.TRADE]
    assert len(fill.order_id) == 19
    assert triggered[-1].order_id == fill.order_id


def test_an_iceberg_of_derivatives_may_vary(venue: Venue) -> None:
    cws = Wire(venue, "cws")
    cws.say({"opcode": "authorize", "guid": "a", "token": venue.token()})
    message = {
        "opcode": "create:limit",
        "guid": "b",
        "side": "buy",
        "quantity": 10,
        "price": 26000,
        "icebergFixed": 2,
        "icebergVariance": 10,
        "instrument": {"symbol": "SBRF-12.25", "exchange": "MOEX", "instrumentGroup": "RFUD"},
        "user": {"portfolio": portfolio(venue, "75")},
    }
    assert cws.say(message)[0]["httpCode"] == 200
    shares = {**message, "guid": "c", "price": 250, "instrument": {"symbol": "SBER", "exchange": "MOEX"}}
    (refusal,) = cws.say({**shares, "user": {"portfolio": venue.portfolio}})
    assert (refusal["httpCode"], refusal["message"]) == (400, "BAD_FLAGS")


def test_a_trade_of_a_future_has_no_commission(client: Client) -> None:
    client.do(order())
    (trade,) = asked(client, requests.TradesRequest()).rows
    assert (trade.commission, trade.qtyUnits, trade.qtyBatch) == (None, 2, 2)
    assert len(trade.orderno) == 19


# --------------------------------------------------------------------------- portfolios and hours


def test_each_portfolio_trades_its_own_market_and_the_single_one_all(venue: Venue) -> None:
    shares = order(symbol="MOEX:SBER", qty=10, price="257.71")
    for kind, taken in (("D", ["share"]), ("75", ["future"]), ("E", ["share", "future"])):
        client = trader(venue, kind)
        found = []
        for name, command in (("share", shares), ("future", order())):
            (report,) = reports(client.do(command))
            if report.ord_status is OrdStatus.REJECTED:
                assert (report.text, report.ord_rej_reason) == ("PROHIBITION_CH", OrdRejReason.NOT_ALLOWED)
            else:
                found.append(name)
        assert found == taken, kind


def test_a_single_cash_portfolio_is_at_united_and_has_one_purse(venue: Venue) -> None:
    client = trader(venue, "E")
    client.do(Subscribe(channel=Channel.POSITIONS))
    client.do(order(symbol="MOEX:SBER", qty=10, price="257.71"))
    client.do(order(cl_ord_id="78"))
    (holdings,) = [event for event in client.do(RequestForPositions()) if isinstance(event, Holdings)]
    held = {position.symbol: position.qty for position in holdings.positions}
    assert held == {"MOEX:SBER": 1010, FUTURE: 2}
    (roubles,) = [balance for balance in holdings.balances if balance.currency == "RUB"]
    assert roubles.total == 10_000_000 - Decimal("2577.10")
    assert roubles.available == roubles.total - 10_452
    assert [fetch.path for fetch in client.fetched if "/Clients/" in fetch.path][-1].startswith(
        f"/md/v2/Clients/UNITED/E{venue.portfolio[1:]}/"
    )


def test_news_of_one_portfolio_is_not_anothers(venue: Venue) -> None:
    shares, futures = trader(venue, "D"), trader(venue, "75")
    for client in (shares, futures):
        client.do(Subscribe(channel=Channel.ORDERS))
    futures.do(order())
    assert reports(later(shares)) == []


def test_all_orders_of_a_portfolio_are_cancelled_over_http(client: Client, venue: Venue) -> None:
    client.do(order(price="26000"))
    path = f"/commandapi/warptrans/TRADE/v2/client/orders/all?portfolio={portfolio(venue, '75')}&exchange=MOEX"
    assert venue.ask("DELETE", path, venue.token()).status == 200
    assert venue.exchange.port(portfolio(venue, "75")).orders() == []
    with pytest.raises(LocalProtocolError):
        client.do(MassCancel())


@pytest.mark.parametrize(
    ("moscow", "status"),
    [
        (8.9, sessions.OPENING_AUCTION),
        (9.5, sessions.TRADING),
        (14.02, sessions.BREAK),
        (14.1, sessions.TRADING),
        (18.9, sessions.BREAK),
        (19.2, sessions.TRADING),
        (23.9, sessions.CLOSED),
    ],
)
def test_derivatives_have_hours_of_their_own(venue: Venue, moscow: float, status: int) -> None:
    monday = 1_760_302_800 * NANOS_PER_SECOND  # 13 October 2025, midnight in Moscow
    now = monday + int(moscow * 3600) * NANOS_PER_SECOND
    venue.host.switches.trading_hours = True
    assert venue.host.desk.trading_status(venue.exchange.instruments[FUTURE], now) == status


def test_the_past_of_a_future_is_there_from_the_start(venue: Venue) -> None:
    path = f"/md/v2/history?symbol=SBRF-12.25&exchange=MOEX&tf=60&from=0&to={START // NANOS_PER_SECOND}&countBack=5"
    bars = json.loads(venue.get(path, venue.token()).body)["history"]
    assert len(bars) >= 5
    assert all(bar["close"] == int(bar["close"]) for bar in bars)
