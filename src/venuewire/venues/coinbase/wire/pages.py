"""REST v3 of Advanced Trade: the requests for which there is no word of ours, and what answers them.

Pages: docs.cdp.coinbase.com, Advanced Trade REST API reference, the operation named at each request. A request's fields
are its query, its body, or stand in its path, by the same names. Answers that `wire.rest` has are named there; of
futures, perpetuals and conversions the rows are left as the venue sends them: their shapes are still moving, and no
recording of them is known.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from venuewire.codec import decoder
from venuewire.venues.coinbase.wire.rest import Account, Amount, Flag, Portfolio, Text

Row: TypeAlias = dict[str, Any]
Names: TypeAlias = tuple[str, ...]
"""Sent as a repeated key."""


# --------------------------------------------------------------------------- market


class GetProduct(Struct, frozen=True, kw_only=True):
    """GET /products/{product_id} ("Get Product")."""

    product_id: str
    get_tradability_status: Flag = UNSET


class GetProductBook(Struct, frozen=True, kw_only=True):
    """GET /product_book ("Get Product Book")."""

    product_id: str
    limit: int | UnsetType = UNSET
    aggregation_price_increment: Text = UNSET


class GetBestBidAsk(Struct, frozen=True, kw_only=True):
    """GET /best_bid_ask ("Get Best Bid/Ask"): of these products, or of all."""

    product_ids: Names = ()


class GetMarketTrades(Struct, frozen=True, kw_only=True):
    """GET /products/{product_id}/ticker ("Get Market Trades"). Times are Unix seconds as text."""

    product_id: str
    limit: int | UnsetType = UNSET
    start: Text = UNSET
    end: Text = UNSET


class GetServerTime(Struct, frozen=True, kw_only=True):
    """GET /time ("Get Server Time")."""


# --------------------------------------------------------------------------- the key, fees, wallets


class GetKeyPermissions(Struct, frozen=True, kw_only=True):
    """GET /key_permissions ("Get API Key Permissions")."""


class GetTransactionSummary(Struct, frozen=True, kw_only=True):
    """GET /transaction_summary ("Get Transactions Summary"): volume, fees, and the fee tier."""

    product_type: Text = UNSET
    contract_expiry_type: Text = UNSET
    product_venue: Text = UNSET


class ListAccounts(Struct, frozen=True, kw_only=True):
    """GET /accounts ("List Accounts")."""

    limit: int | UnsetType = UNSET
    cursor: Text = UNSET


class GetAccount(Struct, frozen=True, kw_only=True):
    """GET /accounts/{account_uuid} ("Get Account")."""

    account_uuid: str


class AccountAnswer(Struct):
    """One wallet."""

    account: Account


class ListPaymentMethods(Struct, frozen=True, kw_only=True):
    """GET /payment_methods ("List Payment Methods")."""


class GetPaymentMethod(Struct, frozen=True, kw_only=True):
    """GET /payment_methods/{payment_method_id} ("Get Payment Method")."""

    payment_method_id: str


class PaymentMethod(Struct, kw_only=True):
    """A way in or out for money."""

    id: Text = UNSET
    type: Text = UNSET
    name: Text = UNSET
    currency: Text = UNSET
    verified: Flag = UNSET
    allow_buy: Flag = UNSET
    allow_sell: Flag = UNSET
    allow_deposit: Flag = UNSET
    allow_withdraw: Flag = UNSET
    created_at: Text = UNSET
    updated_at: Text = UNSET


class PaymentMethodsAnswer(Struct):
    """All of them."""

    payment_methods: list[PaymentMethod]


class PaymentMethodAnswer(Struct):
    """One."""

    payment_method: PaymentMethod


# --------------------------------------------------------------------------- orders and fills, read


class GetOrder(Struct, frozen=True, kw_only=True):
    """GET /orders/historical/{order_id} ("Get Order")."""

    order_id: str


class ListOrders(Struct, frozen=True, kw_only=True):
    """GET /orders/historical/batch ("List Orders")."""

    order_ids: Names = ()
    product_ids: Names = ()
    product_type: Text = UNSET
    order_status: Names = ()
    time_in_forces: Names = ()
    order_types: Names = ()
    order_side: Text = UNSET
    start_date: Text = UNSET
    end_date: Text = UNSET
    order_placement_source: Text = UNSET
    contract_expiry_type: Text = UNSET
    asset_filters: Names = ()
    limit: int | UnsetType = UNSET
    cursor: Text = UNSET
    sort_by: Text = UNSET


class ListFills(Struct, frozen=True, kw_only=True):
    """GET /orders/historical/fills ("List Fills"): the venue's own word on what was filled."""

    order_ids: Names = ()
    trade_ids: Names = ()
    product_ids: Names = ()
    start_sequence_timestamp: Text = UNSET
    end_sequence_timestamp: Text = UNSET
    limit: int | UnsetType = UNSET
    cursor: Text = UNSET
    sort_by: Text = UNSET


class PreviewEdit(Struct, frozen=True, kw_only=True):
    """POST /orders/edit_preview ("Preview Edit Order"): nothing is changed."""

    order_id: str
    price: Text = UNSET
    size: Text = UNSET
    stop_price: Text = UNSET


# --------------------------------------------------------------------------- portfolios


class ListPortfolios(Struct, frozen=True, kw_only=True):
    """GET /portfolios ("List Portfolios")."""

    portfolio_type: Text = UNSET


class GetPortfolioBreakdown(Struct, frozen=True, kw_only=True):
    """GET /portfolios/{portfolio_uuid} ("Get Portfolio Breakdown")."""

    portfolio_uuid: str


class PortfolioBalances(Struct, kw_only=True):
    """What a portfolio comes to, in its currency."""

    total_balance: Amount | UnsetType = UNSET
    total_futures_balance: Amount | UnsetType = UNSET
    total_cash_equivalent_balance: Amount | UnsetType = UNSET
    total_crypto_balance: Amount | UnsetType = UNSET
    futures_unrealized_pnl: Amount | UnsetType = UNSET
    perp_unrealized_pnl: Amount | UnsetType = UNSET


class PortfolioBreakdown(Struct, kw_only=True):
    """A portfolio and what is in it; rows carry JSON numbers."""

    portfolio: Portfolio
    portfolio_balances: PortfolioBalances | UnsetType = UNSET
    spot_positions: list[Row] | UnsetType = UNSET
    perp_positions: list[Row] | UnsetType = UNSET
    futures_positions: list[Row] | UnsetType = UNSET


class PortfolioBreakdownAnswer(Struct):
    """One portfolio, in full."""

    breakdown: PortfolioBreakdown


# --------------------------------------------------------------------------- US futures


class GetFuturesBalance(Struct, frozen=True, kw_only=True):
    """GET /cfm/balance_summary ("Get Futures Balance Summary")."""


class ListFuturesPositions(Struct, frozen=True, kw_only=True):
    """GET /cfm/positions ("List Futures Positions")."""


class GetFuturesPosition(Struct, frozen=True, kw_only=True):
    """GET /cfm/positions/{product_id} ("Get Futures Position")."""

    product_id: str


class PositionAnswer(Struct):
    """One."""

    position: Row


class ListFuturesSweeps(Struct, frozen=True, kw_only=True):
    """GET /cfm/sweeps ("List Futures Sweeps"): money that is to go back to the spot wallet."""


class FuturesSweepsAnswer(Struct):
    """Those pending."""

    sweeps: list[Row]


class GetIntradayMarginSetting(Struct, frozen=True, kw_only=True):
    """GET /cfm/intraday/margin_setting ("Get Intraday Margin Setting")."""


class IntradayMarginSetting(Struct):
    """INTRADAY_MARGIN_SETTING_STANDARD or _INTRADAY."""

    setting: str


class GetMarginWindow(Struct, frozen=True, kw_only=True):
    """GET /cfm/intraday/current_margin_window ("Get Current Margin Window")."""

    margin_profile_type: Text = UNSET


class MarginWindowAnswer(Struct, kw_only=True):
    """Which margins hold now."""

    margin_window: Row | None = None
    is_intraday_margin_killswitch_enabled: Flag = UNSET
    is_intraday_margin_enrollment_killswitch_enabled: Flag = UNSET


# --------------------------------------------------------------------------- perpetuals


class GetPerpetualsPortfolio(Struct, frozen=True, kw_only=True):
    """GET /intx/portfolio/{portfolio_uuid} ("Get Perpetuals Portfolio Summary")."""

    portfolio_uuid: str


class PerpetualsPortfolioAnswer(Struct, kw_only=True):
    """Margins of a portfolio."""

    portfolios: list[Row] | UnsetType = UNSET
    summary: Row | UnsetType = UNSET


class ListPerpetualsPositions(Struct, frozen=True, kw_only=True):
    """GET /intx/positions/{portfolio_uuid} ("List Perpetuals Positions")."""

    portfolio_uuid: str


class PerpetualsPositionsAnswer(Struct, kw_only=True):
    """What is held."""

    positions: list[Row]
    summary: Row | UnsetType = UNSET


class GetPerpetualsPosition(Struct, frozen=True, kw_only=True):
    """GET /intx/positions/{portfolio_uuid}/{symbol} ("Get Perpetuals Position")."""

    portfolio_uuid: str
    symbol: str


class GetPerpetualsBalances(Struct, frozen=True, kw_only=True):
    """GET /intx/balances/{portfolio_uuid} ("Get Portfolios Balances")."""

    portfolio_uuid: str


class PerpetualsBalancesAnswer(Struct):
    """By portfolio."""

    portfolio_balances: list[Row]


# --------------------------------------------------------------------------- conversions


class GetConversion(Struct, frozen=True, kw_only=True):
    """GET /convert/trade/{trade_id} ("Get Convert Trade")."""

    trade_id: str
    from_account: str
    to_account: str


class ConversionAnswer(Struct):
    """One."""

    trade: Row


read_account = decoder(AccountAnswer)
read_payment_methods = decoder(PaymentMethodsAnswer)
read_payment_method = decoder(PaymentMethodAnswer)
read_breakdown = decoder(PortfolioBreakdownAnswer)
read_position = decoder(PositionAnswer)
read_sweeps = decoder(FuturesSweepsAnswer)
read_margin_setting = decoder(IntradayMarginSetting)
read_margin_window = decoder(MarginWindowAnswer)
read_perpetuals_portfolio = decoder(PerpetualsPortfolioAnswer)
read_perpetuals_positions = decoder(PerpetualsPositionsAnswer)
read_perpetuals_balances = decoder(PerpetualsBalancesAnswer)
read_conversion = decoder(ConversionAnswer)
