"""Our end's market data: spots, depth and live bars, who wants them, and how far each subscription has come.

Depth and bars need the spots of their symbol first. A subscription that takes several requests keeps one id, and the
payload type of the answer says which step has been taken.
"""

from __future__ import annotations

from collections.abc import Callable

from venuewire.model.instrument import Instrument
from venuewire.model.market import BookSnapshot, BookUpdate, Quote, given
from venuewire.model.quotes import QuoteTables
from venuewire.model.session import (
    Event,
    RequestRejected,
    Subscribe,
    SubscriptionAccepted,
    SubscriptionRejected,
    Unsubscribe,
)
from venuewire.model.terms import NANOS_PER_MILLI, Channel, Nanos, from_scaled
from venuewire.venue import Seat, Send
from venuewire.venues.ctrader import translate
from venuewire.venues.ctrader.initiator import depth
from venuewire.venues.ctrader.initiator.bars import LiveBars
from venuewire.venues.ctrader.initiator.past import period_of
from venuewire.venues.ctrader.wire import market
from venuewire.venues.ctrader.wire.base import Message
from venuewire.venues.ctrader.wire.table import frame

Out = Event | Send


class _Spot:
    """Prices of one symbol as last told, and who wants to know them."""

    __slots__ = ("ask", "bars", "bid", "on", "symbol", "wanted")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.on = False
        """Has the venue taken the subscription?"""
        self.bid: int | None = None
        self.ask: int | None = None
        self.wanted: set[str] = set()
        """Refs of the quote subscriptions; depth and bars need spots too, but nobody wants to hear of those."""
        self.bars = LiveBars(symbol)


class _Asked:
    """A subscription, or its end, in flight, and how far it has come."""

    __slots__ = ("command", "for_spots", "period", "repeated", "symbol_id")

    def __init__(self, command: Subscribe | Unsubscribe, symbol_id: int) -> None:
        self.command = command
        self.symbol_id = symbol_id
        self.for_spots = False
        """The step in flight is about spots, not depth or bars."""
        self.repeated = False
        """A step was tried again already."""
        self.period = 0
        """Of bars."""


class Feed:
    """Market data on one life of the line."""

    def __init__(self, seat: Seat, ready: list[Event], tables: QuoteTables, account_id: Callable[[], int]) -> None:
        self._seat = seat
        self._ready = ready
        """Answers that need nothing on the wire."""
        self._account_of = account_id
        self._asked: dict[str, _Asked] = {}
        self._spots: dict[int, _Spot] = {}
        self._tables = tables
        """Of the depth books that have come whole."""
        self._awaited: set[int] = set()
        """Symbols whose whole book is to come."""
        self._book_refs: dict[int, set[str]] = {}
        self._depth_on: set[int] = set()
        self._routes: dict[type[Message], Callable[[_Asked], list[Out]]] = {
            market.SubscribeSpotsRes: self._spots_on,
            market.UnsubscribeSpotsRes: self._spots_ended,
            market.SubscribeDepthQuotesRes: self._depth_taken,
            market.UnsubscribeDepthQuotesRes: self._depth_ended,
            market.SubscribeLiveTrendbarRes: self._bars_on,
            market.UnsubscribeLiveTrendbarRes: self._bars_ended,
        }

    @property
    def _account_id(self) -> int:
        return self._account_of()

    def claims(self, ref: str | None) -> bool:
        """Is this a subscription, or its end, in flight?"""
        return ref is not None and ref in self._asked

    def answered(self, message: Message, ref: str | None) -> list[Out]:
        """An answer to a step; what comes next."""
        asked = self._asked.get(ref or "")
        return [] if asked is None else self._routes[type(message)](asked)

    def end(self) -> None:
        """The account's session is over, and with it everything subscribed; who wants what is remembered."""
        for spot in self._spots.values():
            spot.on = False
            spot.bars.on.clear()
        self._depth_on.clear()
        self._awaited.clear()
        self._tables.clear()

    def subscribe(self, command: Subscribe, instrument: Instrument, now: Nanos) -> list[Send]:
        """QUOTES or BOOK."""
        symbol_id = int(instrument.security_id)
        spot = self._spots.setdefault(symbol_id, _Spot(instrument.symbol))
        asked = self._asked[command.ref] = _Asked(command, symbol_id)
        if command.channel is Channel.BOOK:
            self._book_refs.setdefault(symbol_id, set()).add(command.ref)
            # Depth needs spots (the schema's text of NOT_SUBSCRIBED_TO_SPOTS).
            return list(self._ask_depth(asked) if spot.on else self._ask_spots(asked))
        spot.wanted.add(command.ref)
        if not spot.on:
            return list(self._ask_spots(asked))
        del self._asked[command.ref]
        self._ready.append(SubscriptionAccepted(ref=command.ref))
        if spot.bid is not None or spot.ask is not None:
            self._ready.append(self._quote(spot, 0, now))
        return []

    def subscribe_bars(self, command: Subscribe, instrument: Instrument) -> list[Send]:
        """BARS. Raises `LocalProtocolError` for a period the venue has not."""
        period = period_of(command.period)
        symbol_id = int(instrument.security_id)
        spot = self._spots.setdefault(symbol_id, _Spot(instrument.symbol))
        spot.bars.refs.setdefault(period, set()).add(command.ref)
        if spot.on and period in spot.bars.on:
            self._ready.append(SubscriptionAccepted(ref=command.ref))
            return []
        asked = self._asked[command.ref] = _Asked(command, symbol_id)
        asked.period = period
        return list(self._ask_bars(asked) if spot.on else self._ask_spots(asked))

    def _ask_bars(self, asked: _Asked) -> list[Send]:
        asked.for_spots = False
        record = (
            market.SubscribeLiveTrendbarReq
            if isinstance(asked.command, Subscribe)
            else market.UnsubscribeLiveTrendbarReq
        )
        message = record(ctid_trader_account_id=self._account_id, period=asked.period, symbol_id=asked.symbol_id)
        return self._next_step(asked, message)

    def _ask_spots(self, asked: _Asked) -> list[Send]:
        asked.for_spots = True
        return self._next_step(
            asked,
            market.SubscribeSpotsReq(
                ctid_trader_account_id=self._account_id,
                symbol_id=(asked.symbol_id,),
                subscribe_to_spot_timestamp=True,
            ),
        )

    def _ask_depth(self, asked: _Asked) -> list[Send]:
        """A book that is on already is ended first: only a new subscription brings the whole book."""
        asked.for_spots = False
        record = (
            market.UnsubscribeDepthQuotesReq if asked.symbol_id in self._depth_on else market.SubscribeDepthQuotesReq
        )
        return self._next_step(asked, record(ctid_trader_account_id=self._account_id, symbol_id=(asked.symbol_id,)))

    def _next_step(self, asked: _Asked, message: Message) -> list[Send]:
        ref = asked.command.ref
        return [Send(frame(message, ref), ref)]

    def unsubscribe(self, command: Unsubscribe) -> list[Send]:
        """The end of any of them."""
        instrument = self._seat.instruments.get(command.symbol or "")
        if command.channel not in {Channel.BOOK, Channel.QUOTES, Channel.BARS} or instrument is None:
            return self._done_already(command)
        symbol_id = int(instrument.security_id)
        spot = self._spots.get(symbol_id)
        if spot is None:
            return self._done_already(command)
        if command.channel is Channel.BARS:
            return self._unsubscribe_bars(command, spot, symbol_id)
        books = self._book_refs.get(symbol_id, set())
        wanted = books if command.channel is Channel.BOOK else spot.wanted
        wanted.discard(command.subscription)
        if wanted:
            return self._done_already(command)
        asked = self._asked[command.ref] = _Asked(command, symbol_id)
        if command.channel is Channel.BOOK and symbol_id in self._depth_on:
            return list(self._ask_depth(asked))
        return list(self._end_spots(asked)) or self._done_already(command)

    def _unsubscribe_bars(self, command: Unsubscribe, spot: _Spot, symbol_id: int) -> list[Send]:
        period = next((p for p, refs in spot.bars.refs.items() if command.subscription in refs), 0)
        if not period:
            return self._done_already(command)
        if not spot.bars.leave(period, command.subscription):
            return self._done_already(command)
        asked = self._asked[command.ref] = _Asked(command, symbol_id)
        asked.period = period
        return list(self._ask_bars(asked))

    def _done_already(self, command: Unsubscribe) -> list[Send]:
        self._asked.pop(command.ref, None)
        self._ready.append(SubscriptionAccepted(ref=command.ref))
        return []

    def _end_spots(self, asked: _Asked) -> list[Send]:
        """2129, unless somebody still needs the prices."""
        spot = self._spots.get(asked.symbol_id)
        if spot is None or not spot.on or spot.wanted or spot.bars.refs or self._book_refs.get(asked.symbol_id):
            return []
        ids = (asked.symbol_id,)
        return self._next_step(
            asked, market.UnsubscribeSpotsReq(ctid_trader_account_id=self._account_id, symbol_id=ids)
        )

    def refused(self, rejected: RequestRejected, *, is_ended: bool) -> list[Out]:
        """A step was refused; `is_ended`: because the session is over."""
        asked = self._asked[rejected.ref or ""]
        command, code = asked.command, rejected.code
        spot = self._spots[asked.symbol_id]
        if isinstance(command, Subscribe):
            if is_ended:
                # The session asks again, with the same ref, once it is logged on.
                return []
            if code == "ALREADY_SUBSCRIBED" and asked.for_spots:
                return self._spots_on(asked)
            if code == "ALREADY_SUBSCRIBED" and asked.period:
                return self._bars_on(asked)
            if code == "ALREADY_SUBSCRIBED" and not asked.repeated:
                asked.repeated = True
                self._depth_on.add(asked.symbol_id)
                return list(self._ask_depth(asked))
            if code == "NOT_SUBSCRIBED_TO_SPOTS" and not asked.repeated:
                asked.repeated, spot.on = True, False
                return list(self._ask_spots(asked))
            spot.wanted.discard(command.ref)
            if asked.period:
                spot.bars.leave(asked.period, command.ref)
            self._book_refs.get(asked.symbol_id, set()).discard(command.ref)
        del self._asked[command.ref]
        return [SubscriptionRejected(code=code, text=rejected.text, ref=command.ref)]

    # ----------------------------------------------------------------------------------------- subscriptions

    def _accept(self, asked: _Asked) -> list[Out]:
        self._asked.pop(asked.command.ref, None)
        return [SubscriptionAccepted(ref=asked.command.ref)]

    def _spots_on(self, asked: _Asked) -> list[Out]:
        command = asked.command
        self._spots[asked.symbol_id].on = True
        if isinstance(command, Subscribe) and command.channel is Channel.BOOK:
            return list(self._ask_depth(asked))
        if isinstance(command, Subscribe) and command.channel is Channel.BARS:
            return list(self._ask_bars(asked))
        return self._accept(asked)

    def _spots_ended(self, asked: _Asked) -> list[Out]:
        spot = self._spots[asked.symbol_id]
        spot.on, spot.bid, spot.ask = False, None, None
        spot.bars.on.clear()
        return self._accept(asked)

    def _bars_on(self, asked: _Asked) -> list[Out]:
        self._spots[asked.symbol_id].bars.on.add(asked.period)
        return self._accept(asked)

    def _bars_ended(self, asked: _Asked) -> list[Out]:
        return list(self._end_spots(asked)) or self._accept(asked)

    def _depth_taken(self, asked: _Asked) -> list[Out]:
        self._depth_on.add(asked.symbol_id)
        # Unless it was ended before it began.
        if self._book_refs.get(asked.symbol_id):
            self._forget_depth(asked.symbol_id)
            self._awaited.add(asked.symbol_id)
        return self._accept(asked)

    def _depth_ended(self, asked: _Asked) -> list[Out]:
        self._depth_on.discard(asked.symbol_id)
        self._forget_depth(asked.symbol_id)
        if isinstance(asked.command, Subscribe):
            return list(self._ask_depth(asked))
        return list(self._end_spots(asked)) or self._accept(asked)

    def _forget_depth(self, symbol_id: int) -> None:
        self._awaited.discard(symbol_id)
        self._tables.end(depth.name_of(symbol_id))

    def depth_moved(self, message: market.DepthEvent, body: bytes, now: Nanos) -> list[Out]:
        """2155. Late events of a subscription that has ended are nobody's."""
        symbol_id = message.symbol_id
        name, new, gone = depth.name_of(symbol_id), depth.new_quotes(message), message.deleted_quotes
        is_whole = symbol_id in self._awaited
        if is_whole:
            if gone and not message.new_quotes:
                # A whole book deletes nothing: this one is left over from an earlier subscription.
                return []
            self._awaited.discard(symbol_id)
            self._tables.begin(name)
        elif name not in self._tables.by_name:
            return []
        return [
            (BookSnapshot if is_whole else BookUpdate)(
                symbol=self._spots[symbol_id].symbol,
                body=body,
                read=given(self._tables.apply(name, new, gone)),
                price_scale=translate.PRICE_SCALE,
                size_scale=translate.QTY_SCALE,
                recv_time=now,
            )
        ]

    def spot_moved(self, message: market.SpotEvent, now: Nanos) -> list[Out]:
        """2131: an absent side has not changed."""
        spot = self._spots.get(message.symbol_id)
        if spot is None:
            return []
        if message.bid is not None:
            spot.bid = message.bid
        if message.ask is not None:
            spot.ask = message.ask
        # A live bar has no close: it is the bid it comes with.
        told: list[Out] = list(spot.bars.moved(message.trendbar, spot.bid, now)) if message.trendbar else []
        if spot.wanted:
            told.append(self._quote(spot, (message.timestamp or 0) * NANOS_PER_MILLI, now))
        return told

    @staticmethod
    def _quote(spot: _Spot, transact_time: Nanos, now: Nanos) -> Quote:
        return Quote(
            symbol=spot.symbol,
            bid=None if spot.bid is None else from_scaled(spot.bid, translate.PRICE_SCALE),
            ask=None if spot.ask is None else from_scaled(spot.ask, translate.PRICE_SCALE),
            transact_time=transact_time,
            recv_time=now,
        )
