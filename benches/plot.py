"""Plots as SVG, written by hand: text and marks in middle tones that are read on white and on black alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

INK = FAINT = "#768390"
COLOURS = ("#3b82e6", "#d9730d", "#2f9e63", "#b35bd4", "#768390")
ROW, TEXT = 22, 12
LEFT, RIGHT, TOP, FOOT = 250, 110, 34, 40
WIDTH = 760


@dataclass(frozen=True)
class Dot:
    """One row of a dot plot: values, the first of them filled, and what is said beside them."""

    name: str
    values: tuple[float, ...]
    said: str
    colour: str = COLOURS[4]


def dots(title: str, axis: str, rows: Sequence[Dot]) -> str:
    """Rows of dots on one logarithmic axis."""
    values = [value for row in rows for value in row.values]
    scale = Log(min(values), max(values), LEFT, WIDTH - RIGHT)
    height = TOP + ROW * len(rows) + FOOT
    foot = height - FOOT
    parts = _grid(scale, foot, axis, title)
    for place, row in enumerate(rows):
        y = TOP + ROW * place + ROW // 2
        parts.append(_text(LEFT - 12, y + 4, row.name, anchor="end", bold=row.colour == COLOURS[0]))
        spots = [scale.at(value) for value in row.values]
        parts.append(_line(min(spots), y, max(spots), y, row.colour))
        for number, x in enumerate(spots):
            fill = row.colour if number == 0 else "none"
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="{fill}" stroke="{row.colour}" stroke-width="1.5"/>'
            )
        parts.append(_text(max(spots) + 10, y + 4, row.said))
    return _svg(height, parts)


def lines(title: str, axis: str, series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Lines over a logarithmic axis, from zero up."""
    height, left, right = 330, 60, WIDTH - 130
    foot = height - FOOT
    points = [point for line in series.values() for point in line]
    scale = Log(min(x for x, _ in points), max(x for x, _ in points), left, right)
    top = nice(max(y for _, y in points))

    def up(value: float) -> float:
        return foot - (foot - TOP) * value / top

    parts = [_text(12, 18, title, bold=True)]
    for part in range(5):
        y = up(top * part / 4)
        parts += [_line(left, y, right, y, FAINT), _text(left - 8, y + 4, f"{top * part / 4:g}", anchor="end")]
    for x in sorted({x for x, _ in points}):
        parts.append(_text(scale.at(x), foot + 16, f"{x:,.0f}", anchor="middle"))
    parts.append(_text((left + right) / 2, foot + 34, axis, anchor="middle"))
    labels = _apart({name: up(line[-1][1]) for name, line in series.items()})
    for colour, (name, line) in zip(COLOURS * 3, series.items(), strict=False):
        path = " ".join(f"{scale.at(x):.1f},{up(y):.1f}" for x, y in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{scale.at(x):.1f}" cy="{up(y):.1f}" r="3.5" fill="{colour}"/>' for x, y in line]
        parts.append(_text(right + 10, labels[name] + 4, name, colour=colour, bold=True))
    return _svg(height, parts)


class Log:
    """A logarithmic axis between two places, with a little room at both ends."""

    def __init__(self, least: float, most: float, begin: float, end: float) -> None:
        self.low, self.high = math.log10(least) - 0.08, math.log10(most) + 0.08
        self._begin, self._end = begin, end

    def at(self, value: float) -> float:
        """Where a value stands."""
        return self._begin + (self._end - self._begin) * (math.log10(value) - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Powers of ten; with their halves and doubles where those are few."""
        powers = range(math.floor(self.low), math.ceil(self.high) + 1)
        steps = (1, 2, 5) if len(powers) < 5 else (1,)
        return [step * 10.0**power for power in powers for step in steps if self._has(step * 10.0**power)]

    def _has(self, value: float) -> bool:
        return self.low <= math.log10(value) <= self.high


def nice(value: float) -> float:
    """A round number not below this one."""
    unit = 10.0 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 2, 3, 4, 5, 6, 8, 10) if step * unit >= value)


def _apart(wanted: Mapping[str, float], least: float = 15) -> dict[str, float]:
    """The same places, moved down where labels would lie on each other."""
    found: dict[str, float] = {}
    last = -least
    for name, place in sorted(wanted.items(), key=lambda item: item[1]):
        last = found[name] = max(place, last + least)
    return found


def _grid(scale: Log, foot: float, axis: str, title: str) -> list[str]:
    parts = [_text(12, 18, title, bold=True)]
    for tick in scale.ticks():
        x = scale.at(tick)
        parts += [_line(x, TOP, x, foot, FAINT), _text(x, foot + 16, f"{tick:,.0f}", anchor="middle")]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, foot + 34, axis, anchor="middle"))
    return parts


def _text(x: float, y: float, words: str, *, anchor: str = "start", colour: str = INK, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    faint = ' stroke-opacity="0.3"' if colour == FAINT else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{faint}/>'


def _svg(height: float, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="system-ui, sans-serif" font-size="{TEXT}">'
    )
    return "\n".join([head, *parts, "</svg>\n"])
