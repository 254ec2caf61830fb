"""One line: dial it, feed its session, do what the session asks, and dial again whenever it ends unasked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from venuewire.client.backoff import Backoff, DialBudget
from venuewire.errors import ConnectFailed, TransportError
from venuewire.model.session import Event, SessionEvent
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.session.session import Session
from venuewire.session.states import SessionState
from venuewire.transport.clock import Clock
from venuewire.transport.network import Line, Network
from venuewire.venue import Answer, Effect, Fetch, Initiator, Limits, Send

logger = logging.getLogger("venuewire.client")

Deliver = Callable[["Connection", Sequence[Event | SessionEvent]], None]

# A line with this much unsent is not being read by the venue; holding more would only grow memory.
MAX_UNSENT = 16 * 1024 * 1024


class Connection:
    """The rim of one session: the only place where its bytes, its timer and its requests are."""

    def __init__(
        self,
        session: Session,
        initiator: Initiator,
        *,
        urls: dict[str, str],
        network: Network,
        clock: Clock,
        limits: Limits,
        deliver: Deliver,
        draw: Callable[[], float],
    ) -> None:
        self.session = session
        self._initiator = initiator
        self.dials = 0
        self.sent_frames = 0
        self._urls = urls
        self._network = network
        self._clock = clock
        self._limits = limits
        self._deliver = deliver
        self._backoff = Backoff(draw)
        self._line: Line | None = None
        self._early: list[bytes] = []
        """What came before `dial` returned: a venue may speak the moment the handshake is done."""
        self._ended = asyncio.Event()
        self._nudge = asyncio.Event()
        self._stop = asyncio.Event()
        self._closing = False
        self._tasks: asyncio.TaskGroup | None = None
        self._ready_at: Nanos = 0

    # ------------------------------------------------------------------ what the network calls

    def received(self, payload: bytes) -> None:
        """One message: the hot path."""
        session = self.session
        if self._line is None:
            if session.state is SessionState.DIALLING:
                self._early.append(payload)
            return
        events = session.received(payload, self._clock.now())
        if events:
            self._deliver(self, events)
        effects = session.effects()
        if effects or session.hangup is not None:
            self._carry_out(effects)

    def closed(self, code: int, reason: str) -> None:
        """The line has ended."""
        if self._line is None and self.session.state is SessionState.CLOSED:
            return
        self._line = None
        self._pass_on(self.session.lost(code, reason, self._clock.now(), requested=self._closing))
        self._ended.set()
        self._nudge.set()

    # ------------------------------------------------------------------ what the client calls

    def flush(self) -> None:
        """Do what the session wants done, and look at its timer again."""
        self._carry_out(self.session.effects())

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            self._do(effect)
        if self.session.hangup is not None:
            self._hang_up(self.session.hangup)
        self._nudge.set()

    async def run(self) -> None:
        """Keep the line until `close`; every task of the line belongs to this one."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            timer = tasks.create_task(self._keep_time(), name=f"timer of {self.session.line}")
            while not self._closing and self.session.state is not SessionState.REFUSED:
                await self._live()
            timer.cancel()

    def close(self) -> None:
        """End the line and do not dial again."""
        self._closing = True
        if self._line is not None:
            self._line.close()
        self._ended.set()
        self._stop.set()

    # ------------------------------------------------------------------ inside

    async def _live(self) -> None:
        """One life: dial, wait for the end, pause."""
        self._ready_at = 0
        self._ended.clear()
        self._early.clear()
        if await self._dial():
            await self._ended.wait()
        if self._closing or self.session.state is SessionState.REFUSED:
            return
        now = self._clock.now()
        lived = now - self._ready_at if self._ready_at else 0
        await self._pause_until(now + self._backoff.pause(lived))

    async def _pause_until(self, when: Nanos) -> None:
        """Wait, unless the client is closed meanwhile."""
        while not self._closing and self._clock.now() < when:
            await self._sleep_or(self._stop, when)

    async def _dial(self) -> bool:
        url = self._urls[self.session.line]
        if self._limits.dials is not None:
            await self._pause_until(DialBudget.of(url, self._limits.dials).take(self._clock.now()))
        if self._closing:
            return False
        self.dials += 1
        headers = self.session.dial(self._clock.now())
        try:
            line = await self._network.dial(url, headers, self, max_frame=self._limits.max_frame)
        except ConnectFailed as error:
            await self._refused(url, error)
            return False
        if self._closing:
            line.close()
            return False
        if self._ended.is_set():  # it has come and gone already
            return True
        self._line = line
        self.session.connected(self._clock.now())
        self.flush()
        early, self._early = self._early, []
        for payload in early:
            self.received(payload)
        return True

    async def _refused(self, url: str, error: ConnectFailed) -> None:
        now = self._clock.now()
        if error.status is None:
            self._pass_on(self.session.lost(1006, error.reason, now))
            return
        body = error.body or await self._whole_refusal(url)
        text = body.decode("utf-8", "replace").strip()[:500] or error.reason
        self._pass_on(self.session.refused(str(error.status), text, now))

    async def _whole_refusal(self, url: str) -> bytes:
        """A refusal's body often comes after its head, where the WebSocket client no longer looks: ask once more,
        as an ordinary request with the upgrade headers and a fresh signature, and read it whole."""
        headers = dict(self._initiator.handshake(self._clock.now()))
        headers |= {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dmVudWV3aXJlIGFza3Mgdw==",
        }
        try:
            answer = await self._network.fetch("GET", "http" + url.removeprefix("ws"), headers, b"", seconds=5)
        except TransportError:
            return b""
        return answer.body if answer.status >= 400 else b""

    def _do(self, effect: Effect) -> None:
        if isinstance(effect, Send):
            if self._line is not None:
                self.sent_frames += 1
                self._line.send(effect.payload)
                if self._line.unsent() > MAX_UNSENT:
                    self._hang_up("the venue does not read what we send")
        elif self._tasks is not None:
            self._tasks.create_task(self._fetch(effect, self.session.epoch), name=f"fetch {effect.path}")

    async def _fetch(self, fetch: Fetch, epoch: int) -> None:
        url = self._urls[fetch.endpoint] + fetch.path
        seconds = self._limits.answer / NANOS_PER_SECOND
        answer: Answer | None = None
        problem = ""
        try:
            answer = await self._network.fetch(fetch.method, url, fetch.headers, fetch.body, seconds=seconds)
        except TransportError as error:
            problem = str(error)
        self._pass_on(self.session.answered(epoch, fetch, answer, self._clock.now(), problem))
        self.flush()

    async def _keep_time(self) -> None:
        """Call the session's `tick` when it is due."""
        while True:
            self._nudge.clear()
            due = self.session.next_tick()
            if due is None:
                await self._nudge.wait()
                continue
            if due > self._clock.now():
                await self._sleep_or(self._nudge, due)
                continue
            self._pass_on(self.session.tick(self._clock.now()))
            self.flush()
            await asyncio.sleep(0)

    async def _sleep_or(self, event: asyncio.Event, when: Nanos) -> None:
        """Until `when` or until `event`, whichever is first."""
        waits = (asyncio.ensure_future(self._clock.sleep_until(when)), asyncio.ensure_future(event.wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _hang_up(self, reason: str) -> None:
        if self._line is not None:
            logger.warning("ending line %s: %s", self.session.line, reason)
            line, self._line = self._line, None
            line.abort()
            self._pass_on(self.session.lost(1006, reason, self._clock.now()))
            self._ended.set()

    def _pass_on(self, events: Sequence[Event | SessionEvent]) -> None:
        if not self._ready_at and self.session.state is SessionState.READY:
            self._ready_at = self._clock.now()
        if events:
            self._deliver(self, events)
