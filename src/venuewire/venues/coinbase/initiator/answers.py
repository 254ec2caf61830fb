"""What answers over REST mean for the command that asked; pure.

An order has one of the venue's outcomes or none: only a status and a body that say so are a refusal. Everything else
raises `RemoteProtocolError`, and the outcome stays unknown until it is reconciled.
"""

from __future__ import annotations

from venuewire.errors import RemoteProtocolError
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.session import Event, OrderEstimate, RequestRejected
from venuewire.model.terms import NANOS_PER_SECOND, ExecType, Nanos, OrdRejReason, OrdStatus, decimal
from venuewire.venue import Answer, Fetch
from venuewire.venues.coinbase import reasons
from venuewire.venues.coinbase.reasons import Why
from venuewire.venues.coinbase.texts import amount, words
from venuewire.venues.coinbase.wire import rest

# Statuses that are refusals for sure. With any other an order may exist: 408 comes from gateways that gave up waiting.
_REFUSALS = frozenset({400, 401, 403, 404, 405, 413, 415, 422, 429})
_TOO_MANY = 429
_LONGEST_WAIT = 60 * NANOS_PER_SECOND
_SHOWN = 200
"""Characters of an unexpected body that a text may quote."""


def order_answered(command: NewOrder | ReplaceOrder | CancelOrder, answer: Answer, now: Nanos) -> Event:
    """The report, or the refusal, that answers an order command. Raises `RemoteProtocolError` when neither is told."""
    why = None if answer.status == 200 else _why(answer)
    match command:
        case NewOrder():
            return _refused(command, why, now) if why else _created(command, answer, now)
        case ReplaceOrder():
            return _not_changed(command, why, now) if why else _edited(command, answer, now)
        case CancelOrder():
            return _not_changed(command, why, now) if why else _cancel_taken(command, answer, now)


def request_rejected(fetch: Fetch, answer: Answer, now: Nanos) -> RequestRejected:
    """A list that was not given. A server's failure is told as one too: asking again does no harm."""
    code, text = _code_and_text(answer)
    wait = _until_reset(answer, now) if answer.status == _TOO_MANY else None
    return RequestRejected(code=code, text=text, retry_after=wait, ref=fetch.ref)


def _until_reset(answer: Answer, now: Nanos) -> Nanos:
    """How long to wait after 429: until the limit begins anew, where a header says when."""
    text = answer.headers.get("x-ratelimit-reset", "")
    reset = int(text) * NANOS_PER_SECOND if text.isascii() and text.isdigit() and len(text) <= 11 else 0
    return min(max(reset - now, NANOS_PER_SECOND), _LONGEST_WAIT)


def order_estimate(told: rest.PreviewAnswer, currency: str, ref: str | None) -> OrderEstimate:
    """What an order would come to. Raises `RemoteProtocolError` for numbers that are none."""
    refusals = told.errs or []
    return OrderEstimate(
        accepted=not refusals,
        text=", ".join(refusals or told.warning or []),
        currency=currency,
        notional=amount(told.order_total),
        commission=amount(told.commission_total),
        margin=amount(told.order_margin_total),
        avg_px=amount(told.est_average_filled_price),
        ref=ref,
    )


# --------------------------------------------------------------------------- refusals by status


def _why(answer: Answer) -> Why:
    if answer.status not in _REFUSALS:
        raise RemoteProtocolError(f"HTTP {answer.status} does not say what became of the order")
    code, text = _code_and_text(answer)
    return Why(code, text, _STATUS_REASONS.get(answer.status, OrdRejReason.OTHER))


_STATUS_REASONS = {401: OrdRejReason.NOT_ALLOWED, 403: OrdRejReason.NOT_ALLOWED, 404: OrdRejReason.UNKNOWN_ORDER}


def _code_and_text(answer: Answer) -> tuple[str, str]:
    """The gateway's code and words, whichever of its shapes the body has; a plain text is its own words."""
    status = str(answer.status)
    try:
        failure = rest.read_failure(answer.body)
        if text := words(failure.message) or words(failure.error_details) or words(failure.error):
            return words(failure.error) or status, text
        first = rest.read_failures(answer.body).errors[0]
    except (RemoteProtocolError, IndexError):
        return status, answer.body[:_SHOWN].decode("utf-8", "replace").strip() or f"HTTP {status}"
    return first.id, first.message


def _refused(command: NewOrder, why: Why, now: Nanos) -> ExecutionReport:
    return ExecutionReport(
        symbol=command.symbol,
        exec_type=ExecType.REJECTED,
        ord_status=OrdStatus.REJECTED,
        cl_ord_id=command.cl_ord_id,
        side=command.side,
        ord_type=command.ord_type,
        ord_rej_reason=why.reason,
        code=why.code,
        text=why.text,
        recv_time=now,
        ref=command.ref,
    )


def _not_changed(command: ReplaceOrder | CancelOrder, why: Why, now: Nanos) -> CancelReject:
    return CancelReject(
        order_id=command.order_id,
        orig_cl_ord_id=command.orig_cl_ord_id,
        cl_ord_id=command.cl_ord_id,
        reason=why.reason,
        code=why.code,
        text=why.text,
        symbol=command.symbol,
        is_replace=isinstance(command, ReplaceOrder),
        recv_time=now,
        ref=command.ref,
    )


# --------------------------------------------------------------------------- HTTP 200


def _created(command: NewOrder, answer: Answer, now: Nanos) -> ExecutionReport:
    """Taken: `user` tells what becomes of it. A `success` without an id would be an order nobody can find: not told."""
    body = rest.read_create_answer(answer.body)
    if not body.success:
        failure = body.error_response or None
        return _refused(command, reasons.why_refused(failure or rest.CreateFailure()), now)
    created = body.success_response or None
    order_id = created.order_id if created else words(body.order_id)
    if not order_id:
        raise RemoteProtocolError("an order was accepted and its order_id is not told")
    return ExecutionReport(
        symbol=command.symbol,
        exec_type=ExecType.PENDING_NEW,
        ord_status=OrdStatus.PENDING_NEW,
        order_id=order_id,
        cl_ord_id=command.cl_ord_id,
        side=command.side,
        ord_type=command.ord_type,
        recv_time=now,
        ref=command.ref,
    )


def _edited(command: ReplaceOrder, answer: Answer, now: Nanos) -> Event:
    """The order keeps both its ids: the venue has no place for a new one of ours."""
    body = rest.read_edit_answer(answer.body)
    if not body.success:
        return _not_changed(command, reasons.why_not_edited(body), now)
    return ExecutionReport(
        symbol=command.symbol,
        exec_type=ExecType.REPLACED,
        order_id=command.order_id,
        cl_ord_id=command.orig_cl_ord_id,
        side=command.side,
        ord_type=command.ord_type,
        order_qty=None if command.order_qty is None else decimal(command.order_qty),
        price=None if command.price is None else decimal(command.price),
        stop_px=None if command.stop_px is None else decimal(command.stop_px),
        recv_time=now,
        ref=command.ref,
    )


def _cancel_taken(command: CancelOrder, answer: Answer, now: Nanos) -> Event:
    """`success` means that the cancel was taken, not that the order is cancelled: `user` has the final word."""
    results = rest.read_cancel_answer(answer.body).results
    mine = [result for result in results if words(result.order_id) in {command.order_id, ""}]
    if len(mine) != 1:
        raise RemoteProtocolError("the answer to a cancel does not tell of the order")
    if not mine[0].success:
        return _not_changed(command, reasons.why_not_cancelled(words(mine[0].failure_reason)), now)
    return ExecutionReport(
        symbol=command.symbol,
        exec_type=ExecType.ORDER_STATUS,
        order_id=command.order_id,
        cl_ord_id=command.orig_cl_ord_id,
        side=command.side,
        ord_type=command.ord_type,
        recv_time=now,
        ref=command.ref,
    )
