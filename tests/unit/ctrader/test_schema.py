"""The records agree with the published schema: numbers, names, types, what is required, enumerations."""

from __future__ import annotations

import types
from collections.abc import Iterator
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from venuewire.venues.ctrader import translate
from venuewire.venues.ctrader.wire import model, words
from venuewire.venues.ctrader.wire.base import Message
from venuewire.venues.ctrader.wire.table import ANSWERS, REQUESTS, TABLE

ROWS = [
    line.split()
    for line in Path(__file__).with_name("schema.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
ENUMS = [(row[1], dict(entry.split("=") for entry in row[2:])) for row in ROWS if row[0] == "enum"]
MESSAGES = [(int(row[0]), row[1], row[2:]) for row in ROWS if row[0].isdecimal()]
OBJECTS = [(row[1], row[2:]) for row in ROWS if row[0] == "-"]

WORDS: dict[str, type[IntEnum]] = {
    name: kind
    for name, kind in vars(words).items()
    if isinstance(kind, type) and issubclass(kind, IntEnum) and kind is not IntEnum
} | {"ClientPermissionScope": words.Scope}

# Required by the schema and not by us: nothing is thrown away because a field nobody needs is missing.
LAX = {
    "ClosePositionDetail": {"entryPrice", "grossProfit", "swap", "commission", "balance"},
    "Deal": {
        *("orderId", "positionId", "volume", "filledVolume", "symbolId", "createTimestamp", "executionTimestamp"),
        *("tradeSide", "dealStatus"),
    },
    "ExecutionEvent": {"ctidTraderAccountId"},
    "Order": {"tradeData", "orderType", "orderStatus"},
    "OrderErrorEvent": {"ctidTraderAccountId"},
    "Position": {"positionStatus", "swap"},
    "Symbol": {"pipPosition"},
}
# Optional in the schema and required by us.
STRICT = {"CtidTraderAccount": {"isLive"}}


def fields_of(entries: list[str]) -> Iterator[tuple[str, str, str]]:
    """(name, presence, type)"""
    for entry in entries:
        mark = next(sign for sign in "!?*" if sign in entry)
        name, kind = entry.split(mark)
        yield name, mark, kind


def bare(hint: Any) -> Any:
    """A field's type without bounds and without None."""
    if get_origin(hint) is Annotated:
        return bare(get_args(hint)[0])
    if get_origin(hint) in (types.UnionType, Union):
        kinds = {bare(part) for part in get_args(hint)} - {types.NoneType}
        return next(iter(kinds)) if len(kinds) == 1 else kinds
    return hint


def kind_of(hint: Any) -> tuple[bool, Any]:
    """(is a list, type of its items)"""
    found = bare(hint)
    if isinstance(found, set):
        lists: list[Any] = [part for part in found if repr(get_origin(part)) == repr(tuple)]
        # A list that may be given as one number; or an enumeration by number or name.
        return (True, bare(get_args(lists[0])[0])) if lists else (False, "word")
    if get_origin(found) is tuple:
        return True, bare(get_args(found)[0])
    return False, found


def wanted(kind: str) -> set[Any]:
    if kind in {"int32", "int64", "uint32", "uint64"}:
        return {int}
    if kind in WORDS or any(name == kind for name, _ in ENUMS):
        return {int, "word"}
    plain = {"string": str, "double": Decimal, "bool": bool}
    return {plain[kind]} if kind in plain else {getattr(model, kind)}


def check(record: type[Message], name: str, entries: list[str]) -> None:
    hints = get_type_hints(record, include_extras=True)
    ours = {field.encode_name: field for field in msgspec.structs.fields(record)}
    known = list(fields_of(entries))
    assert set(ours) == {field for field, _, _ in known}, name
    for field_name, mark, kind in known:
        field = ours[field_name]
        is_list, found = kind_of(hints[field.name])
        assert found in wanted(kind), (name, field_name, found, kind)
        assert is_list is (mark == "*"), (name, field_name)
        is_lax = field_name in LAX.get(name, ())
        is_strict = field_name in STRICT.get(name, ())
        assert field.required is ((mark == "!") is not is_lax or is_strict), (name, field_name)


@pytest.mark.parametrize(("number", "name", "entries"), MESSAGES, ids=[f"{row[0]}-{row[1]}" for row in MESSAGES])
def test_a_message_is_the_schemas(number: int, name: str, entries: list[str]) -> None:
    record = TABLE.records[number]
    assert record.__name__ in {name, f"Common{name}"}
    check(record, name, entries)


@pytest.mark.parametrize(("name", "entries"), OBJECTS, ids=[name for name, _ in OBJECTS])
def test_an_object_is_the_schemas(name: str, entries: list[str]) -> None:
    check(getattr(model, name), name, entries)


def test_there_is_every_message_and_no_other() -> None:
    assert {number for number, _, _ in MESSAGES} == {*REQUESTS, *ANSWERS} == {50, 51, *range(2100, 2189)}


@pytest.mark.parametrize(
    ("name", "values"),
    [row for row in ENUMS if row[0] != "ErrorCode"],
    ids=lambda row: row if isinstance(row, str) else "",
)
def test_an_enumeration_is_the_schemas(name: str, values: dict[str, str]) -> None:
    prefix = {"OrderStatus": "ORDER_STATUS_", "PositionStatus": "POSITION_STATUS_", "ClientPermissionScope": "SCOPE_"}
    # The schema repeats the name of three of them in each value; none of those is ever written in a request.
    short = {text.removeprefix(prefix.get(name, "")): int(number) for number, text in values.items()}
    assert {member.name: member.value for member in WORDS[name]} == short


def test_every_code_we_know_is_the_schemas_or_was_seen() -> None:
    published = {text for name, values in ENUMS if name == "ErrorCode" for text in values.values()}
    seen = {"POSITION_NOT_FOUND_OR_NOT_OPENED", "ALREADY_CLOSED", "NO_ENOUGH_MONEY_TO_OPEN_POSITION"}
    assert set(translate.REASONS) - seen <= published
    assert set(translate.CODES.values()) <= published
