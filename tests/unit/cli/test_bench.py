"""`venuewire bench` and what `benches/` builds on: the walk, the far end's floods, the figures."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from venuewire.cli.bench import far
from venuewire.cli.bench.command import Figures, Results, table
from venuewire.cli.bench.far import FarEnd, Order, Setting
from venuewire.cli.bench.turn import Latency, Manner, Measured, expected, latency, turn
from venuewire.cli.bench.walk import ROWS, Stand, Walk
from venuewire.cli.outcome import JobFailed
from venuewire.model.instrument import Instrument
from venuewire.model.market import SET_ASK, SET_BID
from venuewire.venues import find, names

ROOT = Path(__file__).parents[3]
SHARE = Instrument(
    symbol="X",
    security_id="X",
    base="X",
    currency="USD",
    min_price_increment=Decimal("0.5"),
    min_qty_increment=Decimal(10),
    min_trade_vol=Decimal(10),
)


def walk(seed: int = 1) -> Walk:
    return Walk(SHARE, "6950", levels=120, steps=40, seed=seed)


# ------------------------------------------------------------------ the walk


def test_a_walk_comes_back_to_where_it_began() -> None:
    it = walk()
    assert it.book_after(0) == it.book_after(len(it.steps))
    assert it.book_after(0) != it.book_after(len(it.steps) // 2)


def test_a_walk_is_never_crossed_and_keeps_to_ticks_and_lots() -> None:
    it = walk()
    for count in range(len(it.steps)):
        bids, asks = it.book_after(count)
        assert max(bids) < min(asks)
        assert all(price % 5 == 0 for price in (*bids, *asks))
        assert all(size % 10 == 0 for size in (*bids.values(), *asks.values()))


def test_a_walk_is_the_same_for_the_same_seed_alone() -> None:
    assert walk(1).steps == walk(1).steps
    assert walk(1).steps != walk(2).steps


def test_a_stand_tells_the_book_of_its_steps() -> None:
    stand = Stand(walk())
    for _ in range(7):
        stand.step()
    rows = list(stand.snapshot(None, 1).rows())
    bids, asks = ({price: size for what, price, size in rows if what == side} for side in (SET_BID, SET_ASK))
    assert (bids, asks) == stand.walk.book_after(7)
    assert len(list(stand.snapshot(3, 1).rows())) == 6


# ------------------------------------------------------------------ the far end


async def flooded(end: FarEnd, order: Order, manner: Manner) -> tuple[Measured, dict[str, Any]]:
    """One turn in this process: what each end said. The book is the one that was sent."""
    live = asyncio.Event()

    async def flood() -> dict[str, Any]:
        await live.wait()
        return await end.flood(order)

    async with asyncio.TaskGroup() as tasks:
        flooding = tasks.create_task(flood())
        turning = tasks.create_task(turn(end.ready(), order.venue, order.symbols, order.frames, live.set, manner))
    sent, (measured, books) = flooding.result(), turning.result()
    place = end.places[order.venue]
    stand = place.stands[order.symbols[0]]
    assert sent["at"] == {order.symbols[0]: stand.at}
    assert books[order.symbols[0]] == expected(stand.walk, stand.at, place.venue.capabilities.book_depth)
    assert measured.frames == order.frames
    return measured, sent


@pytest.mark.parametrize("name", names())
async def test_a_client_ends_with_the_book_that_was_flooded(name: str) -> None:
    venue = find(name)
    async with FarEnd(Setting(venues=(name,), levels=60, steps=20)) as end:
        end.pause_flow()
        end.prepare()
        # More than a round, then a second client from where the first one left the market.
        for frames in (110, 30):
            order = Order(venue=name, symbols=(venue.default_symbol,), frames=frames, delay=0)
            await flooded(end, order, Manner())


async def test_a_paced_flood_says_when_each_frame_was_sent() -> None:
    async with FarEnd(Setting(venues=("coinbase",), levels=20, steps=10)) as end:
        end.pause_flow()
        end.prepare()
        order = Order(venue="coinbase", symbols=("BTC-USD",), frames=50, rate=5_000, times=True, delay=0)
        measured, sent = await flooded(end, order, Manner(times=True))
        assert sent["times"] == sorted(sent["times"])
        assert sent["seconds"] >= 49 / 5_000
        assert all(told > at for told, at in zip(measured.times, sent["times"], strict=True))


@pytest.mark.parametrize("how", ["levels", "loop"])
async def test_the_other_manners_see_every_message(how: str) -> None:
    async with FarEnd(Setting(venues=("coinbase",), levels=20, steps=10)) as end:
        end.pause_flow()
        end.prepare()
        order = Order(venue="coinbase", symbols=("BTC-USD",), frames=60, delay=0)
        measured, _ = await flooded(end, order, Manner(how=how))
        assert measured.levels >= ROWS


async def test_a_flood_for_nobody_is_refused() -> None:
    async with FarEnd(Setting(venues=("coinbase",), levels=20, steps=10)) as end:
        with pytest.raises(RuntimeError, match="nobody is connected"):
            await end.flood(Order(venue="coinbase", symbols=("BTC-USD",), frames=1))


def test_a_frame_is_given_the_time_it_is_sent_at() -> None:
    before, now = 1_700_000_000_123_456_789, 1_800_000_000_000_000_001
    frame = b"|".join(form(before) for form in (far._iso_nanos, far._iso_micros, far._millis))
    assert far._redated(frame, before, now) == (
        b"2027-01-15T08:00:00.000000001Z|2027-01-15T08:00:00.000000Z|1800000000000"
    )


# ------------------------------------------------------------------ the figures


def test_latency_shows_a_queue_that_grows() -> None:
    sent = [n * 1_000_000 for n in range(100)]
    steady = latency(1_000, [at + 20_000 for at in sent], sent)
    assert steady == Latency(rate=1_000, reached=1_000, p50=20.0, p90=20.0, first=20.0, last=20.0)
    growing = latency(1_000, [at + 20_000 * (n + 1) for n, at in enumerate(sent)], sent)
    assert growing.last > 5 * growing.first


def test_times_that_do_not_belong_together_are_no_latency() -> None:
    with pytest.raises(JobFailed, match="2 messages told of 3 sent"):
        latency(1, [1, 2], [1, 2, 3])


def test_the_table_has_a_row_for_each_venue_and_a_line_for_the_pace() -> None:
    row = Figures(frames_per_second=200_000, microseconds=5, cpu_microseconds=4, levels=10, frame_bytes=1_243, rounds=2)
    late = Latency(rate=5_000, reached=5_001, p50=20.2, p90=31, first=20, last=21)
    results = Results(machine="a machine", core="native core", flood={"one": row, "two": row}, latency={"one": late})
    lines = table(results)
    assert lines[0] == "a machine; native core"
    assert [line.split()[0] for line in lines[1:4]] == ["flood", "one", "two"]
    assert lines[2].split()[1:] == ["200,000", "5.00", "4.00", "10", "1,243", "0.400", "2"]
    assert "one, at 5,001 frames a second: p50 20 us, p90 31 us" in lines[-1]


def test_the_command_prints_one_object() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "venuewire", "bench", "--venues", "finery", "--seconds", "1", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert set(said) == {"machine", "core", "flood", "latency"}
    assert said["flood"]["finery"]["rounds"] >= 1
    assert said["latency"]["finery"]["p50"] > 0
    assert "latency at 5,000 frames a second" in done.stderr


def test_the_page_and_the_plots_are_those_of_the_results() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benches.page", "--check"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, f"run 'python -m benches.page': {done.stdout}{done.stderr}"
