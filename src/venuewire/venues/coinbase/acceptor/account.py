"""The account over the REST of the sandbox's Coinbase: the key, fees, wallets, portfolios, futures; all of it read.

Pages: REST API reference, "Get API Key Permissions", "Get Transactions Summary", "List Accounts", "List Payment
Methods", "List Portfolios", "Get Portfolio Breakdown", "Get Futures Balance Summary" and its kin. One account of spot,
without futures or perpetuals: of those it says that there are none.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from venuewire.model.account import Balance
from venuewire.venues.coinbase import orders
from venuewire.venues.coinbase.acceptor import futures
from venuewire.venues.coinbase.acceptor.host import Shared, uuid_of
from venuewire.venues.coinbase.acceptor.requests import Asked, Wrong, not_a_value, number_of, one, page_of
from venuewire.venues.coinbase.acceptor.wallets import ALIAS, SETTLED
from venuewire.venues.coinbase.texts import micros, plain
from venuewire.venues.coinbase.wire import pages, rest

_PORTFOLIO_TYPES = frozenset({"UNDEFINED", "DEFAULT", "CONSUMER", "INTX"})
_ACCOUNTS_LIMIT, _ACCOUNTS_MOST = 49, 250
_CENT = Decimal("0.01")


class AccountPages:
    """Everything that only reads the account."""

    def __init__(self, host: Shared) -> None:
        self._host = host

    # ------------------------------------------------------------------ the key, fees

    def key_permissions(self, asked: Asked) -> Struct:
        return rest.KeyPermissions(
            can_view=True,
            can_trade=self._host.switches.can_trade,
            can_transfer=False,
            portfolio_uuid=asked.account,
            portfolio_type="DEFAULT",
        )

    def transaction_summary(self, asked: Asked) -> Struct:
        """The sandbox charges nothing, and says so."""
        fills = self._host.port(asked.account).fills()
        traded = sum(((fill.last_px or orders.ZERO) * (fill.last_qty or orders.ZERO) for fill in fills), orders.ZERO)
        tier = rest.FeeTier(
            pricing_tier="Sandbox",
            usd_from="0",
            usd_to="",
            taker_fee_rate="0",
            maker_fee_rate="0",
            aop_from="",
            aop_to="",
        )
        return rest.TransactionSummary(
            total_volume=traded,
            total_fees=0,
            fee_tier=tier,
            margin_rate=None,
            goods_and_services_tax=None,
            advanced_trade_only_volume=traded,
            advanced_trade_only_fees=0,
            coinbase_pro_volume=0,
            coinbase_pro_fees=0,
            total_balance="",
        )

    # ------------------------------------------------------------------ wallets

    def _wallets(self, asked: Asked) -> list[rest.Account]:
        started = micros(asked.now - self._host.uptime(asked.now))
        return [self._wallet(balance, started, asked) for balance in self._host.balances(asked.account)]

    def _wallet(self, balance: Balance, started: str, asked: Asked) -> rest.Account:
        currency, fiat = balance.currency, balance.currency == SETTLED
        return rest.Account(
            uuid=uuid_of("wallet", asked.account, currency),
            name=f"Cash ({currency})" if fiat else f"{currency} Wallet",
            currency=currency,
            available_balance=rest.Amount(plain(balance.available), currency),
            default=False,
            active=True,
            created_at=started,
            updated_at=micros(asked.now),
            deleted_at=None,
            type="ACCOUNT_TYPE_FIAT" if fiat else "ACCOUNT_TYPE_CRYPTO",
            ready=True,
            hold=rest.Amount(plain(balance.total - balance.available), currency),
            retail_portfolio_id=asked.account,
            platform="ACCOUNT_PLATFORM_CONSUMER",
        )

    def accounts(self, asked: Asked) -> Struct:
        limit = min(number_of(asked.query, "limit", _ACCOUNTS_LIMIT) or _ACCOUNTS_LIMIT, _ACCOUNTS_MOST)
        page, has_next, cursor = page_of(
            self._wallets(asked), lambda wallet: wallet.uuid, one(asked.query, "cursor"), limit
        )
        return rest.AccountsAnswer(accounts=page, has_next=has_next, cursor=cursor, size=len(page))

    def account(self, asked: Asked) -> Struct:
        for wallet in self._wallets(asked):
            if wallet.uuid == asked.item:
                return pages.AccountAnswer(wallet)
        raise Wrong(404, "NOT_FOUND", "account not found")

    # ------------------------------------------------------------------ ways in and out

    def _ways(self, asked: Asked) -> list[pages.PaymentMethod]:
        since = micros(asked.now - self._host.uptime(asked.now))
        wallet = pages.PaymentMethod(
            id=uuid_of("payment", asked.account),
            type="FIAT_ACCOUNT",
            name=f"Cash ({SETTLED})",
            currency=SETTLED,
            verified=True,
            allow_buy=True,
            allow_sell=True,
            allow_deposit=False,
            allow_withdraw=False,
            created_at=since,
            updated_at=since,
        )
        return [wallet]

    def payment_methods(self, asked: Asked) -> Struct:
        return pages.PaymentMethodsAnswer(self._ways(asked))

    def payment_method(self, asked: Asked) -> Struct:
        for way in self._ways(asked):
            if way.id == asked.item:
                return pages.PaymentMethodAnswer(way)
        raise Wrong(404, "NOT_FOUND", "payment method not found")

    # ------------------------------------------------------------------ portfolios

    def portfolios(self, asked: Asked) -> Struct:
        """A CDP key sees the one it is bound to."""
        kind = one(asked.query, "portfolio_type")
        if kind and kind not in _PORTFOLIO_TYPES:
            raise not_a_value("portfolio_type", kind)
        return rest.PortfoliosAnswer([_portfolio(asked)] if kind in {"", "UNDEFINED", "DEFAULT"} else [])

    def breakdown(self, asked: Asked) -> Struct:
        """What each wallet is worth at the last price."""
        self._own(asked)
        rows = [self._position(balance, asked) for balance in self._host.balances(asked.account)]
        total = sum((row["total_balance_fiat"] for row in rows), orders.ZERO)
        cash = sum((row["total_balance_fiat"] for row in rows if row["is_cash"]), orders.ZERO)
        for row in rows:
            row["allocation"] = round(row["total_balance_fiat"] / total, 8) if total else orders.ZERO
        nothing = _dollars(orders.ZERO)
        balances = pages.PortfolioBalances(
            total_balance=_dollars(total),
            total_futures_balance=nothing,
            total_cash_equivalent_balance=_dollars(cash),
            total_crypto_balance=_dollars(total - cash),
            futures_unrealized_pnl=nothing,
            perp_unrealized_pnl=nothing,
        )
        return pages.PortfolioBreakdownAnswer(
            pages.PortfolioBreakdown(
                portfolio=_portfolio(asked),
                portfolio_balances=balances,
                spot_positions=rows,
                perp_positions=[],
                futures_positions=[],
            )
        )

    def _position(self, balance: Balance, asked: Asked) -> pages.Row:
        price = self._price(balance.currency)
        return {
            "asset": balance.currency,
            "account_uuid": uuid_of("wallet", asked.account, balance.currency),
            "total_balance_fiat": round(balance.total * price, 2),
            "total_balance_crypto": balance.total,
            "available_to_trade_fiat": round(balance.available * price, 2),
            "is_cash": balance.currency in {SETTLED, ALIAS},
        }

    def _price(self, currency: str) -> Decimal:
        if currency in {SETTLED, ALIAS} or f"{currency}-{SETTLED}" not in self._host.exchange.instruments:
            return Decimal(currency in {SETTLED, ALIAS})
        quote = self._host.exchange.quote(f"{currency}-{SETTLED}")
        return quote.last_px or quote.bid or orders.ZERO

    def _own(self, asked: Asked) -> None:
        if asked.item != asked.account:
            raise Wrong(404, "NOT_FOUND", "portfolio not found")

    # ------------------------------------------------------------------ futures and perpetuals: none

    def cfm_balance(self, asked: Asked) -> Struct:
        """No futures are held: money, and nothing else."""
        return rest.CfmBalanceAnswer(futures.over_rest(futures.summary(self._host.balances(asked.account))))

    def cfm_positions(self, asked: Asked) -> Struct:
        return rest.CfmPositionsAnswer([])

    def no_position(self, asked: Asked) -> Struct:
        raise Wrong(404, "NOT_FOUND", "position not found")

    def sweeps(self, asked: Asked) -> Struct:
        return pages.FuturesSweepsAnswer([])

    def margin_setting(self, asked: Asked) -> Struct:
        return pages.IntradayMarginSetting("INTRADAY_MARGIN_SETTING_STANDARD")

    def margin_window(self, asked: Asked) -> Struct:
        return pages.MarginWindowAnswer(
            margin_window=None,
            is_intraday_margin_killswitch_enabled=False,
            is_intraday_margin_enrollment_killswitch_enabled=False,
        )

    def no_perpetuals(self, asked: Asked) -> Struct:
        """ASSUMPTION: a portfolio that trades none is not found there."""
        raise Wrong(404, "NOT_FOUND", "portfolio not found")

    def no_conversion(self, asked: Asked) -> Struct:
        raise Wrong(404, "NOT_FOUND", "trade not found")


def _portfolio(asked: Asked) -> rest.Portfolio:
    return rest.Portfolio(name="Default", uuid=asked.account, type="DEFAULT", deleted=False)


def _dollars(value: Decimal) -> rest.Amount:
    return rest.Amount(plain(value.quantize(_CENT)), SETTLED)
