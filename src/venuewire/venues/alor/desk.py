"""Where the sandbox's order commands arrive, from `/cws` and from HTTP alike (the venue has one backend for both, 5.8).

It looks at values the way the venue does, turns lots into pieces, hands the command to the exchange, and says what
came of it in the venue's words. Comments and the time of placing, which the exchange does not keep, are kept here.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from venuewire.codec import checked
from venuewire.errors import RemoteProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.orders import CancelReject, ExecutionReport, MassCancel
from venuewire.model.terms import NANOS_PER_SECOND, ExecType, Nanos, OrdStatus, OrdType
from venuewire.venue import Exchange, Port
from venuewire.venues.alor import books, terms, translate
from venuewire.venues.alor.wire import commands, frames

_MOST_LOTS = 2**31 - 1
"""`quantity` is int32 (4.2)."""
_EXCHANGES = frozenset({"MOEX", "SPBX"})
_REMEMBERED = 50_000
"""Orders whose comment and time are kept."""


class Switches(Struct, kw_only=True):
    """What the venue's documents leave open, or what was seen to differ from them: how the sandbox plays it."""

    token_seconds: int = 1800
    reset_on_expiry: bool = False
    """On `/cws`, after the token has ended: cut the connection at the next command instead of answering 401 (8.4)."""
    close_on_bad_values: bool = True
    """End `/cws` after a 400 for syntax or values (8.2)."""
    close_on_rejection: bool = False
    """End `/cws` after a 400 from the trading system, too (8.2)."""
    close_on_repeated_guid: bool = True
    """End `/cws` after a repeated guid (8.1)."""
    repeated_guid_close_code: int = 1008
    bad_values_close_code: int = 1008
    duplicate_window: Nanos = 0
    """Like commands within this time are refused where `checkDuplicates` is not false; 0: never (8.13)."""
    book_before_acknowledgement: bool = True
    """The first book frame comes before its acknowledgement, as in the one public log (8.6)."""
    connections: int = 10
    """WebSocket connections per user (3.12)."""
    subscriptions: int = 5000
    """Per connection (8.17)."""
    requests_per_second: int = 100
    """HTTP requests per user (5.9)."""


DUPLICATES_SEEN: Nanos = NANOS_PER_SECOND
"""The window the fact sheet assumes for `checkDuplicates` when it is switched on."""


class Done(Struct, frozen=True):
    """The command was carried out."""

    order_id: str


class Refused(Struct, frozen=True):
    """It was not."""

    code: int
    text: str
    is_bad_value: bool = False
    """Syntax or values, rather than a rejection by the trading system."""


Outcome: TypeAlias = Done | Refused


class Memory(Struct, frozen=True):
    """What the exchange does not keep of an order."""

    placed: Nanos
    comment: str = ""


class Desk:
    """One for the whole venue: what it remembers concerns every connection."""

    def __init__(self, exchange: Exchange, reference_prices: Mapping[str, str], switches: Switches) -> None:
        self.exchange = exchange
        self.switches = switches
        self.reference = {symbol: Decimal(price) for symbol, price in reference_prices.items()}
        self._memory: dict[str, Memory] = {}
        self._recent: dict[tuple[object, ...], Nanos] = {}

    # ---- what others ask

    def instrument(self, exchange: str, ticker: str, board: object = "") -> Instrument | None:
        """The instrument of this name, on this board if one is named."""
        instrument = self.exchange.instruments.get(terms.symbol_of(exchange, ticker))
        if instrument is None or (isinstance(board, str) and board and board != instrument.market_segment_id):
            return None
        return instrument

    def memory(self, report: ExecutionReport, now: Nanos) -> Memory:
        """Comment and time of placing of the order a report is about."""
        kept = self._memory.get(report.order_id)
        return kept or Memory(report.transact_time or now, report.cl_ord_id)

    # ---- commands

    def create(
        self, record: commands.Create | commands.HttpOrder, ord_type: OrdType, port: Port, now: Nanos, ref: str
    ) -> Outcome:
        """A new order."""
        instrument = self._checked(record, ord_type)
        if isinstance(instrument, Refused):
            return instrument
        if isinstance(record, commands.Create) and self._is_repeated(record, ord_type, now):
            return Refused(400, terms.DUPLICATE)
        command = translate.new_order(record, ord_type, instrument, ref)
        if self._is_taken(port, command.cl_ord_id):
            command = replace(command, cl_ord_id="")
        reports = port.execute(command, now)
        return self._outcome(reports, instrument, record.comment, now)

    def update(
        self,
        record: commands.Update | commands.HttpOrder,
        order_id: str,
        ord_type: OrdType,
        port: Port,
        now: Nanos,
        ref: str,
    ) -> Outcome:
        """Cancel an order and place one in its stead, under a new id."""
        instrument = self._checked(record, ord_type)
        if isinstance(instrument, Refused):
            return instrument
        standing = port.order(order_id=order_id)
        if standing is None or not _is_working(standing):
            return Refused(400, terms.UNKNOWN_ORDER)
        command = translate.replace_order(record, ord_type, instrument, standing, ref)
        if command.cl_ord_id != standing.cl_ord_id and self._is_taken(port, command.cl_ord_id):
            command = replace(command, cl_ord_id="")
        reports = port.execute(command, now)
        return self._outcome(reports, instrument, record.comment, now)

    def delete(self, order_id: str, port: Port, now: Nanos, ref: str) -> Outcome:
        """Cancel an order. One that is done already is not found (7)."""
        standing = port.order(order_id=order_id)
        if standing is None or not _is_working(standing):
            return Refused(400, terms.UNKNOWN_ORDER)
        refusal = translate.refusal_reason(
            port.execute(translate.cancel_order(standing, port.account, ref), now),
        )
        return Done(order_id) if refusal is None else Refused(400, terms.text_of(refusal[0], None, refusal[1]))

    def delete_all(self, port: Port, now: Nanos, ref: str) -> Outcome:
        """Cancel every working order."""
        if not port.orders(working=True):
            return Refused(400, terms.UNKNOWN_ORDERS)
        port.execute(MassCancel(account=port.account, ref=ref), now)
        return Done("")

    # ---- values

    def _checked(
        self, record: commands.Create | commands.Update | commands.HttpOrder, ord_type: OrdType
    ) -> Instrument | Refused:
        """The instrument of a command whose values are possible, or why they are not."""
        bad = _bad_value(record, ord_type)
        if bad is not None:
            return Refused(400, bad, is_bad_value=True)
        place = record.instrument
        board = place.instrumentGroup or record.board
        instrument = self.instrument(place.exchange.upper(), place.symbol, board)
        if instrument is None:
            return Refused(400, terms.UNKNOWN_INSTRUMENT)
        if not _are_flags_possible(record):
            return Refused(400, terms.BAD_FLAGS)
        return self._outside(instrument, record.price if ord_type is OrdType.LIMIT else None) or instrument

    def _outside(self, instrument: Instrument, price: object) -> Refused | None:
        """Why a price is outside the day's corridor, if it is."""
        reference = self.reference.get(instrument.symbol)
        if reference is None or not isinstance(price, Decimal):
            return None
        lowest, highest = books.price_limits(instrument, reference)
        if price < lowest:
            return Refused(400, f"Price {price} can not be less than {lowest}")
        return Refused(400, f"Price {price} can not be greater than {highest}") if price > highest else None

    def _is_repeated(self, record: commands.Create, ord_type: OrdType, now: Nanos) -> bool:
        """`checkDuplicates`: the same command again within the window (8.13)."""
        window = self.switches.duplicate_window
        if not window or record.checkDuplicates is False:
            return False
        place = record.instrument
        same = (record.user.portfolio, place.symbol, ord_type, record.side.lower(), record.quantity, record.price)
        last = self._recent.get(same)
        self._recent = {key: time for key, time in self._recent.items() if now - time < window}
        self._recent[same] = now
        return last is not None and now - last < window

    @staticmethod
    def _is_taken(port: Port, cl_ord_id: str) -> bool:
        """The venue lets comments repeat; the exchange does not let ids of working orders repeat."""
        standing = port.order(cl_ord_id=cl_ord_id) if cl_ord_id else None
        return standing is not None and _is_working(standing)

    # ---- what came of it

    def _outcome(
        self, reports: list[ExecutionReport | CancelReject], instrument: Instrument, comment: object, now: Nanos
    ) -> Outcome:
        refusal = translate.refusal_reason(reports)
        if refusal is not None:
            return Refused(400, terms.text_of(refusal[0], instrument, refusal[1]))
        begun = next(
            (r for r in reports if isinstance(r, ExecutionReport) and r.exec_type in (ExecType.NEW, ExecType.REPLACED)),
            None,
        )
        if begun is None:
            return Refused(400, terms.UNKNOWN_OUTCOME)
        self._remember(begun.order_id, Memory(now, comment if isinstance(comment, str) else ""))
        return Done(begun.order_id)

    def _remember(self, order_id: str, memory: Memory) -> None:
        self._memory[order_id] = memory
        if len(self._memory) > _REMEMBERED:
            del self._memory[next(iter(self._memory))]


def _is_working(report: ExecutionReport) -> bool:
    return report.ord_status in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED)


def _bad_value(record: commands.Create | commands.Update | commands.HttpOrder, ord_type: OrdType) -> str | None:
    """What is wrong with the values themselves, whatever the state of the market."""
    word = record.timeInForce.lower() if isinstance(record.timeInForce, str) else "oneday"
    words_known = (
        record.side.lower() in terms.SIDES
        and record.instrument.exchange.upper() in _EXCHANGES
        and (word in terms.TIMES_IN_FORCE or word in (terms.PASSIVE, terms.ON_CLOSE))
    )
    comment = record.comment if isinstance(record.comment, str) else ""
    if not words_known or len(comment) > commands.MAXIMUM_COMMENT:
        return frames.MALFORMED
    if not 0 < record.quantity <= _MOST_LOTS:
        return terms.BAD_QUANTITY
    return _bad_price(record.price) if ord_type is OrdType.LIMIT else None


def _bad_price(price: object) -> str | None:
    if not isinstance(price, Decimal):
        return frames.MALFORMED
    try:
        value = checked(price)
    except RemoteProtocolError:
        return frames.MALFORMED
    return terms.NO_PRICE if value <= 0 else None


def _are_flags_possible(record: commands.Create | commands.Update | commands.HttpOrder) -> bool:
    """Attributes shares cannot have (6.4), and icebergs, which this sandbox does not have."""
    word = record.timeInForce.lower() if isinstance(record.timeInForce, str) else ""
    return word not in terms.DERIVATIVES_ONLY and not record.icebergFixed
