"""What the sandbox sets up for ALOR: three shares of the main board, one portfolio with roubles and some of each."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from venuewire.model.instrument import Instrument
from venuewire.model.terms import Nanos
from venuewire.venue import Stage

_SHARES = (
    # ticker, lot, price step, where its market begins
    ("SBER", 10, "0.01", "257.70"),
    ("GAZP", 10, "0.01", "161.15"),
    ("LKOH", 1, "0.5", "6950"),
)


def _share(ticker: str, lot: int, step: str) -> Instrument:
    return Instrument(
        symbol=f"MOEX:{ticker}",
        security_id=ticker,
        base=ticker,
        currency="RUB",
        min_price_increment=Decimal(step),
        min_qty_increment=Decimal(lot),
        min_trade_vol=Decimal(lot),
        round_lot=Decimal(lot),
        security_exchange="MOEX",
        market_segment_id="TQBR",
    )


def stage(random_hex: Callable[[int], str], _now: Nanos) -> Stage:
    """A portfolio of the share market (`D...`, 6.8) and a refresh token for it."""
    portfolio = f"D{int(random_hex(8), 16) % 90_000 + 10_000}"
    return Stage(
        instruments=tuple(_share(ticker, lot, step) for ticker, lot, step, _ in _SHARES),
        reference_prices={f"MOEX:{ticker}": price for ticker, _, _, price in _SHARES},
        account=portfolio,
        balances={"RUB": "50000000", "SBER": "20000", "GAZP": "20000", "LKOH": "500"},
        credentials={"refresh_token": _uuid(random_hex(32)), "portfolio": portfolio},
        short_selling=False,
    )


def _uuid(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
