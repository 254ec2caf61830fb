"""What is held of each symbol, as well as it can be known at any moment: the venue's word, and what was filled since.

A fill and the venue's word on the position it leads to come one after the other, in either order. For a while after a
fill there are therefore two figures: the word, and the count, which is the word of a quiet time with every fill since.
Which of them is right cannot be told, so each side is judged by the worse. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from venuewire.model.account import Position
from venuewire.model.orders import ExecutionReport
from venuewire.model.terms import NANOS_PER_SECOND, Nanos, Side

QUIET = 5 * NANOS_PER_SECOND
"""After so long without a fill the venue's word holds them all."""
ZERO = Decimal(0)


class Held(Struct, frozen=True, kw_only=True):
    """How much is held of a symbol: at least, and at most; negative is short."""

    low: Decimal = ZERO
    high: Decimal = ZERO
    px: Decimal | None = None
    """What it was last filled at, or what the venue says it was bought or sold at; None: not known."""


class Exposure:
    """The account's positions, by symbol."""

    def __init__(self) -> None:
        self._word: dict[str, dict[str, Decimal]] = {}
        """What the venue said last, by symbol and position."""
        self._count: dict[str, Decimal] = {}
        self._filled_at: dict[str, Nanos] = {}
        self._px: dict[str, Decimal] = {}

    def told(self, position: Position) -> None:
        """The venue's word."""
        symbol = position.symbol
        self._word.setdefault(symbol, {})[position.position_id] = position.qty
        if position.avg_px is not None:
            self._px.setdefault(symbol, position.avg_px)
        if symbol not in self._filled_at:
            self._count[symbol] = self._sum(symbol)

    def told_all(self, positions: Iterable[Position]) -> None:
        """The venue's whole list: what is not on it is not held any more."""
        for kept in self._word.values():
            kept.clear()
        for position in positions:
            self.told(position)

    def filled(self, report: ExecutionReport, now: Nanos) -> None:
        """A fill that is news, with its side; whoever placed the order."""
        if not report.last_qty or report.side is None:
            return
        signed = report.last_qty if report.side is Side.BUY else -report.last_qty
        self._count[report.symbol] = self._count.get(report.symbol, ZERO) + signed
        self._filled_at[report.symbol] = now
        if report.last_px is not None:
            self._px[report.symbol] = report.last_px

    def held(self, symbol: str, now: Nanos) -> Held:
        """As it stands."""
        if symbol in self._word and now - self._filled_at.get(symbol, -QUIET) >= QUIET:
            self._count[symbol] = self._sum(symbol)
        count = self._count.get(symbol, ZERO)
        word = self._sum(symbol) if symbol in self._word else count
        return Held(low=min(word, count), high=max(word, count), px=self._px.get(symbol))

    def all(self, now: Nanos) -> dict[str, Held]:
        """Every symbol of which anything was ever heard."""
        return {symbol: self.held(symbol, now) for symbol in {*self._word, *self._count}}

    def _sum(self, symbol: str) -> Decimal:
        return sum(self._word[symbol].values(), ZERO)


__all__ = ["QUIET", "Exposure", "Held"]
