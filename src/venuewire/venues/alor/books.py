"""Market data: wire records <-> events. Volumes and sizes are lots on the wire and pieces with us. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, TypeAlias

from msgspec import UNSET, Struct

from venuewire.codec import checked, scaled, scaled_decimal
from venuewire.errors import RemoteProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.market import SET_ASK, SET_BID, BookSnapshot, LevelReader, LevelRow, Quote, Trade
from venuewire.model.shape import Shape
from venuewire.model.terms import NANOS_PER_MILLI, NANOS_PER_SECOND, Nanos, Side, from_scaled
from venuewire.venues.alor import sessions, terms
from venuewire.venues.alor.wire import market
from venuewire.venues.alor.wire import status as wire_status
from venuewire.venues.alor.wire.frames import Format

# --------------------------------------------------------------------------- hot path: a book frame to integer rows

_ZERO = Decimal(0)
_PRICES_KEPT = 20_000


class _Prices(dict[bytes, int]):
    """Prices of one scale by the text they came in. Books repeat their prices from frame to frame."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self._scale = scale

    def __missing__(self, text: bytes) -> int:
        price = _price_in(text, self._scale)
        if len(self) >= _PRICES_KEPT:
            self.clear()
        self[text] = price
        return price


def _price_in(text: bytes, scale: int) -> int:
    """A JSON number as an integer; raises `RemoteProtocolError` for anything else, and for what is not above zero."""
    try:
        plain = text.decode("ascii")
        # With an exponent it is a number still; `scaled` reads plain ones only, and quotes make a text of it.
        price = scaled_decimal(Decimal(plain), scale) if "e" in plain or "E" in plain else scaled(plain, scale)
    except (ArithmeticError, UnicodeDecodeError):
        raise RemoteProtocolError("a price in a book is not a number") from None
    if price <= 0:
        raise RemoteProtocolError("a price in a book is not above zero")
    return price


@cache
def level_reader(form: Format, lot: int) -> LevelReader:
    """The reader of book frames in this format for an instrument of this lot. Made once and kept."""
    read = market.read_rows[form]
    tables: dict[int, _Prices] = {}

    def rows_of(body: bytes, price_scale: int, size_scale: int) -> Iterable[LevelRow]:
        book = read(body)
        prices = tables.get(price_scale)
        if prices is None:
            prices = tables[price_scale] = _Prices(price_scale)
        unit = lot * 10**size_scale
        rows = [(SET_BID, prices[bytes(level.price)], level.volume * unit) for level in book.bids]
        rows += [(SET_ASK, prices[bytes(level.price)], level.volume * unit) for level in book.asks]
        return rows

    return rows_of


_SIMPLE: tuple[type[Struct], type[Struct]] = market.RowSimple, market.RowsSimple
_RECORDS: dict[Format, tuple[type[Struct], type[Struct]]] = {
    "Simple": _SIMPLE,
    "Slim": (market.RowSlim, market.RowsSlim),
    "Heavy": _SIMPLE,
}


@cache
def shape(form: Format, lot: int) -> Shape:
    """What `level_reader` reads, for a native reader."""
    row, sides = _RECORDS[form]
    return Shape(row, sides, size="volume", lot=lot)


def snapshot(form: Format, body: bytes, instrument: Instrument, now: Nanos) -> BookSnapshot:
    """A book frame: always the whole book (3.6.1), whether `existing` or not. Levels stay undecoded."""
    return BookSnapshot(
        symbol=instrument.symbol,
        body=body,
        read=level_reader(form, int(instrument.round_lot)),
        shape=shape(form, int(instrument.round_lot)),
        price_scale=instrument.price_scale,
        size_scale=instrument.qty_scale,
        transact_time=market.read_book_head[form](body).ms_timestamp * NANOS_PER_MILLI,
        recv_time=now,
    )


# --------------------------------------------------------------------------- events from the wire


def trade_event(record: market.AllTrade, instrument: Instrument, now: Nanos) -> Trade:
    """An anonymous trade."""
    side = record.side
    return Trade(
        symbol=instrument.symbol,
        trade_id=str(record.id),
        price=checked(record.price),
        size=record.qty * instrument.round_lot,
        aggressor_side=terms.side_of(side) if isinstance(side, str) else None,
        transact_time=record.timestamp * NANOS_PER_MILLI,
        recv_time=now,
        historical=record.existing,
    )


def quote_event(record: market.Quote, instrument: Instrument, now: Nanos) -> Quote:
    """A quote. A side that is empty comes as null or as 0 with no size: both are None with us."""
    bid, ask = _price(record.bid), _price(record.ask)
    book_time, last_time = record.ob_ms_timestamp or 0, record.last_price_timestamp or 0
    return Quote(
        symbol=instrument.symbol,
        bid=bid,
        ask=ask,
        bid_size=_pieces(record.bid_vol, instrument) if bid is not None else None,
        ask_size=_pieces(record.ask_vol, instrument) if ask is not None else None,
        last_px=_price(record.last_price),
        transact_time=book_time * NANOS_PER_MILLI if book_time else last_time * NANOS_PER_SECOND,
        recv_time=now,
    )


def _price(value: market.Figure) -> Decimal | None:
    return terms.figure(value) or None


def _pieces(value: market.Figure, instrument: Instrument) -> Decimal | None:
    lots = terms.figure(value)
    return None if lots is None else lots * instrument.round_lot


def instrument_of(record: market.Security, symbol: str) -> Instrument | None:
    """What can be traded under `symbol`; None for what has no lot or no price step (an index, say)."""
    lot, step = checked(record.lotsize), checked(record.minstep)
    if lot <= 0 or step <= 0 or lot != lot.to_integral_value():
        return None
    return Instrument(
        symbol=symbol,
        security_id=record.symbol,
        base=record.symbol,
        currency=record.currency or "RUB",
        min_price_increment=step,
        min_qty_increment=lot,
        min_trade_vol=lot,
        round_lot=lot,
        security_exchange=record.exchange,
        market_segment_id=record.board or "",
    )


def own_symbol(record: market.Security) -> str:
    """Our symbol for a security out of a list: the board only where it is not the primary one."""
    symbol = terms.symbol_of(record.exchange, record.symbol)
    board, primary = record.board or "", record.primary_board or ""
    return f"{symbol}:{board}" if board and primary and board != primary else symbol


# --------------------------------------------------------------------------- wire from events: the sandbox's end


def book_record(
    form: Format,
    snapshot: BookSnapshot,
    instrument: Instrument,
    now: Nanos,
    *,
    existing: bool,
    hidden: Mapping[tuple[Side, Decimal], Decimal] | None = None,
) -> market.Book:
    """The exchange's book as a frame's `data`, without what icebergs hide (in pieces)."""
    milliseconds = (snapshot.transact_time or now) // NANOS_PER_MILLI
    lot = int(instrument.round_lot) * 10**snapshot.size_scale
    rows = [(what, from_scaled(price, snapshot.price_scale), size // lot) for what, price, size in snapshot.rows()]
    if hidden:
        sides = {SET_BID: Side.BUY, SET_ASK: Side.SELL}
        rows = [
            (what, price, lots - int(hidden.get((sides[what], price), _ZERO) // instrument.round_lot))
            for what, price, lots in rows
        ]
    bids = [(price, lots) for what, price, lots in rows if what == SET_BID and lots]
    asks = [(price, lots) for what, price, lots in rows if what == SET_ASK and lots]
    if form == "Heavy":
        return market.BookHeavy(
            bids=[market.LevelSimple(price, lots) for price, lots in bids],
            asks=[market.LevelSimple(price, lots) for price, lots in asks],
            ms_timestamp=milliseconds,
            existing=existing,
        )
    if form == "Slim":
        return market.BookSlim(
            bids=[market.LevelSlim(price=price, volume=lots) for price, lots in bids],
            asks=[market.LevelSlim(price=price, volume=lots) for price, lots in asks],
            ms_timestamp=milliseconds,
            existing=existing,
        )
    return market.BookSimple(
        snapshot=existing,
        bids=[market.LevelSimple(price, lots) for price, lots in bids],
        asks=[market.LevelSimple(price, lots) for price, lots in asks],
        timestamp=milliseconds // 1000,
        ms_timestamp=milliseconds,
        existing=existing,
    )


def trade_record(form: Format, trade: Trade, instrument: Instrument, *, existing: bool) -> market.AllTrade:
    """A public trade of the exchange as a frame's `data`."""
    lots = int(trade.size // instrument.round_lot)
    number = int(trade.trade_id) if trade.trade_id.isdigit() else 0
    side = terms.SIDE_WORDS[trade.aggressor_side] if trade.aggressor_side else UNSET
    milliseconds, board = trade.transact_time // NANOS_PER_MILLI, instrument.market_segment_id
    if form == "Slim":
        return market.AllTradeSlim(
            id=number,
            symbol=instrument.security_id,
            board=board,
            qty=lots,
            price=trade.price,
            timestamp=milliseconds,
            oi=0,
            existing=existing,
            side=side,
        )
    record = market.AllTradeHeavy if form == "Heavy" else market.AllTradeSimple
    return record(
        id=number,
        orderno=UNSET if form == "Heavy" else 0,
        symbol=instrument.security_id,
        board=board,
        qty=lots,
        price=trade.price,
        time=terms.iso_of(trade.transact_time),
        timestamp=milliseconds,
        oi=0,
        existing=existing,
        side=side,
    )


_Totals: TypeAlias = tuple[Decimal, Decimal]
"""Pieces on the bid side and on the ask side of the whole book."""


def quote_record(
    form: Format, quote: Quote, instrument: Instrument, reference: Decimal, trades: Sequence[Trade], totals: _Totals
) -> market.Quote:
    """The exchange's quote as a frame's `data`; `trades` are those of the day as far as the exchange remembers."""
    prices = [trade.price for trade in trades] or [reference]
    lot, last = instrument.round_lot, quote.last_px or prices[-1]
    common: dict[str, Any] = {
        "symbol": instrument.security_id,
        "exchange": instrument.security_exchange,
        "description": instrument.base,
        "last_price": last,
        "last_price_timestamp": trades[-1].transact_time // NANOS_PER_SECOND if trades else None,
        "high_price": max(prices),
        "low_price": min(prices),
        "open_price": prices[0],
        "accruedInt": None if terms.is_derivative(instrument) else _ZERO,
        "volume": sum((trade.size for trade in trades), _ZERO) // lot,
        "open_interest": None,
        "ask": quote.ask,
        "bid": quote.bid,
        "ask_vol": None if quote.ask_size is None else quote.ask_size // lot,
        "bid_vol": None if quote.bid_size is None else quote.bid_size // lot,
        "ob_ms_timestamp": quote.transact_time // NANOS_PER_MILLI or None,
        "bond_yield": None,
        "lotsize": lot,
        "lotvalue": last * lot,
        "facevalue": contract_of(instrument),
        "type": type_of(instrument),
        "total_bid_vol": totals[0] // lot,
        "total_ask_vol": totals[1] // lot,
    }
    if form == "Slim":
        return market.QuoteSlim(**common)
    change = last - reference
    common |= {
        "prev_close_price": reference,
        "change": change,
        "change_percent": round(100 * change / reference, 2),
    }
    if form == "Heavy":
        common["currency"] = instrument.currency
        return market.QuoteHeavy(**common)
    return market.QuoteSimple(**common, accrued_interest=common["accruedInt"])


def type_of(instrument: Instrument) -> str:
    """An ordinary share, or a future; SPBX calls everything `t` (6.5)."""
    if terms.is_derivative(instrument):
        return f"Фьючерсный контракт {instrument.security_id}"
    return "t" if instrument.security_exchange == "SPBX" else "CS"


def cfi_of(instrument: Instrument) -> str:
    """Of ordinary shares, of futures on shares (5.4)."""
    return "FFSPSX" if terms.is_derivative(instrument) else "ESXXXX"


def contract_of(instrument: Instrument) -> Decimal:
    """Shares in a future; nothing else here has a face value (5.4)."""
    return _SHARES_IN_CONTRACT if terms.is_derivative(instrument) else _ZERO


_SHARES_IN_CONTRACT = Decimal(100)


def price_limits(instrument: Instrument, reference: Decimal) -> tuple[Decimal, Decimal]:
    """The sandbox's price corridor: half of the reference price either way, on the price step."""
    half = reference / 2 // instrument.min_price_increment * instrument.min_price_increment
    return reference - half, reference + half


def expiry_of(instrument: Instrument) -> str:
    """When it ends to be traded: a future on the third Thursday of the month its name tells, a share never."""
    if not terms.is_derivative(instrument):
        return "9999-12-31T23:59:59.9999999"
    month, _, year = instrument.security_id.rpartition("-")[2].partition(".")
    return f"{third_thursday(2000 + int(year), int(month)):%Y-%m-%d}T23:59:59.9999999"


def third_thursday(year: int, month: int) -> date:
    """The day futures end on."""
    first = date(year, month, 1)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 14)


def security_record(
    form: Format, instrument: Instrument, reference: Decimal, status: int, margin: Decimal = _ZERO
) -> market.Security:
    """An instrument of the sandbox's stage as `GET /md/v2/Securities` answers it.

    `status` is its trading status, `margin` what one contract binds.
    """
    lowest, highest = price_limits(instrument, reference)
    common: dict[str, Any] = {
        "symbol": instrument.security_id,
        "shortname": instrument.base,
        "description": instrument.base,
        "exchange": instrument.security_exchange,
        "type": type_of(instrument),
        "lotsize": instrument.round_lot,
        "facevalue": contract_of(instrument),
        "cfiCode": cfi_of(instrument),
        "cancellation": expiry_of(instrument),
        "minstep": instrument.min_price_increment,
        "rating": _ZERO,
        "marginbuy": margin,
        "marginsell": margin,
        "marginrate": round(100 * margin / reference, 2),
        "pricestep": instrument.min_price_increment * instrument.round_lot,
        "priceMax": highest,
        "priceMin": lowest,
        "theorPrice": _ZERO,
        "theorPriceLimit": _ZERO,
        "volatility": _ZERO,
        "currency": instrument.currency,
        "ISIN": None,
        "bond_yield": None,
        "board": instrument.market_segment_id,
        "primary_board": instrument.market_segment_id,
        "tradingStatus": status,
        "tradingStatusInfo": sessions.WORDS[status],
        "complexProductCategory": "",
        "priceMultiplier": Decimal(1),
        "priceShownUnits": Decimal(1),
    }
    if form == "Slim":
        return market.SecuritySlim(**common)
    common["market"] = market_of(instrument)
    if form == "Simple":
        return market.SecuritySimple(**common)
    common |= {
        "roundTo": instrument.price_scale,
        "nominalCurrency": instrument.currency,
        "settlementCurrency": None,
        "underlyingCurrency": None,
    }
    return market.SecurityHeavy(**common)


def market_of(instrument: Instrument) -> str:
    """`FORTS`, `FOND`, or `SPBX` (5.4); the sandbox has no currencies."""
    if terms.is_derivative(instrument):
        return "FORTS"
    return "SPBX" if instrument.security_exchange == "SPBX" else "FOND"


def status_record(
    form: Format, instrument: Instrument, reference: Decimal, status: int, margin: Decimal = _ZERO
) -> wire_status.InstrumentStatus:
    """Trading status and price limits, whole (3.6.4). What an instrument does not have is left out."""
    lowest, highest = price_limits(instrument, reference)
    return wire_status.STATUSES[form](
        symbol=instrument.security_id,
        exchange=instrument.security_exchange,
        board=instrument.market_segment_id,
        tradingStatus=status,
        tradingStatusInfo=sessions.WORDS[status],
        priceMin=lowest,
        priceMax=highest,
        marginBuy=margin or UNSET,
        marginSell=margin or UNSET,
    )
