"""The far end with hundreds of instruments at every venue: `python -m benches.wide SETTING COUNT`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from venuewire.cli.bench.far import FarEnd, Setting, serve
from venuewire.model.instrument import Instrument
from venuewire.model.terms import Nanos
from venuewire.venue import Stage, Venue
from venuewire.venues import find
from venuewire.venues.ctrader.acceptor import host as ctrader
from venuewire.venues.ctrader.acceptor.stage import ROWS

SPREAD_IDS = 5_000_000


def symbols(venue: Venue, count: int) -> list[str]:
    """The instruments' names."""
    return [_symbol(venue.default_symbol, n) for n in range(count)]


def _symbol(usual: str, n: int) -> str:
    """As the venue writes them: with its market before, its currency behind, or neither."""
    market, colon, _ = usual.rpartition(":")
    _, dash, currency = usual.partition("-")
    return f"{market}{colon}B{n:03d}{dash}{currency}"


def wide(venue: Venue, count: int) -> Venue:
    """The venue, listing so many instruments like its usual one instead of its own."""

    def stage(random_hex: Callable[[int], str], now: Nanos) -> Stage:
        plain = venue.stage(random_hex, now)
        usual = next(it for it in plain.instruments if it.symbol == venue.default_symbol)
        price = plain.reference_prices[usual.symbol]
        listed = tuple(_like(usual, symbol, n) for n, symbol in enumerate(symbols(venue, count)))
        balances = {usual.currency: plain.balances.get(usual.currency, "1000000")}
        return replace(
            plain, instruments=listed, reference_prices={it.symbol: price for it in listed}, balances=balances
        )

    return replace(venue, stage=stage)


def _like(usual: Instrument, symbol: str, n: int) -> Instrument:
    coin = f"B{n:03d}"
    numbered = usual.security_id.isdigit()
    security_id = str(SPREAD_IDS + n) if numbered else symbol if usual.security_id == usual.symbol else coin
    return replace(usual, symbol=symbol, security_id=security_id, base=coin if usual.base else "")


def list_at_ctrader(count: int) -> None:
    """The sandbox's cTrader has its symbols in a table of its own, with all the venue tells of each."""
    usual = next(row for row in ROWS if row.name == find("ctrader").default_symbol)
    rows = tuple(
        usual._replace(symbol_id=SPREAD_IDS + n, name=_symbol(usual.name, n), price=str(Decimal(usual.price)))
        for n in range(count)
    )
    if "ROWS" not in vars(ctrader):
        raise RuntimeError("the sandbox's cTrader has its symbols elsewhere now")
    vars(ctrader)["ROWS"] = rows


def far_end(setting: Setting, count: int) -> FarEnd:
    """Its venues, each with so many instruments."""
    list_at_ctrader(count)
    return FarEnd(setting, [wide(find(name), count) for name in setting.venues], all_books=True)


if __name__ == "__main__":
    asyncio.run(serve(far_end(msgspec.json.decode(sys.argv[1], type=Setting), int(sys.argv[2]))))
