"""When MOEX and SPBX trade, and how the venue calls what they do meanwhile (6.6). For the sandbox; off unless asked.

Hours of Moscow, Monday to Friday; holidays are not known here. They are the exchanges' ordinary ones for shares and
(`FORTS`) derivatives, as we know them; the fact sheet has none.
"""

from __future__ import annotations

from venuewire.model.instrument import Instrument
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venues.alor import terms

TRADING, CLOSED, BREAK, OPENING_AUCTION, CLOSING_AUCTION, CLOSING_PERIOD = 17, 18, 2, 119, 102, 103

WORDS = {
    TRADING: "нормальный период торгов",
    CLOSED: "закрыто",
    BREAK: "перерыв",
    OPENING_AUCTION: "аукцион открытия",
    CLOSING_AUCTION: "аукцион закрытия",
    CLOSING_PERIOD: "период закрытия",
}

_MOSCOW = 3 * 3600
_DAY = 86_400


def _at(hour: int, minute: int) -> int:
    return hour * 3600 + minute * 60


HOURS: dict[str, tuple[tuple[int, int], ...]] = {
    "MOEX": (
        (_at(0, 0), CLOSED),
        (_at(9, 50), OPENING_AUCTION),
        (_at(10, 0), TRADING),
        (_at(18, 40), CLOSING_AUCTION),
        (_at(18, 50), BREAK),
        (_at(19, 5), TRADING),
        (_at(23, 50), CLOSED),
    ),
    "SPBX": ((_at(0, 0), CLOSED), (_at(10, 0), TRADING), (_at(23, 50), CLOSED)),
    "FORTS": (
        (_at(0, 0), CLOSED),
        (_at(8, 50), OPENING_AUCTION),
        (_at(9, 0), TRADING),
        (_at(14, 0), BREAK),
        (_at(14, 5), TRADING),
        (_at(18, 50), BREAK),
        (_at(19, 5), TRADING),
        (_at(23, 50), CLOSED),
    ),
}
"""By market: from when on (seconds of the day in Moscow) which trading status holds."""


def market_of(instrument: Instrument) -> str:
    """Whose hours an instrument has: derivatives are apart from the shares of their exchange."""
    return "FORTS" if terms.is_derivative(instrument) else instrument.security_exchange


def status_at(market: str, now: Nanos) -> int:
    """The trading status now."""
    days, second = divmod(now // NANOS_PER_SECOND + _MOSCOW, _DAY)
    # 1970-01-01 was a Thursday.
    if (days + 3) % 7 >= 5:
        return CLOSED
    return [status for start, status in HOURS.get(market, HOURS["MOEX"]) if start <= second][-1]


def next_change(market: str, now: Nanos) -> Nanos:
    """When it may be another."""
    days, second = divmod(now // NANOS_PER_SECOND + _MOSCOW, _DAY)
    later = [start for start, _ in HOURS.get(market, HOURS["MOEX"]) if start > second]
    return (days * _DAY + (later[0] if later else _DAY) - _MOSCOW) * NANOS_PER_SECOND
