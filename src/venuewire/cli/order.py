"""`venuewire order place | replace | cancel | list | show | fills`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from venuewire import views
from venuewire.cli import places, running
from venuewire.cli.outcome import FAILED, FINE, JobFailed, UsageError, complain
from venuewire.cli.places import Place
from venuewire.client import Client, LiveOrder, connect
from venuewire.model.orders import NewOrder
from venuewire.model.terms import Nanos, OrdStatus, OrdType, Side, TimeInForce, decimal
from venuewire.venue import Credentials, Venue
from venuewire.venues import find

# How long an order that cannot rest is waited for; a venue answers such orders at once.
DONE_SECONDS = 10
TAKEN_SECONDS = 3
# Looks, 0.02 s apart, at whether the price of a fill has been told.
PRICED_LOOKS = 100

ORD_TYPES = {"market": OrdType.MARKET, "limit": OrdType.LIMIT, "stop": OrdType.STOP, "stop-limit": OrdType.STOP_LIMIT}
TIMES_IN_FORCE = {
    "day": TimeInForce.DAY,
    "gtc": TimeInForce.GOOD_TILL_CANCEL,
    "ioc": TimeInForce.IMMEDIATE_OR_CANCEL,
    "fok": TimeInForce.FILL_OR_KILL,
    "gtd": TimeInForce.GOOD_TILL_DATE,
}
AT_ONCE = {TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL}


class Access(Struct, frozen=True, kw_only=True):
    """Where, and how to tell."""

    sandbox: str | None = None
    as_json: bool = False
    yes: bool = False
    dry_run: bool = False
    """Check it and say what would be sent; send nothing."""


class Terms(Struct, frozen=True, kw_only=True):
    """An order as the command line has it, all in text."""

    side: str
    qty: str
    price: str | None = None
    ord_type: str | None = None
    stop_px: str | None = None
    tif: str | None = None
    expires: str | None = None
    post_only: bool = False
    cl_ord_id: str = ""


class Change(Struct, frozen=True, kw_only=True):
    """What is to be changed of an order, all in text."""

    qty: str | None = None
    price: str | None = None
    stop_px: str | None = None


def new_order(symbol: str, terms: Terms) -> NewOrder:
    """The order these terms mean. Raises `UsageError` for numbers and times that are none."""
    try:
        return NewOrder(
            symbol=symbol,
            side=Side(terms.side.upper()),
            ord_type=ORD_TYPES[terms.ord_type or ("market" if terms.price is None else "limit")],
            order_qty=decimal(terms.qty, "QTY"),
            price=None if terms.price is None else decimal(terms.price, "--price"),
            stop_px=None if terms.stop_px is None else decimal(terms.stop_px, "--stop-px"),
            time_in_force=None if terms.tif is None else TIMES_IN_FORCE[terms.tif],
            expire_time=None if terms.expires is None else _moment(terms.expires),
            post_only=terms.post_only,
            cl_ord_id=terms.cl_ord_id,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def _moment(text: str) -> Nanos:
    """ISO 8601, with its offset from UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--expires {text!r} is not a time such as 2027-01-31T18:00:00Z") from None
    if moment.tzinfo is None:
        raise UsageError(f"--expires {text!r} does not say its offset from UTC: end it with Z for UTC")
    return int(moment.timestamp()) * 1_000_000_000


# ------------------------------------------------------------------ the commands
# What may block (a question to a person, to a sandbox) comes before the loop, where Ctrl-C ends it at once.


def place(where: Place, terms: Terms, access: Access) -> int:
    """Send it; wait for the venue's answer, and for the end of an order that cannot rest."""
    venue, order = find(where.venue), new_order(where.symbol, terms)
    known = places.credentials(venue, access.sandbox)
    if not access.dry_run:
        _confirm(venue, known, sentence(order), access)
    return running.run(lambda _: _place(venue, known, order, access))


def cancel(where: Place, order_id: str, access: Access) -> int:
    """Cancel the open order that has this id, the venue's or ours."""
    venue = find(where.venue)
    known = places.credentials(venue, access.sandbox)
    return running.run(lambda _: _cancel(venue, known, where.symbol, order_id, access))


def replace(where: Place, order_id: str, change: Change, access: Access) -> int:
    """Change the open order that has this id, the venue's or ours."""
    numbers = _change(change)
    venue = find(where.venue)
    known = places.credentials(venue, access.sandbox)
    asked = ", ".join(f"{name} {value}" for name, value in numbers.items() if value is not None)
    _confirm(venue, known, f"order {order_id} in {where.symbol}: {asked}", access)
    return running.run(lambda _: _replace(venue, known, where.symbol, order_id, numbers, access))


def _change(change: Change) -> dict[str, Decimal | None]:
    given = {"order_qty": change.qty, "price": change.price, "stop_px": change.stop_px}
    if all(text is None for text in given.values()):
        raise UsageError("say what to change: --qty, --price or --stop-px")
    try:
        return {name: None if text is None else decimal(text, name) for name, text in given.items()}
    except ValueError as error:
        raise UsageError(str(error)) from None


def show(where: Place, order_id: str, access: Access) -> int:
    """One order, open or among those the venue still tells of."""
    venue = find(where.venue)
    known = places.credentials(venue, access.sandbox)
    return running.run(lambda _: _show(venue, known, where.symbol, order_id, access))


def fills(where: Place, order_id: str, access: Access) -> int:
    """The fills of one order."""
    venue = find(where.venue)
    known = places.credentials(venue, access.sandbox)
    return running.run(lambda _: _fills(venue, known, where.symbol, order_id, access))


def list_open(name: str, access: Access) -> int:
    """Every open order of the account, as the venue has it now."""
    venue = find(name)
    known = places.credentials(venue, access.sandbox)
    return running.run(lambda _: _list_open(venue, known, access))


async def _place(venue: Venue, known: Credentials, order: NewOrder, access: Access) -> int:
    async with connect(venue.name, known, symbols=[order.symbol]) as client:
        if access.dry_run:
            client.desk.check(order)
            told = {"venue": venue.name, "dry_run": True, "order": sentence(order)}
            print(json.dumps(told) if access.as_json else f"{venue.title}: {sentence(order)}: not sent (dry run)")
            return FINE
        placed = await _sent(client, order)
        if order.ord_type is OrdType.MARKET or order.time_in_force in AT_ONCE:
            await _done(placed)
            await _priced(placed)
        else:
            await _taken(placed)
        _print(record(placed, venue), access)
    return _judge(placed)


async def _cancel(venue: Venue, known: Credentials, symbol: str, order_id: str, access: Access) -> int:
    async with connect(venue.name, known, symbols=[symbol]) as client:
        order = _open_order(client, symbol, order_id)
        await client.cancel(order)
        await _done(order)
        _print(record(order, venue), access)
    if order.status is OrdStatus.CANCELED:
        return FINE
    complain(f"order {order_id} is not canceled, it is {order.status}{_because(order)}")
    return FAILED


async def _replace(
    venue: Venue,
    known: Credentials,
    symbol: str,
    order_id: str,
    numbers: dict[str, Decimal | None],
    access: Access,
) -> int:
    async with connect(venue.name, known, symbols=[symbol]) as client:
        order = _open_order(client, symbol, order_id)
        await client.replace(order, order_qty=numbers["order_qty"], price=numbers["price"], stop_px=numbers["stop_px"])
        await client.refresh_orders()
        _print(record(order, venue), access)
    return _judge(order)


async def _show(venue: Venue, known: Credentials, symbol: str, order_id: str, access: Access) -> int:
    async with connect(venue.name, known, symbols=[symbol]) as client:
        _print(record(_known_order(client, symbol, order_id), venue), access)
    return FINE


async def _fills(venue: Venue, known: Credentials, symbol: str, order_id: str, access: Access) -> int:
    async with connect(venue.name, known, symbols=[symbol]) as client:
        rows = fill_rows(_known_order(client, symbol, order_id))
    if access.as_json:
        print(json.dumps({"venue": venue.name, "symbol": symbol, "order_id": order_id, "fills": rows}))
    elif not rows:
        print(f"no fills of order {order_id} at {venue.title}")
    else:
        body = [[row["exec_id"] or views.UNKNOWN, row["qty"], row["px"] or views.UNKNOWN] for row in rows]
        print("\n".join(views.table([["fill", "quantity", "price"], *body], right={1, 2})))
    return FINE


async def _list_open(venue: Venue, known: Credentials, access: Access) -> int:
    async with connect(venue.name, known) as client:
        rows = [record(order, venue) for order in await client.refresh_orders()]
    if access.as_json:
        print(json.dumps({"venue": venue.name, "orders": rows}))
    else:
        print("\n".join(listing(rows)) if rows else f"no open orders at {venue.title}")
    return FINE


# ------------------------------------------------------------------ steps


def _confirm(venue: Venue, known: Credentials, what: str, access: Access) -> None:
    """An order that would leave this machine is sent only after a person has said so."""
    if access.yes or not places.is_real(venue, known):
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"this is a real order at {venue.title}: confirm it on a terminal, or say --yes")
    print(f"{venue.title}: {what}. Send it? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise JobFailed("not sent")


def sentence(order: NewOrder) -> str:
    """An order in words."""
    parts = [order.side, f"{order.order_qty}", order.symbol, order.ord_type]
    parts += [f"at {order.price}"] if order.price is not None else []
    parts += [f"triggered at {order.stop_px}"] if order.stop_px is not None else []
    parts += [order.time_in_force] if order.time_in_force else []
    return " ".join([*parts, *(["post-only"] if order.post_only else [])])


async def _sent(client: Client, order: NewOrder) -> LiveOrder:
    try:
        return await client.place(order)
    except asyncio.CancelledError:
        complain(f"interrupted while the order was under way; see venuewire order list {client.venue.name}")
        raise


def _open_order(client: Client, symbol: str, order_id: str) -> LiveOrder:
    if symbol not in client.instruments:
        client.book(symbol)  # says which symbols there are
    for order in client.orders():
        if order.symbol == symbol and order_id in {order.order_id, order.cl_ord_id}:
            return order
    raise JobFailed(f"no open order {order_id} in {symbol} at {client.venue.title}")


def _known_order(client: Client, symbol: str, order_id: str) -> LiveOrder:
    if symbol not in client.instruments:
        client.book(symbol)  # says which symbols there are
    order = client.order(order_id)
    if order is None or order.symbol != symbol:
        raise JobFailed(f"{client.venue.title} tells of no order {order_id} in {symbol}, neither open nor lately ended")
    return order


async def _taken(order: LiveOrder) -> None:
    """Some venues answer that they have the order before they say what became of it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(TAKEN_SECONDS):
            while order.status is OrdStatus.PENDING_NEW:
                await anext(aiter(order))


async def _done(order: LiveOrder) -> None:
    if order.status is OrdStatus.OUTCOME_UNKNOWN:
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(DONE_SECONDS):
            await order.done()


async def _priced(order: LiveOrder) -> None:
    """Some venues tell that an order is filled before they tell at what price."""
    for _ in range(PRICED_LOOKS):
        if not order.cum_qty or order.avg_px is not None:
            return
        await asyncio.sleep(0.02)


def _judge(order: LiveOrder) -> int:
    if order.status is OrdStatus.REJECTED:
        complain(f"the order was rejected{_because(order)}")
        return FAILED
    if order.status is OrdStatus.OUTCOME_UNKNOWN:
        complain(f"no answer came: whether order {order.cl_ord_id} was placed is not known; see venuewire order list")
        return FAILED
    return FINE


def _because(order: LiveOrder) -> str:
    return f": {order.text}" if order.text else ""


# ------------------------------------------------------------------ telling


def record(order: LiveOrder, venue: Venue) -> dict[str, Any]:
    """One order for machines: numbers are text, for they are exact."""
    held = order.order
    exact = {
        name: None if value is None else f"{value:f}"
        for name, value in (
            ("order_qty", held.order_qty),
            ("price", held.price),
            ("stop_px", held.stop_px),
            ("cum_qty", held.cum_qty),
            ("avg_px", held.avg_px),
        )
    }
    return {
        "venue": venue.name,
        "symbol": order.symbol,
        "order_id": order.order_id,
        "cl_ord_id": order.cl_ord_id,
        "side": held.side,
        "ord_type": held.ord_type,
        "time_in_force": held.time_in_force,
        "status": order.status,
        **exact,
        "text": order.text,
    }


def fill_rows(order: LiveOrder) -> list[dict[str, str]]:
    """The fills of an order for machines; an empty `px` is not known."""
    return [
        {"exec_id": fill.exec_id, "qty": f"{fill.qty:f}", "px": "" if fill.px is None else f"{fill.px:f}"}
        for fill in order.fills
    ]


def listing(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Orders for people."""
    head = ("order id", "our id", "symbol", "side", "type", "quantity", "price", "filled", "average", "status")
    keys = ("order_id", "cl_ord_id", "symbol", "side", "ord_type", "order_qty", "price", "cum_qty", "avg_px", "status")
    numbers = range(5, 9)
    body = [[_cell(row[key], is_number=place in numbers) for place, key in enumerate(keys)] for row in rows]
    return views.table([head, *body], right={*numbers})


def _cell(value: str | None, *, is_number: bool) -> str:
    if not value:
        return views.UNKNOWN
    return views.number(Decimal(value)) if is_number else str(value)


def _print(row: dict[str, Any], access: Access) -> None:
    print(json.dumps(row) if access.as_json else "\n".join(listing([row])))
