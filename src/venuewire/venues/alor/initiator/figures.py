"""Figures of an account, states of an instrument, estimates: wire records as events (3.6.4, 3.6.7, 5.5). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec
from msgspec import UNSET, UnsetType

from venuewire.codec import checked
from venuewire.errors import LocalProtocolError
from venuewire.model.account import AccountSummary
from venuewire.model.instrument import Instrument
from venuewire.model.market import SecurityStatus
from venuewire.model.orders import NewOrder
from venuewire.model.session import OrderEstimate
from venuewire.model.terms import Nanos, OrdType, Side
from venuewire.venues.alor import terms
from venuewire.venues.alor.wire import account, groups
from venuewire.venues.alor.wire.status import InstrumentStatus

_TRADING, _NOT_TRADING = 17, frozenset({2, 18, 103})
"""Trading; break, closed, closing period (6.6). In an auction some orders are taken and others not."""
_IN_WORDS = frozenset({"buyingPower", "portfolioLiquidationValue", "initialMargin"})
"""Fields of a summary that our words hold."""
_ROUBLES = "RUB"


def summary_event(record: account.Summary, portfolio: str, now: Nanos) -> AccountSummary:
    """A portfolio's money. Its other figures keep the names of the format Simple; those by currency add it."""
    return AccountSummary(
        currency=_ROUBLES,
        equity=terms.figure(record.portfolioLiquidationValue),
        available=terms.figure(record.buyingPower),
        initial_margin=terms.figure(record.initialMargin),
        figures=_figures(record),
        account=portfolio,
        recv_time=now,
    )


def _figures(record: account.Summary) -> dict[str, Decimal | str]:
    found: dict[str, Decimal | str] = {}
    for name in account.SummarySimple.__struct_fields__:
        figure = terms.figure(getattr(record, name))
        if figure is not None and name not in _IN_WORDS:
            found[name] = figure
    for power in _powers(record):
        figure = terms.figure(power.buyingPower)
        if figure is not None and isinstance(power.currency, str):
            found[f"buyingPower {power.currency}"] = figure
    return found


def _powers(record: account.Summary) -> Iterable[account.PowerSimple | account.PowerSlim]:
    """One example has the list under another key (3.14)."""
    if isinstance(record, account.SummarySlim) and isinstance(record.bp2v, list):
        return record.bp2v
    powers = record.buyingPowerByCurrency
    return () if isinstance(powers, UnsetType) or powers is None else powers


def merged_status(known: InstrumentStatus | None, record: InstrumentStatus) -> InstrumentStatus:
    """An instrument's state after a frame: the first is whole, later ones have what has changed (3.6.4)."""
    if known is None:
        return record
    changed = {
        name: getattr(record, name)
        for name in InstrumentStatus.__struct_fields__
        if not isinstance(getattr(record, name), UnsetType)
    }
    return msgspec.structs.replace(known, **changed)


def status_event(record: InstrumentStatus, symbol: str, now: Nanos) -> SecurityStatus:
    """Trading status and price limits. The venue sends no time with them."""
    code = record.tradingStatus
    known = isinstance(code, int)
    return SecurityStatus(
        symbol=symbol,
        tradable=True if code == _TRADING else False if known and code in _NOT_TRADING else None,
        text=record.tradingStatusInfo if isinstance(record.tradingStatusInfo, str) else str(code) if known else "",
        low_limit_px=terms.figure(record.priceMin),
        high_limit_px=terms.figure(record.priceMax),
        recv_time=now,
    )


# --------------------------------------------------------------------------- estimates


def estimate_request(order: NewOrder, instrument: Instrument, portfolio: str) -> groups.EstimateRequest:
    """What is asked about an order. Raises `LocalProtocolError` for what the venue does not estimate."""
    if order.ord_type not in (OrdType.LIMIT, OrdType.MARKET):
        raise LocalProtocolError("ALOR estimates market and limit orders only")
    if order.order_qty is None:
        raise LocalProtocolError("ALOR sizes orders in lots; give order_qty")
    where = terms.listing(order.symbol)
    return groups.EstimateRequest(
        portfolio=portfolio,
        ticker=where.ticker,
        exchange=where.exchange,
        price=UNSET if order.price is None else terms.plain(Decimal(order.price)),
        lotQuantity=terms.lots(Decimal(order.order_qty), instrument.round_lot),
        board=where.board or UNSET,
    )


def estimate_event(
    record: groups.Estimate, order: NewOrder, instrument: Instrument, ref: str, *, margin: bool
) -> OrderEstimate:
    """What the venue expects. Whether it would be taken follows from how much could be done, with margin or not."""
    is_buy, lot = order.side is Side.BUY, instrument.round_lot
    with_margin, without = (
        (record.quantityToBuy, record.notMarginQuantityToBuy)
        if is_buy
        else (record.quantityToSell, record.notMarginQuantityToSell)
    )
    most = checked(with_margin if margin else without) * lot
    value, commission = checked(record.orderEvaluation), checked(record.commission)
    return OrderEstimate(
        accepted=order.order_qty is not None and Decimal(order.order_qty) <= most,
        currency=instrument.currency,
        notional=value + commission if is_buy else value - commission,
        commission=commission,
        max_qty=most,
        avg_px=terms.figure(record.buyPrice) if is_buy else None,
        ref=ref,
    )
