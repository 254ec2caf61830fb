"""The far end's order desk: requests about orders, checked and handed to the exchange.

Each method raises `Refused` with the sheet's code, or returns nothing: what happens is told by executions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from msgspec.structs import replace

from venuewire.model.instrument import Instrument
from venuewire.model.market import Quote
from venuewire.model.orders import CancelReject, ExecutionReport, NewOrder
from venuewire.model.terms import NANOS_PER_MILLI, Nanos, OrdType, Side, TimeInForce
from venuewire.venue import Exchange, Port
from venuewire.venues.ctrader import requests, translate
from venuewire.venues.ctrader.acceptor.account import NO_REF, AccountBook
from venuewire.venues.ctrader.acceptor.marks import Terms
from venuewire.venues.ctrader.acceptor.stage import Row
from venuewire.venues.ctrader.positions import Holding, as_price, plain
from venuewire.venues.ctrader.protection import Levels, ProtectiveOrder
from venuewire.venues.ctrader.requests import Refused
from venuewire.venues.ctrader.wire import trading, words
from venuewire.venues.ctrader.wire.table import frame


class OrderDesk:
    """Orders of one account."""

    def __init__(
        self,
        exchange: Exchange,
        port: Port,
        book: AccountBook,
        symbols: Mapping[int, Row],
        tell: Callable[[bytes], None],
        is_close_only: Callable[[], bool] = lambda: False,
    ) -> None:
        self._is_close_only = is_close_only
        self._exchange = exchange
        self._port = port
        self._book = book
        self._symbols = symbols
        self._tell = tell
        """Says something to every connection of the account: what happens here and not at the exchange."""

    def _instrument(self, symbol_id: int) -> Instrument:
        row = self._symbols.get(symbol_id)
        if row is None:
            raise Refused("SYMBOL_NOT_FOUND", f"Symbol not found with id {symbol_id}")
        return self._exchange.instruments[row.name]

    def new(self, request: trading.NewOrderReq, ref: str | None, now: Nanos) -> None:
        """2106."""
        instrument = self._instrument(request.symbol_id)
        command = requests.new_order_command(request, instrument, self._port.account, ref or NO_REF)
        kind = words.number_of(words.OrderType, request.order_type)
        is_range = kind == words.OrderType.MARKET_RANGE
        terms = Terms(
            order_type=kind,
            client_order_id=request.client_order_id,
            label=request.label,
            comment=request.comment,
            # What a kind of order does not use is not kept, for nobody has looked at it.
            base_slippage_price=request.base_slippage_price if is_range else None,
            slippage_in_points=request.slippage_in_points if is_range else None,
        )
        terms = replace(terms, levels=self._levels(request, command, instrument))
        if request.position_id:
            terms = self._for_position(terms, request, command)
        else:
            self._check_guarantee(terms.levels)
        if self._is_close_only() and not terms.is_closing:
            raise Refused("TRADING_DISABLED", f"{instrument.symbol} can only be closed")
        self._execute(self._unrepeated(command), terms, now)

    def _levels(self, request: trading.NewOrderReq, command: NewOrder, instrument: Instrument) -> Levels:
        """Of a market order only distances are allowed; the others know their own price."""
        price = command.stop_px if command.stop_px is not None else command.price
        entry = None if price is None else Decimal(price)
        levels = requests.levels_of(request, command.side, entry, instrument.min_price_increment, Levels())
        quote = self._exchange.quote(instrument.symbol)
        _refuse_below_zero(levels, command.side, entry or quote.bid or quote.ask)
        return levels

    def _check_guarantee(self, levels: Levels) -> None:
        """Guaranteed stops are what limited-risk accounts have, and what each of their positions needs."""
        if levels.is_guaranteed and not self._book.is_limited_risk:
            raise Refused("INVALID_REQUEST", "Guaranteed stop loss is for limited-risk accounts only")
        if self._book.is_limited_risk and not levels.is_guaranteed:
            raise Refused("INVALID_REQUEST", "A limited-risk account needs a guaranteed stop loss")

    def _unrepeated(self, command: NewOrder) -> NewOrder:
        """This venue does not mind a clientOrderId that is used again; the exchange does, so it is not told."""
        standing = self._port.order(cl_ord_id=command.cl_ord_id) if command.cl_ord_id else None
        if standing is None or standing.leaves_qty == 0:
            return command
        return requests.without_id(command)

    def _for_position(self, terms: Terms, request: trading.NewOrderReq, command: NewOrder) -> Terms:
        """An order that names a position adds to it, or closes it when it is against it."""
        holding = self._open_position(request.position_id or 0)
        is_closing = holding.is_buy is not (command.side is Side.BUY)
        if holding.symbol_id != request.symbol_id:
            raise Refused("INVALID_REQUEST", "The position is in another symbol", position_id=holding.position_id)
        if is_closing and terms.order_type != words.OrderType.MARKET:
            text = "Only a MARKET order may close a position here"
            raise Refused("INVALID_REQUEST", text, position_id=holding.position_id)
        if is_closing and request.volume > holding.volume:
            raise _too_much(holding, request.volume)
        if terms.levels:
            text = "The levels of a position are changed with 2110"
            raise Refused("INVALID_REQUEST", text, position_id=holding.position_id)
        return replace(terms, holding=holding, is_closing=is_closing)

    def _open_position(self, position_id: int) -> Holding:
        self._book.catch_up(self._port)
        holding = self._book.holding(position_id)
        if holding is None:
            text = f"Position not found with id {position_id}"
            raise Refused("POSITION_NOT_FOUND", text, position_id=position_id)
        if not holding.is_open:
            text = f"Position with id {position_id} is not open"
            raise Refused("POSITION_NOT_OPEN", text, position_id=position_id)
        return holding

    def close(self, request: trading.ClosePositionReq, ref: str | None, now: Nanos) -> None:
        """2111: a market order against the position."""
        holding = self._open_position(request.position_id)
        if request.volume > holding.volume:
            raise _too_much(holding, request.volume)
        symbol = self._symbols[holding.symbol_id].name
        account = self._port.account
        command = requests.close_command(request, symbol, is_buy=holding.is_buy, account=account, ref=ref or NO_REF)
        terms = Terms(
            order_type=words.OrderType.MARKET.value,
            label=holding.label,
            comment=holding.comment,
            holding=holding,
            is_closing=True,
        )
        self._execute(command, terms, now)

    def _execute(self, command: NewOrder, terms: Terms, now: Nanos) -> None:
        """Have it done; a refusal is the answer, executions come by `publish`."""
        reports = self._port.execute(command, now)
        for report in reports:
            if isinstance(report, ExecutionReport) and report.order_id:
                self._book.place(report.order_id, command.symbol, command.side, terms)
            elif isinstance(report, ExecutionReport):
                code = translate.code_of(report.ord_rej_reason)
                raise Refused(code, report.text or code)

    def _standing(self, order_id: int) -> ExecutionReport:
        standing = self._port.order(order_id=str(order_id))
        if standing is None or standing.leaves_qty == 0:
            raise Refused("ORDER_NOT_FOUND", f"Order not found with id {order_id}", order_id=order_id)
        return standing

    def amend(self, request: trading.AmendOrderReq, ref: str | None, now: Nanos) -> None:
        """2109."""
        standing = self._standing(request.order_id)
        instrument = self._exchange.instruments[standing.symbol]
        command = requests.replace_command(request, standing, instrument, ref or NO_REF)
        entry = request.stop_price or request.limit_price or standing.stop_px or standing.price
        old = self._book.levels_of(standing.order_id)
        tick = instrument.min_price_increment
        levels = requests.levels_of(request, standing.side or Side.BUY, entry, tick, old)
        _refuse_below_zero(levels, standing.side or Side.BUY, entry)
        self._check_guarantee(levels)
        if command is None and levels == old:
            raise Refused("INVALID_REQUEST", "Nothing to amend.", order_id=request.order_id)
        if command is not None:
            self._change(self._port.execute(command, now), request.order_id)
        if levels != old:
            self._book.reterm(standing.order_id, levels)
        if command is None:
            # The exchange knows nothing of levels: nobody but us will tell.
            told = self._book.restated(replace(standing, transact_time=now), ref)
            if told is not None:
                self._tell(told)

    def cancel(self, request: trading.CancelOrderReq, ref: str | None, now: Nanos) -> None:
        """2108."""
        command = requests.cancel_command(self._standing(request.order_id), ref or NO_REF)
        self._change(self._port.execute(command, now), request.order_id)

    @staticmethod
    def _change(reports: list[ExecutionReport | CancelReject], order_id: int) -> None:
        for report in reports:
            if isinstance(report, CancelReject):
                code = translate.code_of(report.reason)
                raise Refused(code, report.text or code, order_id=order_id)

    # ----------------------------------------------------------------------------------------- protection

    def protect(self, request: trading.AmendPositionSLTPReq, ref: str | None, now: Nanos) -> None:
        """2110: these levels and no others."""
        holding = self._open_position(request.position_id)
        guard = self._book.guard(holding.position_id)
        row = self._symbols[holding.symbol_id]
        quote = self._exchange.quote(row.name)
        market = quote.bid if holding.is_buy else quote.ask
        requests.trigger_of(request, 1)
        trailing = self._asked_levels(request, holding, guard, row, market)
        if guard is None and request.stop_loss is None and request.take_profit is None:
            raise _nothing(holding)
        if guard is not None and not _differs(guard, request, trailing=trailing):
            raise _nothing(holding)
        self._tell(frame(self._set_levels(request, holding, guard, trailing, market, now // NANOS_PER_MILLI), ref))

    def _asked_levels(
        self,
        request: trading.AmendPositionSLTPReq,
        holding: Holding,
        guard: ProtectiveOrder | None,
        row: Row,
        market: Decimal | None,
    ) -> bool:
        """Refuse what cannot be; is the stop loss to follow the market?"""
        tick = Decimal(1).scaleb(-row.digits)
        for level, is_above in ((request.stop_loss, not holding.is_buy), (request.take_profit, holding.is_buy)):
            requests.check_level(level, market, tick, is_above=is_above, position_id=holding.position_id)
        self._check_risk(request, guard, holding)
        if request.trailing_stop_loss is not None and request.stop_loss is None:
            raise Refused("INVALID_REQUEST", "trailingStopLoss needs a stopLoss", position_id=holding.position_id)
        if request.trailing_stop_loss is None:
            return guard is not None and guard.is_trailing and request.stop_loss is not None
        return request.trailing_stop_loss

    def _check_risk(
        self, request: trading.AmendPositionSLTPReq, guard: ProtectiveOrder | None, holding: Holding
    ) -> None:
        was = guard is not None and guard.is_guaranteed
        guaranteed = was if request.guaranteed_stop_loss is None else request.guaranteed_stop_loss
        self._check_guarantee(Levels(is_guaranteed=guaranteed))
        if guaranteed and request.stop_loss is None:
            text = "guaranteedStopLoss needs a stopLoss"
            raise Refused("INVALID_REQUEST", text, position_id=holding.position_id)
        if guard is not None and was and guard.is_worse(request.stop_loss):
            text = "The risk of a guaranteed stop loss may not grow"
            raise Refused("WORSE_GSL_NOT_ALLOWED", text, position_id=holding.position_id)

    def _set_levels(
        self,
        request: trading.AmendPositionSLTPReq,
        holding: Holding,
        guard: ProtectiveOrder | None,
        trailing: bool,
        market: Decimal | None,
        time: int,
    ) -> trading.ExecutionEvent:
        """The position has these levels from now on."""
        holding.updated_at = time
        if guard is not None and request.stop_loss is None and request.take_profit is None:
            self._book.unprotect(guard, words.OrderStatus.CANCELLED, time)
            return self._book.told_of(words.ExecutionType.ORDER_CANCELLED, guard, by_server=False)
        kind = words.ExecutionType.ORDER_ACCEPTED if guard is None else words.ExecutionType.ORDER_REPLACED
        guard = guard or self._book.protect(holding, time)
        guard.updated_at, guard.method = time, requests.trigger_of(request, guard.method)
        entry = as_price(holding.entry) if market is None else market
        guard.set(request.stop_loss, request.take_profit, is_trailing=trailing, market=entry)
        if request.guaranteed_stop_loss is not None:
            guard.is_guaranteed = request.guaranteed_stop_loss
        return self._book.told_of(kind, guard, by_server=False)

    def quoted(self, quote: Quote, now: Nanos) -> None:
        """The market has moved: trailing stops follow, and what is reached is filled at the market."""
        for guard in self._book.guards_of(quote.symbol):
            if guard.follow(quote.bid, quote.ask):
                self._tell(frame(self._moved(guard, now)))
            if guard.is_reached(quote.bid, quote.ask):
                self._fire(guard, now)

    def _moved(self, guard: ProtectiveOrder, now: Nanos) -> trading.TrailingSLChangedEvent:
        assert guard.stop_loss is not None
        return trading.TrailingSLChangedEvent(
            ctid_trader_account_id=self._book.account_id,
            position_id=guard.holding.position_id,
            order_id=guard.number,
            stop_price=plain(guard.stop_loss),
            utc_last_update_timestamp=now // NANOS_PER_MILLI,
        )

    def stop_out(self, holding: Holding, now: Nanos) -> bool:
        """Close a position because the margin is not enough any more; False where nobody took all of it."""
        self._book.catch_up(self._port)
        if holding.is_open:
            terms = Terms(order_type=words.OrderType.MARKET.value, holding=holding, is_closing=True, is_stop_out=True)
            self._close_at_market(holding, terms, now)
        return not holding.is_open

    def _fire(self, guard: ProtectiveOrder, now: Nanos) -> None:
        """Close the position at the market; what is not filled is tried again at the next quote."""
        # Another fill of the position may be waiting to be published.
        self._book.catch_up(self._port)
        holding = guard.holding
        if self._book.guard(holding.position_id) is not guard:
            return
        terms = Terms(
            order_type=words.OrderType.STOP_LOSS_TAKE_PROFIT.value,
            holding=holding,
            is_closing=True,
            protection=guard,
            fixed_price=guard.fixed_price,
        )
        self._close_at_market(holding, terms, now)

    def _close_at_market(self, holding: Holding, terms: Terms, now: Nanos) -> None:
        """What the server does by itself; booked at once, told when the exchange publishes it."""
        symbol = self._symbols[holding.symbol_id].name
        command = NewOrder(
            symbol=symbol,
            side=Side.SELL if holding.is_buy else Side.BUY,
            ord_type=OrdType.MARKET,
            order_qty=translate.units(holding.volume),
            time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
            account=self._port.account,
        )
        reports = self._port.execute(command, now)
        for report in reports:
            if isinstance(report, ExecutionReport) and report.order_id:
                self._book.place(report.order_id, symbol, command.side, terms)
        self._book.book(reports)


def _refuse_below_zero(levels: Levels, side: Side, entry: Decimal | None) -> None:
    lower = levels.relative_stop_loss if side is Side.BUY else levels.relative_take_profit
    if lower is not None and entry is not None and Decimal(lower).scaleb(-translate.PRICE_SCALE) >= entry:
        raise Refused("TRADING_BAD_STOPS", "stop loss or take profit is below zero")


def _differs(guard: ProtectiveOrder, request: trading.AmendPositionSLTPReq, *, trailing: bool) -> bool:
    method = requests.trigger_of(request, guard.method)
    guaranteed = guard.is_guaranteed if request.guaranteed_stop_loss is None else request.guaranteed_stop_loss
    asked = (request.stop_loss, request.take_profit, trailing, method, guaranteed)
    return asked != (guard.stop_loss, guard.take_profit, guard.is_trailing, guard.method, guard.is_guaranteed)


def _nothing(holding: Holding) -> Refused:
    return Refused("INVALID_REQUEST", "Nothing to amend.", position_id=holding.position_id)


def _too_much(holding: Holding, volume: int) -> Refused:
    text = f"Order volume = {volume} is above the position's {holding.volume}"
    return Refused("TRADING_BAD_VOLUME", text, position_id=holding.position_id)
