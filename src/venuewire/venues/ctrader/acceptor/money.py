"""Margin and profit of an account, as the far end reckons and tells them (sheet, money and P&L).

Used margin is units times price over the leverage. A position is valued at the price it would be closed at: a buy at
the bid, a sell at the ask. A margin call is told when the margin level (equity over used margin, in percent) is below
its threshold, at most once in ten minutes. Below the stop-out level positions are closed, those that bind most first,
until it is above again.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

from venuewire.model.terms import NANOS_PER_MILLI, NANOS_PER_SECOND, Nanos
from venuewire.venue import Exchange
from venuewire.venues.ctrader.acceptor.account import AccountBook
from venuewire.venues.ctrader.acceptor.marks import MONEY_DIGITS
from venuewire.venues.ctrader.acceptor.stage import Row
from venuewire.venues.ctrader.acceptor.symbols import Symbols
from venuewire.venues.ctrader.positions import Holding, rounded
from venuewire.venues.ctrader.requests import Refused
from venuewire.venues.ctrader.wire import margin, model, trading
from venuewire.venues.ctrader.wire.base import Message
from venuewire.venues.ctrader.wire.market import as_ids
from venuewire.venues.ctrader.wire.table import frame

_CALLS = {61: Decimal("100.0"), 62: Decimal("75.0"), 63: Decimal("60.0")}
"""Thresholds an account begins with; ours."""
_CALL_PAUSE = 600 * NANOS_PER_SECOND
_STOP_OUT = 50
"""Percent; ours."""


class Treasury:
    """Money of one account."""

    def __init__(
        self,
        book: AccountBook,
        exchange: Exchange,
        symbols: Symbols,
        tell: Callable[[bytes], None],
        close: Callable[[Holding, Nanos], bool],
    ) -> None:
        self._book = book
        self._exchange = exchange
        self._symbols = symbols
        self._tell = tell
        self._close = close
        """Closes a position because the margin is not enough; False where nobody takes it."""
        self._calls = {
            kind: model.MarginCall(margin_call_type=kind, margin_level_threshold=threshold)
            for kind, threshold in _CALLS.items()
        }
        self._called: dict[int, Nanos] = {}
        self._look_at: Nanos = 0

    def expected(self, request: margin.ExpectedMarginReq) -> margin.ExpectedMarginRes:
        """2139: what orders of these volumes would bind. Raises `Refused`."""
        row = self._symbols.row(request.symbol_id)
        quote = self._exchange.quote(row.name)
        if quote.bid is None or quote.ask is None:
            raise Refused("NO_QUOTES", f"There are no quotes of {row.name}", is_order=False)
        volumes = as_ids(request.volume)
        if any(volume <= 0 for volume in volumes):
            raise Refused("TRADING_BAD_VOLUME", "volume must be above zero", is_order=False)
        rows = tuple(
            model.ExpectedMargin(
                volume=volume,
                buy_margin=self._margin(volume, quote.ask, row),
                sell_margin=self._margin(volume, quote.bid, row),
            )
            for volume in volumes
        )
        return margin.ExpectedMarginRes(
            ctid_trader_account_id=self._book.account_id, margin=rows, money_digits=MONEY_DIGITS
        )

    def unrealised(self, request: margin.GetPositionUnrealizedPnLReq) -> margin.GetPositionUnrealizedPnLRes:
        """2187: net of the swap and of the opening commission, without the one of closing."""
        rows = tuple(
            model.PositionUnrealizedPnL(
                position_id=holding.position_id,
                gross_unrealized=(gross := self._gross(holding)),
                net_unrealized=gross + holding.swap + holding.commission,
            )
            for holding in self._book.money.open_positions()
        )
        return margin.GetPositionUnrealizedPnLRes(
            ctid_trader_account_id=self._book.account_id, positions=rows, money_digits=MONEY_DIGITS
        )

    def _gross(self, holding: Holding) -> int:
        """Cents; nothing while there is no price to close at."""
        row = self._symbols.row(holding.symbol_id)
        quote = self._exchange.quote(row.name)
        price = quote.bid if holding.is_buy else quote.ask
        if price is None:
            return 0
        gain = Fraction(price) - holding.entry
        return rounded((gain if holding.is_buy else -gain) * self._book.rate(row) * holding.volume)

    # ----------------------------------------------------------------------------------------- margin calls

    def calls(self, request: margin.MarginCallListReq) -> margin.MarginCallListRes:
        """2167."""
        return margin.MarginCallListRes(margin_call=tuple(self._calls.values()))

    def change(self, request: margin.MarginCallUpdateReq, now: Nanos) -> margin.MarginCallUpdateRes:
        """2169; every connection of the account hears of it by 2171. Raises `Refused`."""
        asked = request.margin_call
        level = asked.margin_level_threshold
        if asked.margin_call_type not in self._calls:
            raise Refused("INVALID_REQUEST", "marginCallType must be 61, 62 or 63", is_order=False)
        if not level.is_finite() or not 0 <= level <= 10_000:
            raise Refused("INVALID_REQUEST", "marginLevelThreshold is not a margin level", is_order=False)
        call = model.MarginCall(
            margin_call_type=asked.margin_call_type,
            margin_level_threshold=level,
            utc_last_update_timestamp=now // NANOS_PER_MILLI,
        )
        self._calls[asked.margin_call_type] = call
        self._called.pop(asked.margin_call_type, None)
        account_id = self._book.account_id
        self._tell(frame(margin.MarginCallUpdateEvent(ctid_trader_account_id=account_id, margin_call=call)))
        return margin.MarginCallUpdateRes()

    def quoted(self, now: Nanos) -> None:
        """The market has moved: is a margin call due, or more? Looked at once a second."""
        if now < self._look_at:
            return
        self._look_at = now + NANOS_PER_SECOND
        self._call(now)
        self._stop_out(now)

    def _stop_out(self, now: Nanos) -> None:
        """Close what binds most, whole, for as long as the level is too low and somebody takes it."""
        for holding in sorted(self._book.money.open_positions(), key=self._book.money.used_margin, reverse=True):
            level = self._level()
            if level is None or level >= _STOP_OUT or not self._close(holding, now):
                return

    def _call(self, now: Nanos) -> None:
        level = self._level()
        if level is None:
            return
        for kind, call in self._calls.items():
            is_due = now >= self._called.get(kind, now)
            if level < Fraction(call.margin_level_threshold) and is_due:
                self._called[kind] = now + _CALL_PAUSE
                self._tell(frame(self._triggered(call)))

    def _triggered(self, call: model.MarginCall) -> Message:
        return margin.MarginCallTriggerEvent(ctid_trader_account_id=self._book.account_id, margin_call=call)

    def _level(self) -> Fraction | None:
        """Equity over used margin in percent; None without open positions."""
        open_positions = self._book.money.open_positions()
        used = sum(self._book.money.used_margin(holding) for holding in open_positions)
        return Fraction(self.equity() * 100, used) if used else None

    def equity(self) -> int:
        """Cents: the balance, and what the open positions would bring if they were closed now."""
        open_positions = self._book.money.open_positions()
        gains = (self._gross(holding) + holding.swap + holding.commission for holding in open_positions)
        return self._book.money.balance + sum(gains)

    def _margin(self, volume: int, price: Decimal, row: Row) -> int:
        """Cents: hundredths of units times price are cents already."""
        return rounded(Fraction(price) * self._book.rate(row) * volume / self._book.money.leverage)

    # ----------------------------------------------------------------------------------------- what the broker does

    def pay(self, amount: int, now: Nanos, note: str) -> None:
        """A deposit or, below zero, a withdrawal; 2123 follows it."""
        event = self._book.pay(amount, self.equity() + amount, now // NANOS_PER_MILLI, note)
        self._tell(frame(event))
        self.tell_trader()

    def lever(self, leverage: int) -> None:
        """Another leverage: open positions bind more or less (2141), and the account is told anew (2123)."""
        money = self._book.money
        if money.leverage == leverage:
            return
        money.leverage = leverage
        for holding in money.open_positions():
            changed = margin.MarginChangedEvent(
                ctid_trader_account_id=self._book.account_id,
                position_id=holding.position_id,
                used_margin=money.used_margin(holding),
                money_digits=MONEY_DIGITS,
            )
            self._tell(frame(changed))
        self.tell_trader()

    def charge_night(self, nights: int, now: Nanos) -> None:
        """Swaps of what is held."""
        for holding in self._book.money.open_positions():
            event = self._book.charge_night(holding, nights, now // NANOS_PER_MILLI)
            if event is not None:
                self._tell(frame(event))

    def tell_trader(self) -> None:
        """2123."""
        account_id, trader = self._book.account_id, self._book.trader()
        self._tell(frame(trading.TraderUpdatedEvent(ctid_trader_account_id=account_id, trader=trader)))
