"""The venue's HTTP: instruments and market data (5.2 to 5.4)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Raw, Struct
from msgspec.structs import replace

from venuewire.codec import encode
from venuewire.model.instrument import Instrument
from venuewire.model.market import Trade
from venuewire.model.terms import NANOS_PER_SECOND
from venuewire.venue import Answer
from venuewire.venues.alor import books, terms
from venuewire.venues.alor.acceptor.http_ask import JSON, Ask, json_answer
from venuewire.venues.alor.acceptor.records import RISK_CATEGORY
from venuewire.venues.alor.candles import length_of
from venuewire.venues.alor.wire import candles, frames, market, risk

if TYPE_CHECKING:
    from venuewire.venues.alor.acceptor.hosts import AlorHost

_SECURITIES_LIMIT = 25
_HISTORY_LIMIT = 50_000
LATE = 15 * 60
"""Seconds by which those without a token are behind (1)."""
_DAY = 86_400
_LONGEST_LIFE = 2**40
_LONGEST = 400 * _DAY
"""More than the longest candle: times beyond the last year are brought back by it."""
_RATES = {"rateUp": Decimal("12.4"), "rateDown": Decimal("5.8"), "rateSymmetric": Decimal("13.1")}
"""The sandbox's, the same for every share."""


class HttpMarket:
    """Reads of instruments and market data."""

    def __init__(self, host: AlorHost) -> None:
        self._host = host

    def read(self, ask: Ask) -> Answer | None:
        """The answer; None where the path is not of this kind. Only some are answered without a token (5.2)."""
        form = ask.form
        if form is None:
            return Answer(400)
        match ask.words[2:]:
            case ["time"]:
                return Answer(200, str(ask.now // NANOS_PER_SECOND).encode(), JSON)
            case ["history"]:
                return self._history(ask, form)
            case ["risk", "rates"]:
                return self._risk_rates(ask)
            case ["securities", "currencypairs"]:
                # There are no currencies on this stage.
                return json_answer([])
            case ["securities"] | ["securities", _]:
                return self._securities(ask, form)
            case ["securities", listed, "quotes"] if ":" in listed:
                return self._quotes(ask, form)
            case ["securities", _, _, "availableboards"]:
                instrument = self._instrument(ask, 3)
                return Answer(404) if instrument is None else json_answer([instrument.market_segment_id])
            case ["securities" | "orderbooks", *_]:
                return Answer(401) if ask.claims is None else self._read_private(ask, form)
            case _:
                return None

    def _read_private(self, ask: Ask, form: frames.Format) -> Answer:
        """What a token is needed for."""
        instrument = self._instrument(ask, 3) if len(ask.parts) > 4 else None
        if instrument is None:
            return Answer(404)
        match ask.words[2:]:
            case ["securities", _, _]:
                return json_answer(self._host.records.security(form, instrument, ask.now))
            case ["orderbooks", _, _]:
                return self._book(ask, form, instrument)
            case ["securities", _, _, "alltrades"]:
                return self._all_trades(ask, form, instrument)
            case ["securities", _, _, "alltrades", "history"]:
                return self._past_trades(ask, form, instrument)
            case ["securities", _, _, "actualfuturesquote"]:
                future = self._host.records.future_on(instrument)
                return Answer(404) if future is None else json_answer(self._host.records.quote(form, future))
            case _:
                return Answer(404)

    def _instrument(self, ask: Ask, at: int) -> Instrument | None:
        return self._host.desk.instrument(ask.parts[at].upper(), ask.parts[at + 1], ask.text("instrumentGroup"))

    def _securities(self, ask: Ask, form: frames.Format) -> Answer:
        limit, offset = ask.count("limit", _SECURITIES_LIMIT), ask.count("offset", 0)
        if limit is None or offset is None:
            return Answer(400)
        exchange = (ask.parts[3] if len(ask.parts) > 3 else ask.text("exchange")).upper()
        sector = (ask.text("market") or ask.text("sector")).upper()
        wanted, board, cfi = ask.text("query").lower(), ask.text("instrumentGroup"), ask.text("cficode").upper()
        found = [
            instrument
            for instrument in self._host.records.securities()
            if (wanted in instrument.security_id.lower() or wanted in instrument.base.lower())
            and (not exchange or instrument.security_exchange == exchange)
            and (not board or instrument.market_segment_id == board)
            and (not cfi or books.cfi_of(instrument).startswith(cfi.rstrip("X")))
            and (not sector or sector in _sectors(instrument))
        ]
        chosen = found[offset : offset + limit]
        return json_answer([self._host.records.security(form, instrument, ask.now) for instrument in chosen])

    def _quotes(self, ask: Ask, form: frames.Format) -> Answer:
        names = [name.partition(":") for name in ask.parts[3].split(",")]
        found = [self._host.desk.instrument(exchange.upper(), ticker) for exchange, _, ticker in names]
        quotes = [self._host.records.quote(form, instrument) for instrument in found if instrument is not None]
        if ask.claims is None:
            known = [instrument for instrument in found if instrument is not None]
            quotes = [self._late(ask, quote, instrument) for quote, instrument in zip(quotes, known, strict=True)]
        return json_answer(quotes)

    def _late(self, ask: Ask, quote: market.Quote, instrument: Instrument) -> market.Quote:
        """Without a token: the price of a quarter of an hour ago; what the book was then nobody remembers."""
        tape, then = self._host.tape(instrument.symbol, ask.now), ask.now // NANOS_PER_SECOND - LATE
        bar = next(iter(tape.bars(60, then - then % 60 - 60, then - then % 60)), None)
        last = quote.last_price if bar is None else bar.close * instrument.min_price_increment
        return replace(
            quote,
            last_price=last,
            last_price_timestamp=then,
            ask=None,
            bid=None,
            ask_vol=None,
            bid_vol=None,
            total_ask_vol=None,
            total_bid_vol=None,
            ob_ms_timestamp=None,
        )

    def _book(self, ask: Ask, form: frames.Format, instrument: Instrument) -> Answer:
        depth = ask.count("depth", frames.DEFAULT_DEPTH)
        if depth is None:
            return Answer(400)
        depth = min(max(depth, 1), frames.MAXIMUM_DEPTH)
        return json_answer(self._host.records.book(form, instrument, depth, ask.now, existing=True))

    # ---- trades

    def _all_trades(self, ask: Ask, form: frames.Format, instrument: Instrument) -> Answer:
        """Trades of today; `take` and `offset` count from the end that comes first (5.2)."""
        take, offset = ask.count("take", frames.MAXIMUM_TRADES), ask.count("offset", 0)
        wanted = _Wanted.of(ask)
        if take is None or offset is None or wanted is None:
            return Answer(400)
        today = _midnight(ask)
        trades = [
            trade
            for trade in self._host.records.trades(instrument, frames.MAXIMUM_TRADES)
            if trade.transact_time // NANOS_PER_SECOND >= today and wanted.has(trade, instrument)
        ]
        if ask.is_true("descending"):
            chosen = trades[::-1][offset : offset + take]
        elif offset or len(trades) > take:
            chosen = trades[offset : offset + take] if offset else trades[-take:] if take else []
        else:
            chosen = trades
        return json_answer([books.trade_record(form, trade, instrument, existing=True) for trade in chosen])

    def _past_trades(self, ask: Ask, form: frames.Format, instrument: Instrument) -> Answer:
        """Trades of the days before (5.2)."""
        limit, offset, wanted = ask.count("limit", 0), ask.count("offset", 0), _Wanted.of(ask)
        if not limit or limit > _HISTORY_LIMIT or offset is None or wanted is None:
            return Answer(400)
        today = _midnight(ask)
        trades = [
            trade
            for trade in self._host.records.trades(instrument, frames.MAXIMUM_TRADES)
            if trade.transact_time // NANOS_PER_SECOND < today and wanted.has(trade, instrument)
        ]
        chosen = [books.trade_record(form, t, instrument, existing=True) for t in trades[offset : offset + limit]]
        return json_answer(market.AllTradesHistory(total=len(trades), trades=Raw(encode(chosen))))

    # ---- candles

    def _history(self, ask: Ask, form: frames.Format) -> Answer:
        """Candles that opened in [from, to]; `countBack` moves `from` back until there are as many (5.2)."""
        length, back = length_of(ask.text("tf")), ask.count("countBack", 0)
        start, end = ask.count("from", -1), ask.count("to", -1)
        if length is None or back is None or start is None or end is None or start < 0 or end < 0:
            return Answer(400)
        instrument = self._host.desk.instrument(
            ask.text("exchange").upper(), ask.text("symbol"), ask.text("instrumentGroup")
        )
        if instrument is None:
            return Answer(404)
        now = ask.now // NANOS_PER_SECOND
        start = min(start, terms.LAST_SECOND - _LONGEST)
        # Those without a token do not see the last quarter of an hour.
        last = min(end, now if ask.claims is not None else now - LATE) + 1
        tape = self._host.tape(instrument.symbol, ask.now)
        slots = list(tape.bars(length, start, last))
        while len(slots) < back and start > tape.past.start:
            start = max(tape.past.start, start - max(length * back, _DAY))
            slots = list(tape.bars(length, start, last))[-back:]
        begin = slots[0].time if slots else start
        before, after = tape.neighbours(length, begin, last)
        made = [tape.record(form, slot) for slot in slots]
        return json_answer(candles.HISTORIES[form](history=made, next=after, prev=before))

    # ---- risk rates

    def _risk_rates(self, ask: Ask) -> Answer:
        category, limit, offset = ask.count("riskCategoryId", -1), ask.count("limit", 1000), ask.count("offset", 0)
        if category is None or category < 0 or limit is None or offset is None:
            return Answer(400)
        exchange, ticker, search = ask.text("exchange").upper(), ask.text("ticker"), ask.text("search").lower()
        rows = [
            self._rate(number, instrument)
            for number, instrument in enumerate(self._host.records.securities(), start=1)
            if category == RISK_CATEGORY
            and (not exchange or instrument.security_exchange == exchange)
            and (not ticker or instrument.security_id == ticker)
            and search in instrument.security_id.lower()
        ]
        return json_answer(risk.RiskRates(rates=rows[offset : offset + limit], total=len(rows)))

    @staticmethod
    def _rate(number: int, instrument: Instrument) -> risk.RiskRate:
        return risk.RiskRate(
            id=number,
            instrument=instrument.security_id,
            exchange=instrument.security_exchange,
            riskCategoryId=RISK_CATEGORY,
            securityRiskCategoryId=2,
            assetType="futures" if terms.is_derivative(instrument) else "stock",
            underlyingAsset=None,
            setName=None,
            isin=None,
            currencyCode=instrument.currency,
            isShortSellPossible=False,
            isMarginal=False,
            setRate=Decimal(0),
            sgnR=Decimal(0),
            **_RATES,
        )


class _Wanted(Struct):
    """What a list of trades is narrowed to."""

    start: int
    end: int
    first_id: int
    last_id: int
    least: int
    most: int
    lowest: Decimal
    highest: Decimal
    side: str

    @classmethod
    def of(cls, ask: Ask) -> _Wanted | None:
        """From the query; None when a number in it is none."""
        first, last = ask.count("from", 0), ask.count("to", _LONGEST_LIFE)
        first_id, last_id = ask.count("fromId", 0), ask.count("toId", 2**63)
        least, most = ask.count("qtyFrom", 0), ask.count("qtyTo", 2**63)
        if first is None or last is None or first_id is None or last_id is None or least is None or most is None:
            return None
        try:
            low, high = Decimal(ask.text("priceFrom") or 0), Decimal(ask.text("priceTo") or "1e18")
        except ArithmeticError:
            return None
        if not (low.is_finite() and high.is_finite()):
            return None
        return cls(first, last, first_id, last_id, least, most, low, high, ask.text("side").lower())

    def has(self, trade: Trade, instrument: Instrument) -> bool:
        """Is this one of them?"""
        number = int(trade.trade_id) if trade.trade_id.isdigit() else 0
        side = trade.aggressor_side.value.lower() if trade.aggressor_side else ""
        return (
            self.start <= trade.transact_time // NANOS_PER_SECOND <= self.end
            and self.first_id <= number <= self.last_id
            and self.least <= trade.size // instrument.round_lot <= self.most
            and self.lowest <= trade.price <= self.highest
            and self.side in ("", side)
        )


def _sectors(instrument: Instrument) -> tuple[str, ...]:
    """What a list may be narrowed to that has it: its market, and for shares of either exchange `FOND`."""
    own = books.market_of(instrument)
    return (own,) if own == "FORTS" else (own, "FOND")


def _midnight(ask: Ask) -> int:
    """When the session of today began: midnight, UTC."""
    second = ask.now // NANOS_PER_SECOND
    return second - second % _DAY
