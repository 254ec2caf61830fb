"""Candles: periods, the sandbox's tape they are made from, and the wire's candles as ours (3.4, 3.6.2, 5.2)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice

from venuewire.codec import checked
from venuewire.errors import LocalProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.market import Bar, Trade
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venues.alor.past import Past, Slot
from venuewire.venues.alor.wire import candles
from venuewire.venues.alor.wire.frames import Format

_MINUTE = 60
_TRADES_KEPT = 50_000
"""Trades of which candles shorter than a minute, and the open minute, are made."""
_MINUTES_KEPT = 50_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES = {seconds: name for name, seconds in candles.PERIODS.items()}
_LONGEST = 366 * 86_400

# --------------------------------------------------------------------------- periods


def length_of(tf: object) -> int | None:
    """Seconds of a `tf`; None when it is none."""
    if isinstance(tf, str):
        named = candles.PERIODS.get(tf.upper())
        if named is not None:
            return named
        tf = int(tf) if tf.isascii() and tf.isdigit() and len(tf) < 9 else 0
    return tf if isinstance(tf, int) and 0 < tf <= _LONGEST else None


def tf_of(period: Nanos) -> str:
    """The wire's word for a period of ours. Raises `LocalProtocolError` for what is not whole seconds."""
    seconds, rest = divmod(period, NANOS_PER_SECOND)
    if rest or not 0 < seconds <= _LONGEST:
        raise LocalProtocolError("ALOR's candles are a whole number of seconds long, up to a year")
    return _NAMES.get(seconds, str(seconds))


def opened(time: int, length: int) -> int:
    """When the candle opened that a time belongs to. Weeks begin on Monday, months and years by the calendar.

    ASSUMPTION: the venue does not say where candles begin; in UTC is ours.
    """
    if length < candles.PERIODS["W"]:
        return time - time % length
    day = _EPOCH + timedelta(seconds=time - time % 86_400)
    if length == candles.PERIODS["W"]:
        day -= timedelta(days=day.weekday())
    elif length == candles.PERIODS["M"]:
        day = day.replace(day=1)
    elif length == candles.PERIODS["Y"]:
        day = day.replace(month=1, day=1)
    else:
        return time - time % length
    return int((day - _EPOCH).total_seconds())


def merged(slots: Iterable[Slot], length: int) -> Iterator[Slot]:
    """Slots, oldest first, as candles of this length. A time in which nothing was traded has none."""
    current: Slot | None = None
    for slot in slots:
        start = opened(slot.time, length)
        if current is None or start != current.time:
            if current is not None:
                yield current
            current = Slot(start, slot.open, slot.high, slot.low, slot.close, slot.volume)
        else:
            current = Slot(
                start,
                current.open,
                max(current.high, slot.high),
                min(current.low, slot.low),
                slot.close,
                current.volume + slot.volume,
            )
    if current is not None:
        yield current


# --------------------------------------------------------------------------- the sandbox's tape


class Tape:
    """Everything that was traded in one instrument: the past made from the seed, then the sandbox's own trades."""

    def __init__(self, instrument: Instrument, seed: str, began: Nanos, reference: Decimal) -> None:
        self.instrument = instrument
        step = instrument.min_price_increment
        self.past = Past(f"{seed} {instrument.symbol}", began // NANOS_PER_SECOND, int(reference / step))
        self._trades: list[Slot] = []
        self._minutes: list[Slot] = []
        self._last_id = ""

    @property
    def last_id(self) -> str:
        """The newest trade it has."""
        return self._last_id

    def take(self, trade: Trade) -> None:
        """One trade more."""
        self._last_id = trade.trade_id
        time, price = trade.transact_time // NANOS_PER_SECOND, int(trade.price / self.instrument.min_price_increment)
        lots = int(trade.size // self.instrument.round_lot)
        self._trades.append(Slot(time, price, price, price, price, lots))
        minutes, start = self._minutes, time - time % _MINUTE
        if minutes and minutes[-1].time == start:
            last = minutes[-1]
            high, low = max(last.high, price), min(last.low, price)
            minutes[-1] = Slot(start, last.open, high, low, price, last.volume + lots)
        else:
            minutes.append(Slot(start, price, price, price, price, lots))
        if len(self._trades) > 2 * _TRADES_KEPT:
            del self._trades[:_TRADES_KEPT]
        if len(minutes) > 2 * _MINUTES_KEPT:
            del minutes[:_MINUTES_KEPT]

    def bars(self, length: int, start: int, end: int) -> Iterator[Slot]:
        """Candles that opened in [start, end), oldest first."""
        for bar in merged(self._slots(length, opened(start, length)), length):
            if bar.time >= end:
                return
            if bar.time >= start:
                yield bar

    def _slots(self, length: int, start: int) -> Iterator[Slot]:
        yield from self.past.slots(start, self.past.end)
        live = self._minutes if length % _MINUTE == 0 else self._trades
        yield from islice(live, bisect_left(live, start, key=lambda slot: slot.time), None)

    def neighbours(self, length: int, start: int, end: int) -> tuple[int | None, int | None]:
        """Openings of the candle before and the candle after a range; None where there is none."""
        before = None
        reach = length
        while before is None and start > self.past.start:
            before = next(iter(reversed(list(self.bars(length, max(self.past.start, start - reach), start)))), None)
            if start - reach <= self.past.start:
                break
            reach *= 4
        last = self._minutes[-1].time + _MINUTE if self._minutes else self.past.end
        after = next(self.bars(length, end, max(end, last + 1)), None)
        return (before.time if before else None), (after.time if after else None)

    def record(self, form: Format, slot: Slot) -> candles.Candle:
        """A candle as the wire has it."""
        step = self.instrument.min_price_increment
        return candles.CANDLES[form](
            time=slot.time,
            close=slot.close * step,
            open=slot.open * step,
            high=slot.high * step,
            low=slot.low * step,
            volume=Decimal(slot.volume),
        )


# --------------------------------------------------------------------------- ours


def bar_event(record: candles.Candle, instrument: Instrument, period: Nanos, now: Nanos, *, final: bool) -> Bar:
    """A candle of the wire."""
    return Bar(
        symbol=instrument.symbol,
        period=period,
        open_time=record.time * NANOS_PER_SECOND,
        open=checked(record.open),
        high=checked(record.high),
        low=checked(record.low),
        close=checked(record.close),
        volume=checked(record.volume) * instrument.round_lot,
        final=final,
        recv_time=now,
    )


def bar_events(
    records: Sequence[candles.Candle], instrument: Instrument, period: Nanos, now: Nanos, start: Nanos, end: Nanos
) -> tuple[Bar, ...]:
    """Candles of a list that opened in [start, end). All but one that is still open are final."""
    ours = (
        bar_event(record, instrument, period, now, final=record.time * NANOS_PER_SECOND + period <= now)
        for record in records
    )
    return tuple(bar for bar in ours if start <= bar.open_time < end)
