"""The venue's HTTP: what belongs to a portfolio (5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from venuewire.model.orders import ExecutionReport
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venue import Answer, Port
from venuewire.venues.alor import terms
from venuewire.venues.alor.acceptor.http_ask import Ask, json_answer
from venuewire.venues.alor.wire import access, frames

if TYPE_CHECKING:
    from venuewire.venues.alor.acceptor.hosts import AlorHost

_DAY: Nanos = 86_400 * NANOS_PER_SECOND
_MOST_TRADES = 1000
_EXCHANGES = frozenset({"MOEX", "SPBX", "UNITED"})


class HttpPortfolio:
    """Reads of a portfolio; all of them need a token."""

    def __init__(self, host: AlorHost) -> None:
        self._host = host

    def read(self, ask: Ask) -> Answer | None:
        """The answer; None where the path is not of this kind."""
        match ask.words[2:]:
            case ["clients", _, "positions"]:
                return Answer(401) if ask.claims is None else self._login(ask, ask.claims)
            case ["clients", _, _, *_]:
                return self._of_portfolio(ask)
            case ["stats", _, _, "history", "trades", *_]:
                return self._of_portfolio(ask)
            case _:
                return None

    def _of_portfolio(self, ask: Ask) -> Answer:
        form = ask.form
        if ask.claims is None:
            return Answer(401)
        if form is None:
            return Answer(400)
        exchange, portfolio, what = ask.parts[3].upper(), ask.parts[4], ask.words[5:]
        port = self._host.port(ask.claims, portfolio)
        if port is None:
            return Answer(403)
        # Single-cash portfolios are at UNITED, the others are not (6.8). ASSUMPTION: elsewhere they are not found.
        if exchange not in _EXCHANGES or (exchange == "UNITED") != portfolio.startswith("E"):
            return Answer(404)
        if ask.words[2] == "stats":
            return self._past_fills(ask, form, port)
        return self._orders(ask, form, port, what) or self._money(ask, form, port, what) or Answer(404)

    def _orders(self, ask: Ask, form: frames.Format, port: Port, what: list[str]) -> Answer | None:
        records, desk, now = self._host.records, self._host.stop_desk, ask.now
        match what:
            case ["orders"]:
                orders = (
                    records.order(form, report, port, now, existing=True) for report in port.orders(working=False)
                )
                return json_answer([order for order in orders if order is not None])
            case ["orders", order_id]:
                standing = port.order(order_id=terms.exchange_id(order_id))
                order = records.order(form, standing, port, now, existing=True) if standing else None
                return Answer(404) if order is None else json_answer(order)
            case ["stoporders"]:
                waiting = desk.waiting.of(port.account)
                return json_answer([desk.record(form, order, existing=True) for order in waiting])
            case ["stoporders", order_id]:
                found = desk.waiting.find(order_id, port.account)
                return Answer(404) if found is None else json_answer(desk.record(form, found, existing=True))
            case _:
                return None

    def _money(self, ask: Ask, form: frames.Format, port: Port, what: list[str]) -> Answer | None:
        records = self._host.records
        match what:
            case ["trades"]:
                return self._fills(ask, form, port, "")
            case [symbol, "trades"]:
                return self._fills(ask, form, port, symbol)
            case ["positions"]:
                bare = ask.is_true("withoutCurrency")
                return json_answer([row for row in records.holdings(form, port) if not (bare and row.isCurrency)])
            case ["positions", symbol]:
                rows = [row for row in records.holdings(form, port) if row.symbol.lower() == symbol]
                return json_answer(rows[0]) if rows else Answer(404)
            case ["summary"]:
                return json_answer(records.summary(form, port))
            case ["risk"]:
                return json_answer(records.risk(form, port, ask.now))
            case ["fortsrisk"]:
                return json_answer(records.spectra_risk(form, port))
            case _:
                return None

    def _login(self, ask: Ask, claims: access.Claims) -> Answer:
        """Positions of all portfolios of a login."""
        form = ask.form
        if form is None:
            return Answer(400)
        if ask.parts[3] != claims.sub:
            return Answer(403)
        ports = (self._host.port(claims, portfolio) for portfolio in claims.portfolios.split())
        rows = [row for port in ports if port is not None for row in self._host.records.holdings(form, port)]
        bare = ask.is_true("withoutCurrency")
        return json_answer([row for row in rows if not (bare and row.isCurrency)])

    # ---- trades: of today here, of the days before there

    def _fills(self, ask: Ask, form: frames.Format, port: Port, symbol: str) -> Answer:
        found = [fill for fill in self._matching(ask, port, symbol) if fill.transact_time >= _midnight(ask)]
        return self._told(ask, form, found)

    def _past_fills(self, ask: Ask, form: frames.Format, port: Port) -> Answer:
        """`limit` of them, from a trade id and a day on, either way round (5.1)."""
        limit, first = ask.count("limit", _MOST_TRADES), ask.count("from", 0)
        since = ask.text("dateFrom")
        if limit is None or first is None:
            return Answer(400)
        symbol = ask.words[7] if len(ask.words) > 7 else ask.text("ticker").lower()
        side = terms.SIDES.get(ask.text("side").lower())
        found = [
            fill
            for fill in self._matching(ask, port, symbol)
            if fill.transact_time < _midnight(ask)
            and int(fill.exec_id) >= first
            and terms.iso_of(fill.transact_time) >= since
            and side in (None, fill.side)
        ]
        if ask.is_true("descending"):
            found.reverse()
        return self._told(ask, form, found[: min(limit, _MOST_TRADES)])

    def _matching(self, ask: Ask, port: Port, symbol: str) -> list[ExecutionReport]:
        board, instruments = ask.text("instrumentGroup"), self._host.desk.exchange.instruments
        return [
            fill
            for fill in port.fills()
            if (not symbol or instruments[fill.symbol].security_id.lower() == symbol)
            and (not board or instruments[fill.symbol].market_segment_id == board)
        ]

    def _told(self, ask: Ask, form: frames.Format, fills: list[ExecutionReport]) -> Answer:
        return json_answer([self._host.records.fill(form, fill, ask.now, existing=True) for fill in fills])


def _midnight(ask: Ask) -> Nanos:
    """When the session of today began: midnight, UTC."""
    return ask.now - ask.now % _DAY
