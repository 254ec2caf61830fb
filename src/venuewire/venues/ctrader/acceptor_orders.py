"""The far end's order desk: requests about orders, checked and handed to the exchange.

Each method raises `Refused` with the sheet's code, or returns nothing: what happens is told by executions.
"""

from __future__ import annotations

from collections.abc import Mapping

from venuewire.model.instrument import Instrument
from venuewire.model.orders import CancelReject, ExecutionReport, NewOrder
from venuewire.model.terms import Nanos, Side
from venuewire.venue import Exchange, Port
from venuewire.venues.ctrader import requests, translate
from venuewire.venues.ctrader.account import NO_REF, AccountBook, Terms
from venuewire.venues.ctrader.positions import Holding
from venuewire.venues.ctrader.requests import Refused
from venuewire.venues.ctrader.stage import Row
from venuewire.venues.ctrader.wire import trading, words


class OrderDesk:
    """Orders of the one account."""

    def __init__(self, exchange: Exchange, port: Port, book: AccountBook, symbols: Mapping[int, Row]) -> None:
        self._exchange = exchange
        self._port = port
        self._book = book
        self._symbols = symbols

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
        if request.position_id:
            terms = self._for_position(terms, request, command)
        self._execute(self._unrepeated(command), terms, now)

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
        return Terms(
            order_type=terms.order_type,
            client_order_id=terms.client_order_id,
            label=terms.label,
            comment=terms.comment,
            holding=holding,
            is_closing=is_closing,
        )

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
        self._change(self._port.execute(command, now), request.order_id)

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


def _too_much(holding: Holding, volume: int) -> Refused:
    text = f"Order volume = {volume} is above the position's {holding.volume}"
    return Refused("TRADING_BAD_VOLUME", text, position_id=holding.position_id)
