"""One line: what the network may do before we have it in our hands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from venuewire.client.connection import Connection
from venuewire.codec import Envelope
from venuewire.model.session import Command, Event, Grant, LoggedOn, LoggedOut, Reply, Secret, SessionEvent
from venuewire.session.session import Session
from venuewire.transport.clock import SteppedClock, settle
from venuewire.transport.network import Receiver
from venuewire.venue import (
    Answer,
    Await,
    Capabilities,
    Credentials,
    Effect,
    Fetch,
    Flow,
    Headers,
    Limits,
    Seat,
    Send,
)

CAPABILITIES = Capabilities(channels=frozenset(), ord_types=frozenset(), times_in_force=frozenset())


class Greeted:
    """Our end of a venue that greets whoever it lets in, and asks for nothing more."""

    def __init__(self) -> None:
        self.ready: list[Event] = []

    def handshake(self, now: int) -> Headers:
        return {}

    def logon(self, now: int) -> Flow:
        yield Await("greeting")
        return Grant(Secret(""), now, None)

    def heartbeat(self, now: int) -> Send | None:
        return None

    def send(self, command: Command, now: int) -> list[Effect]:
        return []

    def open(self, payload: bytes) -> Envelope:
        return Envelope(kind="greeting", body=payload)

    def receive(self, envelope: Envelope, now: int) -> Sequence[Event | Send]:
        return [Reply(message=Limits(), ref="greeting")]

    def answered(self, fetch: Fetch, answer: Answer, now: int) -> Sequence[Event | Fetch]:
        return []


class OpenLine:
    """A line that nothing is sent on."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def send(self, payload: bytes) -> None:
        raise AssertionError("this venue wants to hear nothing")

    def close(self, code: int = 1000, reason: str = "") -> None:
        self._receiver.closed(code, reason)

    def abort(self) -> None:
        pass

    def unsent(self) -> int:
        return 0


class Hasty:
    """A network on which something happens to a line before `dial` has returned it; the first time only."""

    def __init__(self, happens: Callable[[Receiver], None]) -> None:
        self.happens = happens
        self.dials = 0

    async def dial(self, url: str, headers: Headers, receiver: Receiver, *, max_frame: int) -> OpenLine:
        self.dials += 1
        if self.dials == 1:
            self.happens(receiver)
        return OpenLine(receiver)

    async def fetch(self, method: str, url: str, headers: Headers, body: bytes, *, seconds: float) -> Answer:
        raise AssertionError("nothing is fetched")

    async def close(self) -> None:
        pass


async def told_by(network: Hasty) -> list[Event | SessionEvent]:
    """Dial on this network and keep the line a while; what we were told."""
    told: list[Event | SessionEvent] = []
    clock = SteppedClock()
    seat = Seat(Credentials(), unique=iter(range(1, 100)).__next__, random_hex=lambda digits: "0" * digits)
    initiator = Greeted()
    connection = Connection(
        Session("ws", initiator, seat, Limits(), CAPABILITIES),
        initiator,
        seat=seat,
        urls={"ws": "ws://venue.test"},
        network=network,
        clock=clock,
        limits=Limits(),
        deliver=lambda _, events: told.extend(events),
        draw=lambda: 0.5,
    )
    running = asyncio.create_task(connection.run())
    await settle()
    await clock.advance(1_000_000_000)
    connection.close()
    await running
    return told


async def test_a_venue_may_speak_the_moment_the_handshake_is_done() -> None:
    network = Hasty(lambda receiver: receiver.received(b"welcome"))
    told = await told_by(network)
    assert [event.line for event in told if isinstance(event, LoggedOn)] == ["ws"]
    assert network.dials == 1


async def test_a_line_that_ends_before_we_hold_it_is_dialled_again() -> None:
    network = Hasty(lambda receiver: receiver.closed(1006, "gone at once"))
    told = await told_by(network)
    assert [event.text for event in told if isinstance(event, LoggedOut)][:1] == ["gone at once"]
    assert network.dials == 2
