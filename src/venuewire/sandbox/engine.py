"""Price-time matching for one symbol, in integers. Pure: no clock, no chance, no I/O, no Decimal.

Prices and quantities are integers in the instrument's scales; whoever calls has checked them. The engine knows nothing
of money or of reports. A command leaves what happened in `fills` (who met whom) and `rows` (what each price now
holds), which the caller takes with `take_fills` and `take_rows`.

How a price level is kept: both sides are a list of keys sorted with the best last, and a dict from key to level. A key
is the price for bids and the negated price for asks, so that one piece of code serves both: bigger is better, and a
taker meets a far level while `key >= -taker.key`. Orders of a level are a linked list, oldest first: any order leaves
without a search.

Stop orders are held beside the book. A pass that traded at or through a trigger price puts the order into a queue, in
the order in which the stops were accepted; the caller takes it from there (`next_triggered`), looks whether it can
still be paid for, and calls `activate` or `cancel`.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections import deque
from typing import Final, Generic, Self, TypeAlias, TypeVar

from venuewire.model.market import SET_ASK, SET_BID, LevelRow
from venuewire.model.terms import Nanos, OrdRejReason

# Where an order stands.
NEW: Final = 0
RESTING: Final = 1
HELD: Final = 2
TRIGGERED: Final = 3
DONE: Final = 4

# What becomes of what is not filled at once: it rests, it is dropped, or nothing is filled at all.
REST: Final = 0
DROP: Final = 1
ALL_OR_NOTHING: Final = 2

_ANY_PRICE: Final = 1 << 200
"""Key of an order without a limit: better than any price there can be."""

_EXPIRY_SLACK: Final = 1024
"""Dead entries the expiry heap may hold before it is built anew."""


class Order:
    """One order as the engine sees it. `leaves` is what is not filled yet; `state` says where the order is."""

    __slots__ = (
        "after",
        "before",
        "budget",
        "expire",
        "is_buy",
        "key",
        "leaves",
        "level",
        "life",
        "order_id",
        "owner",
        "planned",
        "post_only",
        "price",
        "seq",
        "short",
        "state",
        "stop_px",
    )

    def __init__(
        self,
        order_id: int,
        owner: str,
        qty: int,
        price: int | None,
        life: int = REST,
        stop_px: int | None = None,
        budget: int | None = None,
        expire: Nanos | None = None,
        *,
        is_buy: bool,
        post_only: bool = False,
    ) -> None:
        self.order_id = order_id
        self.owner = owner
        self.is_buy = is_buy
        self.price = price
        """None: at any price."""
        self.key = _ANY_PRICE if price is None else price if is_buy else -price
        self.leaves = qty
        self.life = life
        self.stop_px = stop_px
        self.budget = budget
        """Size in money (price scale plus quantity scale) instead of `qty`; for orders that do not rest."""
        self.planned = 0
        """The quantity the budget was found to buy."""
        self.short = False
        """The book was too thin to use up the budget."""
        self.expire = expire
        self.post_only = post_only
        self.seq = 0
        self.state = NEW
        self.level: _Level[Self] | None = None
        self.before: Self | None = None
        self.after: Self | None = None


OrderT = TypeVar("OrderT", bound=Order)
"""Whoever calls may hand in orders that know more than the engine asks."""

Fill: TypeAlias = tuple[OrderT, OrderT, int, int]
"""(taker, maker, quantity, price)"""

Top: TypeAlias = tuple[int | None, int, int | None, int]
"""(best bid, its size, best ask, its size); None and 0 where a side is empty"""


def _key(price: int | None, *, is_buy: bool) -> int:
    if price is None:
        return _ANY_PRICE
    return price if is_buy else -price


class _Level(Generic[OrderT]):
    """One price: its orders, oldest first, and their sum."""

    __slots__ = ("head", "key", "size", "tail")

    def __init__(self, key: int, order: OrderT) -> None:
        self.key = key
        self.size = order.leaves
        self.head: OrderT = order
        self.tail: OrderT = order


class _Half(Generic[OrderT]):
    """One side of the book."""

    __slots__ = ("keys", "levels", "sign", "what")

    def __init__(self, what: int, sign: int) -> None:
        self.what = what
        self.sign = sign
        self.keys: list[int] = []
        self.levels: dict[int, _Level[OrderT]] = {}

    def add(self, order: OrderT) -> int:
        """At the end of its price's queue; the new size there."""
        key = order.key
        level = self.levels.get(key)
        if level is None:
            self.levels[key] = order.level = _Level(key, order)
            keys = self.keys
            # Most new prices are close to the best, which is last; appending needs no search.
            if not keys or key > keys[-1]:
                keys.append(key)
            else:
                insort(keys, key)
            return order.leaves
        tail = level.tail
        tail.after = order
        order.before = tail
        level.tail = order
        order.level = level
        level.size += order.leaves
        return level.size

    def remove(self, order: OrderT) -> int:
        """Out of the book, wherever it stands; the new size of its price."""
        level = order.level
        assert level is not None, "an order that rests has a level"
        before, after = order.before, order.after
        order.level = order.before = order.after = None
        if before is None and after is None:
            self._drop(level.key)
            return 0
        if before is None:
            assert after is not None
            level.head = after
        else:
            before.after = after
        if after is None:
            assert before is not None
            level.tail = before
        else:
            after.before = before
        level.size -= order.leaves
        return level.size

    def _drop(self, key: int) -> None:
        del self.levels[key]
        keys = self.keys
        if keys[-1] == key:
            keys.pop()
        else:
            del keys[bisect_left(keys, key)]


class Engine(Generic[OrderT]):
    """The book of one symbol and the stop orders beside it."""

    def __init__(self, step: int = 1) -> None:
        self.step = step
        """Smallest quantity and multiple of all; only orders sized in money need to know."""
        self.bids: _Half[OrderT] = _Half(SET_BID, 1)
        self.asks: _Half[OrderT] = _Half(SET_ASK, -1)
        self.orders: dict[int, OrderT] = {}
        """Resting and held ones."""
        self.last: int | None = None
        """Price of the newest trade."""
        self.fills: list[Fill[OrderT]] = []
        self.rows: list[LevelRow] = []
        self._seq = 0
        # (trigger price, negated for sells; seq; order): the next to be triggered first.
        self._buy_stops: list[tuple[int, int, OrderT]] = []
        self._sell_stops: list[tuple[int, int, OrderT]] = []
        self._triggered: deque[OrderT] = deque()
        self._expiries: list[tuple[Nanos, int, OrderT]] = []

    # ------------------------------------------------------------------------------------------------ commands

    def submit(self, order: OrderT) -> OrdRejReason | None:
        """Take in a new order. A reason means that it was refused and nothing has changed.

        Otherwise it RESTS, is HELD or TRIGGERED (a stop), or is DONE: filled, or with `leaves` that were dropped.
        """
        self._seq += 1
        order.seq = self._seq
        if order.stop_px is not None:
            self._hold(order)
        else:
            refused = self._enter(order)
            if refused is not None:
                return refused
        if order.expire is not None and order.order_id in self.orders:
            self._expire_later(order)
        return None

    def activate(self, order: OrderT) -> OrdRejReason | None:
        """A triggered stop becomes a market or limit order. A reason means that it is gone without a fill."""
        refused = self._enter(order)
        if refused is not None:
            order.state = DONE
        elif order.expire is not None and order.state == RESTING:
            self._expire_later(order)
        return refused

    def cancel(self, order_id: int) -> OrderT | None:
        """Take an order out; None if it neither rests nor is held."""
        order = self.orders.pop(order_id, None)
        if order is None:
            return None
        if order.state == RESTING:
            self._unrest(order)
        elif order.state == HELD:
            self._release(order)
        order.state = DONE
        return order

    def replace(self, order_id: int, leaves: int, price: int | None, stop_px: int | None = None) -> OrdRejReason | None:
        """Change what is left of an order, and its prices.

        Less at the same price keeps its place in the queue; anything else goes to the end of it and may trade at
        once. A reason means that it was refused and the order stands as it stood.
        """
        order = self.orders.get(order_id)
        if order is None:
            return OrdRejReason.UNKNOWN_ORDER
        if order.state == HELD:
            self._release(order)
            self._set_terms(order, leaves, price)
            order.stop_px = stop_px
            self._hold(order)
            return None
        if price == order.price and leaves <= order.leaves:
            self._shrink(order, leaves)
            return None
        return self._move(order, leaves, price)

    def advance(self, now: Nanos) -> list[OrderT]:
        """Take out the orders whose time has ended by `now`, the earliest first."""
        ended: list[OrderT] = []
        expiries = self._expiries
        while expiries and expiries[0][0] <= now:
            when, _, order = heapq.heappop(expiries)
            if self._ends(when, order):
                self.cancel(order.order_id)
                ended.append(order)
        return ended

    def end_at(self, order: OrderT, when: Nanos | None) -> None:
        """Move the end of a working order; None: it has none."""
        order.expire = when
        if when is not None and order.order_id in self.orders:
            self._expire_later(order)

    def next_expiry(self) -> Nanos | None:
        """When `advance` has something to do."""
        expiries = self._expiries
        while expiries and not self._ends(expiries[0][0], expiries[0][2]):
            heapq.heappop(expiries)
        return expiries[0][0] if expiries else None

    # ------------------------------------------------------------------------------------------------ what came of it

    def take_fills(self) -> list[Fill[OrderT]]:
        """Fills since the last call, in order."""
        fills, self.fills = self.fills, []
        return fills

    def take_rows(self) -> list[LevelRow]:
        """Rows since the last call: absolute sizes. A price may occur more than once; its last row counts."""
        rows, self.rows = self.rows, []
        return rows

    def next_triggered(self) -> OrderT | None:
        """The next stop order whose price was reached: `activate` it, or leave it be and it is gone."""
        while self._triggered:
            order = self._triggered.popleft()
            if order.state == TRIGGERED:
                del self.orders[order.order_id]
                order.state = DONE
                return order
        return None

    # ------------------------------------------------------------------------------------------------ questions

    def best(self, *, is_buy: bool) -> tuple[int, int] | None:
        """Best price of a side and its size."""
        half = self.bids if is_buy else self.asks
        if not half.keys:
            return None
        key = half.keys[-1]
        return half.sign * key, half.levels[key].size

    def top(self) -> Top:
        """Both sides' best."""
        bids, asks = self.bids, self.asks
        bid = ask = None
        bid_size = ask_size = 0
        if bids.keys:
            bid = bids.keys[-1]
            bid_size = bids.levels[bid].size
        if asks.keys:
            key = asks.keys[-1]
            ask, ask_size = -key, asks.levels[key].size
        return bid, bid_size, ask, ask_size

    def depth(self, limit: int | None = None, *, is_buy: bool) -> list[tuple[int, int]]:
        """(price, size) of a side, best first."""
        half = self.bids if is_buy else self.asks
        keys = half.keys if limit is None else half.keys[max(0, len(half.keys) - limit) :]
        return [(half.sign * key, half.levels[key].size) for key in reversed(keys)]

    def takeable(self, qty: int, price: int | None, *, is_buy: bool) -> tuple[int, int]:
        """What an order of this size and limit would find now: (quantity, price times quantity)."""
        far = self.asks if is_buy else self.bids
        limit = -_key(price, is_buy=is_buy)
        found = notional = 0
        for key in reversed(far.keys):
            if key < limit or found == qty:
                break
            take = min(far.levels[key].size, qty - found)
            found += take
            notional += take * far.sign * key
        return found, notional

    def objection(self, order: OrderT) -> OrdRejReason | None:
        """Why `submit` would refuse this order now."""
        far = self.asks if order.is_buy else self.bids
        return self._refusal(order, far) if far.keys and far.keys[-1] >= -order.key else None

    def affordable(self, budget: int, price: int | None, *, is_buy: bool) -> tuple[int, int, bool]:
        """What a sum of money finds now, in whole steps: (quantity, price times quantity, is the book too thin)."""
        far = self.asks if is_buy else self.bids
        limit = -_key(price, is_buy=is_buy)
        found = notional = 0
        for key in reversed(far.keys):
            if key < limit:
                break
            level_price = far.sign * key
            wanted = (budget - notional) // level_price // self.step * self.step
            take = min(far.levels[key].size, wanted)
            found += take
            notional += take * level_price
            if take == wanted:
                return found, notional, False
        return found, notional, True

    # ------------------------------------------------------------------------------------------------ the book

    def _enter(self, order: OrderT) -> OrdRejReason | None:
        """Match what can be matched, rest or drop what is left."""
        far = self.asks if order.is_buy else self.bids
        if order.budget is not None:
            order.planned, _, order.short = self.affordable(order.budget, order.price, is_buy=order.is_buy)
            order.leaves = order.planned
        keys = far.keys
        if keys and keys[-1] >= -order.key:
            refused = self._refusal(order, far)
            if refused is not None:
                return refused
            if order.life == REST or self._may_take(order):
                self._take(order, far)
        if order.leaves and order.life == REST:
            self._rest(order)
        else:
            order.state = DONE
        return None

    def _refusal(self, order: OrderT, far: _Half[OrderT]) -> OrdRejReason | None:
        """Why an order that would trade on arrival may not."""
        if order.post_only:
            return OrdRejReason.POST_ONLY_WOULD_CROSS
        owner, left, limit = order.owner, order.leaves, -order.key
        levels = far.levels
        for key in reversed(far.keys):
            if key < limit:
                return None
            resting: OrderT | None = levels[key].head
            while resting is not None:
                if resting.owner == owner:
                    return OrdRejReason.SELF_TRADE
                left -= resting.leaves
                if left <= 0:
                    return None
                resting = resting.after
        return None

    def _may_take(self, order: OrderT) -> bool:
        """All-or-nothing orders look first; the others take what there is."""
        if order.life != ALL_OR_NOTHING:
            return True
        if order.budget is not None:
            return not order.short
        return self.takeable(order.leaves, order.price, is_buy=order.is_buy)[0] == order.leaves

    def _take(self, taker: OrderT, far: _Half[OrderT]) -> None:
        """Meet the far side, best price first and oldest first, up to the limit or the size."""
        keys, levels, sign, what = far.keys, far.levels, far.sign, far.what
        limit, left = -taker.key, taker.leaves
        fills, rows, orders = self.fills, self.rows, self.orders
        first = price = sign * keys[-1]
        while left and keys:
            key = keys[-1]
            if key < limit:
                break
            price = sign * key
            level = levels[key]
            maker = level.head
            while True:
                size = maker.leaves
                if size > left:
                    maker.leaves = size - left
                    level.size -= left
                    fills.append((taker, maker, left, price))
                    left = 0
                    break
                left -= size
                level.size -= size
                fills.append((taker, maker, size, price))
                after = maker.after
                maker.leaves = 0
                maker.state = DONE
                maker.level = maker.after = None
                del orders[maker.order_id]
                if after is None:
                    keys.pop()
                    del levels[key]
                    break
                after.before = None
                level.head = maker = after
                if not left:
                    break
            rows.append((what, price, level.size))
        taker.leaves = left
        self.last = price
        if self._buy_stops or self._sell_stops:
            self._trigger(min(first, price), max(first, price))

    def _rest(self, order: OrderT) -> None:
        half = self.bids if order.is_buy else self.asks
        order.state = RESTING
        self.orders[order.order_id] = order
        size = half.add(order)
        self.rows.append((half.what, half.sign * order.key, size))

    def _unrest(self, order: OrderT) -> None:
        half = self.bids if order.is_buy else self.asks
        size = half.remove(order)
        self.rows.append((half.what, half.sign * order.key, size))

    def _shrink(self, order: OrderT, leaves: int) -> None:
        half = self.bids if order.is_buy else self.asks
        level = order.level
        assert level is not None, "an order that rests has a level"
        level.size -= order.leaves - leaves
        order.leaves = leaves
        self.rows.append((half.what, half.sign * order.key, level.size))

    def _move(self, order: OrderT, leaves: int, price: int | None) -> OrdRejReason | None:
        """To the end of a queue, its own or another price's, unless the way there is closed."""
        was_leaves, was_price = order.leaves, order.price
        self._set_terms(order, leaves, price)
        far = self.asks if order.is_buy else self.bids
        if far.keys and far.keys[-1] >= -order.key:
            refused = self._refusal(order, far)
            if refused is not None:
                self._set_terms(order, was_leaves, was_price)
                return refused
        self._set_terms(order, was_leaves, was_price)
        self._unrest(order)
        del self.orders[order.order_id]
        self._set_terms(order, leaves, price)
        return self._enter(order)

    @staticmethod
    def _set_terms(order: Order, leaves: int, price: int | None) -> None:
        order.leaves = leaves
        order.price = price
        order.key = _key(price, is_buy=order.is_buy)

    # ------------------------------------------------------------------------------------------------ stops and ends

    def _hold(self, order: OrderT) -> None:
        """Beside the book until a trade reaches its price; at once if the last one has."""
        self.orders[order.order_id] = order
        stop, last = order.stop_px, self.last
        assert stop is not None, "a stop order has a trigger price"
        if last is not None and (last >= stop if order.is_buy else last <= stop):
            order.state = TRIGGERED
            self._triggered.append(order)
            return
        order.state = HELD
        insort(self._stops_of(order), (stop if order.is_buy else -stop, order.seq, order))

    def _release(self, order: OrderT) -> None:
        stops, stop = self._stops_of(order), order.stop_px
        assert stop is not None, "a stop order has a trigger price"
        # seq is unique, so that orders themselves are never compared.
        del stops[bisect_left(stops, (stop if order.is_buy else -stop, order.seq))]

    def _stops_of(self, order: OrderT) -> list[tuple[int, int, OrderT]]:
        return self._buy_stops if order.is_buy else self._sell_stops

    def _trigger(self, low: int, high: int) -> None:
        """Trades happened between these prices: queue the stops they reached, the oldest first."""
        reached: list[tuple[int, OrderT]] = []
        for stops, bound in ((self._buy_stops, high), (self._sell_stops, -low)):
            end = bisect_right(stops, (bound, self._seq + 1))
            reached += [(seq, order) for _, seq, order in stops[:end]]
            del stops[:end]
        for _, order in sorted(reached):
            order.state = TRIGGERED
            self._triggered.append(order)

    def _ends(self, when: Nanos, order: OrderT) -> bool:
        """Does this entry still hold: the order works, and its end has not been moved?"""
        return self.orders.get(order.order_id) is order and order.expire == when

    def _expire_later(self, order: OrderT) -> None:
        assert order.expire is not None
        expiries = self._expiries
        heapq.heappush(expiries, (order.expire, order.seq, order))
        if len(expiries) > 2 * len(self.orders) + _EXPIRY_SLACK:
            self._expiries = [entry for entry in expiries if self._ends(entry[0], entry[2])]
            heapq.heapify(self._expiries)
