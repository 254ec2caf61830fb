"""What the sandbox's connections share: keys, nonces, roles, the state of the core, and REST."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from msgspec import Struct
from msgspec.structs import replace

from venuewire.codec import decoder, encode
from venuewire.errors import RemoteProtocolError
from venuewire.model.market import BookMessage
from venuewire.model.orders import ExecutionReport
from venuewire.model.session import Event, Secret
from venuewire.model.terms import NANOS_PER_MILLI, NANOS_PER_SECOND, Nanos
from venuewire.venue import PEER, Acceptor, Affliction, Answer, Exchange, Habit, Maintenance, Port, Request, Stage
from venuewire.venues.finery import codes, signing, wire
from venuewire.venues.finery.acceptor import layouts, listing, methods, mirror
from venuewire.venues.finery.acceptor.clearing import Clearing
from venuewire.venues.finery.acceptor.connection import FineryAcceptor
from venuewire.venues.finery.acceptor.counter import Desk, Refused, Subaccount
from venuewire.venues.finery.acceptor.habits import (
    COUNTERPARTY_ASKS,
    GENERATION_1,
    GENERATION_2,
    HABITS,
    HEADERS_ONLY,
    IDLE_COUNTERPARTY,
    NEW_LISTING,
    OLD_ROWS,
    SIGNATURE_IS_NONCE,
    STRICT_NONCES,
)
from venuewire.venues.finery.acceptor.layouts import Layout
from venuewire.venues.finery.acceptor.window import Window

_JSON = {"content-type": "application/json"}
_PATH = "/api/"
_REMEMBERED = 20_000
_LARGEST_TEXT = 20  # digits of a uint64
_DEMAND = 250_00000000
"""What the counterparty asks for, in dollars."""
_RULES = {
    STRICT_NONCES: ("strict_nonces", True),
    HEADERS_ONLY: ("in_band", False),
    IDLE_COUNTERPARTY: ("prompt", False),
}
"""Habits that are rules: which, and what it is while the habit is on."""

_body = decoder(dict[str, Any])


class Rules(Struct, frozen=True, kw_only=True):
    """What the pages leave open, and how this sandbox settles it."""

    strict_nonces: bool = False
    """True: each nonce of a key exceeds all before it, as the older pages ask."""
    nonce_memory: Nanos = 120 * NANOS_PER_SECOND
    """How long a nonce cannot be used again, where not strict."""
    tolerance: Nanos = 60 * NANOS_PER_SECOND
    """How far a timestamp may be from our clock, either way."""
    in_band: bool = True
    """A handshake without any header is accepted, and `auth` may follow."""
    connections: int = 100
    """Open at once from one address; the next is refused with HTTP 429."""
    prompt: bool = True
    """The counterparty pays what it is asked for, and takes what is sent, at once; else it never does."""


class Account(Struct, frozen=True, kw_only=True):
    """A key, and whose it is."""

    name: str
    secret: Secret
    client_id: int
    role: str = "master"
    """maker, taker, or master: both."""
    permissions: frozenset[str] = frozenset({"read", "trade", "settle"})
    trading: bool = True
    """False: orders are refused with 84."""
    forbidden: frozenset[str] = frozenset()
    """Instruments refused with 36."""
    master: int | None = None
    """Client id of the master whose sub-account it is."""
    addresses: frozenset[str] = frozenset()
    """Where its clients may come from; none given: from anywhere. Others are refused with 3."""


class Nonces:
    """Which nonces of a key have been used; one space for handshakes, `auth` and REST."""

    def __init__(self) -> None:
        self._used: dict[int, Nanos] = {}
        self._greatest = -1

    def take(self, nonce: int, now: Nanos, memory: Nanos, *, strict: bool) -> bool:
        """May it be used? Then it is used from now on."""
        if nonce <= self._greatest if strict else self._is_remembered(nonce, now, memory):
            return False
        self._greatest = max(self._greatest, nonce)
        self._used.pop(nonce, None)
        self._used[nonce] = now
        return True

    def _is_remembered(self, nonce: int, now: Nanos, memory: Nanos) -> bool:
        while self._used:
            oldest = next(iter(self._used))
            if now - self._used[oldest] < memory:
                break
            del self._used[oldest]
        return nonce in self._used


class _Desk:
    """One account at one connection, or over REST (without cod orders)."""

    def __init__(self, host: FineryHost, who: Account, cod: set[str] | None) -> None:
        self.exchange: Exchange = host.exchange
        self.listing = host.listing
        self.port: Port = host.exchange.port(who.name)
        self.role, self.client_id = who.role, who.client_id
        self.trading, self.forbidden = who.trading, who.forbidden
        self.clearing, self.layout = host.clearing(who), host.layout
        self.subaccounts = {it.client_id: Subaccount(it.name, it.role) for it in host.subaccounts(who)}
        self._host = host
        self._who = who
        self._cod = cod

    def created_at(self, report: ExecutionReport) -> int:
        return self._host.created.get(report.order_id, report.transact_time // NANOS_PER_MILLI)

    def placed(self, order_id: str, now: Nanos, *, cod: bool) -> None:
        self._host.came(order_id, now)
        if cod and self._cod is not None:
            self._cod.add(order_id)

    def is_cod(self, order_id: str) -> bool:
        return self._host.is_cod(order_id)

    def of_subaccount(self, client_id: int) -> Desk:
        """Raises `KeyError`."""
        for it in self._host.subaccounts(self._who):
            if it.client_id == client_id:
                return _Desk(self._host, it, self._cod)
        raise KeyError(client_id)


class FineryHost:
    """The venue's side as a whole. Implements `venue.Host`."""

    lines: ClassVar[tuple[str, ...]] = ("ws",)
    habits: ClassVar[Mapping[str, str]] = HABITS

    def __init__(
        self,
        stage: Stage,
        exchange: Exchange,
        random_hex: Callable[[int], str],
        rules: Rules | None = None,
    ) -> None:
        self.exchange = exchange
        self.rules = rules or Rules()
        """May be replaced at any time."""
        self._windows: dict[str, Window] = {}
        """By symbol."""
        self.listing = listing.listing(stage.instruments)
        self._core = 0
        self.core_until: Nanos | None = None
        """When the core is back; None: nobody knows."""
        self.news = 0
        """Grows with each outage and its end, so that connections know that there is something to tell."""
        self.odd: set[str] = set()
        """Habits that are switched on."""
        self.connections: set[FineryAcceptor] = set()
        self.created: dict[str, int] = {}
        """By order id: when it came, in milliseconds."""
        self.dropped: set[str] = set()
        """Orders cancelled because their connection was lost."""
        self._clearings: dict[str, Clearing] = {}
        self._keys: dict[str, Account] = {}
        self._nonces: dict[str, Nonces] = {}
        self.admit(stage.credentials["key"], stage.credentials["secret"], stage.account)

    def admit(self, key: str, secret: str, account: str, **terms: Any) -> None:
        """Accept a key from now on; `terms` are those of `Account`: role, permissions and so on."""
        given: dict[str, Any] = {"client_id": 101 + len(self._keys), **terms}
        self._keys[key] = Account(name=account, secret=Secret(secret), **given)
        self._nonces.setdefault(key, Nonces())

    def revoke(self, key: str) -> None:
        """Refuse a key from now on."""
        self._keys.pop(key, None)

    def accept(self, line: str) -> Acceptor:
        return FineryAcceptor(self)

    @property
    def layout(self) -> Layout:
        """What rows look like now."""
        if GENERATION_1 in self.odd:
            return layouts.G1
        if GENERATION_2 in self.odd:
            return layouts.G2
        return layouts.OLD_ROWS if OLD_ROWS in self.odd else layouts.G3

    def clearing(self, who: Account) -> Clearing:
        """Limits and settlements of an account, whichever of its keys asks."""
        found = self._clearings.get(who.name)
        if found is None:
            port = self.exchange.port(who.name)

            def held() -> dict[str, int]:
                return {balance.currency: mirror.units(balance.total) for balance in port.balances()}

            found = self._clearings[who.name] = Clearing(who.client_id, held, self.listing.price, prompt=True)
        found.prompt = self.rules.prompt
        return found

    def tell(self, who: Account) -> None:
        """Everything that has happened beside trading, to the account's connections."""
        self._tell(who.name, self.clearing(who))

    def _tell(self, account: str, clearing: Clearing) -> None:
        news, clearing.news = clearing.news, []
        for connection in self.connections if news else ():
            if connection.account == account:
                connection.feeds.note(news)

    def publish(self, event: Event, now: Nanos) -> None:
        """Books that somebody has looked at are kept for whoever looks next."""
        if isinstance(event, BookMessage) and event.symbol in self._windows:
            self._windows[event.symbol].moved(event)

    def window(self, symbol: str) -> Window:
        """The part of a book that is shown, the same for all connections."""
        window = self._windows.get(symbol)
        if window is None:
            window = self._windows[symbol] = Window(self.exchange.book(symbol))
        return window

    def next_tick(self) -> Nanos | None:
        """When the next request to settle ends by itself."""
        return min((end for it in self._clearings.values() if (end := it.next_expiry()) is not None), default=None)

    def tick(self, now: Nanos) -> None:
        """End those whose time has come."""
        for account, clearing in self._clearings.items():
            clearing.expire(now)
            self._tell(account, clearing)

    def subaccounts(self, who: Account) -> list[Account]:
        """Of a master."""
        if who.role != "master":
            return []
        return [it for it in self._keys.values() if it.master == who.client_id]

    def is_full(self, address: str) -> bool:
        """Are all connections of an address taken?"""
        return sum(it.address == address for it in self.connections) >= self.rules.connections

    def is_cod(self, order_id: str) -> bool:
        return any(it.is_cod(order_id) for it in self.connections)

    def came(self, order_id: str, now: Nanos) -> None:
        """Remember when an order came; the oldest are forgotten."""
        self.created[order_id] = now // NANOS_PER_MILLI
        if len(self.created) > _REMEMBERED:
            del self.created[next(iter(self.created))]

    def afflict(self, affliction: Affliction, now: Nanos) -> bool:
        """Maintenance takes the core away; habits change the answers. Nothing else here: no tokens, no numbers, and
        no limit of requests is documented."""
        match affliction:
            case Maintenance():
                self.outage(codes.NOT_CONNECTED, affliction.until)
            case Habit() if affliction.name in _RULES:
                field, value = _RULES[affliction.name]
                self.rules = replace(self.rules, **{field: value is affliction.on})
            case Habit() if affliction.name in self.habits:
                self._switch(affliction.name, now, on=affliction.on)
            case _:
                return False
        return True

    def _switch(self, name: str, now: Nanos, *, on: bool) -> None:
        if on is (name in self.odd):
            return
        (self.odd.add if on else self.odd.discard)(name)
        if name == NEW_LISTING:
            changes = self.listing.extend() if on else self.listing.shrink()
            for connection in self.connections:
                connection.feeds.note_listing(changes)
        elif name == COUNTERPARTY_ASKS:
            for who in {it.name: it for it in self._keys.values()}.values():
                self.clearing(who).demand(_DEMAND, now, on=on)
                self.tell(who)

    def outage(self, code: int, until: Nanos | None = None) -> None:
        """From now on the gateway does not reach its core, and says so with this code; 0: it does again."""
        self._core, self.core_until = code, until
        self.news += 1

    def core_at(self, now: Nanos) -> int:
        """0 where the gateway reaches its core, else the code it gives."""
        return 0 if self.core_until is not None and now >= self.core_until else self._core

    def desk(self, who: Account, cod: set[str] | None = None) -> Desk:
        return _Desk(self, who, cod)

    # ----------------------------------------------------------------------- who is it

    def authenticate(
        self, key: str, signature: str, signed: bytes, content: bytes, address: str, now: Nanos
    ) -> Account | int:
        """The account of a key, or the code of what is wrong: 9, 3, 14, 7, 6 in this order."""
        stamps = _stamps(content)
        if stamps is None:
            return codes.INVALID_PARAMETER
        nonce, timestamp = stamps
        who = self._keys.get(key)
        if who is None or (who.addresses and address not in who.addresses):
            return codes.NOT_AUTHORISED
        if not signing.verify(who.secret.reveal(), signed, signature):
            old = SIGNATURE_IS_NONCE in self.odd or self.layout.generation == 1
            return codes.INVALID_NONCE if old else codes.INVALID_SIGNATURE
        if abs(now - timestamp * NANOS_PER_MILLI) > self.rules.tolerance:
            return codes.INVALID_TIMESTAMP
        strict = self.rules.strict_nonces or self.layout.generation == 1
        if not self._nonces[key].take(nonce, now, self.rules.nonce_memory, strict=strict):
            return codes.INVALID_NONCE
        return who

    # ----------------------------------------------------------------------- REST

    def serve(self, request: Request, now: Nanos) -> Answer:
        """Answer one REST call. Never raises for what a client sent."""
        if not request.path.startswith(_PATH) or request.path == _PATH:
            return Answer(404)
        if request.method != "POST":
            return Answer(405, headers={"allow": "POST"})
        method = request.path.removeprefix(_PATH)
        try:
            return self._served(method, request, now)
        except Refused as refused:
            return Answer(400, encode({"error": refused.code}), dict(_JSON))

    def _served(self, method: str, request: Request, now: Nanos) -> Answer:
        key, signature = request.headers.get("efx-key"), request.headers.get("efx-sign")
        if not (key and signature):
            raise Refused(codes.NOT_AUTHORISED)
        address = request.headers.get(PEER, "")
        who = self.authenticate(key, signature, signing.rest_text(method, request.body), request.body, address, now)
        if isinstance(who, int):
            raise Refused(who)
        if self.core_at(now):
            raise Refused(codes.NOT_CONNECTED)
        try:
            reply = methods.call(self.desk(who), who.permissions, method, _body(request.body), "", now)
        finally:
            self.tell(who)
        if method == "mod" and b'"error"' in reply:
            # The odd answer: as the page of mod shows it, one level deeper than over the socket.
            reply = b'{"reply":%b}' % reply
        return Answer(200, reply, dict(_JSON))


def _stamps(content: bytes) -> tuple[int, int] | None:
    """(nonce, timestamp): two uint64, as numbers or as text of digits."""
    try:
        found = wire.content(content)
    except RemoteProtocolError:
        return None
    nonce, timestamp = _uint64(found.nonce), _uint64(found.timestamp)
    return None if nonce is None or timestamp is None else (nonce, timestamp)


def _uint64(value: int | str) -> int | None:
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit()) or len(value) > _LARGEST_TEXT:
            return None
        value = int(value)
    return value if 0 <= value <= wire.UINT64_MAX else None
