"""Our end of the one line: authorise the application, then the account; ask; and understand what comes.

Answers are found by `clientMsgId`, which is always the `ref` of the command: a request that takes several messages
(a list of securities, a book) keeps one id, and the payload type says which step has been answered. Executions carry
the id of the request that caused them, also when another program made it; only ids of ours become a `ref`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from venuewire.codec import Envelope, checked, secret_fields
from venuewire.errors import LocalProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import (
    BarRequest,
    Command,
    Event,
    GrantInvalidated,
    Heartbeat,
    MassStatus,
    OrderMassStatusRequest,
    Reply,
    RequestForPositions,
    RequestRejected,
    SecurityList,
    SecurityListRequest,
    Subscribe,
    SubscriptionAccepted,
    Unknown,
    Unsubscribe,
    VenueStatus,
)
from venuewire.model.session import Holdings as HoldingsEvent
from venuewire.model.terms import (
    Channel,
    ExecType,
    Nanos,
    OrdStatus,
    OrdType,
    PositionEffect,
)
from venuewire.venue import Answer, Effect, Fetch, Flow, Headers, Seat, Send
from venuewire.venues.ctrader import requests, translate
from venuewire.venues.ctrader.authorisation import TOKEN_ENDED, Authorisation
from venuewire.venues.ctrader.evidence import SLACK
from venuewire.venues.ctrader.feed import Feed
from venuewire.venues.ctrader.holdings import Holdings
from venuewire.venues.ctrader.initiator_past import Past
from venuewire.venues.ctrader.wire import history, margin, market, model, session, trading, words
from venuewire.venues.ctrader.wire.base import Message
from venuewire.venues.ctrader.wire.table import HEARTBEAT_FRAME, TABLE, frame, open_frame

Out = Event | Send

# The session of the account has ended without our being told.
_NOT_AUTHORISED = frozenset({"ACCOUNT_NOT_AUTHORIZED", "CH_CLIENT_NOT_AUTHENTICATED", *TOKEN_ENDED})
_ORDER_COMMANDS = (NewOrder, ReplaceOrder, CancelOrder)
_NAMES_KEPT = 10_000
_FINISHED = frozenset({OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED})


class _Asked:
    """A request in flight, and how far it has come."""

    __slots__ = ("command", "for_guard", "lights")

    def __init__(self, command: Command) -> None:
        self.command = command
        self.lights: tuple[model.LightSymbol, ...] = ()
        self.for_guard = False
        """It is about a protective order."""


class CTraderInitiator:
    """The line `ws`. A life of the line begins with `handshake`."""

    def __init__(self, line: str, seat: Seat) -> None:
        self.ready: list[Event] = []
        self._line = line
        self._seat = seat
        self._routes: dict[type[Message], Callable[..., list[Out]]] = {
            session.ErrorRes: self._refused,
            session.CommonErrorRes: self._refused,
            session.RefreshTokenRes: self._refreshed,
            session.AccountDisconnectEvent: self._account_ended,
            session.AccountsTokenInvalidatedEvent: self._token_ended,
            session.ClientDisconnectEvent: self._application_ended,
            session.HeartbeatEvent: self._heard,
            market.SymbolsListRes: self._listed,
            market.AssetListRes: self._assets_came,
            market.SymbolByIdRes: self._detailed,
            market.SubscribeSpotsRes: self._subscribed,
            market.UnsubscribeSpotsRes: self._subscribed,
            market.SubscribeDepthQuotesRes: self._subscribed,
            market.UnsubscribeDepthQuotesRes: self._subscribed,
            trading.ReconcileRes: self._reconciled,
            trading.TraderRes: self._trader_came,
            trading.TraderUpdatedEvent: self._trader_changed,
            trading.ExecutionEvent: self._executed,
            trading.OrderErrorEvent: self._order_refused,
            trading.TrailingSLChangedEvent: self._trailed,
            market.SubscribeLiveTrendbarRes: self._subscribed,
            market.UnsubscribeLiveTrendbarRes: self._subscribed,
            history.GetTrendbarsRes: self._listed_past,
            history.OrderListRes: self._listed_past,
            history.DealListRes: self._listed_past,
            margin.MarginChangedEvent: self._margin_changed,
            margin.MarginCallTriggerEvent: self._margin_called,
        }
        self._guards: dict[str, ExecutionReport] = {}
        """Protective orders that stand, as last told; kept over the lives of the line."""
        self._names: dict[str, str] = {}
        """Our ids of orders whose request cannot carry one, by the venue's."""
        self._heard_at: Nanos = 0
        """When anything came last, in whichever life."""
        self._forget()

    def _forget(self) -> None:
        """Nothing of one life of the line holds in the next."""
        self.ready.clear()
        self._asked: dict[str, _Asked] = {}
        self._feed = Feed(self._seat, self.ready, lambda: self._account_id)
        self._assets: dict[int, str] = {}
        self._authorised = Authorisation(self._line, self._seat)
        self._kept_holdings: Holdings | None = None
        self._past = Past(self._seat, self._heard_at - SLACK if self._heard_at else 0)

    @property
    def _account_id(self) -> int:
        return self._authorised.account_id

    @property
    def _holdings(self) -> Holdings:
        """Made when first needed: by then the account is known."""
        if self._kept_holdings is None:
            self._kept_holdings = Holdings(str(self._account_id), self._seat.by_security_id)
        return self._kept_holdings

    # ----------------------------------------------------------------------------------------- logon

    def handshake(self, now: Nanos) -> Headers:
        """Root path, no header of its own, no sub-protocol."""
        self._forget()
        return {}

    def logon(self, now: Nanos) -> Flow:
        """2100, 2149 where needed, 2102; a renewal begins with 2173."""
        return self._authorised.flow(now)

    def heartbeat(self, now: Nanos) -> Send | None:
        """51, whenever nothing else was sent for ten seconds."""
        return Send(HEARTBEAT_FRAME)

    # ----------------------------------------------------------------------------------------- what we ask

    def send(self, command: Command, now: Nanos) -> list[Effect]:
        """The frames of a command. Raises `LocalProtocolError` for what this venue does not have."""
        match command:
            case Subscribe():
                return self._subscribe(command, now)
            case Unsubscribe():
                return list(self._feed.unsubscribe(command))
            case NewOrder():
                return self._order(command, self._known(command.symbol))
            case ReplaceOrder():
                return self._replace(command, self._known(command.symbol))
            case CancelOrder():
                guard = self._guards.get(command.order_id)
                if guard is None:
                    return self._ask(command, requests.cancel_order(command, self._account_id))
                return self._ask(command, requests.cancel_protection(guard, self._account_id), for_guard=True)
            case MassCancel():
                raise LocalProtocolError("cTrader has no mass cancel; cancel the orders one by one")
            case SecurityListRequest():
                return self._ask(command, market.SymbolsListReq(ctid_trader_account_id=self._account_id))
            case RequestForPositions():
                return self._ask(command, trading.ReconcileReq(ctid_trader_account_id=self._account_id))
            case OrderMassStatusRequest():
                return list(self._past.ask_standing(command, self._account_id, now))
            case BarRequest():
                return list(self._past.ask_bars(command, self._known(command.symbol), self._account_id, now))
            case _:
                raise LocalProtocolError(f"cTrader does not take {type(command).__name__} here")

    def _order(self, command: NewOrder, instrument: Instrument) -> list[Effect]:
        """2106; or, for what can only reduce a position, 2111 at the market and 2110 at a level."""
        account_id = self._account_id
        if command.position_effect is not PositionEffect.CLOSE:
            return self._ask(command, requests.new_order(command, instrument, account_id))
        held = self._holdings.position(command.position_id)
        if command.ord_type is OrdType.MARKET:
            return self._ask(command, requests.close_position(command, instrument, account_id, held))
        guard = next((g for g in self._guards.values() if g.position_id == command.position_id), None)
        if guard is not None:
            text = f"position {command.position_id} has protective order {guard.order_id}: replace that one"
            raise LocalProtocolError(text)
        message = requests.protect_position(command, instrument, account_id, held)
        return self._ask(command, message, for_guard=True)

    def _replace(self, command: ReplaceOrder, instrument: Instrument) -> list[Effect]:
        guard = self._guards.get(command.order_id)
        if guard is None:
            return self._ask(command, requests.amend_order(command, instrument, self._account_id))
        message = requests.amend_protection(command, guard, instrument, self._account_id)
        return self._ask(command, message, for_guard=True)

    def _known(self, symbol: str | None) -> Instrument:
        found = self._seat.instruments.get(symbol or "")
        if found is None:
            raise LocalProtocolError(f"{symbol!r} is not a symbol of this account")
        return found

    def _ask(self, command: Command, message: Message, *, for_guard: bool = False) -> list[Effect]:
        asked = self._asked[command.ref] = _Asked(command)
        asked.for_guard = for_guard
        return [Send(frame(message, command.ref), command.ref)]

    def _subscribe(self, command: Subscribe, now: Nanos) -> list[Effect]:
        match command.channel:
            case Channel.ORDERS | Channel.POSITIONS:
                # Executions come unasked to every connection of the account.
                self.ready.append(SubscriptionAccepted(ref=command.ref))
                return []
            case Channel.QUOTES | Channel.BOOK:
                return list(self._feed.subscribe(command, self._known(command.symbol), now))
            case Channel.BARS:
                return list(self._feed.subscribe_bars(command, self._known(command.symbol)))
            case Channel.TRADES:
                raise LocalProtocolError("cTrader publishes no trades; subscribe to QUOTES, BARS or BOOK")
            case Channel.HEARTBEATS:
                raise LocalProtocolError("cTrader's heartbeats come unasked")
            case _:
                raise LocalProtocolError(f"cTrader has no channel {command.channel}")

    # ----------------------------------------------------------------------------------------- what comes

    def open(self, payload: bytes) -> Envelope:
        """Payload type, body and `clientMsgId`."""
        return open_frame(payload)

    def receive(self, envelope: Envelope, now: Nanos) -> Sequence[Out]:
        """What one message means. Raises `RemoteProtocolError` on damage."""
        message = TABLE.decode(envelope.kind, envelope.body)
        self._heard_at = now
        if type(message) is market.DepthEvent:
            return self._feed.depth_moved(message, envelope.body, now)
        if type(message) is market.SpotEvent:
            return self._feed.spot_moved(message, now)
        if message is None:
            return [Unknown(kind=str(envelope.kind), body=envelope.body)]
        route = self._routes.get(type(message))
        if route is None:
            return self._replied(message, envelope.ref, envelope.body)
        return route(message, envelope.ref, now)

    def answered(self, fetch: Fetch, answer: Answer, now: Nanos) -> Sequence[Event | Fetch]:
        """This venue is asked nothing over HTTP."""
        return []

    def _replied(self, message: Message, ref: str | None, body: bytes = b"") -> list[Out]:
        """An answer that only the logon flow understands; or one that nobody here asked for."""
        if self._authorised.claims(ref):
            return [Reply(message=message, ref=ref)]
        return [Unknown(kind=str(TABLE.kind(message)), body=b"" if secret_fields(type(message)) else body)]

    def _refreshed(self, message: session.RefreshTokenRes, ref: str | None, now: Nanos) -> list[Out]:
        """A refresh ends the account's session: what was subscribed under it must be asked for again."""
        self._authorised.keep(message, now)
        ended = self._end_account("the token was refreshed") if self._authorised.account else []
        return [*ended, *self._replied(message, ref)]

    def _heard(self, message: session.HeartbeatEvent, ref: str | None, now: Nanos) -> list[Out]:
        return [Heartbeat(recv_time=now)]

    # ----------------------------------------------------------------------------------------- sessions that end

    def _end_account(self, text: str) -> list[Out]:
        """The account's session is over, and with it everything subscribed."""
        self._authorised.account = False
        self._feed.end()
        return [GrantInvalidated(text=text)]

    def _account_ended(self, message: session.AccountDisconnectEvent, ref: str | None, now: Nanos) -> list[Out]:
        is_ours = message.ctid_trader_account_id == self._account_id and self._authorised.account
        return self._end_account("the account's session was ended") if is_ours else []

    def _token_ended(self, message: session.AccountsTokenInvalidatedEvent, ref: str | None, now: Nanos) -> list[Out]:
        is_ours = self._account_id in message.ctid_trader_account_ids and self._authorised.account
        return self._end_account(message.reason or "the access token was invalidated") if is_ours else []

    def _application_ended(self, message: session.ClientDisconnectEvent, ref: str | None, now: Nanos) -> list[Out]:
        self._authorised.application = False
        return self._end_account(message.reason or "the application was disconnected")

    def _subscribed(self, message: Message, ref: str | None, now: Nanos) -> list[Out]:
        """An answer to a subscription, or to its end."""
        return self._feed.answered(message, ref)

    # ----------------------------------------------------------------------------------------- refusals

    def _refused(self, message: session.ErrorRes | session.CommonErrorRes, ref: str | None, now: Nanos) -> list[Out]:
        """2142 and 50."""
        code, text = message.error_code, message.description or message.error_code
        rejected = RequestRejected(code=code, text=text, retry_after=translate.retry_after(message, now), ref=ref)
        if self._authorised.claims(ref):
            return [rejected]
        if self._past.claims(ref):
            return [*self._looked_back(self._past.refused(rejected, now)), *self._look_for_end(_without_ref(rejected))]
        if self._feed.claims(ref):
            ended = self._look_for_end(rejected)
            return [*ended, *self._feed.refused(rejected, is_ended=bool(ended))]
        asked = self._asked.get(ref or "")
        if asked is None:
            is_down = code == "SERVER_IS_UNDER_MAINTENANCE"
            return [VenueStatus(up=False, code=code, text=text) if is_down else _without_ref(rejected)]
        return self._refuse(asked, rejected, 0)

    def _order_refused(self, message: trading.OrderErrorEvent, ref: str | None, now: Nanos) -> list[Out]:
        """2132. Its order id may be 0 or absent: only `clientMsgId` links it."""
        code, text = message.error_code, message.description or message.error_code
        asked = self._asked.get(ref or "")
        if asked is None:
            return [RequestRejected(code=code, text=text)]
        return self._refuse(asked, RequestRejected(code=code, text=text, ref=ref), now)

    def _refuse(self, asked: _Asked, rejected: RequestRejected, now: Nanos) -> list[Out]:
        """The event that this refusal is for the command that was refused."""
        command, code = asked.command, rejected.code
        if isinstance(command, _ORDER_COMMANDS) and code == "UNKNOWN_ERROR":
            # It does not say that nothing was done: the request stays unanswered and is reconciled.
            return [_without_ref(rejected)]
        ended = self._look_for_end(rejected)
        del self._asked[command.ref]
        if isinstance(command, NewOrder):
            return [translate.rejected_order(command, rejected, str(self._account_id), now), *ended]
        if isinstance(command, (ReplaceOrder, CancelOrder)):
            return [translate.rejected_change(command, rejected, str(self._account_id), now), *ended]
        return [rejected, *ended]

    def _look_for_end(self, rejected: RequestRejected) -> list[Out]:
        """Refused because the session has ended behind our back: then log on again."""
        is_text = rejected.code == "INVALID_REQUEST" and "not authorized" in rejected.text.lower()
        if not (rejected.code in _NOT_AUTHORISED or is_text):
            return []
        if rejected.code == "CH_CLIENT_NOT_AUTHENTICATED":
            self._authorised.application = False
        return self._end_account(rejected.text)

    # ----------------------------------------------------------------------------------------- lists

    def _listed(self, message: market.SymbolsListRes, ref: str | None, now: Nanos) -> list[Out]:
        """2115: light symbols, without digits or steps; the details are asked for in one request, for those wanted."""
        asked = self._asked.get(ref or "")
        if asked is None or not isinstance(asked.command, SecurityListRequest):
            return []
        names = frozenset(asked.command.symbols)
        asked.lights = tuple(
            light
            for light in message.symbol
            if light.enabled is not False and (not names or (light.symbol_name or str(light.symbol_id)) in names)
        )
        if not asked.lights:
            del self._asked[asked.command.ref]
            return [SecurityList(instruments=(), ref=ref)]
        return list(self._ask_assets(asked) if not self._assets else self._ask_details(asked))

    def _next_step(self, asked: _Asked, message: Message) -> list[Send]:
        ref = asked.command.ref
        return [Send(frame(message, ref), ref)]

    def _ask_assets(self, asked: _Asked) -> list[Send]:
        return self._next_step(asked, market.AssetListReq(ctid_trader_account_id=self._account_id))

    def _ask_details(self, asked: _Asked) -> list[Send]:
        ids = tuple(light.symbol_id for light in asked.lights)
        return self._next_step(asked, market.SymbolByIdReq(ctid_trader_account_id=self._account_id, symbol_id=ids))

    def _assets_came(self, message: market.AssetListRes, ref: str | None, now: Nanos) -> list[Out]:
        self._assets = {asset.asset_id: asset.name for asset in message.asset}
        asked = self._asked.get(ref or "")
        if asked is None:
            return []
        if isinstance(asked.command, SecurityListRequest):
            return list(self._ask_details(asked))
        return list(self._ask_trader(asked))

    def _detailed(self, message: market.SymbolByIdRes, ref: str | None, now: Nanos) -> list[Out]:
        asked = self._asked.pop(ref or "", None)
        if asked is None:
            return []
        details = {full.symbol_id: full for full in message.symbol}
        instruments = tuple(
            translate.instrument(light, details[light.symbol_id], self._assets)
            for light in asked.lights
            if light.symbol_id in details
        )
        return [SecurityList(instruments=instruments, ref=ref)]

    def _reconciled(self, message: trading.ReconcileRes, ref: str | None, now: Nanos) -> list[Out]:
        """2125, for whichever list was asked."""
        if self._past.claims(ref):
            return self._looked_back(self._past.came(message, ref, now))
        asked = self._asked.get(ref or "")
        if asked is None:
            return []
        self._holdings.restate(message.position, now)
        return list(self._ask_trader(asked) if self._assets else self._ask_assets(asked))

    def _ask_trader(self, asked: _Asked) -> list[Send]:
        return self._next_step(asked, trading.TraderReq(ctid_trader_account_id=self._account_id))

    def _trader_came(self, message: trading.TraderRes, ref: str | None, now: Nanos) -> list[Out]:
        self._settle(message.trader)
        if self._asked.pop(ref or "", None) is None:
            return []
        return [HoldingsEvent(positions=self._holdings.positions(), balances=self._holdings.balances(now), ref=ref)]

    def _trader_changed(self, message: trading.TraderUpdatedEvent, ref: str | None, now: Nanos) -> list[Out]:
        self._settle(message.trader)
        return list(self._holdings.balances(now))

    def _settle(self, trader: model.Trader) -> None:
        currency = self._assets.get(trader.deposit_asset_id)
        # Without its currency an amount is not money: it will be asked for with the names of the assets.
        if currency is not None:
            self._holdings.settle(trader, currency)

    # ----------------------------------------------------------------------------------------- the past

    def _listed_past(self, message: Message, ref: str | None, now: Nanos) -> list[Out]:
        """2138, 2176, 2134: a page of what we asked for."""
        return self._looked_back(self._past.came(message, ref, now))

    def _looked_back(self, outs: list[Out]) -> list[Out]:
        """A mass status bears our ids, and says which protective orders stand."""
        return [self._standing(out) if isinstance(out, MassStatus) else out for out in outs]

    def _standing(self, status: MassStatus) -> MassStatus:
        reports = tuple(self._named(report) for report in status.reports)
        standing = {report.order_id: report for report in reports if report.order_id in self._past.guards}
        self._guards = {number: report for number, report in standing.items() if report.ord_status not in _FINISHED}
        return MassStatus(reports=reports, ref=status.ref)

    # ----------------------------------------------------------------------------------------- orders

    def _executed(self, message: trading.ExecutionEvent, ref: str | None, now: Nanos) -> list[Out]:
        """2126: a step of an order's life, and what it changed in the account."""
        asked = self._asked.get(ref or "")
        if asked is None or not isinstance(asked.command, _ORDER_COMMANDS):
            asked = ref = None
        told: list[Out] = []
        if message.execution_type == words.ExecutionType.ORDER_CANCEL_REJECTED:
            told += self._cancel_rejected(message, asked, ref, now)
        is_guard = message.order is not None and message.order.order_type == words.OrderType.STOP_LOSS_TAKE_PROFIT
        if asked is not None and asked.for_guard is not is_guard:
            # What the server does with the protection of a position that we close is no answer to the close.
            asked = ref = None
        report = translate.execution_report(message, self._seat.by_security_id, now, ref)
        if report is not None:
            report = self._named(report, asked)
            told.append(report)
            if is_guard:
                self._note_guard(report)
            self._note(report, asked)
        told += self._holdings.executed(message, now)
        return told

    def _named(self, report: ExecutionReport, asked: _Asked | None = None) -> ExecutionReport:
        """With our id, where the venue's request has no place for one: 2110 and 2111."""
        command = None if asked is None else asked.command
        if isinstance(command, NewOrder) and command.position_effect is PositionEffect.CLOSE:
            self._names[report.order_id] = command.cl_ord_id
            if len(self._names) > _NAMES_KEPT:
                del self._names[next(iter(self._names))]
        name = self._names.get(report.order_id)
        return report if not name else replace(report, cl_ord_id=name)

    def _note_guard(self, report: ExecutionReport) -> None:
        if report.ord_status in _FINISHED:
            self._guards.pop(report.order_id, None)
        else:
            self._guards[report.order_id] = report

    def _trailed(self, message: trading.TrailingSLChangedEvent, ref: str | None, now: Nanos) -> list[Out]:
        """2107: the stop of a protective order has followed the market."""
        guard = self._guards.get(str(message.order_id))
        if guard is None:
            return [Unknown(kind=str(TABLE.kind(message)), body=b"")]
        moved = replace(
            guard,
            exec_type=ExecType.REPLACED,
            stop_px=checked(message.stop_price),
            transact_time=translate.nanos(message.utc_last_update_timestamp),
            recv_time=now,
            ref=None,
        )
        self._guards[guard.order_id] = moved
        return [moved]

    def _margin_changed(self, message: margin.MarginChangedEvent, ref: str | None, now: Nanos) -> list[Out]:
        return list(self._holdings.margin_changed(message.position_id, message.used_margin, message.money_digits, now))

    def _margin_called(self, message: margin.MarginCallTriggerEvent, ref: str | None, now: Nanos) -> list[Out]:
        """2172: the account's margin level has fallen below one of its thresholds."""
        threshold = checked(message.margin_call.margin_level_threshold)
        text = f"margin call: the margin level is below {threshold:f} percent"
        return [VenueStatus(up=True, code="MARGIN_CALL", text=text)]

    def _note(self, report: ExecutionReport, asked: _Asked | None) -> None:
        """Is the request that caused it over? A change is at its first answer, an order when it is done."""
        if asked is None:
            return
        is_over = report.ord_status in _FINISHED or report.exec_type is ExecType.REJECTED
        if is_over or not isinstance(asked.command, NewOrder):
            self._asked.pop(asked.command.ref, None)

    def _cancel_rejected(
        self, message: trading.ExecutionEvent, asked: _Asked | None, ref: str | None, now: Nanos
    ) -> list[Out]:
        code = message.error_code or "UNABLE_TO_CANCEL_ORDER"
        rejected = RequestRejected(code=code, text=code, ref=ref)
        if asked is not None and isinstance(asked.command, (ReplaceOrder, CancelOrder)):
            del self._asked[asked.command.ref]
            return [translate.rejected_change(asked.command, rejected, str(self._account_id), now)]
        order = message.order
        if order is None:
            return [rejected]
        return [
            CancelReject(
                order_id=str(order.order_id),
                cl_ord_id=order.client_order_id or "",
                code=code,
                text=code,
                account=str(self._account_id),
                recv_time=now,
            )
        ]


def _without_ref(rejected: RequestRejected) -> RequestRejected:
    return RequestRejected(code=rejected.code, text=rejected.text, retry_after=rejected.retry_after)
