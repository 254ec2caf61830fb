"""What the sandbox lists: currencies with their balance steps, instruments, and the account of the ready line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from venuewire.model.instrument import Instrument
from venuewire.model.terms import Nanos
from venuewire.venue import Stage
from venuewire.venues.finery import translate, wire

_NETWORKS = (
    wire.Network("SWIFT", "Bank transfer", 1),
    wire.Network("BTC", "Bitcoin", 2),
    wire.Network("ERC20", "Ethereum", 3),
)

# Balance steps as page "Data types" and observed listings have them: cents, 1e-6 and 1e-8.
_CURRENCIES = {
    row.name: row
    for row in (
        wire.Currency("USD", 4725, 1_000_000, 100_000_000, "fiat", ["SWIFT"]),
        wire.Currency("EUR", 19109, 1_000_000, 109_000_000, "fiat", ["SWIFT"]),
        wire.Currency("USDT", 660085, 100, 100_000_000, "stablecoin", ["ERC20"]),
        wire.Currency("BTC", 3714, 1, 6_400_000_000_000, "crypto", ["BTC"]),
        wire.Currency("ETH", 3715, 1, 320_000_000_000, "crypto", ["ERC20"]),
    )
}

_INSTRUMENTS = (
    wire.Instrument("BTC-USD", 4955410050, "BTC", "USD"),
    wire.Instrument("ETH-USD", 4955410051, "ETH", "USD"),
    wire.Instrument("BTC-USDT", 4955410052, "BTC", "USDT"),
    # The number that the page "Websocket API" binds, and the name that it orders: its messages are served as printed.
    wire.Instrument("BTC-EUR", 42, "BTC", "EUR"),
)


# What habit `new_listing` brings; its number is of the kind the others have, and nobody's here.
_NEW_CURRENCY = wire.Currency("OP", 121, 1, 180_000_000, "crypto", ["ERC20"])
_NEW_INSTRUMENT = wire.Instrument("OP-USD", 4955410053, "OP", "USD")
_CHEAPER = 99_900_000


class Change(Struct, frozen=True):
    """Of the listing, as feed I tells it."""

    feed: str
    """I, or C where it is about a currency."""
    action: str
    row: wire.Currency | wire.Instrument

    def payload(self) -> list[object]:
        """Currencies are told without their networks."""
        places: list[object] = wire.plain(self.row)[:5]
        return places


class Listing(Struct, frozen=True):
    """The currencies and instruments of one sandbox, found by name or by number as feeds and requests name them."""

    currencies: dict[str | int, wire.Currency]
    instruments: dict[str | int, Instrument]
    untraded: dict[str, wire.Instrument]
    """Listed, but not to be traded by anyone here."""

    def rows(self) -> wire.Listing:
        """The reply of `instruments`."""
        by_name = [row for key, row in self.currencies.items() if isinstance(key, str)]
        named = [it for key, it in self.instruments.items() if isinstance(key, str)]
        instruments = [wire.Instrument(it.symbol, int(it.security_id), it.base, it.currency) for it in named]
        return wire.Listing(by_name, [*instruments, *self.untraded.values()], list(_NETWORKS))

    def extend(self) -> list[Change]:
        """List more, and value one currency anew."""
        self._put(_NEW_CURRENCY)
        self.untraded[_NEW_INSTRUMENT.name] = _NEW_INSTRUMENT
        return [Change("C", "+", _NEW_CURRENCY), Change("I", "+", _NEW_INSTRUMENT), *self._value(_CHEAPER)]

    def shrink(self) -> list[Change]:
        """Take that back."""
        del self.untraded[_NEW_INSTRUMENT.name]
        for key in (_NEW_CURRENCY.name, _NEW_CURRENCY.id):
            del self.currencies[key]
        return [
            Change("I", "-", _NEW_INSTRUMENT),
            Change("C", "-", _NEW_CURRENCY),
            *self._value(_CURRENCIES["USDT"].usdPrice),
        ]

    def _value(self, price: int) -> list[Change]:
        row = self.currencies.get("USDT")
        return [] if row is None else [Change("C", "M", self._put(replace(row, usdPrice=price)))]

    def _put(self, row: wire.Currency) -> wire.Currency:
        self.currencies[row.name] = self.currencies[row.id] = row
        return row

    def feed_rows(self) -> list[object]:
        """The snapshot of feed I: currencies without their networks, instruments."""
        rows = self.rows()
        return [[wire.plain(row)[:5] for row in rows.currencies], wire.plain(rows.instruments)]

    def step(self, currency: str) -> int:
        """The balance step of a currency, in 1e-8."""
        row = self.currencies.get(currency)
        return row.balanceStep if row is not None else 1

    def price(self, currency: str) -> int:
        """What a unit of it is worth in dollars, in 1e-8."""
        row = self.currencies.get(currency)
        return row.usdPrice if row is not None else 0


def listing(instruments: Iterable[Instrument]) -> Listing:
    """The listing of these instruments. A currency nobody described gets its step from the instrument."""
    by_id: dict[str | int, Instrument] = {}
    currencies: dict[str | int, wire.Currency] = {}
    for it in instruments:
        for key in (it.symbol, int(it.security_id)):
            by_id[key] = it
        for name, increment in ((it.base, it.min_qty_increment), (it.currency, it.min_price_increment)):
            row = _CURRENCIES.get(name) or _described(name, increment, len(currencies))
            for key in (row.name, row.id):
                currencies.setdefault(key, row)
    return Listing(currencies, by_id, {})


def _described(name: str, increment: Decimal, n: int) -> wire.Currency:
    return wire.Currency(name, 900_000 + n, max(1, translate.to_wire(increment) or 1), 0, "crypto", [])


def stage(random_hex: Callable[[int], str], now: Nanos) -> Stage:
    """The sandbox's market: four instruments, and an account that may do what makers and takers may (a master)."""
    steps = {name: row.balanceStep for name, row in _CURRENCIES.items()}
    return Stage(
        instruments=tuple(translate.instrument_of(row, steps) for row in _INSTRUMENTS),
        reference_prices={"BTC-USD": "64000", "ETH-USD": "3200", "BTC-USDT": "64010", "BTC-EUR": "58715"},
        account=f"FM-{random_hex(8)}",
        balances={"USD": "50000000", "EUR": "50000000", "USDT": "50000000", "BTC": "1000", "ETH": "10000"},
        credentials={"key": random_hex(44), "secret": random_hex(44)},
        short_selling=True,
    )
