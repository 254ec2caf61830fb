"""The venue's end of one connection, as the sandbox plays it.

What a frame goes through: envelope, application, rate, body, account, then its own method. Every refusal is the
sheet's: 2142 for requests, 2132 for orders that were understood and refused. Executions are not part of a request's
answer: the exchange reports them, and `publish` brings them to every connection of the account, with the `clientMsgId`
of the request that caused them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from venuewire.codec import Envelope, decoder
from venuewire.errors import RemoteProtocolError
from venuewire.model.market import BookUpdate, Quote
from venuewire.model.session import Event
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Nanos
from venuewire.venue import (
    Close,
    Headers,
    Out,
    Refusal,
    Send,
)
from venuewire.venues.ctrader.acceptor.account_requests import Account, Answering
from venuewire.venues.ctrader.acceptor.blocks import Blocks, Frequencies
from venuewire.venues.ctrader.acceptor.faults import field_at_fault, malformed
from venuewire.venues.ctrader.acceptor.feed import FeedDesk
from venuewire.venues.ctrader.acceptor.habits import COMMON_ERRORS, DEMO_FREQUENCIES, OTHER_WORDS
from venuewire.venues.ctrader.acceptor.tokens import LIFE_SECONDS, Granted
from venuewire.venues.ctrader.requests import Refused
from venuewire.venues.ctrader.wire import market, model, session, trading, words
from venuewire.venues.ctrader.wire.base import Message
from venuewire.venues.ctrader.wire.table import (
    HEARTBEAT,
    HEARTBEAT_FRAME,
    HISTORICAL,
    REQUESTS,
    TABLE,
    frame,
    open_frame,
)

if TYPE_CHECKING:
    from venuewire.venues.ctrader.acceptor.host import CTraderHost

VERSION = "91"
IDLE = 30 * NANOS_PER_SECOND
"""Silence of a client after which it is closed; also how long an application may take to authorise itself."""
HEARTBEAT_AFTER = 30 * NANOS_PER_SECOND
"""Our own silence after which a heartbeat is sent."""
_BYE = Close(1000, "Bye")

_UNAUTHORISED = frozenset({2100, 2104, 2173})
"""What may be asked before the application is authorised; 51 besides."""
_PER_SECOND, _HISTORICAL_PER_SECOND = 50, 5


class _Session:
    """One account on one connection."""

    __slots__ = ("answers", "feed", "granted")

    def __init__(self, granted: Granted, feed: FeedDesk, answers: dict[type[Message], Answering]) -> None:
        self.granted = granted
        self.feed = feed
        self.answers = answers


class CTraderAcceptor:
    """The venue's end of one connection."""

    def __init__(self, host: CTraderHost) -> None:
        self._host = host
        self._application = False
        self._sessions: dict[int, _Session] = {}
        """Accounts that are authorised here."""
        self._opened_at = self._last_in = self._last_out = 0
        self._is_open = False
        self._said_bye = self._is_leaving = False
        self._asked: deque[Nanos] = deque()
        self._asked_history: deque[Nanos] = deque()
        self._pushed: list[Out] = []
        """Told at the next turn: what another connection, the exchange, or the token endpoint has brought about."""
        self._blocks = Blocks()
        self._quote_ids = count(1)
        self._methods: dict[type[Message], Answering] = {
            session.ApplicationAuthReq: self._authorise_application,
            session.AccountAuthReq: self._authorise_account,
            session.VersionReq: self._version,
            session.GetAccountListByAccessTokenReq: self._account_list,
            session.RefreshTokenReq: self._refresh,
            session.GetCtidProfileByTokenReq: self._profile,
        }

    # ----------------------------------------------------------------------------------------- the connection

    @property
    def account(self) -> str | None:
        """The first account it is authorised for."""
        return next((str(account_id) for account_id in self._sessions), None)

    def handshake(self, headers: Headers, now: Nanos) -> Refusal | None:
        """Anybody may connect, with any sub-protocol or none."""
        return None

    def opened(self, now: Nanos) -> list[Out]:
        """Nothing is said first."""
        self._host.begin(now)
        self._host.connections[self] = None
        self._opened_at = self._last_in = self._last_out = now
        self._is_open = True
        return []

    def closed(self, now: Nanos) -> None:
        """Orders stay; authorisation and subscriptions are gone with the connection."""
        self._host.connections.pop(self, None)
        self._is_open = False
        self._sessions.clear()

    def receive(self, payload: bytes, now: Nanos) -> list[Out]:
        """Answers to one frame."""
        self._host.begin(now)
        self._last_in = now
        self._expire(now)
        outs = [*self._take_pushed(), *self._answer(payload, now), *self._take_pushed()]
        return self._sent(outs, now)

    def publish(self, event: Event, now: Nanos) -> list[Out]:
        """What this connection subscribed to; executions have been pushed by the host."""
        outs: list[Out] = self._take_pushed() if self._pushed else []
        if isinstance(event, BookUpdate):
            for each in self._sessions.values():
                moved = each.feed.moved(event)
                if moved is not None:
                    outs.append(Send(frame(moved), channel=Channel.BOOK))
        elif isinstance(event, Quote):
            for each in self._sessions.values():
                ticked = each.feed.quoted(event, now)
                if ticked is not None:
                    outs.append(Send(frame(ticked), channel=Channel.QUOTES))
        return self._sent(outs, now)

    def push(self, account_id: int, told: Send) -> None:
        """Tell this at the next turn, if the account is authorised here."""
        if account_id in self._sessions:
            self._pushed.append(told)

    def say_goodbye(self) -> None:
        """Close at the next turn, as the venue does before its maintenance."""
        self._is_leaving = True

    def pinged(self, now: Nanos) -> None:
        """Pings count for nothing here."""

    def next_tick(self) -> Nanos | None:
        """Heartbeat, idle end, end of the token; at once when something waits to be told."""
        if not self._is_open or self._said_bye:
            return None
        if self._pushed or self._is_leaving:
            return self._last_out
        times = [self._last_in + IDLE, self._last_out + HEARTBEAT_AFTER]
        if not self._application:
            times.append(self._opened_at + IDLE)
        times += [each.granted.expires_at for each in self._sessions.values()]
        return min(times)

    def tick(self, now: Nanos) -> list[Out]:
        """Whatever is due."""
        self._expire(now)
        outs = self._take_pushed()
        is_late = not self._application and now >= self._opened_at + IDLE
        if self._is_leaving or is_late or now >= self._last_in + IDLE:
            self._said_bye = True
            return [*outs, _BYE]
        if not outs and now >= self._last_out + HEARTBEAT_AFTER:
            outs.append(Send(HEARTBEAT_FRAME))
        return self._sent(outs, now)

    def _sent(self, outs: list[Out], now: Nanos) -> list[Out]:
        if outs:
            self._last_out = now
        return outs

    def _take_pushed(self) -> list[Out]:
        pushed, self._pushed = self._pushed, []
        return pushed

    # ----------------------------------------------------------------------------------------- one frame

    def _answer(self, payload: bytes, now: Nanos) -> list[Out]:
        try:
            envelope = open_frame(payload)
        except RemoteProtocolError as error:
            return [Send(frame(malformed(payload, str(error))))]
        if envelope.kind == HEARTBEAT:
            return []
        ref = envelope.ref
        if now < self._host.away_until:
            return [Send(frame(self._in_its_layer(self._away()), ref))]
        try:
            answers = self._dispatch(envelope, now)
        except Refused as refused:
            return [Send(frame(self._in_its_layer(self._refusal(envelope, refused)), ref))]
        return [Send(frame(answer, ref if _is_answer(answer) else None)) for answer in answers]

    def _in_its_layer(self, refusal: Message) -> Message:
        """2142, or 50 where the common layer is to speak: without an account, and with milliseconds."""
        if COMMON_ERRORS not in self._host.has or not isinstance(refusal, session.ErrorRes):
            return refusal
        ends = refusal.maintenance_end_timestamp
        return session.CommonErrorRes(
            error_code=refusal.error_code,
            description=refusal.description,
            maintenance_end_timestamp=None if ends is None else ends * 1000,
        )

    def _away(self) -> session.ErrorRes:
        return session.ErrorRes(
            error_code="SERVER_IS_UNDER_MAINTENANCE",
            description="Server is under maintenance",
            maintenance_end_timestamp=self._host.away_until // NANOS_PER_SECOND,
        )

    def _dispatch(self, envelope: Envelope, now: Nanos) -> list[Message]:
        kind = int(envelope.kind)
        if not self._application and kind not in _UNAUTHORISED:
            raise Refused("CH_CLIENT_NOT_AUTHENTICATED", "Client is not authenticated", is_order=False)
        self._pace(kind, now)
        if kind not in REQUESTS:
            raise Refused("UNSUPPORTED_MESSAGE", f"payloadType {kind} is not supported", is_order=False)
        try:
            request = TABLE.decode(kind, envelope.body)
        except RemoteProtocolError as error:
            raise Refused("INVALID_REQUEST", field_at_fault(str(error)), is_order=False) from None
        assert request is not None
        method = self._methods.get(type(request))
        if method is None:
            account_id: int = getattr(request, "ctid_trader_account_id")  # noqa: B009  every other request has it
            method = self._session(account_id).answers[type(request)]
        return method(request, envelope.ref, now)

    def _pace(self, kind: int, now: Nanos) -> None:
        """Requests over the limit are refused, and do not count."""
        self._blocks.look(kind, now)
        asked, most = (self._asked, _PER_SECOND)
        if kind in HISTORICAL:
            asked, most = self._asked_history, _HISTORICAL_PER_SECOND
        while asked and asked[0] <= now - NANOS_PER_SECOND:
            asked.popleft()
        if len(asked) >= most or now < self._host.throttled_until:
            if kind in HISTORICAL and now >= self._host.throttled_until:
                self._blocks.breached(kind, now)
            text = "You have reached the rate limit of requests"
            raise Refused("REQUEST_FREQUENCY_EXCEEDED", text, is_order=False)
        asked.append(now)

    def _session(self, account_id: int) -> _Session:
        found = self._sessions.get(account_id)
        if found is not None:
            return found
        if OTHER_WORDS in self._host.has:
            raise Refused("INVALID_REQUEST", "Trading account is not authorized", is_order=False)
        raise Refused("ACCOUNT_NOT_AUTHORIZED", f"Account {account_id} is not authorized", is_order=False)

    def _refusal(self, envelope: Envelope, refused: Refused) -> Message:
        account_id = self._account_of(envelope)
        if refused.is_order:
            return trading.OrderErrorEvent(
                error_code=refused.code,
                order_id=refused.order_id,
                position_id=refused.position_id or None,
                ctid_trader_account_id=account_id,
                description=refused.text,
            )
        return session.ErrorRes(
            ctid_trader_account_id=account_id,
            error_code=refused.code,
            description=refused.text,
            retry_after=refused.retry_after,
        )

    def _account_of(self, envelope: Envelope) -> int | None:
        """The account a refused request names, or the first one here where that cannot be read; none before 2102."""
        try:
            asked = _whose(envelope.body).ctid_trader_account_id
        except RemoteProtocolError:
            asked = None
        return asked if asked in self._sessions else next(iter(self._sessions), None)

    # ----------------------------------------------------------------------------------------- who they are

    def _authorise_application(self, request: session.ApplicationAuthReq, ref: str | None, now: Nanos) -> list[Message]:
        if self._application:
            raise Refused("CH_CLIENT_ALREADY_AUTHENTICATED", "Client is already authenticated", is_order=False)
        if not self._host.tokens.is_application(request.client_id, request.client_secret):
            raise Refused("CH_CLIENT_AUTH_FAILURE", "clientId or clientSecret is incorrect", is_order=False)
        self._application = True
        return [session.ApplicationAuthRes()]

    def _version(self, request: session.VersionReq, ref: str | None, now: Nanos) -> list[Message]:
        return [session.VersionRes(version=VERSION)]

    def _grant_of(self, access: str, now: Nanos) -> Granted:
        granted = self._host.tokens.find(access)
        if granted is None:
            raise Refused("CH_ACCESS_TOKEN_INVALID", "Access token is invalid", is_order=False)
        if now >= granted.expires_at:
            raise Refused("CH_ACCESS_TOKEN_INVALID", "Access token expired", is_order=False)
        return granted

    def _account_list(
        self, request: session.GetAccountListByAccessTokenReq, ref: str | None, now: Nanos
    ) -> list[Message]:
        granted = self._grant_of(request.access_token, now)
        accounts = tuple(
            model.CtidTraderAccount(
                ctid_trader_account_id=account_id,
                is_live=account_id == self._host.live_id,
                trader_login=account_id % 10_000_000,
            )
            for account_id in sorted(granted.accounts)
        )
        return [
            session.GetAccountListByAccessTokenRes(
                access_token=request.access_token, permission_scope=granted.scope, ctid_trader_account=accounts
            )
        ]

    def _profile(self, request: session.GetCtidProfileByTokenReq, ref: str | None, now: Nanos) -> list[Message]:
        """2151: whose token it is."""
        self._grant_of(request.access_token, now)
        return [
            session.GetCtidProfileByTokenRes(
                profile=model.CtidProfile(user_id=next(iter(self._host.accounts)) % 1_000_000)
            )
        ]

    def _authorise_account(self, request: session.AccountAuthReq, ref: str | None, now: Nanos) -> list[Message]:
        granted = self._grant_of(request.access_token, now)
        account_id = request.ctid_trader_account_id
        account = self._host.accounts.get(account_id)
        if account_id == self._host.live_id and account_id in granted.accounts:
            text = "Can't route request: the account is of the other environment"
            raise Refused("CANT_ROUTE_REQUEST", text, is_order=False)
        if account is None or account_id not in granted.accounts:
            text = f"Trading account {account_id} is not found"
            raise Refused("CH_CTID_TRADER_ACCOUNT_NOT_FOUND", text, is_order=False)
        if account_id in self._sessions:
            raise Refused("ALREADY_LOGGED_IN", "Trading account is already authorized", is_order=False)
        self._sessions[account_id] = self._made(account, granted)
        account.book.catch_up(account.port)
        return [session.AccountAuthRes(ctid_trader_account_id=account_id)]

    def _refresh(self, request: session.RefreshTokenReq, ref: str | None, now: Nanos) -> list[Message]:
        exchanged = self._host.tokens.exchange(request.refresh_token, now)
        if exchanged is None:
            text = "refresh_token is invalid or was used already"
            raise Refused("CH_ACCESS_TOKEN_INVALID", text, is_order=False)
        old, new = exchanged
        self._host.refreshed(old)
        return [
            session.RefreshTokenRes(
                access_token=new.access, token_type="bearer", expires_in=LIFE_SECONDS, refresh_token=new.refresh
            )
        ]

    def _made(self, account: Account, granted: Granted) -> _Session:
        host = self._host
        feed = FeedDesk(account.account_id, account.symbols, host.exchange, host.tapes, host.closes, self._quote_ids)
        frequencies = Frequencies()

        def look(record: type[Message], now: Nanos) -> None:
            if DEMO_FREQUENCIES in host.has:
                frequencies.look(_NUMBERS[record], now)

        trades = {record: _trade(do, granted, partial(look, record)) for record, do in account.trades().items()}
        own: dict[type[Message], Answering] = {session.AccountLogoutReq: self._log_out}
        return _Session(granted, feed, {**account.answers(), **feed.answers(), **trades, **own})

    def _log_out(self, request: session.AccountLogoutReq, ref: str | None, now: Nanos) -> list[Message]:
        """2163, and the session really ends with the 2164 that follows."""
        account_id = request.ctid_trader_account_id
        del self._sessions[account_id]
        return [
            session.AccountLogoutRes(ctid_trader_account_id=account_id),
            session.AccountDisconnectEvent(ctid_trader_account_id=account_id),
        ]

    def lose_token(self, ended: Granted, reason: str) -> None:
        """The token of some accounts is over: 2147, then 2164 for each."""
        ids = tuple(number for number, each in self._sessions.items() if each.granted.access == ended.access)
        if not ids:
            return
        invalidated = session.AccountsTokenInvalidatedEvent(ctid_trader_account_ids=ids, reason=reason)
        self._pushed.append(Send(frame(invalidated)))
        for account_id in ids:
            del self._sessions[account_id]
            self._pushed.append(Send(frame(session.AccountDisconnectEvent(ctid_trader_account_id=account_id))))

    def drop_application(self, reason: str) -> None:
        """2148: every session of it on this connection is over."""
        if self._application:
            self._application = False
            self._opened_at = self._last_in
            self._sessions.clear()
            self._pushed.append(Send(frame(session.ClientDisconnectEvent(reason=reason))))

    def _expire(self, now: Nanos) -> None:
        for each in list(self._sessions.values()):
            if now >= each.granted.expires_at:
                self.lose_token(each.granted, "Access token expired")


def _trade(do: Callable[[Any, str | None, Nanos], None], granted: Granted, look: Callable[[Nanos], None]) -> Answering:
    """A request about orders: the scope must allow trading, it may be one too many, and executions are the answer."""

    def run(request: Any, ref: str | None, now: Nanos) -> list[Message]:
        if granted.scope != words.Scope.TRADE:
            raise Refused("TRADING_NOT_ALLOWED", "The access token allows viewing only")
        look(now)
        do(request, ref, now)
        return []

    return run


class _Whose(Message, frozen=True, kw_only=True):
    """Whatever a request says, whose it is."""

    ctid_trader_account_id: int | None = None


_whose = decoder(_Whose, strict=False)
_NUMBERS = {record: int(number) for number, record in REQUESTS.items()}
_EVENTS = (
    market.SpotEvent,
    market.DepthEvent,
    session.AccountDisconnectEvent,
    session.AccountsTokenInvalidatedEvent,
)


def _is_answer(message: Message) -> bool:
    """Events carry no clientMsgId."""
    return not isinstance(message, _EVENTS)
