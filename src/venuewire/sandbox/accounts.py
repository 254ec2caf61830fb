"""What is checked before an order reaches the book, and whose money is where. Pure.

Everything is counted in integers: prices and quantities in the instrument's scales, money and coins in the finest unit
that any trade of this exchange can move (`Ledger.scales`). So nothing is rounded when a fill is settled, and the sum
over all accounts is the same after any run of orders.

Two kinds of exchange:

- delivery (the ordinary kind): a buyer pays price times quantity and receives what was bought. A working order reserves
  what it may cost; `available` is never negative, except for what may be sold short.
- netting: fills change a position, and closing one books its profit or loss in one currency. There the sum over all
  accounts of (balance less the cost of open positions) is constant, as far as instruments are priced in that currency.

An exchange of the ordinary kind may have futures as well: their positions net in the currency they are priced in, and
bind a part of what they cost as margin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from venuewire.model.account import Balance, Position
from venuewire.model.terms import Nanos, OrdRejReason, decimal
from venuewire.sandbox.listing import LEVERAGE, Listing, Refused, exact, whole
from venuewire.sandbox.notes import Funds, Money, told_balance, told_position

_LEAST_SCALE: Final = 8


class Holding:
    """What an account holds of one instrument: quantity (negative is short) and what it cost, in the same sign."""

    __slots__ = ("cost", "qty")

    def __init__(self, qty: int = 0, cost: int = 0) -> None:
        self.qty = qty
        self.cost = cost

    def change(self, qty: int, price: int) -> int:
        """Buy (or, negative, sell) at a price; the profit or loss of what was closed by it."""
        held = self.qty
        if held * qty >= 0:
            self.qty += qty
            self.cost += qty * price
            return 0
        closed = qty if abs(qty) <= abs(held) else -held
        released = self.cost * abs(closed) // abs(held)
        self.qty += closed
        self.cost -= released
        opened = qty - closed
        self.qty += opened
        self.cost += opened * price
        return -closed * price - released


class Account:
    """One account's money, reservations and holdings."""

    __slots__ = ("balances", "holdings", "name", "reserved")

    def __init__(self, name: str) -> None:
        self.name = name
        self.balances: dict[str, int] = {}
        self.reserved: dict[str, int] = {}
        self.holdings: dict[str, Holding] = {}

    def available(self, currency: str) -> int:
        """What a new order may use."""
        return self.balances.get(currency, 0) - self.reserved.get(currency, 0)

    def add(self, currency: str, amount: int) -> None:
        """Book an amount; negative takes it away."""
        self.balances[currency] = self.balances.get(currency, 0) + amount

    def reserve(self, currency: str, amount: int) -> None:
        """Set an amount aside; negative gives it back. Whoever calls has looked at `available`."""
        self.reserved[currency] = self.reserved.get(currency, 0) + amount


class Ledger:
    """All accounts of one exchange."""

    def __init__(
        self,
        listings: Iterable[Listing],
        marks: Mapping[str, int],
        *,
        short_selling: bool = False,
        netting_currency: str = "",
        futures: Mapping[str, int] | None = None,
    ) -> None:
        """`futures`: symbols that net in their own currency, and how many times its margin such a position may cost."""
        self.listings = {listing.symbol: listing for listing in listings}
        for listing in self.listings.values():
            own = listing.currency if futures and listing.symbol in futures else ""
            listing.netting = netting_currency or own
            listing.leverage = futures[listing.symbol] if futures and own else LEVERAGE
        self.short_selling = short_selling
        self.netting_currency = netting_currency
        self.marks = dict(marks)
        """The newest price of each symbol; the exchange keeps it."""
        self.scales = self._scales()
        for listing in self.listings.values():
            listing.cash_unit = 10 ** (self.scales[listing.currency] - listing.notional_scale)
            listing.coin_unit = 10 ** (self.scales[listing.base] - listing.qty_scale)
        self.accounts: dict[str, Account] = {}
        self._netted = frozenset(listing.netting for listing in self.listings.values()) - {""}
        if netting_currency:
            for listing in self.listings.values():
                self.converted(0, listing.instrument.currency)

    def _scales(self) -> dict[str, int]:
        scales: dict[str, int] = {}
        for listing in self.listings.values():
            instrument = listing.instrument
            for currency, scale in (
                (instrument.base, listing.qty_scale),
                (instrument.currency, listing.notional_scale),
            ):
                scales[currency] = max(scales.get(currency, _LEAST_SCALE), scale)
        if self.netting_currency:
            scales.setdefault(self.netting_currency, _LEAST_SCALE)
        return scales

    def open(self, name: str, balances: Mapping[str, str | Decimal]) -> Account:
        """A new account. What it begins with of a base currency counts as bought at the newest price.

        Raises `ValueError` for a name that is taken or a balance finer than anything here moves.
        """
        if name in self.accounts:
            raise ValueError(f"account {name!r} exists already")
        account = Account(name)
        for currency, text in balances.items():
            number = decimal(text, f"balance in {currency}")
            amount = whole(number, self.scales.setdefault(currency, _LEAST_SCALE))
            if amount is None:
                raise ValueError(f"balance in {currency} has more than {self.scales[currency]} decimals: {number}")
            account.balances[currency] = amount
            self._found(account, currency, amount)
        self.accounts[name] = account
        return account

    def _found(self, account: Account, currency: str, amount: int) -> None:
        listing = next((x for x in self.listings.values() if x.instrument.base == currency and not x.netting), None)
        if listing is not None and amount:
            qty = amount // 10 ** (self.scales[currency] - listing.qty_scale)
            account.holdings[listing.symbol] = Holding(qty, qty * self.marks.get(listing.symbol, 0))

    # ------------------------------------------------------------------------------------------------ before the book

    def hold(self, listing: Listing, price: int, *, is_buy: bool) -> tuple[str, int]:
        """What a working order reserves for each unit of quantity: (currency, amount)."""
        if is_buy:
            return listing.currency, 0 if listing.netting else price * listing.cash_unit
        return listing.base, 0 if listing.netting or self.short_selling else listing.coin_unit

    def afford(self, account: Account, currency: str, amount: int, freed: int = 0) -> None:
        """Refuse what is more than the account may use; `freed` is what the order itself holds already."""
        free = self._free(account, currency) + freed
        if amount > free:
            scale = self.scales.get(currency, 0)
            raise Refused(
                OrdRejReason.ORDER_EXCEEDS_LIMIT,
                f"not enough {currency}: {exact(amount, scale):f} needed, {exact(free, scale):f} available",
            )

    def afford_margin(self, account: Account, listing: Listing, qty: int, price: int) -> None:
        """Refuse a change of position (negative sells) that needs more margin than is free; no margin no question."""
        currency = listing.netting
        if not currency:
            return
        holding = account.holdings.get(listing.symbol)
        held = holding.qty if holding else 0
        more = abs(held + qty) - abs(held)
        if more <= 0:
            return
        needed = self._worth(listing, more * price) // listing.leverage
        free = self._free(account, currency)
        if needed > free:
            scale = self.scales[currency]
            raise Refused(
                OrdRejReason.ORDER_EXCEEDS_LIMIT,
                f"not enough {currency}: {exact(needed, scale):f} of margin needed, {exact(free, scale):f} available",
            )

    def _free(self, account: Account, currency: str) -> int:
        """What is neither reserved by orders nor bound as margin."""
        free = account.balances.get(currency, 0) - account.reserved.get(currency, 0)
        return free - self._bound(account, currency) if currency in self._netted else free

    def _bound(self, account: Account, currency: str) -> int:
        """The margin of the positions that net in a currency."""
        bound = 0
        for symbol, holding in account.holdings.items():
            listing = self.listings[symbol]
            if listing.netting == currency:
                bound += self._worth(listing, abs(holding.cost)) // listing.leverage
        return bound

    def _worth(self, listing: Listing, notional: int) -> int:
        """Money in the currency a position nets in."""
        amount = notional * listing.cash_unit
        return amount if listing.netting == listing.currency else self.converted(amount, listing.currency)

    def converted(self, amount: int, currency: str) -> int:
        """Money in the netting currency, at the newest price of an instrument between the two, to the nearest unit.

        Raises `ValueError` where there is no such instrument.
        """
        netting = self.netting_currency
        if currency == netting:
            return amount
        top: int = 10 ** self.scales[netting]
        bottom: int = 10 ** self.scales[currency]
        for listing in self.listings.values():
            pair = (listing.instrument.base, listing.instrument.currency)
            point: int = 10**listing.price_scale
            if pair == (currency, netting):
                return _nearest(amount * top * self.marks[listing.symbol], bottom * point)
            if pair == (netting, currency):
                return _nearest(amount * top * point, bottom * self.marks[listing.symbol])
        raise ValueError(f"no instrument here tells what {currency} is worth in {netting}")

    # ------------------------------------------------------------------------------------------------ after a fill

    def settle(self, account: Account, listing: Listing, qty: int, price: int, *, is_buy: bool) -> None:
        """One side of a fill."""
        signed = qty if is_buy else -qty
        holding = account.holdings.get(listing.symbol)
        if holding is None:
            holding = account.holdings[listing.symbol] = Holding()
        profit = holding.change(signed, price)
        if not listing.netting:
            balances, currency, base = account.balances, listing.currency, listing.base
            balances[currency] = balances.get(currency, 0) - signed * price * listing.cash_unit
            balances[base] = balances.get(base, 0) + signed * listing.coin_unit
        elif profit:
            account.add(listing.netting, self._worth(listing, profit))

    # ------------------------------------------------------------------------------------------------ for people

    def funds(self, account: Account, listing: Listing, now: Nanos) -> Funds:
        """What an account has of an instrument, and of the currencies a fill of it moves."""
        holding = account.holdings[listing.symbol]
        money: tuple[Money, ...] = (self._money(account, listing.netting or listing.currency),)
        if not listing.netting:
            money = (*money, self._money(account, listing.base))
        return Funds(account.name, listing, holding.qty, holding.cost, money, now)

    def _money(self, account: Account, currency: str) -> Money:
        scale = self.scales.get(currency, _LEAST_SCALE)
        return currency, account.balances.get(currency, 0), self._free(account, currency), scale

    def balance(self, account: Account, currency: str) -> Balance:
        """Money or coins of one currency."""
        return told_balance(account.name, self._money(account, currency), 0)

    def balances(self, account: Account) -> list[Balance]:
        """All of them, in alphabetical order."""
        return [self.balance(account, currency) for currency in sorted(account.balances)]

    def position(self, account: Account, symbol: str) -> Position:
        """What is held of one instrument; zero when nothing is."""
        holding = account.holdings.get(symbol) or Holding()
        return told_position(account.name, self.listings[symbol], holding.qty, holding.cost, 0)

    def positions(self, account: Account) -> list[Position]:
        """All that are not zero, in the order of the instruments."""
        held = account.holdings
        return [self.position(account, symbol) for symbol in self.listings if symbol in held and held[symbol].qty]


def _nearest(top: int, bottom: int) -> int:
    """The quotient to the nearest whole, the same for both signs."""
    sign = -1 if top < 0 else 1
    return sign * ((2 * abs(top) + bottom) // (2 * bottom))
