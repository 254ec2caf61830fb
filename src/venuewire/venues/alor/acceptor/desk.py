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
from venuewire.model.terms import NANOS_PER_SECOND, ExecType, Nanos, OrdStatus, OrdType, Side
from venuewire.venue import Exchange, Port
from venuewire.venues.alor import books, sessions, terms, translate
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
    """HTTP requests and `/cws` commands per user (5.9, 8.14)."""
    trading_hours: bool = False
    """Trade in the exchanges' hours only (`sessions`); off, the sandbox trades always."""


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


Iceberg: TypeAlias = tuple[int, int]
"""Visible lots at creation, and their variance in percent."""
OrderFields: TypeAlias = commands.Create | commands.Update | commands.HttpOrder


class Memory(Struct, frozen=True):
    """What the exchange does not keep of an order."""

    placed: Nanos
    comment: str = ""
    iceberg: Iceberg | None = None


class Desk:
    """One for the whole venue: what it remembers concerns every connection."""

    def __init__(self, exchange: Exchange, reference_prices: Mapping[str, str], switches: Switches) -> None:
        self.exchange = exchange
        self.switches = switches
        self.reference = {symbol: Decimal(price) for symbol, price in reference_prices.items()}
        self._short_names = {
            instrument.base: instrument.security_id
            for instrument in exchange.instruments.values()
            if terms.is_derivative(instrument)
        }
        self._memory: dict[str, Memory] = {}
        self._recent: dict[tuple[object, ...], Nanos] = {}
        self._icebergs: dict[str, dict[str, tuple[Port, int]]] = {}
        """By symbol and order id: whose, and how many lots show."""

    # ---- what others ask

    def trading_status(self, instrument: Instrument, now: Nanos) -> int:
        """The instrument's trading status (6.6)."""
        if not self.switches.trading_hours:
            return sessions.TRADING
        return sessions.status_at(sessions.market_of(instrument), now)

    def mark(self, symbol: str) -> Decimal:
        """The last price, or where the market began."""
        return self.exchange.quote(symbol).last_px or self.reference[symbol]

    def hidden(self, symbol: str) -> dict[tuple[Side, Decimal], Decimal]:
        """What icebergs do not show, in pieces, by side and price.

        The exchange queues an iceberg whole; what is published of the book leaves out what does not show.
        """
        found: dict[tuple[Side, Decimal], Decimal] = {}
        known = self._icebergs.get(symbol, {})
        for order_id, (port, shown) in list(known.items()):
            report = port.order(order_id=order_id)
            if report is None or not is_working(report):
                del known[order_id]
            elif report.side is not None and report.price is not None:
                lot = self.exchange.instruments[symbol].round_lot
                rest = (report.leaves_qty or Decimal(0)) - visible(report, shown * lot)
                key = report.side, report.price
                found[key] = found.get(key, Decimal(0)) + rest
        return found

    def instrument(self, exchange: str, ticker: str, board: object = "") -> Instrument | None:
        """The instrument of this name, on this board if one is named; a future has a short name, too (6.8)."""
        ticker = self._short_names.get(ticker, ticker)
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
        instrument = self.checked(record, ord_type, now)
        if isinstance(instrument, Refused):
            return instrument
        if self.is_repeated(record, ord_type, now):
            return Refused(400, terms.DUPLICATE)
        command = translate.new_order(record, ord_type, instrument, ref)
        if self._is_taken(port, command.cl_ord_id):
            command = replace(command, cl_ord_id="")
        reports = port.execute(command, now)
        return self._outcome(reports, instrument, record, port, now)

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
        instrument = self.checked(record, ord_type, now)
        if isinstance(instrument, Refused):
            return instrument
        standing = port.order(order_id=terms.exchange_id(order_id))
        if standing is None or not is_working(standing):
            return Refused(400, terms.UNKNOWN_ORDER)
        if terms.is_derivative(instrument):
            # The message's own instrument does not count there (4.2).
            instrument = self.exchange.instruments[standing.symbol]
        command = translate.replace_order(record, ord_type, instrument, standing, ref)
        if command.cl_ord_id != standing.cl_ord_id and self._is_taken(port, command.cl_ord_id):
            command = replace(command, cl_ord_id="")
        reports = port.execute(command, now)
        return self._outcome(reports, instrument, record, port, now)

    def delete(self, order_id: str, port: Port, now: Nanos, ref: str) -> Outcome:
        """Cancel an order. One that is done already is not found (7)."""
        standing = port.order(order_id=terms.exchange_id(order_id))
        if standing is None or not is_working(standing):
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

    def checked(self, record: OrderFields, ord_type: OrdType, now: Nanos) -> Instrument | Refused:
        """The instrument of a command whose values are possible, or why they are not."""
        bad = bad_value(record, ord_type)
        if bad is not None:
            return Refused(400, bad, is_bad_value=True)
        place = record.instrument
        board = place.instrumentGroup or record.board
        instrument = self.instrument(place.exchange.upper(), place.symbol, board)
        if instrument is None:
            return Refused(400, terms.UNKNOWN_INSTRUMENT)
        if not is_traded_by(record.user.portfolio, instrument):
            return Refused(400, terms.PROHIBITED)
        if not are_flags_possible(record, ord_type, instrument):
            return Refused(400, terms.BAD_FLAGS)
        status = self.trading_status(instrument, now)
        # Conditional orders stay with the broker: they are taken at any hour.
        if status != sessions.TRADING and ord_type not in STOPS:
            return Refused(400, terms.IN_BREAK if status == sessions.BREAK else terms.NOT_TRADING)
        return self._outside(instrument, record.price if ord_type in terms.WITH_PRICE else None) or instrument

    def _outside(self, instrument: Instrument, price: object) -> Refused | None:
        """Why a price is outside the day's corridor, if it is."""
        reference = self.reference.get(instrument.symbol)
        if reference is None or not isinstance(price, Decimal):
            return None
        lowest, highest = books.price_limits(instrument, reference)
        if price < lowest:
            return Refused(400, f"Price {price} can not be less than {lowest}")
        return Refused(400, f"Price {price} can not be greater than {highest}") if price > highest else None

    def is_repeated(self, record: OrderFields, ord_type: OrdType, now: Nanos) -> bool:
        """`checkDuplicates`: the same command again within the window (8.13). HTTP has its request ids instead."""
        window = self.switches.duplicate_window
        if not window or not isinstance(record, commands.Create) or record.checkDuplicates is False:
            return False
        place = record.instrument
        same = (
            *(record.user.portfolio, place.symbol, ord_type, record.side.lower(), record.quantity),
            *(record.price, record.triggerPrice),
        )
        last = self._recent.get(same)
        self._recent = {key: time for key, time in self._recent.items() if now - time < window}
        self._recent[same] = now
        return last is not None and now - last < window

    @staticmethod
    def _is_taken(port: Port, cl_ord_id: str) -> bool:
        """The venue lets comments repeat; the exchange does not let ids of working orders repeat."""
        standing = port.order(cl_ord_id=cl_ord_id) if cl_ord_id else None
        return standing is not None and is_working(standing)

    # ---- what came of it

    def _outcome(
        self,
        reports: list[ExecutionReport | CancelReject],
        instrument: Instrument,
        record: OrderFields,
        port: Port,
        now: Nanos,
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
        iceberg = iceberg_of(record)
        self._remember(begun.order_id, Memory(now, record.comment or "", iceberg))
        if iceberg is not None:
            self._icebergs.setdefault(instrument.symbol, {})[begun.order_id] = port, iceberg[0]
        return Done(terms.wire_id(begun.order_id, instrument))

    def _remember(self, order_id: str, memory: Memory) -> None:
        self._memory[order_id] = memory
        if len(self._memory) > _REMEMBERED:
            del self._memory[next(iter(self._memory))]


STOPS = frozenset({OrdType.STOP, OrdType.STOP_LIMIT})


def is_working(report: ExecutionReport) -> bool:
    """May it still be filled?"""
    return report.ord_status in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED)


def visible(report: ExecutionReport, shown: Decimal) -> Decimal:
    """What of an iceberg shows now, in pieces: a part that is used up is followed by the next."""
    filled, leaves = report.cum_qty or Decimal(0), report.leaves_qty or Decimal(0)
    return min(leaves, shown - filled % shown)


def is_traded_by(portfolio: str, instrument: Instrument) -> bool:
    """Is it of the portfolio's market? `75...` has derivatives, `E...` everything, the others the rest (6.8)."""
    if portfolio.startswith("E"):
        return True
    return portfolio.startswith("75") == terms.is_derivative(instrument)


def iceberg_of(record: OrderFields) -> Iceberg | None:
    """Visible lots and variance, if the order is an iceberg."""
    if not record.icebergFixed:
        return None
    return record.icebergFixed, getattr(record, "icebergVariance", None) or 0


def bad_value(record: OrderFields, ord_type: OrdType) -> str | None:
    """What is wrong with the values themselves, whatever the state of the market."""
    word = _life_of(record) or "oneday"
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
    if ord_type in terms.WITH_PRICE:
        bad = _bad_price(record.price)
        if bad is not None:
            return bad
    return _bad_condition(record) if ord_type in STOPS else None


def _bad_price(price: object) -> str | None:
    if not isinstance(price, Decimal):
        return frames.MALFORMED
    try:
        value = checked(price)
    except RemoteProtocolError:
        return frames.MALFORMED
    return terms.NO_PRICE if value <= 0 else None


def _bad_condition(record: OrderFields) -> str | None:
    """What only conditional orders have."""
    seconds, end = record.protectingSeconds, record.stopEndUnixTime
    word = record.condition.lower() if isinstance(record.condition, str) else ""
    is_right = (
        word in terms.CONDITIONS
        and (not isinstance(seconds, int) or 0 <= seconds <= commands.LONGEST_PROTECTION)
        and (not isinstance(end, int) or 0 <= end < terms.LAST_SECOND)
    )
    return _bad_price(record.triggerPrice) if is_right else frames.MALFORMED


def _life_of(record: OrderFields) -> str:
    return record.timeInForce.lower() if isinstance(record.timeInForce, str) else ""


def are_flags_possible(record: OrderFields, ord_type: OrdType, instrument: Instrument) -> bool:
    """Attributes this kind of order, or of instrument, cannot have (6.4; iceberg: limit orders only, 4.2)."""
    if _life_of(record) in terms.DERIVATIVES_ONLY and instrument.market_segment_id not in terms.DERIVATIVES:
        return False
    iceberg = iceberg_of(record)
    if iceberg is None:
        return True
    shown, variance = iceberg
    is_derivative = instrument.market_segment_id in terms.DERIVATIVES
    return ord_type in terms.WITH_PRICE and 0 < shown <= record.quantity and (not variance or is_derivative)
