"""Products as REST shows them; pure. Page: REST reference, "List Products"."""

from __future__ import annotations

from decimal import Decimal

from venuewire.model.instrument import Instrument
from venuewire.model.market import Quote
from venuewire.venues.coinbase.fields import MAX_CASH, MIN_CASH
from venuewire.venues.coinbase.texts import plain
from venuewire.venues.coinbase.translate import DayFigures
from venuewire.venues.coinbase.wire import rest, stream

_NAMES = {"BTC": "Bitcoin", "ETH": "Ethereum", "SOL": "Solana", "USD": "US Dollar", "USDC": "USDC"}
ALIAS_CURRENCY = "USDC"


def alias_of(instrument: Instrument) -> str:
    """The product that shares this one's book, or nothing."""
    return f"{instrument.base}-{ALIAS_CURRENCY}" if instrument.currency == "USD" else ""


def _text(value: Decimal | None) -> str:
    return "" if value is None else plain(value)


def product(instrument: Instrument, quote: Quote, day: DayFigures) -> rest.Product:
    """An instrument that is traded."""
    alias = alias_of(instrument)
    return _product(instrument, quote, day, instrument.symbol, instrument.currency, alias_to=[alias] if alias else [])


def alias_product(instrument: Instrument, quote: Quote, day: DayFigures) -> rest.Product:
    """Its twin in USDC, with the same book and a wallet of its own."""
    return _product(instrument, quote, day, alias_of(instrument), ALIAS_CURRENCY, alias=instrument.symbol)


def status_row(instrument: Instrument) -> stream.StatusRow:
    """The product as the channel `status` tells it."""
    return stream.StatusRow(
        product_type="SPOT",
        id=instrument.symbol,
        base_currency=instrument.base,
        quote_currency=instrument.currency,
        base_increment=plain(instrument.min_qty_increment),
        quote_increment=plain(instrument.min_price_increment),
        display_name=f"{instrument.base}/{instrument.currency}",
        status="online",
        status_message="",
        min_market_funds=plain(MIN_CASH),
    )


def _product(
    instrument: Instrument,
    quote: Quote,
    day: DayFigures,
    product_id: str,
    currency: str,
    *,
    alias: str = "",
    alias_to: list[str] | None = None,
) -> rest.Product:
    last = day.price if day.price is not None else quote.last_px
    mid = (quote.bid + quote.ask) / 2 if quote.bid is not None and quote.ask is not None else None
    return rest.Product(
        product_id=product_id,
        price=_text(last if last is not None else mid),
        price_percentage_change_24h=plain(day.change),
        volume_24h=plain(day.volume),
        volume_percentage_change_24h="0",
        base_increment=plain(instrument.min_qty_increment),
        quote_increment=plain(instrument.min_price_increment),
        quote_min_size=plain(MIN_CASH),
        quote_max_size=plain(MAX_CASH),
        base_min_size=plain(instrument.min_trade_vol),
        base_max_size=_text(instrument.max_trade_vol),
        base_name=_NAMES.get(instrument.base, instrument.base),
        quote_name=_NAMES.get(currency, currency),
        watched=False,
        is_disabled=False,
        new=False,
        status="online",
        cancel_only=False,
        limit_only=False,
        post_only=False,
        trading_disabled=False,
        auction_mode=False,
        product_type="SPOT",
        quote_currency_id=currency,
        base_currency_id=instrument.base,
        fcm_trading_session_details=None,
        mid_market_price=_text(mid),
        alias=alias,
        alias_to=alias_to or [],
        base_display_symbol=instrument.base,
        quote_display_symbol="USD",
        view_only=False,
        price_increment=plain(instrument.min_price_increment),
        display_name=product_id,
        product_venue="CBE",
        approximate_quote_24h_volume=plain(round(day.volume * (last or 0), 2)),
        new_at="2023-01-01T00:00:00Z",
        market_cap="",
        base_cbrn="",
        quote_cbrn="",
        product_cbrn="",
        icon_color="",
        icon_url="",
        display_name_overwrite="",
        is_alpha_testing=False,
        about_description="",
        best_bid_price="",
        best_ask_price="",
    )
