"""What a depth event changes in its book, which the venue tells by quote ids. Pure.

The procedure (sheet, depth) is that of `model/quotes.py`. Nothing is numbered; the first event after the subscription's
answer is the whole book.
"""

from __future__ import annotations

from venuewire.codec import decoder
from venuewire.model.market import SET_ASK, SET_BID
from venuewire.model.quotes import QuoteChanges, QuoteRow
from venuewire.model.shape import QuoteShape
from venuewire.venues.ctrader.wire.market import DepthEvent
from venuewire.venues.ctrader.wire.model import DepthQuote

SHAPE = QuoteShape(DepthEvent, DepthQuote, new="new_quotes", gone="deleted_quotes")

_decode = decoder(DepthEvent, strict=False)


def changes(body: bytes) -> QuoteChanges:
    """Of the body of a depth event. Raises `RemoteProtocolError`."""
    event = _decode(body)
    return name_of(event.symbol_id), new_quotes(event), event.deleted_quotes


def name_of(symbol_id: int) -> bytes:
    """What frames call its book."""
    return b"%d" % symbol_id


def new_quotes(event: DepthEvent) -> list[QuoteRow]:
    """Those with a price: a quote with neither side says nothing."""
    rows: list[QuoteRow] = []
    for quote in event.new_quotes:
        bid, ask = quote.bid, quote.ask
        if bid:
            rows.append((quote.id, SET_BID, bid, quote.size))
        elif ask and bid is None:
            rows.append((quote.id, SET_ASK, ask, quote.size))
    return rows
