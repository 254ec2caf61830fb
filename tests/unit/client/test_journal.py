"""A client with a journal: written down before it is sent, found again after a crash, never sent twice."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.client.toy import Table, make, order, seated, stepping

import venuewire as vw
from venuewire import errors
from venuewire.client import Client
from venuewire.journal import Durability, Journal
from venuewire.model.orders import CancelOrder, MassCancel, NewOrder
from venuewire.sandbox import MemorySandbox
from venuewire.sandbox.faults import Fault
from venuewire.transport.clock import SteppedClock, at_rest, settle
from venuewire.transport.entropy import SeededEntropy
from venuewire.venues import names


def as_a_crash_left_it(path: Path, folder: Path) -> Path:
    """The journal of a process that was killed in this moment."""
    folder.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        shutil.copy(file, folder / file.name)
    return folder / path.name


def client_at(sandbox: MemorySandbox, venue: str, journal: Path, seed: int) -> Client:
    return vw.connect(
        venue,
        sandbox.credentials(venue),
        network=sandbox.network(),
        clock=sandbox.clock,
        entropy=SeededEntropy(seed, sandbox.clock.now),
        journal=journal,
        durability=Durability.OS,
    )


def taking(sandbox: MemorySandbox, client: Client) -> NewOrder:
    """An order that is filled at once."""
    instrument = client.instruments[client.venue.default_symbol]
    ask = sandbox.exchange(client.venue.name).quote(instrument.symbol).ask
    assert ask is not None
    return NewOrder(
        symbol=instrument.symbol,
        side=vw.Side.BUY,
        ord_type=vw.OrdType.LIMIT,
        order_qty=instrument.min_trade_vol,
        price=ask,
    )


ANSWERS_LOST: list[dict[str, Any]] = [
    {"kind": "mute", "connection": "open"},
    {"kind": "drop", "path": "/", "when": "after"},
]


@pytest.mark.parametrize("venue", names())
async def test_an_order_whose_answer_was_lost_is_found_again_with_its_fills(venue: str, tmp_path: Path) -> None:
    async with MemorySandbox((venue,), clock=SteppedClock(settle=at_rest)) as sandbox:
        first = client_at(sandbox, venue, tmp_path / "orders.db", 1)
        await sandbox.run(first.__aenter__())
        sandbox.pause_flow()
        for fault in ANSWERS_LOST:
            sandbox.set_fault(msgspec.convert({**fault, "venue": venue}, Fault))
        placing = asyncio.ensure_future(first.place(taking(sandbox, first)))
        await at_rest()
        await sandbox.advance(0.2)
        left = as_a_crash_left_it(tmp_path / "orders.db", tmp_path / "crashed")
        sandbox.clear_faults()

        second = client_at(sandbox, venue, left, 2)
        await sandbox.run(second.__aenter__())
        [found] = second.recovered
        [theirs] = sandbox.exchange(venue).port(sandbox.account(venue)).orders(working=False)
        assert (theirs.cl_ord_id, theirs.ord_status) == (found.cl_ord_id, vw.OrdStatus.FILLED)
        assert (found.status, found.cum_qty) == (theirs.ord_status, theirs.cum_qty)
        assert sum(fill.qty for fill in found.fills) == theirs.cum_qty
        assert int(str(second.seat.unique())) > int(found.cl_ord_id)
        await sandbox.run(second.close())
        placing.cancel()
        await sandbox.run(first.close())

        with Journal.open(left, durability=Durability.OS, clock_now=sandbox.now) as journal:
            recovered = journal.recover()
        assert recovered.clean
        assert recovered.open == ()
        assert recovered.in_flight == ()
        assert len(sandbox.exchange(venue).port(sandbox.account(venue)).orders(working=False)) == 1


async def test_nothing_leaves_before_it_is_written_down(tmp_path: Path) -> None:
    async with seated(journal=tmp_path / "orders.db", durability=Durability.OS) as table:
        told = table.client.health()["journal"]
        assert told == {"path": str(tmp_path / "orders.db"), "durability": "os", "failure": None, "in_flight": 0}
        placing = asyncio.ensure_future(table.client.place(order("7")))
        await asyncio.sleep(0)
        assert "NewOrder" not in table.line.kinds()
        await settle()
        assert table.line.kinds().count("NewOrder") == 1
        assert (await placing).status is vw.OrdStatus.NEW
        left = as_a_crash_left_it(tmp_path / "orders.db", tmp_path / "crashed")
    with Journal.open(left, durability=Durability.OS, clock_now=lambda: 1) as journal:
        recovered = journal.recover()
    assert [(kept.cl_ord_id, kept.status) for kept in recovered.open] == [("7", vw.OrdStatus.NEW)]
    assert recovered.in_flight == ()


async def test_the_ids_of_a_journal_are_not_given_out_again(tmp_path: Path) -> None:
    async with seated(journal=tmp_path / "orders.db", durability=Durability.OS) as table:
        table.far.silent.add("NewOrder")
        placing = asyncio.ensure_future(table.client.place(order()))
        await settle()
        [held] = table.client.desk.blotter
        left = as_a_crash_left_it(tmp_path / "orders.db", tmp_path / "crashed")
        placing.cancel()
    async with seated(journal=left, durability=Durability.OS) as table:
        found = table.client.order(held.cl_ord_id)
        assert found is not None
        assert found.status is vw.OrdStatus.OUTCOME_UNKNOWN
        assert table.client.recovered == [found]
        assert "NewOrder" not in table.line.kinds()
        with pytest.raises(errors.LocalProtocolError, match="used already"):
            await table.client.place(order(held.cl_ord_id))
        assert table.client.seat.unique() > int(held.cl_ord_id)


async def broken(table: Table, tmp_path: Path) -> Journal:
    """The journal of a seated client, after its disk has gone."""
    journal = table.client.desk._journal
    assert journal is not None
    journal._writer.fail(errors.JournalError("the disk is gone"))
    return journal


async def test_a_failed_journal_refuses_orders_and_lets_cancels_go(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with seated(journal=tmp_path / "orders.db", durability=Durability.OS) as table:
        placed = await table.client.place(order("7"))
        await broken(table, tmp_path)
        with pytest.raises(errors.JournalError):
            await table.client.place(order("8"))
        with pytest.raises(errors.JournalError):
            await table.client.replace(placed, price="1.01")
        assert table.line.kinds().count("NewOrder") == 1
        assert "ReplaceOrder" not in table.line.kinds()
        refused = table.client.order("8")
        assert refused is not None
        assert refused.status is vw.OrdStatus.REJECTED
        await stepping(table.far.clock, table.client.cancel(placed))
        assert "CancelOrder" in table.line.kinds()
        assert "without having been written down" in caplog.text
        assert table.client.health()["journal"]["failure"] == "the disk is gone"


async def test_a_journal_that_cannot_be_opened_ends_the_start_before_anything_is_dialled(tmp_path: Path) -> None:
    (tmp_path / "orders.db").write_bytes(b"not a journal" * 100)
    table = make(journal=tmp_path / "orders.db")
    with pytest.raises(errors.JournalError):
        await table.client.__aenter__()
    assert table.far.dials == []


async def test_two_clients_cannot_hold_one_journal(tmp_path: Path) -> None:
    async with seated(journal=tmp_path / "orders.db", durability=Durability.OS):
        with pytest.raises(errors.JournalError, match="held by process"):
            await make(journal=tmp_path / "orders.db").client.__aenter__()
    async with seated(journal=tmp_path / "orders.db", durability=Durability.OS):
        pass


async def test_a_journal_of_ones_own_stays_open(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "orders.db", durability=Durability.OS, clock_now=lambda: 1) as journal:
        async with seated(journal=journal):
            pass
        await journal.intend(order("9"))
        assert journal.failure is None


async def test_a_caller_that_gives_up_while_it_is_written_down_sends_nothing(tmp_path: Path) -> None:
    async with seated(journal=tmp_path / "orders.db", durability=Durability.OS) as table:
        placing = asyncio.ensure_future(table.client.place(order("7")))
        await asyncio.sleep(0)
        placing.cancel()
        await settle()
        assert "NewOrder" not in table.line.kinds()
        held = table.client.order("7")
        assert held is not None
        assert held.status is vw.OrdStatus.REJECTED


COMMANDS: list[Callable[[], Any]] = [
    lambda: order("7"),
    lambda: CancelOrder(symbol="S", side=vw.Side.BUY, ord_type=vw.OrdType.LIMIT, order_id="v7", orig_cl_ord_id="7"),
    MassCancel,
]


@pytest.mark.parametrize("make_command", COMMANDS)
async def test_each_command_is_in_flight_until_it_is_answered(make_command: Callable[[], Any], tmp_path: Path) -> None:
    async with seated(journal=tmp_path / "orders.db", durability=Durability.OS) as table:
        desk, command = table.client.desk, msgspec.structs.replace(make_command(), ref="77")
        table.far.silent.add(type(command).__name__)
        sending = asyncio.ensure_future(desk._sent(command))
        await settle()
        assert table.client.health()["journal"]["in_flight"] == 1
        left = as_a_crash_left_it(tmp_path / "orders.db", tmp_path / "crashed")
        with Journal.open(left, durability=Durability.OS, clock_now=lambda: 1) as journal:
            assert [type(flight.command) for flight in journal.recover().in_flight] == [type(command)]
        table.line.say("report", ref="77", id="7")
        await settle()
        await (await sending)
        assert table.client.health()["journal"]["in_flight"] == 0
