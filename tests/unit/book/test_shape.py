"""The native reader of bodies against the venue's own: the same book, or not read at all; never another book.

The venues' shapes and readers are taken as they are, since what matters is that these agree.
"""

from __future__ import annotations

import gc
import json
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from venuewire.book import BookKeeper, OrderBook, twins
from venuewire.errors import BookError, RemoteProtocolError
from venuewire.model.market import SET_ASK, SET_BID, BookSnapshot, BookUpdate, LevelReader, LevelRow
from venuewire.model.shape import Shape
from venuewire.model.terms import EXACT, Trust
from venuewire.venues.alor import books as alor
from venuewire.venues.coinbase import translate as coinbase
from venuewire.venues.coinbase.wire import stream
from venuewire.venues.finery import translate as finery

Sides = tuple[dict[int, int], dict[int, int]]
BEFORE: list[LevelRow] = [(SET_BID, price, 5) for price in range(1, 9)] + [(SET_ASK, 10 + n, 7) for n in range(8)]


@dataclass(frozen=True)
class Case:
    """A venue's reader with its shape."""

    shape: Shape
    read: LevelReader
    price_scale: int
    size_scale: int
    body: Callable[[Iterable[LevelRow]], Any]
    """Rows as a JSON value of the venue's form."""
    whole: bool
    """Its bodies are full books."""


def plain(value: int, scale: int) -> str:
    """With a point, and with all decimals there may be."""
    digits = str(value).rjust(scale + 1, "0")
    return f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits


def coinbase_body(rows: Iterable[LevelRow]) -> list[dict[str, str]]:
    return [
        {
            "side": "bid" if what == SET_BID else "offer",
            "event_time": "2026-09-30T02:39:53.690696Z",
            "price_level": plain(price, 2),
            "new_quantity": plain(size, 8) if size else "0",
        }
        for what, price, size in rows
    ]


class Exact(float):
    """A number that `json` writes as it is told."""

    def __new__(cls, text: str) -> Self:
        self = super().__new__(cls, float(text))
        self.text = text
        return self

    text: str

    def __repr__(self) -> str:
        return self.text


def alor_body(price: str, size: str, bids: str, asks: str) -> Callable[[Iterable[LevelRow]], dict[str, Any]]:
    def body(rows: Iterable[LevelRow]) -> dict[str, Any]:
        sides: dict[int, list[Any]] = {SET_BID: [], SET_ASK: []}
        for what, at, lots in rows:
            sides[what].append({price: Exact(plain(at, 2)), size: lots})
        return {"snapshot": True, bids: sides[SET_BID], asks: sides[SET_ASK], "t": 1_700_000_000_000, "h": False}

    return body


def finery_whole(rows: Iterable[LevelRow]) -> list[Any]:
    rows = list(rows)
    return [[[price, size] for what, price, size in rows if what == side] for side in (SET_BID, SET_ASK)]


def finery_changes(rows: Iterable[LevelRow]) -> list[Any]:
    rows = list(rows)
    words = "+M~"
    return [
        [["-" if not size else words[price % 3], price, size] for what, price, size in rows if what == side]
        for side in (SET_BID, SET_ASK)
    ]


CASES = {
    "coinbase": Case(coinbase.BOOK_SHAPE, coinbase.read_levels, 2, 8, coinbase_body, whole=False),
    "alor slim": Case(
        alor.shape("Slim", 10), alor.level_reader("Slim", 10), 2, 0, alor_body("p", "v", "b", "a"), whole=True
    ),
    "alor simple": Case(
        alor.shape("Simple", 3),
        alor.level_reader("Simple", 3),
        2,
        2,
        alor_body("price", "volume", "bids", "asks"),
        whole=True,
    ),
    "finery": Case(finery.SNAPSHOT_SHAPE, finery.snapshot_rows, 8, 8, finery_whole, whole=True),
    "finery update": Case(finery.UPDATE_SHAPE, finery.update_rows, 8, 8, finery_changes, whole=False),
}
EVERY = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 40), st.integers(0, 10**6)), max_size=20)


def sides_of(book: OrderBook) -> Sides:
    return dict(book.bids.top()), dict(book.asks.top())


def book_of(case: Case) -> OrderBook:
    book = OrderBook("X", case.price_scale, case.size_scale)
    book.replace(BEFORE)
    return book


def by_the_venue(case: Case, body: bytes) -> Sides | None:
    """What the venue's reader makes of a body; None: refused."""
    book = book_of(case)
    try:
        rows = list(case.read(body, case.price_scale, case.size_scale))
        (book.replace if case.whole else book.apply_rows)(rows)
    except (BookError, RemoteProtocolError):
        return None
    return sides_of(book)


def natively(case: Case, body: bytes) -> Sides | None:
    """What the native reader makes of it; None: not read, and the book is as it was."""
    book = book_of(case)
    before = sides_of(book), book.bid, book.ask
    if case.whole:
        read = book.read_whole(case.shape, body, case.price_scale, case.size_scale)
    else:
        read = book.read(case.shape, body)
    if not read:
        assert (sides_of(book), book.bid, book.ask) == before
        return None
    assert book.bid == max(sides_of(book)[0], default=None)
    assert book.ask == min(sides_of(book)[1], default=None)
    return sides_of(book)


def opens(case: Case, body: bytes) -> None:
    """Rows and levels that the native reader makes of a body are those of the venue's reader; or there are none."""
    native = twins.reader(case.shape)
    if native is None:
        return
    rows = native.rows(body, case.price_scale, case.size_scale)
    levels = native.levels(body, case.price_scale, case.size_scale)
    if rows is None or levels is None:
        assert rows is levels, body
        return
    told = list(case.read(body, case.price_scale, case.size_scale))
    assert list(rows) == told, body
    assert [(one.action, one.price.as_tuple(), one.size.as_tuple()) for one in levels] == [
        (what, EXACT.scaleb(price, -case.price_scale).as_tuple(), EXACT.scaleb(size, -case.size_scale).as_tuple())
        for what, price, size in told
    ], body


def is_native() -> bool:
    return twins.native is not None and twins.ladder is twins.native.Ladder


def agrees(case: Case, body: bytes, *, surely: bool = False) -> None:
    """Exact or refused; `surely`: it must be read, where there is a native core."""
    found = natively(case, body)
    if found is not None:
        assert found == by_the_venue(case, body), body
    opens(case, body)
    if surely:
        assert (found is not None) == is_native(), body
        assert by_the_venue(case, body) is not None


@EVERY
@given(rows=ROWS, blank=st.sampled_from(["", " ", "\n\t "]))
def test_bodies_in_the_venues_own_form_are_read(case: Case, rows: list[LevelRow], blank: str) -> None:
    text = json.dumps(case.body(rows), separators=(f"{blank},{blank}", f"{blank}:{blank}"))
    agrees(case, f"{blank}{text}{blank}".encode(), surely=True)


def shuffled(value: Any, rng: random.Random) -> Any:
    """The same with the members of objects in another order, and some more of them."""
    if isinstance(value, dict):
        more = {"n": None, "deep": [{"a": [1, -2.5, "x"], "b": {}}, True, []], "z" * 40: "", "sidE": "offer"}
        members = [(key, shuffled(item, rng)) for key, item in value.items()]
        members += rng.sample(list(more.items()), 2)
        rng.shuffle(members)
        return dict(members)
    return [shuffled(item, rng) for item in value] if isinstance(value, list) else value


@EVERY
@given(rows=ROWS, seed=st.integers(0, 1 << 20))
def test_members_may_come_in_any_order_and_with_others(case: Case, rows: list[LevelRow], seed: int) -> None:
    agrees(case, json.dumps(shuffled(case.body(rows), random.Random(seed))).encode(), surely=True)


def test_what_is_nested_deeper_than_any_venue_nests_is_left_to_the_reader() -> None:
    case = CASES["alor slim"]
    for depth in (10, 40, 10_000):
        agrees(case, b'{"b":[],"x":' + b"[" * depth + b"]" * depth + b',"a":[]}')


@EVERY
def test_a_body_that_is_cut_anywhere_is_not_read(case: Case) -> None:
    body = json.dumps(case.body([(SET_BID, 3, 0), (SET_ASK, 12, 5), (SET_ASK, 13, 10**8)])).encode()
    for end in range(len(body)):
        assert natively(case, body[:end]) is None
        assert natively(case, body[:end] + b"\0") is None
        assert natively(case, body[:end] + b"\0" + body[end:]) is None
    for more in (b"]", b"}", b",", b"1", b"\xef\xbb\xbf", b"\0"):
        assert natively(case, body + more) is None


ODD = [
    "1e2", "1E2", "1e-2", "-1", "-0", "+1", "01", "00", "0", "0.0", ".5", "1.", "1.5", "1.50", "1.500", "1.505", "1_0",
    "0x1", "NaN", "Infinity", "null", "true", "[]", "{}", '"1"', '""', '"1e2"', '" 1"', '"1 "', '"-1"', '"+1"',
    '"1."', '".5"', '"01"', '"0"', '"0.000000001"', '"1.000000000000000000000000"', '"\u0661"', '"\\u0031"', '"bid"',
    "9223372036854775807", "9223372036854775808", "92233720368547758.07", "92233720368547758.08",
    '"92233720368547758.07"', '"92233720368547758.08"', '"92233720368.54775807"', '"92233720368.54775808"',
    "99999999999999999999999999999999999999999", "1" + "0" * 60, "0." + "0" * 60, '"1' + "0" * 60 + '"', '"9" ', "1 2",
    "1/5", '"1/5"', "1:5", '"1:5"', "1..5", '"1..5"', "1.5.5", '"1.5.5"', '"1.\u00e9"', '"1\u00e95"',
]  # fmt: skip


@EVERY
@pytest.mark.parametrize("odd", ODD)
def test_odd_numbers_and_words_are_exact_or_not_read(case: Case, odd: str) -> None:
    body = json.dumps(case.body([(SET_BID, 4, 4444)]))
    parts = [plain(4, case.price_scale), plain(4444, case.size_scale), "4", "4444", '"bid"', '"+"', '"M"']
    for part in parts:
        for old in (part, f'"{part}"'):
            if old in body:
                agrees(case, body.replace(old, odd, 1).encode())


@EVERY
@given(
    price=st.from_regex(r"\A(0|[0-9]{1,19})(\.[0-9]{0,10})?\Z"),
    size=st.from_regex(r"\A(0|[0-9]{1,11})(\.[0-9]{0,20})?\Z"),
    spoilt=st.one_of(st.none(), st.tuples(st.integers(0, 30), st.sampled_from(list('./:0 9"e-\u00e9')))),
)
def test_numbers_of_any_length_are_exact_or_not_read(
    case: Case, price: str, size: str, spoilt: tuple[int, str] | None
) -> None:
    if spoilt is not None:
        at, byte = spoilt
        size = size[:at] + byte + size[at + 1 :]
    body = json.dumps(case.body([(SET_BID, 4, 4444), (SET_BID, 5, 5555), (SET_ASK, 9, 1)]), ensure_ascii=False)
    for old, new in ((4, price), (5, price)):
        body = body.replace(plain(old, case.price_scale), new)
        body = body.replace(plain(old * 1111, case.size_scale), size)
    agrees(case, body.encode())


@EVERY
@given(rows=st.lists(ROWS.filter(bool), min_size=2, max_size=4), seed=st.integers(0, 1 << 20))
def test_rows_need_not_be_spelt_as_the_row_before(case: Case, rows: list[list[LevelRow]], seed: int) -> None:
    """Some alike, then some in another order of members or with another distance, then others again."""
    rng = random.Random(seed)
    spelt: list[Any] = [shuffled(case.body(some), random.Random(rng.randrange(3))) for some in rows]
    blanks = rng.choices(["", " "], k=2)
    texts = [json.dumps(some, separators=(f"{blanks[n % 2]},", f":{blanks[n % 2]}")) for n, some in enumerate(spelt)]
    if isinstance(spelt[0], list) and spelt[0] and isinstance(spelt[0][0], dict):
        texts = ["[" + ",".join(text[1:-1] for text in texts) + "]"]
    for text in texts:
        agrees(case, text.encode(), surely=True)


KEYS = ["side", "price_level", "new_quantity", "p", "v", "b", "a", "price", "volume", "bids", "asks"]


@EVERY
@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_is_missing_doubled_or_escaped_is_exact_or_not_read(case: Case, key: str) -> None:
    body = json.dumps(case.body([(SET_BID, 4, 4444), (SET_ASK, 9, 1)]))
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in key)
    for other in (f'"{key}x":', f'"{key}": 1, "{key}":', f'"{escaped}":', f'"{key}" :', f'"{key}"', f"{key}:", '"":'):
        for count in (1, -1):
            agrees(case, body.replace(f'"{key}":', other, count).encode())


def mutated(body: bytes, rng: random.Random) -> bytes:
    """A few bytes changed, gone, doubled or moved."""
    text = bytearray(body)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(text) + 1)
        match rng.randrange(5):
            case 0 if at < len(text):
                text[at] = rng.choice(b'0123456789.,:"[]{}-+eE \\\x00\xc3\x7fnub~M')
            case 1:
                del text[at : at + rng.randint(1, 4)]
            case 2:
                text[at:at] = rng.choice([b"0", b"9", b" ", b",", b'"', b"e1", b".0", b"[", b"}", b"\\u0030", b"null"])
            case 3:
                text[at:at] = text[at : at + rng.randint(1, 30)]
            case _:
                other = rng.randrange(len(text) + 1)
                text[at:at] = text[other : other + rng.randint(1, 30)]
    return bytes(text)


def fuzz(seed: int, times: int) -> int:
    """Mutated bodies of all venues; how many of them were read."""
    rng = random.Random(seed)
    read = 0
    for n in range(times):
        case = list(CASES.values())[n % len(CASES)]
        rows = [(rng.randrange(2), rng.randint(1, 30), rng.choice([0, 1, 10**8])) for _ in range(rng.randint(0, 4))]
        body = mutated(json.dumps(case.body(rows), separators=(",", ":")).encode(), rng)
        found = natively(case, body)
        read += found is not None
        assert found is None or found == by_the_venue(case, body), body
        opens(case, body)
    return read


def test_mutated_bodies_are_exact_or_not_read() -> None:
    assert fuzz(1, 3_000) > 100 or not is_native()


@pytest.mark.parametrize("ordered", ["best first", "worst first", "in no order"])
def test_a_full_book_may_come_in_any_order_and_its_last_word_counts(ordered: str) -> None:
    case = CASES["finery"]
    rows = [(side, price, price) for side in (SET_BID, SET_ASK) for price in range(1, 2_000)]
    if ordered == "best first":
        rows.sort(key=lambda row: -row[1] if row[0] == SET_BID else row[1])
    elif ordered == "in no order":
        random.Random(1).shuffle(rows)
        rows += [(SET_BID, 7, 0), (SET_ASK, 9, 1), (SET_ASK, 9, 8)]
    agrees(case, json.dumps(case.body(rows)).encode(), surely=True)


def test_the_depth_of_a_book_is_kept() -> None:
    case = CASES["finery"]
    book = OrderBook("X", 8, 8, depth=2)
    body = json.dumps(case.body([(SET_BID, price, 1) for price in range(1, 6)])).encode()
    if book.read_whole(case.shape, body, 8, 8):
        assert sides_of(book) == ({5: 1, 4: 1}, {})
        update = json.dumps([[["+", 6, 1]], [["+", 9, 1], ["+", 8, 1], ["+", 7, 1]]]).encode()
        assert book.read(finery.UPDATE_SHAPE, update)
        assert sides_of(book) == ({6: 1, 5: 1}, {7: 1, 8: 1})
    assert is_native() == bool(len(book))


def test_messages_are_opened_alike_before_and_after_a_book_has_read_one() -> None:
    case = CASES["coinbase"]
    shape = Shape(stream.ReadRow, side=("side", "bid", "offer"), price="price_level", size="new_quantity")
    common: dict[str, Any] = {"symbol": "X", "read": case.read, "shape": shape, "price_scale": 2, "size_scale": 8}
    odd = b'[{"side":"bid","price_level":"1\\u0030","new_quantity":"1"}]'
    messages = [BookUpdate(body=body, **common) for body in (json.dumps(case.body(BEFORE)).encode(), odd)]
    before = [(list(message.rows()), message.levels) for message in messages]
    OrderBook("X", 2, 8).read(shape, messages[0].body)
    assert (shape.native is not None) == is_native()
    assert [(list(message.rows()), message.levels) for message in messages] == before
    with pytest.raises(RemoteProtocolError):
        _ = BookUpdate(body=b"[", **common).levels


def test_books_may_be_read_while_a_message_is_opened() -> None:
    """By what the garbage collector sets going, which the objects made may set going."""
    if twins.native is None:
        pytest.skip("the native core was not built")
    case, other = CASES["coinbase"], CASES["finery"]
    body = json.dumps(case.body((SET_BID, n, 10**8 + n) for n in range(1, 6_000))).encode()
    between = json.dumps(other.body((SET_ASK, n, 5) for n in range(1, 6_000))).encode()
    book, times = OrderBook("X", 8, 8), 0

    def collected(phase: str, _: Mapping[str, int]) -> None:
        nonlocal times
        times += phase == "stop"
        book.read_whole(other.shape, between, 8, 8)

    threshold = gc.get_threshold()
    gc.callbacks.append(collected)
    gc.set_threshold(500)
    try:
        opens(case, body)
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(collected)
    assert times > 2


@EVERY
def test_what_is_no_body_is_not_opened(case: Case) -> None:
    native = twins.reader(case.shape)
    if native is None:
        pytest.skip("the native core was not built")
    for open_ in (native.rows, native.levels):
        assert open_(b"", 2, 8) is None
        assert open_(b"[]", 19, 8) is None
        assert open_(b"[]", 2, -1) is None
        assert open_("[]", 2, 8) is None
        with pytest.raises(TypeError):
            open_(b"[]", 2)
        with pytest.raises(TypeError):
            open_(b"[]", "2", 8)


def test_scales_beyond_what_fits_are_not_read() -> None:
    book = OrderBook("X", 30, 30)
    assert not book.read(coinbase.BOOK_SHAPE, json.dumps(coinbase_body([(SET_BID, 4, 4)])).encode())
    assert not book.read_whole(alor.shape("Slim", 1 << 62), b'{"b":[],"a":[]}', 2, 8)


def test_a_book_that_has_outgrown_64_bits_goes_on_by_the_venues_reader() -> None:
    keeper = BookKeeper("X", 2, 8)
    rows = coinbase_body([(SET_BID, 400, 1), (SET_ASK, 500, 10**20)])
    body = json.dumps(rows).encode()
    common: dict[str, Any] = {
        "symbol": "X", "read": coinbase.read_levels, "shape": coinbase.BOOK_SHAPE, "price_scale": 2, "size_scale": 8,
    }  # fmt: skip
    assert keeper.apply(BookSnapshot(body=body, **common))
    assert sides_of(keeper.book) == ({400: 1}, {500: 10**20})
    assert keeper.apply(BookUpdate(body=json.dumps(coinbase_body([(SET_BID, 400, 0)])).encode(), **common))
    assert (keeper.book.bid, keeper.book.ask) == (None, 500)


@pytest.mark.parametrize("body", [b"", b"[", b'[{"side":"bid"}]', b'[{"side":"bid","price_level":"x"}]', b"\0"])
def test_damage_is_damage_with_a_shape_too(body: bytes) -> None:
    case = CASES["coinbase"]
    keeper = BookKeeper("X", 2, 8)
    common: dict[str, Any] = {
        "symbol": "X", "read": case.read, "shape": case.shape, "price_scale": 2, "size_scale": 8,
    }  # fmt: skip
    assert keeper.apply(BookSnapshot(body=json.dumps(case.body(BEFORE)).encode(), **common))
    assert not keeper.apply(BookUpdate(body=body, **common))
    assert keeper.trust is Trust.SUSPECT


class Row(Struct):
    """One price too many."""

    price: int
    size: int
    more: int


class Lists(Struct):
    """Two lists."""

    bids: list[Row]
    asks: list[Row]


@pytest.mark.parametrize(
    ("row", "sides", "options"),
    [
        (Row, Lists, {}),
        (Row, None, {}),
        (Row, Lists, {"side": ("more", "b", "a")}),
        (Lists, Lists, {"price": "bids", "size": "asks"}),
        (Row, Lists, {"price": "other"}),
    ],
)
def test_a_shape_that_fits_no_record_is_refused(
    row: type[Struct], sides: type[Struct] | None, options: Mapping[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"not|either"):
        Shape(row, sides, **options)


def test_a_plan_that_makes_no_sense_is_refused() -> None:
    if twins.native is None:
        pytest.skip("the native core was not built")
    body, sides, arrays, fields, words = coinbase.BOOK_SHAPE.plan
    wrong: list[tuple[Any, ...]] = [
        (9, sides, arrays, fields, words),
        (body, sides, arrays, fields[:2], words),
        (body, sides, arrays, fields * 2, words),
        (body, sides, arrays, fields, words * 9),
        (body, sides, arrays, fields, (("bid", 7), ("offer", 1))),
        (body, sides, arrays, fields, (("b\"d", 0), ("offer", 1))),
        (body, sides, arrays, (("k" * 99, *fields[0][1:]), *fields[1:]), words),
        (1, ("", "a"), arrays, fields[1:], ()),
    ]  # fmt: skip
    for plan in wrong:
        with pytest.raises(ValueError, match=r"not|too many|means"):
            twins.native.Reader(*plan)
