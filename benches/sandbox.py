"""The sandbox: the matching engine alone, the exchange around it, the way to 200 connections, and how soon it is there.

One stream of commands for engine and exchange: a third cancels of orders that work, the rest limit orders around the
middle of one book, of 64 accounts; about one order in three trades. What is timed is CPU time of one process. Where the
exchange is compiled, a process of its own shows it as it stands, too.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from benches.fanout import fan_out
from venuewire.model.instrument import Instrument
from venuewire.model.orders import CancelOrder, NewOrder
from venuewire.model.terms import OrdType, Side
from venuewire.sandbox import twins
from venuewire.sandbox.engine import Engine, Order
from venuewire.sandbox.exchange import SandboxExchange
from venuewire.sandbox.port import AccountPort

ROOT = Path(__file__).parents[1]
OWNERS = 64
NOW = 1_800_000_000_000_000_000
SYMBOL = "BTC-USD"
COIN = Instrument(
    symbol=SYMBOL,
    security_id=SYMBOL,
    base="BTC",
    currency="USD",
    min_price_increment=Decimal("0.01"),
    min_qty_increment=Decimal("0.00000001"),
    min_trade_vol=Decimal("0.00000001"),
)
RICH = {"USD": "1000000000", "BTC": "100000"}


class Asked(NamedTuple):
    """One command of the stream: whose, and a new order's number, price in cents and size, or the order it cancels."""

    owner: int
    number: int
    is_buy: bool = True
    price: int = 0
    size: int = 0
    """Thousandths; 0 cancels."""


def stream(length: int, seed: int = 1) -> list[Asked]:
    """The commands. A rehearsal sees to it that cancels meet orders that work."""
    chance, engine = random.Random(seed), Engine[Order]()
    asked: list[Asked] = []
    placed: list[Asked] = []
    for number in range(length):
        one = Asked(chance.randrange(OWNERS), number)
        if chance.random() < 0.35 and (gone := _working(placed, engine, chance)) is not None:
            one = Asked(gone.owner, gone.number)
        else:
            away, is_buy = int(chance.expovariate(1 / 30)) - 8, chance.random() < 0.5
            price = 6_000_000 - away if is_buy else 6_000_000 + away
            one = Asked(one.owner, number, is_buy, price, chance.randrange(1, 50))
            placed.append(one)
        asked.append(one)
        _match(engine, one)
    return asked


def _working(placed: list[Asked], engine: Engine[Order], chance: random.Random) -> Asked | None:
    while placed:
        at = chance.randrange(len(placed))
        placed[at], placed[-1] = placed[-1], placed[at]
        one = placed.pop()
        if one.number in engine.orders:
            return one
    return None


def _match(engine: Engine[Order], one: Asked) -> int:
    """The command at an engine; how many fills came of it."""
    if one.size:
        engine.submit(Order(one.number, str(one.owner), one.size, one.price, is_buy=one.is_buy))
    else:
        engine.cancel(one.number)
    engine.take_rows()
    return len(engine.take_fills())


# ---------------------------------------------------------------------------------------------------- the turns


def _engine(asked: Sequence[Asked]) -> float:
    engine = Engine[Order]()
    return _seconds(lambda: sum(_match(engine, one) for one in asked))


def _exchange(asked: Sequence[Asked], *, quiet: bool, read: bool) -> float:
    """New commands each time: what a Decimal costs the first time it is looked at belongs to it."""
    exchange = SandboxExchange([COIN], {SYMBOL: "60000"})
    ports = [exchange.open_account(f"{owner}", RICH, quiet=quiet) for owner in range(OWNERS)]
    commands = [(ports[one.owner], _command(one)) for one in asked]

    def run() -> None:
        for now, (port, command) in enumerate(commands, NOW):
            if read:
                port.execute(command, now)
                exchange.drain()
            else:
                port.perform(command, now)
                exchange.take()

    return _seconds(run)


def _in_python(length: int) -> float:
    """Accounts and events, at the exchange as it stands."""
    command = [sys.executable, "-m", "benches.sandbox", str(length)]
    found = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True, env={**os.environ, "VENUEWIRE_PURE": "1"}
    )
    return float(found.stdout)


def _command(one: Asked) -> NewOrder | CancelOrder:
    if not one.size:
        return CancelOrder(
            symbol=SYMBOL, side=Side.BUY, ord_type=OrdType.LIMIT, order_id="", orig_cl_ord_id=str(one.number)
        )
    return NewOrder(
        symbol=SYMBOL,
        side=Side.BUY if one.is_buy else Side.SELL,
        ord_type=OrdType.LIMIT,
        order_qty=Decimal(one.size).scaleb(-3),
        price=Decimal(one.price).scaleb(-2),
        cl_ord_id=str(one.number),
    )


def _seconds(work: Callable[[], object]) -> float:
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


def _parts(length: int = 20_000) -> dict[str, float]:
    """Microseconds of one command that does one thing: an order that rests, a cancel, an order that fills another."""
    resting = [Asked(0, n, is_buy=True, price=5_900_000 - n * 7 % 300, size=50) for n in range(length)]
    cancels = [Asked(0, n * 7919 % length) for n in range(length)]
    takers = [Asked(1, n, is_buy=False, price=1_000_000, size=50) for n in range(length)]
    found: dict[str, list[float]] = {"order that rests": [], "cancel": [], "order that fills another": []}
    for _ in range(3):
        for second in (cancels, takers):
            exchange = SandboxExchange([COIN], {SYMBOL: "60000"})
            ports = [exchange.open_account(name, RICH) for name in ("maker", "taker")]
            found["order that rests"].append(_each(exchange, ports, resting))
            found["cancel" if second is cancels else "order that fills another"].append(_each(exchange, ports, second))
    return {name: round(min(times), 2) for name, times in found.items()}


def _each(exchange: SandboxExchange, ports: Sequence[AccountPort], asked: Sequence[Asked]) -> float:
    commands = [(ports[one.owner], _command(one)) for one in asked]

    def run() -> None:
        for port, command in commands:
            port.perform(command, NOW)
            exchange.take()

    return _seconds(run) / len(asked) * 1e6


def _ready(*options: str) -> tuple[float, float]:
    """Seconds from starting the command to its ready line: by the clock, and of CPU of this process's child."""
    began, cpu = time.perf_counter(), _children()
    with subprocess.Popen(
        [sys.executable, "-m", "venuewire", "sandbox", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise RuntimeError("the sandbox did not start")
        seconds = time.perf_counter() - began
        process.send_signal(signal.SIGTERM)
    return seconds, _children() - cpu


def _children() -> float:
    """CPU time of the children that have ended."""
    times = os.times()
    return times.children_user + times.children_system


# ---------------------------------------------------------------------------------------------------- the whole


def run(rounds: int, scale: float) -> dict[str, Any]:
    """Medians over the rounds, as one object."""
    asked = stream(round(60_000 * scale))
    turns: dict[str, Callable[[], float]] = {
        "engine": lambda: _engine(asked),
        "exchange, accounts nobody listens to": lambda: _exchange(asked, quiet=True, read=False),
        "exchange, accounts and events": lambda: _exchange(asked, quiet=False, read=False),
        "exchange, every event read": lambda: _exchange(asked, quiet=False, read=True),
    }
    if twins.compiled():
        turns[_IN_PYTHON] = lambda: _in_python(len(asked))
    found: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(rounds):
        for name, turn in turns.items():
            found[name].append(turn())
    return {
        "exchange": twins.exchange(),
        "commands": len(asked),
        "per_second": {name: round(len(asked) / statistics.median(times)) for name, times in found.items()},
        "microseconds": _parts(),
        "fan_out": [asyncio.run(fan_out(200, round(1500 * scale), burst)) for burst in (1, 5)],
        "ready": {name: _medians([_ready(*options) for _ in range(rounds)]) for name, options in _READY.items()},
    }


_IN_PYTHON = "exchange in Python, accounts and events"
_READY = {"sandbox": (), "sandbox --tls": ("--tls",)}


def _medians(pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    return {
        "seconds": round(statistics.median(seconds for seconds, _ in pairs), 2),
        "cpu_seconds": round(statistics.median(cpu for _, cpu in pairs), 2),
    }


def table(result: dict[str, Any]) -> list[str]:
    """For people."""
    head = f"commands a second of CPU, {result['commands']} of them"
    lines = [result["exchange"], f"{head:56}{'goal':>10}"]
    for name, figure in result["per_second"].items():
        goal = "250,000" if name == "exchange, accounts and events" else ""
        lines.append(f"{name:42}{figure:>14,}{goal:>10}")
    lines += ["", "the exchange by what is asked, us of CPU each (notes only)"]
    lines += [f"{name:42}{figure:>14.2f}" for name, figure in result["microseconds"].items()]
    lines += ["", f"{'fan-out, frames a second by the clock':56}{'goal':>10}"]
    for one in result["fan_out"]:
        name = f"{one['connections']} connections, {one['burst']} commands a turn"
        lines.append(f"{name:42}{one['frames_per_second']:>14,}{'100,000':>10}")
        cpu = f"{one['sandbox_cpu_us']:.1f} us of CPU there, {one['reader_cpu_us']:.1f} at the readers"
        lines.append(f"    a frame of {one['frame_bytes']} bytes: {cpu}")
    lines += ["", f"{'from the command to its ready line, s':56}{'goal':>10}"]
    for name, one in result["ready"].items():
        lines.append(f"{name:42}{one['seconds']:>14.2f}{'0.50':>10}   CPU, to its end: {one['cpu_seconds']:.2f}")
    return lines


if __name__ == "__main__":
    sys.stdout.write(f"{_exchange(stream(int(sys.argv[1])), quiet=False, read=False)}\n")
