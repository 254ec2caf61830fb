"""The accounts of one client: which of them is meant, and what the venue has told of each.

All of them are authorised on the same connection, so they belong to one application, one token and one broker: symbols
have the same ids in all. The first is meant where a command names none.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from venuewire.errors import LocalProtocolError
from venuewire.model.account import AccountSummary
from venuewire.model.terms import Nanos
from venuewire.venue import Seat
from venuewire.venues.ctrader import translate
from venuewire.venues.ctrader.initiator.holdings import Holdings
from venuewire.venues.ctrader.wire import model
from venuewire.venues.ctrader.wire.margin import GetPositionUnrealizedPnLRes
from venuewire.venues.ctrader.wire.words import AccessRights, AccountType

_HOMES_KEPT = 10_000


class Accounts:
    """What is known of each account in one life of the line."""

    def __init__(self, seat: Seat, ids: Callable[[], tuple[int, ...]]) -> None:
        self._seat = seat
        self._ids = ids
        self._holdings: dict[int, Holdings] = {}
        self.traders: dict[int, model.Trader] = {}
        """As last told."""
        self.assets: dict[int, str] = {}
        """Names by id; empty until they have been asked for."""
        self.homes: dict[str, int] = {}
        """Which account an order belongs to, where that is not the first."""

    @property
    def ids(self) -> tuple[int, ...]:
        """All of them, the first one first."""
        return self._ids()

    @property
    def main(self) -> int:
        """The first."""
        return self.ids[0]

    def chosen(self, account: str, order_id: str = "") -> int:
        """The account that an order is known to be of, or the one that is named, or the first.

        Raises `LocalProtocolError` for one that is not of this client.
        """
        if order_id in self.homes:
            return self.homes[order_id]
        if not account:
            return self.main
        found = next((number for number in self.ids if str(number) == account), None)
        if found is None:
            text = f"account {account} is not one of this client's: {', '.join(map(str, self.ids))}"
            raise LocalProtocolError(f"{text}; further ones are named by accountIds")
        return found

    def named(self, account: str) -> tuple[int, ...]:
        """The account that is named; without a name, all of them. Raises as `chosen`."""
        return (self.chosen(account),) if account else self.ids

    def holdings(self, account_id: int) -> Holdings:
        """What one account holds."""
        if account_id not in self._holdings:
            self._holdings[account_id] = Holdings(str(account_id), self._seat.by_security_id)
        return self._holdings[account_id]

    def holder(self, position_id: str, account: str) -> int:
        """The account a position is known to be of. Raises as `chosen`."""
        held = (number for number in self.named(account) if self.holdings(number).position(position_id) is not None)
        return next(held, self.chosen(account))

    def note_home(self, order_id: str, account: str) -> None:
        """An order of this account has been told of."""
        if account and account != str(self.main) and order_id not in self.homes:
            self.homes[order_id] = int(account)
            if len(self.homes) > _HOMES_KEPT:
                del self.homes[next(iter(self.homes))]

    def settle(self, trader: model.Trader) -> None:
        """2122, 2123: what the account is, and its balance."""
        self.traders[trader.ctid_trader_account_id] = trader
        currency = self.assets.get(trader.deposit_asset_id)
        # Without its currency an amount is not money: it will be asked for with the names of the assets.
        if currency is not None:
            self.holdings(trader.ctid_trader_account_id).settle(trader, currency)

    def currency(self, account_id: int) -> str:
        """The deposit currency; empty until it has been told."""
        trader = self.traders.get(account_id)
        return "" if trader is None else self.assets.get(trader.deposit_asset_id, "")

    def summary(self, account_id: int, told: GetPositionUnrealizedPnLRes, now: Nanos) -> AccountSummary:
        """The account as a whole, with what its open positions would gain if they were closed now."""
        held = self.holdings(account_id)
        digits = told.money_digits
        gain = sum((translate.amount(row.net_unrealized, digits) for row in told.positions), Decimal(0))
        balance, margin = held.balance, held.used_margin
        equity = None if balance is None else balance + gain
        return AccountSummary(
            currency=self.currency(account_id),
            equity=equity,
            available=None if equity is None else equity - margin,
            initial_margin=margin,
            unrealized_pnl=gain,
            figures=self._figures(account_id, balance),
            account=str(account_id),
            recv_time=now,
        )

    def _figures(self, account_id: int, balance: Decimal | None) -> dict[str, Decimal | str]:
        """The venue's other figures of an account, by its own names, money as money."""
        figures: dict[str, Decimal | str] = {} if balance is None else {"balance": balance}
        trader = self.traders.get(account_id)
        if trader is None:
            return figures
        bonuses = {
            "managerBonus": trader.manager_bonus,
            "ibBonus": trader.ib_bonus,
            "nonWithdrawableBonus": trader.non_withdrawable_bonus,
        }
        figures |= {
            name: translate.amount(value, trader.money_digits) for name, value in bonuses.items() if value is not None
        }
        if trader.leverage_in_cents is not None:
            figures["leverage"] = Decimal(trader.leverage_in_cents) / 100
        figures["accessRights"] = translate.name_of(AccessRights, trader.access_rights or 0)
        figures["accountType"] = translate.name_of(AccountType, trader.account_type or 0)
        if trader.broker_name:
            figures["brokerName"] = trader.broker_name
        return figures
