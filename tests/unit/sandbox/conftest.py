"""Instruments and an exchange to trade them at; a trader's verbs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from venuewire.model.instrument import Instrument
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.terms import OrdType, Side
from venuewire.sandbox.exchange import SandboxExchange

T0 = 1_800_000_000_000_000_000

COIN = Instrument(
    symbol="BTC-USD",
    security_id="1",
    base="BTC",
    currency="USD",
    min_price_increment=Decimal("0.01"),
    min_qty_increment=Decimal("0.0001"),
    min_trade_vol=Decimal("0.001"),
    max_trade_vol=Decimal(100),
    price_scale=4,
    qty_scale=8,
)
SHARE = Instrument(
    symbol="GAZ",
    security_id="GAZ",
    base="GAZ",
    currency="RUB",
    min_price_increment=Decimal("0.05"),
    min_qty_increment=Decimal(10),
    min_trade_vol=Decimal(10),
    round_lot=Decimal(10),
)
PRICES = {"BTC-USD": "60000", "GAZ": "130"}


class Trader:
    """An account, and the verbs of its owner. `now` moves a nanosecond with each command."""

    def __init__(self, exchange: SandboxExchange, account: str) -> None:
        self.exchange = exchange
        self.port = exchange.port(account)
        self.now = T0
        self.count = 0

    def places(
        self, side: Side, qty: str | None, price: str | None = None, **terms: Any
    ) -> list[ExecutionReport | CancelReject]:
        self.count += 1
        self.now += 1
        terms.setdefault("symbol", "BTC-USD")
        terms.setdefault("ord_type", OrdType.MARKET if price is None else OrdType.LIMIT)
        terms.setdefault("cl_ord_id", f"{self.count}")
        terms.setdefault("ref", f"r{self.count}")
        command = NewOrder(side=side, order_qty=qty, price=price, **terms)
        return self.port.execute(command, self.now)

    def buys(self, qty: str | None, price: str | None = None, **terms: Any) -> list[Any]:
        return self.places(Side.BUY, qty, price, **terms)

    def sells(self, qty: str | None, price: str | None = None, **terms: Any) -> list[Any]:
        return self.places(Side.SELL, qty, price, **terms)

    def replaces(self, order_id: str, **terms: Any) -> list[Any]:
        self.now += 1
        terms.setdefault("cl_ord_id", "")
        command = ReplaceOrder(
            symbol="BTC-USD",
            side=Side.BUY,
            ord_type=OrdType.LIMIT,
            order_id=order_id,
            orig_cl_ord_id="",
            ref="replace",
            **terms,
        )
        return self.port.execute(command, self.now)

    def cancels(self, order_id: str = "", orig_cl_ord_id: str = "") -> list[Any]:
        self.now += 1
        command = CancelOrder(
            symbol="BTC-USD",
            side=Side.BUY,
            ord_type=OrdType.LIMIT,
            order_id=order_id,
            orig_cl_ord_id=orig_cl_ord_id,
            cl_ord_id="c1",
            ref="cancel",
        )
        return self.port.execute(command, self.now)

    def holds(self, currency: str) -> tuple[Any, Any]:
        """(total, available)"""
        found = {balance.currency: balance for balance in self.port.balances()}
        return found[currency].total, found[currency].available


class Floor:
    """An exchange with two traders who own enough of everything."""

    def __init__(self, **terms: Any) -> None:
        self.exchange = SandboxExchange([COIN, SHARE], PRICES, **terms)
        rich = {"USD": "1000000", "BTC": "100", "RUB": "1000000", "GAZ": "1000"}
        for account in ("ann", "bob"):
            self.exchange.open_account(account, rich)
        self.ann = Trader(self.exchange, "ann")
        self.bob = Trader(self.exchange, "bob")

    def news(self, *kinds: type) -> list[Any]:
        return [event for event in self.exchange.drain() if not kinds or isinstance(event, kinds)]


@pytest.fixture
def floor() -> Floor:
    return Floor()
