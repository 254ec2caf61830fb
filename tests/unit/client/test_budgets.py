"""What is shared between lines, clients and processes: dials, and frames the venue counts per address."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.client.toy import SECOND, ToyFar, seated, venue

from venuewire.client.backoff import DialBudget
from venuewire.client.budgets import Budgets, budgets_of, is_local, place
from venuewire.transport.clock import SteppedClock, SystemClock
from venuewire.transport.http import SocketNetwork
from venuewire.transport.window import SharedTimes
from venuewire.venue import Limits, Rate

LIMITS = Limits(dials=Rate(2, SECOND), sends=Rate(3, SECOND), sends_shared=True, fetches=Rate(4, SECOND))


def test_hosts_of_one_domain_are_one_place_and_ports_of_this_machine_are_many() -> None:
    assert place("v", "wss://a.venue.com/x") == place("v", "wss://b.venue.com") == "v@venue.com"
    assert place("v", "ws://127.0.0.1:1") != place("v", "ws://127.0.0.1:2")
    assert place("v", "wss://10.1.2.3:5035") == "v@10.1.2.3:5035"
    assert is_local("ws://localhost:1")
    assert is_local("ws://[::1]:1")
    assert not is_local("wss://localhost.venue.com")


def test_one_place_has_one_budget() -> None:
    budgets, toy = Budgets(), venue(limits=LIMITS)
    assert budgets.dials(toy, "wss://a.toy.test") is budgets.dials(toy, "wss://b.toy.test")
    assert budgets.sends(toy, "wss://a.toy.test") is budgets.sends(toy, "wss://b.toy.test")
    assert budgets.fetches(toy, "https://toy.test") is budgets.fetches(toy, "https://toy.test")
    none = venue(limits=Limits(sends=Rate(3, SECOND)))
    assert budgets.dials(none, "wss://a.toy.test") is None
    assert budgets.sends(none, "wss://a.toy.test") is None  # counted per line


def test_frames_and_requests_that_a_venue_counts_together_have_one_budget() -> None:
    budgets, rate = Budgets(), Rate(100, SECOND)
    together = venue(limits=Limits(sends=rate, sends_shared=True, fetches=rate, counted_together=True))
    assert budgets.sends(together, "wss://a.toy.test") is budgets.fetches(together, "https://b.toy.test")
    apart = venue(limits=Limits(sends=rate, sends_shared=True, fetches=rate))
    assert budgets.sends(apart, "wss://a.toy.test") is not budgets.fetches(apart, "https://b.toy.test")


def test_each_network_in_memory_has_budgets_of_its_own_and_all_sockets_share_theirs() -> None:
    clock = SteppedClock()
    one, other = ToyFar(clock), ToyFar(clock)
    assert budgets_of(one, clock) is budgets_of(one, clock)
    assert budgets_of(one, clock) is not budgets_of(other, clock)
    assert budgets_of(SocketNetwork(), SystemClock()) is budgets_of(SocketNetwork(), SystemClock())


async def test_frames_counted_per_address_are_paced_over_all_lines() -> None:
    limits = Limits(sends=Rate(4, SECOND), sends_shared=True, heartbeat_interval=SECOND // 10)
    async with seated(lines=("ws", "two"), orders_on="two", limits=limits) as table:
        for line in table.far.lines:
            line.heard.clear()
        await table.step(10)
        sent = sum(len(line.heard) for line in table.far.lines)
        assert 30 <= sent <= 44


# ------------------------------------------------------------------ between processes


def test_two_processes_share_one_window(tmp_path: Path) -> None:
    rate = Rate(2, SECOND)
    ours, theirs = (DialBudget(rate, SharedTimes(tmp_path, "v@venue.com")) for _ in range(2))
    times = [budget.take(1000) for _ in range(3) for budget in (ours, theirs)]
    assert all(later - first >= SECOND for first, later in zip(times, times[2:], strict=False))


def test_real_processes_see_each_other(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from venuewire.client.backoff import DialBudget;"
        "from venuewire.transport.window import SharedTimes; from venuewire.venue import Rate;"
        "b = DialBudget(Rate(2, 10**9), SharedTimes(Path(sys.argv[1]), 'v@x'));"
        "print(*[b.take(1000) for _ in range(3)])"
    )
    times = [
        int(word)
        for _ in range(2)
        for word in subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
        ).stdout.split()
    ]
    assert all(later - first >= SECOND for first, later in zip(times, times[2:], strict=False))


@pytest.mark.parametrize("content", [b"", b"[1,", b'{"a":1}', b"[1.5]", b"\xff\xfe", b'["x"]'])
def test_a_file_that_is_not_ours_is_done_without(tmp_path: Path, content: bytes) -> None:
    shared = SharedTimes(tmp_path, "v@x")
    shared.path.write_bytes(content)
    assert DialBudget(Rate(1, SECOND), shared).take(5) == 5
    assert DialBudget(Rate(1, SECOND), shared).take(5) == 5 + SECOND


def test_times_of_long_ago_and_of_another_clock_delay_nobody(tmp_path: Path) -> None:
    shared = SharedTimes(tmp_path, "v@x")
    shared.path.write_text("[1, 2, 999999999999999999]")
    assert DialBudget(Rate(1, SECOND), shared).take(10 * SECOND) == 10 * SECOND


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    budget = DialBudget(Rate(1, SECOND), SharedTimes(tmp_path / "missing", "v@x"))
    assert budget.take(5) == 5
    assert budget.take(5) == 5 + SECOND


def test_a_file_that_somebody_holds_is_not_waited_for(tmp_path: Path) -> None:
    holder = SharedTimes(tmp_path, "v@x")
    with holder.locked() as times:
        assert times == []
        assert DialBudget(Rate(1, SECOND), SharedTimes(tmp_path, "v@x")).take(5) == 5
