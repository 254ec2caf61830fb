"""Conditional orders and icebergs on our side: the wire's records as reports, and what a replacement must repeat.

ALOR's update names everything anew, while ours says only what changes. What an order of this kind was placed with is
kept here, by our order id, from our own commands and from what the venue tells of it.
"""

from __future__ import annotations

from decimal import Decimal
from weakref import WeakKeyDictionary

from msgspec import Struct

from venuewire.codec import checked
from venuewire.errors import LocalProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.orders import ExecutionReport, NewOrder
from venuewire.model.terms import (
    NANOS_PER_SECOND,
    ExecType,
    Nanos,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
    TriggerPriceDirection,
)
from venuewire.venue import Seat
from venuewire.venues.alor import terms
from venuewire.venues.alor.wire import account
from venuewire.venues.alor.wire import stops as wire

_KEPT = 20_000
_ZERO = Decimal(0)


class Kept(Struct, frozen=True, kw_only=True):
    """What a replacement must repeat, in the wire's terms."""

    condition: str = ""
    """Empty: not a conditional order."""
    end: int = 0
    """Unix seconds; 0: until cancelled."""
    protecting: int = 0
    life: str = ""
    """Of the order a conditional one places."""
    iceberg: int = 0
    """Visible lots; 0: not an iceberg."""


class KeptTerms(dict[str, Kept]):
    """By our order id. Both lines of a seat share one."""

    def keep(self, order_id: str, kept: Kept) -> None:
        """Remember, and forget the oldest."""
        self[order_id] = kept
        if len(self) > _KEPT:
            del self[next(iter(self))]


_OF_SEAT: WeakKeyDictionary[Seat, KeptTerms] = WeakKeyDictionary()


def kept_terms(seat: Seat) -> KeptTerms:
    """The seat's."""
    return _OF_SEAT.setdefault(seat, KeptTerms())


# --------------------------------------------------------------------------- our commands


def kept_of(command: NewOrder, instrument: Instrument) -> Kept:
    """What there is to keep of a new order. Raises `LocalProtocolError` for what the venue has no words for."""
    iceberg = _iceberg(command, instrument)
    if command.ord_type not in terms.STOP_TYPES.values():
        if command.trigger_price_direction is not None:
            raise LocalProtocolError("a trigger price direction goes with stop orders")
        return Kept(iceberg=iceberg)
    up = command.side is Side.BUY
    usual = TriggerPriceDirection.UP if up else TriggerPriceDirection.DOWN
    return Kept(
        condition=terms.DIRECTIONS[command.trigger_price_direction or usual],
        end=_end(command),
        life=_life(command),
        iceberg=iceberg,
    )


def _iceberg(command: NewOrder, instrument: Instrument) -> int:
    if command.max_floor is None:
        return 0
    if command.ord_type not in terms.WITH_PRICE:
        raise LocalProtocolError("an iceberg is a limit order")
    shown = terms.lots(Decimal(command.max_floor), instrument.round_lot)
    if command.order_qty is not None and Decimal(command.max_floor) > Decimal(command.order_qty):
        raise LocalProtocolError("max_floor is more than the order's quantity")
    return shown


def _end(command: NewOrder) -> int:
    """A conditional order waits until it is cancelled, or until a time; the venue counts whole seconds."""
    if command.time_in_force is TimeInForce.DAY:
        raise LocalProtocolError("ALOR's stop orders wait until they are cancelled; give GOOD_TILL_DATE for an end")
    if command.time_in_force is not TimeInForce.GOOD_TILL_DATE:
        return 0
    if command.expire_time is None or command.expire_time % NANOS_PER_SECOND:
        raise LocalProtocolError("the end of an ALOR stop order is a whole second")
    return command.expire_time // NANOS_PER_SECOND


def _life(command: NewOrder) -> str:
    """What a stop-limit order places is for the day unless it is to be immediate."""
    word = terms.TIME_IN_FORCE_WORDS.get(command.time_in_force) if command.time_in_force else None
    immediate = command.time_in_force in (TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL)
    if not immediate or word is None:
        return ""
    if command.ord_type is OrdType.STOP:
        raise LocalProtocolError("a plain stop places a market order; it has no time in force of its own")
    return word


# --------------------------------------------------------------------------- what the venue tells


def kept_from(record: wire.StopOrder) -> Kept:
    """From a record of the stream or of a list."""
    end = terms.nanos_of(record.endTime) if isinstance(record.endTime, str) else 0
    seconds = terms.figure(record.protectingSeconds)
    life = record.timeInForce.lower() if isinstance(record.timeInForce, str) else ""
    return Kept(
        condition=record.condition.lower() if isinstance(record.condition, str) else "",
        end=0 if end >= terms.FOREVER_FROM else end // NANOS_PER_SECOND,
        protecting=int(seconds or 0),
        life=life if record.type.lower() == "stoplimit" and life != "oneday" else "",
        iceberg=iceberg_of(record.iceberg),
    )


def iceberg_of(iceberg: object) -> int:
    """Visible lots of an order's iceberg record; 0 where there is none."""
    if not isinstance(iceberg, (account.IcebergSimple, account.IcebergSlim)):
        return 0
    return int(terms.figure(iceberg.creationFixedQuantity) or 0)


def stop_reports(
    record: wire.StopOrder, symbol: str, cl_ord_id: str, now: Nanos, *, listed: bool = False
) -> tuple[ExecutionReport, ...]:
    """A conditional order as the stream or a list tells it.

    One that was triggered moves on to the order it placed, which is told of by its own records: here nothing of it
    is ever filled.
    """
    known_before, ord_type = listed or record.existing, terms.STOP_TYPES.get(record.type.lower(), OrdType.STOP)
    quantity, word = checked(record.qtyUnits), record.status.lower()
    status = OrdStatus.NEW if word == "filled" else terms.status_of(word, _ZERO)
    moment = record.updateTime or record.transTime
    end = terms.nanos_of(record.endTime) if isinstance(record.endTime, str) else terms.FOREVER_FROM
    report = ExecutionReport(
        symbol=symbol,
        exec_type=_exec_type(word, status, known_before=known_before),
        order_id=terms.stop_id(record.id),
        cl_ord_id=cl_ord_id,
        side=terms.side_of(record.side),
        ord_status=status,
        ord_type=ord_type,
        order_qty=quantity,
        price=terms.figure(record.price) if ord_type is OrdType.STOP_LIMIT else None,
        stop_px=checked(record.stopPrice),
        cum_qty=_ZERO,
        leaves_qty=quantity if status is OrdStatus.NEW else _ZERO,
        expire_time=None if end >= terms.FOREVER_FROM else end,
        text=record.error if isinstance(record.error, str) else "",
        account=record.portfolio,
        transact_time=terms.nanos_of(moment) if isinstance(moment, str) else 0,
        recv_time=now,
        historical=known_before,
    )
    if word != "filled" or not record.exchangeOrderId:
        return (report,)
    return report, _moved_on(report, str(record.exchangeOrderId))


_EXEC_TYPES = {
    OrdStatus.NEW: ExecType.NEW,
    OrdStatus.CANCELED: ExecType.CANCELED,
    OrdStatus.REJECTED: ExecType.REJECTED,
}


def _exec_type(word: str, status: OrdStatus, *, known_before: bool) -> ExecType:
    if word == "filled":
        return ExecType.TRIGGERED
    return ExecType.ORDER_STATUS if known_before else _EXEC_TYPES[status]


def _moved_on(report: ExecutionReport, order_id: str) -> ExecutionReport:
    """The link from a triggered order to the one it placed; how that stands its own records say."""
    return ExecutionReport(
        symbol=report.symbol,
        exec_type=ExecType.REPLACED,
        order_id=order_id,
        orig_order_id=report.order_id,
        cl_ord_id=report.cl_ord_id,
        orig_cl_ord_id=report.cl_ord_id,
        side=report.side,
        order_qty=report.order_qty,
        account=report.account,
        transact_time=report.transact_time,
        recv_time=report.recv_time,
        historical=report.historical,
    )
