"""What the sandbox's Coinbase is set up with: three coins, one account, one key."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from venuewire.model.instrument import Instrument
from venuewire.model.terms import Nanos
from venuewire.venue import Stage
from venuewire.venues.coinbase import signing

_MARKETS = (
    # coin, where its market begins, largest order
    ("BTC", "64000", "3400"),
    ("ETH", "3200", "50000"),
    ("SOL", "150", "1000000"),
)
_CURRENCY = "USD"
_INCREMENT, _LOT, _SMALLEST = Decimal("0.01"), Decimal("0.00000001"), Decimal("0.00000001")


def _uuid(digits: str) -> str:
    """Random hex digits in the shape of a uuid of version 4."""
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"


def instruments() -> tuple[Instrument, ...]:
    """Ticks and sizes as the venue's own products have them."""
    return tuple(
        Instrument(
            symbol=f"{coin}-{_CURRENCY}",
            security_id=f"{coin}-{_CURRENCY}",
            base=coin,
            currency=_CURRENCY,
            min_price_increment=_INCREMENT,
            min_qty_increment=_LOT,
            min_trade_vol=_SMALLEST,
            max_trade_vol=Decimal(largest),
        )
        for coin, _, largest in _MARKETS
    )


def stage(random_hex: Callable[[int], str], now: Nanos) -> Stage:
    """Made anew at each start: the account is a portfolio's uuid, the key a P-256 key as the venue hands out."""
    name = f"organizations/{_uuid(random_hex(32))}/apiKeys/{_uuid(random_hex(32))}"
    return Stage(
        instruments=instruments(),
        reference_prices={f"{coin}-{_CURRENCY}": price for coin, price, _ in _MARKETS},
        account=_uuid(random_hex(32)),
        balances={"USD": "10000000", "USDC": "1000000", "BTC": "100", "ETH": "2000", "SOL": "50000"},
        credentials={"key_name": name, "private_key": signing.make_private_key(random_hex(64))},
        short_selling=False,
    )
