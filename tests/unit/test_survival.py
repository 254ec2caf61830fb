"""The judge of the survival table: what counts as a lie, a death, a storm."""

from __future__ import annotations

from benches.survival.verdict import Sample, Top, Truth, What, busiest_second, judge

A, B, C = ("1", "2"), ("2", "3"), ("3", "4")
TRUTHS = [Truth(0, A), Truth(5, B), Truth(10, C)]


def samples(*said: tuple[float, Top | None, bool]) -> list[Sample]:
    return [Sample(*one) for one in said]


def verdict(
    said: list[Sample], dials: list[float] | None = None, ended: float = 8, allowed: int | None = 8
) -> tuple[What, ...]:
    return judge(said, TRUTHS, dials or [], ended=ended, allowed=allowed).what


def test_who_follows_the_market_survives() -> None:
    assert verdict(samples((4, A, True), (9, B, True), (10.5, C, True), (12, C, True))) == (What.SURVIVED,)


def test_an_old_top_handed_out_as_good_is_a_lie_and_one_that_is_marked_is_not() -> None:
    end = ((10.5, C, True), (12, C, True))
    assert verdict(samples((9.5, A, True), *end)) == (What.LIED,)
    assert verdict(samples((9.5, A, False), *end)) == (What.SURVIVED,)


def test_a_top_there_never_was_is_a_lie() -> None:
    assert What.LIED in verdict(samples((6, ("7", "8"), True), (10.5, C, True), (12, C, True)))


def test_who_stands_still_after_all_is_well_has_died() -> None:
    assert What.DIED in verdict(samples((9, B, True), (12, B, True), (20, B, True)))


def test_who_says_that_it_was_refused_has_not_died() -> None:
    said = [Sample(9, B, False), Sample(20, B, False, refused=True)]
    assert verdict(said) == (What.TOLD,)


def test_too_many_dials_in_any_second_are_a_storm() -> None:
    dials = [8.0 + n / 10 for n in range(9)]
    assert busiest_second(dials) == 9
    assert verdict(samples((10.5, C, True), (12, C, True)), dials) == (What.STORMED,)
    assert busiest_second([0.0, 1.5, 3.0]) == 1
