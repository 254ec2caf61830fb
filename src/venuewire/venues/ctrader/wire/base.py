"""What every record of the wire is made of: integers of the schema, the base record, enumerations of requests."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Int = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
UInt = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Word = Int | str
"""An enumeration in a request: its number or its name (HELP, sending and receiving JSON)."""
Ids = tuple[Int, ...] | Int
"""A list of ids; one number alone is accepted for a list of one."""


class Message(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, dict=True):
    """Base of every record of this venue. Its `__dict__` holds what came with it beyond the schema (`unknown`)."""
