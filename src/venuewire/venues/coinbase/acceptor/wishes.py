"""Refusals on request: the header `X-Sandbox`, as the venue's own sandbox knows it, for any of the venue's reasons.

Page: "Advanced Trade sandbox": `PostOrder_insufficient_fund`, `CancelOrders_failure`, `EditOrder_failure`,
`PreviewEditOrder_failure`, `PreviewOrder_insufficient_fund`. Here every reason may stand behind the operation, in small
letters or capitals; nothing is done then. Production does not look at the header.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from venuewire.venues.coinbase import reasons
from venuewire.venues.coinbase.acceptor.orders import failed, not_cancelled
from venuewire.venues.coinbase.acceptor.requests import Asked, body_of
from venuewire.venues.coinbase.reasons import Refusal
from venuewire.venues.coinbase.wire import rest

_LONGEST = 100
_PREVIEW = "PREVIEW_"


def wished(asked: Asked) -> Struct | None:
    """The refusal a request asks for; None where it asks for none, or of another operation."""
    operation, _, reason = asked.request.headers.get("x-sandbox", "").partition("_")
    path = asked.request.path.removeprefix(rest.ROOT)
    refuse = _REFUSALS.get((operation, path))
    if refuse is None or asked.request.method != "POST" or not reason.isidentifier() or len(reason) > _LONGEST:
        return None
    return refuse(asked, "" if reason == "failure" else reason.upper())


def _post(asked: Asked, reason: str) -> Struct:
    refusal = Refusal(reason or reasons.UNKNOWN_NEW, reasons.UNKNOWN_PREVIEW)
    if reason.startswith(_PREVIEW):
        refusal = Refusal(reasons.UNKNOWN_NEW, reason)
    return failed(body_of(rest.read_any_create, asked), refusal)


def _preview(asked: Asked, reason: str) -> Struct:
    told = reason if reason.startswith(_PREVIEW) or not reason else _PREVIEW + reason
    return rest.PreviewAnswer(errs=[told or reasons.UNKNOWN_PREVIEW], warning=[], preview_id="")


def _edit_failure(reason: str) -> rest.EditFailure:
    return rest.EditFailure(
        edit_failure_reason=reason or "ORDER_NOT_FOUND", preview_failure_reason=reasons.UNKNOWN_PREVIEW
    )


def _edit(asked: Asked, reason: str) -> Struct:
    return rest.EditAnswer(success=False, errors=[_edit_failure(reason)])


def _preview_edit(asked: Asked, reason: str) -> Struct:
    return rest.EditPreviewAnswer(errors=[_edit_failure(reason)])


def _cancel(asked: Asked, reason: str) -> Struct:
    told = reason or "UNKNOWN_CANCEL_ORDER"
    ids = body_of(rest.read_cancel, asked).order_ids
    return rest.CancelAnswer(results=[not_cancelled(order_id, told) for order_id in ids])


_REFUSALS: dict[tuple[str, str], Callable[[Asked, str], Struct]] = {
    ("PostOrder", "/orders"): _post,
    ("PreviewOrder", "/orders/preview"): _preview,
    ("EditOrder", "/orders/edit"): _edit,
    ("PreviewEditOrder", "/orders/edit_preview"): _preview_edit,
    ("CancelOrders", "/orders/batch_cancel"): _cancel,
}
