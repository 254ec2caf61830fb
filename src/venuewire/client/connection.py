"""One line: dial it, feed its session, do what the session asks, and dial again whenever it ends unasked.

Connection   the line over all its lives: dials, pauses, timer, requests
Life         one of them, as the network sees it: what comes from a life that is over is not heard any more
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from venuewire.client.backoff import Backoff, DialBudget
from venuewire.client.express import Take
from venuewire.client.offset import Offset
from venuewire.client.waiting import first_of
from venuewire.errors import ConnectFailed, TransportError
from venuewire.model.market import Bar, BookSnapshot, BookUpdate, Quote, Trade
from venuewire.model.session import Event, Heartbeat, SessionEvent
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.session.session import Session
from venuewire.session.states import SessionState
from venuewire.transport.clock import Clock
from venuewire.transport.network import Line, Network
from venuewire.venue import Answer, Effect, Fetch, Initiator, Limits, Seat, Send

logger = logging.getLogger("venuewire.client")

Deliver = Callable[["Connection", Sequence[Event | SessionEvent]], None]

# What changes nothing about when the session wants to be called.
_QUIET = frozenset({BookUpdate, BookSnapshot, Trade, Quote, Bar, Heartbeat})
# A line with this much unsent is not being read by the venue; holding more would only grow memory.
MAX_UNSENT = 16 * 1024 * 1024
# What a venue that speaks before the handshake is through may say; more is no venue of ours.
MAX_EARLY = 1000
# Seconds the other end has to answer our goodbye before the line is cut.
GOODBYE_SECONDS = 1.0
# The longest we let a refused handshake make us wait.
LONGEST_ASKED = 300.0


class Life:
    """One life of a line: the receiver that the network is given. Neither call raises."""

    __slots__ = ("_connection", "early", "line", "over")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.line: Line | None = None
        self.early: list[bytes] = []
        """What came before `dial` returned: a venue may speak the moment the handshake is done."""
        self.over = asyncio.Event()

    def received(self, payload: bytes, /) -> None:
        """One message: the hot path."""
        if self.line is None or self.early:
            if not self.over.is_set() and len(self.early) < MAX_EARLY:
                self.early.append(payload)
            return
        connection = self._connection
        try:
            now, express = connection.now(), connection.express
            if express is None or not express(payload, now):
                connection.take(payload, now)
        except Exception as fault:  # noqa: BLE001  the network must not be hurt by our fault; `run` raises it
            connection.fail(fault)

    def closed(self, code: int, reason: str, /) -> None:
        """The line has ended."""
        if self.over.is_set():
            return
        self.over.set()
        self.line = None
        connection = self._connection
        try:
            connection.ended(self, code, reason)
        except Exception as fault:  # noqa: BLE001  as above
            connection.fail(fault)

    def take_up(self, line: Line) -> None:
        """The line is in our hands: what came early goes first."""
        self.line = line
        while self.early and not self.over.is_set():
            self._connection.take(self.early.pop(0), self._connection.now())
        self.early.clear()

    def abandon(self) -> Line | None:
        """Nothing more is heard of this life; its line, if it still had one, for the caller to end."""
        self.over.set()
        line, self.line = self.line, None
        self.early.clear()
        return line


class Connection:
    """The rim of one session: the only place where its bytes, its timer and its requests are."""

    def __init__(
        self,
        session: Session,
        initiator: Initiator,
        *,
        seat: Seat,
        urls: dict[str, str],
        network: Network,
        clock: Clock,
        limits: Limits,
        deliver: Deliver,
        draw: Callable[[], float],
        budget: DialBudget | None = None,
        fetched: Callable[[], None] = lambda: None,
        offset: Offset | None = None,
        refusal: Callable[[int, bytes], tuple[str, str, bool]] | None = None,
        express: Take | None = None,
    ) -> None:
        """`fetched` is called after each HTTP exchange; `offset`, shared by the lines of a client, learns from them
        how far the venue's clock is from ours; `refusal` is the venue's reading of a refused handshake; `express` is
        asked first with each frame."""
        self.session = session
        self.dials = 0
        self.sent_frames = 0
        self.trouble = ""
        """What last ended the line or kept it from being made; empty while all is well."""
        self._initiator = initiator
        self._seat = seat
        self._urls = urls
        self._network = network
        self._clock = clock
        self.now = clock.now
        """Asked with every message."""
        self._limits = limits
        self._deliver = deliver
        self._backoff = Backoff(draw)
        self._budget = budget
        self._fetched = fetched
        self._offset = offset or Offset()
        self._refusal = refusal
        self.express = express
        self._life: Life | None = None
        self._stop = asyncio.Event()
        self._nudge = asyncio.Event()
        self._allowed = asyncio.Event()
        self._closing = False
        self._fault: Exception | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._fetches: set[asyncio.Task[None]] = set()
        self._due: Nanos | None = 0
        """When the timer wakes; 0 while it is awake."""

    # ------------------------------------------------------------------ what the network calls, by way of a life

    def take(self, payload: bytes, now: Nanos) -> None:
        """One message that has not gone by express."""
        session = self.session
        events = session.received(payload, now)
        if events:
            self._deliver(self, events)
            if type(events[-1]) not in _QUIET:
                self._look_at_timer()
        if session.outgoing:
            self._carry_out(session.effects())

    def ended(self, life: Life, code: int, reason: str) -> None:
        """The line of a life has ended; that of an earlier one is no news."""
        if life is self._life:
            self._pass_on(self.session.lost(code, reason, self._clock.now(), requested=self._closing))
            self._nudge.set()

    def fail(self, fault: Exception) -> None:
        """A fault of ours: the line ends, and `run` raises it."""
        self._fault = self._fault or fault
        self._stop.set()
        try:
            self._abandon()
        except Exception:  # noqa: BLE001  the first fault is the one that is told
            logger.debug("line %s: another fault while it was ended", self.session.line)

    # ------------------------------------------------------------------ what the client calls

    def tell(self, deliver: Deliver, express: Take | None = None) -> None:
        """From now on what comes is told to this one, or goes by `express`."""
        self._deliver, self.express = deliver, express

    def flush(self) -> None:
        """Do what the session wants done, and look at its timer again."""
        self._carry_out(self.session.effects())

    def look(self) -> None:
        """Something the session may wait for has changed: let it look."""
        if self._life is not None:
            self._pass_on(self.session.tick(self._clock.now()))
            self.flush()

    async def run(self) -> None:
        """Keep the line until `close`; every task of the line belongs to this one. Raises what `fail` was told."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            timer = tasks.create_task(self._keep_time(), name=f"timer of {self.session.line}")
            try:
                while not self._closing:
                    await self._live()
                    self._raise_fault()
            finally:
                timer.cancel()
                for fetch in self._fetches:
                    fetch.cancel()
                self._abandon()
        self._raise_fault()

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

    @property
    def is_closing(self) -> bool:
        """It has been closed, or is about to be: nothing more is to be asked on it."""
        return self._closing

    def close(self) -> None:
        """End the line and do not dial again."""
        self._closing = True
        self._stop.set()

    def allow(self) -> None:
        """The credentials were put right: dial again. Nothing happens on a line that was not refused."""
        if self.session.state is SessionState.REFUSED:
            self.session.allow()
            self._allowed.set()

    # ------------------------------------------------------------------ the lives of the line

    async def _live(self) -> None:
        """One life: dial, wait for the end, pause."""
        asked = 0
        try:
            life = await self._dial()
        except ConnectFailed as error:
            asked = await self._not_made(error)
        else:
            if life is not None:
                await first_of(life.over.wait(), self._stop.wait())
                await self._say_goodbye(life)
        if self.session.state is SessionState.REFUSED and not self._closing:
            self._allowed.clear()
            await first_of(self._allowed.wait(), self._stop.wait())
        elif not self._closing and self._fault is None:
            pause = max(self._backoff.pause(self._lived()), asked)
            await self._pause_until(self._clock.now() + pause)

    def _lived(self) -> Nanos:
        """How long the life that is over was logged on."""
        logged_on_at = self.session.logged_on_at
        return 0 if logged_on_at is None else self._clock.now() - logged_on_at

    async def _pause_until(self, when: Nanos) -> None:
        """Wait, unless the client is closed meanwhile."""
        while not self._stop.is_set() and self._clock.now() < when:
            await first_of(self._clock.sleep_until(when), self._stop.wait())

    async def _dial(self) -> Life | None:
        """A life, logged on or about to be; None when the client was closed first. Raises `ConnectFailed`."""
        url = self._urls[self.session.line]
        await self._take_turn()
        if self._stop.is_set():
            return None
        self.dials += 1
        headers = self.session.dial(self._clock.now())
        life = self._life = Life(self)
        dialling = asyncio.ensure_future(
            self._network.dial(url, headers, life, max_frame=self._limits.max_frame),
        )
        try:
            await first_of(asyncio.wait((dialling,)), self._stop.wait())
        except BaseException:
            await self._give_up(dialling, life)
            raise
        if self._stop.is_set():
            await self._give_up(dialling, life)
            self._pass_on(self.session.lost(1006, "closed", self._clock.now(), requested=True))
            return None
        line = dialling.result()
        if not life.over.is_set():  # else it has come and gone already
            self._begin(life, line)
        return life

    async def _give_up(self, dialling: asyncio.Future[Line], life: Life) -> None:
        """End a dial that may have succeeded in this very moment."""
        life.abandon()
        dialling.cancel()
        await asyncio.wait((dialling,))
        if not dialling.cancelled() and dialling.exception() is None:
            dialling.result().abort()

    def _begin(self, life: Life, line: Line) -> None:
        self.session.connected(self._clock.now())
        life.line = line
        self.flush()
        if not life.over.is_set():
            life.take_up(line)

    async def _take_turn(self) -> None:
        if self._budget is not None:
            await self._pause_until(self._budget.take(self._clock.now()))

    async def _say_goodbye(self, life: Life) -> None:
        """Close the line if it still stands, and give the other end a moment; then it is cut."""
        line = life.line
        if line is None:
            return
        if self._fault is None:
            line.close()
            try:
                async with asyncio.timeout(GOODBYE_SECONDS):
                    await life.over.wait()
            except TimeoutError:
                logger.debug("line %s: no answer to our goodbye", self.session.line)
        self._abandon()

    def _abandon(self) -> None:
        """Cut the line, if there is one, and tell what was in flight on it."""
        life, self._life = self._life, None
        line = None if life is None else life.abandon()
        if line is not None:
            line.abort()
            self._pass_on(self.session.lost(1006, "cut", self._clock.now(), requested=self._closing))

    # ------------------------------------------------------------------ handshakes that fail

    async def _not_made(self, error: ConnectFailed) -> Nanos:
        """Tell why there is no line; how long the venue asks us to wait."""
        now = self._clock.now()
        self.trouble = error.reason
        if error.status is None or not 400 <= error.status < 600:
            # No answer, or one that is not about us: a redirect, a page of a captive portal.
            self._pass_on(self.session.lost(1006, error.reason, now))
            return 0
        body = error.body
        if not body and error.status < 500 and error.status not in {408, 429}:
            body = await self._whole_refusal(self._urls[self.session.line])
        if self._refusal is not None:
            code, text, final = self._refusal(error.status, body)
            self._pass_on(self.session.refused(code, text or error.reason, self._clock.now(), final=final))
        else:
            text = body.decode("utf-8", "replace").strip()[:500] or error.reason
            self._pass_on(self.session.refused(str(error.status), text, self._clock.now()))
        return int(min(error.retry_after or 0.0, LONGEST_ASKED) * NANOS_PER_SECOND)

    async def _whole_refusal(self, url: str) -> bytes:
        """A refusal's body often comes after its head, where the WebSocket client no longer looks: ask once more,
        as an ordinary request with the upgrade headers and a fresh signature, and read it whole."""
        await self._take_turn()
        headers = dict(self._initiator.handshake(self._clock.now()))
        headers |= {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dmVudWV3aXJlIGFza3Mgdw==",
        }
        asking = asyncio.ensure_future(
            self._network.fetch("GET", "http" + url.removeprefix("ws"), headers, b"", seconds=5)
        )
        try:
            await first_of(asyncio.wait((asking,)), self._stop.wait())
        finally:
            asking.cancel()
            await asyncio.wait((asking,))
        if asking.cancelled() or isinstance(asking.exception(), TransportError):
            return b""
        answer = asking.result()
        return answer.body if answer.status >= 400 else b""

    # ------------------------------------------------------------------ what the session wants done

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            self._do(effect)
        if self.session.hangup is not None:
            self._hang_up(self.session.hangup)
        self._look_at_timer()

    def _look_at_timer(self) -> None:
        due = self.session.next_tick()
        if due is not None and (self._due is None or due < self._due):
            self._nudge.set()

    def _do(self, effect: Effect) -> None:
        if isinstance(effect, Send):
            line = self._life.line if self._life is not None else None
            if line is not None:
                self.sent_frames += 1
                line.send(effect.payload)
                if line.unsent() > MAX_UNSENT:
                    self._hang_up("the venue does not read what we send")
        elif self._tasks is not None and not self._stop.is_set():
            task = self._tasks.create_task(self._fetch(effect, self.session.epoch), name=f"fetch for {effect.endpoint}")
            self._fetches.add(task)
            task.add_done_callback(self._fetches.discard)

    async def _fetch(self, fetch: Fetch, epoch: int) -> None:
        url = self._urls[fetch.endpoint] + fetch.path
        seconds = self._limits.answer / NANOS_PER_SECOND
        answer: Answer | None = None
        problem, sent, began = "", True, self._clock.now()
        try:
            answer = await self._network.fetch(fetch.method, url, fetch.headers, fetch.body, seconds=seconds)
        except ConnectFailed as error:
            problem, sent = str(error), False
        except TransportError as error:
            problem = str(error)
        now = self._clock.now()
        if answer is not None and "date" in answer.headers:
            self._learn_clock(answer.headers["date"], began, now)
        self._pass_on(self.session.answered(epoch, fetch, answer, now, problem, sent=sent))
        self.flush()
        self._fetched()

    def _learn_clock(self, date: str, began: Nanos, now: Nanos) -> None:
        offset = self._offset.note_date(date, began, now)
        if offset is not None:
            self._seat.clock_offset = offset

    def _hang_up(self, reason: str) -> None:
        life, self._life = self._life, None
        if life is None:
            return
        line = life.abandon()
        logger.warning("ending line %s: %s", self.session.line, reason)
        if line is not None:
            line.abort()
        self._pass_on(self.session.lost(1006, reason, self._clock.now(), requested=self._closing))

    # ------------------------------------------------------------------ time

    async def _keep_time(self) -> None:
        """Call the session's `tick` when it is due."""
        while True:
            self._nudge.clear()
            due = self._due = self.session.next_tick()
            if due is None:
                await self._nudge.wait()
            elif due > self._clock.now():
                await first_of(self._nudge.wait(), self._clock.sleep_until(due))
            else:
                self._due = 0
                self._pass_on(self.session.tick(self._clock.now()))
                self.flush()
                await asyncio.sleep(0)

    def _pass_on(self, events: Sequence[Event | SessionEvent]) -> None:
        if events:
            self._deliver(self, events)
