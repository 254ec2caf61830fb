"""Where conditional orders arrive, from `/cws` and from HTTP alike, and how they are shown (4.5, 5.5)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from msgspec import UNSET

from venuewire.model.terms import NANOS_PER_SECOND, ExecType, Nanos, OrdType
from venuewire.venue import Port
from venuewire.venues.alor import terms
from venuewire.venues.alor.acceptor import conditional
from venuewire.venues.alor.acceptor.conditional import Conditional, Placed, Terms, Waiting
from venuewire.venues.alor.acceptor.desk import Desk, Done, OrderFields, Outcome, Refused, iceberg_of
from venuewire.venues.alor.wire import account, commands, stops
from venuewire.venues.alor.wire.frames import Format

_ZERO = Decimal(0)
_UNDERLYING = {OrdType.STOP: OrdType.MARKET, OrdType.STOP_LIMIT: OrdType.LIMIT}


class StopDesk:
    """One for the whole venue."""

    def __init__(self, desk: Desk, tell: Callable[[Conditional], None]) -> None:
        self._desk = desk
        self.waiting = Waiting(self._place, tell)

    # ---- commands

    def create(self, record: OrderFields, ord_type: OrdType, port: Port, now: Nanos) -> Outcome:
        """A new conditional order; no money is looked at before its time comes."""
        asked = self._terms(record, ord_type, port, now)
        if isinstance(asked, Refused):
            return asked
        if self._desk.is_repeated(record, ord_type, now):
            return Refused(400, terms.DUPLICATE)
        return self._begin(asked, now, active=record.activate is not False)

    def update(self, record: OrderFields, order_id: str, ord_type: OrdType, port: Port, now: Nanos) -> Outcome:
        """Cancel one and begin another in its stead, under a new id."""
        asked = self._terms(record, ord_type, port, now)
        if isinstance(asked, Refused):
            return asked
        standing = self._working(order_id, port)
        if standing is None:
            return Refused(400, terms.UNKNOWN_ORDER)
        self.waiting.cancel(standing, now)
        return self._begin(asked, now, active=record.activate is not False)

    def delete(self, order_id: str, port: Port, now: Nanos) -> Outcome:
        """Cancel one. One that is done already is not found."""
        standing = self._working(order_id, port)
        if standing is None:
            return Refused(400, terms.UNKNOWN_ORDER)
        self.waiting.cancel(standing, now)
        return Done(order_id)

    def delete_all(self, port: Port, now: Nanos) -> Outcome:
        """Cancel every one of a portfolio."""
        working = [order for order in self.waiting.of(port.account) if order.status == conditional.WORKING]
        for order in working:
            self.waiting.cancel(order, now)
        return Done("") if working else Refused(400, terms.UNKNOWN_ORDERS)

    def _working(self, order_id: str, port: Port) -> Conditional | None:
        order = self.waiting.find(order_id, port.account)
        return order if order is not None and order.status == conditional.WORKING else None

    def _begin(self, asked: Terms, now: Nanos, *, active: bool) -> Outcome:
        order = self.waiting.add(asked, now, active=active)
        self.waiting.look(order, self._desk.mark(asked.instrument.symbol), now)
        return Done(order.order_id)

    def _terms(self, record: OrderFields, ord_type: OrdType, port: Port, now: Nanos) -> Terms | Refused:
        instrument = self._desk.checked(record, ord_type, now)
        if isinstance(instrument, Refused):
            return instrument
        assert isinstance(record.triggerPrice, Decimal)
        assert isinstance(record.condition, str), "both were looked at"
        end = (record.stopEndUnixTime or 0) * NANOS_PER_SECOND
        if end and end <= now:
            return Refused(400, "Stop end time is in the past")
        return Terms(
            account=port.account,
            instrument=instrument,
            ord_type=ord_type,
            side=terms.SIDES[record.side.lower()],
            lots=record.quantity,
            condition=record.condition.lower(),
            trigger=record.triggerPrice,
            price=record.price if ord_type is OrdType.STOP_LIMIT and isinstance(record.price, Decimal) else None,
            end=end or None,
            protecting=conditional.protecting_of(record.protectingSeconds or 0),
            time_in_force=record.timeInForce.lower() if isinstance(record.timeInForce, str) else "oneday",
            iceberg=iceberg_of(record),
            comment=record.comment or "",
        )

    # ---- its time has come

    def _place(self, asked: Terms, now: Nanos) -> Placed:
        """The order it was for. ASSUMPTION: it bears the same comment."""
        instrument = asked.instrument
        record = commands.HttpOrder(
            side=terms.SIDE_WORDS[asked.side],
            quantity=asked.lots,
            price=UNSET if asked.price is None else asked.price,
            instrument=commands.Place(
                symbol=instrument.security_id,
                exchange=instrument.security_exchange,
                instrumentGroup=instrument.market_segment_id,
            ),
            comment=asked.comment,
            user=commands.User(portfolio=asked.account),
            timeInForce=asked.time_in_force if asked.price is not None else UNSET,
            icebergFixed=asked.iceberg[0] if asked.iceberg else UNSET,
            icebergVariance=asked.iceberg[1] if asked.iceberg else UNSET,
        )
        port = self._desk.exchange.port(asked.account)
        outcome = self._desk.create(record, _UNDERLYING[asked.ord_type], port, now, "")
        return Placed(outcome.order_id) if isinstance(outcome, Done) else Placed(error=outcome.text)

    # ---- as the venue shows it

    def record(self, form: Format, order: Conditional, *, existing: bool) -> stops.StopOrder:
        """A conditional order as a frame's `data` (3.6.12)."""
        asked, lot = order.terms, order.terms.instrument.round_lot
        filled = Decimal(asked.lots) if order.status == conditional.FILLED else _ZERO
        lots: dict[str, Any] = {"qty": asked.lots, "filled": filled} if form == "Simple" else {}
        return stops.STOP_ORDERS[form](
            id=order.order_id,
            exchangeOrderId=order.exchange_order_id or None,
            symbol=asked.instrument.security_id,
            brokerSymbol=f"{asked.instrument.security_exchange}:{asked.instrument.security_id}",
            portfolio=asked.account,
            exchange=asked.instrument.security_exchange,
            comment=asked.comment or None,
            board=asked.instrument.market_segment_id,
            type="stoplimit" if asked.ord_type is OrdType.STOP_LIMIT else "stop",
            side=terms.SIDE_WORDS[asked.side],
            condition=asked.condition,
            status=order.status,
            transTime=terms.iso_of(order.placed),
            updateTime=None if order.updated is None else terms.iso_of(order.updated),
            endTime=terms.FOREVER if asked.end is None else terms.iso_of(asked.end),
            error=order.error or None,
            qtyUnits=asked.lots * lot,
            qtyBatch=Decimal(asked.lots),
            filledQtyUnits=filled * lot,
            filledQtyBatch=filled,
            price=asked.price or _ZERO,
            avg_price=self._average(order),
            stopPrice=asked.trigger,
            existing=existing,
            timeInForce=asked.time_in_force,
            iceberg=self._iceberg(form, asked),
            volume=asked.lots * lot * (asked.price or asked.trigger),
            protectingSeconds=Decimal(asked.protecting // NANOS_PER_SECOND),
            **lots,
        )

    def _average(self, order: Conditional) -> Decimal:
        """Of what the order it placed was filled at so far."""
        if not order.exchange_order_id:
            return _ZERO
        fills = [
            fill
            for fill in self._desk.exchange.port(order.terms.account).fills()
            if fill.order_id == terms.exchange_id(order.exchange_order_id) and fill.exec_type is ExecType.TRADE
        ]
        pieces = sum((fill.last_qty or _ZERO for fill in fills), _ZERO)
        return sum(((f.last_qty or _ZERO) * (f.last_px or _ZERO) for f in fills), _ZERO) / pieces if pieces else _ZERO

    @staticmethod
    def _iceberg(form: Format, asked: Terms) -> Any:
        if asked.iceberg is None:
            return None
        kind = account.IcebergSlim if form == "Slim" else account.IcebergSimple
        return kind(creationFixedQuantity=Decimal(asked.iceberg[0]), creationVarianceQuantity=Decimal(asked.iceberg[1]))

    def old_record(self, form: Format, order: Conditional, *, existing: bool) -> stops.OldStopOrder:
        """The same in the deprecated subscription (3.6.13): the id is a number, quantities are lots."""
        asked = order.terms
        return stops.OLD_STOP_ORDERS[form](
            id=int(order.order_id),
            symbol=asked.instrument.security_id,
            brokerSymbol=f"{asked.instrument.security_exchange}:{asked.instrument.security_id}",
            exchange=asked.instrument.security_exchange,
            board=asked.instrument.market_segment_id,
            type="stoplimit" if asked.ord_type is OrdType.STOP_LIMIT else "stop",
            stopPrice=asked.trigger,
            side=terms.SIDE_WORDS[asked.side],
            status=order.status,
            endTime=terms.FOREVER if asked.end is None else terms.iso_of(asked.end),
            qty=Decimal(asked.lots),
            filledQtyBatch=Decimal(asked.lots) if order.status == conditional.FILLED else _ZERO,
            price=asked.price or _ZERO,
            existing=existing,
        )
