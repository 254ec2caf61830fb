"""Watching one client: from its charge to its goodbye, or to the confirmed end of its orders."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from msgspec import Struct

from venuewire.client.client import Client
from venuewire.client.guard_channel import (
    VERSION,
    Armed,
    Beat,
    Charge,
    Echo,
    Goodbye,
    Lines,
    Noted,
    Settled,
    Struck,
    ToClient,
    Tokens,
    Trouble,
    credentials_of,
    line,
    read_at_guard,
)
from venuewire.client.winding import StopReport, Winding
from venuewire.errors import ConfigError, JournalError, RemoteProtocolError, VenueError
from venuewire.guard.charges import Charges
from venuewire.model.terms import NANOS_PER_SECOND
from venuewire.transport.clock import SystemClock
from venuewire.venues import find

logger = logging.getLogger("venuewire.guard")

LATER = 300.0
"""Seconds for which it goes on trying after the stated time has passed."""
CHARGE_SECONDS = 10.0
"""How long whoever connects may take to say who they are."""

NOTHING = StopReport(canceled=(), ended=(), unconfirmed=())


class Outcome(Struct, frozen=True, kw_only=True):
    """How it ended."""

    venue: str
    why: str
    """Why the guard acted; empty: it was disarmed."""
    report: StopReport = NOTHING
    seconds: float = 0.0
    """From when the client was seen to be gone to the last confirmation."""
    in_time: bool = True

    @property
    def good(self) -> bool:
        """Nothing of the client's is working that should not be, and within the stated time."""
        return self.in_time and self.report.complete


class Nobody(ConfigError):
    """Whoever came has gone without a word: perhaps only to see whether a guard is here."""


class Channel(asyncio.Protocol):
    """The client's stream, as it comes. `records` waits in order; `last_heard` is what a hang is judged by."""

    def __init__(self, clock: SystemClock) -> None:
        self.last_heard = clock.now()
        self.over = False
        self.news = asyncio.Event()
        """Something has come, or the end."""
        self.lines: list[bytes] = []
        self._clock = clock
        self._cut = Lines()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.last_heard = self._clock.now()
        try:
            self.lines += self._cut.take(data)
        except RemoteProtocolError as error:
            logger.error("%s", error)
            self.close()
        self.news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.over = True
        self.news.set()

    def tell(self, record: ToClient) -> None:
        """Say it, if anybody listens."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(line(record))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Watch:
    """One client's guard."""

    def __init__(self, channel: Channel, clock: SystemClock, venue: str = "", *, later: float = LATER) -> None:
        """`venue`: the only one whose clients are taken; empty: any. `later`: seconds for which it goes on trying."""
        self._later = later
        self._channel = channel
        self._clock = clock
        self._venue = venue
        self._said_goodbye = False
        self.guarding = False
        """A client relies on us."""

    async def run(self) -> Outcome:
        """Until the client has said goodbye, or its orders are gone, or all was tried.

        Raises `ConfigError` for a client that cannot be guarded, `VenueError` when the venue refuses us.
        """
        charge = await self._charge()
        client, charges = self._client(charge)
        entering = asyncio.create_task(client.__aenter__())
        try:
            self.guarding = True
            why = await self._listen(charge, client, charges, entering)
            if not why:
                return Outcome(venue=charge.venue, why="")
            return await self._strike(charge, client, charges, entering, why)
        finally:
            self.guarding = False
            entering.cancel()
            await asyncio.wait((entering,))
            await client.close()

    async def _charge(self) -> Charge:
        until = self._clock.now() + round(CHARGE_SECONDS * NANOS_PER_SECOND)
        while not self._channel.lines and not self._channel.over and self._clock.now() < until:
            await self._next_news(until)
        if not self._channel.lines:
            raise Nobody("whoever came did not say whom to guard")
        charge = read_at_guard(self._channel.lines.pop(0))
        if not isinstance(charge, Charge) or charge.version != VERSION:
            raise self._refuse("this guard speaks with clients of its own version only")
        if self._venue and charge.venue != self._venue:
            raise self._refuse(f"this guard is for {self._venue}, not for {charge.venue}")
        return charge

    def _refuse(self, text: str) -> ConfigError:
        self._channel.tell(Trouble(text))
        self._channel.close()
        return ConfigError(text)

    def _client(self, charge: Charge) -> tuple[Client, Charges]:
        venue = find(charge.venue)
        client = Client(
            venue,
            credentials_of(venue, charge.values, charge.endpoints, charge.ca),
            symbols=charge.symbols,
            settings=charge.settings,
            clock=self._clock,
        )
        client.desk.stop("a guard places nothing")
        return client, Charges(client.desk.blotter)

    # ------------------------------------------------------------------ while the client lives

    async def _listen(self, charge: Charge, client: Client, charges: Charges, entering: asyncio.Task[Client]) -> str:
        """Why the client must be taken for gone; empty after its goodbye. Raises what keeps us from the venue."""
        entering.add_done_callback(lambda _: self._channel.news.set())
        is_armed = False
        while True:
            self._take_all(client, charges)
            if self._said_goodbye:
                return ""
            if self._channel.over:
                return "the client ended without a goodbye"
            if entering.done() and not is_armed:
                self._raise_refusal(entering)
                is_armed = True
                self._channel.tell(Armed())
            due = self._channel.last_heard + round(charge.silence * NANOS_PER_SECOND)
            if self._clock.now() >= due and not await self._has_spoken():
                return f"the client has said nothing for {charge.silence:g} s"
            await self._next_news(due)

    def _raise_refusal(self, entering: asyncio.Task[Client]) -> None:
        error = entering.exception()
        if error is not None:
            self._channel.tell(Trouble(str(error)))
            raise error

    async def _next_news(self, due: int) -> None:
        """Something comes, or it is due."""
        try:
            async with asyncio.timeout(max(0, due - self._clock.now()) / NANOS_PER_SECOND):
                await self._channel.news.wait()
        except TimeoutError:
            return
        self._channel.news.clear()

    async def _has_spoken(self) -> bool:
        """It was perhaps we who were held up: look once more at what waits to be read."""
        before = self._channel.last_heard
        for _ in range(3):
            await asyncio.sleep(0)
        return self._channel.last_heard != before or self._channel.over

    def _take_all(self, client: Client, charges: Charges) -> None:
        lines, self._channel.lines = self._channel.lines, []
        for payload in lines:
            try:
                self._take(payload, client, charges)
            except (RemoteProtocolError, JournalError) as error:
                logger.error("a record of the client was left out: %s", error)

    def _take(self, payload: bytes, client: Client, charges: Charges) -> None:
        record = read_at_guard(payload)
        if isinstance(record, Noted):
            charges.take(record, self._clock.now())
        elif isinstance(record, Settled):
            charges.settle(record, self._clock.now())
        elif isinstance(record, Beat):
            self._channel.tell(Echo(record.number))
        elif isinstance(record, Tokens):
            self._renew(client, record)
        elif isinstance(record, Goodbye):
            self._said_goodbye = True

    def _renew(self, client: Client, tokens: Tokens) -> None:
        """With the new tokens the old ones may have ended, and our line with them: it logs on again with these."""
        old = client.seat.credentials
        client.seat.credentials = credentials_of(client.venue, tokens.values, old.endpoints, old.ca)
        client.log_on_again()

    # ------------------------------------------------------------------ when it is gone

    async def _strike(
        self, charge: Charge, client: Client, charges: Charges, entering: asyncio.Task[Client], why: str
    ) -> Outcome:
        began = self._clock.now()
        self._channel.tell(Struck(why))
        charges.bereave(why, began)
        logger.warning("%s: %s: cancelling %d orders", charge.venue, why, len(charges))
        listening = asyncio.create_task(self._go_on_listening(client, charges, why))
        try:
            await self._be_logged_on(charge, entering)
            report = await Winding(client.desk, self._clock, charge.within, patient=True).run()
            in_time = report.complete
            if not in_time:
                logger.error(
                    "%s: %d orders are not confirmed after %g s", charge.venue, len(report.unconfirmed), charge.within
                )
                report = joined(report, await Winding(client.desk, self._clock, self._later).run())
        finally:
            listening.cancel()
            await asyncio.wait((listening,))
        seconds = (self._clock.now() - began) / NANOS_PER_SECOND
        return Outcome(venue=charge.venue, why=why, report=report, seconds=seconds, in_time=in_time)

    async def _go_on_listening(self, client: Client, charges: Charges, why: str) -> None:
        """A client that was stopped may go on in the middle of an order: that one is its, too."""
        while not self._channel.over:
            await self._channel.news.wait()
            self._channel.news.clear()
            self._take_all(client, charges)
            charges.bereave(why, self._clock.now())

    async def _be_logged_on(self, charge: Charge, entering: asyncio.Task[Client]) -> None:
        """One that is gone before we are logged on has little to cancel, but perhaps orders of an earlier run."""
        await asyncio.wait((entering,), timeout=charge.within)
        if entering.done() and not entering.cancelled() and isinstance(entering.exception(), VenueError):
            logger.error("%s: %s", charge.venue, entering.exception())


def joined(first: StopReport, second: StopReport) -> StopReport:
    """What two attempts came to."""
    return StopReport(
        canceled=(*first.canceled, *second.canceled),
        ended=(*first.ended, *second.ended),
        unconfirmed=second.unconfirmed,
    )


def told(outcome: Outcome) -> dict[str, Any]:
    """For machines."""
    return {
        "venue": outcome.venue,
        "acted": bool(outcome.why),
        "why": outcome.why,
        "canceled": list(outcome.report.canceled),
        "ended": list(outcome.report.ended),
        "unconfirmed": [
            {"symbol": order.symbol, "order_id": order.order_id, "cl_ord_id": order.cl_ord_id, "text": order.text}
            for order in outcome.report.unconfirmed
        ],
        "seconds": round(outcome.seconds, 3),
        "in_time": outcome.in_time,
    }


def sentence(outcome: Outcome) -> str:
    """For people."""
    if not outcome.why:
        return f"{outcome.venue}: the client said goodbye: nothing was cancelled"
    report = outcome.report
    left = "".join(f"; look for {it.symbol} {it.order_id or it.cl_ord_id}: {it.text}" for it in report.unconfirmed)
    late = "" if outcome.in_time or report.unconfirmed else ", later than stated"
    return (
        f"{outcome.venue}: {outcome.why}: {len(report.canceled)} canceled, {len(report.ended)} ended otherwise, "
        f"{len(report.unconfirmed)} unconfirmed, in {outcome.seconds:.2f} s{late}{left}"
    )


__all__ = ["Channel", "Nobody", "Outcome", "Watch", "joined", "sentence", "told"]
