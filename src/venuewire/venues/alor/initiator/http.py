"""The HTTP reads of our end (5.1, 5.2): lists, positions, candles, estimates, and the venue's own requests."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from venuewire.codec import encode
from venuewire.errors import LocalProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.orders import ExecutionReport
from venuewire.model.session import (
    BarRequest,
    Bars,
    Event,
    Grant,
    MassStatus,
    OrderEstimateRequest,
    Reply,
    RequestRejected,
    SecurityList,
    SecurityListRequest,
    VenueRequest,
)
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venue import Answer, Effect, Fetch, Headers, Seat
from venuewire.venues.alor import books, candles, stops, terms, translate
from venuewire.venues.alor.initiator import asking, figures
from venuewire.venues.alor.initiator.line import Line, error_text
from venuewire.venues.alor.wire import account, commands, groups, market
from venuewire.venues.alor.wire import candles as wire_candles
from venuewire.venues.alor.wire import stops as wire_stops

_JSON = "application/json"


class _Gathering(Struct):
    """Answers of a request that took several."""

    wanted: int
    bodies: dict[str, bytes] = field(default_factory=dict)


def _bearer(grant: Grant) -> str:
    return f"Bearer {grant.token.reveal()}"


class Reads(Line):
    """What our end of `/ws` asks over HTTP; each request carries the token."""

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self._lists: dict[str, _Gathering] = {}
        self._bar_requests: dict[str, BarRequest] = {}
        self._estimates: dict[str, OrderEstimateRequest] = {}
        self._kept = stops.kept_terms(seat)

    def handshake(self, now: Nanos) -> Headers:
        self._lists.clear()
        self._bar_requests.clear()
        self._estimates.clear()
        return super().handshake(now)

    def _grant(self) -> Grant:
        grant = self.seat.grant or self._held
        if grant is None:
            raise LocalProtocolError("there is no token: /ws is not logged on")
        return grant

    def _portfolio_exchange(self) -> str:
        return self.settings.portfolio_exchange or ("UNITED" if self.portfolio.startswith("E") else "MOEX")

    # ---- requests

    def _get(self, kind: str, path: str, ref: str) -> Fetch:
        headers = {"authorization": _bearer(self._grant()), "accept": _JSON}
        return Fetch(method="GET", path=path, headers=headers, ref=ref, kind=kind)

    def _both(self, one: str, other: str, ref: str) -> list[Effect]:
        """Two reads of the portfolio that are answered together."""
        self._lists[ref] = _Gathering(wanted=2)
        return [self._get(part, f"{self._clients_path()}/{part}", ref) for part in (one, other)]

    def _candles(self, command: BarRequest) -> Fetch:
        """`GET /md/v2/history`; both ends of its range belong to it, and are whole seconds."""
        where = terms.listing(self._known(command.symbol).symbol)
        self._bar_requests[command.ref] = command
        first, last = -(-command.start // NANOS_PER_SECOND), -(-command.end // NANOS_PER_SECOND) - 1
        board = f"&instrumentGroup={where.board}" if where.board else ""
        split = "" if self.settings.split_adjust else "&splitAdjust=false"
        path = (
            f"/md/v2/history?symbol={where.ticker}&exchange={where.exchange}&tf={candles.tf_of(command.period)}"
            f"&from={first}&to={last}{board}{split}&format=Simple"
        )
        return self._get("history", path, command.ref)

    def _clients_path(self) -> str:
        return f"/md/v2/Clients/{self._portfolio_exchange()}/{self.portfolio}"

    def _securities(self, command: SecurityListRequest) -> list[Effect]:
        if not command.symbols:
            sector = f"&sector={self.settings.sector}" if self.settings.sector else ""
            path = f"/md/v2/Securities?exchange={self.settings.exchange}{sector}&limit=10000"
            return [self._get("securities", path, command.ref)]
        effects: list[Effect] = []
        for symbol in dict.fromkeys(command.symbols):
            where = terms.listing(symbol)
            board = f"?instrumentGroup={where.board}" if where.board else ""
            path = f"/md/v2/Securities/{where.exchange}/{where.ticker}{board}"
            effects.append(self._get(f"security {symbol}", path, command.ref))
        self._lists[command.ref] = _Gathering(wanted=len(effects))
        return effects

    def answered(self, fetch: Fetch, answer: Answer, now: Nanos) -> Sequence[Event]:
        """The answer to one HTTP read; a request that made several is answered when all have come."""
        kind, ref = fetch.kind, fetch.ref or ""
        asked_bars, estimated = self._bar_requests.pop(ref, None), self._estimates.pop(ref, None)
        empty = kind in ("orders", "stoporders") and answer.status == 404 and self.settings.no_orders_on_404
        if answer.status != 200 and not empty:
            self._lists.pop(ref, None)
            text = error_text(answer.body) or f"{fetch.method} {fetch.path} was answered {answer.status}"
            refusal = RequestRejected(code=str(answer.status), text=text, ref=ref)
            return [refusal, *(self._invalid_fetch(fetch, text) if answer.status == 401 else ())]
        if asked_bars is not None:
            instrument, asked = self.seat.instruments[asked_bars.symbol], asked_bars
            records = wire_candles.read_history["Simple"](answer.body).history
            bars = candles.bar_events(records, instrument, asked.period, now, asked.start, asked.end)
            return [Bars(bars=bars, ref=ref)]
        if estimated is not None:
            return [self._estimated(estimated, answer, ref)]
        if kind.startswith(asking.KIND):
            return [Reply(message=asking.answer_of(fetch, answer), ref=ref)]
        if kind == "securities":
            return [_list_of(market.read_securities["Simple"](answer.body), ref)]
        return self._gather(kind, ref, b"[]" if empty else answer.body, now)

    def _own_request(self, command: VenueRequest) -> Fetch:
        own = self._portfolio_exchange(), self.portfolio
        return asking.fetch_of(command.message, own, _bearer(self._grant()), command.ref)

    def _estimate(self, command: OrderEstimateRequest) -> Fetch:
        """`POST .../orders/estimate`; it asks for no request id (5.6)."""
        request = figures.estimate_request(command.order, self._known(command.order.symbol), self.portfolio)
        self._estimates[command.ref] = command
        headers = {"authorization": _bearer(self._grant()), "accept": _JSON, "content-type": _JSON}
        path = f"{commands.ORDERS_PATH}/estimate"
        return Fetch(method="POST", path=path, body=encode(request), headers=headers, ref=command.ref, kind="estimate")

    def _estimated(self, command: OrderEstimateRequest, answer: Answer, ref: str) -> Event:
        order, record = command.order, groups.read_estimate(answer.body)
        instrument, margin = self._known(order.symbol), self.settings.allow_margin
        return figures.estimate_event(record, order, instrument, ref, margin=margin)

    def _invalid_fetch(self, fetch: Fetch, text: str) -> list[Event]:
        """A 401 counts against the token the request carried; an older one that has been replaced is no news."""
        sent = fetch.headers.get("authorization", "")
        for grant in (self.seat.grant, self._held):
            if grant is not None and sent == _bearer(grant):
                return self._invalid(grant, text)
        return []

    def _gather(self, kind: str, ref: str, body: bytes, now: Nanos) -> Sequence[Event]:
        gathering = self._lists.get(ref)
        if gathering is None:
            return []
        gathering.bodies[kind] = body
        if len(gathering.bodies) < gathering.wanted:
            return []
        del self._lists[ref]
        if "positions" in gathering.bodies:
            rows = account.read_positions["Simple"](gathering.bodies["positions"])
            summary = account.read_summary["Simple"](gathering.bodies["summary"])
            return [translate.holdings(rows, summary, self.seat.instruments, now, ref)]
        if "orders" in gathering.bodies:
            return [self._mass_status(gathering.bodies, now, ref)]
        return [_securities_of(gathering.bodies, ref)]

    def _mass_status(self, bodies: dict[str, bytes], now: Nanos, ref: str) -> MassStatus:
        """Conditional orders first: one that was triggered leads to the order it placed."""
        reports: list[ExecutionReport] = []
        for stop_record in wire_stops.read_stop_orders(bodies["stoporders"]):
            reports += self._stop_reports(stop_record, now, listed=True)
        for record in account.read_orders["Simple"](bodies["orders"]):
            reports.append(self._order_report(record, now, listed=True))
        return MassStatus(reports=tuple(reports), ref=ref)

    # ---- what orders in lists and in data frames mean

    def _order_report(self, record: account.Order, now: Nanos, *, listed: bool = False) -> ExecutionReport:
        iceberg = stops.iceberg_of(record.iceberg)
        if iceberg:
            self._kept.keep(str(record.id), stops.Kept(iceberg=iceberg))
        return translate.order_report(record, self.seat.instruments, now, listed=listed)

    def _stop_reports(
        self, record: wire_stops.StopOrder, now: Nanos, *, listed: bool = False
    ) -> tuple[ExecutionReport, ...]:
        known = self.seat.instruments
        symbol = translate.known_symbol(record.exchange, record.symbol, record.board, known, record.brokerSymbol)
        self._kept.keep(terms.stop_id(record.id), stops.kept_from(record))
        return stops.stop_reports(record, symbol, translate.cl_ord_id_of(record.comment), now, listed=listed)


def _securities_of(bodies: dict[str, bytes], ref: str) -> Event:
    """`SecurityList`; one security that cannot be traded refuses the whole."""
    instruments: list[Instrument] = []
    for kind, body in bodies.items():
        symbol = kind.removeprefix("security ")
        instrument = books.instrument_of(market.read_security["Simple"](body), symbol)
        if instrument is None:
            return RequestRejected(code="", text=f"{symbol} has no lot or no price step: it is not traded", ref=ref)
        instruments.append(instrument)
    return SecurityList(instruments=tuple(instruments), ref=ref)


def _list_of(records: Sequence[market.Security], ref: str) -> Event:
    found = (books.instrument_of(record, books.own_symbol(record)) for record in records)
    return SecurityList(instruments=tuple(instrument for instrument in found if instrument), ref=ref)
