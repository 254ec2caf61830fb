"""The venue's HTTP: the token server, market data, the portfolio, orders (2.2, 5)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from msgspec import UNSET, Raw, Struct

from venuewire.codec import decoder, encode
from venuewire.errors import RemoteProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venue import Answer, Port, Request
from venuewire.venues.alor import books, terms
from venuewire.venues.alor.desk import Done, Outcome
from venuewire.venues.alor.wire import access, commands, frames

if TYPE_CHECKING:
    from venuewire.venues.alor.acceptor import AlorHost

_JSON = {"content-type": "application/json; charset=utf-8"}
_TEXT = {"content-type": "text/plain; charset=utf-8"}
_REQID_LIFE: Nanos = 24 * 3600 * NANOS_PER_SECOND
"""ASSUMPTION: request ids are remembered a day, per user (8.15)."""
_REQIDS_KEPT = 100_000
_SECURITIES_LIMIT = 25

_read_object = decoder(dict[str, Any])


class _Ask(Struct):
    """A request taken apart."""

    request: Request
    parts: list[str]
    """Of the path, decoded."""
    words: list[str]
    """The same in lower case: paths are compared without regard to case (1)."""
    query: dict[str, str]
    now: Nanos
    claims: access.Claims | None


class HttpAcceptor:
    """Answers one request after the other; keeps the request ids."""

    def __init__(self, host: AlorHost) -> None:
        self._host = host
        self._reqids: dict[tuple[str, str], tuple[Nanos, Answer]] = {}
        self._recent: dict[str, deque[Nanos]] = {}

    def serve(self, request: Request, now: Nanos) -> Answer:
        """Never raises for what a client sent."""
        parts = [unquote(part) for part in request.path.split("/") if part]
        query = {key: values[-1] for key, values in parse_qs(request.query, keep_blank_values=True).items()}
        words = [part.lower() for part in parts]
        if now < self._host.throttled_until:
            return Answer(429)
        if words == ["refresh"]:
            return self._refresh(request, query, now) if request.method == "POST" else Answer(405)
        claims = self._claims(request, now)
        if claims is not None and self._is_too_fast(claims.sub, now):
            return Answer(429)
        ask = _Ask(request, parts, words, query, now, claims)
        if words[:2] == ["md", "v2"] and request.method == "GET":
            return self._read(ask)
        if request.path.lower().startswith(commands.ORDERS_PATH.lower()):
            return Answer(401) if claims is None else self._orders(ask, claims)
        return Answer(404)

    def _claims(self, request: Request, now: Nanos) -> access.Claims | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return self._host.claims(token.strip(), now) if scheme.lower() == "bearer" else None

    def _is_too_fast(self, login: str, now: Nanos) -> bool:
        """More than so many requests within a second (5.9)."""
        recent = self._recent.setdefault(login, deque())
        while recent and now - recent[0] >= NANOS_PER_SECOND:
            recent.popleft()
        if len(recent) >= self._host.switches.requests_per_second:
            return True
        recent.append(now)
        return False

    # ---- the token server (2.2)

    def _refresh(self, request: Request, query: dict[str, str], now: Nanos) -> Answer:
        token, allowed = query.get("token"), _names(query.get("allowedPortfolios"))
        if request.body.strip():
            # The body wins where both are given; the case of its keys does not matter.
            try:
                body = _read_object(request.body)
            except RemoteProtocolError:
                return _said(400, frames.MALFORMED)
            keyed = {key.lower(): value for key, value in body.items()}
            token, allowed = keyed.get("token"), _names(keyed.get("allowedportfolios"))
        if not isinstance(token, str) or not token:
            return _said(400, "Refresh token is not given")
        access_token = self._host.issue(token, allowed, now)
        if access_token is None:
            return _said(403, "Refresh token is malformed, expired or revoked")
        return _json(access.RefreshReply(AccessToken=access_token))

    # ---- reads

    def _read(self, ask: _Ask) -> Answer:
        match ask.words[2:]:
            case ["time"]:
                return Answer(200, str(ask.now // NANOS_PER_SECOND).encode(), _JSON)
            case ["securities"] | ["securities", _]:
                return self._securities(ask)
            case ["securities", listed, "quotes"] if ":" in listed:
                return self._quotes(ask)
            case ["securities", _, _, "availableboards"]:
                instrument = self._instrument(ask, 3)
                return Answer(404) if instrument is None else _json([instrument.market_segment_id])
            case _:
                return Answer(401) if ask.claims is None else self._read_private(ask, ask.claims)

    def _read_private(self, ask: _Ask, claims: access.Claims) -> Answer:
        """What a token is needed for (5.2)."""
        form = frames.FORMATS.get(ask.query.get("format", "Simple").lower())
        if form is None:
            return Answer(400)
        match ask.words[2:]:
            case ["securities", _, _]:
                instrument = self._instrument(ask, 3)
                return Answer(404) if instrument is None else _json(self._host.records.security(form, instrument))
            case ["orderbooks", _, _]:
                return self._book(ask, form)
            case ["securities", _, _, "alltrades"]:
                return self._all_trades(ask, form)
            case ["clients", _, portfolio, *what]:
                port = self._host.port(claims, ask.parts[4])
                return Answer(403) if port is None or not portfolio else self._portfolio(ask, form, port, what)
            case _:
                return Answer(404)

    def _instrument(self, ask: _Ask, at: int) -> Instrument | None:
        board = ask.query.get("instrumentGroup", "")
        return self._host.desk.instrument(ask.parts[at].upper(), ask.parts[at + 1], board)

    def _securities(self, ask: _Ask) -> Answer:
        form = frames.FORMATS.get(ask.query.get("format", "Simple").lower())
        limit, offset = _count(ask.query, "limit", _SECURITIES_LIMIT), _count(ask.query, "offset", 0)
        if form is None or limit is None or offset is None:
            return Answer(400)
        exchange = ask.parts[3] if len(ask.parts) > 3 else ask.query.get("exchange", "")
        wanted, sector = ask.query.get("query", "").lower(), ask.query.get("sector", "FOND").upper()
        board = ask.query.get("instrumentGroup", "")
        found = [
            instrument
            for instrument in self._host.records.securities()
            if wanted in instrument.security_id.lower()
            and (not exchange or instrument.security_exchange == exchange.upper())
            and (not board or instrument.market_segment_id == board)
            and sector == "FOND"
        ]
        return _json([self._host.records.security(form, found_one) for found_one in found[offset : offset + limit]])

    def _quotes(self, ask: _Ask) -> Answer:
        form = frames.FORMATS.get(ask.query.get("format", "Simple").lower())
        if form is None:
            return Answer(400)
        names = [name.partition(":") for name in ask.parts[3].split(",")]
        found = [self._host.desk.instrument(exchange.upper(), ticker) for exchange, _, ticker in names]
        return _json([self._host.records.quote(form, instrument) for instrument in found if instrument is not None])

    def _book(self, ask: _Ask, form: frames.Format) -> Answer:
        instrument, depth = self._instrument(ask, 3), _count(ask.query, "depth", frames.DEFAULT_DEPTH)
        if depth is None:
            return Answer(400)
        if instrument is None:
            return Answer(404)
        depth = min(max(depth, 1), frames.MAXIMUM_DEPTH)
        return _json(self._host.records.book(form, instrument, depth, ask.now, existing=True))

    def _all_trades(self, ask: _Ask, form: frames.Format) -> Answer:
        instrument, take = self._instrument(ask, 3), _count(ask.query, "take", frames.MAXIMUM_TRADES)
        if take is None:
            return Answer(400)
        if instrument is None:
            return Answer(404)
        trades = self._host.records.trades(instrument, take)
        return _json([books.trade_record(form, trade, instrument, existing=True) for trade in trades])

    def _portfolio(self, ask: _Ask, form: frames.Format, port: Port, what: list[str]) -> Answer:
        records, now = self._host.records, ask.now
        match what:
            case ["orders"]:
                orders = (
                    records.order(form, report, port, now, existing=True) for report in port.orders(working=False)
                )
                return _json([order for order in orders if order is not None])
            case ["orders", order_id]:
                standing = port.order(order_id=order_id)
                order = records.order(form, standing, port, now, existing=True) if standing else None
                return Answer(404) if order is None else _json(order)
            case ["trades"]:
                return _json([records.fill(form, report, now, existing=True) for report in port.fills()])
            case ["positions"]:
                bare = ask.query.get("withoutCurrency", "").lower() == "true"
                rows = records.holdings(form, port)
                return _json([row for row in rows if not (bare and row.isCurrency)])
            case ["positions", symbol]:
                rows = [row for row in records.holdings(form, port) if row.symbol.lower() == symbol]
                return _json(rows[0]) if rows else Answer(404)
            case ["summary"]:
                return _json(records.summary(form, port))
            case _:
                return Answer(404)

    # ---- orders (5.5, 5.6)

    def _orders(self, ask: _Ask, claims: access.Claims) -> Answer:
        words = ask.words[len(commands.ORDERS_PATH.strip("/").split("/")) :]
        match ask.request.method, words:
            case "POST", ["actions", ("market" | "limit") as word]:
                return self._once(ask, claims, lambda: self._change(ask, claims, word, ""))
            case "PUT", ["actions", ("market" | "limit") as word, order_id]:
                return self._once(ask, claims, lambda: self._change(ask, claims, word, order_id))
            case "DELETE", ["all"]:
                return self._delete(ask, claims, "")
            case "DELETE", [order_id]:
                return self._delete(ask, claims, order_id)
            case _:
                return Answer(404)

    def _once(self, ask: _Ask, claims: access.Claims, act: Callable[[], Answer]) -> Answer:
        """A request id that comes again is not acted on: it gets a copy of the first answer."""
        headers = ask.request.headers
        reqid = headers.get("x-reqid") or headers.get("x-alor-reqid")
        if not reqid:
            return _said(400, "X-REQID is not given")
        key = (claims.sub, reqid)
        first = self._reqids.get(key)
        if first is not None and ask.now - first[0] < _REQID_LIFE:
            old = first[1]
            body = old.body if old.headers == _JSON else encode(old.body.decode())
            return _json(
                commands.Repeated(
                    message=commands.REPEATED_REQID,
                    oldResponse=commands.OldAnswer(statusCode=old.status, body=Raw(body or b'""')),
                ),
                400,
            )
        answer = act()
        self._reqids.pop(key, None)
        self._reqids[key] = ask.now, answer
        if len(self._reqids) > _REQIDS_KEPT:
            del self._reqids[next(iter(self._reqids))]
        return answer

    def _change(self, ask: _Ask, claims: access.Claims, word: str, order_id: str) -> Answer:
        try:
            record = commands.read_http_order(ask.request.body)
        except RemoteProtocolError:
            return Answer(400, frames.MALFORMED.encode(), _TEXT)
        port = self._host.port(claims, record.user.portfolio)
        if port is None:
            return Answer(403)
        desk, ord_type = self._host.desk, terms.ORD_TYPES[word]
        if order_id:
            outcome = desk.update(record, order_id, ord_type, port, ask.now, "")
        else:
            outcome = desk.create(record, ord_type, port, ask.now, "")
        if isinstance(outcome, Done):
            return _json(commands.HttpDone(orderNumber=outcome.order_id))
        return _said(outcome.code, outcome.text)

    def _delete(self, ask: _Ask, claims: access.Claims, order_id: str) -> Answer:
        portfolio, exchange = ask.query.get("portfolio"), ask.query.get("exchange")
        if not portfolio or not exchange:
            return _refused("BadRequest", frames.MALFORMED)
        port = self._host.port(claims, portfolio)
        if port is None:
            return Answer(403)
        if ask.query.get("stop", "").lower() == "true":
            # Conditional orders have ids of their own; there are none here.
            outcome: Outcome | None = None
        elif order_id:
            outcome = self._host.desk.delete(order_id, port, ask.now, "")
        else:
            outcome = self._host.desk.delete_all(port, ask.now, "")
        if isinstance(outcome, Done):
            if ask.query.get("jsonResponse", "").lower() == "true":
                return _json(commands.HttpDone(orderNumber=outcome.order_id or UNSET))
            return Answer(200, b"success", _TEXT)
        if not order_id:
            return _refused("OrderToCancelNotFound", terms.UNKNOWN_ORDERS)
        return _refused("OrderToCancelNotFound (404)", outcome.text if outcome else terms.UNKNOWN_ORDER)


def _names(given: Any) -> list[str] | None:
    """`allowedPortfolios`: an array, or an array written as a text."""
    if isinstance(given, list):
        return [str(name) for name in given]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(given, str):
        return [name for name in given.replace(",", " ").translate(_BRACKETS).split() if name]
    return None


_BRACKETS: Mapping[int, str] = {ord(sign): " " for sign in '[]"'}


def _count(query: dict[str, str], name: str, otherwise: int) -> int | None:
    """A whole number of the query; None when it is not one."""
    text = query.get(name)
    if not text:
        return otherwise
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _json(record: object, status: int = 200) -> Answer:
    return Answer(status, encode(record), _JSON)


def _said(status: int, text: str) -> Answer:
    return Answer(status) if status == 403 and not text else _json(access.Message(message=text), status)


def _refused(code: str, text: str) -> Answer:
    return _json(commands.HttpRefused(code=code, message=text), 400)
