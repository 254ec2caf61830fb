"""The WebSocket of Advanced Trade: requests, and the frames of the channels we speak.

Pages: docs.cdp.coinbase.com, Advanced Trade WebSocket: "Overview" (envelope, sequence numbers, five-second rule),
"Channels" (the fields of each channel), "Authentication" (the `jwt` member).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from venuewire.codec import Mark, MessageTable, SecretText, Spelling, decoder

Text: TypeAlias = str | UnsetType
"""A field that older or partial frames leave out."""

# The four texts an error frame has been seen with (Overview, Authentication; the limit on level2 is not documented).
AUTHENTICATION_FAILURE = "authentication failure"
REQUEST_REQUIRED = "subscribe or unsubscribe required"
FAILURE_TO_SUBSCRIBE = "failure to subscribe"
TOO_MANY_L2 = "too many L2 streams requested in a single session"


# --------------------------------------------------------------------------- what a client sends


class Request(Struct, kw_only=True):
    """Overview: one channel for each message. `unsubscribe` without products drops the whole channel."""

    type: str
    product_ids: list[str] | UnsetType = UNSET
    channel: str
    jwt: SecretText | UnsetType = UNSET
    """A token made for this message; needed for `user`, optional elsewhere."""


class AnyRequest(Struct, kw_only=True):
    """The same as a client may have sent it: what is missing is the acceptor's to refuse, what is more is ignored."""

    type: str = ""
    product_ids: list[str] | None = None
    channel: str = ""
    jwt: SecretText | None = None


# --------------------------------------------------------------------------- what the venue sends


class Head(Struct, gc=False):
    """What `open` needs of any frame. Frames of data have `channel`; only error frames have `type`."""

    channel: str = ""
    sequence_num: int | None = None
    type: str = ""


class ErrorFrame(Struct, gc=False):
    """Overview: nothing else is in it, not even a number; which request failed is not said."""

    type: Literal["error"]
    message: str


class DataFrame(Struct, kw_only=True):
    """The envelope of every other frame. `timestamp` is RFC 3339 with up to nine digits, trailing zeros trimmed."""

    channel: str
    client_id: Text = UNSET
    """Always empty; the market host has left it out since 2026."""
    timestamp: str
    sequence_num: int
    """One counter for the connection, from 0, over every frame of every channel."""


class SubscriptionSet(Struct):
    """channel -> what of it is subscribed; `heartbeats` -> ["heartbeats"], `user` -> [user's uuid]."""

    subscriptions: dict[str, list[str]]


class SubscriptionsFrame(DataFrame, kw_only=True):
    """Channels, "Subscriptions": the full set after each change. It names no request."""

    events: list[SubscriptionSet]


class Beat(Struct):
    """`current_time` is Go's clock text; the counter is the server's uptime, and text in older frames."""

    current_time: str
    heartbeat_counter: int | str


class HeartbeatsFrame(DataFrame, kw_only=True):
    """Channels, "Heartbeats": one a second."""

    events: list[Beat]


class BookRow(Struct, gc=False):
    """`side` is bid or offer; `new_quantity` is absolute, zero in any spelling removes the level."""

    side: str
    event_time: str
    price_level: str
    new_quantity: str


class BookEvent(Struct):
    """`type` is snapshot or update."""

    type: str
    product_id: str
    updates: list[BookRow]


class BookFrame(DataFrame, kw_only=True):
    """Channels, "Level2": subscribed as `level2`, sent as `l2_data`. Rows: bids descending, then offers ascending."""

    events: list[BookEvent]


class TradeRow(Struct):
    """`side` is the maker's side, by the documentation."""

    product_id: str
    trade_id: str
    price: str
    size: str
    time: str
    side: str


class TradesEvent(Struct):
    """Newest first."""

    type: str
    trades: list[TradeRow]


class TradesFrame(DataFrame, kw_only=True):
    """Channels, "Market Trades": batches of 250 ms."""

    events: list[TradesEvent]


class TickerRow(Struct, kw_only=True):
    """All empty text has been seen in a first frame of `ticker_batch`, which also leaves out the four `best_`."""

    type: str
    product_id: str
    price: str
    volume_24_h: Text = UNSET
    low_24_h: Text = UNSET
    high_24_h: Text = UNSET
    low_52_w: Text = UNSET
    high_52_w: Text = UNSET
    price_percent_chg_24_h: Text = UNSET
    best_bid: Text = UNSET
    best_bid_quantity: Text = UNSET
    best_ask: Text = UNSET
    best_ask_quantity: Text = UNSET


class TickerEvent(Struct):
    """`type` is snapshot or update."""

    type: str
    tickers: list[TickerRow]


class TickerFrame(DataFrame, kw_only=True):
    """Channels, "Ticker": one for each match."""

    events: list[TickerEvent]


class CandleRow(Struct):
    """Five minutes of one product; `start` is Unix seconds as text."""

    start: str
    high: str
    low: str
    open: str
    close: str
    volume: str
    product_id: str


class CandlesEvent(Struct):
    """`type` is snapshot or update; an update has the bucket that is still open, again and again."""

    type: str
    candles: list[CandleRow]


class CandlesFrame(DataFrame, kw_only=True):
    """Channels, "Candles": about one a second for each product, always five minutes long."""

    events: list[CandlesEvent]


class StatusRow(Struct, kw_only=True):
    """What may be traded, and how finely. It calls the product `id`, not `product_id`."""

    product_type: Text = UNSET
    id: str
    base_currency: Text = UNSET
    quote_currency: Text = UNSET
    base_increment: Text = UNSET
    quote_increment: Text = UNSET
    display_name: Text = UNSET
    status: Text = UNSET
    """online, offline, delisted, or nothing."""
    status_message: Text = UNSET
    min_market_funds: Text = UNSET


class StatusEvent(Struct):
    """`type` is snapshot or update."""

    type: str
    products: list[StatusRow]


class StatusFrame(DataFrame, kw_only=True):
    """Channels, "Status": on change, and repeated slowly."""

    events: list[StatusEvent]


class MarginWindow(Struct, kw_only=True):
    """One of the two windows of a futures balance."""

    margin_window_type: Text = UNSET
    margin_level: Text = UNSET
    initial_margin: Text = UNSET
    maintenance_margin: Text = UNSET
    liquidation_buffer_percentage: Text = UNSET
    total_hold: Text = UNSET
    futures_buying_power: Text = UNSET


class BalanceSummary(Struct, kw_only=True):
    """The account of US futures. Either window may be null."""

    futures_buying_power: Text = UNSET
    total_usd_balance: Text = UNSET
    cbi_usd_balance: Text = UNSET
    cfm_usd_balance: Text = UNSET
    total_open_orders_hold_amount: Text = UNSET
    unrealized_pnl: Text = UNSET
    daily_realized_pnl: Text = UNSET
    initial_margin: Text = UNSET
    available_margin: Text = UNSET
    liquidation_threshold: Text = UNSET
    liquidation_buffer_amount: Text = UNSET
    liquidation_buffer_percentage: Text = UNSET
    intraday_margin_window_measure: MarginWindow | UnsetType | None = UNSET
    overnight_margin_window_measure: MarginWindow | UnsetType | None = UNSET


class BalanceSummaryEvent(Struct):
    """`type` is snapshot or update."""

    type: str
    fcm_balance_summary: BalanceSummary


class BalanceSummaryFrame(DataFrame, kw_only=True):
    """Channels, "Futures Balance Summary"; needs a token."""

    events: list[BalanceSummaryEvent]


class PerpetualPosition(Struct, kw_only=True):
    """Of `user`, beta: a perpetual future held."""

    product_id: Text = UNSET
    portfolio_uuid: Text = UNSET
    vwap: Text = UNSET
    entry_vwap: Text = UNSET
    position_side: Text = UNSET
    """Long or Short."""
    margin_type: Text = UNSET
    """Cross or Isolated."""
    net_size: Text = UNSET
    buy_order_size: Text = UNSET
    sell_order_size: Text = UNSET
    leverage: Text = UNSET
    mark_price: Text = UNSET
    liquidation_price: Text = UNSET
    im_notional: Text = UNSET
    mm_notional: Text = UNSET
    position_notional: Text = UNSET
    unrealized_pnl: Text = UNSET
    aggregated_pnl: Text = UNSET


class ExpiringPosition(Struct, kw_only=True):
    """Of `user`, beta: a future with an end."""

    product_id: Text = UNSET
    side: Text = UNSET
    number_of_contracts: Text = UNSET
    realized_pnl: Text = UNSET
    unrealized_pnl: Text = UNSET
    entry_price: Text = UNSET


class UserOrder(Struct, kw_only=True):
    """Channels, "User": where an order stands, cumulative. Older frames have a dozen of these fields."""

    avg_price: Text = UNSET
    cancel_reason: Text = UNSET
    client_order_id: Text = UNSET
    completion_percentage: Text = UNSET
    contract_expiry_type: Text = UNSET
    cumulative_quantity: Text = UNSET
    filled_value: Text = UNSET
    leaves_quantity: Text = UNSET
    """In the currency the order was sized in."""
    limit_price: Text = UNSET
    number_of_fills: str | int | UnsetType = UNSET
    order_id: str
    order_side: Text = UNSET
    order_type: Text = UNSET
    """`Limit` as seen, `LIMIT` as documented."""
    outstanding_hold_amount: Text = UNSET
    post_only: str | bool | UnsetType = UNSET
    product_id: Text = UNSET
    product_type: Text = UNSET
    reject_reason: Text = UNSET
    reject_Reason: Text = UNSET
    """The spelling of 2023."""
    retail_portfolio_id: Text = UNSET
    risk_managed_by: Text = UNSET
    status: str
    stop_price: Text = UNSET
    time_in_force: Text = UNSET
    total_fees: Text = UNSET
    total_value_after_fees: Text = UNSET
    trigger_status: Text = UNSET
    creation_time: Text = UNSET
    end_time: Text = UNSET
    start_time: Text = UNSET


class UserPositions(Struct, kw_only=True):
    """Futures, in beta; empty lists on a spot account. The shape of the last one's rows is not known."""

    perpetual_futures_positions: list[PerpetualPosition] | UnsetType | None = UNSET
    expiring_futures_positions: list[ExpiringPosition] | UnsetType | None = UNSET
    prediction_market_positions: list[dict[str, Any]] | UnsetType | None = UNSET


class UserEvent(Struct, kw_only=True):
    """`type` is snapshot (the first 50 open orders), patch (the next ones) or update."""

    type: str
    orders: list[UserOrder] | UnsetType | None = UNSET
    positions: UserPositions | UnsetType | None = UNSET


class UserFrame(DataFrame, kw_only=True):
    """Channels, "User"."""

    events: list[UserEvent]


# --------------------------------------------------------------------------- the hot path: books, opened by steps


class RawBookEvent(Struct, gc=False):
    """A book event whose rows have been found and not read."""

    type: str
    product_id: str
    updates: Raw


class RawBookFrame(Struct, gc=False):
    """A book frame, of which only the events matter here."""

    events: list[RawBookEvent]


class ReadRow(Struct, gc=False):
    """A row as a book needs it."""

    side: Literal["bid", "offer"]
    price_level: str
    new_quantity: str


class PlainRow(Struct, gc=False):
    """The same, of sizes no longer than sound ones are."""

    side: Literal["bid", "offer"]
    price_level: str
    new_quantity: Annotated[str, Meta(max_length=20)]


# Book frames in the spelling the venue uses, without a blank and with the members in their order, are found by their
# beginning; any other goes by the records above, and comes out the same.
_BOOK_HEAD: tuple[bytes | Mark | tuple[bytes | Mark, ...], ...] = (
    b'{"channel":"l2_data",',
    (b'"client_id":"', Mark.TEXT, b'",'),
    b'"timestamp":"',
    Mark.TEXT,
    b'","sequence_num":',
    Mark.SEQ,
    b',"events":[{"type":"',
)
_BOOK_EVENT = (b'","product_id":"', Mark.KEY, b'","updates":', Mark.BODY, b'[{"side":"', Mark.TEXT, b'","event_time":"')
BOOK_UPDATE = Spelling(*_BOOK_HEAD, b"update", *_BOOK_EVENT, Mark.TIME, tail=b"}]}")
"""One event, with the time of its first row: the others have the same."""
BOOK_SNAPSHOT = Spelling(*_BOOK_HEAD, b"snapshot", *_BOOK_EVENT, Mark.TIME, tail=b"}]}")
match_book_head = Spelling(*_BOOK_HEAD, tail=b"").match
"""A book frame's number."""


class ProductOf(Struct, gc=False):
    """Of a row, or of an event: which product."""

    product_id: str = ""
    id: str = ""


class NumberedEvent(Struct, gc=False):
    """Where a frame's product is told, by channel."""

    product_id: str = ""
    trades: list[ProductOf] = []
    tickers: list[ProductOf] = []
    candles: list[ProductOf] = []
    products: list[ProductOf] = []


class NumberedHead(Struct, gc=False):
    """A frame as one sees it who counts per product."""

    sequence_num: int | None = None
    events: list[NumberedEvent] = []

    def product(self) -> str:
        """The frame's first product; empty where it has none."""
        for event in self.events:
            rows = event.trades or event.tickers or event.candles or event.products
            return event.product_id or (rows[0].product_id or rows[0].id if rows else "")
        return ""


open_head = decoder(Head)
open_numbered = decoder(NumberedHead)
open_book = decoder(RawBookFrame)
read_rows = decoder(list[ReadRow])
read_plain_rows = decoder(list[PlainRow])
read_request = decoder(AnyRequest)
read_error = decoder(ErrorFrame)
read_subscriptions = decoder(SubscriptionsFrame)
read_trades = decoder(TradesFrame)
read_ticker = decoder(TickerFrame)
read_candles = decoder(CandlesFrame)
read_status = decoder(StatusFrame)
read_balance_summary = decoder(BalanceSummaryFrame)
read_user = decoder(UserFrame)
read_any = decoder(DataFrame)

FRAMES: MessageTable[Struct] = MessageTable(
    {
        "error": ErrorFrame,
        "subscriptions": SubscriptionsFrame,
        "heartbeats": HeartbeatsFrame,
        "l2_data": BookFrame,
        "market_trades": TradesFrame,
        "ticker": TickerFrame,
        "ticker_batch": TickerFrame,
        "candles": CandlesFrame,
        "status": StatusFrame,
        "futures_balance_summary": BalanceSummaryFrame,
        "user": UserFrame,
    }
)
"""By `channel`; error frames have none and go by their `type`."""
