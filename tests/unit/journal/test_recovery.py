"""After a restart the blotter stands where it stood; what was in flight is unknown; what is over can be taken out."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.journal.desk import NOW, Ticks, acknowledged, cancellation, fill, opened, order, replacement, report

from venuewire.errors import LocalProtocolError
from venuewire.journal import Journal, seed
from venuewire.model.orders import CancelReject, ExecutionReport, MassCancel
from venuewire.model.session import Unanswered
from venuewire.model.terms import ExecType, OrdStatus
from venuewire.orders import Blotter, Order
from venuewire.orders.order import snapshot

DAY = 86_400_000_000_000


class Desk:
    """What the client's desk does with blotter and journal, without a venue."""

    def __init__(self, journal: Journal, blotter: Blotter, clock: Ticks) -> None:
        self.journal, self.blotter, self.clock = journal, blotter, clock
        self.intents: list[Any] = []

    async def place(self, cl_ord_id: str) -> None:
        command = order(cl_ord_id)
        self.intents.append(await self.journal.intend(command))
        self.blotter.place(command, self.clock.time)

    async def replace(self, of: str, order_id: str, cl_ord_id: str) -> None:
        self.intents.append(await self.journal.intend(replacement(of, order_id, cl_ord_id)))

    def tell(self, told: ExecutionReport) -> None:
        if self.blotter.apply(told) is not None:
            self.journal.told(told)

    def unanswered(self, n: int, *, sent: bool) -> None:
        intent = self.intents[n % len(self.intents)]
        event = Unanswered(
            ref="r", command=intent.command, cause="cut", sent_time=NOW, epoch=1, sent=sent, recv_time=self.clock.time
        )
        self.blotter.unanswered(intent.command, "cut", self.clock.time, sent=sent)
        self.journal.unanswered(intent, event)


def seeded(journal: Journal) -> tuple[Blotter, list[Order]]:
    blotter = Blotter()
    return blotter, seed(blotter, journal.recover(), NOW)


def everything(blotter: Blotter) -> list[tuple[Any, ...]]:
    """All a user can see, but for the words of a doubt."""
    rows = [(snapshot(each), [each.legs[leg].named for leg in each.legs]) for each in blotter]
    return sorted(rows, key=str)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["place", "ack", "fill", "cum", "replaced", "cancel", "expire", "replace", "unanswered"]),
        st.integers(0, 3),
        st.integers(1, 3),
    ),
    max_size=25,
)


async def live(desk: Desk, steps: list[tuple[str, int, int]]) -> None:
    """A day at the desk; the venue tells what it likes, in any order."""
    for n, (kind, which, qty) in enumerate(steps):
        mine, theirs = str(which), f"v{which}"
        match kind:
            case "place" if desk.blotter.find(mine) is None:
                await desk.place(mine)
            case "ack":
                desk.tell(acknowledged(mine))
            case "fill":
                desk.tell(fill(mine, f"e{qty}", str(qty)))
            case "cum":
                desk.tell(report(ExecType.TRADE, order_id=theirs, cum_qty=str(qty), avg_px="5"))
            case "replaced":
                desk.tell(report(ExecType.REPLACED, order_id=f"w{which}", orig_order_id=theirs, order_qty="7"))
            case "cancel":
                desk.tell(report(ExecType.CANCELED, order_id=theirs, cl_ord_id=mine))
            case "expire":
                desk.tell(report(ExecType.EXPIRED, order_id=f"w{which}"))
            case "replace" if desk.intents:
                await desk.replace(mine, theirs, f"r{n}")
            case "unanswered" if desk.intents:
                desk.unanswered(which, sent=qty > 1)
            case _:
                continue


@given(STEPS)
def test_the_blotter_after_a_restart_is_the_one_before(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    async def run() -> None:
        path = tmp_path_factory.mktemp("again", numbered=True) / "j"
        clock = Ticks()
        before = Blotter()
        with opened(path, clock_now=clock) as journal:
            await live(Desk(journal, before, clock), steps)
        with opened(path) as journal:
            recovered = journal.recover()
        after = Blotter()
        open_ = seed(after, recovered, NOW)
        flying = {getattr(one.command, "cl_ord_id", "") for one in recovered.in_flight}
        # The same, but that what was pending is unknown now: nobody waits for its answer any more.
        for each in before:
            if each.ours and each.status is OrdStatus.PENDING_NEW:
                before.in_doubt(each, "the program ended before the answer came", NOW)
        if not any(name.startswith("r") for name in flying):
            assert everything(after) == everything(before)
        assert not [each for each in after if each.ours and each.status is OrdStatus.PENDING_NEW]
        assert {each.cl_ord_id for each in open_} == {one.cl_ord_id for one in recovered.open}
        assert sum((each.cum_qty for each in after), Decimal(0)) == sum((each.cum_qty for each in before), Decimal(0))

    asyncio.run(run())


async def test_a_fill_told_again_after_the_restart_counts_once(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        await journal.intend(order("1"))
        journal.told(acknowledged("1"))
        journal.told(fill("1", "e1", "2"))
    with opened(tmp_path / "j") as journal:
        blotter, (ours,) = seeded(journal)
    assert blotter.apply(fill("1", "e1", "2", historical=True)) is None
    assert blotter.apply(fill("1", "e2", "3", historical=True)) is not None
    assert ours.cum_qty == 5
    assert [each.exec_id for each in ours.fills] == ["e1", "e2"]


async def test_what_was_in_flight_is_unknown_until_the_venue_is_asked(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        await journal.intend(order("1"))
        await journal.intend(order("2"))
        journal.told(report(ExecType.PENDING_NEW, order_id="v2", cl_ord_id="2"))
    with opened(tmp_path / "j") as journal:
        blotter, ours = seeded(journal)
    assert [(each.cl_ord_id, each.status) for each in ours] == [
        ("1", OrdStatus.OUTCOME_UNKNOWN),
        ("2", OrdStatus.OUTCOME_UNKNOWN),
    ]
    blotter.apply(acknowledged("1"))
    assert ours[0].status is OrdStatus.NEW


async def test_a_replacement_in_flight_is_known_when_the_venue_tells_of_it(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        await journal.intend(order("1"))
        journal.told(acknowledged("1"))
        await journal.intend(replacement("1", "v1", "2"))
    with opened(tmp_path / "j") as journal:
        blotter, (ours,) = seeded(journal)
    blotter.apply(report(ExecType.NEW, order_id="w", cl_ord_id="2"))
    assert len(blotter) == 1
    assert (ours.cl_ord_id, ours.order_id) == ("2", "w")


def test_only_an_empty_blotter_is_seeded(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        recovered = journal.recover()
    blotter = Blotter()
    blotter.apply(acknowledged("1"))
    with pytest.raises(LocalProtocolError, match="empty"):
        seed(blotter, recovered, NOW)


async def test_doubt_is_remembered(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        await journal.intend(order("1"))
        journal.told(acknowledged("1"))
        journal.in_doubt("1", "v1", "not in the list")
    with opened(tmp_path / "j") as journal:
        _, (ours,) = seeded(journal)
    assert (ours.status, ours.text) == (OrdStatus.OUTCOME_UNKNOWN, "not in the list")


# ---------------------------------------------------------------------- pruning


async def old_and_new(journal: Journal) -> None:
    """1 ended long ago, 2 is open since then, 3 ended lately, 4 is in flight since long ago."""
    for name in "124":
        intent = await journal.intend(order(name))
        journal.sent(intent)
    for name in "12":
        journal.told(acknowledged(name))
    journal.answered(await journal.intend(cancellation("1", "v1", "5")))
    journal.told(report(ExecType.CANCELED, order_id="v1", cl_ord_id="1", transact_time=NOW))
    await journal.intend(MassCancel())
    await journal.intend(order("3"))
    journal.told(report(ExecType.CANCELED, order_id="v3", cl_ord_id="3", transact_time=NOW + 2 * DAY))


async def test_pruning_takes_out_what_ended_before(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        await old_and_new(journal)
        assert journal.prune(NOW + DAY) == 1
        assert journal.prune(NOW + DAY) == 0
        await journal.intend(order("6"))
        highest = journal.ids().unique()
    with opened(tmp_path / "j") as journal:
        recovered = journal.recover()
        assert recovered.cl_ord_ids == {"2", "3", "4", "6"}
        assert {one.cl_ord_id: one.status for one in recovered.open} == {
            "2": OrdStatus.NEW,
            "4": OrdStatus.OUTCOME_UNKNOWN,
            "6": OrdStatus.OUTCOME_UNKNOWN,
        }
        # Nobody answered the cancellation of everything: that it is old does not end it.
        assert [type(one.command).__name__ for one in recovered.in_flight] == ["NewOrder", "MassCancel", "NewOrder"]
        assert journal.ids().unique() > highest


async def test_a_pruned_journal_at_opening_recovers_the_rest(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        await old_and_new(journal)
    with opened(tmp_path / "j") as journal:
        journal.prune(NOW + DAY)
        assert {one.cl_ord_id for one in journal.recover().open} == {"2", "4"}


async def test_an_order_whose_replacement_is_in_flight_is_not_pruned(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        await journal.intend(order("1"))
        journal.told(acknowledged("1"))
        await journal.intend(replacement("1", "v1", "2"))
        journal.told(report(ExecType.CANCELED, order_id="v1", cl_ord_id="1", transact_time=NOW))
        assert journal.prune(NOW + DAY) == 0


@settings(max_examples=25)
@given(STEPS, st.integers(0, 3))
def test_pruning_changes_nothing_about_the_orders_that_stay(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]], days: int
) -> None:
    async def run() -> None:
        path = tmp_path_factory.mktemp("pruned", numbered=True) / "j"
        clock = Ticks()
        with opened(path, clock_now=clock) as journal:
            await live(Desk(journal, Blotter(), clock), steps)
        with opened(path) as journal:
            whole, _ = seeded(journal)
        with opened(path) as journal:
            journal.recover()
            pruned = journal.prune(NOW + days * DAY)
        with opened(path) as journal:
            rest, _ = seeded(journal)
        assert len(rest) == len(whole) - pruned
        kept = everything(rest)
        assert [row for row in everything(whole) if row in kept] == kept
        assert not [each for each in whole if not each.is_ended and rest.find(each.cl_ord_id, each.order_id) is None]

    asyncio.run(run())


def test_a_reject_for_an_order_nobody_knows_is_harmless(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        journal.refused(CancelReject(order_id="x", orig_cl_ord_id="y"))
    with opened(tmp_path / "j") as journal:
        assert seeded(journal)[1] == []
