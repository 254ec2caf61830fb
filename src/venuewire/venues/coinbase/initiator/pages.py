"""What `client.ask` may ask of this venue: each request of `wire.pages`, how it is sent, and what answers it; pure."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlencode

from msgspec import UNSET, Struct
from msgspec.structs import asdict

from venuewire.codec import encode
from venuewire.errors import LocalProtocolError
from venuewire.venues.coinbase.wire import pages, rest


class Page(Struct, frozen=True):
    """One operation."""

    path: str
    """Under the API's root; what stands in braces is taken from the request."""
    read: Callable[[bytes], Struct]
    method: str = "GET"


class Address(Struct, frozen=True):
    """A request, ready to be signed and sent."""

    method: str
    path: str
    """With the query."""
    body: bytes


PAGES: dict[type[Struct], Page] = {
    pages.GetProduct: Page("/products/{product_id}", rest.read_product),
    pages.GetProductBook: Page("/product_book", rest.read_product_book_answer),
    pages.GetBestBidAsk: Page("/best_bid_ask", rest.read_price_books_answer),
    pages.GetMarketTrades: Page("/products/{product_id}/ticker", rest.read_market_trades_answer),
    pages.GetServerTime: Page("/time", rest.read_time_answer),
    pages.GetKeyPermissions: Page("/key_permissions", rest.read_key_permissions),
    pages.GetTransactionSummary: Page("/transaction_summary", rest.read_transaction_summary),
    pages.ListAccounts: Page("/accounts", rest.read_accounts_answer),
    pages.GetAccount: Page("/accounts/{account_uuid}", pages.read_account),
    pages.ListPaymentMethods: Page("/payment_methods", pages.read_payment_methods),
    pages.GetPaymentMethod: Page("/payment_methods/{payment_method_id}", pages.read_payment_method),
    pages.GetOrder: Page("/orders/historical/{order_id}", rest.read_order_answer),
    pages.ListOrders: Page("/orders/historical/batch", rest.read_orders_answer),
    pages.ListFills: Page("/orders/historical/fills", rest.read_fills_answer),
    pages.PreviewEdit: Page("/orders/edit_preview", rest.read_edit_preview_answer, "POST"),
    pages.ListPortfolios: Page("/portfolios", rest.read_portfolios_answer),
    pages.GetPortfolioBreakdown: Page("/portfolios/{portfolio_uuid}", pages.read_breakdown),
    pages.GetFuturesBalance: Page("/cfm/balance_summary", rest.read_cfm_balance_answer),
    pages.ListFuturesPositions: Page("/cfm/positions", rest.read_cfm_positions_answer),
    pages.GetFuturesPosition: Page("/cfm/positions/{product_id}", pages.read_position),
    pages.ListFuturesSweeps: Page("/cfm/sweeps", pages.read_sweeps),
    pages.GetIntradayMarginSetting: Page("/cfm/intraday/margin_setting", pages.read_margin_setting),
    pages.GetMarginWindow: Page("/cfm/intraday/current_margin_window", pages.read_margin_window),
    pages.GetPerpetualsPortfolio: Page("/intx/portfolio/{portfolio_uuid}", pages.read_perpetuals_portfolio),
    pages.ListPerpetualsPositions: Page("/intx/positions/{portfolio_uuid}", pages.read_perpetuals_positions),
    pages.GetPerpetualsPosition: Page("/intx/positions/{portfolio_uuid}/{symbol}", pages.read_position),
    pages.GetPerpetualsBalances: Page("/intx/balances/{portfolio_uuid}", pages.read_perpetuals_balances),
    pages.GetConversion: Page("/convert/trade/{trade_id}", pages.read_conversion),
}
_BY_NAME = {record.__name__: page for record, page in PAGES.items()}


def address(request: Struct) -> Address:
    """Where and how a request goes. Raises `LocalProtocolError` for a record that is none of these."""
    page = PAGES.get(type(request))
    if page is None:
        some = ", ".join(sorted(_BY_NAME)[:6])
        raise LocalProtocolError(f"this venue is not asked by {type(request).__name__}; it is by {some}, ...")
    fields = {name: value for name, value in asdict(request).items() if value is not UNSET and value != ()}
    path = page.path
    for name in tuple(fields):
        if f"{{{name}}}" in path:
            path = path.replace(f"{{{name}}}", quote(_filled(name, fields.pop(name)), safe=""))
    path = rest.ROOT + path
    if page.method == "POST":
        return Address(page.method, path, encode(fields))
    query = urlencode({name: _text(value) for name, value in fields.items()}, doseq=True)
    return Address(page.method, f"{path}?{query}" if query else path, b"")


def _filled(name: str, value: object) -> str:
    if not isinstance(value, str) or not value or value in {".", ".."}:
        raise LocalProtocolError(f"{name} is missing")
    return value


def _text(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def read(name: str, body: bytes) -> Struct:
    """The answer to the request whose record is called so. Raises `RemoteProtocolError`."""
    return _BY_NAME[name].read(body)
