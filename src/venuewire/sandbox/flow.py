"""Seeded participants who make a living market: spread, depth, trades, drift. Pure: the same seed and the same calls
give the same orders.

Two accounts of each market do it. The maker keeps a ladder: a grid of prices around a middle that walks at random,
one order on each rung, never taking. The taker crosses the spread now and then, and takes out whatever stands where
the maker wants to quote, a client's order too: the market does not stop at an order that is in its way.

Each `step` does a bounded amount of work, however long ago the last one was.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from random import Random

from venuewire.model.orders import CancelOrder, NewOrder, ReplaceOrder
from venuewire.model.terms import NANOS_PER_MILLI, Nanos, OrdRejReason, OrdType, Side, TimeInForce
from venuewire.sandbox.exchange import SandboxExchange
from venuewire.sandbox.listing import Listing, exact
from venuewire.sandbox.notes import RefusedChange, RefusedOrder, Step
from venuewire.sandbox.port import AccountPort

INTERVAL = 50 * NANOS_PER_MILLI
"""Between two steps of the market, and a little more."""

_RUNGS = 30
"""Orders the maker keeps on each side."""
_SLACK = 10
"""Rungs beyond those that may stay for a while: depth breathes between 20 and 40."""
_WORK = 4
"""Rungs mended for each symbol and step."""

_GRID = 50_000
"""A rung is this part of the price apart from the next (0.2 basis points), a tick at least."""
_BAND = 20
"""The middle stays within one part in this many of where it began (5 %)."""
_NOTIONAL = 5_000
"""Money in an ordinary order of the maker; sizes are one to ten times that."""

_MONEY = 10**15
"""What each participant begins with of every currency: more than any run can move."""


class _Market:
    """One symbol's ladder. Rungs are counted from price zero, so that the grid never moves."""

    __slots__ = ("centre", "gap", "listing", "middle", "rungs", "swept_at", "unit")

    def __init__(self, listing: Listing, reference: int) -> None:
        self.listing = listing
        self.gap = max(1, reference // _GRID // listing.tick) * listing.tick
        self.centre = self.middle = max(1, reference // self.gap)
        """The best bid stands on the middle rung, the best ask on the one above."""
        self.rungs: dict[tuple[Side, int], str] = {}
        """Order ids of the maker by side and rung."""
        self.unit = self._usual_size(reference)
        self.swept_at: int | None = None
        """Where the middle was when the last order away from it had gone."""

    def _usual_size(self, reference: int) -> int:
        listing = self.listing
        wanted: int = _NOTIONAL * 10**listing.notional_scale // reference
        unit = max(wanted, listing.least) // listing.step * listing.step
        # A least that is no multiple of the step is rounded up; a most is kept far away.
        unit = max(unit, -(-listing.least // listing.step) * listing.step)
        return unit if listing.most is None else min(unit, max(listing.least, listing.most // 20))

    def wanted(self, side: Side, rung: int) -> bool:
        """Is this rung part of the ladder, or near enough to stay?"""
        depth = self.middle - rung if side is Side.BUY else rung - self.middle - 1
        return 0 <= depth < _RUNGS + _SLACK and rung > 0


class Flow:
    """The participants of one venue."""

    def __init__(
        self,
        exchange: SandboxExchange,
        reference_prices: Mapping[str, str | Decimal],
        seed: int | str = 1,
        pace: Nanos = INTERVAL,
    ) -> None:
        self._exchange = exchange
        self.pace = pace
        """Time between two steps; may be changed, and holds from the next step on."""
        self._random = Random(f"flow {seed}")
        self._maker = self._participant("maker")
        self._taker = self._participant("taker")
        self._markets = [
            _Market(exchange.limits(symbol), exchange.limits(symbol).price(str(price)))
            for symbol, price in reference_prices.items()
        ]
        self._paused = False
        self._next: Nanos = 0

    def _participant(self, name: str) -> AccountPort:
        currencies = {
            currency
            for instrument in self._exchange.instruments.values()
            for currency in (instrument.base, instrument.currency)
        } | {self._exchange.ledger.netting_currency} - {""}
        return self._exchange.open_account(f"flow-{name}", dict.fromkeys(sorted(currencies), str(_MONEY)), quiet=True)

    # ------------------------------------------------------------------------------------------------ for the server

    @property
    def paused(self) -> bool:
        return self._paused

    def pause(self) -> None:
        """No more orders until `resume`; those that stand stay."""
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def next_step(self) -> Nanos | None:
        """When `step` wants to be called; None while paused."""
        return None if self._paused else self._next

    def shift(self, nanos: Nanos) -> None:
        """The clock `step` is called with was moved by so much; the market goes on as if it was not."""
        self._next += nanos

    def open(self, now: Nanos) -> None:
        """Build every ladder whole and trade a little, so that there is a market from the first moment."""
        for market in self._markets:
            for depth in range(_RUNGS):
                self._mend(market, Side.BUY, market.middle - depth, now)
                self._mend(market, Side.SELL, market.middle + 1 + depth, now)
            for side in (Side.BUY, Side.SELL, Side.BUY):
                self._order(self._taker, market, side, self._size(market, 1), None, OrdType.MARKET, now)
            self._fill(market, now)
        self._next = now + self.pace

    def step(self, now: Nanos) -> None:
        """A few orders for each symbol."""
        if self._paused:
            return
        for market in self._markets:
            self._walk(market)
            self._sweep(market, now)
            self._fill(market, now)
            self._stir(market, now)
        self._next = now + self.pace + self._random.randrange(max(1, self.pace // 5))

    # ------------------------------------------------------------------------------------------------ one symbol

    def _walk(self, market: _Market) -> None:
        """The middle moves a rung up or down, or not; the further from where it began, the likelier back."""
        draw = self._random.random()
        reach = max(1, market.centre // _BAND)
        lean = (market.centre - market.middle) / reach
        if draw < 0.15 * (1 + lean):
            market.middle += 1
        elif draw > 1 - 0.15 * (1 - lean):
            market.middle = max(market.middle - 1, 1)

    def _sweep(self, market: _Market, now: Nanos) -> None:
        """Take away a few orders that are on the wrong side of the middle by now, or too far from it."""
        if market.swept_at == market.middle:
            return  # orders are put on wanted rungs only: none has become stale since
        stale = [rung for rung in market.rungs if not market.wanted(*rung)]
        if len(stale) <= _WORK:
            market.swept_at = market.middle
        for side, rung in sorted(stale, key=lambda key: abs(key[1] - market.middle))[:_WORK]:
            # The market trades through what it overtakes about as often as that is taken away in time.
            if self._random.random() < 0.5 and abs(rung - market.middle) <= 2:
                self._take(market, side.opposite, rung, now)
            self._withdraw(market, side, rung, now)

    def _fill(self, market: _Market, now: Nanos) -> None:
        """Put orders on a few empty rungs, those at the top first."""
        work, rungs, working, middle = _WORK, market.rungs, self._maker.working, market.middle
        for depth in range(_RUNGS):
            for key in ((Side.BUY, middle - depth), (Side.SELL, middle + 1 + depth)):
                if rungs.get(key) in working:
                    continue
                rungs.pop(key, None)
                self._mend(market, *key, now)
                work -= 1
                if not work:
                    return

    def _stir(self, market: _Market, now: Nanos) -> None:
        """A size changes somewhere, a rung empties, somebody crosses the spread."""
        draw = self._random.random()
        side = self._random.choice((Side.BUY, Side.SELL))
        if draw < 0.45:
            self._resize(market, now)
        elif draw < 0.6 and market.rungs:
            self._withdraw(market, *self._random.choice(list(market.rungs)), now)
        elif draw < 0.85:
            qty = self._size(market, self._random.choice((1, 1, 2, 3, 5)))
            self._order(self._taker, market, side, qty, None, OrdType.MARKET, now)

    # ------------------------------------------------------------------------------------------------ orders

    def _size(self, market: _Market, units: int) -> int:
        """So many usual sizes, a bit more or less, in whole steps."""
        step, least = market.listing.step, market.unit
        jitter = market.unit // step // 4
        size = market.unit * units + step * (self._random.randint(-jitter, jitter) if jitter else 0)
        return max(size, least)

    def _mend(self, market: _Market, side: Side, rung: int, now: Nanos) -> None:
        """An order of the maker on this rung; what stands in its way is traded with."""
        if rung <= 0:
            return
        qty = self._size(market, self._random.randint(1, 10))
        note = self._order(self._maker, market, side, qty, rung, OrdType.LIMIT, now)
        if isinstance(note, Step):
            market.rungs[side, rung] = note.terms.order_id
        elif note.reason is OrdRejReason.POST_ONLY_WOULD_CROSS:
            self._take(market, side, rung, now)

    def _take(self, market: _Market, side: Side, rung: int, now: Nanos) -> None:
        """Trade with the other side up to this rung."""
        best = self._exchange.best(market.listing.symbol, side.opposite)
        if best is None:
            return
        step = market.listing.step
        qty = min(max(best[1] // step * step, market.listing.least), market.unit * 10)
        self._order(self._taker, market, side, qty, rung, OrdType.LIMIT, now)

    def _withdraw(self, market: _Market, side: Side, rung: int, now: Nanos) -> None:
        order_id = market.rungs.pop((side, rung), None)
        if order_id is not None and order_id in self._maker.working:
            self._maker.perform(
                CancelOrder(
                    symbol=market.listing.symbol,
                    side=side,
                    ord_type=OrdType.LIMIT,
                    order_id=order_id,
                    orig_cl_ord_id="",
                ),
                now,
            )

    def _resize(self, market: _Market, now: Nanos) -> None:
        if not market.rungs:
            return
        side, rung = self._random.choice(list(market.rungs))
        ticket = self._maker.working.get(market.rungs[side, rung])
        if ticket is None:
            return
        qty = ticket.cum + self._size(market, self._random.randint(1, 10))
        if market.listing.most is not None and qty > market.listing.most:
            return
        self._maker.perform(
            ReplaceOrder(
                symbol=market.listing.symbol,
                side=side,
                ord_type=OrdType.LIMIT,
                order_id=ticket.told_id,
                orig_cl_ord_id="",
                cl_ord_id="",
                order_qty=exact(qty, market.listing.qty_scale),
            ),
            now,
        )

    def _order(
        self,
        port: AccountPort,
        market: _Market,
        side: Side,
        qty: int,
        rung: int | None,
        ord_type: OrdType,
        now: Nanos,
    ) -> Step | RefusedOrder:
        """What first became of an order. The maker's rest and never take, the taker's never rest."""
        resting = port is self._maker
        listing = market.listing
        notes = port.perform(
            NewOrder(
                symbol=listing.symbol,
                side=side,
                ord_type=ord_type,
                order_qty=exact(qty, listing.qty_scale),
                price=None if rung is None else exact(rung * market.gap, listing.price_scale),
                time_in_force=TimeInForce.GOOD_TILL_CANCEL if resting else TimeInForce.IMMEDIATE_OR_CANCEL,
                post_only=resting,
            ),
            now,
        )
        first = notes[0]
        assert not isinstance(first, RefusedChange), "a new order is taken in or refused"
        return first
