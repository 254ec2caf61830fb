"""Session: one line's authenticated life, repeated, for any venue.

    client                     Session                         Initiator (the venue's)
    dial, connected, lost  ->  states, logon, renewal      ->  handshake, logon
    submit                 ->  pending, pacing             ->  send
    received, answered     ->  sequence, logon, pending    ->  open, receive, answered
    tick                   ->  deadlines, liveness         ->  heartbeat
    effects, hangup        <-  what the transport must do
    [Event | SessionEvent] <-  what the user is told

After every call the client carries out `effects()`, looks at `hangup`, and calls `tick` again at `next_tick()`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from msgspec.structs import replace

from venuewire import errors
from venuewire.model.market import Bar, BookSnapshot, BookUpdate, Quote, SecurityStatus, Trade
from venuewire.model.orders import MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import (
    Command,
    Damaged,
    Degraded,
    Event,
    Grant,
    GrantInvalidated,
    LoggedOn,
    LoggedOut,
    LogonRejected,
    Missed,
    Renewed,
    RequestRejected,
    SessionEvent,
    Subscribe,
    SubscriptionAccepted,
    SubscriptionRejected,
    Unsubscribe,
    VenueStatus,
)
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Nanos
from venuewire.session.intake import Intake
from venuewire.session.liveness import Liveness
from venuewire.session.logon import Logon, is_final, pause_after, renewal_time
from venuewire.session.outbox import Outbox
from venuewire.session.pacing import Pacer
from venuewire.session.pending import InFlight, Pending
from venuewire.session.sequence import Sequence
from venuewire.session.states import LOGGED_ON, UP, Happening, SessionState, after
from venuewire.session.subscriptions import Subscriptions
from venuewire.venue import Answer, Capabilities, Effect, Fetch, Headers, Initiator, Limits, Seat, Send

Told: TypeAlias = list[Event | SessionEvent]
CommandT = TypeVar("CommandT", bound=Command)

# What answers nothing, and comes by the thousand.
_MARKET: Final = (BookUpdate, BookSnapshot, Trade, Quote, Bar, SecurityStatus)
# How often a logon that waits for another line's fetch looks by itself; the client makes it look at once.
LOOK_AGAIN: Final = NANOS_PER_SECOND // 10


class Session:
    """One authenticated connection, over all the lives of its line. Not for threads: one owner calls it."""

    def __init__(
        self,
        line: str,
        initiator: Initiator,
        seat: Seat,
        limits: Limits,
        capabilities: Capabilities,
        *,
        renew_early: Nanos = 0,
        fetch_pacer: Pacer | None = None,
        send_pacer: Pacer | None = None,
        intake: Intake | None = None,
    ) -> None:
        """`renew_early` keeps lines that share a grant from renewing at one instant; `fetch_pacer` and `send_pacer`
        are shared by sessions whose HTTP requests, or frames, the venue counts together."""
        self.line = line
        self.epoch = 0
        """Counts the lives of the line, from 1."""
        self.state = SessionState.CLOSED
        self.grant_expires_at: Nanos | None = None
        """End of the grant in hand; None: none in hand, or it has no end."""
        self.hangup: str | None = None
        """Why the session wants its line ended: the client closes it and calls `lost`."""
        self.renewals = 0
        self.venue_up = True
        """False: the venue has said that nothing can be traded behind this line for now."""
        self.logon_ns: Nanos | None = None
        """From `dial` to READY, in this life or the last one."""
        self.intake = intake or Intake()
        self.initiator = initiator
        self._seat = seat
        self._limits = limits
        self._renew_early = renew_early
        self._sequence = Sequence(self.intake) if capabilities.sequence else None
        self._liveness = Liveness(limits, self.intake)
        self._pending = Pending()
        self._subscriptions = Subscriptions(limits)
        sends, fetches = send_pacer or Pacer(limits.sends), fetch_pacer or Pacer(limits.fetches)
        self._outbox = Outbox(
            self._pending,
            self._liveness,
            sends,
            fetches,
            limits.kinds,
            requests_over_http=capabilities.requests_over_http,
        )
        self._waits_for_renewal = capabilities.renewal_interrupts
        self._lanes = self._outbox.lanes
        self._kept: Told = []
        self._now: Nanos = 0
        self._dialled_at: Nanos = 0
        self._logon: Logon | None = None
        self._logon_deadline: Nanos = 0
        self._logon_waits = False
        """A logon waits for the grant that another line is fetching."""
        self._grant: Grant | None = None
        self._left: dict[tuple[int, str], Logon] = {}
        self._renew_at: Nanos | None = None
        self._failures = 0
        self._invalidated = False
        self._invalidated_at: Nanos = 0

    # ----------------------------------------------------------------------------------------- a life of the line

    @property
    def last_received(self) -> Nanos:
        """When the venue last said anything on this line."""
        return self.intake.last_received

    @property
    def logged_on_at(self) -> Nanos | None:
        """When this life, or the last one, became READY; None: it never did."""
        return None if self.logon_ns is None else self._dialled_at + self.logon_ns

    def dial(self, now: Nanos) -> Headers:
        """Begin a life of the line: the headers of its handshake. Raises `LocalProtocolError` unless CLOSED."""
        following = after(self.state, Happening.DIAL)
        headers = self.initiator.handshake(now)
        self.state = following
        self.epoch += 1
        self.logon_ns = None
        self._now = self._dialled_at = now
        return headers

    def connected(self, now: Nanos) -> None:
        """The line is up: log on."""
        self._move(Happening.CONNECT)
        self._now = now
        self.venue_up = True
        self._liveness.restart(now)
        if self._sequence is not None:
            self._sequence.restart()
        self._logon_deadline = now + self._limits.answer
        self._begin_logon(now, self._kept)

    def lost(self, code: int, reason: str, now: Nanos, *, requested: bool = False) -> Told:
        """The line has ended, `requested` when we wanted it: what was in flight is told as `Unanswered`.

        A subscription in flight is not told: it is sent again on the next line, unless the end was requested.
        """
        before = self.state
        self._move(Happening.LOSE)
        text = self.hangup or reason or f"closed with code {code}"
        told = self._take_kept()
        self._leave_logon()
        if before not in {SessionState.CLOSED, SessionState.REFUSED}:
            told.append(
                LoggedOut(line=self.line, epoch=self.epoch, text=text, requested=requested, recv_time=now),
            )
        self._outbox.clear()
        self.hangup = self.grant_expires_at = self._renew_at = self._grant = None
        self._failures, self._invalidated = 0, False
        self._end_requests(f"line {self.line} ended: {text}", now, told, requested=requested)
        return told

    def refused(self, code: str, text: str, now: Nanos, *, final: bool | None = None) -> Told:
        """The handshake was refused, with an HTTP status or the venue's own code. REFUSED follows, unless the code
        speaks of passing trouble; `final` says so where the venue's codes are known."""
        self._move(Happening.REFUSE if (is_final(code) if final is None else final) else Happening.LOSE)
        return [*self._take_kept(), LogonRejected(line=self.line, code=code, text=text, recv_time=now)]

    def venue_answers(self) -> None:
        """The venue has done what it said it could not: it is up, though it did not say so."""
        self.venue_up = True

    def allow(self) -> None:
        """The credentials were put right: dialling may begin again. Raises `LocalProtocolError` unless REFUSED."""
        self._move(Happening.ALLOW)

    # ----------------------------------------------------------------------------------------- what comes in

    def received(self, payload: bytes, now: Nanos) -> Told:
        """What one frame means. Never raises for what the venue sent."""
        self._now = now
        if self.state not in UP:
            return self._take_kept()
        intake = self.intake
        intake.frames_in += 1
        intake.bytes_in += len(payload)
        intake.last_received = now
        told: Told = self._take_kept() if self._kept else []
        try:
            envelope = self.initiator.open(payload)
            if self._sequence is None or envelope.seq is None or self._is_new(envelope.seq, now, told):
                self._deliver(self.initiator.receive(envelope, now), now, told)
        except errors.RemoteProtocolError as error:
            told.append(Damaged(line=self.line, text=str(error), recv_time=now))
        return told

    def answered(
        self, epoch: int, fetch: Fetch, answer: Answer | None, now: Nanos, error: str = "", *, sent: bool = True
    ) -> Told:
        """What came back for a fetch of life `epoch`; None when the exchange failed and nothing is known, or, with
        `sent` False, when it is known that the venue never saw it.

        Answers to a life that is over are still evidence, and told.
        """
        self._now = now
        told = self._take_kept()
        left = self._left.pop((epoch, fetch.ref or ""), None)
        if left is not None:
            self._finish_left(left, answer, now, told)
        elif self._logon is not None and epoch == self.epoch and fetch.ref == self._logon.fetching:
            self._answer_logon(self._logon, answer, error, now, told)
        elif answer is None:
            self._not_answered(fetch, error or "the exchange failed", now, told, sent=sent)
        else:
            try:
                self._deliver(self.initiator.answered(fetch, answer, now), now, told)
            except errors.RemoteProtocolError as damage:
                self._not_answered(fetch, str(damage), now, told)
        return told

    def _is_new(self, seq: int, now: Nanos, told: Told) -> bool:
        assert self._sequence is not None
        expected = self._sequence.expected
        if seq != expected:
            told.append(Missed(line=self.line, expected=expected, got=seq, recv_time=now))
        passes = self._sequence.passes(seq)
        if self._sequence.began_again and self.hangup is None:
            self.hangup = "the numbers of its messages began again"
        return passes

    def _deliver(self, items: Iterable[Event | Send | Fetch], now: Nanos, told: Told) -> None:
        """Sort what the initiator made of a message: to send, for the flow, an answer, or just news."""
        for item in items:
            if isinstance(item, _MARKET):
                told.append(item)
            elif isinstance(item, (Send, Fetch)):
                self._go_on(item, now)
            elif item.ref is not None and self._logon is not None and item.ref == self._logon.waiting:
                if isinstance(item, VenueStatus):
                    self._note_status(item, now)
                    told.append(item)
                self._step(partial(self._logon.take, item), now, told)
            else:
                if item.ref is not None:
                    self._settle(item.ref, item)
                told.append(item)
                if isinstance(item, GrantInvalidated):
                    self._renew_invalidated(now, told)
                elif isinstance(item, VenueStatus):
                    self._note_status(item, now)

    def _go_on(self, effect: Send | Fetch, now: Nanos) -> None:
        """The next step of a request that takes several, or a frame of the initiator's own; a request that is over
        asks for no further pages."""
        ref = effect.ref or ""
        if self._pending.get(ref) is not None:
            self._outbox.put(effect, ref)
        elif isinstance(effect, Fetch) or effect.kind:
            return
        else:
            self._lanes.urgent.append(effect)
        self._pump(now)

    def _settle(self, ref: str, event: Event) -> None:
        request = self._pending.settle(ref, event)
        if request is not None and isinstance(event, RequestRejected) and event.retry_after is not None:
            self._outbox.hold(request.kind, self._now + event.retry_after)
        if isinstance(event, (SubscriptionRejected, RequestRejected)):
            self._subscriptions.forget(ref)

    def _note_status(self, status: VenueStatus, now: Nanos) -> None:
        """While the venue says that it is away itself, a logon that waits for it is not late.

        An `up` with a code and no ref is a remark about one request, not news of the venue.
        """
        if status.up and status.code and status.ref is None:
            return
        if status.up and not self.venue_up:
            self._logon_deadline = max(self._logon_deadline, now + self._limits.answer)
        self.venue_up = status.up

    def _not_answered(self, fetch: Fetch, cause: str, now: Nanos, told: Told, *, sent: bool = True) -> None:
        """An exchange failed, or its answer says nothing: the outcome of its request is unknown."""
        request = self._pending.drop(fetch.ref or "")
        if request is not None:
            request.sent = request.sent and sent
            told.append(request.unanswered(cause, now))
        else:
            text = f"{fetch.method} {fetch.path.partition('?')[0]}: {cause}"
            told.append(Damaged(line=self.line, text=text, recv_time=now))

    # ----------------------------------------------------------------------------------------- what goes out

    def submit(self, command: Command, now: Nanos, *, timeout: Nanos | None = None) -> str:
        """Send a command, as soon as pacing allows; its answer, or `Unanswered`, carries the ref that is returned.

        A `Subscribe` is remembered until its `Unsubscribe` and restored, with the same ref, on each new line; it may
        be submitted at any time. `timeout` counts from now, for a `Subscribe` and its end from their sending, and for
        what waits for the rate of its kind from each of its frames.

        Raises `NotLoggedOn` for other commands while the line is not logged on, and `LocalProtocolError`, before
        anything is sent, for what the venue cannot take. When the command must wait for its turn first, a
        `RequestRejected` tells of the latter.
        """
        self._now = now
        command = self._with_ref(command)
        wait = self._limits.answer if timeout is None else timeout
        if isinstance(command, Subscribe):
            self._subscribe(command, wait, now)
        elif isinstance(command, Unsubscribe):
            self._unsubscribe(command, wait, now)
        else:
            if not self._is_logged_on():
                raise errors.NotLoggedOn(self.line)
            if not self.venue_up and isinstance(command, (NewOrder, ReplaceOrder)):
                raise errors.VenueDown(self.line)
            if isinstance(command, MassCancel):
                self._withdraw_orders(command, now)
            self._enqueue(command, wait, now)
        return command.ref

    def room_for(self, channel: Channel) -> bool:
        """May one more subscription of this channel go on the line?"""
        return self._subscriptions.limit_reached(channel) is None

    def holds(self, ref: str) -> bool:
        """Is the subscription with this ref on the line?"""
        return ref in self._subscriptions

    @property
    def subscriptions(self) -> tuple[Subscribe, ...]:
        """What is subscribed on the line, or is to be, oldest first."""
        return tuple(self._subscriptions)

    def follow(self, other: Session) -> None:
        """Before the first dial: have what another line of this name has subscribed, and count on from its lives."""
        for subscribe in other.subscriptions:
            self._subscriptions.remember(subscribe)
        self.epoch, self.renewals = other.epoch, other.renewals

    def give_up(self) -> None:
        """What is subscribed here is another line's from now on."""
        refs = {subscribe.ref for subscribe in self._subscriptions}
        self._lanes.withdraw(refs)
        for ref in refs:
            self._pending.drop(ref)
            self._subscriptions.forget(ref)

    @property
    def is_idle(self) -> bool:
        """Nothing is subscribed on the line, and nothing waits for an answer."""
        return not self._subscriptions and not self._pending

    def effects(self) -> list[Effect]:
        """What the transport must do now, in this order; from here on it counts as sent."""
        return self._outbox.drain()

    @property
    def outgoing(self) -> bool:
        """Is there anything to carry out, to hang up, or to tell at the next tick? Cheap: asked after each frame.

        What must wait for its turn counts: nothing else may come that would wake the timer for it.
        """
        return bool(self._outbox or self._kept or self._lanes) or self.hangup is not None

    def _with_ref(self, command: CommandT) -> CommandT:
        if not command.ref:
            return replace(command, ref=str(self._seat.unique()))
        if self._pending.get(command.ref) is not None or command.ref in self._subscriptions:
            raise errors.LocalProtocolError(f"request {command.ref} is in flight already")
        return command

    def _is_logged_on(self) -> bool:
        return self.state in LOGGED_ON and self.hangup is None

    def _subscribe(self, command: Subscribe, wait: Nanos, now: Nanos) -> None:
        most = self._subscriptions.limit_reached(command.channel)
        if most is not None:
            raise errors.LocalProtocolError(f"line {self.line} holds {most} subscriptions already, the venue's limit")
        self._subscriptions.remember(command)
        if self._is_logged_on():
            self._enqueue(command, wait, now)
        else:
            self._pending.add(command, wait, self.epoch)

    def _unsubscribe(self, command: Unsubscribe, wait: Nanos, now: Nanos) -> None:
        self._subscriptions.end(command)
        waits_here = command.subscription in self._lanes.refs()
        if self._is_logged_on() and not waits_here:
            self._enqueue(command, wait, now)
            return
        # The venue never saw it, or has forgotten it with the line.
        self._lanes.withdraw({command.subscription})
        request = self._pending.drop(command.subscription)
        if request is not None:
            self._kept.append(request.unanswered("unsubscribed before it was sent", now))
        self._kept.append(SubscriptionAccepted(ref=command.ref))

    def _withdraw_orders(self, command: MassCancel, now: Nanos) -> None:
        """Orders that still wait here must not go out behind the cancel that was meant for them too."""
        refs = [order.ref for order in self._lanes.orders(command.symbol)]
        self._lanes.withdraw(set(refs))
        for ref in refs:
            request = self._pending.drop(ref)
            if request is not None:
                self._kept.append(request.unanswered("withdrawn by a mass cancel before it was sent", now))

    def _enqueue(self, command: Command, wait: Nanos, now: Nanos) -> None:
        request = self._pending.add(command, wait, self.epoch)
        if not isinstance(command, (Subscribe, Unsubscribe)):
            self._pending.wait_until(request, now + wait)
        self._lanes.put(command)
        self._pump(now, fresh=command.ref)

    def _pump(self, now: Nanos, fresh: str = "") -> None:
        """Let out what pacing allows. A command that cannot be built is told, or raised when it is `fresh`."""
        if not self._lanes or not self._outbox.release_urgent(now):
            return
        if self._holds_back():
            return
        while self._outbox.release_built(now) and self._may_send():
            self._outbox.release_kinds(now)
            if self._lanes.next_command() is None or not self._outbox.has_room(now):
                return
            self._build(self._lanes.pop_command(), now, fresh)

    def _may_send(self) -> bool:
        """What is asked under a grant that the venue has ended would only be refused: it waits for the next one."""
        return self._is_logged_on() and not self._invalidated and not self._holds_back()

    def _holds_back(self) -> bool:
        """Would the venue refuse even the rest of what was begun, while the grant is exchanged?"""
        return self._waits_for_renewal and (self._invalidated or self.state is SessionState.RENEWING)

    def _build(self, command: Command, now: Nanos, fresh: str) -> None:
        try:
            effects = self.initiator.send(command, now)
        except errors.NotLoggedOn:
            # The venue has ended the grant, as another line that shares it found out first.
            self._lanes.put_back(command)
            self._invalidate(now)
            return
        except errors.LocalProtocolError as error:
            self._pending.drop(command.ref)
            self._subscriptions.forget(command.ref)
            if command.ref == fresh:
                raise
            self._kept.append(RequestRejected(code="", text=str(error), ref=command.ref))
            return
        request = self._pending.get(command.ref)
        if request is not None:
            request.epoch = self.epoch
            if isinstance(command, (Subscribe, Unsubscribe)):
                self._pending.wait_until(request, now + request.timeout)
        for effect in effects:
            self._outbox.put(effect, command.ref)
        self._take_ready(now)

    def _take_ready(self, now: Nanos) -> None:
        ready = list(self.initiator.ready)
        if ready:
            self.initiator.ready.clear()
            self._deliver(ready, now, self._kept)

    # ----------------------------------------------------------------------------------------- time

    def next_tick(self) -> Nanos | None:
        """When `tick` wants to be called; in the past or now when events are kept for it."""
        if self._kept:
            return self._now
        due = self._pending.next_deadline()
        if self.state not in UP or self.hangup is not None:
            return due
        times = [due, self._liveness.dead_at, self._liveness.heartbeat_at, self._renew_at]
        if self._is_timed():
            times.append(self._logon_deadline)
        if self._logon_waits:
            times.append(self._now + LOOK_AGAIN)
        if self._lanes:
            times.append(self._outbox.free_at(self._now, built=not self._holds_back(), commands=self._may_send()))
        return min([time for time in times if time is not None], default=None)

    def tick(self, now: Nanos) -> Told:
        """Do what is due: renewal, deadlines, heartbeats, silence; and tell what was kept."""
        self._now = now
        told = self._take_kept()
        if self.state in UP and self.hangup is None:
            self._check_line(now)
            self._go_on_with_logon(now, told)
            self._check_logon(now, told)
            self._check_heartbeat(now)
        self._check_deadlines(now, told)
        self._pump(now)
        return told + self._take_kept() if self._kept else told

    def _check_line(self, now: Nanos) -> None:
        dead_at = self._liveness.dead_at
        if dead_at is not None and now >= dead_at:
            self.hangup = f"silent for {_seconds(now - self.intake.last_received)}"

    def _check_logon(self, now: Nanos, told: Told) -> None:
        if self.hangup is not None:
            return
        if self.state is SessionState.LOGGING_ON and self._is_timed() and now >= self._logon_deadline:
            self._leave_logon()
            self.hangup = "logon timed out"
        elif self.state is SessionState.RENEWING and now >= self._logon_deadline:
            self._leave_logon()
            self._fail_logon(f"no answer within {_seconds(self._limits.answer)}", now, told)
        elif self._renew_at is not None and now >= self._renew_at:
            self._renew(now, told)

    def _is_timed(self) -> bool:
        """Does a deadline run for a logon? Not while the venue itself is away: it says so, and is waited for."""
        return self.state is SessionState.RENEWING or (self.state is SessionState.LOGGING_ON and self.venue_up)

    def _check_heartbeat(self, now: Nanos) -> None:
        due = self._liveness.heartbeat_at
        if due is None or now < due or self.hangup is not None:
            return
        self._liveness.last_sent = now
        # One that waits for pacing already is enough.
        beat = None if self._lanes.urgent else self.initiator.heartbeat(now)
        if beat is not None:
            self._lanes.urgent.append(beat)

    def _check_deadlines(self, now: Nanos, told: Told) -> None:
        overdue = list(self._pending.overdue(now))
        if not overdue:
            return
        self._outbox.withdraw({request.command.ref for request in overdue})
        for request in overdue:
            cause = f"no answer within {_seconds(request.timeout)}"
            told.append(request.unanswered(cause, now, timed_out=True))

    # ----------------------------------------------------------------------------------------- logon and renewal

    def _flow(self) -> Logon:
        assert self._logon is not None
        return self._logon

    def _begin_logon(self, now: Nanos, told: Told) -> None:
        """Run the venue's flow, once no earlier one waits for an answer that may spend our credentials, and no other
        line fetches the grant that this one may share."""
        self._logon_waits = self._seat.renewing is not None
        if not self._left and not self._logon_waits:
            self._logon = Logon(self.initiator.logon(now), self._seat.unique)
            self._step(self._logon.begin, now, told)

    @property
    def waits_for_grant(self) -> bool:
        """Does a logon wait for what another line is fetching? `tick` looks whether it has come."""
        return self._logon_waits

    def _go_on_with_logon(self, now: Nanos, told: Told) -> None:
        if self._logon_waits and self._seat.renewing is None:
            self._begin_logon(now, told)

    def _note_fetching(self, logon: Logon) -> None:
        """Tell the other lines whether this flow's fetch is on its way."""
        if logon.fetching is not None:
            self._seat.renewing = logon
        elif self._seat.renewing is logon:
            self._seat.renewing = None

    def _step(self, step: Callable[[], list[Effect]], now: Nanos, told: Told) -> None:
        """One step of the flow, and what follows from it."""
        logon = self._flow()
        try:
            try:
                self._lanes.urgent.extend(step())
            finally:
                self._note_fetching(logon)
        except errors.LogonRejected as error:
            self._logon = None
            self._refuse_logon(error, now, told)
        except errors.ConfigError as error:
            # What we hold cannot even be signed with: as final as the venue's own refusal.
            self._logon = None
            self._refuse_logon(errors.LogonRejected(self.line, "credentials", str(error)), now, told)
        except errors.VenueError as error:
            self._logon = None
            self._fail_logon(str(error), now, told)
        else:
            grant = self._flow().grant
            if grant is not None:
                self._logon = None
                self._take_grant(grant, now, told)
            self._pump(now)

    def _answer_logon(self, logon: Logon, answer: Answer | None, error: str, now: Nanos, told: Told) -> None:
        if answer is None:
            self._close_logon(logon)
            self._logon = None
            self._fail_logon(error or "the exchange failed", now, told)
        else:
            self._step(partial(logon.take, answer), now, told)

    def _take_grant(self, grant: Grant, now: Nanos, told: Told) -> None:
        renewed = self.state is SessionState.RENEWING
        self._move(Happening.GRANT)
        self._grant = grant
        self.grant_expires_at = grant.expires_at
        self._failures = 0
        # A venue that ended our grant has ended what stood under it, too. One that did so while we logged on may have
        # meant the grant we have just been given: asked again, it knows.
        restore = not renewed or self._invalidated
        self._renew_at = renewal_time(grant, now, self._renew_early, ahead=max(self._seat.clock_offset, 0))
        if self._invalidated and not renewed:
            self._renew_at = now
        self._invalidated = False
        self._tell_grant(grant, now, told, renewed=renewed)
        if restore:
            self._restore()

    def _tell_grant(self, grant: Grant, now: Nanos, told: Told, *, renewed: bool) -> None:
        what = Renewed if renewed else LoggedOn
        if renewed:
            self.renewals += 1
        else:
            self.logon_ns = now - self._dialled_at
        told.append(what(line=self.line, epoch=self.epoch, expires_at=grant.expires_at, recv_time=now))

    def _restore(self) -> None:
        """Every subscription again, in the order they were made, each with its own ref."""
        waiting = self._lanes.refs()
        for subscribe in self._subscriptions:
            if subscribe.ref not in waiting:
                if self._pending.get(subscribe.ref) is None:
                    self._pending.add(subscribe, self._limits.answer, self.epoch)
                self._lanes.put(subscribe)

    def _refuse_logon(self, error: errors.LogonRejected, now: Nanos, told: Told) -> None:
        if self.state is not SessionState.LOGGING_ON:
            self._fail_logon(f"{error.text or 'refused'} (code {error.code})", now, told)
            return
        told.append(LogonRejected(line=self.line, code=error.code, text=error.text, recv_time=now))
        self.hangup = f"logon refused: {error.text or 'no reason given'} (code {error.code})"
        if is_final(error.code):
            self._move(Happening.REFUSE)

    def _fail_logon(self, text: str, now: Nanos, told: Told) -> None:
        """The flow ended without a grant and without a refusal; or a renewal did, with either."""
        if self.state is SessionState.LOGGING_ON:
            self.hangup = f"logon failed: {text}"
            return
        self._move(Happening.FAIL)
        self._failures += 1
        expires_at = self.grant_expires_at
        told.append(
            Degraded(line=self.line, epoch=self.epoch, text=text, expires_at=expires_at, recv_time=now),
        )
        if self._invalidated or (expires_at is not None and now >= expires_at):
            self.hangup = f"the grant has ended and was not renewed: {text}"
            return
        again = now + pause_after(self._failures)
        self._renew_at = again if expires_at is None else min(again, expires_at)

    def _renew_invalidated(self, now: Nanos, told: Told) -> None:
        """The venue has ended our grant. A renewal that runs already is the one we need."""
        self._invalidate(now)
        if self._renew_at is not None and self._renew_at <= now and self.hangup is None:
            self._renew(now, told)

    def _invalidate(self, now: Nanos) -> None:
        """The grant in hand is worth nothing: renew at once, but not without pause where each new one ends too."""
        known, self._invalidated = self._invalidated, True
        if self._grant is not None and self._seat.grant is self._grant:
            self._seat.grant = None  # nobody may log on with it again
        if not known and self.state in {SessionState.READY, SessionState.DEGRADED}:
            self._renew_at = max(now, self._invalidated_at + NANOS_PER_SECOND)
            self._invalidated_at = self._renew_at

    def _renew(self, now: Nanos, told: Told) -> None:
        self._move(Happening.RENEW)
        self._renew_at = None
        self._logon_deadline = now + self._limits.answer
        self._begin_logon(now, told)

    def _leave_logon(self) -> None:
        """Stop the flow; but one that waits for an HTTP answer still gets it, however late.

        The answer may hold the next refresh token, and the one we have may be spent.
        """
        logon, self._logon = self._logon, None
        self._logon_waits = False
        if logon is None:
            return
        if logon.fetching is not None and not self._outbox.holds(logon.fetching):
            self._left[self.epoch, logon.fetching] = logon
        else:
            self._close_logon(logon)
        self._lanes.urgent.clear()

    def _close_logon(self, logon: Logon) -> None:
        logon.close()
        if self._seat.renewing is logon:
            self._seat.renewing = None

    def _finish_left(self, logon: Logon, answer: Answer | None, now: Nanos, told: Told) -> None:
        """Hand a flow that was left its last answer, so that it can store what it holds; it goes no further."""
        if answer is not None:
            # What it says of its own line, that line does not need to know any more.
            with suppress(errors.VenueError):
                logon.take(answer)
        self._close_logon(logon)
        waits_to_begin = self.state in {SessionState.LOGGING_ON, SessionState.RENEWING} and self._logon is None
        if waits_to_begin and self.hangup is None:
            self._begin_logon(now, told)

    # ----------------------------------------------------------------------------------------- the rest

    def describe(self, now: Nanos) -> dict[str, Any]:
        """Where the session stands, for people and their screens; times in seconds."""
        expires_at = self.grant_expires_at
        is_up = self.state in UP
        return {
            "line": self.line,
            "state": str(self.state),
            "venue_up": self.venue_up,
            "epoch": self.epoch,
            "grant_seconds_left": None if expires_at is None else (expires_at - now) // NANOS_PER_SECOND,
            "renewals": self.renewals,
            "logon_ms": None if self.logon_ns is None else self.logon_ns // 1_000 / 1_000,
            "requests_in_flight": len(self._pending),
            "subscriptions": len(self._subscriptions),
            "seconds_since_received": (now - self.last_received) // 1_000_000 / 1_000 if is_up else None,
            "frames_in": self.intake.frames_in,
            "bytes_in": self.intake.bytes_in,
            "hangup": self.hangup,
        }

    def _move(self, happening: Happening) -> None:
        self.state = after(self.state, happening)
        self.intake.open = self.state in LOGGED_ON

    def _take_kept(self) -> Told:
        kept, self._kept = self._kept, []
        return kept

    def _end_requests(self, cause: str, now: Nanos, told: Told, *, requested: bool) -> None:
        for request in self._pending.clear():
            if self._is_restored(request, requested=requested):
                self._pending.add(request.command, request.timeout, self.epoch)
            else:
                told.append(request.unanswered(cause, now))

    def _is_restored(self, request: InFlight, *, requested: bool) -> bool:
        return isinstance(request.command, Subscribe) and request.command.ref in self._subscriptions and not requested


def _seconds(span: Nanos) -> str:
    return f"{span / NANOS_PER_SECOND:g} s"
