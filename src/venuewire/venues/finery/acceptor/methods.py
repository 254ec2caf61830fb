"""The methods of the sandbox's end, the same over the socket and over REST (pages of the REST methods).

Checks are made in the order of the fact sheet; the first that fails gives the code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import UNSET, Struct
from msgspec.structs import replace

from venuewire.codec import encode
from venuewire.model.instrument import Instrument
from venuewire.model.market import SET_BID
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, MassCancel, NewOrder
from venuewire.model.terms import NANOS_PER_MILLI, ExecType, Nanos, OrdStatus, OrdType, Side
from venuewire.venues.finery import codes, translate, wire
from venuewire.venues.finery.acceptor import mirror, settling
from venuewire.venues.finery.acceptor.counter import ROWS, Desk, Parameters, Refused
from venuewire.venues.finery.acceptor.window import DEPTH, in_wire_scale

MAKER_ORDERS = 30
"""Working orders on one side of a book at most (product pages; the code for the next one is assumed)."""

_MAKER_TYPES = frozenset({"limit", "postOnly"})
_TAKER_TYPES = frozenset({"limitIOC", "limitFOK", "marketIOC", "marketFOK"})
ROLES: Mapping[str, frozenset[str]] = {
    "maker": _MAKER_TYPES,
    "taker": _TAKER_TYPES,
    "master": _MAKER_TYPES | _TAKER_TYPES,
}
"""Which order types a role may send; the others get 73."""

_TYPES = {name.lower(): name for name in wire.NAMES_OF_TYPES}
_FILTERS = frozenset({"all", "subaccounts", "external"})
"""Of masters; here nothing is held against sub-accounts."""

_LISTED_ELSEWHERE = frozenset({"pendinglimit"})


# --------------------------------------------------------------------------- add


class _Asked(Struct, frozen=True):
    """The parameters of `add`, typed."""

    instrument: str
    side: Side
    type: str
    client_order_id: int
    price: int | None
    size: int | None
    volume: int | None
    cod: bool
    firm: bool = True
    """May it trade in the firm book? There is no other here."""


def _asked(given: Parameters) -> _Asked:
    name, side, kind = given.needed("instrument"), given.needed("side").lower(), given.needed("type").lower()
    if side not in wire.NAMES_OF_SIDES:
        raise Refused(codes.INVALID_PARAMETER, "side")
    if kind not in _TYPES and kind not in _LISTED_ELSEWHERE:
        raise Refused(codes.INVALID_PARAMETER, "type")
    price = given.integer("price", high=wire.UINT64_MAX)
    if price is None and kind.startswith(("limit", "post")):
        raise Refused(codes.INVALID_PARAMETER, "price")
    firm, streams = given.flag("firmBookEnabled"), given.flag("qsEnabled")
    if firm is False and not streams:
        raise Refused(codes.INVALID_PARAMETER, "firmBookEnabled")
    given.ids("makers")
    return _Asked(
        instrument=name,
        side=Side.BUY if side == "bid" else Side.SELL,
        type=_TYPES.get(kind, kind),
        client_order_id=given.integer("clientOrderId", 0) or 0,
        price=price if kind.startswith(("limit", "post")) else None,
        size=given.integer("size"),
        volume=given.integer("volume"),
        cod=bool(given.flag("cod")),
        firm=firm is not False,
    )


def add(desk: Desk, given: Parameters, ref: str, now: Nanos) -> Struct:
    """Place an order (page add)."""
    asked = _asked(given)
    if (asked.size is None) == (asked.volume is None):
        raise Refused(codes.SIZE_OR_VOLUME)
    instrument = _tradable(desk, asked.instrument)
    _check_kind(desk, asked)
    _check_amounts(desk, asked, instrument)
    _check_id(desk, asked.client_order_id)
    _check_count(desk, asked.instrument, asked.side, asked.type)
    _check_limits(desk, asked, instrument)
    if not asked.firm and asked.type in _TAKER_TYPES:
        raise Refused(codes.NOT_ENOUGH_TO_FILL if asked.type.endswith("FOK") else codes.NOTHING_TO_MATCH)
    return _entered(desk, asked, now, ref)


def authorized_add(desk: Desk, given: Parameters, ref: str, now: Nanos) -> Struct:
    """An order of a master for one of its clients (page add-authorized)."""
    if desk.role != "master":
        raise Refused(codes.NOT_AUTHORISED)
    client_id = given.integer("clientId", 0)
    if client_id is None:
        raise Refused(codes.INVALID_PARAMETER, "clientId")
    given.flag("liquidation")
    if client_id not in desk.subaccounts:
        raise Refused(codes.CLIENT_NOT_FOUND)
    return add(desk.of_subaccount(client_id), given, ref, now)


def _tradable(desk: Desk, name: str) -> Instrument:
    if name in desk.forbidden or name in desk.listing.untraded:
        raise Refused(codes.INSTRUMENT_FORBIDDEN)
    instrument = desk.listing.instruments.get(name)
    if instrument is None:
        raise Refused(codes.INSTRUMENT_NOT_FOUND)
    return instrument


def _check_kind(desk: Desk, asked: _Asked) -> None:
    if not desk.trading:
        raise Refused(codes.TRADING_NOT_ALLOWED)
    if asked.type not in ROLES[desk.role]:
        raise Refused(codes.TYPE_NOT_ALLOWED)
    if asked.volume is not None and asked.type in _MAKER_TYPES:
        raise Refused(codes.VOLUME_NOT_FOR_MAKERS)


def _check_amounts(desk: Desk, asked: _Asked, instrument: Instrument) -> None:
    if asked.size is not None:
        _check_step(asked.size, desk.listing.step(instrument.base), codes.INVALID_SIZE)
    if asked.volume is not None:
        _check_step(asked.volume, desk.listing.step(instrument.currency), codes.INVALID_VOLUME)
    if asked.price is not None:
        _check_step(asked.price, desk.listing.step(instrument.currency), codes.INVALID_PRICE)


def _check_step(value: int, step: int, code: int) -> None:
    if value <= 0 or value % step:
        raise Refused(code)


def _check_id(desk: Desk, client_order_id: int) -> None:
    wanted = str(client_order_id)
    if client_order_id and any(order.cl_ord_id == wanted for order in desk.port.orders()):
        raise Refused(codes.CLIENT_ORDER_ID_IN_USE)


def _check_count(desk: Desk, symbol: str, side: Side, kind: str) -> None:
    if kind not in _MAKER_TYPES:
        return
    if sum(order.symbol == symbol and order.side is side for order in desk.port.orders()) >= MAKER_ORDERS:
        raise Refused(codes.LIMITS)


def _check_limits(desk: Desk, asked: _Asked, instrument: Instrument) -> None:
    """What the counterparties may owe each other, with this order filled whole."""
    bought, amount = instrument.base, asked.size or 0
    if asked.volume is not None:
        bought, amount = instrument.currency, asked.volume
    if not desk.clearing.allows(bought, amount):
        raise Refused(codes.LIMITS)


def _order(asked: _Asked, ref: str) -> NewOrder:
    ord_type, time_in_force, post_only = translate.kind_of(wire.NAMES_OF_TYPES.index(asked.type))
    return NewOrder(
        symbol=asked.instrument,
        side=asked.side,
        ord_type=ord_type,
        order_qty=None if asked.size is None else translate.from_wire(asked.size),
        cash_order_qty=None if asked.volume is None else translate.from_wire(asked.volume),
        price=None if asked.price is None else translate.from_wire(asked.price),
        time_in_force=time_in_force,
        post_only=post_only,
        cancel_on_disconnect=asked.cod,
        cl_ord_id=str(asked.client_order_id or ""),
        ref=ref,
    )


def _entered(desk: Desk, asked: _Asked, now: Nanos, ref: str) -> Struct:
    result = _execute(desk, asked, now, ref)
    if result.refused:
        raise Refused(result.refused)
    return mirror.added(result, asked.client_order_id, by_volume=asked.volume is not None)


def _execute(desk: Desk, asked: _Asked, now: Nanos, ref: str) -> mirror.Outcome:
    reports = _reports(desk.port.execute(_order(asked, ref), now))
    if reports and reports[0].order_id:
        desk.placed(reports[0].order_id, now, cod=asked.cod)
    instrument = desk.listing.instruments[asked.instrument]
    return mirror.outcome(
        reports,
        asked.volume if asked.size is None and asked.volume is not None else asked.size or 0,
        desk.listing.step(instrument.currency),
        fill_or_kill=asked.type.endswith("FOK"),
        by_volume=asked.volume is not None,
    )


def _reports(reports: Sequence[ExecutionReport | CancelReject]) -> list[ExecutionReport]:
    return [report for report in reports if isinstance(report, ExecutionReport)]


# --------------------------------------------------------------------------- del, delAll, mod


def delete(desk: Desk, given: Parameters, ref: str, now: Nanos) -> Struct:
    """Cancel one order by the venue's id or by the client's, not by both (page del)."""
    order_id, ours = given.integer("orderId", 0, wire.UINT64_MAX), given.integer("clientOrderId", 0)
    if (order_id is None) == (ours is None):
        raise Refused(codes.INVALID_PARAMETER, "orderId")
    order = _working(desk, order_id, ours)
    _cancel(desk, order, now, ref)
    return wire.Deleted(id=mirror.number(order.order_id), remainingSize=_left(desk, order))


def _working(desk: Desk, order_id: int | None, ours: int | None = None) -> ExecutionReport:
    for order in desk.port.orders():
        if order.order_id == str(order_id) if order_id is not None else ours and order.cl_ord_id == str(ours):
            return order
    raise Refused(codes.ORDER_NOT_FOUND)


def _left(desk: Desk, order: ExecutionReport) -> int:
    return mirror.sizes(order, desk.listing.step(desk.listing.instruments[order.symbol].currency))[1]


def _cancel(desk: Desk, order: ExecutionReport, now: Nanos, ref: str) -> None:
    command = CancelOrder(
        symbol=order.symbol,
        side=order.side or Side.BUY,
        ord_type=order.ord_type or OrdType.LIMIT,
        order_id=order.order_id,
        orig_cl_ord_id=order.cl_ord_id,
        ref=ref,
    )
    for report in desk.port.execute(command, now):
        if isinstance(report, CancelReject):
            raise Refused(codes.of_reason(report.reason))


def delete_all(desk: Desk, given: Parameters, ref: str, now: Nanos) -> Struct:
    """Cancel every order, or every one of an instrument (page delAll)."""
    name = given.text("instrument")
    if name is not None and name not in desk.listing.instruments:
        raise Refused(codes.INSTRUMENT_NOT_FOUND)
    reports = _reports(desk.port.execute(MassCancel(symbol=name, ref=ref), now))
    return wire.Removed(removed=sum(report.exec_type is ExecType.CANCELED for report in reports))


def modify(desk: Desk, given: Parameters, ref: str, now: Nanos) -> Struct:
    """Cancel, and place anew with what is left of the new size (page mod).

    What can be seen beforehand leaves the old order alone; what the new order meets on its way finds it gone.
    """
    order_id = given.integer("orderId", 0, wire.UINT64_MAX)
    price, size = given.integer("price", high=wire.UINT64_MAX), given.integer("size")
    ours, side = given.integer("clientOrderId", 0) or 0, given.text("side")
    for name, value in (("orderId", order_id), ("price", price), ("size", size)):
        if value is None:
            raise Refused(codes.INVALID_PARAMETER, name)
    old = _working(desk, order_id)
    asked = _asked_anew(desk, old, price or 0, size or 0, ours)
    _check_amounts(desk, asked, desk.listing.instruments[old.symbol])
    if side is not None and side.lower() != wire.NAMES_OF_SIDES[translate.side_number(old.side)]:
        raise Refused(codes.SIDE_MISMATCH)
    return _replaced(desk, old, asked, now, ref)


def _asked_anew(desk: Desk, old: ExecutionReport, price: int, size: int, ours: int) -> _Asked:
    kind = wire.NAMES_OF_TYPES[mirror.type_number(old)]
    cod = desk.is_cod(old.order_id)
    return _Asked(old.symbol, old.side or Side.BUY, kind, ours, price, size, None, cod)


def _replaced(desk: Desk, old: ExecutionReport, asked: _Asked, now: Nanos, ref: str) -> Struct:
    left = _left(desk, old)
    filled = mirror.units(old.order_qty) - left
    gone = wire.Modified(origId=mirror.number(old.order_id), origRemainingSize=left)
    initial = (asked.size or 0) - filled
    _cancel(desk, old, now, ref)
    if initial <= 0:
        return replace(gone, error=codes.NO_SIZE_LEFT)
    anew = _Asked(
        asked.instrument, asked.side, asked.type, asked.client_order_id, asked.price, initial, None, asked.cod
    )
    try:
        _check_id(desk, anew.client_order_id)
    except Refused as refused:
        return replace(gone, error=refused.code)
    result = _execute(desk, anew, now, ref)
    if result.refused:
        return replace(gone, error=result.refused)
    return replace(
        gone,
        id=result.order_id,
        initialSize=initial,
        remainingSize=result.left,
        cancelReason=result.cancel_reason or UNSET,
        deals=result.deals,
    )


# --------------------------------------------------------------------------- reading


def instruments(desk: Desk, _given: Parameters, _ref: str, _now: Nanos) -> list[Any]:
    """Currencies, instruments and networks (page instruments)."""
    return desk.layout.instruments(desk.listing.rows())


def positions(desk: Desk, given: Parameters, _ref: str, _now: Nanos) -> list[Any]:
    """Positions, working orders and settlements (page positions); also the snapshot of feed P."""
    wanted = given.text("filter")
    if wanted not in {None, *_FILTERS}:
        raise Refused(codes.INVALID_PARAMETER, "filter")
    fills, layout = desk.port.fills(), desk.layout
    held = [] if wanted == "subaccounts" else mirror.position_rows(desk.clearing)
    return [
        mirror.number(fills[-1].exec_id) + 1 if fills else 1,
        [layout.position_row(row) for row in held],
        # Of makers only: what a taker sends never rests.
        [] if desk.role == "taker" else [mirror.order_row(order, basis(desk, order)) for order in desk.port.orders()],
        [layout.settlement_row(order) for order in desk.clearing.orders.values()],
    ]


def basis(desk: Desk, report: ExecutionReport) -> mirror.Book:
    """What rows of this order need beside a report."""
    instrument = desk.listing.instruments.get(report.symbol)
    step = 1 if instrument is None else desk.listing.step(instrument.currency)
    return mirror.Book(step, desk.client_id, desk.created_at(report))


def deal_history(desk: Desk, given: Parameters, _ref: str, _now: Nanos) -> list[Any]:
    """The newest deals, newest first (page dealHistory); `till` is a deal id, exclusive."""
    names, till = given.names("instrument"), given.integer("till", 0, wire.UINT64_MAX)
    since, until = given.integer("from", 0), given.integer("to", 0)
    limit = given.integer("limit", 0)
    given.ids("counterpartyIds")
    given.text("filter")
    found: list[wire.Deal] = []
    for report in reversed(desk.port.fills()):
        if len(found) >= min(ROWS if limit is None else limit, ROWS):
            break
        moment = report.transact_time // NANOS_PER_MILLI
        if (not names or report.symbol in names) and (since is None or moment >= since):
            row = mirror.deal_row(report, basis(desk, report))
            if (till is None or row.id < till) and (until is None or moment < until):
                found.append(row)
    return [desk.layout.deal_row(row) for row in found]


def book(desk: Desk, given: Parameters, _ref: str, _now: Nanos) -> Struct:
    """The first 25 levels of each side (page book). Nobody's limits hide a level here, so both books are the same."""
    name = given.needed("instrument")
    given.flag("tradable")
    client_id = given.integer("clientId", 0)
    if client_id not in {None, desk.client_id, *desk.subaccounts}:
        raise Refused(codes.CLIENT_NOT_FOUND)
    if name not in desk.listing.instruments:
        raise Refused(codes.INSTRUMENT_NOT_FOUND)
    sides: tuple[list[wire.Level], list[wire.Level]] = ([], [])
    for what, price, size in in_wire_scale(desk.exchange.book(name, DEPTH)):
        sides[what != SET_BID].append(wire.Level(price, size))
    return wire.Levels(*sides)


Method = Callable[[Desk, Parameters, str, Nanos], Any]

_METHODS: dict[str, tuple[Method, str]] = {
    "add": (add, "trade"),
    "authorized/add": (authorized_add, "trade"),
    "del": (delete, "trade"),
    "delAll": (delete_all, "trade"),
    "mod": (modify, "trade"),
    "instruments": (instruments, "read"),
    "positions": (positions, "read"),
    "dealHistory": (deal_history, "read"),
    "book": (book, "read"),
}


def call(desk: Desk, permissions: frozenset[str], method: str, content: object, ref: str, now: Nanos) -> bytes:
    """The JSON of a method's reply. Raises `Refused`."""
    found, beside = _METHODS.get(method), settling.METHODS.get(method)
    permission = found[1] if found else beside[1] if beside else ""
    if not permission:
        raise Refused(codes.METHOD_NOT_AVAILABLE)
    if permission not in permissions:
        raise Refused(codes.NOT_AUTHORISED)
    given = Parameters(content)
    reply = found[0](desk, given, ref, now) if found else beside[0](desk, given, now) if beside else None
    return encode(wire.plain(reply))


def is_working(report: ExecutionReport | None) -> bool:
    return report is not None and report.ord_status in {OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED}
