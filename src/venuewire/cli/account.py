"""`venuewire positions`, `balances` and `kill`: what the account holds, and the switch that stops it all."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from msgspec import Struct

from venuewire import views
from venuewire.cli import places, running
from venuewire.cli.order import Access
from venuewire.cli.outcome import FAILED, FINE, JobFailed, UsageError, complain
from venuewire.client import connect
from venuewire.client.winding import StopReport, Winding
from venuewire.model.account import Balance, Position
from venuewire.model.terms import plain
from venuewire.venue import Credentials, Venue
from venuewire.venues import find


class KillTerms(Struct, frozen=True, kw_only=True):
    """How long to wait for the venue's word."""

    seconds: float = 10


def positions(name: str, access: Access) -> int:
    """What is held of each instrument, as the venue has it now."""
    venue = find(name)
    known = places.credentials(venue, access.sandbox)
    return running.run(lambda _: _positions(venue, known, access))


def balances(name: str, access: Access) -> int:
    """Money and coins, as the venue has them now."""
    venue = find(name)
    known = places.credentials(venue, access.sandbox)
    return running.run(lambda _: _balances(venue, known, access))


def kill(name: str, terms: KillTerms, access: Access) -> int:
    """Cancel every open order of the account and have it confirmed."""
    venue = find(name)
    known = places.credentials(venue, access.sandbox)
    if not access.yes and places.is_real(venue, known):
        _ask(venue)
    return running.run(lambda _: _kill(venue, known, terms, access))


def _ask(venue: Venue) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"this cancels real orders at {venue.title}: confirm it on a terminal, or say --yes")
    print(f"{venue.title}: cancel every open order of the account? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise JobFailed("nothing was cancelled")


async def _positions(venue: Venue, known: Credentials, access: Access) -> int:
    async with connect(venue.name, known) as client:
        held = [_position(position) for position in await client.positions()]
    return _tell(venue, "positions", ("symbol", "qty", "avg_px", "position_id"), held, access)


async def _balances(venue: Venue, known: Credentials, access: Access) -> int:
    async with connect(venue.name, known) as client:
        held = [_balance(balance) for balance in await client.balances()]
    return _tell(venue, "balances", ("currency", "total", "available"), held, access)


def _position(position: Position) -> dict[str, str | None]:
    return {
        "symbol": position.symbol,
        "qty": plain(position.qty),
        "avg_px": None if position.avg_px is None else plain(position.avg_px),
        "position_id": position.position_id,
    }


def _balance(balance: Balance) -> dict[str, str | None]:
    return {"currency": balance.currency, "total": plain(balance.total), "available": plain(balance.available)}


def _tell(venue: Venue, what: str, keys: tuple[str, ...], rows: Sequence[dict[str, str | None]], access: Access) -> int:
    if access.as_json:
        print(json.dumps({"venue": venue.name, what: rows}))
    elif not rows:
        print(f"no {what} at {venue.title}")
    else:
        head = [key.replace("_", " ") for key in keys]
        body = [[row[key] or views.UNKNOWN for key in keys] for row in rows]
        print("\n".join(views.table([head, *body], right={1, 2})))
    return FINE


async def _kill(venue: Venue, known: Credentials, terms: KillTerms, access: Access) -> int:
    async with connect(venue.name, known) as client:
        client.desk.stop("the kill switch was thrown")
        report = await Winding(client.desk, client.clock, terms.seconds, only_ours=False).run()
    _tell_report(venue, report, access)
    if report.complete:
        return FINE
    complain(f"{len(report.unconfirmed)} orders at {venue.title} may still be working; look there")
    return FAILED


def _tell_report(venue: Venue, report: StopReport, access: Access) -> None:
    left = [
        {"symbol": order.symbol, "order_id": order.order_id, "cl_ord_id": order.cl_ord_id, "text": order.text}
        for order in report.unconfirmed
    ]
    if access.as_json:
        told = {"venue": venue.name, "canceled": report.canceled, "ended": report.ended, "unconfirmed": left}
        print(json.dumps(told))
        return
    print(
        f"{venue.title}: {len(report.canceled)} canceled, {len(report.ended)} ended otherwise, {len(left)} unconfirmed"
    )
    for order in left:
        print(f"  {order['symbol']} {order['order_id'] or order['cl_ord_id']}: {order['text']}")
