"""The market's own participants: is there always a market, and always the same one?"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from tests.unit.sandbox.conftest import COIN, PRICES, SHARE, T0, Trader

from venuewire.model.instrument import Instrument
from venuewire.model.market import SET_BID, BookUpdate, Trade
from venuewire.model.orders import ExecutionReport
from venuewire.model.session import Event
from venuewire.model.terms import ExecType, OrdStatus
from venuewire.sandbox.exchange import SandboxExchange
from venuewire.sandbox.flow import Flow

STEP = 50_000_000

CHEAP = Instrument(
    symbol="DUST",
    security_id="D",
    base="DUST",
    currency="USD",
    min_price_increment=Decimal("0.0001"),
    min_qty_increment=Decimal(7),
    min_trade_vol=Decimal(21),
    max_trade_vol=Decimal(70),
)


class Market:
    def __init__(self, seed: int = 1, *, netting_currency: str = "") -> None:
        instruments = [COIN, SHARE, CHEAP] if not netting_currency else [COIN]
        prices = {**PRICES, "DUST": "0.0005"}
        prices = {instrument.symbol: prices[instrument.symbol] for instrument in instruments}
        self.exchange = SandboxExchange(instruments, prices, netting_currency=netting_currency)
        self.flow = Flow(self.exchange, prices, seed)
        self.now = T0
        self.flow.open(self.now)

    def runs(self, steps: int) -> Iterator[list[Event]]:
        """The news of each step."""
        for _ in range(steps):
            due = self.flow.next_step()
            assert due is not None
            self.now = due
            self.flow.step(self.now)
            yield self.exchange.drain()


def rows(events: list[Event]) -> list[object]:
    return [(event.symbol, tuple(event.rows())) for event in events if isinstance(event, BookUpdate)]


def test_there_is_a_market_from_the_first_moment() -> None:
    market = Market()
    for symbol in ("BTC-USD", "GAZ"):
        levels = market.exchange.book(symbol).levels
        assert len([level for level in levels if level.action == SET_BID]) >= 25
        assert market.exchange.trades(symbol, 10)
        assert market.exchange.quote(symbol).last_px is not None


@pytest.mark.parametrize("seed", range(5))
def test_there_is_always_a_spread_and_depth_and_the_price_stays_near(seed: int) -> None:
    market = Market(seed)
    seen = {"BTC-USD": set[Decimal](), "GAZ": set[Decimal]()}
    trades = 0
    for events in market.runs(400):
        trades += sum(isinstance(event, Trade) for event in events)
        for symbol, prices in seen.items():
            quote = market.exchange.quote(symbol)
            assert quote.bid is not None
            assert quote.ask is not None
            assert quote.ask - quote.bid >= market.exchange.instruments[symbol].min_price_increment
            sides = [level.action for level in market.exchange.book(symbol).levels]
            assert 20 <= sides.count(SET_BID) <= 42
            assert 20 <= len(sides) - sides.count(SET_BID) <= 42
            assert abs(quote.bid / Decimal(PRICES[symbol]) - 1) < Decimal("0.06")
            prices.add(quote.bid)
    assert trades > 100
    assert all(len(prices) > 5 for prices in seen.values())


def test_a_symbol_with_hardly_any_room_below_lives_too() -> None:
    market = Market()
    for _ in market.runs(300):
        quote = market.exchange.quote("DUST")
        assert quote.bid is None or quote.ask is None or quote.bid < quote.ask


def test_the_same_seed_gives_the_same_market_and_another_another() -> None:
    runs = [[rows(events) for events in Market(seed).runs(100)] for seed in (3, 3, 4)]
    assert runs[0] == runs[1] != runs[2]


def test_a_step_is_bounded_however_long_ago_the_last_one_was() -> None:
    market = Market()
    market.now += 3600 * 10**9
    market.exchange.drain()
    market.flow.step(market.now)
    assert len(rows(market.exchange.drain())) < 60
    assert market.flow.next_step() is not None
    assert (market.flow.next_step() or 0) > market.now


def test_it_stands_still_while_paused() -> None:
    market = Market()
    market.flow.pause()
    assert market.flow.paused
    assert market.flow.next_step() is None
    market.exchange.drain()
    market.flow.step(market.now + STEP)
    assert market.exchange.drain() == []
    market.flow.resume()
    assert market.flow.next_step() is not None


def test_nothing_is_told_of_the_participants_themselves() -> None:
    market = Market()
    events = [event for events in market.runs(50) for event in events]
    assert {type(event).__name__ for event in events} == {"BookUpdate", "Quote", "Trade"}
    assert list(market.exchange.state()["accounts"]) == []


def test_a_clients_order_in_the_way_is_traded_with() -> None:
    market = Market()
    market.exchange.open_account("ann", {"USD": "100000000", "BTC": "0"})
    ann = Trader(market.exchange, "ann")
    quote = market.exchange.quote("BTC-USD")
    assert quote.bid is not None
    (new,) = ann.buys("2", str(quote.bid + Decimal("0.01")))
    assert isinstance(new, ExecutionReport)
    filled = 0
    for _ in market.runs(600):
        order = ann.port.order(new.order_id)
        assert order is not None
        filled += order.ord_status is OrdStatus.FILLED
    assert filled
    assert {fill.exec_type for fill in ann.port.fills()} == {ExecType.TRADE}


def test_it_does_not_grow() -> None:
    market = Market()
    for _ in market.runs(500):
        pass
    for name in ("flow-maker", "flow-taker"):
        port = market.exchange.port(name)
        assert len(port.orders(working=False)) < 3 * 90


def test_a_margin_market_lives_as_well() -> None:
    market = Market(netting_currency="USD")
    assert sum(isinstance(event, Trade) for events in market.runs(200) for event in events) > 10
