"""Which twin serves: the native core, where it was built, or pure Python. Both have one surface and one test suite.

`VENUEWIRE_PURE=1` in the environment forces the pure one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from venuewire.book import core as pure_core
from venuewire.book import ladder as pure
from venuewire.book.express import Express, Intake
from venuewire.book.quotes import QuoteExpress
from venuewire.model.market import BookUpdate
from venuewire.model.quotes import QuoteTable
from venuewire.model.shape import Shape
from venuewire.model.terms import Nanos
from venuewire.venue import Express as Plan
from venuewire.venue import QuoteExpress as QuotePlan

# The surface of `_native.c` that this version was written for; a build left over from another is not used.
SURFACE = 4


def _find() -> ModuleType | None:
    if os.environ.get("VENUEWIRE_PURE", "") not in {"", "0"}:
        return None
    try:
        from venuewire.book import _native
    except ImportError:
        return None
    return _native if _native.SURFACE == SURFACE else None


native: ModuleType | None = _find()
"""The native core; None: there is none, or it is not wanted."""

ladder: type[pure.Ladder] = pure.Ladder if native is None else native.Ladder
"""What books are made of; the native class stands behind the same surface."""

quote_table: type[QuoteTable] = QuoteTable if native is None else native.QuoteTable
"""What keeps the quotes of a book that is told by their ids, likewise."""

if TYPE_CHECKING:
    from venuewire.book.core import Core
else:
    Core = pure_core.Core if native is None else native.Core


def reader(shape: Shape) -> Any:
    """The native reader for bodies of this shape, made once and left with it; None without a native core."""
    if native is None:
        return None
    if shape.native is None:
        shape.native = native.Reader(*shape.plan)
    return shape.native


def intake() -> Any:
    """Where a line's frames are counted, when the native express is to count them, too; None: the session's own."""
    return None if native is None else native.Intake()


def express(
    plan: Plan | QuotePlan, intake: Intake, books: Mapping[bytes, Core], *, numbered: bool, max_lag: Nanos
) -> Express | QuoteExpress:
    """The express of one line; native where the intake is."""
    if isinstance(plan, QuotePlan):
        return _quote_express(plan, intake, books, numbered=numbered)
    if native is None or not isinstance(intake, native.Intake):
        return Express(plan, intake, books, numbered=numbered, max_lag=max_lag)
    spelling = plan.spelling
    found: Express = native.Express(
        spelling.parts, spelling.tail, reader(plan.shape), intake, books, numbered, max_lag,
        BookUpdate, plan.read, plan.shape,
    )  # fmt: skip
    return found


def _quote_express(plan: QuotePlan, intake: Intake, books: Mapping[bytes, Core], *, numbered: bool) -> QuoteExpress:
    if native is None or not isinstance(intake, native.Intake):
        return QuoteExpress(plan, intake, books, numbered=numbered)
    spelling, tables = plan.spelling, plan.tables
    found: QuoteExpress = native.QuoteExpress(
        spelling.parts, spelling.tail, tables.shape.plan, intake, books, tables.by_name, numbered, BookUpdate
    )
    return found


def core() -> str:
    """For people: which twin serves."""
    return "pure Python" if native is None else "native core"


__all__ = ["SURFACE", "Core", "core", "express", "intake", "ladder", "native", "quote_table", "reader"]
