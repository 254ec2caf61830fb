"""What ALOR tells beyond books, trades and orders: statuses, summaries, estimates, its own feeds and requests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.unit.alor.rig import SYMBOLS, Client, Venue, row

from venuewire.errors import LocalProtocolError, RemoteProtocolError
from venuewire.model.account import AccountSummary
from venuewire.model.market import SecurityStatus
from venuewire.model.orders import NewOrder
from venuewire.model.session import (
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
from venuewire.model.terms import NANOS_PER_SECOND, Channel, OrdType, Side
from venuewire.venue import Answer, Fetch, Habit
from venuewire.venues.alor.initiator import asking
from venuewire.venues.alor.initiator.figures import estimate_event, merged_status, status_event, summary_event
from venuewire.venues.alor.wire import account, candles, groups, market, requests, risk, status, stops

FORMATS = ("Simple", "Slim", "Heavy")
MONDAY_NOON = 1_760_346_000 * NANOS_PER_SECOND
"""2025-10-13, 12:00 in Moscow."""


@pytest.fixture
def venue() -> Venue:
    venue = Venue()
    venue.quote("257.70", Side.BUY, 100)
    venue.quote("257.71", Side.SELL, 100)
    venue.exchange.drain()
    return venue


@pytest.fixture
def client(venue: Venue) -> Client:
    return Client(venue).up()


def only(events: list[Any], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def later(client: Client, milliseconds: int) -> list[Any]:
    """Step the clock; what the lines tell by themselves."""
    client.venue.now += milliseconds * 1_000_000
    events: list[Any] = []
    for name, end in client.ends.items():
        if (due := end.next_tick()) is not None and due <= client.now:
            events += client.receive(name, end.tick(client.now))
    return events


def buy(client: Client, lots: int = 1, price: str | None = "257.71") -> NewOrder:
    kind = OrdType.MARKET if price is None else OrdType.LIMIT
    return NewOrder(symbol="MOEX:SBER", side=Side.BUY, ord_type=kind, order_qty=10 * lots, price=price)


# --------------------------------------------------------------------------- the account as a whole


@pytest.mark.parametrize("form", FORMATS)
def test_a_summary_comes_at_once_and_again_when_money_moves(venue: Venue, form: str) -> None:
    client = Client(venue, {"format": form}).up()
    told = client.do(Subscribe(channel=Channel.SUMMARY))
    (first,) = only(told, AccountSummary)
    assert only(told, SubscriptionAccepted)
    assert row(first.currency, first.available, first.initial_margin) == row("RUB", 50_000_000, 0)
    assert first.account == venue.portfolio
    assert first.equity > 50_000_000
    assert first.figures["buyingPower USD"] == 200_000
    assert {"profit", "portfolioEvaluation", "commission"} <= set(first.figures)
    client.do(buy(client))
    (second,) = only(later(client, 200), AccountSummary)
    assert second.available == 50_000_000 - Decimal("2577.10")


def test_the_sign_of_life_is_no_summary_of_ours(venue: Venue) -> None:
    client = Client(venue, {"ping": False}).up()
    sign = client.ws.heartbeat(client.now)
    assert sign is not None
    assert only(client.exchange_frames("ws", [sign]), AccountSummary) == []


def test_one_key_of_a_summary_has_two_spellings() -> None:
    for key in ("bpv2", "bp2v"):
        record = account.read_summary["Slim"](b'{"bp":5,"%s":[{"cr":"USD","bp":7.5}]}' % key.encode())
        assert summary_event(record, "D1", 1).figures == {"buyingPower USD": Decimal("7.5")}


# --------------------------------------------------------------------------- whether an instrument can be traded


@pytest.mark.parametrize("form", FORMATS)
def test_a_status_is_kept_whole_though_later_frames_are_not(venue: Venue, form: str) -> None:
    venue.now = MONDAY_NOON
    venue.host.afflict(Habit("trading_hours"), venue.now)
    client = Client(venue, {"format": form}).up()
    (first,) = only(client.do(Subscribe(channel=Channel.STATUS, symbol="MOEX:SBER")), SecurityStatus)
    assert first.symbol == "MOEX:SBER"
    assert (first.tradable, first.text) == (True, "нормальный период торгов")
    assert first.low_limit_px < Decimal("257.70") < first.high_limit_px
    # 18:40 closing auction, 18:50 break, 19:05 trading
    told = [event for minutes in (400, 10, 15) for event in only(later(client, minutes * 60_000), SecurityStatus)]
    assert [(event.tradable, event.text) for event in told] == [
        (None, "аукцион закрытия"),
        (False, "перерыв"),
        (True, "нормальный период торгов"),
    ]
    assert {(event.low_limit_px, event.high_limit_px) for event in told} == {(first.low_limit_px, first.high_limit_px)}


def test_limits_that_move_are_told_with_the_status_that_stands() -> None:
    whole = status.read_status["Slim"](b'{"sym":"SBER","st":18,"sti":null,"pxmn":228.78,"pxmx":279.96}')
    part = status.read_status["Slim"](b'{"sym":"SBER","pxmx":281}')
    told = status_event(merged_status(whole, part), "MOEX:SBER", 5)
    assert told == SecurityStatus(
        symbol="MOEX:SBER",
        tradable=False,
        text="18",
        low_limit_px=Decimal("228.78"),
        high_limit_px=Decimal(281),
        recv_time=5,
    )


# --------------------------------------------------------------------------- feeds of the venue's own


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("feed", "kind", "field"),
    [
        (requests.RisksFeed(), risk.Risk, "riskStatus"),
        (requests.SpectraRisksFeed(), risk.SpectraRisk, "moneyFree"),
        (requests.InstrumentFeed(code="SBER"), status.InstrumentStatus, "priceMax"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_feed_is_told_in_the_venues_own_records(
    venue: Venue, form: str, feed: msgspec.Struct, kind: type[msgspec.Struct], field: str
) -> None:
    client = Client(venue, {"format": form}).up()
    told = client.do(Subscribe(channel=Channel.VENUE, message=feed, ref="77"))
    (news,) = only(told, VenueNews)
    assert [event.ref for event in only(told, SubscriptionAccepted)] == ["77"]
    assert (news.ref, news.recv_time) == ("77", client.now)
    assert isinstance(news.message, kind)
    assert getattr(news.message, field) not in (None, msgspec.UNSET)
    assert only(client.do(Unsubscribe(channel=Channel.VENUE, subscription="77", ref="78")), SubscriptionAccepted)
    client.do(buy(client))
    assert only(later(client, 1000), VenueNews) == []


def test_feeds_are_told_apart_and_restored_under_their_refs(venue: Venue, client: Client) -> None:
    wanted = [
        Subscribe(channel=Channel.VENUE, message=requests.RisksFeed(), ref="71"),
        Subscribe(channel=Channel.VENUE, message=requests.SpectraRisksFeed(), ref="72"),
        Subscribe(channel=Channel.VENUE, message=requests.InstrumentFeed(code="GAZP"), ref="73"),
        Subscribe(channel=Channel.STATUS, symbol="MOEX:GAZP", ref="74"),
    ]
    for _ in range(2):
        told = [event for command in wanted for event in client.do(command)]
        assert [event.ref for event in only(told, VenueNews)] == ["71", "72", "73"]
        assert [event.symbol for event in only(told, SecurityStatus)] == ["MOEX:GAZP"]
        client.dial("ws")


def test_a_feed_may_be_of_another_portfolio_and_is_refused_where_the_token_is_not_of_it(client: Client) -> None:
    feed = requests.SpectraRisksFeed(portfolio="7500GHC", exchange="MOEX")
    (refusal,) = only(client.do(Subscribe(channel=Channel.VENUE, message=feed)), SubscriptionRejected)
    assert refusal.code == "403"


@pytest.mark.parametrize("message", [None, requests.TimeRequest()])
def test_what_is_no_feed_is_refused_here(client: Client, message: msgspec.Struct | None) -> None:
    with pytest.raises(LocalProtocolError, match="RisksFeed, SpectraRisksFeed, InstrumentFeed"):
        client.do(Subscribe(channel=Channel.VENUE, message=message))


def test_a_feeds_number_that_is_none_is_damage(client: Client) -> None:
    client.do(Subscribe(channel=Channel.VENUE, message=requests.RisksFeed(), ref="71"))
    frame = b'{"data":{"p":"D1","ex":"MOEX","pe":1e999999},"guid":"71"}'
    with pytest.raises(RemoteProtocolError):
        client.ws.receive(client.ws.open(frame), client.now)


# --------------------------------------------------------------------------- estimates


def estimated(client: Client, order: NewOrder) -> OrderEstimate:
    (answer,) = only(client.do(OrderEstimateRequest(order=order)), OrderEstimate)
    assert isinstance(answer, OrderEstimate)
    return answer


def test_an_estimate_says_what_an_order_costs_and_whether_the_money_is_there(client: Client) -> None:
    fine = estimated(client, buy(client, 2, "250"))
    assert row(fine.accepted, fine.notional, fine.max_qty, fine.currency) == row(True, 5000, 200_000, "RUB")
    too_much = estimated(client, buy(client, 20_001, "250"))
    assert too_much.accepted is False
    held = NewOrder(symbol="MOEX:SBER", side=Side.SELL, ord_type=OrdType.LIMIT, order_qty=20_010, price="250")
    assert row(estimated(client, held).accepted, estimated(client, held).max_qty) == row(False, 20_000)
    assert client.venue.exchange.port(client.venue.portfolio).orders(working=False) == []


def test_an_estimate_without_a_price_is_at_the_market(client: Client) -> None:
    assert estimated(client, buy(client, 1, None)).notional == Decimal("2577.00")


def test_fees_are_added_to_what_is_paid_and_taken_from_what_is_received() -> None:
    client = Client(Venue()).up()
    record = groups.read_estimate(
        b'{"portfolio":"D1","ticker":"SBER","exchange":"MOEX","board":"TQBR","quantityToSell":45,"quantityToBuy":67,'
        b'"notMarginQuantityToSell":0,"notMarginQuantityToBuy":32,"orderEvaluation":11080,"commission":5.54,'
        b'"buyPrice":277.2,"isUnitedPortfolio":false}'
    )
    instrument = client.seat.instruments[SYMBOLS[0]]
    order = buy(client, 40)
    with_margin = estimate_event(record, order, instrument, "1", margin=True)
    assert row(with_margin.accepted, with_margin.notional, with_margin.max_qty) == row(True, Decimal("11085.54"), 670)
    assert with_margin.avg_px == Decimal("277.2")
    without = estimate_event(record, order, instrument, "1", margin=False)
    assert row(without.accepted, without.max_qty) == row(False, 320)
    sale = msgspec.structs.replace(order, side=Side.SELL)
    sold = estimate_event(record, sale, instrument, "1", margin=True)
    assert row(sold.accepted, sold.notional, sold.max_qty, sold.avg_px) == row(True, Decimal("11074.46"), 450, None)


def test_what_cannot_be_estimated_is_refused_here(client: Client) -> None:
    stop = NewOrder(symbol="MOEX:SBER", side=Side.SELL, ord_type=OrdType.STOP, order_qty=10, stop_px="250")
    with pytest.raises(LocalProtocolError, match="market and limit orders only"):
        client.do(OrderEstimateRequest(order=stop))
    with pytest.raises(LocalProtocolError, match="whole number of lots"):
        client.do(OrderEstimateRequest(order=msgspec.structs.replace(buy(client), order_qty=Decimal(5))))


def test_an_estimate_the_venue_refuses(client: Client) -> None:
    command = OrderEstimateRequest(order=buy(client), ref="9")
    (fetch,) = client.ws.send(command, client.now)
    assert isinstance(fetch, Fetch)
    (refusal,) = client.ws.answered(fetch, Answer(404), client.now)
    assert isinstance(refusal, RequestRejected)
    assert (refusal.code, refusal.ref) == ("404", "9")


# --------------------------------------------------------------------------- requests of the venue's own


def ask(client: Client, record: msgspec.Struct) -> Any:
    (event,) = [event for event in client.do(VenueRequest(message=record)) if getattr(event, "ref", None)]
    return event.message if isinstance(event, Reply) else event


ROWS = requests.Listed
ASKED: list[tuple[msgspec.Struct, type[Any]]] = [
    (requests.SummaryRequest(), account.SummarySimple),
    (requests.RiskRequest(), risk.Risk),
    (requests.SpectraRiskRequest(), risk.SpectraRisk),
    (requests.PositionsRequest(withoutCurrency=True), account.PositionSimple),
    (requests.PositionRequest(symbol="SBER"), account.PositionSimple),
    (requests.TradesRequest(), account.TradeSimple),
    (requests.SymbolTradesRequest(symbol="SBER"), account.TradeSimple),
    (requests.SecuritiesRequest(query="SBER", limit=5), market.SecuritySimple),
    (requests.SecurityRequest(symbol="SBER"), market.SecuritySimple),
    (requests.BoardsRequest(symbol="SBER"), str),
    (requests.AllTradesRequest(symbol="SBER", take=3, descending=True), market.AllTradeSimple),
    (requests.QuotesRequest(symbols=("MOEX:SBER", "MOEX:GAZP")), market.QuoteSimple),
    (requests.BookRequest(symbol="SBER", depth=5), market.BookSimple),
    (requests.HistoryRequest(symbol="SBER", tf="60", start=0, end=1_760_000_000, countBack=3), candles.History),
    (requests.TimeRequest(), requests.Time),
    (requests.RiskRatesRequest(riskCategoryId=1, ticker="SBER"), risk.RiskRate),
]


@pytest.mark.parametrize(("record", "kind"), ASKED, ids=lambda value: type(value).__name__)
def test_a_request_is_answered_with_the_venues_own_record(
    client: Client, record: msgspec.Struct, kind: type[Any]
) -> None:
    client.do(buy(client))
    answer = ask(client, record)
    found = list(answer.rows) if isinstance(answer, requests.Listed) else [answer]
    assert found
    assert {type(item) for item in found} == {kind}


def test_requests_about_one_order(client: Client) -> None:
    client.do(buy(client, 1, "200"))
    (order,) = client.venue.exchange.port(client.venue.portfolio).orders()
    assert ask(client, requests.OrderRequest(orderId=order.order_id)).id == order.order_id
    client.do(NewOrder(symbol="MOEX:SBER", side=Side.SELL, ord_type=OrdType.STOP, order_qty=10, stop_px="250"))
    (stop,) = client.venue.host.stop_desk.waiting.of(client.venue.portfolio)
    found = ask(client, requests.StopOrderRequest(orderId=str(stop.order_id)))
    assert isinstance(found, stops.StopOrder)
    assert ask(client, requests.OrderRequest(orderId="1")).code == "404"


def test_requests_of_a_login(client: Client) -> None:
    login = client.venue.host.claims(client.venue.token(), client.now)
    assert login is not None
    answer = ask(client, requests.LoginPositionsRequest(login=login.sub))
    assert {position.portfolio for position in answer.rows} == set(login.portfolios.split())


def test_past_trades_come_with_how_many_there_are(client: Client) -> None:
    client.do(buy(client))
    client.venue.now += 86_400 * NANOS_PER_SECOND
    client.logon("ws")
    past = ask(client, requests.AllTradesHistoryRequest(symbol="SBER", limit=10))
    assert (len(past.rows), past.total) == (1, 1)
    own = ask(client, requests.TradeHistoryRequest(limit=10, side="buy"))
    assert [trade.qtyUnits for trade in own.rows] == [10]


def test_estimates_of_several(client: Client) -> None:
    one = groups.EstimateRequest(portfolio=client.venue.portfolio, ticker="SBER", exchange="MOEX", lotQuantity=2)
    assert isinstance(ask(client, one), groups.Estimate)
    other = msgspec.structs.replace(one, ticker="LKOH")
    answer = ask(client, requests.EstimatesRequest(orders=(one, other)))
    assert [estimate.ticker for estimate in answer.rows] == ["SBER", "LKOH"]


def test_a_group_of_orders_from_its_making_to_its_end(client: Client) -> None:
    portfolio = client.venue.portfolio
    for price in ("200", "201", "202"):
        client.do(buy(client, 1, price))
    members = [
        groups.Member(portfolio=portfolio, exchange="MOEX", orderId=order.order_id, type="Limit")
        for order in client.venue.exchange.port(portfolio).orders()
    ]
    made = ask(client, groups.GroupRequest(orders=members[:2], executionPolicy="OnExecuteOrCancel"))
    assert made.message == "success"
    (shown,) = ask(client, requests.GroupsRequest()).rows
    assert (shown.id, len(shown.orders)) == (made.groupId, 2)
    change = groups.GroupRequest(orders=members, executionPolicy="IgnoreCancel")
    assert ask(client, requests.GroupChangeRequest(groupId=made.groupId, group=change)).text == "success"
    shown = ask(client, requests.GroupShownRequest(groupId=made.groupId))
    assert (len(shown.orders), shown.executionPolicy, shown.status) == (3, "IgnoreCancel", "Active")
    assert ask(client, requests.GroupEndRequest(groupId=made.groupId)).text == "success"
    assert ask(client, requests.GroupShownRequest(groupId=made.groupId)).status == "Canceled"
    assert len(client.venue.exchange.port(portfolio).orders()) == 3
    stranger = groups.Member(portfolio=portfolio, exchange="MOEX", orderId="5", type="Limit")
    refusal = ask(client, groups.GroupRequest(orders=[stranger], executionPolicy="IgnoreCancel"))
    assert (refusal.code, refusal.text) == ("400", "Forbidden attempt to modify an order (5) not owned by the user")


def test_every_request_there_is_has_been_asked_here() -> None:
    elsewhere = {
        requests.OrderRequest,
        requests.StopOrderRequest,
        requests.LoginPositionsRequest,
        requests.AllTradesHistoryRequest,
        requests.TradeHistoryRequest,
        requests.EstimatesRequest,
        requests.GroupsRequest,
        requests.GroupShownRequest,
        requests.GroupChangeRequest,
        requests.GroupEndRequest,
        requests.FuturesQuoteRequest,
        requests.CurrencyPairsRequest,
        groups.EstimateRequest,
        groups.GroupRequest,
    }
    assert {type(record) for record, _ in ASKED} | elsewhere == set(requests.CALLS)


def test_another_portfolio_and_what_the_path_needs(client: Client) -> None:
    refusal = ask(client, requests.RiskRequest(portfolio="D99999", exchange="MOEX"))
    assert (type(refusal), refusal.code) == (RequestRejected, "403")
    with pytest.raises(LocalProtocolError, match="BoardsRequest needs symbol"):
        ask(client, requests.BoardsRequest(symbol=""))
    with pytest.raises(LocalProtocolError, match="RisksFeed is no request"):
        ask(client, requests.RisksFeed())


def test_names_travel_as_paths_and_queries_write_them(client: Client) -> None:
    odd = requests.SecurityRequest(symbol="A B/C?", instrumentGroup="TQ&BR")
    (fetch,) = client.ws.send(VenueRequest(message=odd, ref="1"), client.now)
    assert isinstance(fetch, Fetch)
    assert fetch.path == "/md/v2/Securities/MOEX/A%20B%2FC%3F?instrumentGroup=TQ%26BR"
    narrow = requests.AllTradesRequest(symbol="SBER", start=5, priceTo=Decimal("1E+2"), descending=False)
    (fetch,) = client.ws.send(VenueRequest(message=narrow, ref="2"), client.now)
    assert isinstance(fetch, Fetch)
    assert fetch.path == "/md/v2/Securities/MOEX/SBER/alltrades?from=5&priceTo=100&descending=false"


def test_an_answer_that_is_none_is_damage(client: Client) -> None:
    (fetch,) = client.ws.send(VenueRequest(message=requests.RiskRequest(), ref="1"), client.now)
    assert isinstance(fetch, Fetch)
    for body in (b"", b"[]", b'{"portfolio":"D1","exchange":"MOEX","initialMargin":1e999999999}'):
        with pytest.raises(RemoteProtocolError):
            client.ws.answered(fetch, Answer(200, body), client.now)


def test_a_history_whose_list_is_one_object_is_read_like_an_array() -> None:
    one = b'{"id":7,"orderno":0,"symbol":"SBER","board":"TQBR","qty":1,"price":257.7,"timestamp":5}'
    fetch = Fetch(method="GET", path="", kind=f"{asking.KIND}AllTradesHistoryRequest")
    for listed in (one, b"[" + one + b"]"):
        answer = asking.answer_of(fetch, Answer(200, b'{"total":1,"list":' + listed + b"}"))
        assert isinstance(answer, requests.Listed)
        assert [trade.id for trade in answer.rows] == [7]  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]


# --------------------------------------------------------------------------- one meaning in three formats


def told_in(form: str) -> list[Any]:
    """All that a small day of trading tells a client who reads this format."""
    venue = Venue()
    venue.quote("257.70", Side.BUY, 100)
    venue.quote("257.71", Side.SELL, 100)
    venue.exchange.drain()
    client = Client(venue, {"format": form, "frequency": 500, "quote_frequency": 500}).up()
    events: list[Any] = []
    for channel in (Channel.ORDERS, Channel.POSITIONS, Channel.SUMMARY):
        events += client.do(Subscribe(channel=channel))
    for channel in (Channel.BOOK, Channel.TRADES, Channel.QUOTES, Channel.STATUS, Channel.BARS):
        period = 60 * NANOS_PER_SECOND if channel is Channel.BARS else None
        events += client.do(Subscribe(channel=channel, symbol="MOEX:SBER", period=period))
    stop = NewOrder(symbol="MOEX:SBER", side=Side.SELL, ord_type=OrdType.STOP, order_qty=10, stop_px="200")
    iceberg = NewOrder(
        symbol="MOEX:SBER", side=Side.BUY, ord_type=OrdType.LIMIT, order_qty=100, price="250", max_floor=20
    )
    for order in (buy(client, 3), buy(client, 1, None), iceberg, stop):
        events += client.do(order)
        events += later(client, 600)
    return [event for event in events if not isinstance(event, SubscriptionAccepted)]


def test_every_format_means_the_same() -> None:
    simple, slim, heavy = (told_in(form) for form in FORMATS)
    kinds = {type(event).__name__ for event in simple}
    assert kinds >= {"ExecutionReport", "Position", "Balance", "AccountSummary", "BookSnapshot", "Trade", "Quote"}
    assert kinds >= {"SecurityStatus", "Bar"}
    assert slim == simple
    assert heavy == simple
