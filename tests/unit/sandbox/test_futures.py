"""An exchange that delivers shares and has futures, too: their positions net in money, and bind a part of it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from venuewire.model.instrument import Instrument
from venuewire.model.orders import CancelReject, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.terms import OrdRejReason, OrdStatus, OrdType, Side, TimeInForce
from venuewire.sandbox.exchange import SandboxExchange
from venuewire.venue import Port

SHARE, FUTURE = "SHARE", "FUTURE"
LEVERAGE = 5


def instrument(symbol: str, tick: str) -> Instrument:
    return Instrument(
        symbol=symbol,
        security_id=symbol,
        base=symbol,
        currency="RUB",
        min_price_increment=Decimal(tick),
        min_qty_increment=Decimal(1),
        min_trade_vol=Decimal(1),
    )


@pytest.fixture
def exchange() -> SandboxExchange:
    return SandboxExchange(
        [instrument(SHARE, "0.01"), instrument(FUTURE, "1")],
        {SHARE: "100", FUTURE: "10000"},
        futures={FUTURE: LEVERAGE},
    )


@pytest.fixture
def port(exchange: SandboxExchange) -> Port:
    return exchange.open_account("one", {"RUB": "10000"})


@pytest.fixture
def other(exchange: SandboxExchange) -> Port:
    return exchange.open_account("other", {"RUB": "1000000", SHARE: "1000"})


def order(side: Side, qty: int, price: int, symbol: str = FUTURE) -> NewOrder:
    return NewOrder(
        symbol=symbol,
        side=side,
        ord_type=OrdType.LIMIT,
        order_qty=qty,
        price=price,
        time_in_force=TimeInForce.GOOD_TILL_CANCEL,
    )


def do(port: Port, command: NewOrder | ReplaceOrder) -> ExecutionReport:
    report = port.execute(command, 1)[-1]
    assert not isinstance(report, CancelReject)
    return report


def trade(port: Port, other: Port, side: Side, qty: int, price: int) -> None:
    opposite = Side.SELL if side is Side.BUY else Side.BUY
    do(other, order(opposite, qty, price))
    assert do(port, order(side, qty, price)).ord_status is OrdStatus.FILLED


def money(port: Port) -> tuple[object, object]:
    """Roubles, and those that are free."""
    (roubles,) = [balance for balance in port.balances() if balance.currency == "RUB"]
    return roubles.total, roubles.available


def held(port: Port) -> list[tuple[str, object]]:
    return [(position.symbol, position.qty) for position in port.positions()]


def test_a_position_binds_its_margin_and_delivers_nothing(port: Port, other: Port) -> None:
    trade(port, other, Side.BUY, 2, 10_000)
    assert held(port) == [(FUTURE, 2)]
    assert {balance.currency for balance in port.balances()} == {"RUB"}
    assert money(port) == (10_000, 10_000 - 2 * 10_000 // LEVERAGE)


def test_it_may_be_short_and_closing_books_what_was_won(port: Port, other: Port) -> None:
    trade(port, other, Side.SELL, 2, 10_000)
    assert held(port) == [(FUTURE, -2)]
    trade(port, other, Side.BUY, 2, 9_900)
    assert port.positions() == []
    assert money(port) == (10_200, 10_200)
    assert money(other)[0] == 999_800


def test_without_margin_nothing_is_opened_but_closing_is_always_possible(port: Port, other: Port) -> None:
    refused = do(port, order(Side.BUY, 6, 10_000))
    assert (refused.ord_status, refused.ord_rej_reason) == (OrdStatus.REJECTED, OrdRejReason.ORDER_EXCEEDS_LIMIT)
    trade(port, other, Side.BUY, 5, 10_000)
    assert money(port)[1] == 0
    assert do(port, order(Side.BUY, 1, 10_000)).ord_status is OrdStatus.REJECTED
    trade(port, other, Side.SELL, 5, 10_000)
    assert money(port) == (10_000, 10_000)


def test_margin_and_shares_are_of_one_purse(port: Port, other: Port) -> None:
    trade(port, other, Side.BUY, 4, 10_000)
    assert money(port)[1] == 2_000
    refused = do(port, order(Side.BUY, 21, 100, SHARE))
    assert refused.ord_rej_reason is OrdRejReason.ORDER_EXCEEDS_LIMIT
    assert "2000 available" in refused.text
    assert do(port, order(Side.BUY, 15, 100, SHARE)).ord_status is OrdStatus.NEW
    assert money(port)[1] == 500
    assert do(port, order(Side.BUY, 1, 10_000)).ord_rej_reason is OrdRejReason.ORDER_EXCEEDS_LIMIT


def test_shares_are_delivered_as_ever(port: Port, other: Port) -> None:
    do(other, order(Side.SELL, 10, 100, SHARE))
    assert do(port, order(Side.BUY, 10, 100, SHARE)).ord_status is OrdStatus.FILLED
    assert {balance.currency: balance.total for balance in port.balances()} == {"RUB": 9_000, SHARE: 10}
    assert do(port, order(Side.SELL, 11, 100, SHARE)).ord_status is OrdStatus.REJECTED


def test_an_order_that_is_made_larger_needs_the_margin_for_it(port: Port) -> None:
    placed = do(port, order(Side.BUY, 5, 10_000))
    change = ReplaceOrder(
        symbol=FUTURE,
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_id=placed.order_id,
        orig_cl_ord_id="",
        cl_ord_id="",
        order_qty=20,
        price=10_000,
    )
    refusal = port.execute(change, 1)[-1]
    assert isinstance(refusal, CancelReject)
