"""One account of the far end: its orders, positions and money, its lists, and who is told of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias

from venuewire.model.market import Quote
from venuewire.model.orders import ExecutionReport
from venuewire.model.terms import NANOS_PER_MILLI, NANOS_PER_SECOND, Channel, Nanos, to_scaled
from venuewire.venue import Exchange, Send
from venuewire.venues.ctrader.acceptor.account import AccountBook
from venuewire.venues.ctrader.acceptor.history import Archive
from venuewire.venues.ctrader.acceptor.money import Treasury
from venuewire.venues.ctrader.acceptor.orders import OrderDesk
from venuewire.venues.ctrader.acceptor.stage import DEPOSIT, SWAP_MINUTE, TRIPLE_DAY, Row
from venuewire.venues.ctrader.acceptor.symbols import Symbols
from venuewire.venues.ctrader.acceptor.tape import Tape
from venuewire.venues.ctrader.positions import ONE
from venuewire.venues.ctrader.wire import history, margin, market, trading
from venuewire.venues.ctrader.wire.base import Message
from venuewire.venues.ctrader.wire.table import frame

Answering: TypeAlias = Callable[[Any, str | None, Nanos], list[Message]]
_DAY = 24 * 3600 * NANOS_PER_SECOND
_THURSDAY = 4
"""The day the epoch began with, Monday being 1."""
_SATURDAY = 6


class Account:
    """What the venue knows of one account; every connection that is authorised for it shares this."""

    def __init__(
        self,
        name: str,
        number: int,
        exchange: Exchange,
        symbols: Mapping[int, Row],
        tapes: Mapping[str, Tape],
        balances: Mapping[str, str],
        *,
        tell: Callable[[int, Send], None],
        is_close_only: Callable[[], bool],
    ) -> None:
        self.account_id = int(name)
        self.port = exchange.port(name)
        self._tell = tell
        """(account id, frame) to every connection that is authorised for it."""
        balance = to_scaled(Decimal(balances.get(DEPOSIT, "0")), 2)
        rows = {row.name: row for row in symbols.values()}
        self.book = AccountBook(self.account_id, balance, rows, lambda row: _rate(row, rows, exchange), number)
        self.symbols = Symbols(self.account_id, symbols, is_close_only, lambda: self.book.is_limited_risk)
        self.desk = OrderDesk(exchange, self.port, self.book, symbols, self.tell, is_close_only)
        self.treasury = Treasury(self.book, exchange, self.symbols, self.tell, self.desk.stop_out)
        self.archive = Archive(self.book, self.port, self.symbols, tapes)
        self._night_at: Nanos = 0
        """When the next night is charged for."""

    def tell(self, payload: bytes) -> None:
        """What happens here and not at the exchange."""
        self._tell(self.account_id, Send(payload, channel=Channel.ORDERS))

    def begin(self, now: Nanos, opened: int) -> None:
        """Somebody has come for the first time; the account was opened at `opened`, in milliseconds."""
        self.book.open_with(opened)
        self._night_at = _next_night(now)

    def reported(self, report: ExecutionReport) -> None:
        """The exchange tells of an order of this account."""
        for payload in self.book.frames(report):
            self.tell(payload)

    def quoted(self, quote: Quote, now: Nanos) -> None:
        """The market has moved."""
        self.desk.quoted(quote, now)
        self.treasury.quoted(now)

    def next_tick(self) -> Nanos | None:
        """The next night, whether anything is held then or not; None while nobody has come."""
        return self._night_at or None

    def tick(self, now: Nanos) -> None:
        """Charge for the nights that have passed."""
        while self._night_at and self._night_at <= now:
            nights = _nights(self._night_at)
            if nights:
                self.treasury.charge_night(nights, self._night_at)
            self._night_at = _next_night(self._night_at)

    # ----------------------------------------------------------------------------------------- answers

    def answers(self) -> dict[type[Message], Answering]:
        """Requests that are the same on every connection."""
        names, treasury, archive = self.symbols, self.treasury, self.archive
        plain: dict[type[Message], Callable[[Any], Message]] = {
            market.AssetListReq: names.assets,
            market.AssetClassListReq: names.asset_classes,
            market.SymbolCategoryListReq: names.categories,
            market.SymbolsListReq: names.listed,
            market.SymbolByIdReq: names.details,
            market.SymbolsForConversionReq: names.conversion,
            margin.GetDynamicLeverageByIDReq: names.leverage,
            margin.ExpectedMarginReq: treasury.expected,
            margin.GetPositionUnrealizedPnLReq: treasury.unrealised,
            margin.MarginCallListReq: treasury.calls,
            trading.TraderReq: self._trader,
            trading.ReconcileReq: self._reconcile,
        }
        timed: dict[type[Message], Callable[[Any, int], Message]] = {
            history.GetTrendbarsReq: archive.bars,
            history.GetTickDataReq: archive.ticks,
            history.DealListReq: archive.deals,
            history.OrderListReq: archive.orders,
            history.DealListByPositionIdReq: archive.deals_of,
            history.OrderListByPositionIdReq: archive.orders_of,
            history.OrderDetailsReq: archive.order,
            history.DealOffsetListReq: archive.offsets,
            history.CashFlowHistoryListReq: archive.cash_flow,
        }
        return {
            margin.MarginCallUpdateReq: lambda request, _ref, now: [treasury.change(request, now)],
            **{record: _untimed(answer) for record, answer in plain.items()},
            **{record: _in_millis(answer) for record, answer in timed.items()},
        }

    def trades(self) -> dict[type[Message], Callable[[Any, str | None, Nanos], None]]:
        """Requests about orders: executions are the answer."""
        return {
            trading.NewOrderReq: self.desk.new,
            trading.AmendOrderReq: self.desk.amend,
            trading.CancelOrderReq: self.desk.cancel,
            trading.ClosePositionReq: self.desk.close,
            trading.AmendPositionSLTPReq: self.desk.protect,
        }

    def _trader(self, request: trading.TraderReq) -> Message:
        self.book.catch_up(self.port)
        return trading.TraderRes(ctid_trader_account_id=self.account_id, trader=self.book.trader())

    def _reconcile(self, request: trading.ReconcileReq) -> Message:
        self.book.catch_up(self.port)
        return trading.ReconcileRes(
            ctid_trader_account_id=self.account_id,
            position=self.book.positions(),
            order=self.book.orders(self.port, with_protection=bool(request.return_protection_orders)),
        )

    def limit_risk(self, *, on: bool) -> None:
        """Every position needs a guaranteed stop loss from now on, or none any more."""
        self.book.is_limited_risk = on
        self.treasury.tell_trader()
        self.symbols_changed()

    def symbols_changed(self) -> None:
        """2120: every symbol is to be read again."""
        changed = market.SymbolChangedEvent(ctid_trader_account_id=self.account_id, symbol_id=self.symbols.all_ids())
        self._tell(self.account_id, Send(frame(changed), channel=Channel.STATUS))


def _rate(row: Row, rows: Mapping[str, Row], exchange: Exchange) -> Fraction:
    """Deposit money for one of the quote currency: the bid of the symbol between the two, or where it began."""
    if row.quote == DEPOSIT:
        return ONE
    between = rows[f"{row.quote}{DEPOSIT}"]
    bid = exchange.quote(between.name).bid
    return Fraction(between.price) if bid is None else Fraction(bid)


def _untimed(answer: Callable[[Any], Message]) -> Answering:
    return lambda request, _ref, _now: [answer(request)]


def _in_millis(answer: Callable[[Any, int], Message]) -> Answering:
    return lambda request, _ref, now: [answer(request, now // NANOS_PER_MILLI)]


def _next_night(now: Nanos) -> Nanos:
    """The first time after `now` at which nights are charged for."""
    minute = SWAP_MINUTE * 60 * NANOS_PER_SECOND
    return ((now - minute) // _DAY + 1) * _DAY + minute


def _nights(time: Nanos) -> int:
    """How many are charged for at this time: none at weekends, three on the day before the weekend's settlement."""
    day = (time // _DAY + _THURSDAY - 1) % 7 + 1
    if day >= _SATURDAY:
        return 0
    return 3 if day == TRIPLE_DAY else 1
