"""Older shapes and odd habits: the sandbox can have them, and our end takes them in its stride."""

from __future__ import annotations

import pytest
from tests.unit.finery.link import KEY, SECRET, Client, House, Line

from venuewire.model.account import Balance
from venuewire.model.orders import ExecutionReport, NewOrder
from venuewire.model.session import Subscribe, SubscriptionRejected
from venuewire.model.terms import NANOS_PER_SECOND, Channel, ExecType, OrdType, Side
from venuewire.venue import Affliction, ExpireGrants, Habit, Maintenance, RevokeGrants, SkipSequence, Throttle


@pytest.fixture
def house() -> House:
    house = House()
    house.offer(Side.SELL, "64010", "1")
    return house


def suffer(house: House, name: str, *, on: bool = True) -> None:
    assert house.host.afflict(Habit(name, on), house.now)


def test_nonces_may_have_to_grow(house: House) -> None:
    house.line(nonce=10)
    suffer(house, "strict_nonces")
    assert Line(house).open(house.headers(nonce=9)) == b'400 {"error":6}'
    suffer(house, "strict_nonces", on=False)
    house.line(nonce=9)


def test_nobody_may_authenticate_in_band(house: House) -> None:
    suffer(house, "headers_only")
    assert Line(house).open({}) == b'400 {"error":3}'
    suffer(house, "headers_only", on=False)
    assert Line(house).open({}) is None


def test_the_counterparty_may_do_nothing(house: House) -> None:
    line = house.line()
    for on in (True, False):
        suffer(house, "idle_counterparty", on=on)
        asks = {"counterpartyId": 87, "currency": "BTC", "amount": 100}
        assert line.request("addIncomingSettlementRequest", asks)["reply"] == {"error": 0}
        assert len(line.request("settlementRequests")["reply"][0]) == on
        line.request("delIncomingSettlementRequest", asks)


def test_a_wrong_signature_may_be_called_a_wrong_nonce(house: House) -> None:
    suffer(house, "signature_is_nonce")
    assert Line(house).open(house.headers(key=KEY, secret=SECRET + "x")) == b'400 {"error":6}'


def test_codes_may_come_in_lists(house: House) -> None:
    client = Client(house)
    suffer(house, "codes_in_lists")
    assert client.line.ask({"event": "bind", "feed": "Q"}) == ["Q", 0, "Z", [102]]
    (refused,) = client.submit(Subscribe(channel=Channel.BOOK, symbol="BTC-GBP"))
    assert isinstance(refused, SubscriptionRejected)
    assert refused.code == "103"


def test_rows_may_be_the_older_ones(house: House) -> None:
    suffer(house, "old_rows")
    line, client = house.line(), Client(house)
    for feed in ("O", "K"):
        line.ask({"event": "bind", "feed": feed})
    client.submit(Subscribe(channel=Channel.ORDERS))
    client.submit(Subscribe(channel=Channel.POSITIONS))
    held = {event.currency for event in client.events if isinstance(event, Balance)}
    assert held == {"BTC", "ETH", "EUR", "USD", "USDT"}
    line.heard()
    client.submit(NewOrder(symbol="BTC-USD", side=Side.BUY, ord_type=OrdType.MARKET, order_qty=1, cl_ord_id="7"))
    assert len(next(frame for frame in line.heard() if frame[2] == "D")[3]) == 21
    fills = [it for it in client.events if isinstance(it, ExecutionReport) and it.exec_type is ExecType.TRADE]
    assert len(fills) == 2
    assert fills[0].exec_id == fills[1].exec_id


def test_maintenance_takes_the_core_away_for_a_while(house: House) -> None:
    line = house.line()
    assert house.host.afflict(Maintenance(house.now + NANOS_PER_SECOND), house.now)
    line.take(line.acceptor.tick(house.now))
    house.now += NANOS_PER_SECOND
    line.take(line.acceptor.tick(house.now))
    assert line.heard() == [["X", 0, "Z", 2], ["X", 0, "Z", 0]]


@pytest.mark.parametrize(
    "affliction", [ExpireGrants(), RevokeGrants(), Throttle(5), SkipSequence(), Habit("drink tea")]
)
def test_what_the_venue_does_not_have_it_cannot_suffer(house: House, affliction: Affliction) -> None:
    assert not house.host.afflict(affliction, house.now)
