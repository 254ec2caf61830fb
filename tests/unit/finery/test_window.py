"""The window of 25 levels: whoever applies its changes sees what is shown, and never holds more."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venuewire.model.market import SET_ASK, SET_BID, THRU_ASK, THRU_BID, BookSnapshot, BookUpdate, LevelRow
from venuewire.model.market import given as rows_given
from venuewire.venues.finery import translate
from venuewire.venues.finery.acceptor.window import DEPTH, Window

Sides = tuple[dict[int, int], dict[int, int]]


def snapshot(rows: list[LevelRow]) -> BookSnapshot:
    return BookSnapshot(symbol="X", body=b"", read=rows_given(rows), price_scale=8, size_scale=8)


def update(rows: list[LevelRow]) -> BookUpdate:
    return BookUpdate(symbol="X", body=b"", read=rows_given(rows), price_scale=8, size_scale=8)


def naive(sides: Sides, rows: list[LevelRow]) -> None:
    """Absolute sizes on plain dicts."""
    for what, price, size in rows:
        side = sides[what in {SET_ASK, THRU_ASK}]
        if what in {SET_BID, SET_ASK}:
            side[price] = size
            if not size:
                del side[price]
        else:
            for other in [p for p in side if not price or (p > price if what == THRU_BID else p < price)]:
                del side[other]


def shown(sides: Sides) -> list[list[list[int]]]:
    bids, asks = (sorted(side.items(), reverse=n == 0)[:DEPTH] for n, side in enumerate(sides))
    return [[list(level) for level in bids], [list(level) for level in asks]]


PRICES = st.integers(1, 60)
ROW = st.one_of(
    st.tuples(st.sampled_from([SET_BID, SET_ASK]), PRICES, st.integers(0, 3)),
    st.tuples(st.sampled_from([THRU_BID, THRU_ASK]), st.integers(0, 60), st.just(0)),
)


@given(
    start=st.lists(st.tuples(st.sampled_from([SET_BID, SET_ASK]), PRICES, st.integers(1, 3)), max_size=80),
    steps=st.lists(st.lists(ROW, min_size=1, max_size=6), max_size=10),
)
def test_applying_the_changes_gives_what_is_shown(start: list[LevelRow], steps: list[list[LevelRow]]) -> None:
    window = Window(snapshot(start))
    truth: Sides = ({}, {})
    client: Sides = ({}, {})
    naive(truth, start)
    naive(client, translate.snapshot_rows(window.snapshot(), 8, 8))
    for rows in steps:
        before = [dict(side) for side in client]
        window.apply(update(rows))
        naive_safe(truth, rows)
        payload = window.changes()
        if payload is not None:
            for row in translate.update_rows(payload, 8, 8):
                naive_safe(client, [row])
                assert all(len(side) <= DEPTH for side in client)
        assert shown(client) == shown(truth) == json.loads(window.snapshot())
        assert (payload is None) == (before == [dict(side) for side in client])


def naive_safe(sides: Sides, rows: list[LevelRow]) -> None:
    """Deleting what is not there is no news."""
    for what, price, size in rows:
        side = sides[what in {SET_ASK, THRU_ASK}]
        if what in {SET_BID, SET_ASK} and not size and price not in side:
            continue
        naive(sides, [(what, price, size)])


def changes(start: list[LevelRow], rows: list[LevelRow]) -> Any:
    window = Window(snapshot(start))
    window.apply(update(rows))
    payload = window.changes()
    return None if payload is None else json.loads(payload)


LADDER: list[LevelRow] = [(SET_BID, 100 - n, 5) for n in range(30)]


@pytest.mark.parametrize(
    ("rows", "bids"),
    [
        ([(SET_BID, 101, 1)], [["-", 76, 5], ["+", 101, 1]]),
        ([(SET_BID, 90, 7)], [["M", 90, 7]]),
        ([(SET_BID, 90, 0)], [["-", 90, 5], ["+", 75, 5]]),
        ([(SET_BID, 100, 0)], [["-", 100, 5], ["+", 75, 5]]),
        ([(SET_BID, 100, 0), (SET_BID, 99, 0)], [["~", 98, 5], ["+", 75, 5], ["+", 74, 5]]),
        ([(SET_BID, 100, 0), (SET_BID, 99, 2)], [["~", 99, 2], ["+", 75, 5]]),
        ([(THRU_BID, 0, 0)], [["~", 0, 0]]),
    ],
)
def test_what_is_sent_for_a_change(rows: list[LevelRow], bids: list[Any]) -> None:
    assert changes(LADDER, rows) == [bids, []]


def test_a_change_below_the_window_is_not_sent() -> None:
    assert changes(LADDER, [(SET_BID, 74, 9)]) is None


def test_the_book_of_the_documentation_worked_through() -> None:
    """Feed F, one step after the other, with prices in halves."""
    truth: Sides = ({200: 5, 198: 6, 196: 7}, {202: 4, 206: 2})
    steps = [
        (b'[[["+",199,1]],[]]', ({200: 5, 199: 1, 198: 6, 196: 7}, {202: 4, 206: 2})),
        (b'[[["~",198,3]],[["M",202,9]]]', ({198: 3, 196: 7}, {202: 9, 206: 2})),
        (b'[[["-",196,0]],[["~",0,0]]]', ({198: 3}, {})),
    ]
    for payload, after in steps:
        naive_safe(truth, translate.update_rows(payload, 8, 8))
        assert truth == after


def test_instruments_of_other_scales_are_brought_to_the_wires() -> None:
    book = BookSnapshot(symbol="X", body=b"", read=rows_given([(SET_BID, 6400001, 15)]), price_scale=2, size_scale=1)
    assert json.loads(Window(book).snapshot()) == [[[6400001000000, 150000000]], []]
