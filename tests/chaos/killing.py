"""A sandbox, a trader that is killed at random and started again, and the comparison of both sides at the end."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from msgspec import Struct

ROOT = Path(__file__).parents[2]
READY_SECONDS = 30
LONGEST_LIFE = 0.6
"""Seconds of trading before a kill, at the most."""
MISFORTUNES: tuple[dict[str, Any], ...] = (
    {"kind": "close", "code": 1006},
    {"kind": "cut", "bytes": 9},
    {"kind": "delay", "seconds": 0.1, "for_s": 0.5},
    {"kind": "drop", "path": "/", "when": "after", "count": 1, "for_s": 1},
    {"kind": "drop", "path": "/", "when": "before", "count": 1, "for_s": 1},
)


class Disagreement(AssertionError):
    """The two sides do not say the same."""


class Summary(Struct, frozen=True):
    """What there was."""

    kills: int
    orders: int
    fills: int
    unknown: int


def chaos(kills: int, seed: int, folder: Path) -> Summary:
    """Kill so often, then compare. Raises `Disagreement`."""
    draw = Random(seed)
    sandbox = subprocess.Popen(
        [sys.executable, "-m", "venuewire", "sandbox", "--seed", str(seed)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    )
    try:
        assert sandbox.stdout is not None
        ready = json.loads(sandbox.stdout.readline())
        (folder / "ready.json").write_text(json.dumps(ready), encoding="utf-8")
        for number in range(kills):
            _one_life(ready["control"], folder, number, draw)
        _post(ready["control"], "/flow", {"paused": True})
        told = _settled(folder)
        return _compare(kills, told, _state(ready["control"]))
    finally:
        sandbox.terminate()
        sandbox.communicate(timeout=30)


def _trader(folder: Path, seed: int, *options: str) -> subprocess.Popen[str]:
    with (folder / "trader.log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.trader", str(folder / "ready.json"), str(folder), str(seed), *options],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=ROOT,
        )


def _one_life(control: str, folder: Path, seed: int, draw: Random) -> None:
    """Most are killed while they trade, some while they start and take up what is left."""
    trader = _trader(folder, seed)
    assert trader.stdout is not None
    try:
        if draw.random() < 0.2:
            time.sleep(draw.uniform(0.2, 1.0))
        else:
            trader.stdout.readline()
            if draw.random() < 0.5:
                _post(control, "/faults", draw.choice(MISFORTUNES))
            time.sleep(draw.uniform(0, LONGEST_LIFE))
        if trader.poll() is not None:
            raise Disagreement(f"the trader ended by itself: {(folder / 'trader.log').read_text()[-3000:]}")
    finally:
        trader.kill()
        trader.communicate(timeout=30)


def _settled(folder: Path) -> dict[str, list[dict[str, Any]]]:
    told, _ = _trader(folder, 0, "--settle").communicate(timeout=60)
    lines = [json.loads(line) for line in told.splitlines()]
    if not lines:
        raise Disagreement(f"nothing was told at the end: {(folder / 'trader.log').read_text()[-3000:]}")
    return {line["venue"]: line["orders"] for line in lines}


# ------------------------------------------------------------------ the comparison


def _compare(kills: int, told: dict[str, list[dict[str, Any]]], state: dict[str, Any]) -> Summary:
    orders = fills = unknown = 0
    for venue, truth in state["venues"].items():
        accounts = truth["accounts"].values()
        theirs = [order for account in accounts for order in account["orders"]]
        their_fills = [fill for account in accounts for fill in account["fills"]]
        orders, fills = orders + len(theirs), fills + len(their_fills)
        unknown += _compare_venue(venue, told[venue], theirs, their_fills)
    if not fills or unknown * 5 > orders:
        raise Disagreement(f"hardly anything is known: {unknown} of {orders} orders are not, there are {fills} fills")
    return Summary(kills, orders, fills, unknown)


def _compare_venue(
    venue: str, ours: list[dict[str, Any]], theirs: list[dict[str, Any]], fills: list[dict[str, Any]]
) -> int:
    repeated = [name for name, times in Counter(order.get("cl_ord_id", "") for order in theirs).items() if times > 1]
    if repeated:
        raise Disagreement(f"{venue}: sent twice: {repeated}")
    by_id = {order_id: order for order in ours for order_id in order["order_ids"]}
    by_ours = {order["cl_ord_id"]: order for order in ours if order["cl_ord_id"]}
    filled: defaultdict[str, Decimal] = defaultdict(Decimal)
    legs: dict[str, list[dict[str, Any]]] = {}
    for order in theirs:
        mine = by_id.get(order["order_id"]) or by_ours.get(order.get("cl_ord_id", ""))
        if mine is None:
            raise Disagreement(f"{venue}: an order nobody here knows: {order}")
        legs.setdefault(_name(mine), []).append(order)
        filled[_name(mine)] += Decimal(order["cum_qty"])
    if sum((Decimal(fill["last_qty"]) for fill in fills), Decimal(0)) != sum(filled.values(), Decimal(0)):
        raise Disagreement(f"{venue}: the exchange disagrees with itself")
    return sum(_compare_order(venue, mine, legs.get(_name(mine), []), filled[_name(mine)]) for mine in ours)


def _name(mine: dict[str, Any]) -> str:
    return str(mine["cl_ord_id"] or mine["order_ids"][0])


def _compare_order(venue: str, mine: dict[str, Any], legs: list[dict[str, Any]], filled: Decimal) -> int:
    """1 if how it stands is not known here."""
    if Decimal(mine["filled"]) != Decimal(mine["cum_qty"]) or len(set(mine["exec_ids"])) != len(mine["exec_ids"]):
        raise Disagreement(f"{venue}: the fills of {mine} do not add up")
    if mine["status"] == "OUTCOME_UNKNOWN":
        return 1
    if not legs:
        if mine["status"] != "REJECTED":
            raise Disagreement(f"{venue}: {mine} is nowhere at the exchange")
        return 0
    newest = max(legs, key=lambda leg: int(leg["order_id"]) if leg["order_id"].isdigit() else 0)
    same = mine["status"] in {newest["ord_status"], *_ENDED_UNFILLED.get((newest["ord_status"], not filled), ())}
    if not same or Decimal(mine["cum_qty"]) != filled:
        raise Disagreement(f"{venue}: {mine} is, at the exchange, {legs}")
    return 0


_ENDED_UNFILLED = {("CANCELED", True): ("REJECTED", "EXPIRED")}
"""Some venues do not say apart, afterwards, how an order that was never filled has ended."""


# ------------------------------------------------------------------ the control port


def _post(control: str, path: str, body: dict[str, Any]) -> None:
    with urllib.request.urlopen(control + path, json.dumps(body).encode(), timeout=30) as answer:
        answer.read()


def _state(control: str) -> dict[str, Any]:
    with urllib.request.urlopen(control + "/state", timeout=30) as answer:
        state: dict[str, Any] = json.load(answer)
    return state
