"""What the sandbox sets up for ALOR: three shares of MOEX, one of SPBX, a future; three portfolios of one owner."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from venuewire.model.instrument import Instrument
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venue import Stage
from venuewire.venues.alor.books import third_thursday

_SHARES = (
    # exchange, board, ticker, currency, lot, price step, where its market begins
    ("MOEX", "TQBR", "SBER", "RUB", 10, "0.01", "257.70"),
    ("MOEX", "TQBR", "GAZP", "RUB", 10, "0.01", "161.15"),
    ("MOEX", "TQBR", "LKOH", "RUB", 1, "0.5", "6950"),
    ("SPBX", "SPBX", "KO", "USD", 1, "0.01", "68.40"),
)
_FUTURE_BEGINS = "26120"
"""Points, which are roubles: a contract is of a hundred shares of SBER."""
_LEVERAGE = 5
_MONTHS = {3: "H", 6: "M", 9: "U", 12: "Z"}
_SHARES_HELD = {"SBER": "20000", "GAZP": "20000", "LKOH": "500", "KO": "1000"}


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


def future(now: Nanos) -> Instrument:
    """The nearest quarter's future on SBER that has a week to live: `SBRF-12.26`, for short `SRZ6` (6.8)."""
    year, month = _quarter(datetime.fromtimestamp(now // NANOS_PER_SECOND, UTC).date() + timedelta(days=7))
    ticker = f"SBRF-{month}.{year % 100:02d}"
    return Instrument(
        symbol=f"MOEX:{ticker}",
        security_id=ticker,
        base=f"SR{_MONTHS[month]}{year % 10}",
        currency="RUB",
        min_price_increment=Decimal(1),
        min_qty_increment=Decimal(1),
        min_trade_vol=Decimal(1),
        round_lot=Decimal(1),
        security_exchange="MOEX",
        market_segment_id="RFUD",
    )


def _quarter(day: date) -> tuple[int, int]:
    """Year and month of the next end of a quarter's futures."""
    for month in _MONTHS:
        if day <= third_thursday(day.year, month):
            return day.year, month
    return day.year + 1, 3


def stage(random_hex: Callable[[int], str], now: Nanos) -> Stage:
    """A portfolio of the share market, one of the derivatives market, one for both (6.8); a refresh token for all.

    The ready line names the first; the token's `portfolios` name all.
    """
    number = int(random_hex(8), 16) % 90_000 + 10_000
    derivative = future(now)
    return Stage(
        instruments=(*(_share(*share[:-1]) for share in _SHARES), derivative),
        reference_prices={f"{share[0]}:{share[2]}": share[-1] for share in _SHARES}
        | {derivative.symbol: _FUTURE_BEGINS},
        account=f"D{number}",
        balances={"RUB": "50000000", "USD": "200000", **_SHARES_HELD},
        further_accounts={
            f"75{number}": {"RUB": "5000000"},
            f"E{number}": {"RUB": "10000000", "SBER": "1000"},
        },
        futures={derivative.symbol: _LEVERAGE},
        credentials={"refresh_token": _uuid(random_hex(32)), "portfolio": f"D{number}"},
        short_selling=False,
    )


def _uuid(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
