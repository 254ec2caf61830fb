"""What a venue keeps for its clients goes on while none is connected: triggers, protection, ends by the time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from tests.unit.sandbox.guests import world

import venuewire as vw
from venuewire.client import Client
from venuewire.model.orders import NewOrder
from venuewire.model.terms import PositionEffect
from venuewire.sandbox import MemorySandbox
from venuewire.transport.clock import at_rest

SECOND = 1_000_000_000


@asynccontextmanager
async def connected(venue: str) -> AsyncIterator[tuple[MemorySandbox, Client]]:
    """A client of a venue whose market stands still."""
    async with MemorySandbox([venue], seed=5) as sandbox:
        sandbox.pause_flow()
        client = vw.connect(venue, sandbox.credentials(venue), network=sandbox.network(), clock=sandbox.clock)
        await sandbox.run(client.__aenter__())
        yield sandbox, client
        await sandbox.run(client.close())


async def leaves(sandbox: MemorySandbox, client: Client) -> None:
    await sandbox.run(client.close())
    (venue,) = sandbox.state()["venues"].values()
    assert venue["connections"] == []


async def falls(sandbox: MemorySandbox, venue: str, symbol: str) -> None:
    """Somebody bids a tenth less than the market; somebody else sells to every bid there is, his among them."""
    exchange, instrument = sandbox.exchange(venue), sandbox.exchange(venue).instruments[symbol]
    bids = [it for it in exchange.book(symbol).levels if it.action == 0]
    size, tick = sum(it.size for it in bids), instrument.min_price_increment
    low = bids[0].price * Decimal("0.9") // tick * tick
    rich = dict.fromkeys((instrument.base, instrument.currency), "1000000000")
    for side, qty in ((vw.Side.BUY, size), (vw.Side.SELL, size + instrument.min_trade_vol)):
        account = exchange.open_account(f"who {side.lower()}s", rich)
        terms: dict[str, Any] = {
            "symbol": symbol,
            "side": side,
            "ord_type": vw.OrdType.LIMIT,
            "order_qty": qty,
            "price": low,
        }
        (first, *_) = account.execute(NewOrder(**terms, account=account.account), sandbox.now())
        assert getattr(first, "exec_type", None) is vw.ExecType.NEW, first
    sandbox.run_due()
    await sandbox.advance(2)


async def test_the_venue_is_told_and_called_whoever_is_there() -> None:
    async with world() as here:
        host = here.hosts[0]
        here.sandbox.exchange("toy").open_account("somebody", {"USD": "1000"}).execute(
            NewOrder(symbol="BTC-USD", side=vw.Side.BUY, ord_type=vw.OrdType.LIMIT, order_qty="0.01", price="1"),
            here.sandbox.now(),
        )
        due = here.sandbox.now() + 7 * SECOND
        host.alarm = due
        await here.sandbox.advance(60)
        assert {"BookUpdate", "ExecutionReport"} <= {type(event).__name__ for event in host.told}
        assert host.ticked == [due]
        host.alarm = here.sandbox.now() + 103 * SECOND
        here.suffers("skew", seconds=100)
        await at_rest()
        await here.sandbox.advance(5)
        assert host.ticked[1:] == [due + 53 * SECOND + 103 * SECOND]


async def test_a_stop_order_of_alor_is_triggered() -> None:
    async with connected("alor") as (sandbox, client):
        port, symbol = sandbox.exchange("alor").port(sandbox.account("alor")), client.venue.default_symbol
        bid = sandbox.exchange("alor").quote(symbol).bid
        assert bid is not None
        placed = await sandbox.run(
            client.place(order(client, vw.Side.SELL, ord_type=vw.OrdType.STOP, stop_px=bid * Decimal("0.999")))
        )
        assert placed.status is vw.OrdStatus.NEW
        await leaves(sandbox, client)
        assert port.fills() == []
        await falls(sandbox, "alor", symbol)
        assert [report.ord_type for report in port.orders(working=False)] == [vw.OrdType.MARKET]


async def test_a_bracket_of_coinbase_is_triggered() -> None:
    async with connected("coinbase") as (sandbox, client):
        port, symbol = sandbox.exchange("coinbase").port(sandbox.account("coinbase")), client.venue.default_symbol
        bid = sandbox.exchange("coinbase").quote(symbol).bid
        assert bid is not None
        placed = await sandbox.run(
            client.place(
                order(
                    client,
                    vw.Side.SELL,
                    price=bid * 2,
                    stop_loss_px=bid * Decimal("0.999"),
                    position_effect=PositionEffect.CLOSE,
                )
            )
        )
        assert placed.status is vw.OrdStatus.NEW
        await leaves(sandbox, client)
        before = port.order(order_id=placed.order_id)
        await falls(sandbox, "coinbase", symbol)
        after = port.order(order_id=placed.order_id)
        assert before is not None
        assert after is not None
        assert before.price is not None
        assert after.price is not None
        assert before.price > bid > after.price


async def test_a_stop_loss_of_ctrader_closes_its_position() -> None:
    async with connected("ctrader") as (sandbox, client):
        port, symbol = sandbox.exchange("ctrader").port(sandbox.account("ctrader")), client.venue.default_symbol
        bid = sandbox.exchange("ctrader").quote(symbol).bid
        assert bid is not None
        await sandbox.run(
            client.place(order(client, vw.Side.BUY, ord_type=vw.OrdType.MARKET, stop_loss_offset=Decimal("0.00100")))
        )
        await leaves(sandbox, client)
        assert [fill.side for fill in port.fills()] == [vw.Side.BUY]
        await falls(sandbox, "ctrader", symbol)
        assert {fill.side for fill in port.fills()} == {vw.Side.BUY, vw.Side.SELL}
        assert [position.qty for position in port.positions() if position.qty] == []


def order(client: Client, side: vw.Side, **terms: Any) -> vw.NewOrder:
    """The smallest order of the usual instrument; prices brought to a tick."""
    instrument = client.instruments[client.venue.default_symbol]
    tick = instrument.min_price_increment
    on_tick = {
        name: value // tick * tick if isinstance(value, Decimal) and name.endswith(("_px", "price")) else value
        for name, value in terms.items()
    }
    given: dict[str, Any] = {"ord_type": vw.OrdType.LIMIT, "order_qty": instrument.min_trade_vol, **on_tick}
    return vw.NewOrder(symbol=instrument.symbol, side=side, **given)
