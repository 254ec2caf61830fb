"""Feeds that are handed on as they come: trades, quotes, bars, ...; each subscribed to once, for all who read it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Hashable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeAlias, TypeVar

from venuewire.client.lag import delay, seconds
from venuewire.client.requests import Requests
from venuewire.client.stream import FanOut, Policy, Stream
from venuewire.client.subscription import Subscription
from venuewire.client.waiting import FIRST_PAUSE, LONGEST_PAUSE, REFUSALS
from venuewire.errors import LocalProtocolError, NotLoggedOn, RequestRejected, TransportError, VenueError
from venuewire.model.account import AccountSummary
from venuewire.model.market import Bar, Quote, SecurityStatus, Trade
from venuewire.model.session import Gap, Subscribe, VenueNews
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Nanos
from venuewire.transport.clock import Clock

Told: TypeAlias = Trade | Quote | Bar | SecurityStatus | AccountSummary | VenueNews
T = TypeVar("T", bound=Told)

_STANDING = frozenset({Channel.STATUS, Channel.SUMMARY})
"""Channels whose last message tells all there is: who comes later is told it at once."""
_LASTING = frozenset({Channel.STATUS, Channel.SUMMARY, Channel.VENUE})
"""Channels whose messages are true until the next."""


class Topic(Generic[T]):
    """One feed, and who reads it."""

    def __init__(self, wanted: Subscribe, now: Callable[[], Nanos]) -> None:
        self.wanted = wanted
        self.readers: FanOut[T] = FanOut(now)
        self.users = 0
        self.subscription: Subscription | None = None
        self.renewing = False
        self.last: T | None = None
        self.last_time: Nanos = 0
        """When the last one was received."""
        self.count = 0
        self.gaps = 0
        self.last_gap: Gap | None = None
        self._now = now
        self._hole_from: Nanos = 0

    @property
    def channel(self) -> Channel:
        return self.wanted.channel

    @property
    def name(self) -> str:
        """What people call it, within its channel."""
        wanted = self.wanted
        if wanted.message is not None:
            return repr(wanted.message)
        symbol = wanted.symbol or "account"
        return symbol if wanted.period is None else f"{symbol} {wanted.period // NANOS_PER_SECOND} s"

    def put(self, item: T) -> None:
        """The hot path."""
        self.last = item
        self.last_time = item.recv_time
        self.count += 1
        if self.readers:
            self.readers.put(item)

    def missed(self, cause: str) -> None:
        """Something was lost, or nothing comes for now: told once, until `whole`."""
        if not self._hole_from:
            self._hole_from = self.last_time or self._now()
            self.gaps += 1
            self._tell(Gap(from_time=self._hole_from, to_time=self._now(), cause=cause, repaired=False))

    def whole(self, cause: str) -> None:
        """It flows again; what happened in between stays unknown."""
        if self._hole_from:
            self._tell(Gap(from_time=self._hole_from, to_time=self._now(), cause=cause, repaired=True))
            self._hole_from = 0

    def _tell(self, gap: Gap) -> None:
        self.last_gap = gap
        self.readers.put(gap)


def _key(wanted: Subscribe) -> Hashable:
    """What tells topics of one channel apart; the events find theirs by the same."""
    match wanted.channel:
        case Channel.BARS:
            return wanted.symbol, wanted.period
        case Channel.VENUE:
            return repr(wanted.message)  # which may hold lists
        case _:
            return wanted.symbol


class Topics:
    """The topics of a client."""

    def __init__(self, requests: Requests, clock: Clock, spawn: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self._requests = requests
        self._clock = clock
        self._spawn = spawn
        self._channels: dict[Channel, dict[Hashable, Topic[Any]]] = {channel: {} for channel in Channel}
        self._trades = self._channels[Channel.TRADES]
        self._quotes = self._channels[Channel.QUOTES]

    def __iter__(self) -> Iterator[Topic[Any]]:
        for topics in self._channels.values():
            yield from topics.values()

    def of_line(self, line: str) -> list[Topic[Any]]:
        return [topic for topic in self if topic.subscription and topic.subscription.line == line]

    def doubt(self, line: str, cause: str) -> None:
        """Messages of a line are missing. Where each stands alone it goes on; where they build on one another, or the
        last one tells how things are, it is asked for anew."""
        for topic in self.of_line(line):
            topic.missed(cause)
            if topic.channel in _LASTING:
                self.renew(topic)
            else:
                topic.whole("the line goes on")

    # ------------------------------------------------------------------ what comes

    def last_trade(self, symbol: str) -> Trade | None:
        """The last one of a symbol that its readers were told."""
        topic = self._trades.get(symbol)
        return None if topic is None else topic.last

    def put_trade(self, trade: Trade) -> None:
        topic = self._trades.get(trade.symbol)
        if topic is not None:
            topic.put(trade)

    def put_quote(self, quote: Quote) -> None:
        topic = self._quotes.get(quote.symbol)
        if topic is not None:
            topic.put(quote)

    def put_bar(self, bar: Bar) -> None:
        topic = self._channels[Channel.BARS].get((bar.symbol, bar.period))
        if topic is not None:
            topic.put(bar)

    def put_status(self, status: SecurityStatus) -> None:
        topic = self._channels[Channel.STATUS].get(status.symbol)
        if topic is not None:
            topic.put(status)

    def put_summary(self, summary: AccountSummary) -> None:
        topic = self._channels[Channel.SUMMARY].get(None)
        if topic is not None:
            topic.put(summary)

    def put_news(self, news: VenueNews) -> None:
        for topic in self._channels[Channel.VENUE].values():
            if topic.subscription is not None and topic.subscription.ref == news.ref:
                topic.put(news)

    # ------------------------------------------------------------------ who reads

    @asynccontextmanager
    async def reading(self, wanted: Subscribe, bound: int, policy: Policy) -> AsyncGenerator[Stream[Any]]:
        """Subscribe while somebody reads."""
        topics, key = self._channels[wanted.channel], _key(wanted)
        topic = topics.get(key) or self._new(topics, wanted)
        stream = topic.readers.open(bound, policy)
        topic.users += 1
        try:
            if topic.subscription is not None:
                await topic.subscription.accepted()
            if topic.last is not None and topic.channel in _STANDING and not stream.offered:
                stream.put(topic.last)
            yield stream
        finally:
            stream.close()
            topic.users -= 1
            if topic.users == 0:
                if topics.get(key) is topic:
                    del topics[key]
                if topic.subscription is not None:
                    topic.subscription.end()

    def _new(self, topics: dict[Hashable, Topic[Any]], wanted: Subscribe) -> Topic[Any]:
        key = _key(wanted)
        # Before the subscription: a venue that needs nothing on the wire may answer at once.
        topic = topics[key] = Topic[Any](wanted, self._clock.now)
        try:
            topic.subscription = Subscription(self._requests, wanted, lambda error: self._lost(topic, error))
        except BaseException:
            del topics[key]
            raise
        return topic

    def _lost(self, topic: Topic[Any], error: VenueError) -> None:
        """The venue had accepted the subscription, and does not give it again."""
        topic.missed(f"the subscription was lost: {error}")
        self.renew(topic)

    def renew(self, topic: Topic[Any]) -> None:
        """Ask for it anew; one request in flight."""
        if not topic.renewing and topic.subscription is not None:
            topic.renewing = True
            self._spawn(self._renew(topic, topic.subscription))

    async def _renew(self, topic: Topic[Any], subscription: Subscription) -> None:
        pause, refusals = FIRST_PAUSE, 0
        try:
            while topic.users:
                try:
                    await subscription.renew()
                except (TransportError, NotLoggedOn):
                    return  # the line is gone: with it comes the subscription
                except VenueError as error:
                    refusals += isinstance(error, (RequestRejected, LocalProtocolError))
                    if refusals >= REFUSALS:
                        topic.readers.end(error)
                        return
                    await self._clock.sleep_until(self._clock.now() + pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
                else:
                    topic.last_time = self._clock.now()
                    topic.whole("subscribed again")
                    return
        finally:
            topic.renewing = False

    def end_line(self, line: str, error: VenueError) -> None:
        """The line will not come back by itself."""
        for topic in self.of_line(line):
            topic.readers.end(error)
            self._channels[topic.channel].pop(_key(topic.wanted), None)

    def end(self, error: VenueError | None) -> None:
        """The client is gone."""
        for topic in self:
            topic.readers.end(error)

    # ------------------------------------------------------------------ for people

    def describe(self, offset: Nanos) -> dict[str, dict[str, dict[str, Any]]]:
        """See `Client.health`; `offset`: the venue's clock minus ours."""
        described: dict[str, dict[str, dict[str, Any]]] = {}
        for topic in self:
            described.setdefault(str(topic.channel), {})[topic.name] = {
                "count": topic.count,
                "delay_s": seconds(delay(getattr(topic.last, "transact_time", 0), topic.last_time, offset)),
                "gaps": topic.gaps,
                "last_gap": described_gap(topic.last_gap),
                "users": topic.users,
                "dropped_by_readers": topic.readers.dropped,
                "readers": topic.readers.describe(),
            }
        return described


def described_gap(gap: Gap | None) -> dict[str, Any] | None:
    """A gap as plain values."""
    if gap is None:
        return None
    return {"from": gap.from_time, "to": gap.to_time, "cause": gap.cause, "repaired": gap.repaired}
