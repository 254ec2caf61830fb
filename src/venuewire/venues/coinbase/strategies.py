"""Orders that the venue works by a strategy of its own, both ways, and the plan of one; pure.

Page: REST reference, "Create Order" (`twap_limit_gtd`, `scaled_limit_gtc`). Both are LIMIT orders with a
`target_strategy`; `strategy_parameters` have the venue's own names and forms:

- `twap`: bought or sold in equal parts, one in each of `number_buckets` buckets of `bucket_duration` (`300s`) from
  `start_time` (RFC 3339) to `expire_time`, never beyond `price`. `bucket_size` may be given.
- `scaled`: `num_orders` limit orders between two prices. `price` is the worst of them, the highest of a purchase, the
  lowest of a sale; the other is `min_price`, or `max_price`. How prices and sizes lie between: `price_distribution`
  (FLAT, LINEAR_INCREASING, LINEAR_DECREASING), `size_distribution` (EVENLY_SPLIT, INCREASING, DECREASING) with
  `size_diff` or `size_ratio`.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from itertools import accumulate

from msgspec import UNSET, Struct, UnsetType, to_builtins

from venuewire.errors import LocalProtocolError, RemoteProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.orders import NewOrder
from venuewire.model.terms import NANOS_PER_SECOND, Nanos, OrdType, Side, TimeInForce
from venuewire.venues.coinbase import reasons
from venuewire.venues.coinbase.fields import Refused, check_sizes, end_of, number_of, price_of, text_of
from venuewire.venues.coinbase.texts import micros, nanos
from venuewire.venues.coinbase.wire import rest

TWAP, SCALED = "twap", "scaled"
KEYS: dict[str, str] = {TWAP: "twap_limit_gtd", SCALED: "scaled_limit_gtc"}
"""Our name -> the venue's configuration."""
NAMES = {key: name for name, key in KEYS.items()}
TYPE_WORDS = {TWAP: "Twap", SCALED: "Scaled"}
"""As `user` spells them; REST in capitals."""

_NEEDS: dict[str, frozenset[str]] = {
    TWAP: frozenset({"start_time", "number_buckets", "bucket_duration"}),
    SCALED: frozenset({"num_orders"}),
}
_TAKES: dict[str, frozenset[str]] = {
    TWAP: _NEEDS[TWAP] | {"bucket_size"},
    SCALED: _NEEDS[SCALED]
    | {"min_price", "max_price", "price_distribution", "size_distribution", "size_diff", "size_ratio"},
}
_LIVES = {TWAP: TimeInForce.GOOD_TILL_DATE, SCALED: TimeInForce.GOOD_TILL_CANCEL}
_PRICES = frozenset({"FLAT", "LINEAR_INCREASING", "LINEAR_DECREASING"})
_SIZES = frozenset({"EVENLY_SPLIT", "INCREASING", "DECREASING"})
MOST_PARTS = 200
"""Buckets, or orders, in one; the venue's own limit is not published."""
SHORTEST, LONGEST = 60 * NANOS_PER_SECOND, 7 * 86_400 * NANOS_PER_SECOND
"""How long a TWAP may take; likewise."""


# --------------------------------------------------------------------------- commands -> requests


def configuration_key(order: NewOrder) -> str:
    """The venue's name of the configuration. Raises `LocalProtocolError`."""
    key = KEYS.get(order.target_strategy)
    if key is None:
        raise LocalProtocolError(f"this venue works orders by {' or '.join(KEYS)}, not by {order.target_strategy!r}")
    return key


def check(order: NewOrder) -> None:
    """Has it what its strategy needs, and nothing else? Raises `LocalProtocolError`."""
    name = order.target_strategy
    configuration_key(order)
    given = frozenset(order.strategy_parameters)
    needed = _NEEDS[name] | ({_other_price(order.side)} if name == SCALED else frozenset[str]())
    if missing := sorted(needed - given):
        raise LocalProtocolError(f"{name} needs the parameters {', '.join(missing)}")
    if more := sorted(given - _TAKES[name] | ({_own_price(order.side)} & given)):
        raise LocalProtocolError(f"{name} does not take the parameters {', '.join(more)}")
    if order.ord_type is not OrdType.LIMIT or order.price is None:
        raise LocalProtocolError(f"{name} is a LIMIT order with a price")
    if (order.order_qty is None) == (order.cash_order_qty is None):
        raise LocalProtocolError("give order_qty or cash_order_qty, and not both")
    if order.time_in_force not in {None, _LIVES[name]} or (order.expire_time is None) == (name == TWAP):
        raise LocalProtocolError(f"{name} is {_LIVES[name]}, {'with' if name == TWAP else 'without'} an expire_time")
    plain = NewOrder(symbol="", side=order.side, ord_type=OrdType.LIMIT)
    for field in ("post_only", "stop_px", "max_floor", "stop_loss_px", "take_profit_px", "position_effect"):
        if getattr(order, field) != getattr(plain, field):
            raise LocalProtocolError(f"{name} takes no {field}")


def _own_price(side: Side) -> str:
    """Which end of a scaled order is `price`."""
    return "max_price" if side is Side.BUY else "min_price"


def _other_price(side: Side) -> str:
    return "min_price" if side is Side.BUY else "max_price"


def configuration(order: NewOrder) -> rest.Configuration:
    """The fields under the key."""
    own = {_own_price(order.side): text_of(order.price)} if order.target_strategy == SCALED else {}
    parameters: dict[str, str | int | UnsetType] = {**order.strategy_parameters, **own}
    if "num_orders" in parameters and str(parameters["num_orders"]).isdigit():
        parameters["num_orders"] = int(str(parameters["num_orders"]))
    return rest.Configuration(
        quote_size=text_of(order.cash_order_qty),
        base_size=text_of(order.order_qty),
        limit_price=UNSET if own else text_of(order.price),
        end_time=micros(order.expire_time) if order.expire_time else UNSET,
        **parameters,  # type: ignore[arg-type]  # the names were checked
    )


# --------------------------------------------------------------------------- requests -> commands


def new_order(
    key: str, fields: rest.Configuration, order: NewOrder, instrument: Instrument, now: Nanos
) -> NewOrder:  # fmt: skip
    """The command of a request whose plain parts `order` has. Raises `Refused`."""
    name = NAMES[key]
    size, cash = number_of(fields.base_size), number_of(fields.quote_size)
    if (size is None) == (cash is None):
        raise Refused(reasons.INVALID_REQUEST, "exactly one of base_size and quote_size is required")
    own = fields.limit_price if name == TWAP else getattr(fields, _own_price(order.side))
    given: dict[str, object] = to_builtins(fields)
    result = NewOrder(
        symbol=order.symbol,
        side=order.side,
        ord_type=OrdType.LIMIT,
        order_qty=size,
        cash_order_qty=cash,
        price=price_of(own, reasons.INVALID_PRICE),
        time_in_force=_LIVES[name],
        expire_time=end_of(fields.end_time, now) if name == TWAP else None,
        target_strategy=name,
        strategy_parameters={
            word: str(value)
            for word, value in given.items()
            if word in _TAKES[name] and value is not None and word != _own_price(order.side)
        },
        cl_ord_id=order.cl_ord_id,
        account=order.account,
    )
    check_sizes(result, instrument)
    _check_plan(plan(result, instrument), result, instrument)
    return result


# --------------------------------------------------------------------------- the plan


class Part(Struct, frozen=True):
    """One order of the plan: a size, or money, at a price, not before a time."""

    price: Decimal
    qty: Decimal | None
    cash: Decimal | None
    time: Nanos = 0


def plan(order: NewOrder, instrument: Instrument) -> list[Part]:
    """What the order is made of, in order. Raises `Refused` where its parameters make no sense."""
    return _buckets(order, instrument) if order.target_strategy == TWAP else _ladder(order, instrument)


def _count(order: NewOrder, name: str, refusal: reasons.Refusal) -> int:
    text = order.strategy_parameters.get(name, "")
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:9]) <= MOST_PARTS:
        raise Refused(refusal)
    return int(text)


def _buckets(order: NewOrder, instrument: Instrument) -> list[Part]:
    """Equal parts, one at the beginning of each bucket; rounding goes to the later ones."""
    count = _count(order, "number_buckets", reasons.INVALID_REQUEST)
    start, end = start_of(order), order.expire_time or 0
    length = seconds_of(order.strategy_parameters.get("bucket_duration", ""))
    if not start:
        raise Refused(reasons.NO_START_TIME)
    if end - start < SHORTEST or length * count > end - start:
        raise Refused(reasons.TOO_SHORT)
    if end - start > LONGEST:
        raise Refused(reasons.TOO_LONG)
    sizes = _shares(order, [Decimal(1)] * count, instrument)
    return [
        Part(Decimal(order.price or 0), qty, cash, start + at * length) for at, (qty, cash) in enumerate(sizes)
    ]  # fmt: skip


def start_of(order: NewOrder) -> Nanos:
    """When a TWAP begins; 0 where that is not told."""
    try:
        return nanos(order.strategy_parameters.get("start_time"))
    except RemoteProtocolError:
        return 0


def seconds_of(text: str) -> Nanos:
    """`300s` in nanoseconds. Raises `Refused`."""
    digits = text.removesuffix("s")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 9 or not int(digits):
        raise Refused(reasons.TOO_SHORT)
    return int(digits) * NANOS_PER_SECOND


def _ladder(order: NewOrder, instrument: Instrument) -> list[Part]:
    """From the lowest price to the highest."""
    count = _count(order, "num_orders", reasons.FEW_OR_MANY)
    words = order.strategy_parameters
    own = Decimal(order.price or 0)
    other = price_of(words.get(_other_price(order.side)), reasons.INVALID_PRICE)
    low, high = min(own, other), max(own, other)
    if count < 2 or (own < other) == (order.side is Side.BUY) or low == high:
        raise Refused(reasons.SCALED_INFEASIBLE)
    prices = [low + part * (high - low) for part in _steps(words.get("price_distribution", "FLAT"), count)]
    tick = instrument.min_price_increment
    prices = [(price / tick).to_integral_value(ROUND_FLOOR) * tick for price in prices]
    sizes = _shares(order, _weights(words, count), instrument)
    return [Part(price, qty, cash) for price, (qty, cash) in zip(prices, sizes, strict=True)]


def _steps(distribution: str, count: int) -> list[Decimal]:
    """How far from the lowest to the highest price each order lies, 0 to 1. ASSUMPTION: linear means the distances."""
    if distribution not in _PRICES:
        raise Refused(reasons.UNSUPPORTED)
    gaps = [1] * (count - 1) if distribution == "FLAT" else list(range(1, count))
    if distribution == "LINEAR_DECREASING":
        gaps.reverse()
    whole = Decimal(sum(gaps))
    return [Decimal(0), *(Decimal(part) / whole for part in accumulate(gaps))]


def _weights(words: dict[str, str], count: int) -> list[Decimal]:
    """Sizes relative to the first. ASSUMPTION: from the lowest price up; without a measure, 1, 2, 3, ..."""
    distribution = words.get("size_distribution", "EVENLY_SPLIT")
    if distribution not in _SIZES:
        raise Refused(reasons.UNSUPPORTED)
    difference, ratio = number_of(words.get("size_diff")), number_of(words.get("size_ratio"))
    if difference is not None and ratio is not None:
        raise Refused(reasons.SCALED_DISCREPANCY)
    if distribution == "EVENLY_SPLIT":
        return [Decimal(1)] * count
    if (ratio is not None and not 1 <= ratio <= 10) or (difference is not None and not 0 <= difference <= 10):
        raise Refused(reasons.SCALED_INFEASIBLE)
    rising = [
        ratio**at if ratio is not None else 1 + at * (Decimal(1) if difference is None else difference)
        for at in range(count)
    ]
    return rising if distribution == "INCREASING" else rising[::-1]


def _shares(
    order: NewOrder, weights: list[Decimal], instrument: Instrument
) -> list[tuple[Decimal | None, Decimal | None]]:  # fmt: skip
    """(size, money) of each part, in whole steps that add up to the whole."""
    in_money = order.cash_order_qty is not None
    whole = Decimal(order.cash_order_qty or order.order_qty or 0)
    step = instrument.min_price_increment if in_money else instrument.min_qty_increment
    total, upto = sum(weights, Decimal(0)), Decimal(0)
    shares: list[tuple[Decimal | None, Decimal | None]] = []
    done = Decimal(0)
    for weight in weights:
        upto += weight
        mark = whole if upto == total else (whole * upto / total / step).to_integral_value(ROUND_FLOOR) * step
        shares.append((None, mark - done) if in_money else (mark - done, None))
        done = mark
    return shares


def _check_plan(parts: list[Part], order: NewOrder, instrument: Instrument) -> None:
    twap = order.target_strategy == TWAP
    for part in parts:
        if part.qty is not None and part.qty < max(instrument.min_trade_vol, instrument.min_qty_increment):
            raise Refused(reasons.SMALL_BUCKET if twap else reasons.SCALED_INFEASIBLE)
        if part.cash is not None and part.cash < 1:
            raise Refused(reasons.SMALL_CASH_BUCKET if twap else reasons.SCALED_INFEASIBLE)
