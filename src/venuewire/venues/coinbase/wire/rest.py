"""REST v3 of Advanced Trade: bodies of requests and answers of the endpoints we speak.

Pages: docs.cdp.coinbase.com, Advanced Trade REST API reference, the operation named at each record. Every field a
recorded answer has lacked may be missing; failures of orders come with HTTP 200.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from venuewire.codec import decoder

ROOT = "/api/v3/brokerage"

Text: TypeAlias = str | UnsetType
Flag: TypeAlias = bool | UnsetType


# --------------------------------------------------------------------------- orders: create, edit, cancel


class Configuration(Struct, kw_only=True):
    """What stands under the one key of `order_configuration`; each key uses some of it. Sizes and prices are text."""

    quote_size: str | UnsetType | None = UNSET
    base_size: str | UnsetType | None = UNSET
    limit_price: str | UnsetType | None = UNSET
    stop_price: str | UnsetType | None = UNSET
    stop_direction: str | UnsetType | None = UNSET
    end_time: str | UnsetType | None = UNSET
    post_only: bool | UnsetType | None = UNSET
    stop_trigger_price: str | UnsetType | None = UNSET
    """Of a bracket: where its stop leg begins; `limit_price` is where the profit is taken."""
    start_time: str | UnsetType | None = UNSET
    """Of TWAP, as the three that follow: when it begins; `end_time` is when it ends."""
    number_buckets: str | UnsetType | None = UNSET
    bucket_size: str | UnsetType | None = UNSET
    bucket_duration: str | UnsetType | None = UNSET
    """As `300s`."""
    num_orders: int | str | UnsetType | None = UNSET
    """Of a scaled order, as those that follow: limit orders from one price to the other."""
    min_price: str | UnsetType | None = UNSET
    max_price: str | UnsetType | None = UNSET
    price_distribution: str | UnsetType | None = UNSET
    """FLAT, LINEAR_INCREASING, LINEAR_DECREASING."""
    size_distribution: str | UnsetType | None = UNSET
    """EVENLY_SPLIT, INCREASING, DECREASING."""
    size_diff: str | UnsetType | None = UNSET
    size_ratio: str | UnsetType | None = UNSET
    rfq_disabled: Flag = UNSET
    reduce_only: Flag = UNSET


Configurations: TypeAlias = dict[str, Configuration]
"""Exactly one key: `limit_limit_gtc`, `market_market_ioc`, ..."""


class CreateOrder(Struct, kw_only=True):
    """POST /orders ("Create Order")."""

    client_order_id: str
    product_id: str
    side: str
    order_configuration: Configurations
    attached_order_configuration: Configurations | UnsetType = UNSET
    """Only `trigger_bracket_gtc`, without a size: it begins when the order is filled, with what was filled."""


class PreviewOrder(Struct, kw_only=True):
    """POST /orders/preview ("Preview Order"): the same without an id; nothing is placed."""

    product_id: str
    side: str
    order_configuration: Configurations
    attached_order_configuration: Configurations | UnsetType = UNSET


class AnyCreateOrder(Struct, kw_only=True):
    """The same as a client may have sent it; what is missing is refused by its own reason."""

    client_order_id: str = ""
    product_id: str = ""
    side: str = ""
    order_configuration: Configurations | None = None
    attached_order_configuration: Configurations | None = None


class CreateSuccess(Struct, kw_only=True):
    """What was created."""

    order_id: str
    product_id: Text = UNSET
    side: Text = UNSET
    client_order_id: Text = UNSET


class CreateFailure(Struct, kw_only=True):
    """Recorded refusals fill in only some of the reasons: read them all."""

    error: Text = UNSET
    message: Text = UNSET
    error_details: Text = UNSET
    preview_failure_reason: Text = UNSET
    new_order_failure_reason: Text = UNSET


class CreateAnswer(Struct, kw_only=True):
    """HTTP 200 whether it was accepted or refused."""

    success: bool
    failure_reason: Text = UNSET
    """Removed in 2024."""
    order_id: Text = UNSET
    """Removed in 2024."""
    success_response: CreateSuccess | UnsetType | None = UNSET
    error_response: CreateFailure | UnsetType | None = UNSET
    order_configuration: dict[str, Any] | UnsetType | None = UNSET


class EditOrder(Struct, kw_only=True):
    """POST /orders/edit ("Edit Order"). `size` is the new total."""

    order_id: str = ""
    price: str | UnsetType | None = UNSET
    size: str | UnsetType | None = UNSET
    stop_price: str | UnsetType | None = UNSET
    attached_order_configuration: Configurations | UnsetType | None = UNSET
    """A bracket to attach, or in place of the one attached."""
    cancel_attached_order: bool | UnsetType | None = UNSET


class EditFailure(Struct, kw_only=True):
    """One reason; the words differ between pages."""

    edit_failure_reason: Text = UNSET
    preview_failure_reason: Text = UNSET


class EditRefusal(Struct, kw_only=True):
    """A second place for reasons, shown on the page only."""

    error_details: Text = UNSET
    edit_order_failure_reason: Text = UNSET


class EditSuccess(Struct, kw_only=True):
    """Shown on the page only."""

    order_id: Text = UNSET


class EditAnswer(Struct, kw_only=True):
    """`errors` is an array; an object in older samples."""

    success: bool
    success_response: EditSuccess | UnsetType | None = UNSET
    error_response: EditRefusal | UnsetType | None = UNSET
    errors: list[EditFailure] | EditFailure | UnsetType | None = UNSET


class PreviewAnswer(Struct, kw_only=True):
    """POST /orders/preview ("Preview Order"): what an order would come to; `errs` says why it would be refused."""

    order_total: Text = UNSET
    commission_total: Text = UNSET
    errs: list[str] | UnsetType = UNSET
    warning: list[str] | UnsetType = UNSET
    quote_size: Text = UNSET
    base_size: Text = UNSET
    best_bid: Text = UNSET
    best_ask: Text = UNSET
    is_max: Flag = UNSET
    order_margin_total: Text = UNSET
    leverage: Text = UNSET
    long_leverage: Text = UNSET
    short_leverage: Text = UNSET
    slippage: Text = UNSET
    preview_id: Text = UNSET
    current_liquidation_buffer: Text = UNSET
    projected_liquidation_buffer: Text = UNSET
    max_leverage: Text = UNSET
    est_average_filled_price: Text = UNSET


class EditPreviewAnswer(Struct, kw_only=True):
    """POST /orders/edit_preview ("Preview Edit Order")."""

    errors: list[EditFailure] | UnsetType = UNSET
    slippage: Text = UNSET
    order_total: Text = UNSET
    commission_total: Text = UNSET
    quote_size: Text = UNSET
    base_size: Text = UNSET
    best_bid: Text = UNSET
    best_ask: Text = UNSET
    average_filled_price: Text = UNSET
    order_margin_total: Text = UNSET


class ClosePosition(Struct, kw_only=True):
    """POST /orders/close_position ("Close Position"): futures only."""

    client_order_id: str = ""
    product_id: str = ""
    size: str | UnsetType | None = UNSET


class CancelOrders(Struct, kw_only=True):
    """POST /orders/batch_cancel ("Cancel Orders")."""

    order_ids: list[str]


class CancelResult(Struct, kw_only=True):
    """`success` means that the request was accepted; the reason is filled in all the same."""

    success: bool
    failure_reason: Text = UNSET
    order_id: Text = UNSET


class CancelAnswer(Struct, kw_only=True):
    """One result for each id, HTTP 200 even for unknown ones."""

    results: list[CancelResult]


# --------------------------------------------------------------------------- orders and fills: reading


class Order(Struct, kw_only=True):
    """GET /orders/historical/{order_id} ("Get Order")."""

    order_id: str
    product_id: Text = UNSET
    user_id: Text = UNSET
    order_configuration: dict[str, Any] | UnsetType | None = UNSET
    side: Text = UNSET
    client_order_id: Text = UNSET
    status: str
    time_in_force: Text = UNSET
    created_time: Text = UNSET
    completion_percentage: Text = UNSET
    filled_size: Text = UNSET
    average_filled_price: Text = UNSET
    fee: Text = UNSET
    number_of_fills: Text = UNSET
    filled_value: Text = UNSET
    pending_cancel: Flag = UNSET
    size_in_quote: Flag = UNSET
    total_fees: Text = UNSET
    size_inclusive_of_fees: Flag = UNSET
    total_value_after_fees: Text = UNSET
    trigger_status: Text = UNSET
    order_type: Text = UNSET
    reject_reason: Text = UNSET
    settled: Flag = UNSET
    product_type: Text = UNSET
    reject_message: Text = UNSET
    cancel_message: Text = UNSET
    order_placement_source: Text = UNSET
    outstanding_hold_amount: Text = UNSET
    is_liquidation: Flag = UNSET
    last_fill_time: str | UnsetType | None = UNSET
    edit_history: list[dict[str, Any]] | UnsetType | None = UNSET
    leverage: Text = UNSET
    margin_type: Text = UNSET
    retail_portfolio_id: Text = UNSET
    originating_order_id: Text = UNSET
    attached_order_id: Text = UNSET
    attached_order_configuration: dict[str, Any] | UnsetType | None = UNSET
    current_pending_replace: Any = UNSET
    commission_detail_total: Any = UNSET
    workable_size: Any = UNSET
    workable_size_completion_pct: Any = UNSET
    cost_basis_method: Any = UNSET
    last_update_time: str | UnsetType | None = UNSET


class OrderAnswer(Struct):
    """One order."""

    order: Order


class OrdersAnswer(Struct, kw_only=True):
    """GET /orders/historical/batch ("List Orders"): newest first."""

    orders: list[Order]
    sequence: Text = UNSET
    has_next: bool = False
    cursor: str | None = ""
    proof_token_required: Any = UNSET


class Fill(Struct, kw_only=True):
    """GET /orders/historical/fills ("List Fills"). `size` is in quote units when `size_in_quote`."""

    entry_id: Text = UNSET
    trade_id: Text = UNSET
    order_id: str
    trade_time: Text = UNSET
    trade_type: Text = UNSET
    price: str
    size: str
    commission: Text = UNSET
    product_id: Text = UNSET
    sequence_timestamp: Text = UNSET
    liquidity_indicator: Text = UNSET
    size_in_quote: Flag = UNSET
    user_id: Text = UNSET
    side: Text = UNSET
    retail_portfolio_id: Text = UNSET
    fillSource: Text = UNSET
    commission_detail_total: Any = UNSET


class FillsAnswer(Struct, kw_only=True):
    """Newest first."""

    fills: list[Fill]
    cursor: str | None = ""


# --------------------------------------------------------------------------- accounts, products, books


class Amount(Struct):
    """Money in one currency."""

    value: str
    currency: str


class Account(Struct, kw_only=True):
    """A wallet of GET /accounts ("List Accounts")."""

    uuid: str
    name: Text = UNSET
    currency: str
    available_balance: Amount
    default: Flag = UNSET
    active: Flag = UNSET
    created_at: str | UnsetType | None = UNSET
    updated_at: str | UnsetType | None = UNSET
    deleted_at: str | UnsetType | None = UNSET
    type: Text = UNSET
    ready: Flag = UNSET
    hold: Amount | UnsetType | None = UNSET
    retail_portfolio_id: Text = UNSET
    platform: Text = UNSET


class AccountsAnswer(Struct, kw_only=True):
    """A page of wallets; `size` is how many are on it."""

    accounts: list[Account]
    has_next: bool = False
    cursor: str | None = ""
    size: int | UnsetType = UNSET


class Product(Struct, kw_only=True):
    """GET /products/{product_id} ("Get Product"). Fields that are like prices may be empty text."""

    product_id: str
    price: Text = UNSET
    price_percentage_change_24h: Text = UNSET
    volume_24h: Text = UNSET
    volume_percentage_change_24h: Text = UNSET
    base_increment: str
    quote_increment: str
    quote_min_size: Text = UNSET
    quote_max_size: Text = UNSET
    base_min_size: Text = UNSET
    base_max_size: Text = UNSET
    base_name: Text = UNSET
    quote_name: Text = UNSET
    watched: Flag = UNSET
    is_disabled: Flag = UNSET
    new: Flag = UNSET
    status: Text = UNSET
    cancel_only: Flag = UNSET
    limit_only: Flag = UNSET
    post_only: Flag = UNSET
    trading_disabled: Flag = UNSET
    auction_mode: Flag = UNSET
    product_type: Text = UNSET
    quote_currency_id: Text = UNSET
    base_currency_id: Text = UNSET
    fcm_trading_session_details: Any = UNSET
    mid_market_price: Text = UNSET
    alias: Text = UNSET
    """The product whose book this one shares."""
    alias_to: list[str] | UnsetType | None = UNSET
    base_display_symbol: Text = UNSET
    quote_display_symbol: Text = UNSET
    view_only: Flag = UNSET
    price_increment: Text = UNSET
    display_name: Text = UNSET
    product_venue: Text = UNSET
    approximate_quote_24h_volume: Text = UNSET
    new_at: str | UnsetType | None = UNSET
    market_cap: Text = UNSET
    base_cbrn: Text = UNSET
    quote_cbrn: Text = UNSET
    product_cbrn: Text = UNSET
    icon_color: Text = UNSET
    icon_url: Text = UNSET
    display_name_overwrite: Text = UNSET
    is_alpha_testing: Flag = UNSET
    about_description: Text = UNSET
    best_bid_price: Text = UNSET
    best_ask_price: Text = UNSET
    future_product_details: Any = UNSET


class ProductsAnswer(Struct, kw_only=True):
    """GET /products ("List Products")."""

    products: list[Product]
    num_products: int | UnsetType = UNSET
    pagination: Any = UNSET


class BookLevel(Struct, gc=False):
    """One price."""

    price: str
    size: str


class PriceBook(Struct, kw_only=True):
    """Best first on both sides."""

    product_id: str
    bids: list[BookLevel]
    asks: list[BookLevel]
    time: Text = UNSET


class ProductBookAnswer(Struct, kw_only=True):
    """GET /product_book ("Get Product Book")."""

    pricebook: PriceBook
    last: Text = UNSET
    mid_market: Text = UNSET
    spread_bps: Text = UNSET
    spread_absolute: Text = UNSET


# --------------------------------------------------------------------------- the rest


class Candle(Struct):
    """One bar; `start` is Unix seconds as text."""

    start: str
    low: str
    high: str
    open: str
    close: str
    volume: str


class CandlesAnswer(Struct):
    """GET /products/{product_id}/candles ("Get Product Candles"): newest first, 350 at most."""

    candles: list[Candle]


class MarketTrade(Struct, kw_only=True):
    """A public trade."""

    trade_id: str
    product_id: str
    price: str
    size: str
    time: str
    side: str
    bid: Text = UNSET
    ask: Text = UNSET
    exchange: Text = UNSET


class MarketTradesAnswer(Struct, kw_only=True):
    """GET /products/{product_id}/ticker ("Get Market Trades"): newest first."""

    trades: list[MarketTrade]
    best_bid: Text = UNSET
    best_ask: Text = UNSET


class PriceBooksAnswer(Struct):
    """GET /best_bid_ask ("Get Best Bid/Ask"): books of one level."""

    pricebooks: list[PriceBook]


class FeeTier(Struct, kw_only=True):
    """Where the account stands in the table of fees; rates are parts of one."""

    pricing_tier: Text = UNSET
    usd_from: Text = UNSET
    usd_to: Text = UNSET
    taker_fee_rate: Text = UNSET
    maker_fee_rate: Text = UNSET
    aop_from: Text = UNSET
    aop_to: Text = UNSET


class TransactionSummary(Struct, kw_only=True):
    """GET /transaction_summary ("Get Transactions Summary"). Totals are JSON numbers."""

    total_volume: Any = UNSET
    total_fees: Any = UNSET
    fee_tier: FeeTier
    margin_rate: Any = UNSET
    goods_and_services_tax: Any = UNSET
    advanced_trade_only_volume: Any = UNSET
    advanced_trade_only_fees: Any = UNSET
    coinbase_pro_volume: Any = UNSET
    coinbase_pro_fees: Any = UNSET
    total_balance: Text = UNSET


class Portfolio(Struct, kw_only=True):
    """A portfolio; a CDP key is bound to one."""

    name: Text = UNSET
    uuid: str
    type: Text = UNSET
    deleted: Flag = UNSET


class PortfoliosAnswer(Struct):
    """GET /portfolios ("List Portfolios")."""

    portfolios: list[Portfolio]


class CfmBalance(Struct, kw_only=True):
    """GET /cfm/balance_summary ("Get Futures Balance Summary"): amounts with their currency."""

    futures_buying_power: Amount | UnsetType = UNSET
    total_usd_balance: Amount | UnsetType = UNSET
    cbi_usd_balance: Amount | UnsetType = UNSET
    cfm_usd_balance: Amount | UnsetType = UNSET
    total_open_orders_hold_amount: Amount | UnsetType = UNSET
    unrealized_pnl: Amount | UnsetType = UNSET
    daily_realized_pnl: Amount | UnsetType = UNSET
    initial_margin: Amount | UnsetType = UNSET
    available_margin: Amount | UnsetType = UNSET
    liquidation_threshold: Amount | UnsetType = UNSET
    liquidation_buffer_amount: Amount | UnsetType = UNSET
    liquidation_buffer_percentage: Text = UNSET
    intraday_margin_window_measure: Any = UNSET
    overnight_margin_window_measure: Any = UNSET


class CfmBalanceAnswer(Struct):
    """The account of US futures."""

    balance_summary: CfmBalance


class CfmPositionsAnswer(Struct):
    """GET /cfm/positions ("List Futures Positions"). The sandbox trades no futures; rows are not ours to read."""

    positions: list[dict[str, Any]]


class TimeAnswer(Struct, kw_only=True):
    """GET /time ("Get Server Time")."""

    iso: str
    epochSeconds: str
    epochMillis: str


class KeyPermissions(Struct, kw_only=True):
    """GET /key_permissions ("Get API Key Permissions")."""

    can_view: bool
    can_trade: bool
    can_transfer: bool
    portfolio_uuid: str
    portfolio_type: str


class Failure(Struct, kw_only=True):
    """A refused request, in the general shape of the gateway."""

    error: Text = UNSET
    code: int | UnsetType = UNSET
    error_details: Text = UNSET
    message: Text = UNSET


class ListedFailure(Struct):
    """One entry of the older shape."""

    id: str
    message: str


class Failures(Struct):
    """The shape of HTTP 429."""

    errors: list[ListedFailure]


read_create = decoder(CreateOrder)
read_any_create = decoder(AnyCreateOrder)
read_create_answer = decoder(CreateAnswer)
read_edit = decoder(EditOrder)
read_close = decoder(ClosePosition)
read_candles_answer = decoder(CandlesAnswer)
read_edit_answer = decoder(EditAnswer)
read_cancel = decoder(CancelOrders)
read_cancel_answer = decoder(CancelAnswer)
read_order_answer = decoder(OrderAnswer)
read_orders_answer = decoder(OrdersAnswer)
read_fills_answer = decoder(FillsAnswer)
read_accounts_answer = decoder(AccountsAnswer)
read_products_answer = decoder(ProductsAnswer)
read_preview_answer = decoder(PreviewAnswer)
read_edit_preview_answer = decoder(EditPreviewAnswer)
read_product = decoder(Product)
read_product_book_answer = decoder(ProductBookAnswer)
read_price_books_answer = decoder(PriceBooksAnswer)
read_market_trades_answer = decoder(MarketTradesAnswer)
read_time_answer = decoder(TimeAnswer)
read_key_permissions = decoder(KeyPermissions)
read_transaction_summary = decoder(TransactionSummary)
read_portfolios_answer = decoder(PortfoliosAnswer)
read_cfm_balance_answer = decoder(CfmBalanceAnswer)
read_cfm_positions_answer = decoder(CfmPositionsAnswer)
read_failure = decoder(Failure)
read_failures = decoder(Failures)
