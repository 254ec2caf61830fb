"""The venue as a whole, as the sandbox plays it: application, tokens, the accounts of one owner, HTTP, habits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from venuewire.model.market import Quote
from venuewire.model.orders import ExecutionReport
from venuewire.model.session import Event
from venuewire.model.terms import NANOS_PER_MILLI, NANOS_PER_SECOND, Nanos, to_scaled
from venuewire.venue import (
    Affliction,
    Answer,
    Exchange,
    ExpireGrants,
    Habit,
    Maintenance,
    Request,
    RevokeGrants,
    Send,
    Stage,
    Throttle,
)
from venuewire.venues.ctrader import translate
from venuewire.venues.ctrader.acceptor.account import AccountBook
from venuewire.venues.ctrader.acceptor.account_requests import Account
from venuewire.venues.ctrader.acceptor.connection import CTraderAcceptor
from venuewire.venues.ctrader.acceptor.habits import (
    CLOSE_ONLY,
    DROPPED,
    HABITS,
    HALF_LEVERAGE,
    KEEPS_SESSIONS,
    LIMITED_RISK,
    PAID_IN,
)
from venuewire.venues.ctrader.acceptor.http import TokenDesk
from venuewire.venues.ctrader.acceptor.stage import ROWS
from venuewire.venues.ctrader.acceptor.tape import PAST_MINUTES, Tape
from venuewire.venues.ctrader.acceptor.tokens import LIFE_SECONDS, Granted, Tokens
from venuewire.venues.ctrader.positions import LEVERAGE

_PAID_IN = 10_000 * 100
"""Cents."""
_MINUTE_MS = 60_000


class CTraderHost:
    """What the connections share: application, tokens, the accounts of one owner; and the token endpoint."""

    lines: ClassVar[tuple[str, ...]] = ("ws",)
    habits: ClassVar[Mapping[str, str]] = HABITS

    def __init__(self, stage: Stage, exchange: Exchange, random_hex: Callable[[int], str]) -> None:
        self.exchange = exchange
        self.tokens = Tokens(random_hex)
        self.has: set[str] = set()
        """Habits switched on."""
        self.symbols = {row.symbol_id: row for row in ROWS if row.name in exchange.instruments}
        self.tapes: dict[str, Tape] = {}
        """Filled when anybody comes: the past ends then."""
        staged = {stage.account: stage.balances, **stage.further_accounts}
        self.accounts = {
            int(name): Account(
                name,
                number,
                exchange,
                self.symbols,
                self.tapes,
                balances,
                tell=self._tell,
                is_close_only=lambda: CLOSE_ONLY in self.has,
            )
            for number, (name, balances) in enumerate(staged.items())
        }
        self.live_id = max(self.accounts) + 1
        """An account of the same owner in the other environment."""
        self.granted_ids = frozenset({*self.accounts, self.live_id})
        self.token_desk = TokenDesk(self.tokens, self.granted_ids, random_hex)
        self.closes = {
            name: to_scaled(Decimal(price), translate.PRICE_SCALE) for name, price in stage.reference_prices.items()
        }
        """Where the last session of each symbol closed: the price the sandbox's market began with."""
        self.connections: dict[CTraderAcceptor, None] = {}
        self.throttled_until: Nanos = 0
        self.away_until: Nanos = 0
        self._first_pair: dict[str, Any] | None = dict(stage.credentials)
        self.tokens.register(stage.credentials["clientId"], stage.credentials["clientSecret"])

    def begin(self, now: Nanos) -> None:
        """The staged pair of tokens lives from the moment anybody comes."""
        if self._first_pair is not None:
            pair, self._first_pair = self._first_pair, None
            granted = Granted(
                access=pair["accessToken"],
                refresh=pair["refreshToken"],
                accounts=self.granted_ids,
                expires_at=now + LIFE_SECONDS * NANOS_PER_SECOND,
            )
            self.tokens.add(granted)
            self._begin_past(now)

    def _begin_past(self, now: Nanos) -> None:
        """Prices and accounts have a past by now."""
        began = now // NANOS_PER_MILLI
        opened = began // _MINUTE_MS * _MINUTE_MS - PAST_MINUTES * _MINUTE_MS
        for account in self.accounts.values():
            account.begin(now, opened)
        for row in self.symbols.values():
            seed, tick = f"{next(iter(self.accounts))} {row.name}", 10 ** (translate.PRICE_SCALE - row.digits)
            self.tapes[row.name] = Tape(seed, self.closes[row.name], tick, began)

    @property
    def account(self) -> AccountBook:
        """The book of the account the ready line's credentials name."""
        return next(iter(self.accounts.values())).book

    def _tell(self, account_id: int, told: Send) -> None:
        for connection in self.connections:
            connection.push(account_id, told)

    def publish(self, event: Event, now: Nanos) -> None:
        """Executions, to every connection of their account; and what the venue does with a quote."""
        if isinstance(event, ExecutionReport):
            account = self.accounts.get(int(event.account)) if event.account.isdecimal() else None
            if account is not None:
                account.reported(event)
        elif isinstance(event, Quote):
            self._quoted(event, now)

    def _quoted(self, quote: Quote, now: Nanos) -> None:
        """Bars, protective orders, margin calls, stop-outs."""
        tape = self.tapes.get(quote.symbol)
        if tape is None:
            return
        bid, ask = (
            None if price is None else to_scaled(price, translate.PRICE_SCALE) for price in (quote.bid, quote.ask)
        )
        tape.quoted(bid, ask, now // NANOS_PER_MILLI)
        for account in self.accounts.values():
            account.quoted(quote, now)

    def next_tick(self) -> Nanos | None:
        """The next night that is charged for."""
        return min((due for account in self.accounts.values() if (due := account.next_tick())), default=None)

    def tick(self, now: Nanos) -> None:
        """Swaps."""
        for account in self.accounts.values():
            account.tick(now)

    def accept(self, line: str) -> CTraderAcceptor:
        """A new connection."""
        return CTraderAcceptor(self)

    def afflict(self, affliction: Affliction, now: Nanos) -> bool:
        """Suffer what the sandbox's owner wishes; False for numbers to skip, which this venue does not have."""
        self.begin(now)
        match affliction:
            case ExpireGrants():
                self._end_all(self.tokens.expire(now), "Access token expired")
            case RevokeGrants():
                self._end_all(self.tokens.revoke(), "Access token was revoked")
            case Throttle():
                self.throttled_until = affliction.until
            case Maintenance():
                self.away_until = affliction.until
                for connection in self.connections:
                    connection.say_goodbye()
            case Habit() if affliction.name in self.habits:
                if affliction.on is not (affliction.name in self.has):
                    (self.has.add if affliction.on else self.has.discard)(affliction.name)
                    self._take_up(affliction.name, now, on=affliction.on)
            case _:
                return False
        return True

    def _take_up(self, habit: str, now: Nanos, *, on: bool) -> None:
        """What follows at once when a habit is switched."""
        if habit == DROPPED and on:
            for connection in self.connections:
                connection.drop_application("the application was disconnected by the venue")
        for account in self.accounts.values():
            match habit:
                case _ if habit == CLOSE_ONLY:
                    account.symbols_changed()
                case _ if habit == HALF_LEVERAGE:
                    account.treasury.lever(LEVERAGE // 2 if on else LEVERAGE)
                case _ if habit == LIMITED_RISK:
                    account.limit_risk(on=on)
                case _ if habit == PAID_IN:
                    account.treasury.pay(_PAID_IN if on else -_PAID_IN, now, "paid in" if on else "paid out")
                case _:
                    return

    def _end_all(self, ended: list[Granted], reason: str) -> None:
        for granted in ended:
            self.end_sessions(granted, reason)

    def refreshed(self, old: Granted) -> None:
        """A token was exchanged for the next one."""
        if KEEPS_SESSIONS not in self.has:
            self.end_sessions(old, "Access token was refreshed")

    def serve(self, request: Request, now: Nanos) -> Answer:
        """The consent page and GET /apps/token. Never raises for what a client sent."""
        self.begin(now)
        if now < self.throttled_until:
            return Answer(429)
        answer, ended = self.token_desk.serve(request, now)
        if ended is not None:
            self.refreshed(ended)
        return answer

    def end_sessions(self, ended: Granted, reason: str) -> None:
        """A token is over: every connection that used it is told, at its next turn."""
        for connection in self.connections:
            connection.lose_token(ended, reason)
