"""A small desk for tests: a journal in a folder, commands and reports in few words, and crashes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.unit.orders.life import new, order, report

from venuewire.journal import Durability, Journal, Numbers
from venuewire.model.orders import CancelOrder, ExecutionReport, ReplaceOrder
from venuewire.model.terms import ExecType, OrdType, Side

NOW = 1_800_000_000_000_000_000


class Ticks:
    """A clock that moves on by a second whenever it is looked at."""

    def __init__(self, start: int = NOW) -> None:
        self.time = start

    def __call__(self) -> int:
        self.time += 1_000_000_000
        return self.time


def opened(path: Path, durability: Durability = Durability.OS, **more: Any) -> Journal:
    more.setdefault("numbers", Numbers(lambda: NOW // 1000))
    more.setdefault("clock_now", Ticks())
    return Journal.open(path, durability=durability, **more)


def crashed(journal: Journal, into: Path) -> Path:
    """What the disk holds at this moment, as after a kill: a copy, under the same name, in another folder."""
    into.mkdir(parents=True)
    for file in journal.path.parent.glob(journal.path.name + "*"):
        shutil.copyfile(file, into / file.name)
    return into / journal.path.name


def files(path: Path) -> dict[str, bytes]:
    """All files of the journal, but the lock."""
    found = path.parent.glob(path.name + "*")
    return {file.name: file.read_bytes() for file in found if not file.name.endswith("-lock")}


def replacement(of: str, order_id: str, cl_ord_id: str) -> ReplaceOrder:
    return ReplaceOrder(
        symbol="S",
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_id=order_id,
        orig_cl_ord_id=of,
        cl_ord_id=cl_ord_id,
        order_qty="7",
        price="6",
    )


def cancellation(of: str, order_id: str, cl_ord_id: str) -> CancelOrder:
    return CancelOrder(
        symbol="S", side=Side.BUY, ord_type=OrdType.LIMIT, order_id=order_id, orig_cl_ord_id=of, cl_ord_id=cl_ord_id
    )


def fill(cl_ord_id: str, exec_id: str, qty: str = "1", **more: Any) -> ExecutionReport:
    return report(
        ExecType.TRADE,
        order_id=f"v{cl_ord_id}",
        cl_ord_id=cl_ord_id,
        exec_id=exec_id,
        last_qty=qty,
        last_px="5",
        transact_time=NOW,
        **more,
    )


def acknowledged(cl_ord_id: str) -> ExecutionReport:
    return new(order_id=f"v{cl_ord_id}", cl_ord_id=cl_ord_id, transact_time=NOW)


__all__ = ["acknowledged", "cancellation", "crashed", "files", "fill", "opened", "order", "replacement", "report"]
