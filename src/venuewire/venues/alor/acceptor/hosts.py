"""ALOR as the sandbox plays it: the host, which knows the tokens, and makes the far end of each connection.

`/ws` is in `ws`, `/cws` in `cws`, HTTP and the token server in `http`; where orders arrive from both of
the latter, in `desk` and, conditional ones, in `stop_desk`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from venuewire.frame import Once
from venuewire.model.market import BookUpdate, Quote, Trade
from venuewire.model.orders import ExecutionReport
from venuewire.model.session import Event
from venuewire.model.terms import NANOS_PER_SECOND, Nanos, OrdStatus
from venuewire.venue import (
    Acceptor,
    Affliction,
    Answer,
    Exchange,
    ExpireGrants,
    Habit,
    Port,
    Refusal,
    Request,
    Stage,
    Throttle,
)
from venuewire.venues.alor import signing, terms
from venuewire.venues.alor.acceptor.conditional import Conditional
from venuewire.venues.alor.acceptor.cws import CommandAcceptor
from venuewire.venues.alor.acceptor.desk import DUPLICATES_SEEN, Desk, Switches, is_working
from venuewire.venues.alor.acceptor.http import HttpAcceptor
from venuewire.venues.alor.acceptor.order_groups import EXECUTED, GONE, WAITING, Groups, Member
from venuewire.venues.alor.acceptor.records import Records
from venuewire.venues.alor.acceptor.stop_desk import StopDesk
from venuewire.venues.alor.acceptor.ws import PRIVATE, SubscriptionAcceptor
from venuewire.venues.alor.candles import Tape
from venuewire.venues.alor.wire import access

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_ROUNDS = 100
"""One trigger may lead to the next; not for ever."""
_ALL_TRADES = 1_000_000

_TOKENS_KEPT = 10_000
"""Tokens remembered; the oldest are forgotten, and no good any more."""


class AlorHost:
    """The venue as a whole."""

    lines: ClassVar[tuple[str, ...]] = ("ws", "cws")
    habits: ClassVar[Mapping[str, str]] = {
        "reset_on_expiry": "On /cws the first command after the token's end cuts the line instead of a 401 (2.6).",
        "close_on_rejection": "On /cws a rejection by the trading system ends the line, too (8.2).",
        "stay_on_bad_values": "On /cws syntax and values that are wrong do not end the line (8.2).",
        "stay_on_repeated_guid": "On /cws a guid that comes again is refused but does not end the line (8.1).",
        "acknowledge_first": "On /ws the acknowledgement of a book comes before its first frame (8.6).",
        "trading_hours": "MOEX and SPBX trade in their hours only; otherwise they always do (6.6).",
        "refuse_duplicates": "Like commands within a second are refused unless checkDuplicates is false (8.13).",
    }

    def __init__(self, stage: Stage, exchange: Exchange, random_hex: Callable[[int], str]) -> None:
        self.switches = Switches()
        """How the sandbox plays what the venue's documents leave open; may be changed while it runs."""
        self.desk = Desk(exchange, stage.reference_prices, self.switches)
        self.stop_desk = StopDesk(self.desk, self._stop_changed)
        self.groups = Groups(self._where, self._end, self._wake)
        self.records = Records(self.desk, "MOEX", stage.futures)
        self.connections: set[object] = set()
        self.refresh_tokens: dict[str, tuple[str, ...]] = {
            str(stage.credentials["refresh_token"]): (stage.account, *stage.further_accounts)
        }
        """Portfolios by refresh token; take one out and it is revoked, and what was made of it as well (2.1)."""
        self._exchange = exchange
        self._random_hex = random_hex
        self._seed = random_hex(16)
        self._tapes: dict[str, Tape] = {}
        self._settling = False
        self._once = Once()
        self._newest: dict[str, Event] = {}
        """By symbol: the newest of its book, trades and quotes."""
        self._issued: dict[str, str] = {}
        """Refresh token by access token."""
        self._seen: dict[str, access.Claims] = {}
        self._ended: set[str] = set()
        """Tokens whose end was brought forward."""
        self._recent: dict[str, deque[Nanos]] = {}
        """When a login's requests of the last second came."""
        self.throttled_until: Nanos = 0
        """Until then every request over HTTP, and every command on `/cws`, is one too many."""
        self._http = HttpAcceptor(self)

    def accept(self, line: str) -> Acceptor:
        """The far end of a new connection."""
        return SubscriptionAcceptor(self) if line == "ws" else CommandAcceptor(self)

    def serve(self, request: Request, now: Nanos) -> Answer:
        """Answer one HTTP request."""
        self.settle(now)
        answer = self._http.serve(request, now)
        self.settle(now)
        return answer

    def afflict(self, affliction: Affliction, now: Nanos) -> bool:
        """Suffer this. Nothing comes out of any tick: here a token that ends is noticed at its next use.

        There are no numbers to skip; an access token cannot be taken back by itself (2.1: revoking the refresh token,
        `refresh_tokens`, ends it for good); and how maintenance looks is not documented.
        """
        match affliction:
            case ExpireGrants():
                self._ended.update(self._issued)
                return True
            case Throttle(until=until):
                self.throttled_until = until
                return True
            case Habit(name=name, on=on):
                return self._practise(name, on=on)
            case _:
                return False

    def _practise(self, name: str, *, on: bool) -> bool:
        switches = self.switches
        match name:
            case "reset_on_expiry":
                switches.reset_on_expiry = on
            case "close_on_rejection":
                switches.close_on_rejection = on
            case "stay_on_bad_values":
                switches.close_on_bad_values = not on
            case "stay_on_repeated_guid":
                switches.close_on_repeated_guid = not on
            case "acknowledge_first":
                switches.book_before_acknowledgement = not on
            case "trading_hours":
                switches.trading_hours = on
            case "refuse_duplicates":
                switches.duplicate_window = DUPLICATES_SEEN if on else 0
            case _:
                return False
        return True

    # ---- what happens by itself: conditional orders, groups, the tape

    def tape(self, symbol: str, now: Nanos) -> Tape:
        """Everything that was traded in an instrument. Its past ends when it is first looked at."""
        tape = self._tapes.get(symbol)
        if tape is None:
            reference, instrument = self.desk.reference[symbol], self._exchange.instruments[symbol]
            first = next(iter(self._exchange.trades(symbol, _ALL_TRADES)), None)
            began = first.transact_time if first is not None else now
            tape = self._tapes[symbol] = Tape(instrument, self._seed, began, reference)
        return tape

    def publish(self, event: Event, now: Nanos) -> None:
        """What an event of the exchange leads to is done, whoever is connected."""
        if isinstance(event, (BookUpdate, Trade, Quote)):
            self._newest[event.symbol] = event
        if isinstance(event, (Trade, ExecutionReport)):
            self.settle(now)
        if isinstance(event, PRIVATE):
            for connection in tuple(self.connections):
                if isinstance(connection, SubscriptionAcceptor):
                    connection.overhear(event, now)

    def once(self, shape: tuple[object, ...], symbol: str, make: Callable[[], list[bytes]]) -> list[bytes]:
        """Data of this shape about an instrument, which everybody is sent alike; made anew when there is news of it."""
        newest = self._newest.get(symbol)
        return make() if newest is None else self._once.get((symbol, *shape), (newest,), make)

    def settle(self, now: Nanos) -> None:
        """Do what new trades and the time lead to: trigger and end conditional orders, look after groups.

        Each request comes by here first, too: what it asks about is then up to date.
        """
        if self._settling:
            return
        self._settling = True
        try:
            for _ in range(_ROUNDS):
                traded = self._take_trades(now)
                self.stop_desk.waiting.advance(now)
                if not (self.groups.settle(now) or traded):
                    return
        finally:
            self._settling = False

    def _take_trades(self, now: Nanos) -> bool:
        """Read what was traded since; True if anything was."""
        any_new = False
        for symbol in self._exchange.instruments:
            newest, tape = self._exchange.trades(symbol, 1), self.tape(symbol, now)
            if not newest or newest[0].trade_id == tape.last_id:
                continue
            any_new = True
            for trade in self._since(symbol, tape.last_id):
                tape.take(trade)
                self.stop_desk.waiting.priced(symbol, trade.price, trade.transact_time)
        return any_new

    def _since(self, symbol: str, last_id: str) -> list[Trade]:
        """Trades newer than this one, oldest first, as far as the exchange remembers."""
        count = 16
        while True:
            trades = self._exchange.trades(symbol, count)
            known = next((n for n in range(len(trades) - 1, -1, -1) if trades[n].trade_id == last_id), None)
            if known is not None:
                return trades[known + 1 :]
            if len(trades) < count:
                return trades
            count *= 4

    def next_tick(self) -> Nanos | None:
        """When there is something to do whatever is traded."""
        return self.stop_desk.waiting.next_due()

    def tick(self, now: Nanos) -> None:
        """Do it."""
        self.settle(now)

    def _stop_changed(self, order: Conditional) -> None:
        for connection in tuple(self.connections):
            if isinstance(connection, SubscriptionAcceptor):
                connection.stop_changed(order)

    def _where(self, member: Member) -> int:
        """Where a member of a group stands; one that is not known any more is gone."""
        if member.is_stop:
            stop = self.stop_desk.waiting.find(member.order_id, member.portfolio)
            status = stop.status if stop is not None else ""
            return {"working": WAITING, "filled": EXECUTED}.get(status, GONE)
        report = self._port(member.portfolio, member.order_id)
        if report is None or report.ord_status is None:
            return GONE
        if is_working(report):
            return WAITING
        return EXECUTED if report.ord_status is OrdStatus.FILLED else GONE

    def _port(self, portfolio: str, order_id: str) -> ExecutionReport | None:
        try:
            return self._exchange.port(portfolio).order(order_id=terms.exchange_id(order_id))
        except KeyError:
            return None

    def _end(self, member: Member, now: Nanos) -> None:
        port = self._exchange.port(member.portfolio)
        if member.is_stop:
            self.stop_desk.delete(member.order_id, port, now)
        else:
            self.desk.delete(member.order_id, port, now, "")

    def _wake(self, member: Member, now: Nanos) -> None:
        stop = self.stop_desk.waiting.find(member.order_id, member.portfolio)
        if stop is not None:
            self.stop_desk.waiting.wake(stop, now)
            self.stop_desk.waiting.look(stop, self.desk.mark(stop.terms.instrument.symbol), now)

    def exists(self, member: Member) -> bool:
        """Is there such an order, working?"""
        return self._where(member) == WAITING

    def group_id(self) -> str:
        """A new group's id."""
        digits = self._random_hex(32)
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))

    # ---- for the far ends

    @cached_property
    def _key(self) -> EllipticCurvePrivateKey:
        return signing.private_key(self._random_hex(64))

    def issue(self, refresh_token: str, allowed: list[str] | None, now: Nanos) -> str | None:
        """A new access token; None when the refresh token is not known. Earlier ones stay good (2.2)."""
        portfolios = self.refresh_tokens.get(refresh_token)
        if portfolios is None:
            return None
        narrowed = [name for name in portfolios if allowed is None or name in allowed]
        seconds = now // NANOS_PER_SECOND
        claims = access.Claims(
            sub=f"P{portfolios[0][1:]}",
            ein=portfolios[0][1:],
            clientid=portfolios[0][1:].rjust(7, "0"),
            azp=self._random_hex(20),
            agreements=portfolios[0][1:],
            portfolios=" ".join(narrowed),
            scope=access.SCOPE,
            exp=seconds + self.switches.token_seconds,
            iat=seconds,
            iss=access.ISSUER,
            aud=access.AUDIENCE,
        )
        token = signing.sign(claims, self._key)
        self._issued[token] = refresh_token
        if len(self._issued) > _TOKENS_KEPT:
            oldest = next(iter(self._issued))
            del self._issued[oldest]
            self._ended.discard(oldest)
        return token

    def claims(self, token: str, now: Nanos) -> access.Claims | None:
        """What a token allows now; None if it is not one of ours, has ended, or was revoked."""
        # `/ws` shows a token with every message: its signature is looked at once.
        claims = self._seen.get(token) or self._verified(token)
        if claims is None or now >= claims.exp * NANOS_PER_SECOND or token in self._ended:
            return None
        return claims if self._issued.get(token) in self.refresh_tokens else None

    def _verified(self, token: str) -> access.Claims | None:
        claims = signing.verify(token, self._key.public_key())
        if claims is None or claims.iss != access.ISSUER:
            return None
        self._seen[token] = claims
        if len(self._seen) > _TOKENS_KEPT:
            del self._seen[next(iter(self._seen))]
        return claims

    def is_too_fast(self, login: str, now: Nanos) -> bool:
        """More than so many requests within a second, over HTTP and `/cws` together (5.9, 8.14)."""
        recent = self._recent.setdefault(login, deque())
        while recent and now - recent[0] >= NANOS_PER_SECOND:
            recent.popleft()
        if len(recent) >= self.switches.requests_per_second:
            return True
        recent.append(now)
        return False

    def port(self, claims: access.Claims, portfolio: str) -> Port | None:
        """The place of a portfolio the token speaks for."""
        if portfolio not in claims.portfolios.split():
            return None
        try:
            return self._exchange.port(portfolio)
        except KeyError:
            return None

    def account_of(self, claims: access.Claims) -> str | None:
        """The first portfolio of a token."""
        return next(iter(claims.portfolios.split()), None)

    def refusal(self) -> Refusal | None:
        """More connections than a user may have (3.12); the status is our assumption."""
        return Refusal(429) if len(self.connections) >= self.switches.connections else None


def host(stage: Stage, exchange: Exchange, random_hex: Callable[[int], str]) -> AlorHost:
    """The venue's side for this stage and exchange."""
    return AlorHost(stage, exchange, random_hex)
