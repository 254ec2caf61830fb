"""Panels on a terminal, sized to its window; a line for each book where the window is too small for panels."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.box import ROUNDED
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from venuewire import views
from venuewire.views import LadderView, Rung, SessionView, Tone, VenueView

STYLES = {Tone.GOOD: "green", Tone.DOUBT: "yellow", Tone.BAD: "bold red", Tone.PLAIN: ""}
BID, ASK, DIM = "green", "red", "dim"
# Rows of a panel that are neither levels nor orders: borders, session, spread, trade, flow, delay.
FIXED_ROWS = 7
MOST_RUNGS = 15
LEAST_WIDTH = 38
MOST_WIDTH = 76
HEADER_ROWS, FOOTER_ROWS = 1, 2
LABEL = 7


class Layout:
    """How so many panels fit a window of this size."""

    def __init__(
        self, panels: int, width: int, height: int, *, rows_of_orders: int = 0, rungs: int = MOST_RUNGS
    ) -> None:
        self.width, self.height = width, height
        self.columns = max(1, min(2, panels, width // LEAST_WIDTH))
        rows = -(-panels // self.columns)
        fixed = FIXED_ROWS + rows_of_orders
        room = (height - HEADER_ROWS - FOOTER_ROWS) // max(1, rows)
        self.rungs = max(0, min(rungs, (room - fixed) // 2))
        self.panel_width = min(MOST_WIDTH, width // self.columns)
        self.panel_height = fixed + 2 * self.rungs
        self.is_roomy = self.rungs > 0 and self.panel_width >= LEAST_WIDTH

    @property
    def inner(self) -> int:
        """Characters between a panel's borders and their padding."""
        return self.panel_width - 4

    @property
    def bar_width(self) -> int:
        """What a level's price and size leave for its bar."""
        return max(4, min(24, self.inner - 26))


def has_room_for_a_screen(console: Console) -> bool:
    """Is this a terminal that can be drawn on?"""
    return console.is_terminal and not console.is_dumb_terminal


class Screen:
    """The whole window, drawn anew at each look; what was on it before comes back at the end."""

    def __init__(self, console: Console, notes: Sequence[str]) -> None:
        self._console = console
        self._notes = notes
        self._live = Live(console=console, screen=True, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def layout(self, panels: int, *, rows_of_orders: int = 0, rungs: int = MOST_RUNGS) -> Layout:
        """As the window is now."""
        width, height = self._console.size
        return Layout(panels, width, height, rows_of_orders=rows_of_orders, rungs=rungs)

    def draw(self, seen: Sequence[VenueView], layout: Layout, header: str) -> None:
        """Draw it."""
        self._live.update(window(seen, layout, header, list(self._notes)), refresh=True)


def window(seen: Sequence[VenueView], layout: Layout, header: str, notes: Sequence[str]) -> RenderableType:
    """Header, panels, footer."""
    body = _grid(seen, layout) if layout.is_roomy else Group(*_compact(seen, layout))
    return Group(_cut(Text(f" {header}", style="bold")), body, *_footer(notes))


def _footer(notes: Sequence[str]) -> list[Text]:
    room = FOOTER_ROWS - 1
    shown = [_cut(Text(f" {note}", style="yellow")) for note in notes[-room:]]
    return [*shown, *[Text("")] * (room - len(shown)), _cut(Text(" Ctrl-C ends", style=DIM))]


def _grid(seen: Sequence[VenueView], layout: Layout) -> Table:
    grid = Table.grid(padding=0)
    for _ in range(layout.columns):
        grid.add_column(width=layout.panel_width)
    panels = [panel(view, layout) for view in seen]
    for first in range(0, len(panels), layout.columns):
        grid.add_row(*panels[first : first + layout.columns])
    return grid


def panel(view: VenueView, layout: Layout) -> Panel:
    """One book, and what goes with it."""
    return Panel(
        Group(*(_cut(line) for line in _lines(view, layout))),
        title=Text.assemble((f"{view.title} ", "bold"), (view.symbol, "bold cyan")),
        title_align="left",
        box=ROUNDED,
        border_style="red" if view.problem else DIM,
        width=layout.panel_width,
        height=layout.panel_height,
    )


def _lines(view: VenueView, layout: Layout) -> list[Text]:
    top = session_line(view.session)
    if view.problem:
        return [top, Text(""), *_wrapped(view.problem, layout.inner)]
    if view.ladder is None:
        return [top, Text(""), Text(view.stage, style=DIM)]
    lines = [top, *ladder_lines(view, view.ladder, layout.rungs), trade_line(view)]
    if view.orders:
        bad = view.orders.unknown or view.orders.rejected
        lines.append(_labelled("orders", Text(str(view.orders), style=STYLES[Tone.BAD] if bad else "")))
    return [*lines, flow_line(view, layout.inner), delay_line(view, layout.inner)]


def session_line(session: SessionView) -> Text:
    """State, lines, and the time to the end of the grant."""
    style = STYLES[session.tone]
    line = Text.assemble(("● ", style), (session.state, style), (f" {session.lines}", DIM))
    if session.ends != views.UNKNOWN:
        line.append("  grant ", DIM).append(session.ends)
    for what, how_often, style in (("renewed", session.renewals, ""), ("dialled again", session.redials, "yellow")):
        if how_often:
            line.append(f"  {what} ", DIM).append(str(how_often), style)
    return line


def ladder_lines(view: VenueView, book: LadderView, rungs: int) -> list[Text]:
    """Asks above, bids below, trust and spread between; always the same number of lines."""
    asks = [rung_line(rung, ASK) for rung in book.asks[:rungs]]
    bids = [rung_line(rung, BID) for rung in book.bids[:rungs]]
    above, below = ([Text("")] * (rungs - len(side)) for side in (asks, bids))
    return [*above, *reversed(asks), _spread_line(view, book), *bids, *below]


def rung_line(rung: Rung, style: str) -> Text:
    """One level: price, size, and how much that is beside its neighbours."""
    return Text.assemble("  ", (rung.price, style), "  ", rung.size, "  ", (rung.bar, f"{style} dim"))


def _spread_line(view: VenueView, book: LadderView) -> Text:
    line = Text(str(view.trust or views.UNKNOWN).ljust(9), style=STYLES[views.trust_tone(view.trust)])
    if view.cause:
        return Text.assemble(line, (f" {view.cause}", "yellow"))
    return Text.assemble(line, (" spread ", DIM), book.spread, (f"  {views.count(view.updates)} updates", DIM))


def trade_line(view: VenueView) -> Text:
    """The last trade."""
    last = view.last
    if last is None:
        return _labelled("trade", Text("none yet" if view.streams_trades else "not streamed here", style=DIM))
    shown = Text(last.price, style=STYLES[last.tone])
    shown.append(f" × {last.size}" if last.size else "", "default")
    shown.append(f" {last.side}" if last.side else "", STYLES[last.tone])
    return _labelled("trade", shown.append(f"  {last.age} ago" if last.age else "", DIM))


def flow_line(view: VenueView, inner: int) -> Text:
    """Messages a second, now and before; how long an order takes to be acknowledged."""
    rate = f"{views.count(view.rate):>5} msg/s "
    ack = Text.assemble(("  ack ", DIM), view.ack) if view.orders else Text()
    spark = views.sparkline(view.rates, min(30, inner - LABEL - len(rate) - len(ack)))
    return _labelled("flow", Text.assemble(rate, (spark, "cyan"), ack))


def delay_line(view: VenueView, inner: int) -> Text:
    """How old news is when it comes; whether it comes later than it could, and waits here: first, if that is so."""
    style = STYLES[Tone.DOUBT] if view.is_behind else ""
    behind = Text.assemble(("lag ", DIM), (view.lag, style), ("  queue ", DIM), (view.queue, style))
    timed = Text("not timed by the venue", style=DIM)
    if view.delay_p50 != views.UNKNOWN:
        timed = Text.assemble(("p50 ", DIM), view.delay_p50, ("  p99 ", DIM), view.delay_p99)
    parts = (behind, timed) if view.is_behind else (timed, behind)
    both = Text("  ").join(parts)
    return _labelled("delay", both if LABEL + len(both) <= inner else parts[0])


def _compact(seen: Sequence[VenueView], layout: Layout) -> list[Text]:
    """A line for each, wrapped if all of them have room that way."""
    lines = [Text(views.progress(view), style=_alarm(view)) for view in seen]
    rows = sum(-(-len(line) // max(1, layout.width - 8)) for line in lines)
    return lines if rows + HEADER_ROWS + FOOTER_ROWS <= layout.height else [_cut(line) for line in lines]


def _alarm(view: VenueView) -> str:
    tone = Tone.BAD if view.problem else view.session.tone
    return "" if tone is Tone.GOOD else STYLES[tone]


def _labelled(label: str, shown: Text) -> Text:
    return Text.assemble((label.ljust(LABEL), DIM), shown)


def _wrapped(text: str, width: int) -> list[Text]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return [Text(line, style="red") for line in lines]


def _cut(line: Text) -> Text:
    line.no_wrap, line.overflow = True, "ellipsis"
    return line
