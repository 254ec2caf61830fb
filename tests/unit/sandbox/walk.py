"""A random walk through an exchange of each kind, with everything a client may ask; prints one digest of all that came
of it. Run by itself, by each twin: `python -m tests.unit.sandbox.walk SEED STEPS`.
"""

from __future__ import annotations

import random
import sys
from decimal import Decimal
from hashlib import sha256

import msgspec
from tests.unit.sandbox.conftest import COIN, PRICES, SHARE, T0

from venuewire.model.market import BookUpdate
from venuewire.model.orders import CancelOrder, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import OrderCommand
from venuewire.model.terms import NANOS_PER_SECOND, OrdType, Side, TimeInForce
from venuewire.sandbox import twins
from venuewire.sandbox.exchange import SandboxExchange

OWNERS = ("ann", "bob", "cid")
MONEY = {"USD": "500000", "BTC": "20", "RUB": "90000", "GAZ": "3000"}
UNIT = {"BTC-USD": Decimal("0.001"), "GAZ": Decimal(10)}
TICK = {"BTC-USD": Decimal("0.01"), "GAZ": Decimal("0.05")}


def exchanges() -> list[SandboxExchange]:
    """Delivery; short selling and orders that are reissued; netting; futures beside shares."""
    found = [
        SandboxExchange([COIN, SHARE], PRICES),
        SandboxExchange([COIN, SHARE], PRICES, short_selling=True, replace_keeps_order_id=False),
        SandboxExchange([COIN], {COIN.symbol: "60000"}, netting_currency="USD"),
        SandboxExchange([COIN, SHARE], PRICES, futures={"GAZ": 5}),
    ]
    for exchange in found:
        for owner in OWNERS:
            exchange.open_account(owner, MONEY)
    return found


def command(chance: random.Random, working: list[str], symbol: str, number: int) -> OrderCommand:
    """What somebody may ask whose orders `working` are; some of it out of place."""
    side, kind = chance.choice(list(Side)), chance.choices(list(OrdType), (2, 9, 1, 1))[0]
    draw = chance.random()
    past = chance.choice(working) if working and chance.random() < 0.9 else "77"
    qty = UNIT[symbol] * chance.choice((1, 2, 5, 30, Decimal("0.5")))
    price = Decimal(PRICES[symbol]) + TICK[symbol] * chance.randrange(-12, 12)
    if draw < 0.2:
        return CancelOrder(symbol=symbol, side=side, ord_type=kind, order_id=past, orig_cl_ord_id="")
    if draw < 0.35:
        return ReplaceOrder(
            symbol=symbol, side=side, ord_type=kind, order_id=past, orig_cl_ord_id="", cl_ord_id=f"r{number}",
            order_qty=qty if chance.random() < 0.7 else None, price=price if chance.random() < 0.7 else None,
        )  # fmt: skip
    if draw < 0.36:
        return MassCancel(symbol=chance.choice((None, symbol)))
    in_money, life = chance.random() < 0.1, chance.choice((None, *TimeInForce))
    return NewOrder(
        symbol=symbol, side=side, ord_type=kind, cl_ord_id=str(number),
        order_qty=None if in_money else qty,
        cash_order_qty=qty * price if in_money else None,
        price=price if "LIMIT" in kind.name else None,
        stop_px=price if "STOP" in kind.name else None,
        time_in_force=life,
        expire_time=T0 + number + chance.randrange(900) if life is TimeInForce.GOOD_TILL_DATE else None,
        post_only=chance.random() < 0.1,
    )  # fmt: skip


def walk(exchange: SandboxExchange, seed: int, steps: int) -> tuple[bytes, int]:
    """A digest of every event and of where it all ended; and how many events there were."""
    chance, seen, count = random.Random(seed), sha256(), 0
    symbols = list(exchange.instruments)
    for number in range(steps):
        port = exchange.port(chance.choice(OWNERS))
        told = port.execute(command(chance, list(port.working), chance.choice(symbols), number), T0 + number)
        if not number % 50:
            exchange.advance(T0 + number + (NANOS_PER_SECOND * 90_000 if not number % 1000 else 0))
        for event in (*told, *exchange.drain()):
            plain = event.levels if isinstance(event, BookUpdate) else event
            seen.update(f"{plain!r}".encode())
            count += 1
    seen.update(msgspec.json.encode(exchange.state()))
    return seen.digest(), count


def main(seed: int, steps: int) -> str:
    """One line: which twin, how many events, their digest."""
    whole, events = sha256(), 0
    for exchange in exchanges():
        digest, count = walk(exchange, seed, steps)
        whole.update(digest)
        events += count
    return f"{twins.exchange()}: {events} events, {whole.hexdigest()}"


if __name__ == "__main__":
    sys.stdout.write(main(int(sys.argv[1]), int(sys.argv[2])) + "\n")
