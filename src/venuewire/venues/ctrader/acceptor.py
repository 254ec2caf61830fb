"""The venue's end, as the sandbox plays it: one host, and one acceptor for each connection.

What a frame goes through: envelope, application, rate, body, account, then its own method. Every refusal is the
sheet's: 2142 for requests, 2132 for orders that were understood and refused. Executions are not part of a request's
answer: the exchange reports them, and `publish` brings them to every connection of the account, with the `clientMsgId`
of the request that caused them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import count
from typing import Any, ClassVar

from msgspec.structs import replace

from venuewire.codec import Envelope
from venuewire.errors import RemoteProtocolError
from venuewire.model.market import BookUpdate, Quote
from venuewire.model.orders import ExecutionReport
from venuewire.model.session import Event
from venuewire.model.terms import NANOS_PER_MILLI, NANOS_PER_SECOND, Nanos, to_scaled
from venuewire.venue import (
    Affliction,
    Answer,
    Close,
    Exchange,
    ExpireGrants,
    Habit,
    Headers,
    Maintenance,
    Out,
    Refusal,
    Request,
    RevokeGrants,
    Send,
    Stage,
    Throttle,
)
from venuewire.venues.ctrader import translate
from venuewire.venues.ctrader.acceptor_history import Archive, first_deposit
from venuewire.venues.ctrader.acceptor_http import TokenDesk
from venuewire.venues.ctrader.acceptor_money import Treasury
from venuewire.venues.ctrader.acceptor_orders import OrderDesk
from venuewire.venues.ctrader.acceptor_symbols import Symbols
from venuewire.venues.ctrader.account import AccountBook
from venuewire.venues.ctrader.blocks import Blocks
from venuewire.venues.ctrader.faults import field_at_fault, malformed
from venuewire.venues.ctrader.requests import Refused
from venuewire.venues.ctrader.stage import BALANCE, DEPOSIT, ROWS, Row
from venuewire.venues.ctrader.streams import DepthStream, SpotStream
from venuewire.venues.ctrader.tape import PAST_MINUTES, Tape
from venuewire.venues.ctrader.tokens import LIFE_SECONDS, Granted, Tokens
from venuewire.venues.ctrader.wire import history, margin, market, model, session, trading, words
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

VERSION = "91"
IDLE = 30 * NANOS_PER_SECOND
"""Silence of a client after which it is closed; also how long an application may take to authorise itself."""
HEARTBEAT_AFTER = 30 * NANOS_PER_SECOND
"""Our own silence after which a heartbeat is sent."""
_BYE = Close(1000, "Bye")

KEEPS_SESSIONS, OTHER_WORDS = "refresh-keeps-sessions", "unauthorised-in-other-words"

_UNAUTHORISED = frozenset({2100, 2104, 2173})
"""What may be asked before the application is authorised; 51 besides."""
_PER_SECOND, _HISTORICAL_PER_SECOND = 50, 5
_MINUTE_MS = 60_000


class CTraderHost:
    """What the connections share: application, tokens, the account and its positions; and the token endpoint."""

    lines: ClassVar[tuple[str, ...]] = ("ws",)
    habits: ClassVar[Mapping[str, str]] = {
        KEEPS_SESSIONS: "a refreshed token leaves the sessions of its accounts standing, as some clients saw",
        OTHER_WORDS: "an account that is not authorised is refused with INVALID_REQUEST, as some clients saw",
    }

    def __init__(self, stage: Stage, exchange: Exchange, random_hex: Callable[[int], str]) -> None:
        self.exchange = exchange
        self.tokens = Tokens(random_hex)
        self.account_id = int(stage.account)
        self.token_desk = TokenDesk(self.tokens, frozenset({self.account_id}), random_hex)
        self.port = exchange.port(stage.account)
        rows = {row.name: row for row in ROWS}
        self.symbols = {row.symbol_id: row for row in ROWS if row.name in exchange.instruments}
        balance = to_scaled(Decimal(stage.balances.get(DEPOSIT, BALANCE)), 2)
        self.account = AccountBook(self.account_id, balance, rows)
        self.names = Symbols(self.account_id, self.symbols)
        self.desk = OrderDesk(exchange, self.port, self.account, self.symbols, self.tell)
        self.treasury = Treasury(self.account, exchange, self.names, self.tell)
        self.tapes: dict[str, Tape] = {}
        """Filled when anybody comes: the past ends then."""
        self.archive = Archive(self.account, self.port, self.names, self.tapes, lambda: self._deposit)
        self._deposit = first_deposit(balance, 0)
        self.closes = {
            name: to_scaled(Decimal(price), translate.PRICE_SCALE) for name, price in stage.reference_prices.items()
        }
        """Where the last session of each symbol closed: the price the sandbox's market began with."""
        self.connections: dict[CTraderAcceptor, None] = {}
        self.has: set[str] = set()
        """Habits switched on."""
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
                accounts=frozenset({self.account_id}),
                expires_at=now + LIFE_SECONDS * NANOS_PER_SECOND,
            )
            self.tokens.add(granted)
            began = now // NANOS_PER_MILLI
            opened = began // _MINUTE_MS * _MINUTE_MS - PAST_MINUTES * _MINUTE_MS
            self._deposit = replace(self._deposit, change_balance_timestamp=opened)
            self.account.registered_at = opened
            for row in self.symbols.values():
                seed, tick = f"{self.account_id} {row.name}", 10 ** (translate.PRICE_SCALE - row.digits)
                self.tapes[row.name] = Tape(seed, self.closes[row.name], tick, began)

    def answers(self) -> dict[type[Message], Callable[[Any, str | None, Nanos], list[Message]]]:
        """Requests that are the same on every connection."""
        names, treasury, archive = self.names, self.treasury, self.archive
        plain: dict[type[Message], Callable[[Any], Message]] = {
            market.AssetListReq: names.assets,
            market.AssetClassListReq: names.asset_classes,
            market.SymbolCategoryListReq: names.categories,
            market.SymbolsListReq: names.listed,
            market.SymbolByIdReq: names.details,
            market.SymbolsForConversionReq: names.conversion,
            margin.GetDynamicLeverageByIDReq: names.leverage,
            margin.ExpectedMarginReq: treasury.expected,
            margin.GetPositionUnrealizedPnLReq: treasury.unrealised,
            margin.MarginCallListReq: treasury.calls,
        }
        timed: dict[type[Message], Callable[[Any, int], Message]] = {
            history.GetTrendbarsReq: archive.bars,
            history.GetTickDataReq: archive.ticks,
            history.DealListReq: archive.deals,
            history.OrderListReq: archive.orders,
            history.DealListByPositionIdReq: archive.deals_of,
            history.OrderListByPositionIdReq: archive.orders_of,
            history.OrderDetailsReq: archive.order,
            history.DealOffsetListReq: archive.offsets,
            history.CashFlowHistoryListReq: archive.cash_flow,
        }
        return {
            margin.MarginCallUpdateReq: lambda request, _ref, now: [treasury.change(request, now)],
            **{record: _untimed(answer) for record, answer in plain.items()},
            **{record: _in_millis(answer) for record, answer in timed.items()},
        }

    def tell(self, payload: bytes) -> None:
        """To every connection of the account, at its next turn."""
        for connection in self.connections:
            connection.push(payload)

    def publish(self, event: Event, now: Nanos) -> None:
        """What the host itself does with a quote: bars, protective orders, margin calls."""
        tape = self.tapes.get(event.symbol) if isinstance(event, Quote) else None
        if tape is None or not isinstance(event, Quote):
            return
        bid, ask = (
            None if price is None else to_scaled(price, translate.PRICE_SCALE) for price in (event.bid, event.ask)
        )
        tape.quoted(bid, ask, now // NANOS_PER_MILLI)
        self.desk.quoted(event, now)
        self.treasury.quoted(now)

    def next_tick(self) -> Nanos | None:
        """Nothing here goes by the time alone."""
        return None

    def tick(self, now: Nanos) -> None:
        """Nothing is ever due."""

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
                (self.has.add if affliction.on else self.has.discard)(affliction.name)
            case _:
                return False
        return True

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
        answer, ended = self.token_desk.serve(request, now)
        if ended is not None:
            self.refreshed(ended)
        return answer

    def end_sessions(self, ended: Granted, reason: str) -> None:
        """A token is over: every connection that used it is told, at its next turn."""
        for connection in self.connections:
            connection.lose_token(ended, reason)


class CTraderAcceptor:
    """The venue's end of one connection."""

    def __init__(self, host: CTraderHost) -> None:
        self._host = host
        self._application = False
        self._granted: Granted | None = None
        """The token its account was authorised with."""
        self._opened_at = self._last_in = self._last_out = 0
        self._is_open = False
        self._said_bye = self._is_leaving = False
        self._asked: deque[Nanos] = deque()
        self._asked_history: deque[Nanos] = deque()
        self._pushed: list[Out] = []
        """Told at the next turn: what another connection, or the token endpoint, has brought about."""
        self._spots: dict[str, SpotStream] = {}
        self._bars: dict[str, dict[int, None]] = {}
        """Periods of live bars, by symbol."""
        self._blocks = Blocks()
        self._depth: dict[str, DepthStream] = {}
        self._quote_ids = count(1)
        self._methods: dict[type[Message], Callable[[Any, str | None, Nanos], list[Message]]] = {
            session.ApplicationAuthReq: self._authorise_application,
            session.AccountAuthReq: self._authorise_account,
            session.VersionReq: self._version,
            session.GetAccountListByAccessTokenReq: self._account_list,
            session.RefreshTokenReq: self._refresh,
            session.AccountLogoutReq: self._log_out,
            session.GetCtidProfileByTokenReq: self._profile,
            market.SubscribeSpotsReq: self._subscribe_spots,
            market.UnsubscribeSpotsReq: self._unsubscribe_spots,
            market.SubscribeDepthQuotesReq: self._subscribe_depth,
            market.UnsubscribeDepthQuotesReq: self._unsubscribe_depth,
            trading.TraderReq: self._trader,
            trading.ReconcileReq: self._reconcile,
            trading.NewOrderReq: self._trade(host.desk.new),
            trading.AmendOrderReq: self._trade(host.desk.amend),
            trading.CancelOrderReq: self._trade(host.desk.cancel),
            trading.ClosePositionReq: self._trade(host.desk.close),
            trading.AmendPositionSLTPReq: self._trade(host.desk.protect),
            market.SubscribeLiveTrendbarReq: self._subscribe_bars,
            market.UnsubscribeLiveTrendbarReq: self._unsubscribe_bars,
            **host.answers(),
        }

    # ----------------------------------------------------------------------------------------- the connection

    @property
    def account(self) -> str | None:
        """The account it is authorised for."""
        return None if self._granted is None else str(self._host.account_id)

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
        self._end_account()

    def receive(self, payload: bytes, now: Nanos) -> list[Out]:
        """Answers to one frame."""
        self._host.begin(now)
        self._last_in = now
        self._expire(now)
        outs = [*self._take_pushed(), *self._answer(payload, now), *self._take_pushed()]
        return self._sent(outs, now)

    def publish(self, event: Event, now: Nanos) -> list[Out]:
        """What this connection subscribed to, and every execution of its account."""
        if isinstance(event, BookUpdate):
            depth = self._depth.get(event.symbol)
            moved = None if depth is None else depth.event(event.rows())
            return [] if moved is None else self._sent([Send(frame(moved))], now)
        if isinstance(event, Quote):
            return self._sent(self._quoted(event, now), now)
        if isinstance(event, ExecutionReport) and event.account == self.account:
            return self._sent([Send(payload) for payload in self._host.account.frames(event)], now)
        return []

    def _quoted(self, quote: Quote, now: Nanos) -> list[Out]:
        spots = self._spots.get(quote.symbol)
        ticked = None if spots is None else spots.next(quote, now)
        if ticked is None:
            return self._take_pushed()
        if ticked.bid is not None:
            # Bars are of bids: events that tell the ask alone carry none.
            ticked = replace(ticked, trendbar=self._live_bars(quote.symbol, now))
        return [Send(frame(ticked)), *self._take_pushed()]

    def _live_bars(self, symbol: str, now: Nanos) -> tuple[model.Trendbar, ...]:
        tape, time = self._host.tapes[symbol], now // NANOS_PER_MILLI
        bars = (tape.live(period, time) for period in self._bars.get(symbol, ()))
        return tuple(bar for bar in bars if bar is not None)

    def push(self, payload: bytes) -> None:
        """Tell this at the next turn, if the account is authorised here."""
        if self._granted is not None:
            self._pushed.append(Send(payload))

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
        if self._granted is not None:
            times.append(self._granted.expires_at)
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
            return [Send(frame(self._away(), ref))]
        try:
            answers = self._dispatch(envelope, now)
        except Refused as refused:
            return [Send(frame(self._refusal(envelope, refused), ref))]
        return [Send(frame(answer, ref if _is_answer(answer) else None)) for answer in answers]

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
        account_id = getattr(request, "ctid_trader_account_id", None)
        if account_id is not None and type(request) is not session.AccountAuthReq:
            self._needs_account(account_id)
        return self._methods[type(request)](request, envelope.ref, now)

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

    def _needs_account(self, account_id: int) -> None:
        if self._granted is None or account_id != self._host.account_id:
            if OTHER_WORDS in self._host.has:
                raise Refused("INVALID_REQUEST", "Trading account is not authorized", is_order=False)
            raise Refused("ACCOUNT_NOT_AUTHORIZED", f"Account {account_id} is not authorized", is_order=False)

    def _refusal(self, envelope: Envelope, refused: Refused) -> Message:
        account_id = self._host.account_id if self._granted is not None else None
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
                ctid_trader_account_id=account_id, is_live=False, trader_login=account_id % 10_000_000
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
        return [session.GetCtidProfileByTokenRes(profile=model.CtidProfile(user_id=self._host.account_id % 1_000_000))]

    def _authorise_account(self, request: session.AccountAuthReq, ref: str | None, now: Nanos) -> list[Message]:
        granted = self._grant_of(request.access_token, now)
        account_id = request.ctid_trader_account_id
        if account_id not in granted.accounts or account_id != self._host.account_id:
            text = f"Trading account {account_id} is not found"
            raise Refused("CH_CTID_TRADER_ACCOUNT_NOT_FOUND", text, is_order=False)
        if self._granted is not None:
            raise Refused("ALREADY_LOGGED_IN", "Trading account is already authorized", is_order=False)
        self._granted = granted
        self._host.account.catch_up(self._host.port)
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

    def _log_out(self, request: session.AccountLogoutReq, ref: str | None, now: Nanos) -> list[Message]:
        """2163, and the session really ends with the 2164 that follows."""
        account_id = self._host.account_id
        self._end_account()
        return [
            session.AccountLogoutRes(ctid_trader_account_id=account_id),
            session.AccountDisconnectEvent(ctid_trader_account_id=account_id),
        ]

    def lose_token(self, ended: Granted, reason: str) -> None:
        """The token of its account is over: 2147, then 2164."""
        if self._granted is None or self._granted.access != ended.access:
            return
        account_id = self._host.account_id
        self._end_account()
        invalidated = session.AccountsTokenInvalidatedEvent(ctid_trader_account_ids=(account_id,), reason=reason)
        disconnected = session.AccountDisconnectEvent(ctid_trader_account_id=account_id)
        self._pushed += [Send(frame(invalidated)), Send(frame(disconnected))]

    def _expire(self, now: Nanos) -> None:
        if self._granted is not None and now >= self._granted.expires_at:
            self.lose_token(self._granted, "Access token expired")

    def _end_account(self) -> None:
        self._granted = None
        self._spots.clear()
        self._bars.clear()
        self._depth.clear()

    # ----------------------------------------------------------------------------------------- market data

    def _subscribe_spots(self, request: market.SubscribeSpotsReq, ref: str | None, now: Nanos) -> list[Message]:
        names, account_id = self._host.names.names(request.symbol_id), self._host.account_id
        _refuse_twice(names, self._spots)
        answers: list[Message] = [market.SubscribeSpotsRes(ctid_trader_account_id=account_id)]
        for name, symbol_id in names.items():
            stream = SpotStream(account_id, symbol_id, with_time=bool(request.subscribe_to_spot_timestamp))
            self._spots[name] = stream
            answers.append(stream.first(self._host.exchange.quote(name), self._host.closes[name], now))
        return answers

    def _unsubscribe_spots(self, request: market.UnsubscribeSpotsReq, ref: str | None, now: Nanos) -> list[Message]:
        """Depth and live bars need spots: without them they go silent as well."""
        for name in self._host.names.names(request.symbol_id):
            self._spots.pop(name, None)
            self._bars.pop(name, None)
            self._depth.pop(name, None)
        return [market.UnsubscribeSpotsRes(ctid_trader_account_id=self._host.account_id)]

    def _subscribe_depth(self, request: market.SubscribeDepthQuotesReq, ref: str | None, now: Nanos) -> list[Message]:
        names, account_id = self._host.names.names(request.symbol_id), self._host.account_id
        if missing := [name for name in names if name not in self._spots]:
            text = f"Not subscribed to spots of {', '.join(missing)}"
            raise Refused("NOT_SUBSCRIBED_TO_SPOTS", text, is_order=False)
        _refuse_twice(names, self._depth)
        answers: list[Message] = [market.SubscribeDepthQuotesRes(ctid_trader_account_id=account_id)]
        for name, symbol_id in names.items():
            stream = self._depth[name] = DepthStream(account_id, symbol_id, self._quote_ids)
            answers.append(stream.whole(self._host.exchange.book(name).rows()))
        return answers

    def _unsubscribe_depth(
        self, request: market.UnsubscribeDepthQuotesReq, ref: str | None, now: Nanos
    ) -> list[Message]:
        for name in self._host.names.names(request.symbol_id):
            self._depth.pop(name, None)
        return [market.UnsubscribeDepthQuotesRes(ctid_trader_account_id=self._host.account_id)]

    def _subscribe_bars(self, request: market.SubscribeLiveTrendbarReq, ref: str | None, now: Nanos) -> list[Message]:
        """2135: the first event repeats the prices and carries the bar."""
        row, period = self._bar_of(request)
        spots = self._spots.get(row.name)
        if spots is None:
            # Observed so; the schema would have NOT_SUBSCRIBED_TO_SPOTS.
            text = f"Not subscribed to spots of {row.name}"
            raise Refused("INVALID_REQUEST", text, is_order=False)
        wanted = self._bars.setdefault(row.name, {})
        if period in wanted:
            raise Refused("ALREADY_SUBSCRIBED", f"Already subscribed to these bars of {row.name}", is_order=False)
        wanted[period] = None
        first = replace(spots.again(self._host.closes[row.name], now), trendbar=self._live_bars(row.name, now))
        return [market.SubscribeLiveTrendbarRes(ctid_trader_account_id=self._host.account_id), first]

    def _unsubscribe_bars(
        self, request: market.UnsubscribeLiveTrendbarReq, ref: str | None, now: Nanos
    ) -> list[Message]:
        row, period = self._bar_of(request)
        self._bars.get(row.name, {}).pop(period, None)
        return [market.UnsubscribeLiveTrendbarRes(ctid_trader_account_id=self._host.account_id)]

    def _bar_of(self, request: market.SubscribeLiveTrendbarReq | market.UnsubscribeLiveTrendbarReq) -> tuple[Row, int]:
        try:
            period = words.number_of(words.TrendbarPeriod, request.period)
        except ValueError:
            text = f"period has no value {request.period!r}"
            raise Refused("INVALID_REQUEST", text, is_order=False) from None
        return self._host.names.row(request.symbol_id), period

    # ----------------------------------------------------------------------------------------- the account

    def _trader(self, request: trading.TraderReq, ref: str | None, now: Nanos) -> list[Message]:
        self._host.account.catch_up(self._host.port)
        return [trading.TraderRes(ctid_trader_account_id=self._host.account_id, trader=self._host.account.trader())]

    def _reconcile(self, request: trading.ReconcileReq, ref: str | None, now: Nanos) -> list[Message]:
        account = self._host.account
        account.catch_up(self._host.port)
        return [
            trading.ReconcileRes(
                ctid_trader_account_id=self._host.account_id,
                position=account.positions(),
                order=account.orders(self._host.port, with_protection=bool(request.return_protection_orders)),
            )
        ]

    def _trade(self, do: Callable[[Any, str | None, Nanos], None]) -> Callable[[Any, str | None, Nanos], list[Message]]:
        """A request about orders: the scope must allow trading, and executions are the answer."""

        def run(request: Any, ref: str | None, now: Nanos) -> list[Message]:
            if self._granted is None or self._granted.scope != words.Scope.TRADE:
                raise Refused("TRADING_NOT_ALLOWED", "The access token allows viewing only")
            do(request, ref, now)
            return []

        return run


def _untimed(answer: Callable[[Any], Message]) -> Callable[[Any, str | None, Nanos], list[Message]]:
    return lambda request, _ref, _now: [answer(request)]


def _in_millis(answer: Callable[[Any, int], Message]) -> Callable[[Any, str | None, Nanos], list[Message]]:
    return lambda request, _ref, now: [answer(request, now // NANOS_PER_MILLI)]


def _refuse_twice(names: dict[str, int], subscribed: dict[str, Any]) -> None:
    if repeated := [name for name in names if name in subscribed]:
        raise Refused("ALREADY_SUBSCRIBED", f"Already subscribed to {', '.join(repeated)}", is_order=False)


_EVENTS = (
    market.SpotEvent,
    market.DepthEvent,
    session.AccountDisconnectEvent,
    session.AccountsTokenInvalidatedEvent,
)


def _is_answer(message: Message) -> bool:
    """Events carry no clientMsgId."""
    return not isinstance(message, _EVENTS)
