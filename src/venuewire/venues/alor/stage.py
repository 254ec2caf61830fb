"""What the sandbox sets up for ALOR: three shares of MOEX, one of SPBX, one portfolio with money and some of each."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from venuewire.model.instrument import Instrument
from venuewire.model.terms import Nanos
from venuewire.venue import Stage

_SHARES = (
    # exchange, board, ticker, currency, lot, price step, where its market begins
    ("MOEX", "TQBR", "SBER", "RUB", 10, "0.01", "257.70"),
    ("MOEX", "TQBR", "GAZP", "RUB", 10, "0.01", "161.15"),
    ("MOEX", "TQBR", "LKOH", "RUB", 1, "0.5", "6950"),
    ("SPBX", "SPBX", "KO", "USD", 1, "0.01", "68.40"),
)


def _share(exchange: str, board: str, ticker: str, currency: str, lot: int, step: str) -> Instrument:
    return Instrument(
        symbol=f"{exchange}:{ticker}",
        security_id=ticker,
        base=ticker,
        currency=currency,
        min_price_increment=Decimal(step),
        min_qty_increment=Decimal(lot),
        min_trade_vol=Decimal(lot),
        round_lot=Decimal(lot),
        security_exchange=exchange,
        market_segment_id=board,
    )


def stage(random_hex: Callable[[int], str], _now: Nanos) -> Stage:
    """A portfolio of the share market (`D...`, 6.8) and a refresh token for it."""
    portfolio = f"D{int(random_hex(8), 16) % 90_000 + 10_000}"
    return Stage(
        instruments=tuple(_share(*share[:-1]) for share in _SHARES),
        reference_prices={f"{share[0]}:{share[2]}": share[-1] for share in _SHARES},
        account=portfolio,
        balances={"RUB": "50000000", "USD": "200000", "SBER": "20000", "GAZP": "20000", "LKOH": "500", "KO": "1000"},
        credentials={"refresh_token": _uuid(random_hex(32)), "portfolio": portfolio},
        short_selling=False,
    )


def _uuid(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
