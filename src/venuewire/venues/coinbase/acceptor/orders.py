"""Creating, previewing, editing and cancelling orders at the sandbox's Coinbase; always HTTP 200.

Pages: REST API reference, "Create Order", "Preview Order", "Edit Order", "Cancel Orders", "Close Position".
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import UnsetType, to_builtins
from msgspec.structs import replace

from venuewire.codec import number
from venuewire.errors import RemoteProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.terms import ExecType, Nanos, OrdRejReason, OrdStatus, OrdType, Side, TimeInForce
from venuewire.venues.coinbase import conditions, configurations, orders, reasons
from venuewire.venues.coinbase.acceptor import attached, previews, wallets
from venuewire.venues.coinbase.acceptor.host import Shared, uuid_of
from venuewire.venues.coinbase.conditions import Attachment
from venuewire.venues.coinbase.fields import NotEdited, Refused
from venuewire.venues.coinbase.reasons import Refusal
from venuewire.venues.coinbase.texts import plain
from venuewire.venues.coinbase.wire import rest

_EDITABLE = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT})
_OPEN = frozenset({OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED})


class OrderDesk:
    """Takes requests to the exchange and tells what became of them."""

    def __init__(self, host: Shared) -> None:
        self._host = host

    def order(self, report: ExecutionReport, account: str) -> rest.Order:
        """An order as REST shows it."""
        return orders.rest_order(self._host.state(report, account))

    # ------------------------------------------------------------------ create

    def create(self, request: rest.AnyCreateOrder, account: str, now: Nanos) -> rest.CreateAnswer:
        """ASSUMPTION: the same request again is answered as the first time and makes no second order; another one with
        the same client_order_id is refused."""
        taken = self._host.taken.get(request.client_order_id)
        if taken is not None:
            return taken[1] if taken[0] == request else failed(request, reasons.DUPLICATE)
        try:
            report = self._created(request, account, now)
        except Refused as refused:
            return failed(request, refused.refusal, refused.message)
        answer = _succeeded(request, report.order_id)
        self._host.took(request, answer)
        return answer

    def _created(self, request: rest.AnyCreateOrder, account: str, now: Nanos) -> ExecutionReport:
        """The first report of the new order. Raises `Refused`."""
        instrument = self._host.book_of(request.product_id)
        if instrument is None:
            raise Refused(reasons.INVALID_PRODUCT)
        command = self._checked(request, instrument, account, now)
        if command.target_strategy:
            order_id = uuid_of("work", account, command.cl_ord_id)
            self._host.began(order_id, request.product_id, now)
            return self._host.works.begin(command, order_id, now)
        condition = conditions.condition_of(command, account)
        given = conditions.at_exchange(command, condition, instrument)
        report = self._host.port(account).execute(given, now)[0]
        if isinstance(report, CancelReject) or report.exec_type is ExecType.REJECTED:
            reason = report.reason if isinstance(report, CancelReject) else report.ord_rej_reason
            raise Refused(reasons.refusal_of(reason), reasons.refusal_of(reason).message or report.text)
        self._host.began(report.order_id, request.product_id, now)
        attachment = conditions.attachment_of(command, account, request.product_id)
        self._host.watch.began(command, report.order_id, condition, attachment)
        return report

    def _checked(self, request: rest.AnyCreateOrder, instrument: Instrument, account: str, now: Nanos) -> NewOrder:
        """What the request asks for, if the market and the wallet allow it. Raises `Refused`."""
        command = configurations.new_order(request, instrument, account, now)
        quote = self._host.exchange.quote(instrument.symbol)
        if command.ord_type is OrdType.MARKET and (quote.ask if command.side is Side.BUY else quote.bid) is None:
            raise Refused(reasons.NO_LIQUIDITY)
        configurations.check_stop(command, quote.last_px)
        currency = request.product_id.rpartition("-")[2]
        available = next((item.available for item in self._host.balances(account) if item.currency == currency), None)
        if command.side is Side.BUY and available is not None and wallets.cost(command, quote.ask) > available:
            raise Refused(reasons.refusal_of(OrdRejReason.ORDER_EXCEEDS_LIMIT))
        return command

    # ------------------------------------------------------------------ previews

    def preview(self, request: rest.AnyCreateOrder, account: str, now: Nanos) -> rest.PreviewAnswer:
        """What the order would come to now; nothing is reserved and the exchange is not asked."""
        try:
            instrument = self._host.book_of(request.product_id)
            if instrument is None:
                raise Refused(reasons.INVALID_PRODUCT)
            # A preview has no id of the client's.
            command = self._checked(replace(request, client_order_id="preview"), instrument, account, now)
        except Refused as refused:
            return rest.PreviewAnswer(errs=[refused.refusal.preview], warning=[], preview_id="")
        return self._would_be(command, instrument)

    def _would_be(self, command: NewOrder, instrument: Instrument) -> rest.PreviewAnswer:
        quote = self._host.exchange.quote(instrument.symbol)
        best = quote.ask if command.side is Side.BUY else quote.bid
        size, value = previews.estimate(command, self._host.exchange.book(instrument.symbol), instrument)
        price = value / size if size else None
        return rest.PreviewAnswer(
            order_total=plain(round(value, 8)),
            commission_total="0",
            errs=[],
            warning=[],
            quote_size=plain(round(value, 8)),
            base_size=plain(size),
            best_bid=_text(quote.bid),
            best_ask=_text(quote.ask),
            is_max=False,
            order_margin_total="0",
            leverage="0",
            long_leverage="0",
            short_leverage="0",
            slippage=plain(round(abs(price - best) / best, 8)) if price and best else "0",
            preview_id=uuid_of("preview", command.symbol, plain(value), plain(size)),
            est_average_filled_price=plain(round(price, 8)) if price else "",
        )

    def edit_preview(self, request: rest.EditOrder, account: str) -> rest.EditPreviewAnswer:
        """Whether an edit would be taken, and what the order would then come to."""
        try:
            self._attachment(request, account)
            command, _ = self._edit(request, account)
        except NotEdited as refused:
            failure = rest.EditFailure(edit_failure_reason=str(refused), preview_failure_reason=reasons.UNKNOWN_PREVIEW)
            return rest.EditPreviewAnswer(errors=[failure])
        quote = self._host.exchange.quote(command.symbol)
        size, price = Decimal(command.order_qty or 0), Decimal(command.price or 0)
        return rest.EditPreviewAnswer(
            errors=[],
            slippage="0",
            order_total=plain(size * price),
            commission_total="0",
            quote_size=plain(size * price),
            base_size=plain(size),
            best_bid=_text(quote.bid),
            best_ask=_text(quote.ask),
            average_filled_price=plain(price),
            order_margin_total="0",
        )

    def close(self, request: rest.ClosePosition) -> rest.CreateAnswer:
        """There are no futures here, hence never a position to close."""
        asked = rest.AnyCreateOrder(client_order_id=request.client_order_id, product_id=request.product_id)
        known = self._host.book_of(request.product_id) is not None
        return failed(asked, reasons.CLOSE_NOTHING if known else reasons.INVALID_PRODUCT)

    # ------------------------------------------------------------------ edit

    def edit(self, request: rest.EditOrder, account: str, now: Nanos) -> rest.EditAnswer:
        """Only open limit and stop-limit orders that are good until cancelled; both ids stay."""
        try:
            attachment = self._attachment(request, account)
            command, is_same = self._edit(request, account)
        except NotEdited as refused:
            failure = rest.EditFailure(edit_failure_reason=str(refused), preview_failure_reason=reasons.UNKNOWN_PREVIEW)
            return rest.EditAnswer(success=False, errors=[failure])
        if attached.is_asked(request):
            self._host.watch.attach(command.order_id, attachment)
        if is_same:
            return rest.EditAnswer(success=True, errors=[])
        condition = self._host.watch.condition(command.order_id)
        stop_px = None if condition is not None else command.stop_px
        for report in self._host.port(account).execute(replace(command, stop_px=stop_px), now):
            if isinstance(report, CancelReject):
                return rest.EditAnswer(success=False, errors=[reasons.edit_refusal_of(report.reason)])
        if condition is not None:
            conditions.changed(condition, command)
        return rest.EditAnswer(success=True, errors=[])

    def _attachment(self, request: rest.EditOrder, account: str) -> Attachment | None:
        """What is to be attached to the order after this edit. Raises `NotEdited`."""
        report = self._host.port(account).order(order_id=request.order_id) if request.order_id else None
        if report is None or not attached.is_asked(request):
            return None
        watch, order_id = self._host.watch, report.order_id
        instrument = self._host.book_of(report.symbol)
        assert instrument is not None, "an order is for a product"
        after = attached.edited(
            request, report, watch.attached.get(order_id), instrument, is_placed=order_id in watch.children
        )
        return replace(after, product_id=self._host.product_of(report)) if after is not None else None

    def _edit(self, request: rest.EditOrder, account: str) -> tuple[ReplaceOrder, bool]:
        """(the change, whether it changes nothing of the order itself). Raises `NotEdited`."""
        report = self._host.port(account).order(order_id=request.order_id) if request.order_id else None
        if report is None:
            raise NotEdited("ORDER_NOT_FOUND")
        report = self._host.shown(report)
        if report.cash_order_qty is not None:
            raise NotEdited("SIZE_IN_QUOTE_EDITS_NOT_ALLOWED")
        condition = self._host.watch.condition(report.order_id)
        if self._host.works.work(report.order_id) is not None:
            raise NotEdited("ONLY_LIMIT_ORDER_EDITS_SUPPORTED")
        if condition is not None and condition.triggered:
            raise NotEdited("CANNOT_EDIT_TRIGGERED_ORDER")
        if report.ord_type not in _EDITABLE:
            raise NotEdited("ONLY_LIMIT_ORDER_EDITS_SUPPORTED")
        if report.ord_status not in _OPEN:
            raise NotEdited("ONLY_OPEN_ORDERS_CAN_BE_EDITED")
        if report.time_in_force is not TimeInForce.GOOD_TILL_CANCEL:
            raise NotEdited("ORDER_EDIT_ORDER_TYPE_NOT_SUPPORTED")
        size = _edited(request.size, report.order_qty, "INVALID_EDITED_SIZE")
        price = _edited(request.price, report.price, "INVALID_EDITED_PRICE")
        stop_px = _edited(request.stop_price, report.stop_px, "INVALID_EDITED_STOP_PRICE")
        instrument = self._host.book_of(report.symbol)
        assert instrument is not None, "an order is for a product"
        _check_edit(report, instrument, size, price)
        is_same = (size, price, stop_px) == (report.order_qty, report.price, report.stop_px)
        if is_same and not attached.is_asked(request):
            raise NotEdited("EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST")
        command = ReplaceOrder(
            symbol=instrument.symbol,
            side=report.side or Side.BUY,
            ord_type=report.ord_type or OrdType.LIMIT,
            order_id=report.order_id,
            orig_cl_ord_id=report.cl_ord_id,
            cl_ord_id=report.cl_ord_id,
            order_qty=size,
            price=price,
            stop_px=stop_px if stop_px != report.stop_px else None,
            account=account,
        )
        return command, is_same

    # ------------------------------------------------------------------ cancel

    def cancel(self, request: rest.CancelOrders, account: str, now: Nanos) -> rest.CancelAnswer:
        """Each id on its own."""
        return rest.CancelAnswer(results=[self._cancel(order_id, account, now) for order_id in request.order_ids])

    def _cancel(self, order_id: str, account: str, now: Nanos) -> rest.CancelResult:
        port = self._host.port(account)
        report = port.order(order_id=order_id) if order_id else None
        if report is None:
            return not_cancelled(order_id, "UNKNOWN_CANCEL_ORDER")
        if report.ord_status is OrdStatus.FILLED:
            return not_cancelled(order_id, "ORDER_IS_FULLY_FILLED")
        if report.ord_status is OrdStatus.CANCELED:
            return not_cancelled(order_id, "DUPLICATE_CANCEL_REQUEST")
        command = CancelOrder(
            symbol=report.symbol,
            side=report.side or Side.BUY,
            ord_type=report.ord_type or OrdType.LIMIT,
            order_id=order_id,
            orig_cl_ord_id=report.cl_ord_id,
            account=account,
        )
        for result in port.execute(command, now):
            if isinstance(result, CancelReject):
                return not_cancelled(order_id, reasons.cancel_refusal_of(result.reason))
        # The reason is filled in on success too: so does the venue.
        return rest.CancelResult(success=True, failure_reason=reasons.UNKNOWN_CANCEL, order_id=order_id)


def _text(value: Decimal | None) -> str:
    return "" if value is None else plain(value)


def not_cancelled(order_id: str, reason: str) -> rest.CancelResult:
    """A refused cancel."""
    return rest.CancelResult(success=False, failure_reason=reason, order_id=order_id)


def _succeeded(request: rest.AnyCreateOrder, order_id: str) -> rest.CreateAnswer:
    return rest.CreateAnswer(
        success=True,
        success_response=rest.CreateSuccess(
            order_id=order_id,
            product_id=request.product_id,
            side=request.side,
            client_order_id=request.client_order_id,
        ),
        order_configuration=to_builtins(request.order_configuration),
    )


def failed(request: rest.AnyCreateOrder, refusal: Refusal, message: str = "") -> rest.CreateAnswer:
    """A refused order, with HTTP 200."""
    return rest.CreateAnswer(
        success=False,
        error_response=rest.CreateFailure(
            error=refusal.new,
            message=message,
            error_details="",
            preview_failure_reason=refusal.preview,
            new_order_failure_reason=refusal.new,
        ),
        order_configuration=to_builtins(request.order_configuration or {}),
    )


def _edited(text: str | UnsetType | None, now_is: Decimal | None, refusal: str) -> Decimal | None:
    """The new number; what is not given stays as it is."""
    if not isinstance(text, str) or not text:
        return now_is
    try:
        value = number(text)
    except RemoteProtocolError:
        raise NotEdited(refusal) from None
    if value <= 0 or now_is is None:
        raise NotEdited(refusal)
    return value


def _check_edit(report: ExecutionReport, instrument: Instrument, size: Decimal | None, price: Decimal | None) -> None:
    if size is None or size % instrument.min_qty_increment or size < instrument.min_trade_vol:
        raise NotEdited("INVALID_EDITED_SIZE")
    if report.cum_qty is not None and size <= report.cum_qty:
        raise NotEdited("CANNOT_EDIT_TO_BELOW_FILLED_SIZE")
    if price is None or price % instrument.min_price_increment:
        raise NotEdited("INVALID_EDITED_PRICE")
