"""The feeds of one connection, for the sandbox: what is bound, its snapshots, and what happens to it afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from msgspec import Struct

from venuewire.codec import encode
from venuewire.model.account import Balance
from venuewire.model.market import BookMessage
from venuewire.model.orders import ExecutionReport
from venuewire.model.session import Event
from venuewire.model.terms import ExecType, Nanos
from venuewire.venue import Out, Send
from venuewire.venues.finery import codes, wire
from venuewire.venues.finery.acceptor import bulletin, counter, methods, mirror
from venuewire.venues.finery.acceptor.clearing import HOUSE, News
from venuewire.venues.finery.acceptor.counter import Desk, Refused
from venuewire.venues.finery.acceptor.listing import Change
from venuewire.venues.finery.acceptor.window import Window

if TYPE_CHECKING:
    from venuewire.venues.finery.acceptor.host import Account, FineryHost

_FEEDS = frozenset({"I", "B", "F", "MD", "O", "K", "S", "R", "N", "L", "P", "G", "M"})
_BOOKS = frozenset({"B", "F", "MD"})
_BY_CURRENCY = frozenset({"K", "S"})
NO_ID = b"0"
"""What stands for the id of a bind that had none."""
EMPTY_BOOK = b"[[],[]]"


class _Binding(Struct, frozen=True):
    """One feed this connection asked for."""

    feed: str
    echo: bytes
    """The id as the client wrote it, in JSON; `0` where it gave none."""
    subject: str | None
    """Symbol or currency; None: all."""
    is_empty: bool = False
    """Feed MD: of other makers than the one there is."""


class Feeds:
    """What one connection follows."""

    def __init__(self, host: FineryHost, cod: set[str]) -> None:
        self._host = host
        self._cod = cod
        """Orders that end with this connection."""
        self._who: Account | None = None
        self._bindings: dict[tuple[str, bytes], _Binding] = {}
        self._windows: dict[str, Window] = {}
        self._currencies: dict[bytes, set[str]] = {}
        """By echo of a binding of feed K: the currencies it has been told of."""
        self._news: list[Out] = []
        """Frames of feeds beside trading that wait for the next chance to be sent."""
        self._told_limit: object = None
        self._rests_later: set[str] = set()

    @property
    def has_news(self) -> bool:
        """Do frames wait to be sent?"""
        return bool(self._news)

    def forget(self) -> None:
        """All bindings are gone."""
        self._bindings.clear()
        self._windows.clear()
        self._news.clear()

    # ----------------------------------------------------------------------- bind, unbind

    def bind(self, who: Account, feed: str, echo: bytes, feed_id: object, now: Nanos) -> Send:
        """The snapshot of a feed that is followed from now on. Raises `Refused`."""
        self._who = who
        binding = self._binding(who, feed, echo, feed_id)
        if (feed, echo) in self._bindings:
            raise Refused(codes.ALREADY_BOUND)
        self._bindings[feed, echo] = binding
        return Send(wire.pushed(feed, echo, "S", self._snapshot(who, binding, now)))

    def unbind(self, feed: str, echo: bytes) -> Send:
        """End one binding; without an id, all of that feed. Raises `Refused`."""
        if feed not in _FEEDS - self._host.layout.gone:
            raise Refused(codes.UNKNOWN_FEED)
        ended = [key for key in self._bindings if key[0] == feed and echo in {key[1], NO_ID}]
        if not ended:
            raise Refused(codes.NOT_BOUND)
        for key in ended:
            del self._bindings[key]
            if feed == "K":
                self._currencies.pop(key[1], None)
        watched = {it.subject for it in self._bindings.values() if it.feed in _BOOKS}
        self._windows = {symbol: window for symbol, window in self._windows.items() if symbol in watched}
        return Send(wire.pushed(feed, echo, "U", NO_ID))

    def _binding(self, who: Account, feed: str, echo: bytes, feed_id: object) -> _Binding:
        """What a bind is about. Refused for feeds and ids that do not exist."""
        if feed not in _FEEDS - self._host.layout.gone:
            raise Refused(codes.UNKNOWN_FEED)
        if "read" not in who.permissions or (feed == "MD" and who.role == "maker"):
            raise Refused(codes.NOT_AUTHORISED)
        if feed in _BOOKS:
            return _Binding(feed, echo, self._symbol(who, feed, feed_id), is_empty=_is_of_others(feed_id))
        # Assumed: an id where a feed has none is echoed and means nothing.
        if feed_id is None or feed not in {"O", *_BY_CURRENCY}:
            return _Binding(feed, echo, None)
        found = self._currency(feed_id) if feed in _BY_CURRENCY else self._listed(feed_id)
        if found is None:
            raise Refused(codes.INVALID_FEED_ID)
        return _Binding(feed, echo, found)

    def _currency(self, feed_id: object) -> str | None:
        found = self._host.listing.currencies.get(feed_id) if _is_id(feed_id) else None
        return None if found is None else found.name

    def _symbol(self, who: Account, feed: str, feed_id: object) -> str:
        """By name or number; in an object on feed MD, and on feed F where a master names one of its clients."""
        if wire.is_object(feed_id):
            client_id = feed_id.get("clientId")
            # bool is an int to Python, and no id on the wire.
            is_known = client_id is None or (type(client_id) is int and client_id in self._clients_of(who))
            if not is_known or not (feed == "MD" or (feed == "F" and client_id is not None)):
                raise Refused(codes.INVALID_FEED_ID)
            feed_id = feed_id.get("instrument")
        elif feed == "MD":
            raise Refused(codes.INVALID_FEED_ID)
        found = self._listed(feed_id)
        if found is None:
            raise Refused(codes.INVALID_FEED_ID)
        return found

    def _clients_of(self, who: Account) -> set[int]:
        """Whose books a master may see: its own and its clients'."""
        return {who.client_id, *(it.client_id for it in self._host.subaccounts(who))} if who.role == "master" else set()

    def _listed(self, feed_id: object) -> str | None:
        found = self._host.listing.instruments.get(feed_id) if _is_id(feed_id) else None
        return None if found is None else found.symbol

    # ----------------------------------------------------------------------- snapshots

    def _snapshot(self, who: Account, binding: _Binding, now: Nanos) -> bytes:
        desk = self._host.desk(who, self._cod)
        match binding.feed:
            case "I":
                return encode(self._host.listing.feed_rows())
            case "O":
                return self._orders(desk, binding)
            case "K":
                return self._positions(desk, binding)
            case "P":
                return encode(wire.plain(methods.positions(desk, counter.Parameters({}), "", now)))
            case "B" | "F" | "MD":
                return EMPTY_BOOK if binding.is_empty else self._window(binding.subject or "").snapshot()
            case _:
                if binding.feed == "L":
                    self._told_limit = desk.clearing.limit()
                return bulletin.snapshot(binding.feed, desk.clearing, desk.layout, binding.subject)

    def _orders(self, desk: Desk, binding: _Binding) -> bytes:
        orders = [it for it in desk.port.orders() if binding.subject in {None, it.symbol}]
        return encode([wire.plain(mirror.order_row(it, methods.basis(desk, it))) for it in orders])

    def _positions(self, desk: Desk, binding: _Binding) -> bytes:
        held = [it for it in mirror.position_rows(desk.clearing) if binding.subject in {None, it.currency}]
        self._currencies[binding.echo] = {it.currency for it in held}
        rows = [desk.layout.position_row(it) for it in held]
        return encode([0, rows] if desk.layout.leading_id else rows)

    def _window(self, symbol: str) -> Window:
        """One for all book bindings of a symbol: their snapshots and updates then follow one another."""
        return self._windows.setdefault(symbol, self._host.window(symbol))

    # ----------------------------------------------------------------------- what happens at the exchange

    def publish(self, event: Event) -> list[Out]:
        """Frames for something that happened; none where this connection did not ask."""
        if not self._bindings or self._who is None:
            return []
        if isinstance(event, BookMessage):
            return self._book_changed(event)
        if isinstance(event, ExecutionReport | Balance) and event.account in {"", self._who.name}:
            if isinstance(event, ExecutionReport):
                return self._order_changed(event)
            return [*self._position_changed(event.currency), *self._limit_changed()]
        return []

    def note(self, news: list[News]) -> None:
        """Something beside trading has happened; it is told at the next chance."""
        if self._who is None or not self._bindings:
            return
        clearing, layout = self._host.clearing(self._who), self._host.layout
        for item in news:
            if item.feed == "K":
                self._news += self._position_changed(item.currency)
                continue
            for it in self._bindings.values():
                if it.feed == item.feed and it.subject in {None, item.currency}:
                    if item.feed == "L":
                        self._told_limit = clearing.limit()
                    payload = bulletin.update(item, clearing, layout)
                    self._news.append(Send(wire.pushed(it.feed, it.echo, item.action, payload)))
                elif it.feed == "P" and item.settlement is not None:
                    row = wire.row(layout.settlement_row(item.settlement))
                    self._news.append(Send(wire.pushed("S", NO_ID, item.action, row)))

    def note_listing(self, changes: list[Change]) -> None:
        """Instruments or currencies have changed; it is told at the next chance."""
        for it in self._bindings.values():
            if it.feed == "I":
                self._news += [Send(wire.pushed(c.feed, it.echo, c.action, encode(c.payload()))) for c in changes]
        self._news += self._limit_changed()

    def take_news(self) -> list[Out]:
        """Frames that have waited for a chance to be sent."""
        news, self._news = self._news, []
        return news

    def _limit_changed(self) -> list[Out]:
        """Deals change what is used of a limit."""
        bound = [it for it in self._bindings.values() if it.feed == "L"]
        if not bound or self._who is None:
            return []
        clearing = self._host.clearing(self._who)
        limit = clearing.limit()
        if limit == self._told_limit:
            return []
        self._told_limit = limit
        payload = bulletin.update(News("L", "M"), clearing, self._host.layout)
        return [Send(wire.pushed("L", it.echo, "M", payload)) for it in bound]

    def _book_changed(self, event: BookMessage) -> list[Out]:
        window = self._windows.get(event.symbol)
        if window is None:
            return []
        changes = window.moved(event)
        if changes is None:
            return []
        bound = [it for it in self._bindings.values() if it.subject == event.symbol]
        incremental = {"F"} if self._host.layout.whole_book else {"F", "B"}
        outs: list[Out] = [Send(wire.pushed(it.feed, it.echo, "M", changes)) for it in bound if it.feed in incremental]
        whole = [it for it in bound if it.feed in _BOOKS - incremental and not it.is_empty]
        if whole:  # Feeds B and MD send the whole book at each change.
            snapshot = window.snapshot()
            outs += [Send(wire.pushed(it.feed, it.echo, "S", snapshot)) for it in whole]
        return outs

    def _order_changed(self, report: ExecutionReport) -> list[Out]:
        bindings = self._bindings.values()
        bound = [it.echo for it in bindings if it.feed == "O" and it.subject in {None, report.symbol}]
        # Updates of feed P come under O, without an id.
        bound += [NO_ID for it in bindings if it.feed == "P"]
        if not bound or self._who is None:
            return []
        rows = self._order_rows(self._who, report)
        return [Send(wire.pushed("O", echo, action, row)) for action, row in rows for echo in bound]

    def _order_rows(self, who: Account, report: ExecutionReport) -> list[tuple[str, bytes]]:
        """An order's life on feed O: `+` when it rests, a `D` for each deal, `-` when it goes unfilled."""
        desk = self._host.desk(who, self._cod)
        about = methods.basis(desk, report)
        match report.exec_type:
            case ExecType.NEW:
                return self._placed_row(desk.port.order(report.order_id), report, about)
            case ExecType.TRADE:
                row = encode(desk.layout.deal_row(mirror.deal_row(report, about)))
                return [("D", row), *self._rests_now(desk, report, about)]
            case ExecType.CANCELED | ExecType.EXPIRED:
                return self._removed_row(report, about)
            case _:
                return []

    def _placed_row(
        self, current: ExecutionReport | None, report: ExecutionReport, about: mirror.Book
    ) -> list[tuple[str, bytes]]:
        """`+` follows the deals made on arrival, with what is left; a taker's order, or a filled one, has none."""
        if mirror.never_rests(report):
            return []
        if current is None or not current.cum_qty:
            return [("+", wire.row(mirror.order_row(report, about)))]
        if methods.is_working(current):
            self._rests_later.add(report.order_id)
        return []

    def _rests_now(self, desk: Desk, report: ExecutionReport, about: mirror.Book) -> list[tuple[str, bytes]]:
        """Was this the last of the deals made on arrival?"""
        if report.order_id not in self._rests_later:
            return []
        current = desk.port.order(report.order_id)
        if current is not None and methods.is_working(current) and current.cum_qty != report.cum_qty:
            return []
        self._rests_later.discard(report.order_id)
        return [("+", wire.row(mirror.order_row(report, about)))] if methods.is_working(current) else []

    def _removed_row(self, report: ExecutionReport, about: mirror.Book) -> list[tuple[str, bytes]]:
        reason = wire.BY_CLIENT
        if mirror.never_rests(report):
            if not report.cum_qty:  # Refused with 76 or 77: it never was.
                return []
            reason = wire.NOT_A_BOOK_ORDER
        elif report.order_id in self._host.dropped:
            reason = wire.CANCEL_ON_DISCONNECT
        return [("-", wire.row(mirror.order_row(report, about, reason)))]

    def _position_changed(self, currency: str) -> list[Out]:
        bound = [it for it in self._bindings.values() if it.feed == "K" and it.subject in {None, currency}]
        if not bound or self._who is None:
            return []
        position = mirror.position_row(currency, self._host.clearing(self._who))
        row = encode(self._host.layout.position_row(position))
        actions = [(it, self._position_action(it, position)) for it in bound]
        return [Send(wire.pushed("K", it.echo, action, row)) for it, action in actions if action]

    def _position_action(self, binding: _Binding, position: wire.Position) -> str:
        told = self._currencies.setdefault(binding.echo, set())
        if not position.value and not position.maxReachable and not position.minReachable:
            known = position.currency in told
            told.discard(position.currency)
            return "-" if known else ""
        action = "M" if position.currency in told else "+"
        told.add(position.currency)
        return action


def _is_of_others(feed_id: object) -> bool:
    """Does the id of a bind to feed MD name makers, and not the one there is?"""
    makers = feed_id.get("makers") if wire.is_object(feed_id) else None
    return wire.is_list(makers) and HOUSE not in makers


def _is_id(value: object) -> TypeGuard[str | int]:
    # bool is an int to Python, and no id on the wire.
    return type(value) in {int, str}
