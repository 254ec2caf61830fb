"""Which twin serves: the native core, where it was built, or pure Python. Both have one surface and one test suite.

`VENUEWIRE_PURE=1` in the environment forces the pure one.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

from venuewire.book import ladder as pure
from venuewire.model.shape import Shape

# The surface of `_native.c` that this version was written for; a build left over from another is not used.
SURFACE = 1


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

_readers: dict[Shape, Any] = {}


def reader(shape: Shape) -> Any:
    """The `read` of the native reader for bodies of this shape, made once; None without a native core."""
    if native is None:
        return None
    found = _readers.get(shape)
    if found is None:
        found = _readers[shape] = native.Reader(*shape.plan).read
    return found


def core() -> str:
    """For people: which twin serves."""
    return "pure Python" if native is None else "native core"
