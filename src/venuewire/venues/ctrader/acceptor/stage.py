"""What the sandbox trades at this venue: four symbols with the values recorded from a real server (sheet, scaling)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from venuewire.model.instrument import Instrument
from venuewire.model.terms import Nanos
from venuewire.venue import Stage
from venuewire.venues.ctrader import signing, translate
from venuewire.venues.ctrader.positions import Tariff
from venuewire.venues.ctrader.wire import model
from venuewire.venues.ctrader.wire.words import CommissionType, TradingMode

DEPOSIT = "USD"
BALANCE = "1000000"
ASSETS = {15: "USD", 5: "EUR", 6: "GBP", 17: "XAU", 1261: "US100"}
_IDS = {name: asset_id for asset_id, name in ASSETS.items()}
DEPOSIT_ASSET = _IDS[DEPOSIT]


class Row(NamedTuple):
    """One symbol of the sandbox; volumes in hundredths of a unit."""

    symbol_id: int
    name: str
    description: str
    base: str
    digits: int
    pip: int
    lot: int
    least: int
    step: int
    most: int
    commission: int
    rate: int
    unit: str
    price: str
    swap_long: str
    """Pips a night, for each unit; below zero is a cost."""
    swap_short: str
    quote: str = DEPOSIT
    fee: int = 0
    """`pnlConversionFeeRate`: hundredths of a percent of what is gained or lost in another currency."""


_PER_LOT, _PERCENT = CommissionType.USD_PER_LOT.value, CommissionType.PERCENTAGE_OF_VALUE.value
# id, name, description, base; digits, pip; lot, least, step, most
# commission and its rate; unit; price; swaps; quote and fee where that is not the deposit currency
ROWS = (
    Row(
        *(1, "EURUSD", "Euro vs US Dollar", "EUR", 5, 4, 10**7, 10**5, 10**5, 10**10),
        *(_PER_LOT, 250 * 10**6, "", "1.14811", "-0.72", "0.31"),
    ),
    Row(
        *(2, "GBPUSD", "Pound, Dollar", "GBP", 5, 4, 10**7, 10**5, 10**5, 10**10),
        *(_PER_LOT, 250 * 10**6, "", "1.3124", "-0.28", "-0.25"),
    ),
    Row(
        *(7, "EURGBP", "Euro, Pound", "EUR", 5, 4, 10**7, 10**5, 10**5, 10**10),
        *(_PER_LOT, 250 * 10**6, "", "0.87482", "-0.41", "0.12", "GBP", 30),
    ),
    Row(
        *(41, "XAUUSD", "Gold, Dollar", "XAU", 2, 0, 10**4, 100, 100, 10**9),
        *(_PERCENT, 70, "Contracts", "3327.45", "-0.52", "0.2"),
    ),
    Row(
        *(275, "US100.cash", "Nasdaq 100", "US100", 2, 0, 100, 1, 1, 10**5),
        *(_PER_LOT, 0, "Contracts", "21480.50", "-3.6", "0.9"),
    ),
)
_WEEK = 7 * 24 * 3600
_CATEGORY = {"XAUUSD": 9, "US100.cash": 13}
_FOREX = 11
ASSET_CLASSES = (
    model.AssetClass(id=1, name="Forex", sorting_number=Decimal("1.0")),
    model.AssetClass(id=2, name="Metals", sorting_number=Decimal("2.0")),
    model.AssetClass(id=3, name="Indices", sorting_number=Decimal("3.0")),
)
CATEGORIES = (
    model.SymbolCategory(id=_FOREX, asset_class_id=1, name="Forex Majors", sorting_number=Decimal("1.0")),
    model.SymbolCategory(id=9, asset_class_id=2, name="Precious Metals", sorting_number=Decimal("2.0")),
    model.SymbolCategory(id=13, asset_class_id=3, name="Cash Indices", sorting_number=Decimal("3.0")),
)
LEVERAGE_ID = 1001
SWAP_MINUTE = 21 * 60
"""When a night is charged for: minutes after midnight, UTC."""
TRIPLE_DAY = 3
"""The day, Monday being 1, on which the weekend's nights are charged for as well."""
SECOND_BALANCE = "50000"
"""What the second account of the same owner begins with."""


def assets_of(row: Row) -> tuple[int, int]:
    """Base and quote, by id."""
    return _IDS[row.base], _IDS[row.quote]


def light_symbol(row: Row) -> model.LightSymbol:
    """As 2115 lists it."""
    return model.LightSymbol(
        symbol_id=row.symbol_id,
        symbol_name=row.name,
        enabled=True,
        base_asset_id=_IDS[row.base],
        quote_asset_id=_IDS[row.quote],
        symbol_category_id=_CATEGORY.get(row.name, _FOREX),
        description=row.description,
        sorting_number=Decimal(f"{row.symbol_id}.0"),
    )


def full_symbol(row: Row, mode: TradingMode = TradingMode.ENABLED, *, guaranteed: bool = False) -> model.Symbol:
    """As 2117 details it. The sandbox never closes: one interval is the whole week."""
    return model.Symbol(
        symbol_id=row.symbol_id,
        digits=row.digits,
        pip_position=row.pip,
        enable_short_selling=True,
        guaranteed_stop_loss=guaranteed,
        swap_rollover3_days=TRIPLE_DAY,
        swap_long=Decimal(row.swap_long),
        swap_short=Decimal(row.swap_short),
        max_volume=row.most,
        min_volume=row.least,
        step_volume=row.step,
        max_exposure=10**13,
        schedule=(model.Interval(start_second=0, end_second=_WEEK),),
        commission=row.rate if row.commission == _PERCENT else row.rate // 10**6,
        commission_type=row.commission,
        sl_distance=0,
        tp_distance=0,
        gsl_distance=0,
        gsl_charge=0,
        distance_set_in=1,
        min_commission=0,
        min_commission_type=1,
        min_commission_asset=DEPOSIT,
        rollover_commission=0,
        skip_rollover_days=0,
        schedule_time_zone="UTC",
        trading_mode=mode.value,
        rollover_commission3_days=3,
        lot_size=row.lot,
        precise_trading_commission_rate=row.rate,
        precise_min_commission=0,
        pnl_conversion_fee_rate=row.fee,
        leverage_id=LEVERAGE_ID,
        swap_period=24,
        swap_time=SWAP_MINUTE,
        skip_swap_periods=0,
        charge_swap_at_weekends=False,
        measurement_units=row.unit,
    )


def tariff(row: Row) -> Tariff:
    """What trading it costs."""
    return Tariff(row.commission, row.rate, row.lot, row.fee)


def instruments() -> tuple[Instrument, ...]:
    """The same symbols in the units of the library."""
    return tuple(translate.instrument(light_symbol(row), full_symbol(row), ASSETS) for row in ROWS)


def stage(random_hex: Callable[[int], str], now: Nanos) -> Stage:
    """The sandbox's symbols, the two accounts of its one owner, and fresh credentials for the first."""
    account_id = 40_000_000 + int(random_hex(6), 16) % 9_000_000
    return Stage(
        instruments=instruments(),
        reference_prices={row.name: row.price for row in ROWS},
        account=str(account_id),
        balances={DEPOSIT: BALANCE},
        further_accounts={str(account_id + 1): {DEPOSIT: SECOND_BALANCE}},
        credentials={
            "clientId": f"{10_000 + int(random_hex(4), 16)}_{signing.new_token(random_hex)}",
            "clientSecret": signing.new_token(random_hex),
            "accountId": account_id,
            "accessToken": signing.new_token(random_hex),
            "refreshToken": signing.new_token(random_hex),
        },
        short_selling=True,
        netting_currency=DEPOSIT,
    )
