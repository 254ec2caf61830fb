"""The faults of the table, in words and as the sandbox takes them. Each begins at once and is over after `seconds`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct


class Case(Struct, frozen=True, kw_only=True):
    """One row of the table."""

    name: str
    faults: tuple[Mapping[str, Any], ...]
    """Each without its venue and line, which the trial adds where the kind of fault takes them."""
    seconds: float = 3.0
    """How long the venue is ill."""
    only: frozenset[str] = frozenset()
    """Venues that can suffer it; empty: all."""


CASES: tuple[Case, ...] = (
    *(Case(name=f"close {code}", faults=({"kind": "close", "code": code},)) for code in (1000, 1001, 1011, 1012, 1013)),
    Case(name="cut without a word (1006)", faults=({"kind": "close", "code": 1006},)),
    Case(name="cut in the middle of a frame", faults=({"kind": "cut", "bytes": 20},)),
    Case(name="mute while pings are answered", faults=({"kind": "mute"},), seconds=8),
    Case(name="half-open: takes all, answers nothing", faults=({"kind": "half_open"},), seconds=8),
    Case(name="frames lost, one in ten", faults=({"kind": "drop", "probability": 0.1},), only=frozenset({"coinbase"})),
    Case(
        name="frames doubled, one in ten",
        faults=({"kind": "duplicate", "probability": 0.1},),
        only=frozenset({"coinbase"}),
    ),
    Case(
        name="frames swapped, one in ten", faults=({"kind": "swap", "probability": 0.1},), only=frozenset({"coinbase"})
    ),
    Case(name="numbers skipped", faults=({"kind": "skip", "numbers": 3},), only=frozenset({"coinbase"})),
    Case(
        name="flap: lets in, then drops at once",
        faults=({"kind": "close", "code": 1006}, {"kind": "flap"}),
        seconds=6,
    ),
    Case(
        name="refuses dials with 503",
        faults=({"kind": "close", "code": 1006}, {"kind": "refuse", "status": 503}),
        seconds=5,
    ),
    Case(name="slow network, 10 kB a second", faults=({"kind": "slow", "bytes_per_s": 10_000},), seconds=8),
    Case(name="maintenance", faults=({"kind": "maintenance", "seconds": 4},), seconds=4),
    Case(name="every token revoked", faults=({"kind": "revoke"},)),
    Case(name="every token expired", faults=({"kind": "expire"},)),
)
