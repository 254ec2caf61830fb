"""When bars begin and end (sheet, trendbars). Pure.

Up to an hour bars are aligned to the epoch. H4, H12 and D1 are aligned to the trading day, which opens at 17:00 in New
York (21:00 or 22:00 UTC, by the daylight saving of the United States); W1 and MN1 likewise (assumed): a week opens on
Sunday evening, a month with the trading day of its first date. Times here are minutes since the epoch, as the wire has
them. A bar may be shorter or longer than its name where the clocks are changed.
"""

from __future__ import annotations

from datetime import date, timedelta

from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venues.ctrader.wire.words import TrendbarPeriod as P

MINUTE: Nanos = 60 * NANOS_PER_SECOND
_DAY = 24 * 60
_EPOCH = date(1970, 1, 1)

MINUTES: dict[int, int] = {
    P.M1: 1,
    P.M2: 2,
    P.M3: 3,
    P.M4: 4,
    P.M5: 5,
    P.M10: 10,
    P.M15: 15,
    P.M30: 30,
    P.H1: 60,
    P.H4: 240,
    P.H12: 720,
    P.D1: _DAY,
    P.W1: 7 * _DAY,
    P.MN1: 30 * _DAY,
}
"""How long a bar of each period is by its name."""
OF_LENGTH: dict[Nanos, P] = {minutes * MINUTE: P(number) for number, minutes in MINUTES.items()}
"""The venue's period for one of ours."""


def start_of(period: int, minute: int) -> int:
    """When the bar began that this minute belongs to."""
    length = MINUTES[period]
    if length <= 60:
        return minute - minute % length
    day = _trading_date(minute)
    if length < _DAY:
        opened = _opening(day)
        return opened + (minute - opened) // length * length
    return _opening(_first_date(period, day))


def end_of(period: int, start: int) -> int:
    """When the bar ends that began then."""
    length = MINUTES[period]
    if length <= 60:
        return start + length
    day = _trading_date(start)
    if length < _DAY:
        return min(start + length, _opening(day + timedelta(days=1)))
    if period == P.MN1:
        return _opening((day.replace(day=1) + timedelta(days=32)).replace(day=1))
    return _opening(day + timedelta(days=length // _DAY))


def _first_date(period: int, day: date) -> date:
    if period == P.W1:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period == P.MN1 else day


def _trading_date(minute: int) -> date:
    """The date a trading day is called by: that of its end."""
    day = _EPOCH + timedelta(days=minute // _DAY)
    following = day + timedelta(days=1)
    return following if minute >= _opening(following) else day


def _opening(day: date) -> int:
    """When the trading day of this date opens: 17:00 in New York, the evening before."""
    evening = day - timedelta(days=1)
    return (evening - _EPOCH).days * _DAY + (21 if _is_summer(evening) else 22) * 60


def _is_summer(day: date) -> bool:
    """In New York, at 17:00: from the second Sunday of March until the first of November."""
    return _sunday(day.year, 3, 8) <= day < _sunday(day.year, 11, 1)


def _sunday(year: int, month: int, earliest: int) -> date:
    first = date(year, month, earliest)
    return first + timedelta(days=6 - first.weekday())
