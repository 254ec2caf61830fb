"""The REST v3 of the sandbox's Coinbase. Pages: REST API reference, by operation.

Refused orders, edits and cancels are HTTP 200 with `success` false; everything else that is wrong has a status.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, unquote

from msgspec import Struct

from venuewire.codec import encode
from venuewire.model.terms import NANOS_PER_MILLI, NANOS_PER_SECOND, Nanos
from venuewire.venue import Answer, Request
from venuewire.venues.coinbase import orders, signing
from venuewire.venues.coinbase.acceptor.account import AccountPages
from venuewire.venues.coinbase.acceptor.host import Shared
from venuewire.venues.coinbase.acceptor.market import MarketPages
from venuewire.venues.coinbase.acceptor.orders import OrderDesk
from venuewire.venues.coinbase.acceptor.requests import (
    JSON,
    Asked,
    Wrong,
    body_of,
    enumerated,
    number_of,
    one,
    page_of,
    time_of,
)
from venuewire.venues.coinbase.acceptor.window import Window
from venuewire.venues.coinbase.acceptor.wishes import wished
from venuewire.venues.coinbase.texts import rfc3339
from venuewire.venues.coinbase.wire import rest

_PRODUCTION = "api.coinbase.com"
_ORDERS_LIMIT, _FILLS_LIMIT, _MOST = 1000, 100, 1000


class _Unauthorized(Exception):
    pass


class RestService:
    """Routes, credentials, limits, and everything that only reads; orders are `OrderDesk`'s."""

    def __init__(self, host: Shared) -> None:
        self._host = host
        self._desk = OrderDesk(host)
        market, account = MarketPages(host), AccountPages(host)
        self._private, self._public = Window(), Window()
        self._routes: dict[tuple[str, str], Callable[[Asked], Struct]] = {
            ("GET", "/time"): self._time,
            ("GET", "/market/products"): market.products,
            ("GET", "/market/products/*"): market.product,
            ("GET", "/market/products/*/candles"): market.candles,
            ("GET", "/market/products/*/ticker"): market.trades,
            ("GET", "/market/product_book"): market.product_book,
            ("GET", "/products"): market.products,
            ("GET", "/products/*"): market.product,
            ("GET", "/products/*/candles"): market.candles,
            ("GET", "/products/*/ticker"): market.trades,
            ("GET", "/product_book"): market.product_book,
            ("GET", "/best_bid_ask"): market.best_bid_ask,
            ("GET", "/accounts"): account.accounts,
            ("GET", "/accounts/*"): account.account,
            ("GET", "/key_permissions"): account.key_permissions,
            ("GET", "/transaction_summary"): account.transaction_summary,
            ("GET", "/payment_methods"): account.payment_methods,
            ("GET", "/payment_methods/*"): account.payment_method,
            ("GET", "/convert/trade/*"): account.no_conversion,
            ("GET", "/portfolios"): account.portfolios,
            ("GET", "/portfolios/*"): account.breakdown,
            ("GET", "/cfm/balance_summary"): account.cfm_balance,
            ("GET", "/cfm/positions"): account.cfm_positions,
            ("GET", "/cfm/positions/*"): account.no_position,
            ("GET", "/cfm/sweeps"): account.sweeps,
            ("GET", "/cfm/intraday/margin_setting"): account.margin_setting,
            ("GET", "/cfm/intraday/current_margin_window"): account.margin_window,
            ("GET", "/intx/portfolio/*"): account.no_perpetuals,
            ("GET", "/intx/positions/*"): account.no_perpetuals,
            ("GET", "/intx/balances/*"): account.no_perpetuals,
            ("GET", "/orders/historical/batch"): self._orders,
            ("GET", "/orders/historical/fills"): self._fills,
            ("GET", "/orders/historical/*"): self._order,
            ("POST", "/orders"): self._create,
            ("POST", "/orders/preview"): self._preview,
            ("POST", "/orders/edit"): self._edit,
            ("POST", "/orders/edit_preview"): self._edit_preview,
            ("POST", "/orders/close_position"): self._close,
            ("POST", "/orders/batch_cancel"): self._cancel,
        }

    def answer(self, request: Request, now: Nanos) -> Answer:
        """Answer one request; whatever a client sent, nothing is raised."""
        self._host.watch.look(now)
        answer = self._answer(request, now)
        self._host.watch.look(now)
        return answer

    def _answer(self, request: Request, now: Nanos) -> Answer:
        public = _is_public(request)
        rate, window = (
            (self._host.switches.public_rate, self._public)
            if public
            else (self._host.switches.private_rate, self._private)
        )
        try:
            body = self._body(request, window.take(rate, now), now, public=public)
        except Wrong as wrong:
            answer = wrong.answer()
        except _Unauthorized:
            answer = self._unauthorized()
        except _Limited:
            limited = rest.Failures([rest.ListedFailure("rate_limit_exceeded", "Too many requests")])
            answer = Answer(429, encode(limited), dict(JSON))
        else:
            answer = Answer(200, encode(body), dict(JSON))
        if rate is not None and not public:
            answer.headers.update(window.headers(rate, now))  # none were seen on public answers
        return answer

    def _body(self, request: Request, allowed: bool, now: Nanos, *, public: bool) -> Struct:
        path = request.path.removeprefix(rest.ROOT)
        route, item = self._route(request.method, path if path != request.path else "")
        refusal = self._host.refusal(now)
        if refusal == 429 or not allowed:
            raise _Limited
        if refusal:
            raise Wrong(refusal, "unavailable", "Service Unavailable")
        account = "" if public else self._account_of(request, now)
        if request.method == "POST" and not self._host.switches.can_trade:
            raise Wrong(403, "PERMISSION_DENIED", "Missing required scopes")
        # A body on a GET is read and ignored: the official SDK sends `{}` with every one.
        query = parse_qs(request.query, keep_blank_values=True)
        asked = Asked(request, query, account, now, item)
        return wished(asked) or route(asked)

    def _route(self, method: str, path: str) -> tuple[Callable[[Asked], Struct], str]:
        if route := self._routes.get((method, path)):
            return route, ""
        parts = path.split("/")
        for at in range(len(parts) - 1, 1, -1):
            pattern = "/".join([*parts[:at], "*", *parts[at + 1 :]])
            if parts[at] and (route := self._routes.get((method, pattern))):
                return route, unquote(parts[at])
        if any(path == known for _, known in self._routes):
            raise Wrong(405, "unknown", "Method Not Allowed")
        raise Wrong(404, "NOT_FOUND", "Not Found")

    # ------------------------------------------------------------------ who asks

    def _account_of(self, request: Request, now: Nanos) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _Unauthorized
        hosts = [request.host or request.headers.get("host", "")]
        if self._host.switches.production_uris:
            hosts.append(_PRODUCTION)
        uris = frozenset(signing.request_uri(request.method, host, request.path) for host in hosts)
        try:
            return self._host.verified(token.strip(), now, uris)
        except signing.BadToken:
            raise _Unauthorized from None

    def _unauthorized(self) -> Answer:
        if self._host.switches.json_unauthorized:
            return Answer(401, encode(rest.Failure(error="UNAUTHORIZED", code=16, message="Unauthorized")), dict(JSON))
        return Answer(401, b"Unauthorized\n", {"content-type": "text/plain; charset=utf-8"})

    # ------------------------------------------------------------------ clock

    def _time(self, asked: Asked) -> Struct:
        seconds = asked.now // NANOS_PER_SECOND
        return rest.TimeAnswer(
            iso=rfc3339(seconds * NANOS_PER_SECOND),
            epochSeconds=str(seconds),
            epochMillis=str(asked.now // NANOS_PER_MILLI),
        )

    # ------------------------------------------------------------------ orders and fills

    def _order(self, asked: Asked) -> Struct:
        report = self._host.port(asked.account).order(order_id=asked.item)
        if report is None:
            raise Wrong(404, "unknown", "order with this orderID was not found")
        return rest.OrderAnswer(self._desk.order(report, asked.account))

    def _orders(self, asked: Asked) -> Struct:
        """Newest first."""
        query = asked.query
        statuses = enumerated(query, "order_status", orders.STATUS_WORDS)
        if "OPEN" in statuses and len(statuses) > 1:
            raise Wrong(400, "INVALID_ARGUMENT", "OPEN orders cannot be queried with other order statuses")
        since, until = time_of(query, "start_date"), time_of(query, "end_date")
        sides = enumerated(query, "order_side", frozenset({"BUY", "SELL"}))
        wanted_products, wanted = frozenset(query.get("product_ids", ())), frozenset(query.get("order_ids", ()))
        working = bool(statuses) and statuses <= orders.WORKING_WORDS
        listed = [
            report
            for report in reversed(self._host.port(asked.account).orders(working=working))
            if (not statuses or orders.status_word(report) in statuses)
            and (not sides or (report.side or "") in sides)
            and (not wanted_products or self._host.product_of(report) in wanted_products)
            and (not wanted or report.order_id in wanted)
            and (not since or self._host.created(report) >= since)
            and (not until or self._host.created(report) < until)
        ]
        limit = min(number_of(query, "limit", _ORDERS_LIMIT) or _ORDERS_LIMIT, _MOST)
        page, has_next, cursor = page_of(listed, lambda report: report.order_id, one(query, "cursor"), limit)
        rows = [self._desk.order(report, asked.account) for report in page]
        return rest.OrdersAnswer(orders=rows, sequence="0", has_next=has_next, cursor=cursor)

    def _fills(self, asked: Asked) -> Struct:
        """Newest first."""
        query = asked.query
        wanted = frozenset(query.get("order_ids", ()))
        trades = frozenset(query.get("trade_ids", ()))
        wanted_products = frozenset((*query.get("product_ids", ()), *query.get("product_id", ())))
        since, until = time_of(query, "start_sequence_timestamp"), time_of(query, "end_sequence_timestamp")
        listed = [
            fill
            for fill in reversed(self._host.port(asked.account).fills())
            if (not wanted or fill.order_id in wanted)
            and (not trades or fill.exec_id in trades)
            and (not since or fill.transact_time >= since)
            and (not until or fill.transact_time < until)
            and (not wanted_products or self._host.product_of(fill) in wanted_products)
        ]
        limit = min(number_of(query, "limit", _FILLS_LIMIT) or _FILLS_LIMIT, _MOST)
        page, _, cursor = page_of(listed, lambda fill: f"{fill.order_id}:{fill.exec_id}", one(query, "cursor"), limit)
        user_id = self._host.user_id
        rows = [orders.fill_row(fill, self._host.product_of(fill), asked.account, user_id) for fill in page]
        return rest.FillsAnswer(fills=rows, cursor=cursor)

    def _create(self, asked: Asked) -> Struct:
        return self._desk.create(body_of(rest.read_any_create, asked), asked.account, asked.now)

    def _preview(self, asked: Asked) -> Struct:
        return self._desk.preview(body_of(rest.read_any_create, asked), asked.account, asked.now)

    def _edit_preview(self, asked: Asked) -> Struct:
        return self._desk.edit_preview(body_of(rest.read_edit, asked), asked.account)

    def _close(self, asked: Asked) -> Struct:
        return self._desk.close(body_of(rest.read_close, asked))

    def _edit(self, asked: Asked) -> Struct:
        return self._desk.edit(body_of(rest.read_edit, asked), asked.account, asked.now)

    def _cancel(self, asked: Asked) -> Struct:
        request = body_of(rest.read_cancel, asked)
        if len(request.order_ids) > MOST_CANCELS:
            raise Wrong(400, "INVALID_ARGUMENT", f"at most {MOST_CANCELS} order_ids")
        return self._desk.cancel(request, asked.account, asked.now)


MOST_CANCELS = 100
"""Order ids in one batch, as other clients keep to."""


def _is_public(request: Request) -> bool:
    path = request.path.removeprefix(rest.ROOT)
    return path == "/time" or path.startswith("/market/")


class _Limited(Exception):
    pass
