"""The same record under other keys: most of ALOR's data travel in three formats that differ in names only (3.6).

A variant is a subclass of the record of the format `Simple`: whoever reads attributes need not know the format.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import GenericAlias
from typing import Any, TypeVar, cast, get_type_hints

import msgspec
from msgspec import UNSET, Struct

RecordT = TypeVar("RecordT", bound=Struct)


def variant(
    base: type[RecordT],
    name: str,
    renamed: Mapping[str, str],
    *,
    without: tuple[str, ...] = (),
    kinds: Mapping[str, Any] | None = None,
) -> type[RecordT]:
    """`base` with these keys; what the format does not have (`without`) is never written.

    `kinds` are types of fields that the format has besides, or has of another type. Fields that `base` already writes
    under a key of its own keep it unless they are renamed here.
    """
    hints = get_type_hints(base, include_extras=True) | dict(kinds or {})
    keys = {field.name: field.encode_name for field in msgspec.structs.fields(base)} | dict(renamed)
    fields: list[Any] = []
    for field in msgspec.structs.fields(base):
        if field.name in without:
            continue
        if field.required:
            fields.append((field.name, hints[field.name]))
        else:
            fields.append((field.name, hints[field.name], field.default))
    known = {field.name for field in msgspec.structs.fields(base)}
    fields += [(field, kind, UNSET) for field, kind in (kinds or {}).items() if field not in known]
    made = msgspec.defstruct(
        name,
        fields,
        bases=(base,),
        module=base.__module__,
        rename={field: key for field, key in keys.items() if field not in without},
        kw_only=True,
        namespace={"__doc__": f"{base.__doc__} In another of the three formats."},
    )
    return cast("type[RecordT]", made)


def listed(record: type[RecordT]) -> type[list[RecordT]]:
    """An array of these."""
    return cast("type[list[RecordT]]", GenericAlias(list, (record,)))
