"""After any run of orders our end, the venue's books and the exchange agree on positions, margin and money."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.ctrader.ends import SECOND, Client, Sandbox

from venuewire.errors import LocalProtocolError
from venuewire.model.account import Balance, Position
from venuewire.model.orders import ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.session import Holdings, MassStatus, OrderMassStatusRequest, RequestForPositions
from venuewire.model.terms import OrdStatus, OrdType, PositionEffect, Side
from venuewire.orders.blotter import Blotter

CENT = Decimal("0.01")

moves = st.lists(
    st.tuples(
        st.sampled_from(["open", "protected", "limit", "close", "part", "protect", "move", "market"]),
        st.booleans(),
        st.integers(1, 4),
        st.integers(-30, 30),
    ),
    max_size=14,
)


class Run:
    """One client through a run of moves, with what it was told kept as a user would keep it."""

    def __init__(self) -> None:
        self.sandbox = Sandbox()
        self.ours = Client(self.sandbox).start()
        self.number = 100
        self.held: dict[str, Decimal] = {}
        self.balance: Balance | None = None
        self.blotter = Blotter()
        self.refused: list[str] = []
        """Before anything was sent."""
        self.read = len(self.ours.told)
        self.price(0)
        self.ours.submit(RequestForPositions(ref="2"))
        self.listen()

    def price(self, shift: int) -> None:
        """Somebody moves the market: both sides stand round another price."""
        middle = Decimal("1.14810") + shift * Decimal("0.0001")
        # Whoever stands in the way is traded through.
        for side, gap in ((Side.BUY, -1), (Side.SELL, 1)):
            self.sandbox.others(side, "30000", str(middle + gap * Decimal("0.0001")))

    def send(self, **fields: Any) -> None:
        self.number += 1
        order = NewOrder(symbol="EURUSD", cl_ord_id=str(self.number), ref=f"9{self.number}", **fields)
        self.blotter.place(order, self.sandbox.now)
        try:
            self.ours.submit(order)
        except LocalProtocolError as error:  # a second protective order for one position
            self.blotter.unanswered(order, str(error), self.sandbox.now, sent=False)
            self.refused.append(str(error))
        self.sandbox.now += SECOND

    def play(self, what: str, *, is_buy: bool, size: int, shift: int) -> None:
        side, qty = (Side.BUY if is_buy else Side.SELL), Decimal(size * 1000)
        held = sorted(self.held.items())
        match what:
            case "open":
                self.send(side=side, ord_type=OrdType.MARKET, order_qty=qty)
            case "protected":
                offsets = {"stop_loss_offset": "0.0007", "take_profit_offset": "0.0009", "trailing_stop_loss": is_buy}
                self.send(side=side, ord_type=OrdType.MARKET, order_qty=qty, **offsets)
            case "limit":
                price = Decimal("1.14810") + shift * Decimal("0.0001")
                self.send(side=side, ord_type=OrdType.LIMIT, order_qty=qty, price=price, stop_loss_offset="0.0005")
            case "close" | "part" | "protect" if held:
                self.end(what, *held[shift % len(held)])
            case "move":
                self.move(shift)
            case _:
                self.price(shift)
        self.listen()

    def end(self, what: str, position_id: str, qty: Decimal) -> None:
        """Close, close in part, or set a stop loss far away."""
        part = Decimal(1000) if what == "part" else abs(qty)
        side = Side.SELL if qty > 0 else Side.BUY
        stop = {"ord_type": OrdType.STOP, "stop_px": "1.1" if qty > 0 else "1.2"}
        kind: dict[str, Any] = stop if what == "protect" else {"ord_type": OrdType.MARKET}
        self.send(side=side, order_qty=part, position_id=position_id, position_effect=PositionEffect.CLOSE, **kind)

    def move(self, shift: int) -> None:
        """Another level for some protective order."""
        guards = [order for order in self.blotter.open_orders() if order.stop_px is not None]
        if guards:
            guard = guards[shift % len(guards)]
            self.number += 1
            self.ours.submit(
                ReplaceOrder(
                    symbol="EURUSD",
                    side=guard.side or Side.BUY,
                    ord_type=OrdType.STOP,
                    order_id=guard.order_id,
                    orig_cl_ord_id="",
                    cl_ord_id="",
                    stop_px="1.1" if guard.side is Side.SELL else "1.2",
                    ref=f"9{self.number}",
                )
            )

    def listen(self) -> None:
        self.ours.line.wait(0)
        self.ours.carry()
        for event in self.ours.told[self.read :]:
            if isinstance(event, Position):
                self.held.pop(event.position_id, None)
                if event.qty:
                    self.held[event.position_id] = event.qty
            elif isinstance(event, Balance):
                self.balance = event
            elif isinstance(event, Holdings):
                (self.balance,) = event.balances
            elif isinstance(event, ExecutionReport):
                self.blotter.apply(event)
        self.read = len(self.ours.told)

    # ----------------------------------------------------------------------------------------- what must hold

    def check_positions(self) -> None:
        book = self.sandbox.host.account.money
        theirs = {
            str(held.position_id): Decimal(held.volume if held.is_buy else -held.volume) / 100
            for held in book.open_positions()
        }
        assert self.held == theirs
        net = sum((position.qty for position in self.sandbox.port.positions()), Decimal(0))
        assert sum(theirs.values(), Decimal(0)) == net

    def check_money(self) -> None:
        book = self.sandbox.host.account.money
        assert self.balance is not None
        used = sum(book.used_margin(held) for held in book.open_positions())
        assert self.balance.total == book.balance * CENT
        assert self.balance.available == (book.balance - used) * CENT
        (listed,) = self.ours.submit(RequestForPositions(ref="3"))
        assert isinstance(listed, Holdings)
        assert {position.position_id: position.qty for position in listed.positions} == self.held
        assert (listed.balances[0].total, listed.balances[0].available) == (self.balance.total, self.balance.available)

    def check_protection(self) -> None:
        account = self.sandbox.host.account
        guards = {str(guard.number): guard for guard in account.guards_of("EURUSD")}
        for guard in guards.values():
            assert guard.holding.is_open
            assert guard.volume - guard.executed == guard.holding.volume
        ours = {order.order_id for order in self.blotter.open_orders() if order.order_id.startswith("600")}
        assert ours == set(guards)
        for number, guard in guards.items():
            order = self.blotter.find(order_id=number)
            assert order is not None
            assert order.stop_px == guard.stop_loss

    def check_orders(self) -> None:
        """A fresh look at everything says nothing else than what was told as it happened."""
        self.sandbox.now += SECOND
        (status,) = self.ours.submit(OrderMassStatusRequest(ref="4"))
        assert isinstance(status, MassStatus)
        fresh = Blotter()
        for report in status.reports:
            fresh.apply(report)
        for order in self.blotter:
            if order.status is OrdStatus.REJECTED:
                continue
            again = fresh.find(order_id=order.order_id)
            assert again is not None
            assert (again.status, again.cum_qty) == (order.status, order.cum_qty)
            assert {fill.exec_id for fill in again.fills} == {fill.exec_id for fill in order.fills}


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(played=moves)
def test_positions_margin_and_balance_equal_the_venues_after_any_run(played: list[tuple[str, bool, int, int]]) -> None:
    run = Run()
    for what, is_buy, size, shift in played:
        run.play(what, is_buy=is_buy, size=size, shift=shift)
    run.check_positions()
    run.check_protection()
    run.check_money()
    run.check_orders()
    assert all("replace that one" in text for text in run.refused)
