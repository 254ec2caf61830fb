"""Margin and profit of the account, as the far end reckons and tells them (sheet, money and P&L).

Used margin is units times price over the leverage. A position is valued at the price it would be closed at: a buy at
the bid, a sell at the ask. A margin call is told when the margin level (equity over used margin, in percent) is below
its threshold, at most once in ten minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

from venuewire.model.terms import NANOS_PER_MILLI, NANOS_PER_SECOND, Nanos
from venuewire.venue import Exchange
from venuewire.venues.ctrader.acceptor_symbols import Symbols
from venuewire.venues.ctrader.account import AccountBook
from venuewire.venues.ctrader.marks import MONEY_DIGITS
from venuewire.venues.ctrader.positions import LEVERAGE, Holding, rounded
from venuewire.venues.ctrader.requests import Refused
from venuewire.venues.ctrader.wire import margin, model
from venuewire.venues.ctrader.wire.base import Message
from venuewire.venues.ctrader.wire.market import as_ids
from venuewire.venues.ctrader.wire.table import frame

_CALLS = {61: Decimal("100.0"), 62: Decimal("75.0"), 63: Decimal("60.0")}
"""Thresholds an account begins with; ours."""
_CALL_PAUSE = 600 * NANOS_PER_SECOND


class Treasury:
    """Money of the one account."""

    def __init__(self, book: AccountBook, exchange: Exchange, symbols: Symbols, tell: Callable[[bytes], None]) -> None:
        self._book = book
        self._exchange = exchange
        self._symbols = symbols
        self._tell = tell
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
                volume=volume, buy_margin=_margin(volume, quote.ask), sell_margin=_margin(volume, quote.bid)
            )
            for volume in volumes
        )
        return margin.ExpectedMarginRes(
            ctid_trader_account_id=self._book.account_id, margin=rows, money_digits=MONEY_DIGITS
        )

    def unrealised(self, request: margin.GetPositionUnrealizedPnLReq) -> margin.GetPositionUnrealizedPnLRes:
        """2187. Swaps never happen here."""
        rows = tuple(
            model.PositionUnrealizedPnL(
                position_id=holding.position_id,
                gross_unrealized=(gross := self._gross(holding)),
                net_unrealized=gross + holding.commission,
            )
            for holding in self._book.money.open_positions()
        )
        return margin.GetPositionUnrealizedPnLRes(
            ctid_trader_account_id=self._book.account_id, positions=rows, money_digits=MONEY_DIGITS
        )

    def _gross(self, holding: Holding) -> int:
        """Cents; nothing while there is no price to close at."""
        quote = self._exchange.quote(self._symbols.row(holding.symbol_id).name)
        price = quote.bid if holding.is_buy else quote.ask
        if price is None:
            return 0
        gain = Fraction(price) - holding.entry
        return rounded((gain if holding.is_buy else -gain) * holding.volume)

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
        """The market has moved: is a margin call due? Looked at once a second."""
        if now < self._look_at:
            return
        self._look_at = now + NANOS_PER_SECOND
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
        used = sum(holding.used_margin for holding in open_positions)
        if not used:
            return None
        equity = self._book.money.balance + sum(self._gross(holding) + holding.commission for holding in open_positions)
        return Fraction(equity * 100, used)


def _margin(volume: int, price: Decimal) -> int:
    """Cents: hundredths of units times price are cents already."""
    return rounded(Fraction(price) * volume / LEVERAGE)
