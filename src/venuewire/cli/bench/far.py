"""The far end of a measurement, in a process of its own: `python -m venuewire.cli.bench.far`.

It is the sandbox: clients log on, subscribe and are told as ever. Its market stands still until a flood is ordered,
one JSON object a line on standard input. The frames of a flood are made by the venue's own acceptor, so they are
true to the wire, and made beforehand, so that this end is never what is measured: all that is done to a frame when
it is sent is to give it its number, where the venue numbers, and a time of day that is at most a second old.
"""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any, cast

import msgspec
from msgspec import Struct

from venuewire.cli.bench.walk import Stand, Walk
from venuewire.model.instrument import Instrument
from venuewire.model.market import BookSnapshot, BookUpdate, Quote, Trade
from venuewire.model.session import Event, Subscribe
from venuewire.model.terms import NANOS_PER_MILLI, NANOS_PER_SECOND, Channel, Nanos
from venuewire.sandbox import Sandbox
from venuewire.sandbox.connection import Connection, text_frame
from venuewire.venue import Acceptor, Exchange, Headers, Host, Out, Port, Refusal, Send, Stage, Venue
from venuewire.venues import find

BATCH = 64
"""Frames written at once in a flood that goes as fast as it is taken."""
AHEAD = 1 << 20
"""Bytes that may wait here: the next batch is ready when the client is."""
BREATH = 0.0002
_WAKING = NANOS_PER_MILLI // 10
"""Before a frame is due the sender is awake."""
STEP = 100 * NANOS_PER_MILLI
"""Between two steps while frames are made: longer than any venue holds changes back."""
PATIENCE = 30.0
"""Seconds to wait for a client that is to ask for books."""
REPORTED = 1 << 16
"""Times of sending that are kept for a paced flood, at most."""

_NUMBER = re.compile(rb'"sequence_num":(\d+)')
"""Where the number stands at a venue that numbers its frames. Ours to set: floods and beats share one counter."""
_AS_CLIENTS_NEED = "client_id"
"""A switch of one venue's far end: an empty field in each frame that its official client cannot do without."""
_NEVER_THE_SAME = frozenset({"ctrader"})
"""Venues whose frames name quotes by ids that are used once: a round cannot be sent twice."""


class Order(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A flood, as it is ordered on standard input."""

    venue: str
    symbols: tuple[str, ...]
    frames: int
    rate: int = 0
    """Frames a second; 0: as fast as they are taken."""
    waits: bool = False
    """Wait until somebody asks for these books; otherwise the newest connection has them."""
    delay: float = 0.3
    """Seconds until the first frame."""
    times: bool = False
    """Report when each frame was sent."""


class Setting(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the far end is started with: the one argument of the program, JSON."""

    venues: tuple[str, ...]
    levels: int = 20_000
    """A side, where the venue's books are as deep as that."""
    steps: int = 3_000
    """Of a walk, there; as many lead back."""
    tls: bool = False


# ------------------------------------------------------------------ the venue, with a market of ours


class WalkedExchange:
    """The sandbox's exchange, except that books are those of walks, which take a step when they are told to."""

    def __init__(self, exchange: Exchange, stands: Mapping[str, Stand], now: Callable[[], Nanos]) -> None:
        self._exchange = exchange
        self._stands = stands
        self._now = now
        self.asked: set[str] = set()
        """Symbols whose book somebody has asked for since this was last emptied."""

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        return self._exchange.instruments

    def port(self, account: str) -> Port:
        return self._exchange.port(account)

    def trades(self, symbol: str, limit: int) -> list[Trade]:
        return self._exchange.trades(symbol, limit)

    def quote(self, symbol: str) -> Quote:
        return self._exchange.quote(symbol)

    def book(self, symbol: str, depth: int | None = None) -> BookSnapshot:
        stand = self._stands.get(symbol)
        if stand is None:
            return self._exchange.book(symbol, depth)
        self.asked.add(symbol)
        return stand.snapshot(depth, self._now())


class FloodedAcceptor:
    """A venue's acceptor whose frames are numbered here, because a flood's frames are among them."""

    def __init__(self, acceptor: Acceptor, line: str, place: Place) -> None:
        self.line = line
        self._acceptor = acceptor
        self._place = place
        self._twin: Acceptor | None = None
        """Makes the frames of floods, in a time of its own: the original's timers do not notice."""
        self.symbols: set[str] = set()
        """Whose books the client has been given."""
        self.number = 0

    @property
    def account(self) -> str | None:
        return self._acceptor.account

    def handshake(self, headers: Headers, now: Nanos) -> Refusal | None:
        self._place.acceptors.append(self)
        return self._acceptor.handshake(headers, now)

    def opened(self, now: Nanos) -> list[Out]:
        return self._numbered(self._acceptor.opened(now))

    def receive(self, payload: bytes, now: Nanos) -> list[Out]:
        self._place.exchange.asked.clear()
        outs = self._acceptor.receive(payload, now)
        self.symbols |= self._place.exchange.asked
        return self._numbered(outs)

    def publish(self, event: Event, now: Nanos) -> list[Out]:
        return self._numbered(self._acceptor.publish(event, now))

    def pinged(self, now: Nanos) -> None:
        self._acceptor.pinged(now)

    def next_tick(self) -> Nanos | None:
        return self._acceptor.next_tick()

    def tick(self, now: Nanos) -> list[Out]:
        return self._numbered(self._acceptor.tick(now))

    def closed(self, now: Nanos) -> None:
        self._place.acceptors.remove(self)
        self._acceptor.closed(now)

    def _numbered(self, outs: Sequence[Out]) -> list[Out]:
        if not self._place.venue.capabilities.sequence:
            return list(outs)
        return [self._with_number(out) if isinstance(out, Send) else out for out in outs]

    def _with_number(self, out: Send) -> Send:
        payload, found = _NUMBER.subn(b'"sequence_num":%d' % self.number, out.payload, count=1)
        self.number += found
        return Send(payload, out.ref, out.channel)

    # ------------------------------------------------------------------ the frames of a flood

    def frames(self, symbols: Sequence[str], wanted: int) -> Frames:
        """The frames of so many steps, the symbols in turn: a round of them, or all where rounds cannot repeat."""
        place = self._place
        if self._twin is None:
            # Shares what the connection was told (ids, windows), and has timers of its own.
            self._twin = copy.copy(self._acceptor)
        stands = [place.stands[symbol] for symbol in symbols]
        round_ = len(stands) * max(len(stand.walk.steps) for stand in stands)
        made = wanted if place.venue.name in _NEVER_THE_SAME else min(wanted, round_)
        begun = place.begin(made)
        payloads = [self._frame(self._twin, stands[n % len(stands)], begun + n * STEP, begun) for n in range(made)]
        for nth, stand in enumerate(stands):
            # What is sent again is stepped again.
            place.catch_up(stand, len(range(nth, wanted, len(stands))) - len(range(nth, made, len(stands))))
        return Frames(payloads, begun, self if place.venue.capabilities.sequence else None)

    def _frame(self, twin: Acceptor, stand: Stand, now: Nanos, shown: Nanos) -> bytes:
        self._place.time = now
        event = self._place.step(stand, now)
        outs, told = twin.publish(event, now), now
        if not outs:
            told = now + STEP - 1
            outs = twin.tick(told)
        self._place.time = 0
        books = [out.payload for out in outs if isinstance(out, Send) and out.channel in {None, Channel.BOOK}]
        if len(books) != 1:
            raise RuntimeError(f"{self._place.venue.name} told of a step in {len(books)} frames")
        return _redated(books[0], told, shown)


class Place:
    """One venue of the far end: its walks, its exchange, and who is connected."""

    def __init__(self, venue: Venue, setting: Setting) -> None:
        self.venue = venue
        self.stands: dict[str, Stand] = {}
        self.exchange: WalkedExchange
        self.acceptors: list[FloodedAcceptor] = []
        self.time: Nanos = 0
        """The time frames are made for; 0: it is now."""
        self._made_until: Nanos = 0
        self._setting = setting

    def value(self) -> Venue:
        """The venue as the sandbox is to run it."""
        return msgspec.structs.replace(self.venue, host=self._host)

    def now(self) -> Nanos:
        return self.time or time.time_ns()

    def _host(self, stage: Stage, exchange: Exchange, random_hex: Callable[[int], str]) -> Host:
        self.exchange = WalkedExchange(exchange, self.stands, self.now)
        self._stage = stage
        host = self._real = self.venue.host(stage, self.exchange, random_hex)
        switches = getattr(host, "switches", None)
        if hasattr(switches, _AS_CLIENTS_NEED):
            setattr(switches, _AS_CLIENTS_NEED, True)
        # It is one in all but its class attributes, which nobody asks an object for.
        return cast("Host", FloodedHost(host, self))

    def walk(self, symbols: Iterable[str]) -> None:
        """Let these books be walks; made before anybody subscribes."""
        depth = self.venue.capabilities.book_depth
        # Where books are cut, what is far below the cut is never seen.
        levels = self._setting.levels if depth is None else min(self._setting.levels, 4 * depth)
        for number, symbol in enumerate(symbols):
            if symbol not in self.stands:
                instrument = self.exchange.instruments[symbol]
                price = self._stage.reference_prices[symbol]
                self.stands[symbol] = Stand(
                    Walk(instrument, price, levels=levels, steps=self._setting.steps, seed=number + 1)
                )

    def begin(self, steps: int) -> Nanos:
        """The time that frames of so many steps are made for, from then on: the venue's time never goes back."""
        # No zero at the end, which a venue may leave out: the same time has to look the same everywhere.
        begun = max(time.time_ns(), self._made_until) // NANOS_PER_MILLI * NANOS_PER_MILLI + 777_777
        self._made_until = begun + (steps + 1) * STEP
        return begun

    def step(self, stand: Stand, now: Nanos) -> BookUpdate:
        """Let a book take a step: the venue hears of it; its connections are told by whoever asked for it."""
        event = stand.walk.update(stand.step(), now)
        self._real.publish(event, now)
        return event

    def catch_up(self, stand: Stand, count: int) -> None:
        """Let a book take so many steps; whole rounds lead nowhere."""
        whole = len(stand.walk.steps)
        stand.at += count // whole * whole
        begun = self.begin(count % whole)
        for n in range(count % whole):
            self.step(stand, begun + n * STEP)

    def newest(self) -> FloodedAcceptor | None:
        """The connection that came last on the line where books are told."""
        line = self.venue.route(Subscribe(channel=Channel.BOOK, symbol=self.venue.default_symbol))
        return next((acceptor for acceptor in reversed(self.acceptors) if acceptor.line == line), None)

    def subscribed(self, symbols: Iterable[str]) -> FloodedAcceptor | None:
        """The connection that has asked for all of these books."""
        wanted = set(symbols)
        return next((acceptor for acceptor in self.acceptors if wanted <= acceptor.symbols), None)


class FloodedHost:
    """A venue's host whose acceptors take part in floods; everything else is the host's own."""

    def __init__(self, host: Host, place: Place) -> None:
        self._host = host
        self._place = place

    def accept(self, line: str) -> Acceptor:
        return FloodedAcceptor(self._host.accept(line), line, self._place)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)


# ------------------------------------------------------------------ frames


class Frames:
    """A round of frames, as they are to stand on the wire."""

    def __init__(self, payloads: Sequence[bytes], dated: Nanos, counter: FloodedAcceptor | None) -> None:
        self._payloads = payloads
        self._dated = tuple(_alone(form(dated)) for form in _FORMS)
        self._counter = counter
        self._date: tuple[bytes, ...] = ()
        self._stamped: Nanos = 0
        self._parts: list[tuple[bytes, bytes]] = []
        self._whole: list[bytes] = []
        self.bytes = round(sum(map(len, payloads)) / len(payloads))

    def stamp_all(self, now: Nanos) -> None:
        """Let the frames sent from here on be of now; done again only when a second has passed."""
        if now - self._stamped < NANOS_PER_SECOND:
            return
        self._set_date(now)
        fresh = [self._fresh(payload) for payload in self._payloads]
        if self._counter is None:
            self._whole = [text_frame(payload) for payload in fresh]
        else:
            self._parts = [_parted(payload) for payload in fresh]

    def take(self, first: int, end: int) -> bytes:
        """These frames, for the wire."""
        if self._counter is None:
            whole = self._whole
            return b"".join([whole[n % len(whole)] for n in range(first, end)])
        parts, number = self._parts, self._counter.number
        self._counter.number += end - first
        return b"".join(
            [
                text_frame(b"%b%d%b" % (head, number + n - first, tail))
                for n in range(first, end)
                for head, tail in (parts[n % len(parts)],)
            ]
        )

    def take_one(self, n: int, now: Nanos) -> bytes:
        """One frame, stamped by itself: no pause in a flood that is paced."""
        if now - self._stamped >= NANOS_PER_SECOND:
            self._set_date(now)
        payload = self._fresh(self._payloads[n % len(self._payloads)])
        if self._counter is None:
            return text_frame(payload)
        head, tail = _parted(payload)
        number = self._counter.number
        self._counter.number += 1
        return text_frame(b"%b%d%b" % (head, number, tail))

    def _set_date(self, now: Nanos) -> None:
        self._stamped, self._date = now, tuple(form(now) for form in _FORMS)

    def _fresh(self, payload: bytes) -> bytes:
        for before, now in zip(self._dated, self._date, strict=True):
            payload = before.sub(now, payload)
        return payload


def _parted(payload: bytes) -> tuple[bytes, bytes]:
    """What stands before the number, and what stands after."""
    found = _NUMBER.search(payload)
    if found is None:
        raise RuntimeError("a frame without a number, at a venue that numbers its frames")
    return payload[: found.start(1)], payload[found.end(1) :]


def _redated(payload: bytes, before: Nanos, now: Nanos) -> bytes:
    """With the times of day that `before` shows as, in any of the forms venues write, replaced by those of `now`."""
    for form in _FORMS:
        payload = _alone(form(before)).sub(form(now), payload)
    return payload


def _alone(time_of_day: bytes) -> re.Pattern[bytes]:
    """The text where it stands by itself: ids are made of the time, too, and go on."""
    return re.compile(rb"(?<!\d)" + re.escape(time_of_day) + rb"(?!\d)")


def _iso_nanos(now: Nanos) -> bytes:
    return _iso(now) + b".%09dZ" % (now % NANOS_PER_SECOND)


def _iso_micros(now: Nanos) -> bytes:
    return _iso(now) + b".%06dZ" % (now % NANOS_PER_SECOND // 1_000)


def _iso(now: Nanos) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // NANOS_PER_SECOND)).encode()


def _millis(now: Nanos) -> bytes:
    return b"%d" % (now // NANOS_PER_MILLI)


_FORMS: tuple[Callable[[Nanos], bytes], ...] = (_iso_nanos, _iso_micros, _millis)


# ------------------------------------------------------------------ the far end itself


class FarEnd(Sandbox):
    """A sandbox whose market stands still but for floods."""

    def __init__(self, setting: Setting, venues: Sequence[Venue] | None = None, *, all_books: bool = False) -> None:
        """`venues`: instead of those of the setting; `all_books`: walk all of theirs, not their usual ones alone."""
        self.all_books = all_books
        values = [find(name) for name in setting.venues] if venues is None else venues
        self.places = {venue.name: Place(venue, setting) for venue in values}
        super().__init__(venues=[place.value() for place in self.places.values()], tls=setting.tls)

    def prepare(self) -> None:
        """Make the books that clients are about to ask for."""
        for place in self.places.values():
            place.walk(place.exchange.instruments if self.all_books else [place.venue.default_symbol])

    async def flood(self, order: Order) -> dict[str, Any]:
        """Wait for the client, then send; what was sent, as plain values."""
        place = self.places[order.venue]
        acceptor = await self._client(place, order.symbols) if order.waits else place.newest()
        if acceptor is None:
            raise RuntimeError(f"nobody is connected to {order.venue}")
        frames = acceptor.frames(order.symbols, order.frames)
        wire = Wire(next(one for one in self._connections(place) if one.acceptor is acceptor))
        await asyncio.sleep(order.delay)
        # What has been made stays; nothing here is to be swept up while it sends.
        gc.collect()
        gc.freeze()
        begun = time.monotonic_ns()
        sent = await (_paced if order.rate else _flooded)(wire, frames, order)
        return {
            "frames": order.frames,
            "frame_bytes": frames.bytes,
            "seconds": (time.monotonic_ns() - begun) / NANOS_PER_SECOND,
            "at": {symbol: place.stands[symbol].at for symbol in order.symbols},
            "times": sent if order.times else [],
        }

    async def _client(self, place: Place, symbols: Sequence[str]) -> FloodedAcceptor:
        async with asyncio.timeout(PATIENCE):
            while (acceptor := place.subscribed(symbols)) is None:  # noqa: ASYNC110  # it is looked at, not told
                await asyncio.sleep(0.005)
        return acceptor

    def _connections(self, place: Place) -> Iterable[Connection]:
        return self._floors[place.venue.name].connections


class Wire:
    """A client's socket, past its connection: a flood is written in batches."""

    def __init__(self, connection: Connection) -> None:
        transport: asyncio.Transport | None = getattr(connection, "_transport", None)
        if transport is None:
            raise RuntimeError("the connection has no socket")
        self._connection, self._transport = connection, transport

    @property
    def is_open(self) -> bool:
        return not self._transport.is_closing()

    @property
    def is_full(self) -> bool:
        """Does enough wait here already?"""
        return self._transport.get_write_buffer_size() > AHEAD

    def write(self, frames: bytes) -> None:
        """Put whole frames on the wire."""
        self._transport.write(frames)

    def make_way(self) -> None:
        """What the connection holds back goes first: its frames have their numbers already."""
        self._connection.flush()


async def _flooded(wire: Wire, frames: Frames, order: Order) -> list[Nanos]:
    """As fast as they are taken."""
    sent = 0
    while sent < order.frames and wire.is_open:
        if wire.is_full:
            await asyncio.sleep(BREATH)
            continue
        frames.stamp_all(time.time_ns())
        end = min(sent + BATCH, order.frames)
        wire.make_way()
        wire.write(frames.take(sent, end))
        sent = end
        await asyncio.sleep(0)
    return []


async def _paced(wire: Wire, frames: Frames, order: Order) -> list[Nanos]:
    """Each when it is due, or as soon after as this process gets to run; by the clock that all processes share."""
    times: list[Nanos] = []
    begun = time.monotonic_ns()
    for n in count():
        if n == order.frames or not wire.is_open:
            break
        due = begun + n * NANOS_PER_SECOND // order.rate
        if n % BATCH == 0:
            # Heartbeats have their turn.
            await asyncio.sleep(0)
        if (spare := due - time.monotonic_ns() - _WAKING) > 0:
            # Shorter than the loop's own timers are exact; others may need the processor meanwhile.
            time.sleep(spare / NANOS_PER_SECOND)  # noqa: ASYNC251
        wire.make_way()
        frame = frames.take_one(n, time.time_ns())
        # Awake to the last: no timer is as exact as that.
        while (now := time.monotonic_ns()) < due:
            pass
        times.append(now)
        wire.write(frame)
    return times


async def _lines() -> AsyncIterator[bytes]:
    """Of standard input, until it ends: a child that its parent forgot does not stay."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.buffer.readline):
        yield line


def _say(what: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def serve(far: FarEnd) -> None:
    """Print the ready line, then do as standard input says: one flood after the other."""
    async with far:
        far.pause_flow()
        far.prepare()
        _say(far.ready())
        async for line in _lines():
            order = msgspec.json.decode(line, type=Order)
            try:
                _say(await far.flood(order))
            except (TimeoutError, RuntimeError) as error:
                _say({"error": str(error) or "nobody subscribed in time"})


if __name__ == "__main__":
    asyncio.run(serve(FarEnd(msgspec.json.decode(sys.argv[1], type=Setting))))
