"""The REST v3 of the sandbox's Coinbase. Pages: REST API reference, by operation.

Refused orders, edits and cancels are HTTP 200 with `success` false; everything else that is wrong has a status.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeVar
from urllib.parse import parse_qs

from msgspec import Struct

from venuewire.codec import encode
from venuewire.errors import RemoteProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.market import SET_BID
from venuewire.model.terms import NANOS_PER_MILLI, NANOS_PER_SECOND, Nanos
from venuewire.venue import Answer, Rate, Request
from venuewire.venues.coinbase import orders, products, signing
from venuewire.venues.coinbase.acceptor_orders import OrderDesk
from venuewire.venues.coinbase.day import Day
from venuewire.venues.coinbase.host import Shared, uuid_of
from venuewire.venues.coinbase.texts import micros, plain, plain_scaled, rfc3339
from venuewire.venues.coinbase.wire import rest

T = TypeVar("T")

_JSON = {"content-type": "application/json"}
_PRODUCTION = "api.coinbase.com"
_PRODUCT_TYPES = frozenset({"UNKNOWN_PRODUCT_TYPE", "SPOT", "FUTURE", "EQUITY", "OPTION_GROUP", "FUTURE_GROUP"})
_ACCOUNTS_LIMIT, _ACCOUNTS_MOST = 49, 250
_ORDERS_LIMIT, _FILLS_LIMIT, _MOST = 1000, 100, 1000

Query = dict[str, list[str]]


class Wrong(Exception):
    """A request that is answered with a status other than 200."""

    def __init__(self, status: int, error: str, message: str) -> None:
        self.status, self.error, self.message = status, error, message
        super().__init__(message)

    def answer(self) -> Answer:
        """The gateway's shape of it."""
        body = rest.Failure(error=self.error, error_details=self.message, message=self.message)
        return Answer(self.status, encode(body), dict(_JSON))


class _Unauthorized(Exception):
    pass


class Asked(Struct, frozen=True):
    """A request that may be answered."""

    request: Request
    query: Query
    account: str
    """Empty for public requests."""
    now: Nanos
    item: str = ""
    """The last part of paths that end in an id."""


class _Window:
    """At most so many in any such time."""

    def __init__(self) -> None:
        self._times: deque[Nanos] = deque()

    def take(self, rate: Rate | None, now: Nanos) -> bool:
        """Whether one more fits now."""
        if rate is None:
            return True
        while self._times and self._times[0] <= now - rate.per:
            self._times.popleft()
        if len(self._times) >= rate.count:
            return False
        self._times.append(now)
        return True


class RestService:
    """Routes, credentials, limits, and everything that only reads; orders are `OrderDesk`'s."""

    def __init__(self, host: Shared) -> None:
        self._host = host
        self._desk = OrderDesk(host)
        self._private, self._public = _Window(), _Window()
        self._routes: dict[tuple[str, str], Callable[[Asked], Struct]] = {
            ("GET", "/time"): self._time,
            ("GET", "/market/products"): self._products,
            ("GET", "/market/products/*"): self._product,
            ("GET", "/market/product_book"): self._product_book,
            ("GET", "/products"): self._products,
            ("GET", "/products/*"): self._product,
            ("GET", "/product_book"): self._product_book,
            ("GET", "/accounts"): self._accounts,
            ("GET", "/accounts/*"): self._account,
            ("GET", "/key_permissions"): self._key_permissions,
            ("GET", "/orders/historical/batch"): self._orders,
            ("GET", "/orders/historical/fills"): self._fills,
            ("GET", "/orders/historical/*"): self._order,
            ("POST", "/orders"): self._create,
            ("POST", "/orders/edit"): self._edit,
            ("POST", "/orders/batch_cancel"): self._cancel,
        }

    def answer(self, request: Request, now: Nanos) -> Answer:
        """Answer one request; whatever a client sent, nothing is raised."""
        try:
            body = self._answer(request, now)
        except Wrong as wrong:
            return wrong.answer()
        except _Unauthorized:
            return self._unauthorized()
        except _Limited:
            limited = rest.Failures([rest.ListedFailure("rate_limit_exceeded", "Too many requests")])
            return Answer(429, encode(limited), dict(_JSON))
        return Answer(200, encode(body), dict(_JSON))

    def _answer(self, request: Request, now: Nanos) -> Struct:
        path = request.path.removeprefix(rest.ROOT)
        route, item = self._route(request.method, path if path != request.path else "")
        refusal = self._host.refusal(now)
        if refusal == 429:
            raise _Limited
        if refusal:
            raise Wrong(refusal, "unavailable", "Service Unavailable")
        public = path == "/time" or path.startswith("/market/")
        switches = self._host.switches
        if public:
            allowed = self._public.take(switches.public_rate, now)
        else:
            allowed = self._private.take(switches.private_rate, now)
        if not allowed:
            raise _Limited
        account = "" if public else self._account_of(request, now)
        # A body on a GET is read and ignored: the official SDK sends `{}` with every one.
        query = parse_qs(request.query, keep_blank_values=True)
        return route(Asked(request, query, account, now, item))

    def _route(self, method: str, path: str) -> tuple[Callable[[Asked], Struct], str]:
        head, _, item = path.rpartition("/")
        if route := self._routes.get((method, path)):
            return route, ""
        if item and (route := self._routes.get((method, f"{head}/*"))):
            return route, item
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
            return Answer(401, encode(rest.Failure(error="UNAUTHORIZED", code=16, message="Unauthorized")), dict(_JSON))
        return Answer(401, b"Unauthorized\n", {"content-type": "text/plain; charset=utf-8"})

    # ------------------------------------------------------------------ clock, key

    def _time(self, asked: Asked) -> Struct:
        seconds = asked.now // NANOS_PER_SECOND
        return rest.TimeAnswer(
            iso=rfc3339(seconds * NANOS_PER_SECOND),
            epochSeconds=str(seconds),
            epochMillis=str(asked.now // NANOS_PER_MILLI),
        )

    def _key_permissions(self, asked: Asked) -> Struct:
        return rest.KeyPermissions(
            can_view=True, can_trade=True, can_transfer=False, portfolio_uuid=asked.account, portfolio_type="DEFAULT"
        )

    # ------------------------------------------------------------------ products, books

    def _figures(self, instrument: Instrument) -> Day:
        return Day(self._host.exchange.trades(instrument.symbol, 1000))

    def _all_products(self) -> list[rest.Product]:
        result: list[rest.Product] = []
        for instrument in self._host.exchange.instruments.values():
            quote, day = self._host.exchange.quote(instrument.symbol), self._figures(instrument).figures()
            result.append(products.product(instrument, quote, day))
            if products.alias_of(instrument):
                result.append(products.alias_product(instrument, quote, day))
        return result

    def _products(self, asked: Asked) -> Struct:
        kind = _one(asked.query, "product_type")
        if kind and kind not in _PRODUCT_TYPES:
            raise _not_a_value("product_type", kind)
        wanted = frozenset(asked.query.get("product_ids", ()))
        listed = [
            product
            for product in self._all_products()
            if (not wanted or product.product_id in wanted) and kind in {"", "UNKNOWN_PRODUCT_TYPE", "SPOT"}
        ]
        start = _number(asked.query, "offset", 0)
        page = listed[start : start + (_number(asked.query, "limit", 0) or len(listed))]
        return rest.ProductsAnswer(products=page, num_products=len(page))

    def _product(self, asked: Asked) -> Struct:
        for product in self._all_products():
            if product.product_id == asked.item:
                return product
        raise Wrong(404, "NOT_FOUND", "valid product_id is required")

    def _product_book(self, asked: Asked) -> Struct:
        product_id = _one(asked.query, "product_id")
        instrument = self._host.book_of(product_id)
        if instrument is None:
            raise Wrong(404, "NOT_FOUND", "product not found" if product_id else "valid product_id is required")
        depth = _number(asked.query, "limit", 0) or None
        bids: list[rest.BookLevel] = []
        asks: list[rest.BookLevel] = []
        for what, price, size in self._host.exchange.book(instrument.symbol, depth).rows():
            texts = plain_scaled(price, instrument.price_scale), plain_scaled(size, instrument.qty_scale)
            (bids if what == SET_BID else asks).append(rest.BookLevel(*texts))
        book = rest.PriceBook(product_id=product_id, bids=bids, asks=asks, time=micros(asked.now))
        return self._with_spread(book, instrument)

    def _with_spread(self, book: rest.PriceBook, instrument: Instrument) -> rest.ProductBookAnswer:
        quote = self._host.exchange.quote(instrument.symbol)
        answer = rest.ProductBookAnswer(
            pricebook=book, last=plain(quote.last_px or Decimal(0)), mid_market="", spread_bps="", spread_absolute=""
        )
        if quote.bid is not None and quote.ask is not None:
            middle, spread = (quote.bid + quote.ask) / 2, quote.ask - quote.bid
            answer.mid_market, answer.spread_absolute = plain(middle), plain(spread)
            answer.spread_bps = plain(round(spread * 10_000 / middle, 4))
        return answer

    # ------------------------------------------------------------------ wallets

    def _wallets(self, account: str, now: Nanos) -> list[rest.Account]:
        started = micros(now - self._host.uptime(now))
        result: list[rest.Account] = []
        for balance in self._host.port(account).balances():
            currency = balance.currency
            fiat = currency == "USD"
            held = balance.total - balance.available
            result.append(
                rest.Account(
                    uuid=uuid_of("wallet", account, currency),
                    name=f"Cash ({currency})" if fiat else f"{currency} Wallet",
                    currency=currency,
                    available_balance=rest.Amount(plain(balance.available), currency),
                    default=False,
                    active=True,
                    created_at=started,
                    updated_at=micros(now),
                    deleted_at=None,
                    type="ACCOUNT_TYPE_FIAT" if fiat else "ACCOUNT_TYPE_CRYPTO",
                    ready=True,
                    hold=rest.Amount(plain(held), currency),
                    retail_portfolio_id=account,
                    platform="ACCOUNT_PLATFORM_CONSUMER",
                )
            )
        return result

    def _accounts(self, asked: Asked) -> Struct:
        limit = min(_number(asked.query, "limit", _ACCOUNTS_LIMIT) or _ACCOUNTS_LIMIT, _ACCOUNTS_MOST)
        wallets = self._wallets(asked.account, asked.now)
        page, has_next, cursor = _page(wallets, lambda wallet: wallet.uuid, _one(asked.query, "cursor"), limit)
        return rest.AccountsAnswer(accounts=page, has_next=has_next, cursor=cursor, size=len(page))

    def _account(self, asked: Asked) -> Struct:
        for wallet in self._wallets(asked.account, asked.now):
            if wallet.uuid == asked.item:
                return AccountAnswer(wallet)
        raise Wrong(404, "NOT_FOUND", "account not found")

    # ------------------------------------------------------------------ orders and fills

    def _order(self, asked: Asked) -> Struct:
        report = self._host.port(asked.account).order(order_id=asked.item)
        if report is None:
            raise Wrong(404, "unknown", "order with this orderID was not found")
        return rest.OrderAnswer(self._desk.order(report, asked.account))

    def _orders(self, asked: Asked) -> Struct:
        """Newest first."""
        query = asked.query
        statuses = _enumerated(query, "order_status", orders.STATUS_WORDS)
        if "OPEN" in statuses and len(statuses) > 1:
            raise Wrong(400, "INVALID_ARGUMENT", "OPEN orders cannot be queried with other order statuses")
        sides = _enumerated(query, "order_side", frozenset({"BUY", "SELL"}))
        wanted_products, wanted = frozenset(query.get("product_ids", ())), frozenset(query.get("order_ids", ()))
        working = bool(statuses) and statuses <= orders.WORKING_WORDS
        listed = [
            report
            for report in reversed(self._host.port(asked.account).orders(working=working))
            if (not statuses or orders.status_word(report) in statuses)
            and (not sides or (report.side or "") in sides)
            and (not wanted_products or report.symbol in wanted_products)
            and (not wanted or report.order_id in wanted)
        ]
        limit = min(_number(query, "limit", _ORDERS_LIMIT) or _ORDERS_LIMIT, _MOST)
        page, has_next, cursor = _page(listed, lambda report: report.order_id, _one(query, "cursor"), limit)
        rows = [self._desk.order(report, asked.account) for report in page]
        return rest.OrdersAnswer(orders=rows, sequence="0", has_next=has_next, cursor=cursor)

    def _fills(self, asked: Asked) -> Struct:
        """Newest first."""
        query = asked.query
        wanted = frozenset(query.get("order_ids", ()))
        trades, wanted_products = frozenset(query.get("trade_ids", ())), frozenset(query.get("product_ids", ()))
        listed = [
            fill
            for fill in reversed(self._host.port(asked.account).fills())
            if (not wanted or fill.order_id in wanted)
            and (not trades or fill.exec_id in trades)
            and (not wanted_products or fill.symbol in wanted_products)
        ]
        limit = min(_number(query, "limit", _FILLS_LIMIT) or _FILLS_LIMIT, _MOST)
        page, _, cursor = _page(listed, lambda fill: f"{fill.order_id}:{fill.exec_id}", _one(query, "cursor"), limit)
        rows = [orders.fill_row(fill, asked.account, self._host.user_id) for fill in page]
        return rest.FillsAnswer(fills=rows, cursor=cursor)

    def _create(self, asked: Asked) -> Struct:
        return self._desk.create(_body(rest.read_any_create, asked), asked.account, asked.now)

    def _edit(self, asked: Asked) -> Struct:
        return self._desk.edit(_body(rest.read_edit, asked), asked.account, asked.now)

    def _cancel(self, asked: Asked) -> Struct:
        request = _body(rest.read_cancel, asked)
        if len(request.order_ids) > MOST_CANCELS:
            raise Wrong(400, "INVALID_ARGUMENT", f"at most {MOST_CANCELS} order_ids")
        return self._desk.cancel(request, asked.account, asked.now)


MOST_CANCELS = 100
"""Order ids in one batch, as other clients keep to."""


class AccountAnswer(Struct):
    """GET /accounts/{uuid} ("Get Account")."""

    account: rest.Account


class _Limited(Exception):
    pass


# --------------------------------------------------------------------------- reading requests


def _body(read: Callable[[bytes], T], asked: Asked) -> T:
    try:
        return read(asked.request.body)
    except RemoteProtocolError:
        raise Wrong(400, "INVALID_ARGUMENT", "the body is not a valid request") from None


def _one(query: Query, name: str) -> str:
    return query.get(name, [""])[0]


def _number(query: Query, name: str, default: int) -> int:
    text = _one(query, name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise Wrong(400, "unknown", f'parsing field "{name}": "{text[:40]}" is not a valid value')
    return int(text)


def _enumerated(query: Query, name: str, words: frozenset[str]) -> frozenset[str]:
    given = frozenset(query.get(name, ()))
    for word in given - words:
        raise _not_a_value(name, word)
    return given


def _not_a_value(name: str, word: str) -> Wrong:
    return Wrong(400, "unknown", f'parsing field "{name}": "{word[:40]}" is not a valid value')


def _page(items: Sequence[T], key: Callable[[T], str], cursor: str, limit: int) -> tuple[list[T], bool, str]:
    """(items after `cursor`, whether there are more, cursor to them). An unknown cursor begins anew."""
    start = next((at + 1 for at, item in enumerate(items) if cursor and key(item) == cursor), 0)
    page = list(items[start : start + limit])
    has_next = start + len(page) < len(items)
    return page, has_next, key(page[-1]) if has_next else ""
