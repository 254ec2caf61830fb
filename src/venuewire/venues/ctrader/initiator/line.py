"""Our end of the one line: authorise the application, then the account; ask; and understand what comes.

Answers are found by `clientMsgId`, which is always the `ref` of the command: a request that takes several messages
(a list of securities, a book) keeps one id, and the payload type says which step has been answered. Executions carry
the id of the request that caused them, also when another program made it; only ids of ours become a `ref`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from venuewire.codec import Envelope, checked, secret_fields
from venuewire.errors import LocalProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.quotes import QuoteTables
from venuewire.model.session import (
    BarRequest,
    Command,
    Event,
    GrantInvalidated,
    Heartbeat,
    MassStatus,
    OrderEstimateRequest,
    OrderMassStatusRequest,
    Reply,
    RequestForPositions,
    RequestRejected,
    SecurityListRequest,
    Subscribe,
    SubscriptionAccepted,
    Unknown,
    Unsubscribe,
    VenueNews,
    VenueRequest,
    VenueStatus,
)
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
from venuewire.venues.ctrader.initiator import depth
from venuewire.venues.ctrader.initiator.accounts import Accounts
from venuewire.venues.ctrader.initiator.authorisation import TOKEN_ENDED, Authorisation
from venuewire.venues.ctrader.initiator.dialogue import Dialogues
from venuewire.venues.ctrader.initiator.evidence import SLACK
from venuewire.venues.ctrader.initiator.feed import Feed
from venuewire.venues.ctrader.initiator.outgoing import sent
from venuewire.venues.ctrader.initiator.overview import Overview
from venuewire.venues.ctrader.initiator.past import Past
from venuewire.venues.ctrader.initiator.questions import Questions
from venuewire.venues.ctrader.wire import history, margin, market, session, trading, words
from venuewire.venues.ctrader.wire.base import Message
from venuewire.venues.ctrader.wire.table import HEARTBEAT_FRAME, TABLE, open_frame
from venuewire.venues.ctrader.wire.unknown import keep_unknown

Out = Event | Send

# The session of the account has ended without our being told.
_NOT_AUTHORISED = frozenset({"ACCOUNT_NOT_AUTHORIZED", "CH_CLIENT_NOT_AUTHENTICATED", *TOKEN_ENDED})
_OrderCommand: TypeAlias = NewOrder | ReplaceOrder | CancelOrder
_NAMES_KEPT = 10_000
_REFUSALS = frozenset({session.ErrorRes, session.CommonErrorRes})
_FINISHED = frozenset({OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED})


class _Asked:
    """An order request in flight."""

    __slots__ = ("account", "command", "for_guard")

    def __init__(self, command: _OrderCommand, account: int, *, for_guard: bool) -> None:
        self.command = command
        self.account = account
        self.for_guard = for_guard
        """It is about a protective order."""


class CTraderInitiator:
    """The line `ws`. A life of the line begins with `handshake`."""

    def __init__(self, line: str, seat: Seat) -> None:
        self.ready: list[Event] = []
        self.tables = QuoteTables(depth.SHAPE, depth.changes, seat.quote_table)
        """Of the books of this life of the line; the express changes them, too."""
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
            market.SymbolChangedEvent: self._symbols_changed,
            market.SubscribeSpotsRes: self._subscribed,
            market.UnsubscribeSpotsRes: self._subscribed,
            market.SubscribeDepthQuotesRes: self._subscribed,
            market.UnsubscribeDepthQuotesRes: self._subscribed,
            trading.ReconcileRes: self._listed_past,
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
            margin.MarginCallUpdateEvent: self._news,
        }
        self._guards: dict[str, ExecutionReport] = {}
        """Protective orders that stand, as last told; kept over the lives of the line."""
        self._names: dict[str, str] = {}
        """Our ids of orders whose request cannot carry one, by the venue's."""
        self._heard_at: Nanos = 0
        """When anything came last, in whichever life. What goes by express is not noted: looking back from a moment
        earlier finds no less."""
        self._forget()

    def _forget(self) -> None:
        """Nothing of one life of the line holds in the next."""
        self.ready.clear()
        self._asked: dict[str, _Asked] = {}
        self.tables.clear()
        self._feed = Feed(self._seat, self.ready, self.tables, lambda: self._account_id)
        self._authorised = Authorisation(self._line, self._seat)
        self._accounts = Accounts(self._seat, lambda: self._authorised.account_ids)
        self._dialogues = Dialogues()
        self._questions = Questions(self._seat, self._accounts)
        self._overview = Overview(self._seat, self._dialogues, self._questions)
        self._paced: dict[str, Send] = {}
        """Historical requests in flight that have not been asked again yet."""
        self._past = Past(self._seat, self._heard_at - SLACK if self._heard_at else 0)

    @property
    def _account_id(self) -> int:
        return self._authorised.account_id

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
        return list(self._note_paced(self._frames_of(command, now)))

    def _frames_of(self, command: Command, now: Nanos) -> list[Send]:
        match command:
            case Subscribe():
                return self._subscribe(command, now)
            case Unsubscribe():
                self._overview.unsubscribe(command)
                return self._feed.unsubscribe(command)
            case NewOrder():
                return self._order(command, self._known(command.symbol))
            case ReplaceOrder():
                return self._replace(command, self._known(command.symbol))
            case CancelOrder():
                return self._cancel(command)
            case MassCancel():
                raise LocalProtocolError("cTrader has no mass cancel; cancel the orders one by one")
            case SecurityListRequest():
                return self._dialogues.begin(self._questions.securities(command), command)
            case RequestForPositions():
                return self._dialogues.begin(self._questions.holdings(command), command)
            case OrderEstimateRequest():
                steps = self._questions.estimate(command, self._known(command.order.symbol))
                return self._dialogues.begin(steps, command)
            case VenueRequest():
                return self._dialogues.begin(self._questions.plain(command), command)
            case OrderMassStatusRequest():
                return self._past.ask_standing(command, self._accounts.named(command.account), now)
            case BarRequest():
                return self._past.ask_bars(command, self._known(command.symbol), self._account_id)

    def _note_paced(self, sends: list[Send]) -> list[Send]:
        """Remember historical requests: the venue may find that they came too close to one another."""
        for send in sends:
            if send.kind and send.ref is not None:
                self._paced[send.ref] = send
        return sends

    def _order(self, command: NewOrder, instrument: Instrument) -> list[Send]:
        """2106; or, for what can only reduce a position, 2111 at the market and 2110 at a level."""
        if command.position_effect is not PositionEffect.CLOSE:
            account_id = self._accounts.chosen(command.account)
            return self._ask(command, account_id, requests.new_order(command, instrument, account_id))
        account_id = self._accounts.holder(command.position_id, command.account)
        held = self._accounts.holdings(account_id).position(command.position_id)
        if command.ord_type is OrdType.MARKET:
            return self._ask(command, account_id, requests.close_position(command, instrument, account_id, held))
        guard = next((g for g in self._guards.values() if g.position_id == command.position_id), None)
        if guard is not None:
            text = f"position {command.position_id} has protective order {guard.order_id}: replace that one"
            raise LocalProtocolError(text)
        message = requests.protect_position(command, instrument, account_id, held)
        return self._ask(command, account_id, message, for_guard=True)

    def _replace(self, command: ReplaceOrder, instrument: Instrument) -> list[Send]:
        account_id = self._accounts.chosen(command.account, command.order_id)
        guard = self._guards.get(command.order_id)
        if guard is None:
            return self._ask(command, account_id, requests.amend_order(command, instrument, account_id))
        message = requests.amend_protection(command, guard, instrument, account_id)
        return self._ask(command, account_id, message, for_guard=True)

    def _cancel(self, command: CancelOrder) -> list[Send]:
        account_id = self._accounts.chosen(command.account, command.order_id)
        guard = self._guards.get(command.order_id)
        if guard is None:
            return self._ask(command, account_id, requests.cancel_order(command, account_id))
        return self._ask(command, account_id, requests.cancel_protection(guard, account_id), for_guard=True)

    def _known(self, symbol: str | None) -> Instrument:
        found = self._seat.instruments.get(symbol or "")
        if found is None:
            raise LocalProtocolError(f"{symbol!r} is not a symbol of this account")
        return found

    def _ask(self, command: _OrderCommand, account_id: int, message: Message, *, for_guard: bool = False) -> list[Send]:
        self._asked[command.ref] = _Asked(command, account_id, for_guard=for_guard)
        return [sent(message, command.ref)]

    def _subscribe(self, command: Subscribe, now: Nanos) -> list[Send]:
        match command.channel:
            case Channel.ORDERS | Channel.POSITIONS:
                # Executions come unasked to every connection of the account.
                self.ready.append(SubscriptionAccepted(ref=command.ref))
                return []
            case Channel.QUOTES | Channel.BOOK:
                return self._feed.subscribe(command, self._known(command.symbol), now)
            case Channel.BARS:
                return self._feed.subscribe_bars(command, self._known(command.symbol))
            case Channel.SUMMARY:
                return self._overview.subscribe_summaries(command)
            case Channel.STATUS:
                return self._overview.subscribe_status(command, self._known(command.symbol))
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
        ref = envelope.ref
        if self._dialogues.claims(ref) or _is_news(message):
            keep_unknown(message, envelope.body)
        if self._dialogues.claims(ref) and type(message) not in _REFUSALS:
            return self._went_on(self._dialogues.came(message, ref or "", now), ref)
        route = self._routes.get(type(message))
        if route is None:
            return self._replied(message, ref, envelope.body)
        return route(message, ref, now)

    def _went_on(self, outs: list[Out], ref: str | None) -> list[Out]:
        """What an answer led to; a next page is noted."""
        self._paced.pop(ref or "", None)
        self._note_paced([out for out in outs if isinstance(out, Send)])
        return outs

    def answered(self, fetch: Fetch, answer: Answer, now: Nanos) -> Sequence[Event | Fetch]:
        """This venue is asked nothing over HTTP."""
        return []

    def _replied(self, message: Message, ref: str | None, body: bytes = b"") -> list[Out]:
        """An answer that only the logon flow understands; or one that nobody here asked for."""
        if self._authorised.claims(ref):
            return [Reply(message=message, ref=ref)]
        return [Unknown(kind=str(TABLE.kind(message)), body=b"" if secret_fields(type(message)) else body)]

    def _refreshed(self, message: session.RefreshTokenRes, ref: str | None, now: Nanos) -> list[Out]:
        """A refresh ends the sessions of the accounts: what was subscribed under them must be asked for again."""
        self._authorised.keep(message, now)
        ended = self._end_accounts("the token was refreshed", tuple(self._authorised.accounts))
        return [*ended, *self._replied(message, ref)]

    def _heard(self, message: session.HeartbeatEvent, ref: str | None, now: Nanos) -> list[Out]:
        return [Heartbeat(recv_time=now)]

    # ----------------------------------------------------------------------------------------- sessions that end

    def _end_accounts(self, text: str, ids: tuple[int, ...]) -> list[Out]:
        """The sessions of these accounts are over, and with the first one's everything that was subscribed."""
        standing = self._authorised.accounts
        if standing.isdisjoint(ids):
            return []
        standing.difference_update(ids)
        if self._account_id not in standing:
            self._feed.end()
        return [GrantInvalidated(text=text)]

    def _account_ended(self, message: session.AccountDisconnectEvent, ref: str | None, now: Nanos) -> list[Out]:
        return self._end_accounts("the account's session was ended", (message.ctid_trader_account_id,))

    def _token_ended(self, message: session.AccountsTokenInvalidatedEvent, ref: str | None, now: Nanos) -> list[Out]:
        text = message.reason or "the access token was invalidated"
        return self._end_accounts(text, message.ctid_trader_account_ids)

    def _application_ended(self, message: session.ClientDisconnectEvent, ref: str | None, now: Nanos) -> list[Out]:
        self._authorised.application = False
        return self._end_all(message.reason or "the application was disconnected")

    def _end_all(self, text: str) -> list[Out]:
        """No session stands any more, whether we knew that it did or not."""
        self._authorised.accounts.clear()
        self._feed.end()
        return [GrantInvalidated(text=text)]

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
        again = self._paced.pop(ref or "", None)
        if again is not None and code == "REQUEST_FREQUENCY_EXCEEDED":
            # Frames that left in time may arrive closer together: once more, in its turn.
            return [again]
        if self._dialogues.claims(ref):
            ended = self._look_for_end(_without_ref(rejected))
            return [*self._dialogues.refused(rejected, is_ended=bool(ended)), *ended]
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
        if code == "UNKNOWN_ERROR":
            # It does not say that nothing was done: the request stays unanswered and is reconciled.
            return [_without_ref(rejected)]
        ended = self._look_for_end(rejected)
        del self._asked[command.ref]
        account = str(asked.account)
        if isinstance(command, NewOrder):
            return [translate.rejected_order(command, rejected, account, now), *ended]
        return [translate.rejected_change(command, rejected, account, now), *ended]

    def _look_for_end(self, rejected: RequestRejected) -> list[Out]:
        """Refused because the session has ended behind our back: then log on again."""
        is_text = rejected.code == "INVALID_REQUEST" and "not authorized" in rejected.text.lower()
        if not (rejected.code in _NOT_AUTHORISED or is_text):
            return []
        if rejected.code == "CH_CLIENT_NOT_AUTHENTICATED":
            self._authorised.application = False
        return self._end_all(rejected.text)

    # ----------------------------------------------------------------------------------------- the account

    def _trader_changed(self, message: trading.TraderUpdatedEvent, ref: str | None, now: Nanos) -> list[Out]:
        account_id = message.trader.ctid_trader_account_id
        self._accounts.settle(message.trader)
        return [*self._accounts.holdings(account_id).balances(now), *self._overview.account_changed(account_id)]

    def _symbols_changed(self, message: market.SymbolChangedEvent, ref: str | None, now: Nanos) -> list[Out]:
        return [VenueNews(message=message, recv_time=now), *self._overview.symbols_changed(message.symbol_id)]

    def _news(self, message: Message, ref: str | None, now: Nanos) -> list[Out]:
        """What comes unasked and has no word here."""
        return [VenueNews(message=message, recv_time=now)]

    # ----------------------------------------------------------------------------------------- the past

    def _listed_past(self, message: Message, ref: str | None, now: Nanos) -> list[Out]:
        """2138, 2176, 2134: a page of what we asked for."""
        return self._went_on(self._looked_back(self._past.came(message, ref, now)), ref)

    def _looked_back(self, outs: list[Out]) -> list[Out]:
        """A mass status bears our ids, and says which protective orders stand."""
        return [self._standing(out) if isinstance(out, MassStatus) else out for out in outs]

    def _standing(self, status: MassStatus) -> MassStatus:
        reports = tuple(self._named(report) for report in status.reports)
        for report in reports:
            self._accounts.note_home(report.order_id, report.account)
        standing = {report.order_id: report for report in reports if report.order_id in self._past.guards}
        others = {number: guard for number, guard in self._guards.items() if guard.account not in self._past.accounts}
        live = {number: report for number, report in standing.items() if report.ord_status not in _FINISHED}
        self._guards = others | live
        return MassStatus(reports=reports, ref=status.ref)

    # ----------------------------------------------------------------------------------------- orders

    def _executed(self, message: trading.ExecutionEvent, ref: str | None, now: Nanos) -> list[Out]:
        """2126: a step of an order's life, and what it changed in the account."""
        asked = self._asked.get(ref or "")
        if asked is None:
            ref = None
        told: list[Out] = []
        is_refusal = message.execution_type == words.ExecutionType.ORDER_CANCEL_REJECTED
        if is_refusal:
            told += self._cancel_rejected(message, asked, ref, now)
        is_guard = message.order is not None and message.order.order_type == words.OrderType.STOP_LOSS_TAKE_PROFIT
        if asked is not None and asked.for_guard is not is_guard:
            # What the server does with the protection of a position that we close is no answer to the close.
            asked = ref = None
        report = translate.execution_report(message, self._seat.by_security_id, now, ref)
        if report is not None:
            report = self._named(report, asked)
            self._accounts.note_home(report.order_id, report.account)
            told.append(report)
            if is_guard:
                self._note_guard(report)
            self._note(report, asked)
        account_id = message.ctid_trader_account_id or self._account_id
        told += self._accounts.holdings(account_id).executed(message, now)
        if report is None and not is_refusal:
            # A swap, money in or out: what else there is to know of it is in the record.
            told.append(VenueNews(message=message, recv_time=now))
        if message.deal is not None or report is None:
            told += self._overview.account_changed(account_id)
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
        account_id = message.ctid_trader_account_id
        held = self._accounts.holdings(account_id)
        changed = held.margin_changed(message.position_id, message.used_margin, message.money_digits, now)
        return [*changed, *self._overview.account_changed(account_id)]

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
            return [translate.rejected_change(asked.command, rejected, str(asked.account), now)]
        order = message.order
        if order is None:
            return [rejected]
        return [
            CancelReject(
                order_id=str(order.order_id),
                cl_ord_id=order.client_order_id or "",
                code=code,
                text=code,
                account=str(message.ctid_trader_account_id or self._account_id),
                recv_time=now,
            )
        ]


def _is_news(message: Message) -> bool:
    """Is the record itself handed on?"""
    if isinstance(message, trading.ExecutionEvent):
        return message.order is None
    return isinstance(message, (market.SymbolChangedEvent, margin.MarginCallUpdateEvent))


def _without_ref(rejected: RequestRejected) -> RequestRejected:
    return RequestRejected(code=rejected.code, text=rejected.text, retry_after=rejected.retry_after)
