"""What the settings of our end change: logon in band, other books, pages of deals, routing."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.finery.link import SECRET, START, UNIT, Client, House
from tests.unit.finery.test_client import market, order, reports, told
from tests.unit.finery.test_feeds import px

from venuewire.book.keeper import BookKeeper
from venuewire.errors import LocalProtocolError, LogonRejected, SessionError
from venuewire.model.account import Balance
from venuewire.model.market import BookSnapshot, BookUpdate
from venuewire.model.orders import ExecutionReport
from venuewire.model.session import (
    Holdings,
    MassStatus,
    OrderMassStatusRequest,
    RequestForPositions,
    RequestRejected,
    SecurityList,
    SecurityListRequest,
    Subscribe,
    SubscriptionAccepted,
    Unsubscribe,
)
from venuewire.model.terms import Channel, OrdRejReason, OrdType, Side, TimeInForce
from venuewire.venue import Habit, Send
from venuewire.venues.finery.acceptor.connection import FineryAcceptor

IOC = TimeInForce.IMMEDIATE_OR_CANCEL


@pytest.fixture
def house() -> House:
    house = House()
    house.offer(Side.SELL, "64000", "300")
    return house


# --------------------------------------------------------------------------- in band


def test_a_logon_in_band_is_accepted(house: House) -> None:
    client = Client(house, logon="in_band")
    assert client.initiator.handshake(START) == {}
    assert client.line.acceptor.account == "ours"
    assert reports(client.submit(market(order_qty="1")))[0].order_id


@pytest.mark.parametrize(
    ("spoil", "error", "match"),
    [
        ("signature", LogonRejected, "invalid signature"),
        ("revoked", LogonRejected, "not authorised"),
        ("nonce", SessionError, "invalid nonce"),
    ],
)
def test_a_logon_in_band_is_refused(house: House, spoil: str, error: type[Exception], match: str) -> None:
    if spoil == "revoked":
        house.host.revoke("RlZ4sKsHSr5zmYKIzbtf772J9y9gx8nekd8COrawI5V")
    elif spoil == "signature":
        house.host.admit("RlZ4sKsHSr5zmYKIzbtf772J9y9gx8nekd8COrawI5V", SECRET[::-1], "ours")
    else:
        nonce = house.unique() + 1
        FineryAcceptor(house.host).handshake(
            {name.lower(): value for name, value in house.headers(nonce=nonce).items()}, house.now
        )
    with pytest.raises(error, match=match):
        Client(house, logon="in_band")


def test_after_an_outage_who_we_are_is_said_again_and_bound_again(house: House) -> None:
    client = Client(house, logon="in_band")
    client.submit(Subscribe(channel=Channel.BOOK, symbol="BTC-USD"))
    for code in (2, 0):
        client.events.clear()
        house.host.outage(code)
        client.line.take(client.line.acceptor.tick(house.now))
        client.carry()
    assert [type(event).__name__ for event in client.events] == ["VenueStatus", "Reply", "BookSnapshot"]


# --------------------------------------------------------------------------- books


def test_feed_md_and_a_masters_client_are_named_in_objects(house: House) -> None:
    house.exchange.open_account("client", house.stage.balances)
    house.host.admit("client", SECRET, "client", role="taker", client_id=5, master=101)
    for feed in ("MD", "F"):
        client = Client(house, book_feed=feed, client_id=5)
        client.submit(Subscribe(channel=Channel.BOOK, symbol="BTC-USD"))
        accepted, book = client.events
        assert isinstance(accepted, SubscriptionAccepted)
        assert isinstance(book, BookSnapshot)
        assert book.symbol == "BTC-USD"
        house.offer(Side.BUY, "63000", "1")
        client.carry()
        assert type(client.events[-1]).__name__ == ("BookSnapshot" if feed == "MD" else "BookUpdate")
        (ended,) = client.submit(Unsubscribe(channel=Channel.BOOK, symbol="BTC-USD"))
        assert isinstance(ended, SubscriptionAccepted)
        client.line.lose()


@pytest.mark.parametrize(("makers", "size"), [("87", 300), ([87, 5], 300), (5, None)])
def test_feed_md_shows_the_prices_of_the_makers_asked_for(house: House, makers: Any, size: int | None) -> None:
    client = Client(house, book_feed="MD", makers=makers)
    client.submit(Subscribe(channel=Channel.BOOK, symbol="BTC-USD"))
    book = client.events[-1]
    assert isinstance(book, BookSnapshot)
    assert [level.size for level in book.levels] == ([] if size is None else [size])
    assert [type(event) for event in client.submit(Unsubscribe(channel=Channel.BOOK, symbol="BTC-USD"))] == [
        SubscriptionAccepted
    ]


# --------------------------------------------------------------------------- older servers


@pytest.mark.parametrize("generation", ["generation_1", "generation_2", "old_rows"])
@pytest.mark.parametrize("requests", ["ws", "http"])
def test_a_server_of_any_generation_serves_us(house: House, generation: str, requests: str) -> None:
    house.host.afflict(Habit(generation), house.now)
    client = Client(house, book_feed="B", requests=requests)
    (listed,) = client.submit(SecurityListRequest())
    assert isinstance(listed, SecurityList)
    assert [it.symbol for it in listed.instruments] == ["BTC-USD", "ETH-USD", "BTC-USDT", "BTC-EUR"]
    for channel in (Channel.ORDERS, Channel.POSITIONS):
        client.submit(Subscribe(channel=channel))
    keeper = BookKeeper("BTC-USD", 8, 8, depth=25)
    client.submit(Subscribe(channel=Channel.BOOK, symbol="BTC-USD"))
    books = [event for event in client.events if isinstance(event, BookSnapshot | BookUpdate)]
    placed = reports(client.submit(market(order_qty="1", cl_ord_id="8")))
    assert [it.exec_type for it in placed] == ["NEW", "TRADE"]
    client.carry()
    books += [event for event in client.events if isinstance(event, BookSnapshot | BookUpdate)]
    assert type(books[-1]) is (BookSnapshot if generation == "old_rows" else BookUpdate)
    for event in books:
        keeper.apply(event)
    best = keeper.book.best_ask
    assert best is not None
    assert best.size == 299
    fill = next(event for event in client.events if isinstance(event, ExecutionReport) and event.ref is None)
    assert (fill.exec_id, fill.last_qty, fill.last_px) == (placed[1].exec_id, Decimal(1), Decimal(64_000))
    held = {event.currency: event.total for event in client.events if isinstance(event, Balance)}
    assert (held["BTC"], held["USD"]) == (Decimal(1001), Decimal(49_936_000))
    (status,) = client.submit(OrderMassStatusRequest())
    assert isinstance(status, MassStatus)
    assert [event.exec_id for event in client.events[:-1] if isinstance(event, ExecutionReport)] == [fill.exec_id]
    (holdings,) = client.submit(RequestForPositions())
    assert isinstance(holdings, Holdings)


# --------------------------------------------------------------------------- pages


@pytest.mark.parametrize("requests", ["ws", "http"])
@pytest.mark.parametrize(("pages", "fills"), [(0, 0), (1, 250), (4, 260)])
def test_deals_are_fetched_page_by_page(house: House, requests: str, pages: int, fills: int) -> None:
    client = Client(house, requests=requests, history_pages=pages)
    for n in range(260):
        house.port.execute(market(order_qty="0.01", cl_ord_id=str(n + 1)), house.now)
    house.publish()
    (status,) = client.submit(OrderMassStatusRequest())
    assert isinstance(status, MassStatus)
    assert client.events[-1] is status
    found = [event.exec_id for event in client.events if isinstance(event, ExecutionReport)]
    assert len(found) == len(set(found)) == fills


def test_without_the_right_to_read_deals_the_orders_are_still_asked_for(house: House) -> None:
    client = Client(house)
    (effect,) = client.initiator.send(OrderMassStatusRequest(ref="77"), START)
    assert isinstance(effect, Send)
    assert json.loads(effect.payload)["method"] == "dealHistory"
    (again,) = told(client, {"event": "request", "reqId": 77, "error": 8})
    assert isinstance(again, Send)
    assert json.loads(again.payload)["method"] == "positions"
    (refused,) = told(client, {"event": "request", "reqId": 77, "error": 3})
    assert isinstance(refused, RequestRejected)
    assert refused.ref == "77"


# --------------------------------------------------------------------------- orders


@pytest.mark.parametrize("makers", ["", "87,88"])
@pytest.mark.parametrize(
    ("routing", "said"),
    [
        ("venue", {}),
        ("firm", {"qsEnabled": False, "firmBookEnabled": True}),
        ("streams", {"qsEnabled": True, "firmBookEnabled": False}),
        ("best", {"qsEnabled": True, "firmBookEnabled": True}),
    ],
)
def test_where_an_order_may_trade_is_said_as_asked(
    house: House, routing: str, said: dict[str, bool], makers: str
) -> None:
    client = Client(house, routing=routing, makers=makers)
    (effect,) = client.initiator.send(market(order_qty="1", ref="5"), START)
    assert isinstance(effect, Send)
    content = json.loads(effect.payload)["content"]
    assert {name: content[name] for name in ("qsEnabled", "firmBookEnabled") if name in content} == said
    assert content.get("makers") == ([87, 88] if makers and said.get("qsEnabled") else None)
    first = reports(client.submit(market(order_qty="1", cl_ord_id="6")))[0]
    # Nobody quotes on streams here, so what may only trade there meets nothing.
    assert first.ord_rej_reason is (OrdRejReason.NO_LIQUIDITY if routing == "streams" else None)


def test_a_limit_order_that_trades_at_once_may_be_sized_in_money(house: House) -> None:
    client = Client(house)
    terms: dict[str, Any] = {"order_qty": None, "cash_order_qty": "6400", "price": "64000", "cl_ord_id": "9"}
    done = reports(client.submit(order(**terms, time_in_force=IOC)))
    assert [(it.exec_type, it.last_qty) for it in done][1:] == [("TRADE", Decimal("0.1"))]
    with pytest.raises(LocalProtocolError, match="sized in money"):
        client.submit(order(**terms))
    assert px(64_000) == 64_000 * UNIT
    assert done[0].ord_type is OrdType.LIMIT
