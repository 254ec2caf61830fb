"""The journal: orders asked for, on disk before their first byte leaves, and what came of them."""

from __future__ import annotations

from venuewire.journal.ids import IdSource, Numbers, id_of, number_of
from venuewire.journal.journal import Intent, Journal
from venuewire.journal.recovery import InFlight, OpenOrder, Recovered, seed
from venuewire.journal.salvage import Salvage
from venuewire.journal.writer import Durability

__all__ = [
    "Durability",
    "IdSource",
    "InFlight",
    "Intent",
    "Journal",
    "Numbers",
    "OpenOrder",
    "Recovered",
    "Salvage",
    "id_of",
    "number_of",
    "seed",
]
