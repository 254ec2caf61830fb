"""Ids are never given out twice, whatever the clock does and however a run ends."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.journal.desk import NOW, crashed, opened, order

from venuewire.errors import JournalError, LocalProtocolError
from venuewire.journal import Durability, IdSource, Numbers, id_of, number_of
from venuewire.journal.ids import BLOCK

MICROS = NOW // 1000


class Shelf:
    """A journal that writes at once and forgets everything else; it may come late, or refuse."""

    def __init__(self, reserved: int, *, late: bool = False, full: bool = False) -> None:
        self.reserved = reserved
        self.late, self.full = late, full
        self.waits = 0

    def reserve(self, number: int) -> None:
        if not self.late:
            self.reserved = max(self.reserved, number)

    def reserve_now(self, number: int) -> None:
        if self.full:
            raise JournalError("the disk is full")
        self.waits += 1
        self.reserved = max(self.reserved, number)


def test_ten_million_ids_over_restarts_with_a_clock_that_goes_back_are_ten_million() -> None:
    reserved, last, count = 0, 0, 0
    for run in range(10):
        clock = iter(range(MICROS - run * 3_600_000_000, MICROS * 2))
        numbers = Numbers(clock.__next__)
        numbers.begin_above(reserved)
        shelf = Shelf(numbers.ahead())
        unique = IdSource(shelf, numbers).unique
        for _ in range(1_000_000):
            number = unique()
            if number <= last:
                raise AssertionError(f"{number} after {last}")
            last = number
        count += 1_000_000
        reserved = shelf.reserved
        assert last <= reserved
    assert count == 10_000_000
    assert len(str(last)) <= 18


def test_no_id_is_above_what_is_reserved_on_disk() -> None:
    time = [MICROS]
    shelf = Shelf(MICROS + BLOCK, late=True)
    source = IdSource(shelf, Numbers(lambda: time[0]))
    assert source.unique() == MICROS
    time[0] += 100 * BLOCK  # idle for long: the clock is past the reservation, which is on its way
    assert source.unique() == MICROS + 1
    assert shelf.waits == 0
    shelf.reserved = shelf.reserved + 200 * BLOCK
    assert source.unique() == time[0]


def test_where_nothing_is_left_of_a_reservation_the_next_is_waited_for_or_refused() -> None:
    shelf = Shelf(5, late=True)
    source = IdSource(shelf, Numbers(lambda: MICROS))
    source._numbers.begin_above(5)
    assert source.unique() == 6
    assert shelf.waits == 1
    full = IdSource(Shelf(5, full=True), Numbers(lambda: MICROS))
    full._numbers.begin_above(5)
    with pytest.raises(JournalError):
        full.unique()


def test_two_clients_of_one_process_share_their_numbers(tmp_path: Path) -> None:
    numbers = Numbers(lambda: MICROS)
    with opened(tmp_path / "a", numbers=numbers) as one, opened(tmp_path / "b", numbers=numbers) as other:
        ids = [source.unique() for _ in range(100) for source in (one.ids(), other.ids())]
    assert len(set(ids)) == 200


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(-(10**10), 10**9), st.booleans(), st.integers(1, 5)), min_size=1, max_size=6))
def test_over_any_restarts_crashes_and_clocks_no_id_comes_twice(
    tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[int, bool, int]]
) -> None:
    folder = tmp_path_factory.mktemp("runs", numbered=True)
    path = folder / "0" / "j"
    path.parent.mkdir()
    ids: list[int] = []
    for n, (shift, crash, count) in enumerate(runs, 1):
        time = MICROS + shift
        with opened(path, numbers=Numbers(partial(int, time))) as journal:
            source = journal.ids()
            ids += [source.unique() for _ in range(count)]
            assert ids[-1] <= journal.reserved
            if crash:
                path = crashed(journal, folder / str(n))
    assert all(later > earlier for earlier, later in pairwise(ids))


async def test_after_an_orderly_end_the_next_run_goes_on_where_this_ended(tmp_path: Path) -> None:
    numbers = Numbers(lambda: MICROS)
    with opened(tmp_path / "j", Durability.OFF, numbers=numbers) as journal:
        last = journal.ids().unique()
        await journal.intend(order(str(last)))
    with opened(tmp_path / "j", numbers=Numbers(lambda: MICROS)) as journal:
        assert journal.ids().unique() == last + 1


async def test_a_long_id_of_the_users_own_does_not_push_ours(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        await journal.intend(order("9" * 18))
    with opened(tmp_path / "j") as journal:
        assert journal.ids().unique() < 10**17


@given(st.integers(1, 10**18 - 1))
def test_ids_and_integers_are_the_same_both_ways(number: int) -> None:
    assert number_of(id_of(number)) == number


@pytest.mark.parametrize("text", ["", "0", "012", "1" * 19, "x1", "1.0", "-1", "٣", "²"])
def test_what_is_no_integer_of_a_venue_is_refused(text: str) -> None:
    with pytest.raises(LocalProtocolError):
        number_of(text)
