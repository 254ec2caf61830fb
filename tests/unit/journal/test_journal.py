"""What is written is there again, exactly; who waits is told the truth; one writer only."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.journal.desk import (
    NOW,
    acknowledged,
    cancellation,
    crashed,
    fill,
    opened,
    order,
    replacement,
)

from venuewire.errors import JournalError
from venuewire.journal import Durability, Journal
from venuewire.journal.entry import COMMANDS, Entry, decoded, encoded
from venuewire.model import orders as model
from venuewire.model.orders import CancelReject, ExecutionReport, MassCancel, NewOrder
from venuewire.model.session import Secret, Unanswered
from venuewire.model.terms import ExecType, OrdStatus, OrdType, PositionEffect, Side, TimeInForce, TriggerPriceDirection

ALL = list(Durability)


class Novelty(msgspec.Struct, frozen=True):
    """What a later version might note."""

    number: int


numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**20, places=9)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def new_orders() -> st.SearchStrategy[NewOrder]:
    fields: dict[str, st.SearchStrategy[Any]] = {
        name: st.none() | numbers
        for name in (
            *("order_qty", "price", "stop_px", "cash_order_qty", "max_floor", "stop_loss_px", "take_profit_px"),
            *("stop_loss_offset", "take_profit_offset"),
        )
    }
    return st.builds(
        NewOrder,
        symbol=words,
        side=st.sampled_from(Side),
        ord_type=st.sampled_from(OrdType),
        time_in_force=st.none() | st.sampled_from(TimeInForce),
        expire_time=st.none() | st.integers(0, 2**62),
        post_only=st.booleans(),
        trigger_price_direction=st.none() | st.sampled_from(TriggerPriceDirection),
        trailing_stop_loss=st.booleans(),
        position_id=words,
        position_effect=st.none() | st.sampled_from(PositionEffect),
        cl_ord_id=words,
        account=words,
        text=words,
        ref=words,
        **fields,
    )


@given(new_orders())
def test_a_command_comes_back_digit_for_digit(command: NewOrder) -> None:
    back = decoded(Entry(seq=1, time=0, kind="NewOrder", record=encoded(command)))
    assert back == command
    assert repr(back) == repr(command)  # 1.50 is equal to 1.5, and yet another text


def test_what_an_earlier_version_did_not_know_has_its_default() -> None:
    record = b'{"symbol":"S","side":"BUY","ord_type":"LIMIT","order_qty":"1","price":"2","cl_ord_id":"7"}'
    read = decoded(Entry(seq=1, time=0, kind="NewOrder", record=record))
    assert read == NewOrder(
        symbol="S", side=Side.BUY, ord_type=OrdType.LIMIT, order_qty=1, price=2, cl_ord_id="7"
    )  # fmt: skip


def test_every_field_of_every_command_is_written_and_none_of_them_can_hold_a_secret() -> None:
    for kind in COMMANDS:
        assert "Secret" not in str([field.type for field in msgspec.structs.fields(kind)])
    with pytest.raises(TypeError):
        encoded(Secret("x"))  # type: ignore[arg-type]  # even by mistake
    for command in (replacement("1", "v1", "2"), cancellation("1", "v1", "3"), MassCancel(symbol="S", ref="r")):
        assert decoded(Entry(seq=1, time=0, kind=type(command).__name__, record=encoded(command))) == command
    assert {kind.__name__ for kind in COMMANDS} == {
        name for name in vars(model) if name.endswith("Order") or name == "MassCancel"
    }


@pytest.mark.parametrize("durability", ALL)
async def test_what_was_asked_and_told_is_there_after_a_restart(tmp_path: Path, durability: Durability) -> None:
    with opened(tmp_path / "j", durability) as journal:
        first = await journal.intend(order("1"), line="trade", epoch=3)
        journal.sent(first)
        journal.told(acknowledged("1"))
        journal.told(fill("1", "e1", "0.10"))
        await journal.intend(order("2"), line="trade", epoch=3)
    with opened(tmp_path / "j", durability) as journal:
        recovered = journal.recover()
    assert [type(step.what).__name__ for step in recovered.steps] == [
        *("NewOrder", "Sent", "ExecutionReport", "ExecutionReport", "NewOrder")
    ]
    assert [step.what for step in recovered.steps[2:4]] == [acknowledged("1"), fill("1", "e1", "0.10")]
    assert [(one.command, one.line, one.epoch, one.sent) for one in recovered.in_flight] == [
        (order("2"), "trade", 3, False)
    ]
    assert recovered.cl_ord_ids == {"1", "2"}
    assert recovered.exec_ids == {"e1"}
    assert recovered.clean
    ours = {one.cl_ord_id: one for one in recovered.open}
    assert ours["1"].command == order("1")
    assert (ours["1"].status, ours["1"].order_id) == (OrdStatus.PARTIALLY_FILLED, "v1")
    assert [str(each.qty) for each in ours["1"].fills] == ["0.10"]
    assert ours["2"].status is OrdStatus.OUTCOME_UNKNOWN


@pytest.mark.parametrize("durability", [Durability.FULL, Durability.OS])
async def test_what_was_waited_for_is_on_disk_at_that_moment(tmp_path: Path, durability: Durability) -> None:
    with opened(tmp_path / "j", durability) as journal:
        for n in range(5):
            await journal.intend(order(str(n)))
            with opened(crashed(journal, tmp_path / f"copy{n}"), durability) as copy:
                assert copy.recover().cl_ord_ids == {str(each) for each in range(n + 1)}


@pytest.mark.parametrize("durability", [Durability.FULL, Durability.OS])
async def test_a_burst_costs_one_sync_and_keeps_its_order(tmp_path: Path, durability: Durability) -> None:
    with opened(tmp_path / "j", durability) as journal:
        before = journal.commits
        await asyncio.gather(*(journal.intend(order(str(n))) for n in range(100)))
        assert journal.commits - before <= 2
    with opened(tmp_path / "j") as journal:
        assert [step.cl_ord_id for step in journal.recover().steps] == [str(n) for n in range(100)]


@pytest.mark.parametrize("durability", ALL)
async def test_after_a_flush_everything_is_there_whoever_was_writing_it(tmp_path: Path, durability: Durability) -> None:
    with opened(tmp_path / "j", durability) as journal:
        for n in range(10):
            tasks = [asyncio.create_task(journal.intend(order(f"{n}-{k}"))) for k in range(20)]
            for _ in range(n):
                await asyncio.sleep(0)
            journal.told(acknowledged(str(n)))
            journal.flush()
            with opened(crashed(journal, tmp_path / f"copy{n}")) as copy:
                assert len(copy.recover().cl_ord_ids) >= (20 * (n + 1) if n else 0)
            await asyncio.gather(*tasks)


async def test_what_a_newer_version_wrote_is_told_and_leaves_nothing_held(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        journal._note(Novelty(1))
        journal.flush()
    with (
        opened(tmp_path / "j") as journal,
        pytest.raises(JournalError, match="Novelty, which this version does not know"),
    ):
        journal.recover()
    opened(tmp_path / "j").close()


async def test_the_log_is_written_back_when_there_is_time(tmp_path: Path) -> None:
    for durability in ALL:
        with opened(tmp_path / durability.value, durability) as journal:
            for n in range(1200):
                await journal.intend(order(str(n)))
            journal.flush()
            async with asyncio.timeout(30):
                while journal._store.due:  # noqa: ASYNC110  # a thread does it, and tells nobody
                    await asyncio.sleep(0)
            await journal.intend(order("last"))
            log = tmp_path / f"{durability.value}-wal"
            assert log.stat().st_size < 1200 * 4096
        with opened(tmp_path / durability.value) as journal:
            assert len(journal.recover().cl_ord_ids) == 1201


async def test_off_waits_for_nothing_and_is_written_behind(tmp_path: Path) -> None:
    with opened(tmp_path / "j", Durability.OFF) as journal:
        coroutine = journal.intend(order("1"))
        with pytest.raises(StopIteration):
            coroutine.send(None)  # it never asks the loop to come back later
        journal.flush()
        with opened(crashed(journal, tmp_path / "copy")) as copy:
            assert copy.recover().cl_ord_ids == {"1"}


async def test_a_caller_that_is_cancelled_has_not_sent_it(tmp_path: Path) -> None:
    with opened(tmp_path / "j", Durability.FULL) as journal:
        task = asyncio.create_task(journal.intend(order("1")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    with opened(tmp_path / "j") as journal:
        recovered = journal.recover()
    assert not recovered.in_flight
    assert not recovered.open


async def test_commands_end_being_in_flight_by_evidence_only(tmp_path: Path) -> None:
    lost = Unanswered(ref="r", command=order("1"), cause="no answer within 5 s", sent_time=NOW, epoch=2, sent=True)
    kept_back = Unanswered(ref="r", command=order("2"), cause="line cut", sent_time=0, epoch=2, sent=False)
    with opened(tmp_path / "j") as journal:
        journal.unanswered(await journal.intend(order("1")), lost)
        journal.unanswered(await journal.intend(order("2")), kept_back)
        journal.never_sent(await journal.intend(order("3")), "not logged on")
        await journal.intend(order("4"))
        journal.told(acknowledged("4"))
        journal.answered(await journal.intend(cancellation("4", "v4", "5")))
        await journal.intend(replacement("4", "v4", "6"))
        journal.refused(CancelReject(order_id="v4", orig_cl_ord_id="4", cl_ord_id="6"))
        await journal.intend(cancellation("4", "v4", "7"))
        journal.sent(await journal.intend(MassCancel()))
    with opened(tmp_path / "j") as journal:
        recovered = journal.recover()
    flights = {getattr(one.command, "cl_ord_id", "all"): (one.sent, one.cause) for one in recovered.in_flight}
    assert flights == {"1": (True, "no answer within 5 s"), "7": (False, ""), "all": (True, "")}
    assert {one.cl_ord_id: one.status for one in recovered.open} == {
        "1": OrdStatus.OUTCOME_UNKNOWN,
        "4": OrdStatus.NEW,
    }


async def test_the_end_of_an_order_answers_its_cancel_but_not_its_replacement(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        await journal.intend(order("1"))
        journal.told(acknowledged("1"))
        await journal.intend(cancellation("1", "v1", "2"))
        await journal.intend(replacement("1", "v1", "3"))
        journal.told(ExecutionReport(symbol="S", exec_type=ExecType.CANCELED, order_id="v1", cl_ord_id="1"))
    with opened(tmp_path / "j") as journal:
        (left,) = journal.recover().in_flight
    assert left.command == replacement("1", "v1", "3")


# ---------------------------------------------------------------------- one writer


async def test_a_journal_has_one_holder_who_is_named(tmp_path: Path) -> None:
    import os

    with opened(tmp_path / "j"), pytest.raises(JournalError, match=f"held by process {os.getpid()}"):
        opened(tmp_path / "j")
    opened(tmp_path / "j").close()


async def test_two_processes_cannot_hold_one_journal(tmp_path: Path) -> None:
    program = (
        "import sys; from venuewire.journal import *\n"
        "with Journal.open(sys.argv[1], durability=Durability.OS, clock_now=lambda: 0):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, str(tmp_path / "j")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdin is not None
    assert await child.stdout.readline() == b"held\n"
    with pytest.raises(JournalError, match=f"held by process {child.pid}"):
        opened(tmp_path / "j")
    child.kill()
    await child.wait()
    child.stdin.close()
    opened(tmp_path / "j").close()


async def test_a_journal_belongs_to_one_venue(tmp_path: Path) -> None:
    opened(tmp_path / "j", venue="here").close()
    with pytest.raises(JournalError, match="journal of here, not of there"):
        opened(tmp_path / "j", venue="there")
    opened(tmp_path / "j", venue="here").close()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be written"):
        opened(tmp_path / "nowhere" / "j")


# ---------------------------------------------------------------------- when it cannot be written


def room(journal: Journal, pages: int) -> None:
    """As if the disk had room for so many pages."""
    db: sqlite3.Connection = journal._store._db
    db.execute(f"PRAGMA max_page_count = {pages}")


@pytest.mark.parametrize("durability", [Durability.FULL, Durability.OS])
async def test_a_full_disk_refuses_commands_and_keeps_outcomes_until_there_is_room(
    tmp_path: Path, durability: Durability
) -> None:
    with opened(tmp_path / "j", durability) as journal:
        await journal.intend(order("1"))
        room(journal, 1)
        journal.told(fill("1", "e1", text="x" * 9000))
        with pytest.raises(JournalError, match="make room and try again"):
            await journal.intend(order("2"))
        room(journal, 10_000)
        await journal.intend(order("3"))
        assert journal.failure is None
    with opened(tmp_path / "j") as journal:
        recovered = journal.recover()
    assert recovered.cl_ord_ids == {"1", "3"}
    assert recovered.exec_ids == {"e1"}


async def test_a_journal_is_not_pruned_while_something_cannot_be_written(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        await journal.intend(order("1"))
        room(journal, 1)
        journal.told(fill("1", "e1", text="x" * 9000))
        with pytest.raises(JournalError, match="disk full"):
            journal.prune(NOW)
        room(journal, 10_000)
        assert journal.prune(NOW) == 0
    with opened(tmp_path / "j") as journal:
        assert journal.recover().exec_ids == {"e1"}


@pytest.mark.parametrize("durability", [Durability.FULL, Durability.OS])
async def test_after_any_other_failure_nothing_more_is_taken(tmp_path: Path, durability: Durability) -> None:
    journal = opened(tmp_path / "j", durability)
    await journal.intend(order("1"))
    journal._store._db.close()
    for _ in range(2):
        with pytest.raises(JournalError, match="cannot be written any more"):
            await journal.intend(order("2"))
    journal.told(acknowledged("1"))  # news is not refused
    assert journal.failure is not None
    with pytest.raises(JournalError):
        journal.flush()
    journal.close()
    with opened(tmp_path / "j") as again:
        assert again.recover().cl_ord_ids == {"1"}


async def test_more_commands_than_may_wait_are_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "j", Durability.FULL, bound=10) as journal:
        results = await asyncio.gather(*(journal.intend(order(str(n))) for n in range(15)), return_exceptions=True)
        assert [type(result) for result in results[10:]] == [JournalError] * 5
        assert not [result for result in results[:10] if isinstance(result, BaseException)]
        await journal.intend(order("later"))


async def test_outcomes_without_end_are_the_end_of_the_journal(tmp_path: Path) -> None:
    with opened(tmp_path / "j", Durability.OS, bound=10) as journal:
        for n in range(101):
            journal.told(acknowledged(str(n)))
        with pytest.raises(JournalError, match="does not keep up"):
            await journal.intend(order("1"))


async def test_text_that_is_none_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        with pytest.raises(JournalError, match="cannot be written"):
            await journal.intend(order("\ud800"))
        await journal.intend(order("1"))


async def test_a_closed_journal_takes_nothing(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j")
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="is closed"):
        await journal.intend(order("1"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
@given(st.lists(st.sampled_from(["intend", "told", "turn"]), max_size=30))
async def test_what_is_noted_keeps_the_order_it_was_noted_in(tmp_path_factory: Any, acts: list[str]) -> None:
    path = tmp_path_factory.mktemp("order") / "j"
    wanted: list[str] = []
    with opened(path, Durability.FULL) as journal:
        tasks: list[asyncio.Task[Any]] = []
        for n, act in enumerate(acts):
            if act == "told":
                journal.told(acknowledged(str(n)))
            elif act == "intend":
                tasks.append(asyncio.create_task(journal.intend(order(str(n)))))
            await asyncio.sleep(0)
            if act != "turn":
                wanted.append(str(n))
        await asyncio.gather(*tasks)
    with opened(path) as journal:
        assert [step.cl_ord_id for step in journal.recover().steps] == wanted
