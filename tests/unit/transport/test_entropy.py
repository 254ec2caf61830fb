"""Chance that can be repeated, and numbers that are used once."""

from __future__ import annotations

from venuewire.transport.clock import SteppedClock
from venuewire.transport.entropy import Entropy, SeededEntropy, SystemEntropy


def some(entropy: Entropy) -> tuple[object, ...]:
    return entropy.draw(), entropy.hex(7), entropy.unique(), entropy.unique(), entropy.hex(0)


def test_the_same_seed_gives_the_same_numbers() -> None:
    one, same, other = (some(SeededEntropy(seed, SteppedClock().now)) for seed in (1, 1, 2))
    assert one == same != other


def test_unique_grows_over_clients_and_restarts() -> None:
    first = SystemEntropy().unique()
    assert first < SystemEntropy().unique() < SystemEntropy().unique()
    assert len(str(first)) <= 18


async def test_seeded_numbers_go_with_the_clock() -> None:
    clock = SteppedClock()
    entropy = SeededEntropy(1, clock.now)
    first = entropy.unique()
    assert entropy.unique() == first + 1
    await clock.advance(10**9)
    assert entropy.unique() == first + 10**6


def test_hex_digits_are_as_many_as_asked() -> None:
    for digits in (1, 2, 7, 64):
        for entropy in (SystemEntropy(), SeededEntropy(1, SteppedClock().now)):
            assert len(entropy.hex(digits)) == digits
            int(entropy.hex(digits), 16)
