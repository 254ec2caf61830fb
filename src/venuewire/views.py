"""Rows and figures for people. Pure: from what a client knows to text, the same for every skin.

A skin (commands, screens, pages) asks here what to write and how it stands (`Tone`), and adds only place and colour.
Numbers come from Decimals and are never rounded; what is not known is shown as `–`, never as zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any

from msgspec import Struct

from venuewire.model.market import Level, Trade
from venuewire.model.terms import EXACT, NANOS_PER_MILLI, NANOS_PER_SECOND, Nanos, OrdStatus, Side, Trust

UNKNOWN = "–"
JUST_NOW: Nanos = 2 * NANOS_PER_SECOND
_SPARKS = "▁▂▃▄▅▆▇█"
_BARS = " ▏▎▍▌▋▊▉█"


class Tone(StrEnum):
    """How a thing stands: skins give it a colour, and the words must do without."""

    GOOD = "good"
    DOUBT = "doubt"
    BAD = "bad"
    PLAIN = "plain"


# --------------------------------------------------------------------------- figures


def number(value: Decimal | None, places: int = 0) -> str:
    """Every digit the number has, thousands parted, with at least `places` decimals: `64,000.10`."""
    if value is None:
        return UNKNOWN
    return f"{value:,.{max(places, decimals((value,)))}f}"


def decimals(values: Iterable[Decimal]) -> int:
    """Decimals that the longest of these needs, zeros at the end aside."""
    exponents = (value.normalize(EXACT).as_tuple().exponent for value in values)
    return max((-exponent for exponent in exponents if isinstance(exponent, int) and exponent < 0), default=0)


def column(values: Sequence[Decimal]) -> list[str]:
    """The same numbers with their decimal points under one another."""
    places = decimals(values)
    texts = [number(value, places) for value in values]
    width = max(map(len, texts), default=0)
    return [text.rjust(width) for text in texts]


def duration(seconds: float | None) -> str:
    """How long, as short as can be read: `8.2 s`, `29:41`, `3 h 05 min`, `12 d`."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0:
        return "over"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02}"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86400} d"


def latency(nanos: Nanos | None) -> str:
    """`85 µs`, `0.31 ms`, `12 ms`, `1.20 s`."""
    if nanos is None:
        return UNKNOWN
    if nanos < 100_000:
        return f"{nanos / 1000:.0f} µs"
    if nanos < NANOS_PER_SECOND:
        millis = nanos / NANOS_PER_MILLI
        return f"{millis:.{0 if millis >= 100 else 1 if millis >= 10 else 2}f} ms"
    return f"{nanos / NANOS_PER_SECOND:.2f} s"


def count(value: float) -> str:
    """How many: `7`, `1,234`, `12.3k`."""
    if value < 10_000:
        return f"{round(value):,}"
    return f"{value / 1000:.1f}k" if value < 1_000_000 else f"{value / 1_000_000:.1f}M"


def sparkline(values: Sequence[float], width: int) -> str:
    """The last `width` values as a line of bars under one scale; the newest is at the right."""
    shown = values[-width:] if width > 0 else ()
    most = max(shown, default=0)
    if most <= 0:
        return _SPARKS[0] * len(shown)
    top = len(_SPARKS) - 1
    return "".join(_SPARKS[max(0, min(top, round(value * top / most)))] for value in shown)


def bar(size: Decimal, largest: Decimal, width: int) -> str:
    """A bar of at most `width` characters, in eighths of one; anything above zero can be seen."""
    if size <= 0 or largest <= 0 or width <= 0:
        return ""
    eighths = max(1, min(8 * width, int(size * width * 8 / largest)))
    full, rest = divmod(eighths, 8)
    return _BARS[8] * full + (_BARS[rest] if rest else "")


# --------------------------------------------------------------------------- sessions

_WORST_FIRST = ("REFUSED", "CLOSED", "DIALLING", "LOGGING_ON", "DEGRADED", "RENEWING", "READY")
_DOWN = {"CLOSED", "DIALLING"}
_STATE_TONES = {"REFUSED": Tone.BAD, "READY": Tone.GOOD, "RENEWING": Tone.GOOD}
_TRUST_TONES = {Trust.LIVE: Tone.GOOD, Trust.STALE: Tone.BAD}


class SessionView(Struct, frozen=True, kw_only=True):
    """A client's lines taken together: the worst of their states, the first end of their grants."""

    state: str
    tone: Tone
    lines: str
    """How many lines are logged on, of how many: `2/2`."""
    ends: str
    """Time to the end of the grant; `no end` where it holds as long as the line."""
    renewals: int
    redials: int
    """Dials after the first, of all lines together."""
    logon_ms: float | None
    """Of the slowest line, in its present life."""


def session(health: Mapping[str, Any]) -> SessionView:
    """From `Client.health()`."""
    lines: list[Mapping[str, Any]] = list(health["lines"].values())
    states = [str(line["state"]) for line in lines]
    worst = next((state for state in _WORST_FIRST if state in states), "CLOSED")
    up = sum(state in {"READY", "RENEWING", "DEGRADED"} for state in states)
    was_up = any(line["epoch"] > 1 or line["logon_ms"] is not None for line in lines if line["state"] in _DOWN)
    logons = [line["logon_ms"] for line in lines]
    return SessionView(
        state=("RECONNECTING" if was_up else "CONNECTING") if worst in _DOWN else worst,
        tone=Tone.BAD if worst in _DOWN and was_up else _STATE_TONES.get(worst, Tone.DOUBT),
        lines=f"{up}/{len(lines)}",
        ends=_ends(lines, logged_on=up == len(lines)),
        renewals=sum(line["renewals"] for line in lines),
        redials=sum(max(0, line["epoch"] - 1) for line in lines),
        logon_ms=max(logons) if logons and None not in logons else None,
    )


def _ends(lines: Sequence[Mapping[str, Any]], *, logged_on: bool) -> str:
    ends = [line["grant_seconds_left"] for line in lines if line["grant_seconds_left"] is not None]
    if ends:
        return duration(min(ends))
    return "no end" if logged_on else UNKNOWN


def trust_tone(trust: Trust | None) -> Tone:
    """How a book stands."""
    return Tone.PLAIN if trust is None else _TRUST_TONES.get(trust, Tone.DOUBT)


# --------------------------------------------------------------------------- books


class Rung(Struct, frozen=True):
    """One level of a ladder, aligned with its neighbours."""

    price: str
    size: str
    bar: str


class LadderView(Struct, frozen=True, kw_only=True):
    """Both sides of a book, best price first."""

    bids: tuple[Rung, ...]
    asks: tuple[Rung, ...]
    spread: str


def ladder(bids: Sequence[Level], asks: Sequence[Level], *, places: int = 0, bar_width: int = 12) -> LadderView:
    """From the levels of both sides. `places`: decimals of the instrument's tick."""
    levels = [*bids, *asks]
    places = max(places, decimals(level.price for level in levels))
    prices = [number(level.price, places) for level in levels]
    width = max(map(len, prices), default=0)
    sizes = column([level.size for level in levels])
    largest = max((level.size for level in levels), default=Decimal(0))
    rungs = [
        Rung(price.rjust(width), size, bar(level.size, largest, bar_width))
        for price, size, level in zip(prices, sizes, levels, strict=True)
    ]
    return LadderView(
        bids=tuple(rungs[: len(bids)]),
        asks=tuple(rungs[len(bids) :]),
        spread=number(asks[0].price - bids[0].price, places) if bids and asks else UNKNOWN,
    )


# --------------------------------------------------------------------------- trades


class TradeView(Struct, frozen=True, kw_only=True):
    """The last trade."""

    price: str
    size: str
    side: str
    """Of the aggressor: `▲` bought, `▼` sold, empty where the venue does not say."""
    tone: Tone
    age: str
    """How long ago; empty for a trade of just now."""


def trade(last: Trade | None, now: Nanos, places: int = 0) -> TradeView | None:
    """From the newest public trade, if there has been one."""
    if last is None:
        return None
    marks = {Side.BUY: ("▲", Tone.GOOD), Side.SELL: ("▼", Tone.BAD), None: ("", Tone.PLAIN)}
    mark, tone = marks[last.aggressor_side]
    passed = now - (last.recv_time or last.transact_time)
    return TradeView(
        price=number(last.price, places),
        size=number(last.size),
        side=mark,
        tone=tone,
        age=duration(passed / NANOS_PER_SECOND) if passed >= JUST_NOW else "",
    )


# --------------------------------------------------------------------------- orders


class OrderTally(Struct, frozen=True, kw_only=True):
    """How many of our orders stand where. `unknown` is the number nobody may overlook."""

    working: int = 0
    filled: int = 0
    canceled: int = 0
    rejected: int = 0
    unknown: int = 0

    def __str__(self) -> str:
        parts = [f"{self.filled} filled", f"{self.canceled} canceled"]
        parts += [f"{n} {word}" for n, word in ((self.working, "working"), (self.rejected, "rejected")) if n]
        return ", ".join(parts + ([f"{self.unknown} UNKNOWN"] if self.unknown else []))


_TALLIED = {
    OrdStatus.FILLED: "filled",
    OrdStatus.CANCELED: "canceled",
    OrdStatus.EXPIRED: "canceled",
    OrdStatus.REJECTED: "rejected",
    OrdStatus.OUTCOME_UNKNOWN: "unknown",
}


def tally(statuses: Iterable[OrdStatus]) -> OrderTally:
    """Count orders by where they stand."""
    counts = dict.fromkeys(OrderTally.__struct_fields__, 0)
    for status in statuses:
        counts[_TALLIED.get(status, "working")] += 1
    return OrderTally(**counts)


# --------------------------------------------------------------------------- one venue


class VenueView(Struct, frozen=True, kw_only=True):
    """All a screen shows of one venue."""

    name: str
    title: str
    symbol: str
    stage: str
    """What it is doing, in a word or two."""
    problem: str
    """What went wrong, empty when nothing did."""
    session: SessionView
    trust: Trust | None
    cause: str
    """Why the book is not LIVE."""
    updates: int
    ladder: LadderView | None
    last: TradeView | None
    streams_trades: bool
    """Some venues have no public trades."""
    orders: OrderTally | None
    """None: nothing is traded here."""
    ack: str
    """Place to acknowledgement."""
    delay_p50: str
    """Venue's time of a message to ours on receipt."""
    delay_p99: str
    lag: str
    """How much later the newest update came than the quickest of its line."""
    queue: str
    """Changes that were received and not looked at yet, and how far back the oldest of them is."""
    is_behind: bool
    """One of the two is worth a look."""
    rate: float
    """Messages a second, now."""
    rates: tuple[float, ...]
    """The same over the last while, newest last."""


def progress(view: VenueView) -> str:
    """One plain line."""
    book, last = view.ladder, view.last
    bid = book.bids[0].price.strip() if book and book.bids else UNKNOWN
    ask = book.asks[0].price.strip() if book and book.asks else UNKNOWN
    parts = [
        f"{view.name:<9} {view.session.state:<10}",
        f"grant {view.session.ends:<6}",
        f"{view.symbol} {view.trust or UNKNOWN} {bid} / {ask}",
        f"last {last.price if last else UNKNOWN}",
        f"orders {view.orders}" if view.orders else "",
        f"{count(view.rate)} msg/s",
        f"delay p50 {view.delay_p50} p99 {view.delay_p99}",
        f"lag {view.lag} queue {view.queue}",
        f"ack {view.ack}" if view.orders else "",
        f"PROBLEM {view.problem}" if view.problem else "",
    ]
    return "  ".join(filter(None, parts))


def table(rows: Sequence[Sequence[str]], right: frozenset[int] | set[int] = frozenset()) -> list[str]:
    """Rows with their columns aligned, those of `right` at the right; two blanks between columns."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
