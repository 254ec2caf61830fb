"""The past, as the far end tells it: bars, ticks, orders, deals and cash flow.

A window is inclusive at both edges. Lists over all positions are told oldest first, at most 1,000 rows and at most a
week; those of one position newest first, with or without a window (sheet, open questions 14 and 15). Bars are cut to
the newest ones of a window that is too wide, and the answer says that there are more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import TypeVar

from venuewire.venue import Port
from venuewire.venues.ctrader.acceptor.account import AccountBook
from venuewire.venues.ctrader.acceptor.symbols import Symbols
from venuewire.venues.ctrader.acceptor.tape import Tape
from venuewire.venues.ctrader.requests import Refused
from venuewire.venues.ctrader.wire import history, model, words

WEEK_MS = 604_800_000
_LATEST = 2_147_483_646_000
_MOST_ROWS = 1_000
_MOST_BARS = 5_000
_MOST_TICKS = 5_000

RowT = TypeVar("RowT")


class Archive:
    """Lists of one account and of its symbols. Every method answers one request, and raises `Refused`."""

    def __init__(
        self,
        book: AccountBook,
        port: Port,
        symbols: Symbols,
        tapes: Mapping[str, Tape],
    ) -> None:
        self._book = book
        self._port = port
        self._symbols = symbols
        self._tapes = tapes

    # ----------------------------------------------------------------------------------------- prices

    def bars(self, request: history.GetTrendbarsReq, now_ms: int) -> history.GetTrendbarsRes:
        """2137."""
        row, period = self._symbols.row(request.symbol_id), _number(words.TrendbarPeriod, request.period, "period")
        start, end = _window(request.from_timestamp, request.to_timestamp, now_ms, None)
        count = _MOST_BARS
        if request.count is not None:
            # The newest bars counted back from the end; the beginning does not bound them [reported].
            start, count = 0, min(request.count, _MOST_BARS)
            if not count:
                raise Refused("INVALID_REQUEST", "count must be above zero", is_order=False)
        bars, has_more = self._tapes[row.name].bars(period, start, end, count)
        return history.GetTrendbarsRes(
            ctid_trader_account_id=self._book.account_id,
            period=period,
            timestamp=now_ms,
            trendbar=bars,
            symbol_id=row.symbol_id,
            has_more=has_more,
        )

    def ticks(self, request: history.GetTickDataReq, now_ms: int) -> history.GetTickDataRes:
        """2145: newest first; every row but the first is the difference to the one before it."""
        row, side = self._symbols.row(request.symbol_id), _number(words.QuoteType, request.type, "type")
        start, end = _window(request.from_timestamp, request.to_timestamp, now_ms, WEEK_MS)
        found = self._tapes[row.name].ticks(side, start, end)
        told = found[-_MOST_TICKS:]
        return history.GetTickDataRes(
            ctid_trader_account_id=self._book.account_id,
            tick_data=encoded(told[::-1]),
            has_more=len(found) > len(told),
        )

    # ----------------------------------------------------------------------------------------- orders and deals

    def deals(self, request: history.DealListReq, now_ms: int) -> history.DealListRes:
        """2133."""
        window = _window(request.from_timestamp, request.to_timestamp, now_ms, WEEK_MS)
        if request.max_rows is not None and request.max_rows <= 0:
            raise Refused("INVALID_REQUEST", "maxRows must be above zero", is_order=False)
        most = min(request.max_rows or _MOST_ROWS, _MOST_ROWS)
        found = self._book.deals(self._port, window)
        account_id = self._book.account_id
        return history.DealListRes(
            ctid_trader_account_id=account_id, deal=tuple(found[:most]), has_more=len(found) > most
        )

    def orders(self, request: history.OrderListReq, now_ms: int) -> history.OrderListRes:
        """2175."""
        window = _window(request.from_timestamp, request.to_timestamp, now_ms, WEEK_MS)
        found = self._all_orders(window)
        rows, has_more = _cut(found)
        return history.OrderListRes(ctid_trader_account_id=self._book.account_id, order=rows, has_more=has_more)

    def deals_of(self, request: history.DealListByPositionIdReq, now_ms: int) -> history.DealListByPositionIdRes:
        """2179."""
        window = _window(request.from_timestamp, request.to_timestamp, now_ms, None)
        found = [
            deal for deal in reversed(self._book.deals(self._port, window)) if deal.position_id == request.position_id
        ]
        rows, has_more = _cut(found)
        return history.DealListByPositionIdRes(
            ctid_trader_account_id=self._book.account_id, deal=rows, has_more=has_more
        )

    def orders_of(self, request: history.OrderListByPositionIdReq, now_ms: int) -> history.OrderListByPositionIdRes:
        """2183."""
        window = _window(request.from_timestamp, request.to_timestamp, now_ms, None)
        found = [order for order in reversed(self._all_orders(window)) if order.position_id == request.position_id]
        rows, has_more = _cut(found)
        return history.OrderListByPositionIdRes(
            ctid_trader_account_id=self._book.account_id, order=rows, has_more=has_more
        )

    def order(self, request: history.OrderDetailsReq, now_ms: int) -> history.OrderDetailsRes:
        """2181: one order, and all its deals."""
        found = next((order for order in self._all_orders() if order.order_id == request.order_id), None)
        if found is None:
            raise Refused("ORDER_NOT_FOUND", f"Order not found with id {request.order_id}", is_order=False)
        deals = tuple(deal for deal in self._book.deals(self._port) if deal.order_id == request.order_id)
        return history.OrderDetailsRes(ctid_trader_account_id=self._book.account_id, order=found, deal=deals)

    def offsets(self, request: history.DealOffsetListReq, now_ms: int) -> history.DealOffsetListRes:
        """2185: which deals closed this one, and which it closed: the oldest volume of a position goes first."""
        deals = self._book.deals(self._port)
        asked = next((deal for deal in deals if deal.deal_id == request.deal_id), None)
        if asked is None:
            raise Refused("ENTITY_NOT_FOUND", f"Deal not found with id {request.deal_id}", is_order=False)
        pairs = matched([deal for deal in deals if deal.position_id == asked.position_id])
        return history.DealOffsetListRes(
            ctid_trader_account_id=self._book.account_id,
            offset_by=tuple(_offset(closing, volume) for opening, closing, volume in pairs if opening is asked),
            offsetting=tuple(_offset(opening, volume) for opening, closing, volume in pairs if closing is asked),
        )

    def cash_flow(self, request: history.CashFlowHistoryListReq, now_ms: int) -> history.CashFlowHistoryListRes:
        """2143."""
        window = _window(request.from_timestamp, request.to_timestamp, now_ms, WEEK_MS)
        rows = tuple(paid for paid in self._book.payments if _within(paid.change_balance_timestamp, window))
        return history.CashFlowHistoryListRes(ctid_trader_account_id=self._book.account_id, deposit_withdraw=rows)

    def _all_orders(self, window: tuple[int, int] | None = None) -> list[model.Order]:
        self._book.catch_up(self._port)
        return self._book.all_orders(self._port, window)


def encoded(ticks: Sequence[tuple[int, int]]) -> tuple[model.TickData, ...]:
    """(time, price) as the wire has them: the first absolute, the others as differences to the one before."""
    rows: list[model.TickData] = []
    before = (0, 0)
    for time, price in ticks:
        rows.append(model.TickData(timestamp=time - before[0], tick=price - before[1]))
        before = (time, price)
    return tuple(rows)


def matched(deals: Sequence[model.Deal]) -> list[tuple[model.Deal, model.Deal, int]]:
    """(opening deal, closing deal, volume) of one position, first in, first out."""
    pairs: list[tuple[model.Deal, model.Deal, int]] = []
    opened: list[tuple[model.Deal, int]] = []
    for deal in deals:
        volume = deal.filled_volume or 0
        if deal.close_position_detail is None:
            opened.append((deal, volume))
            continue
        while volume and opened:
            first, left = opened.pop(0)
            part = min(left, volume)
            pairs.append((first, deal, part))
            volume -= part
            if left > part:
                opened.insert(0, (first, left - part))
    return pairs


def _offset(deal: model.Deal, volume: int) -> model.DealOffset:
    return model.DealOffset(
        deal_id=deal.deal_id,
        volume=volume,
        execution_timestamp=deal.execution_timestamp,
        execution_price=deal.execution_price,
    )


def _window(start: int | None, end: int | None, now: int, widest: int | None) -> tuple[int, int]:
    """The window of a request; what is not given is as wide as may be."""
    end = now if end is None else end
    start = (0 if widest is None else max(end - widest, 0)) if start is None else start
    if start < 0 or end > _LATEST or start > end or (widest is not None and end - start > widest):
        raise Refused("INCORRECT_BOUNDARIES", "fromTimestamp and toTimestamp are not a window", is_order=False)
    return start, end


def _within(time: int | None, window: tuple[int, int]) -> bool:
    return time is not None and window[0] <= time <= window[1]


def _cut(rows: list[RowT]) -> tuple[tuple[RowT, ...], bool]:
    return tuple(rows[:_MOST_ROWS]), len(rows) > _MOST_ROWS


def _number(kind: type[IntEnum], value: int | str, name: str) -> int:
    try:
        return words.number_of(kind, value)
    except ValueError:
        raise Refused("INVALID_REQUEST", f"{name} has no value {value!r}", is_order=False) from None
