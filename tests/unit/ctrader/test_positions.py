"""Positions by id and money, against the figures recorded from a real server."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venuewire.venues.ctrader.positions import PositionBook, Tariff, as_price, commission, plain, rounded

PER_LOT = Tariff(2, 250_000_000, 10_000_000)
FREE = Tariff(2, 0, 100)


@pytest.mark.parametrize(
    ("tariff", "volume", "price", "cents"),
    [
        (PER_LOT, 100_000, "1.12569", -3),  # 1,000 units at 2.5 USD a lot of 100,000
        (PER_LOT, 200_000, "1.12568", -5),
        (Tariff(3, 3_250, 100), 99, "85287.21", -2744),  # 0.99 units at 0.0325 percent
        (Tariff(1, 30 * 10**8, 100), 10_000_000, "1.5", -450),  # 30 USD for each million traded
        (FREE, 100, "21480.5", 0),
    ],
)
def test_commission_of_a_fill(tariff: Tariff, volume: int, price: str, cents: int) -> None:
    assert commission(tariff, volume, Fraction(price)) == cents


def test_half_a_cent_is_rounded_away_from_zero() -> None:
    assert [rounded(Fraction(n, 2)) for n in (-3, -1, 0, 1, 3)] == [-2, -1, 0, 1, 2]


def test_a_position_closed_whole_settles_as_recorded() -> None:
    book = PositionBook(1_476_545_454)
    book.balance_version = 6
    held = book.begin(1, is_buy=True)
    assert not held.is_open
    assert book.add(held, 100_000, Decimal("1.12569"), PER_LOT, 10) == -3
    assert (book.used_margin(held), held.commission, book.balance, book.balance_version) == (1126, -3, 1_476_545_454, 6)
    cost, closing = book.reduce(held, 100_000, Decimal("1.12568"), PER_LOT, 20)
    assert cost == -3
    assert (closing.gross_profit, closing.commission, closing.balance_version) == (-1, -6, 7)
    assert closing.entry_price == Fraction("1.12569")
    assert book.balance == closing.balance == 1_476_545_454 - 1 - 6
    assert (held.volume, held.closed_at, book.used_margin(held), held.commission) == (0, 20, 0, 0)


def test_a_partial_close_keeps_the_price_and_the_rest_of_the_commission() -> None:
    book = PositionBook(0)
    held = book.begin(1, is_buy=True)
    book.add(held, 200_000, Decimal("1.12568"), PER_LOT, 10)
    assert (book.used_margin(held), held.commission) == (2251, -5)
    _, closing = book.reduce(held, 100_000, Decimal("1.12567"), PER_LOT, 20)
    assert closing.commission == -6
    assert (held.commission, book.used_margin(held), held.entry, held.is_open) == (-2, 1126, Fraction("1.12568"), True)


def test_a_short_position_gains_when_prices_fall() -> None:
    book = PositionBook(0)
    held = book.begin(275, is_buy=False)
    book.add(held, 300, Decimal("21480.50"), FREE, 10)
    _, closing = book.reduce(held, 300, Decimal("21470.25"), FREE, 20)
    assert closing.gross_profit == 3075
    assert book.balance == 3075


def test_positions_are_hedged_and_ids_are_never_used_again() -> None:
    book = PositionBook(0)
    first, second = book.begin(1, is_buy=True), book.begin(1, is_buy=False)
    book.add(first, 100_000, Decimal("1.1"), FREE, 1)
    book.add(second, 100_000, Decimal("1.1"), FREE, 1)
    assert book.open_positions() == [first, second]
    book.reduce(first, 100_000, Decimal("1.1"), FREE, 2)
    assert book.begin(1, is_buy=True).position_id == second.position_id + 1
    assert book.open_positions() == [second]


def test_a_shell_that_never_held_anything_closes_with_its_order() -> None:
    book = PositionBook(0)
    shell = book.begin(1, is_buy=True)
    book.abandon(shell, 5)
    assert shell.closed_at == 5
    held = book.begin(1, is_buy=True)
    book.add(held, 100_000, Decimal(1), FREE, 1)
    book.abandon(held, 6)
    assert held.closed_at is None


fills = st.lists(st.tuples(st.integers(1, 50), st.integers(100_000, 130_000)), min_size=1, max_size=8)


@given(opening=fills, closing=fills, is_buy=st.booleans())
def test_no_volume_and_no_cent_is_lost(
    opening: list[tuple[int, int]], closing: list[tuple[int, int]], is_buy: bool
) -> None:
    """However it was opened and closed, what came out is what the prices say, to half a cent a closing fill."""
    book = PositionBook(0)
    held = book.begin(1, is_buy=is_buy)
    for time, (size, price) in enumerate(opening):
        book.add(held, size * 100, Decimal(price).scaleb(-5), FREE, time)
    left, came_in, closes = sum(size for size, _ in opening), Fraction(0), 0
    for size, price in [*closing, (10**6, 115_000)]:
        part = min(size, left)
        if part:
            book.reduce(held, part * 100, Decimal(price).scaleb(-5), FREE, 99)
            came_in += Fraction(part * price, 10**5)
            left, closes = left - part, closes + 1
    assert not held.is_open
    paid = sum(Fraction(size * price, 10**5) for size, price in opening)
    exact = (came_in - paid if is_buy else paid - came_in) * 100
    assert abs(book.balance - exact) <= Fraction(closes, 2)


def test_prices_look_like_the_venues_doubles() -> None:
    assert [str(plain(Decimal(text))) for text in ("1.10000", "85100", "1E+2", "0.5")] == [
        "1.1",
        "85100.0",
        "100.0",
        "0.5",
    ]
    assert as_price(Fraction(1, 3)) == Decimal("0.3333333333")
