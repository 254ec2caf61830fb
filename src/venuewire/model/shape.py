"""Where the levels stand in a book message, said with the venue's own records: what a native reader is made from.

A venue's `LevelReader` is the authority on what a body means. Beside it a venue may give a `Shape`, which names the
records of its `wire` that the reader decodes with and which of their fields is which; keys, places and forms are taken
from the records, so they stand in `wire` only. A native reader takes what it is certain of and leaves the rest
(escapes, exponents, integers above 63 bits, damage) to the `LevelReader`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import IntEnum
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Protocol, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Raw, Struct

if TYPE_CHECKING:
    from venuewire.model.market import LevelChange, LevelRow


class Body(IntEnum):
    """What the whole body is."""

    ROWS = 0
    OBJECT_OF_SIDES = 1
    ARRAY_OF_SIDES = 2


class Role(IntEnum):
    """What a field of a row is for."""

    PRICE = 0
    SIZE = 1
    SIDE = 2
    OP = 3


class Form(IntEnum):
    """How a field is written."""

    TEXT = 0
    """A decimal number in a JSON string."""
    NUMBER = 1
    """A decimal JSON number."""
    WHOLE = 2
    """An integer."""
    WORD = 3
    """One of the shape's words."""


class Op(IntEnum):
    """What a word of an `OP` field does to its level."""

    SET = 0
    DELETE = 1
    THRU = 2
    """Delete every better level, then set this one; price 0 empties the side."""


_BIDS, _ASKS = 0, 1

FieldPlan = tuple[str, int, int, int]
"""(key, role, form, lot)."""
Plan = tuple[int, tuple[str, str], bool, tuple[FieldPlan, ...], tuple[tuple[str, int], ...]]
"""What a native reader takes: (body, keys of the sides, rows are arrays, fields, words)."""


class NativeReader(Protocol):
    """Opens a body as the venue's `LevelReader` would; None, where it is not certain, and that one must."""

    def rows(self, body: bytes, price_scale: int, size_scale: int, /) -> tuple[LevelRow, ...] | None:
        """(what, price, size) in the instrument's scales."""

    def levels(self, body: bytes, price_scale: int, size_scale: int, /) -> tuple[LevelChange, ...] | None:
        """The same rows as Decimals."""


class Shape:
    """Made once per venue, beside its `LevelReader`; `plan` is all a native reader needs. Compared by identity.

    Raises `ValueError` when the records and the names do not go together.
    """

    __slots__ = ("native", "plan")

    def __init__(
        self,
        row: type[Struct],
        sides: type[Struct] | None = None,
        *,
        price: str = "price",
        size: str = "size",
        lot: int = 0,
        side: tuple[str, str, str] | None = None,
        op: tuple[str, Mapping[str, Op]] | None = None,
    ) -> None:
        """`row` is the record of one level, of which `price` and `size` name fields.

        `sides`: the record with the two lists of rows, `bids` and `asks`; without it the body is one list of rows
        and `side` says (the field, its word for bids, its word for asks). `lot`: units in one of an integer size; 0:
        integers are in the instrument's scale already. `op`: (the field, its words and what they do); without it
        a row sets its level, and size 0 deletes it.
        """
        roles = {price: Role.PRICE, size: Role.SIZE}
        words: dict[str, int] = {}
        if side is not None:
            field, bid, ask = side
            roles[field] = Role.SIDE
            words = {bid: _BIDS, ask: _ASKS}
        if op is not None:
            field, meanings = op
            roles[field] = Role.OP
            words = {word: int(meaning) for word, meaning in meanings.items()}
        if (side is None) is (sides is None) or (side is not None and op is not None):
            raise ValueError("either the rows or the body say the side, and rows say no more than one word")
        body, keys = _body(sides)
        self.native: NativeReader | None = None
        """Of these bodies, from when a book was first read with it; messages are opened by it, too."""
        self.plan: Plan = (body, keys, _is_array(row), _fields(row, roles, lot), tuple(words.items()))


QuotePlan = tuple[tuple[str, str], tuple[str, str, str, str], tuple[str, ...]]
"""(keys of the lists, keys of a quote's id, size, bid and ask, keys of whole numbers beside the lists)."""


class QuoteShape:
    """The same for a venue that tells its books by quote ids: what a native reader of those is made from.

    Raises `ValueError` when the records and the names do not go together.
    """

    __slots__ = ("plan",)

    def __init__(
        self,
        message: type[Struct],
        quote: type[Struct],
        *,
        new: str,
        gone: str,
        fields: tuple[str, str, str, str] = ("id", "size", "bid", "ask"),
    ) -> None:
        """`message` is the record of a whole body, of which `new` names the list of quotes and `gone` that of ids;
        the rest of it are whole numbers. `quote` is the record of one quote, `fields` its id, its size, and its price,
        which stands in one field for bids and in another for asks; whole numbers in the instrument's scales."""
        keys = {field.name: field.encode_name for field in msgspec.structs.fields(message)}
        of_quote = {field.name: field.encode_name for field in msgspec.structs.fields(quote)}
        others = [name for name in keys if name not in {new, gone}]
        if len(keys) != len(others) + 2 or set(of_quote) != set(fields):
            raise ValueError(f"{message.__name__} and {quote.__name__} are not a list of quotes and one of ids")
        for record, names in ((message, others), (quote, fields)):
            hints = get_type_hints(record, include_extras=True)
            if not all(_is_whole(hints[name]) for name in names):
                raise ValueError(f"a field of {record.__name__} is not a whole number")
        place_id, size, bid, ask = (of_quote[name] for name in fields)
        self.plan: QuotePlan = (
            (keys[new], keys[gone]),
            (place_id, size, bid, ask),
            tuple(keys[name] for name in others),
        )


def _is_whole(hint: Any) -> bool:
    """An integer, or one that may be absent."""
    parts = get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)
    return {_bare(part) for part in parts} - {type(None)} == {int}


def _body(sides: type[Struct] | None) -> tuple[Body, tuple[str, str]]:
    if sides is None:
        return Body.ROWS, ("", "")
    keys = {field.name: field.encode_name for field in msgspec.structs.fields(sides)}
    if _is_array(sides):
        if tuple(keys) != ("bids", "asks"):
            raise ValueError(f"{sides.__name__} is not a list of bids and a list of asks")
        return Body.ARRAY_OF_SIDES, ("", "")
    return Body.OBJECT_OF_SIDES, (keys["bids"], keys["asks"])


def _fields(row: type[Struct], roles: Mapping[str, Role], lot: int) -> tuple[FieldPlan, ...]:
    """Every field of the record has a role: what is not needed does not belong into it."""
    hints = get_type_hints(row, include_extras=True)
    fields = msgspec.structs.fields(row)
    if {field.name for field in fields} != set(roles):
        raise ValueError(f"the fields of {row.__name__} are not {', '.join(sorted(roles))}")
    return tuple(_field(field.encode_name, roles[field.name], hints[field.name], lot) for field in fields)


def _field(key: str, role: Role, hint: Any, lot: int) -> FieldPlan:
    form = Form.WORD if role in {Role.SIDE, Role.OP} else _FORMS.get(_bare(hint))
    if form is None:
        raise ValueError(f"a field for a {role.name} is not a number: {hint}")
    return key, role, form, lot if role is Role.SIZE else 0


_FORMS: Mapping[Any, Form] = {str: Form.TEXT, Raw: Form.NUMBER, Decimal: Form.NUMBER, int: Form.WHOLE}


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _is_array(record: type[Struct]) -> bool:
    return bool(record.__struct_config__.array_like)
