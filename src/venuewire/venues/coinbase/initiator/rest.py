"""Our requests over REST and what their answers mean: orders, lists, bars. The line `user_ws` makes them.

Where orders stand is told by `user` and by these answers, whichever is quicker; what is remembered of them here serves
to find those that ended, or were never answered, while the line was down.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import quote, urlencode

from msgspec import Struct

from venuewire.codec import encode
from venuewire.errors import LocalProtocolError, RemoteProtocolError
from venuewire.model.orders import CancelOrder, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.session import (
    BarRequest,
    Bars,
    Command,
    Event,
    Holdings,
    MassStatus,
    OrderEstimate,
    OrderEstimateRequest,
    OrderMassStatusRequest,
    Reply,
    RequestForPositions,
    SecurityList,
    SecurityListRequest,
    VenueRequest,
)
from venuewire.model.terms import NANOS_PER_SECOND, ExecType, Nanos
from venuewire.venue import Answer, Fetch, Seat
from venuewire.venues.coinbase import configurations, orders, translate
from venuewire.venues.coinbase.initiator import answers, pages
from venuewire.venues.coinbase.signing import SigningKey, request_uri
from venuewire.venues.coinbase.texts import nanos, words
from venuewire.venues.coinbase.wire import rest, stream

KEPT = 4096
"""Requests and ids remembered of each kind."""

T = TypeVar("T")

_PAGE = "250"
_MOST_BARS = 350
_BATCH = 100
"""Orders asked for by id in one request."""
_OWN = "page "
"""Begins the kind of a fetch that a `VenueRequest` made; the name of its record follows."""
_JSON = {"content-type": "application/json"}
_IN_TRANSIT, _WORKING, _BY_ID, _NEWEST = "orders in transit", "working orders", "orders by id", "newest orders"
_STATUSES: dict[str, list[tuple[str, str]]] = {
    _IN_TRANSIT: [("order_status", word) for word in ("PENDING", "QUEUED", "CANCEL_QUEUED", "EDIT_QUEUED")],
    _WORKING: [("order_status", "OPEN")],
}
"""OPEN does not include the others, and may not be asked for together with them."""


def _cursor(cursor: str) -> list[tuple[str, str]]:
    return [("cursor", cursor)] if cursor else []


class Listing(Struct):
    """A list of orders in the making, page by page."""

    orders: dict[str, rest.Order] = {}
    """By the venue's id: what moves between two pages is seen twice, and the later one counts."""
    asked: set[str] = set()
    """Ids that were asked for one by one."""


class RestRequests:
    """Makes the requests of commands, and reads their answers."""

    def __init__(self, seat: Seat, signing_key: Callable[[], SigningKey]) -> None:
        """`signing_key` gives the key when it is first needed; it may raise `ConfigError`."""
        self._seat = seat
        self._signing_key = signing_key
        self._commands: OrderedDict[str, NewOrder | ReplaceOrder | CancelOrder] = OrderedDict()
        self._open: dict[str, None] = {}
        """Orders that were working when last heard of, by the venue's id: one that ends while the line is down is told
        by no channel and must be asked for."""
        self._ended: OrderedDict[str, None] = OrderedDict()
        """Orders that were told to be done, of late: the answer to their creation may come after that."""
        self._unheard: OrderedDict[str, None] = OrderedDict()
        """Our ids of new orders whose answer has not come."""
        self._in_money: OrderedDict[str, None] = OrderedDict()
        """Orders known to be sized in money, by our id or the venue's: `user` counts what is left of them in money, and
        does not say so."""
        self._bars: OrderedDict[str, BarRequest] = OrderedDict()
        self._estimates: OrderedDict[str, str] = OrderedDict()
        """Symbols of orders whose cost was asked for, by the request."""
        self._wallets: dict[str, list[rest.Account]] = {}
        self._listings: dict[str, Listing] = {}

    def ask(self, command: Command, now: Nanos) -> Fetch:
        """The request of a command. Raises `LocalProtocolError` for what the venue has not."""
        match command:
            case NewOrder():
                body = configurations.create_order(command, self._product_id(command.symbol))
                return self._order(command, "new", "/orders", body, now)
            case ReplaceOrder():
                return self._order(command, "replace", "/orders/edit", configurations.edit_order(command), now)
            case CancelOrder():
                cancel = configurations.cancel_orders(command)
                return self._order(command, "cancel", "/orders/batch_cancel", cancel, now)
            case SecurityListRequest(symbols=symbols, ref=ref):
                query = [("product_type", "SPOT"), *(("product_ids", self._product_id(item)) for item in symbols)]
                return self._get("products", "/products", query, ref, now)
            case OrderMassStatusRequest(ref=ref):
                self._take_up(command)
                return self._orders_page(_IN_TRANSIT, _STATUSES[_IN_TRANSIT], ref, now)
            case RequestForPositions(ref=ref):
                return self._accounts_page("", ref, now)
            case BarRequest():
                return self._candles_page(command, now)
            case OrderEstimateRequest(order=order, ref=ref):
                _remember(self._estimates, ref, order.symbol)
                preview = configurations.preview_order(order, self._product_id(order.symbol))
                return self._post("preview", "/orders/preview", preview, ref, now)
            case VenueRequest(message=message, ref=ref):
                return self._venue_page(message, ref, now)
            case _:
                raise LocalProtocolError(
                    f"this venue has no {type(command).__name__}; list the orders and cancel them one by one"
                )

    def _take_up(self, command: OrderMassStatusRequest) -> None:
        """Orders of an earlier run, too, are asked for one by one where no list holds them."""
        self._open.update(dict.fromkeys(command.order_ids))
        for cl_ord_id in command.cl_ord_ids:
            _remember(self._unheard, cl_ord_id, None)

    def _product_id(self, symbol: str) -> str:
        instrument = self._seat.instruments.get(symbol)
        return instrument.security_id if instrument else symbol

    def _headers(self, method: str, path: str, now: Nanos) -> dict[str, str]:
        uri = request_uri(method, self._seat.credentials.rest_host, path)
        token = self._signing_key().token(self._seat.now(now), self._seat.random_hex(64), uri)
        return {"authorization": f"Bearer {token}"}

    def _order(
        self, command: NewOrder | ReplaceOrder | CancelOrder, kind: str, path: str, body: Struct, now: Nanos
    ) -> Fetch:
        _remember(self._commands, command.ref, command)
        if isinstance(command, NewOrder):
            _remember(self._unheard, command.cl_ord_id, None)
            if command.cash_order_qty is not None:
                _remember(self._in_money, command.cl_ord_id, None)
        return self._post(kind, path, body, command.ref, now)

    def _post(self, kind: str, path: str, body: Struct, ref: str, now: Nanos) -> Fetch:
        path = rest.ROOT + path
        headers = self._headers("POST", path, now) | _JSON
        return Fetch(method="POST", path=path, body=encode(body), headers=headers, ref=ref, kind=kind)

    def _venue_page(self, message: Struct, ref: str, now: Nanos) -> Fetch:
        at = pages.address(message)
        headers = self._headers(at.method, at.path, now) | (_JSON if at.body else {})
        kind = _OWN + type(message).__name__
        return Fetch(method=at.method, path=at.path, body=at.body, headers=headers, ref=ref, kind=kind)

    def _get(self, kind: str, path: str, query: Sequence[tuple[str, str]], ref: str | None, now: Nanos) -> Fetch:
        path = f"{rest.ROOT}{path}?{urlencode(query)}"
        return Fetch(method="GET", path=path, headers=self._headers("GET", path, now), ref=ref, kind=kind)

    def _orders_page(self, kind: str, query: Sequence[tuple[str, str]], ref: str | None, now: Nanos) -> Fetch:
        return self._get(kind, "/orders/historical/batch", [*query, ("limit", _PAGE)], ref, now)

    def _accounts_page(self, cursor: str, ref: str | None, now: Nanos) -> Fetch:
        return self._get("accounts", "/accounts", [("limit", _PAGE), *_cursor(cursor)], ref, now)

    # ------------------------------------------------------------------ what is known of orders

    def is_in_money(self, order: stream.UserOrder) -> bool:
        """Is what is left of it told in money?"""
        return words(order.client_order_id) in self._in_money or order.order_id in self._in_money

    def heard(self, report: ExecutionReport) -> None:
        """The venue told of an order: we know that there is one, and whether it works."""
        self._unheard.pop(report.cl_ord_id, None)
        if report.ord_status in orders.DONE:
            self._open.pop(report.order_id, None)
            _remember(self._ended, report.order_id, None)
        elif report.order_id and report.ord_status is not None:
            self._open[report.order_id] = None

    # ------------------------------------------------------------------ answers over REST

    def answered(self, fetch: Fetch, answer: Answer, now: Nanos) -> Sequence[Event | Fetch]:
        """What the answer to one of our requests means. Raises `RemoteProtocolError` where the outcome is not told."""
        if fetch.kind in {"new", "replace", "cancel"}:
            return self._order_answered(fetch, answer, now)
        if answer.status != 200:
            self._wallets.pop(fetch.ref or "", None)
            self._listings.pop(fetch.ref or "", None)
            return [answers.request_rejected(fetch, answer, now)]
        if fetch.kind.startswith(_OWN):
            return [Reply(message=pages.read(fetch.kind.removeprefix(_OWN), answer.body), ref=fetch.ref)]
        match fetch.kind:
            case "preview":
                return [self._estimate(fetch, answer)]
            case "candles":
                return self._candles(fetch, answer, now)
            case "products":
                return [self._security_list(fetch, answer)]
            case "accounts":
                return [self._accounts(fetch, answer, now)]
            case _:
                return [self._orders(fetch, answer, now)]

    def _estimate(self, fetch: Fetch, answer: Answer) -> OrderEstimate:
        instrument = self._seat.instruments.get(self._estimates.pop(fetch.ref or "", ""))
        told = rest.read_preview_answer(answer.body)
        return answers.order_estimate(told, instrument.currency if instrument else "", fetch.ref)

    def _security_list(self, fetch: Fetch, answer: Answer) -> Event:
        products = rest.read_products_answer(answer.body).products
        listed = [translate.instrument_of(product) for product in products if translate.is_spot(product)]
        instruments = tuple(instrument for instrument in listed if instrument is not None)
        return SecurityList(instruments=instruments, ref=fetch.ref)

    def _candles_page(self, asked: BarRequest, now: Nanos) -> Fetch:
        """As many as the venue tells at once, from the beginning."""
        word = translate.GRANULARITIES.get(asked.period)
        if word is None:
            lengths = ", ".join(f"{period // NANOS_PER_SECOND} s" for period in translate.GRANULARITIES)
            raise LocalProtocolError(f"this venue has bars of {lengths}")
        if asked.end <= asked.start:
            raise LocalProtocolError("the end of the bars is not after their start")
        _remember(self._bars, asked.ref, asked)
        # The venue counts both ends in: the last bar that may come is one that begins before `end`.
        end = min(asked.end - 1, asked.start + (_MOST_BARS - 1) * asked.period)
        query = [
            ("start", str(-(-asked.start // NANOS_PER_SECOND))),
            ("end", str(end // NANOS_PER_SECOND)),
            ("granularity", word),
            ("limit", str(_MOST_BARS)),
        ]
        product = quote(self._product_id(asked.symbol), safe="")
        return self._get("candles", f"/products/{product}/candles", query, asked.ref, now)

    def _candles(self, fetch: Fetch, answer: Answer, now: Nanos) -> Sequence[Event | Fetch]:
        asked = self._bars.pop(fetch.ref or "", None)
        if asked is None:
            raise RemoteProtocolError("an answer to a request for bars that is not known here")
        period = asked.period
        told = [
            translate.bar_event(row, asked.symbol, period, now, final=translate.is_over(row.start, period, now))
            for row in rest.read_candles_answer(answer.body).candles
        ]
        told = [bar for bar in told if asked.start <= bar.open_time < asked.end]
        told.sort(key=lambda bar: bar.open_time)
        reached = asked.start + _MOST_BARS * period
        return [Bars(bars=tuple(told), complete=reached >= asked.end, ref=fetch.ref)]

    def _accounts(self, fetch: Fetch, answer: Answer, now: Nanos) -> Event | Fetch:
        page = rest.read_accounts_answer(answer.body)
        wallets = self._wallets.setdefault(fetch.ref or "", [])
        wallets += page.accounts
        if page.has_next and page.cursor:
            return self._accounts_page(page.cursor, fetch.ref, now)
        del self._wallets[fetch.ref or ""]
        balances = tuple(translate.balance_of(wallet, now) for wallet in wallets)
        return Holdings(positions=(), balances=balances, ref=fetch.ref)

    # Where every order stands takes up to four lists: what is on its way to or from the book; what is in it; what we
    # thought to be working and is in neither; and, when a new order was never answered, the newest orders of all.

    def _orders(self, fetch: Fetch, answer: Answer, now: Nanos) -> Event | Fetch:
        page = rest.read_orders_answer(answer.body)
        listing = self._listings.setdefault(fetch.ref or "", Listing())
        for order in page.orders:
            if order.size_in_quote is True:
                _remember(self._in_money, order.order_id, None)
            if fetch.kind != _NEWEST or words(order.client_order_id) in self._unheard:
                listing.orders[order.order_id] = order
        if page.has_next and page.cursor and fetch.kind in _STATUSES:
            return self._orders_page(fetch.kind, [*_STATUSES[fetch.kind], ("cursor", page.cursor)], fetch.ref, now)
        following = self._following(fetch, listing, now)
        if following is not None:
            return following
        del self._listings[fetch.ref or ""]
        listed = list(listing.orders.values())
        listed.reverse()  # each page is newest first
        listed.sort(key=lambda order: nanos(order.created_time))
        reports = tuple(orders.report_of_order(order, now) for order in listed)
        for report in reports:
            self.heard(report)
        return MassStatus(reports=reports, ref=fetch.ref)

    def _following(self, fetch: Fetch, listing: Listing, now: Nanos) -> Fetch | None:
        """The next list that is needed, if any."""
        if fetch.kind == _IN_TRANSIT:
            return self._orders_page(_WORKING, _STATUSES[_WORKING], fetch.ref, now)
        missing = [order_id for order_id in self._open if order_id not in listing.orders.keys() | listing.asked]
        if missing and fetch.kind != _NEWEST:
            batch = missing[:_BATCH]
            listing.asked.update(batch)
            return self._orders_page(_BY_ID, [("order_ids", order_id) for order_id in batch], fetch.ref, now)
        found = {words(order.client_order_id) for order in listing.orders.values()}
        if fetch.kind != _NEWEST and not self._unheard.keys() <= found:
            return self._orders_page(_NEWEST, [], fetch.ref, now)
        return None

    def _order_answered(self, fetch: Fetch, answer: Answer, now: Nanos) -> Sequence[Event]:
        command = self._commands.get(fetch.ref or "")
        if command is None:
            raise RemoteProtocolError("an answer to an order request that is not known here")
        event = answers.order_answered(command, answer, now)
        self._commands.pop(command.ref, None)
        if isinstance(event, ExecutionReport):
            self._unheard.pop(event.cl_ord_id, None)
            if event.exec_type is ExecType.PENDING_NEW:
                self._taken(event.order_id)
        return [event]

    def _taken(self, order_id: str) -> None:
        """Working as far as we know, unless `user` was quicker and has told of its end."""
        if order_id not in self._ended:
            self._open[order_id] = None


def _remember(kept: OrderedDict[str, T], key: str, value: T) -> None:
    """Keep the newest only."""
    kept[key] = value
    if len(kept) > KEPT:
        kept.popitem(last=False)
