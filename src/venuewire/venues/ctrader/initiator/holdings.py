"""What the venue has told us of one account: positions by id, and the balance. Pure.

Balances come in three ways: asked for (2121), after a closing deal, and after a deposit. What a new order may use is
reckoned as balance less the margin of the open positions: unrealised profit and loss is not in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from venuewire.model.account import Balance, Position
from venuewire.model.instrument import Instrument
from venuewire.model.terms import Nanos
from venuewire.venues.ctrader import translate
from venuewire.venues.ctrader.wire import model, words
from venuewire.venues.ctrader.wire.trading import ExecutionEvent


class Holdings:
    """Positions and money of the account, as last told."""

    def __init__(self, account: str, instruments: Mapping[str, Instrument]) -> None:
        self.account = account
        self._instruments = instruments
        self._positions: dict[str, Position] = {}
        self._margins: dict[str, Decimal] = {}
        self._balance: Decimal | None = None
        self._currency = ""

    def restate(self, positions: Iterable[model.Position], now: Nanos) -> None:
        """2125: these positions and no others."""
        self._positions.clear()
        self._margins.clear()
        for found in positions:
            self._keep(found, now)

    def settle(self, trader: model.Trader, currency: str) -> None:
        """2122, 2123: the balance, in the deposit currency."""
        self._balance = translate.amount(trader.balance, trader.money_digits)
        self._currency = currency

    def positions(self) -> tuple[Position, ...]:
        """Open positions, in the order they were told."""
        return tuple(self._positions.values())

    def position(self, position_id: str) -> Position | None:
        """One open position; None for one we were not told of."""
        return self._positions.get(position_id)

    @property
    def balance(self) -> Decimal | None:
        """In the deposit currency; None until it has been told."""
        return self._balance

    @property
    def used_margin(self) -> Decimal:
        """What the open positions bind, in the deposit currency."""
        return sum(self._margins.values(), Decimal(0))

    def margin_changed(self, position_id: int, used_margin: int, money_digits: int | None, now: Nanos) -> list[Balance]:
        """2141: what is available has changed, without a fill."""
        if str(position_id) not in self._positions:
            return []
        self._margins[str(position_id)] = translate.amount(used_margin, money_digits)
        return list(self.balances(now))

    def balances(self, now: Nanos) -> tuple[Balance, ...]:
        """The balance, once it is known."""
        if self._balance is None:
            return ()
        available = self._balance - self.used_margin
        return (
            Balance(
                currency=self._currency,
                total=self._balance,
                available=available,
                account=self.account,
                recv_time=now,
            ),
        )

    def executed(self, event: ExecutionEvent, now: Nanos) -> list[Position | Balance]:
        """What an execution changed here; nothing where it changed nothing."""
        before = self.balances(0)
        told: list[Position | Balance] = []
        if event.position is not None and self._concerns(event, event.position):
            told += self._keep(event.position, now)
        self._settle_deal(event)
        if self.balances(0) != before:
            told += self.balances(now)
        return told

    def _concerns(self, event: ExecutionEvent, found: model.Position) -> bool:
        """The empty shell of a pending order is not a position; one that we knew, or that has traded, is."""
        is_open = found.position_status in {None, words.PositionStatus.OPEN} and found.trade_data.volume > 0
        return is_open or event.deal is not None or str(found.position_id) in self._positions

    def _keep(self, found: model.Position, now: Nanos) -> list[Position | Balance]:
        position = translate.position(found, self.account, self._instruments, now)
        old = self._positions.pop(position.position_id, None)
        self._margins.pop(position.position_id, None)
        if position.qty:
            self._positions[position.position_id] = position
            self._margins[position.position_id] = translate.amount(found.used_margin or 0, found.money_digits)
        is_same = old is not None and (old.qty, old.avg_px) == (position.qty, position.avg_px)
        return [] if is_same else [position]

    def _settle_deal(self, event: ExecutionEvent) -> None:
        detail = None if event.deal is None else event.deal.close_position_detail
        if detail is not None and detail.balance is not None:
            self._settle_amount(detail.balance, detail.money_digits)
        if event.deposit_withdraw is not None:
            self._settle_amount(event.deposit_withdraw.balance, event.deposit_withdraw.money_digits)

    def _settle_amount(self, balance: int, money_digits: int | None) -> None:
        # Without the currency, which only 2122 tells, an amount is not money.
        if self._balance is not None:
            self._balance = translate.amount(balance, money_digits)
