"""What our end remembers of the venue's rows, because a later one tells only what has changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from venuewire.model.account import Balance
from venuewire.model.instrument import Instrument
from venuewire.model.session import SecurityList
from venuewire.model.terms import Nanos
from venuewire.venues.finery import translate, wire


class Listed:
    """Instruments and the steps of their currencies: ticks and lots follow from both."""

    def __init__(self) -> None:
        self._rows: dict[str, wire.Instrument] = {}
        self._steps: dict[str, int] = {}

    def learn(self, listing: wire.Listing) -> tuple[Instrument, ...]:
        """All there is."""
        return self._know(listing.currencies, listing.instruments)

    def instrument(self, row: wire.Instrument) -> SecurityList:
        """A new one, or one that has changed."""
        return SecurityList(instruments=self._know((), (row,)))

    def gone(self, row: wire.Instrument) -> None:
        """It is listed no more."""
        self._rows.pop(row.name, None)

    def currency(self, row: wire.Currency) -> SecurityList:
        """Its instruments change with it."""
        return SecurityList(instruments=self._know((row,), ()))

    def _know(self, currencies: Sequence[wire.Currency], rows: Sequence[wire.Instrument]) -> tuple[Instrument, ...]:
        """The instruments that these rows and currencies touch."""
        self._steps.update({row.name: row.balanceStep for row in currencies})
        self._rows.update({row.name: row for row in rows})
        changed = {row.name for row in currencies}
        touched = {row.name: row for row in rows}
        touched |= {name: row for name, row in self._rows.items() if row.asset in changed or row.balance in changed}
        return tuple(translate.instrument_of(row, self._steps) for row in touched.values())


class Held:
    """Positions by currency and counterparty, told as balances by currency."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, int], int] = {}
        self._currencies: set[str] = set()

    def replace(self, rows: Iterable[wire.Position], now: Nanos) -> list[Balance]:
        """All there is. Of all currencies ever seen here: one that is gone is told as zero."""
        self._values = {(row.currency, row.counterpartyId): row.value for row in rows}
        self._currencies |= {currency for currency, _ in self._values}
        return translate.balances(self._values, sorted(self._currencies), now)

    def put(self, row: wire.Position, now: Nanos, *, gone: bool = False) -> list[Balance]:
        """One has changed."""
        key = row.currency, row.counterpartyId
        if gone:
            self._values.pop(key, None)
        else:
            self._values[key] = row.value
        self._currencies.add(row.currency)
        return translate.balances(self._values, (row.currency,), now)
