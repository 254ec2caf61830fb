"""What our end asks in several steps: what is traded, what is held, what an order would bind, and the rest by `ask`."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from decimal import Decimal

from msgspec.structs import replace

from venuewire.errors import LocalProtocolError
from venuewire.model.account import AccountSummary
from venuewire.model.instrument import Instrument
from venuewire.model.orders import NewOrder
from venuewire.model.session import (
    Event,
    OrderEstimate,
    OrderEstimateRequest,
    Reply,
    RequestForPositions,
    SecurityList,
    SecurityListRequest,
    Subscribe,
    SubscriptionAccepted,
    VenueRequest,
)
from venuewire.model.session import Holdings as HoldingsEvent
from venuewire.model.terms import Nanos, Side
from venuewire.venue import Seat
from venuewire.venues.ctrader import requests, translate
from venuewire.venues.ctrader.credentials import CTraderCredentials
from venuewire.venues.ctrader.initiator.accounts import Accounts
from venuewire.venues.ctrader.initiator.dialogue import Steps, ask
from venuewire.venues.ctrader.wire import history, margin, market, model, session, trading
from venuewire.venues.ctrader.wire.base import Message

ASKED: dict[type[Message], type[Message]] = {
    session.VersionReq: session.VersionRes,
    session.GetAccountListByAccessTokenReq: session.GetAccountListByAccessTokenRes,
    session.GetCtidProfileByTokenReq: session.GetCtidProfileByTokenRes,
    market.AssetListReq: market.AssetListRes,
    market.AssetClassListReq: market.AssetClassListRes,
    market.SymbolsListReq: market.SymbolsListRes,
    market.SymbolByIdReq: market.SymbolByIdRes,
    market.SymbolCategoryListReq: market.SymbolCategoryListRes,
    market.SymbolsForConversionReq: market.SymbolsForConversionRes,
    trading.TraderReq: trading.TraderRes,
    trading.ReconcileReq: trading.ReconcileRes,
    margin.ExpectedMarginReq: margin.ExpectedMarginRes,
    margin.GetDynamicLeverageByIDReq: margin.GetDynamicLeverageByIDRes,
    margin.GetPositionUnrealizedPnLReq: margin.GetPositionUnrealizedPnLRes,
    margin.MarginCallListReq: margin.MarginCallListRes,
    margin.MarginCallUpdateReq: margin.MarginCallUpdateRes,
    history.CashFlowHistoryListReq: history.CashFlowHistoryListRes,
    history.DealListReq: history.DealListRes,
    history.DealListByPositionIdReq: history.DealListByPositionIdRes,
    history.DealOffsetListReq: history.DealOffsetListRes,
    history.GetTickDataReq: history.GetTickDataRes,
    history.GetTrendbarsReq: history.GetTrendbarsRes,
    history.OrderDetailsReq: history.OrderDetailsRes,
    history.OrderListReq: history.OrderListRes,
    history.OrderListByPositionIdReq: history.OrderListByPositionIdRes,
}
"""What `ask` takes, and what answers it."""


class Questions:
    """Questions of one life of the line, as steps of a dialogue."""

    def __init__(self, seat: Seat, accounts: Accounts) -> None:
        self._seat = seat
        self._accounts = accounts
        self.lights: dict[int, model.LightSymbol] = {}
        """The symbols that were listed."""

    # ----------------------------------------------------------------------------------------- what is traded

    def securities(self, command: SecurityListRequest) -> Steps:
        """2114: light symbols, without digits or steps; 2116 has the details, for all of those wanted at once."""
        listed, _ = yield from ask(
            market.SymbolsListReq(ctid_trader_account_id=self._accounts.main), market.SymbolsListRes
        )
        names = frozenset(command.symbols)
        wanted = [
            light
            for light in listed.symbol
            if light.enabled is not False and (not names or (light.symbol_name or str(light.symbol_id)) in names)
        ]
        self.lights |= {light.symbol_id: light for light in wanted}
        if not wanted:
            return [SecurityList(instruments=(), ref=command.ref)]
        yield from self._name_assets()
        details, _ = yield from self._details(light.symbol_id for light in wanted)
        return [SecurityList(instruments=self._instruments(details), ref=command.ref)]

    def _details(
        self, ids: Iterable[int]
    ) -> Generator[Message, tuple[Message, Nanos], tuple[market.SymbolByIdRes, Nanos]]:
        message = market.SymbolByIdReq(ctid_trader_account_id=self._accounts.main, symbol_id=tuple(ids))
        return (yield from ask(message, market.SymbolByIdRes))

    def _instruments(self, details: market.SymbolByIdRes) -> tuple[Instrument, ...]:
        """In the order they were listed."""
        by_id = {full.symbol_id: full for full in details.symbol}
        return tuple(
            translate.instrument(light, by_id[symbol_id], self._accounts.assets)
            for symbol_id, light in self.lights.items()
            if symbol_id in by_id
        )

    def _name_assets(self) -> Generator[Message, tuple[Message, Nanos], None]:
        """2112, once."""
        if not self._accounts.assets:
            answer, _ = yield from ask(
                market.AssetListReq(ctid_trader_account_id=self._accounts.main), market.AssetListRes
            )
            self._accounts.assets = {asset.asset_id: asset.name for asset in answer.asset}

    def status(self, instrument: Instrument, command: Subscribe) -> Steps:
        """2116: the trading mode of a symbol, as it is now."""
        details, now = yield from self._details((int(instrument.security_id),))
        statuses = [translate.security_status(instrument.symbol, full, now) for full in details.symbol]
        return [SubscriptionAccepted(ref=command.ref), *statuses]

    def symbols_again(self, ids: tuple[int, ...], wanted: frozenset[str]) -> Steps:
        """2116 after 2120: sizes and steps are kept in mind at once, a status is told where it is `wanted`."""
        details, now = yield from self._details(ids)
        self._seat.know(self._instruments(details))
        names = {full.symbol_id: self._symbol_of(full.symbol_id) for full in details.symbol}
        return [
            translate.security_status(names[full.symbol_id], full, now)
            for full in details.symbol
            if names[full.symbol_id] in wanted
        ]

    def _symbol_of(self, symbol_id: int) -> str:
        known = self._seat.by_security_id.get(str(symbol_id))
        return "" if known is None else known.symbol

    # ----------------------------------------------------------------------------------------- what is held

    def holdings(self, command: RequestForPositions) -> Steps:
        """2124, then 2121, of each account that is meant."""
        ids, now = self._accounts.named(command.account), 0
        for account_id in ids:
            now = yield from self._restate(account_id)
        held = [self._accounts.holdings(account_id) for account_id in ids]
        return [
            HoldingsEvent(
                positions=tuple(position for each in held for position in each.positions()),
                balances=tuple(balance for each in held for balance in each.balances(now)),
                ref=command.ref,
            )
        ]

    def _restate(self, account_id: int) -> Generator[Message, tuple[Message, Nanos], Nanos]:
        reconciled, now = yield from ask(trading.ReconcileReq(ctid_trader_account_id=account_id), trading.ReconcileRes)
        self._accounts.holdings(account_id).restate(reconciled.position, now)
        return (yield from self._settle(account_id))

    def _settle(self, account_id: int) -> Generator[Message, tuple[Message, Nanos], Nanos]:
        yield from self._name_assets()
        told, now = yield from ask(trading.TraderReq(ctid_trader_account_id=account_id), trading.TraderRes)
        self._accounts.settle(told.trader)
        return now

    def summaries(self, command: Subscribe) -> Steps:
        """Each account as a whole, as it is now."""
        told: list[Event] = [SubscriptionAccepted(ref=command.ref)]
        for account_id in self._accounts.ids:
            yield from self._restate(account_id)
            told.append((yield from self._summary(account_id)))
        return told

    def summary_again(self, account_id: int) -> Steps:
        """One account, after something in it has changed."""
        if not self._accounts.currency(account_id):
            yield from self._settle(account_id)
        return [(yield from self._summary(account_id))]

    def _summary(self, account_id: int) -> Generator[Message, tuple[Message, Nanos], AccountSummary]:
        message = margin.GetPositionUnrealizedPnLReq(ctid_trader_account_id=account_id)
        told, now = yield from ask(message, margin.GetPositionUnrealizedPnLRes)
        return self._accounts.summary(account_id, told, now)

    # ----------------------------------------------------------------------------------------- what an order would bind

    def estimate(self, command: OrderEstimateRequest, instrument: Instrument) -> Steps:
        """2139. The order is looked at as if it were to be sent. Raises `LocalProtocolError`."""
        account_id = self._accounts.chosen(command.order.account)
        volume = requests.new_order(command.order, instrument, account_id).volume
        return self._estimate(command.order, command.ref, account_id, int(instrument.security_id), volume)

    def _estimate(self, order: NewOrder, ref: str, account_id: int, symbol_id: int, volume: int) -> Steps:
        if not self._accounts.currency(account_id):
            yield from self._settle(account_id)
        message = margin.ExpectedMarginReq(ctid_trader_account_id=account_id, symbol_id=symbol_id, volume=(volume,))
        told, _ = yield from ask(message, margin.ExpectedMarginRes)
        return [
            OrderEstimate(
                currency=self._accounts.currency(account_id),
                margin=_margin_of(told, order.side, volume),
                ref=ref,
            )
        ]

    # ----------------------------------------------------------------------------------------- everything else

    def plain(self, command: VenueRequest) -> Steps:
        """Any request of `ASKED`. Raises `LocalProtocolError` for another record."""
        message = command.message
        kind = ASKED.get(type(message)) if isinstance(message, Message) else None
        if kind is None or not isinstance(message, Message):
            some = ", ".join(sorted(record.__name__ for record in ASKED))
            raise LocalProtocolError(f"cTrader is not asked by {type(message).__name__}; there are: {some}")
        return self._plain(self._completed(message), kind, command.ref)

    @staticmethod
    def _plain(message: Message, kind: type[Message], ref: str) -> Steps:
        told, _ = yield from ask(message, kind)
        return [Reply(message=told, ref=ref)]

    def _completed(self, message: Message) -> Message:
        """Account 0 is the first of ours, an empty token the one in hand. Raises `LocalProtocolError`."""
        account_id = getattr(message, "ctid_trader_account_id", None)
        if account_id == 0:
            return replace(message, ctid_trader_account_id=self._accounts.main)
        if account_id is not None:
            self._accounts.chosen(str(account_id))
        if getattr(message, "access_token", None) == "":
            credentials = self._seat.credentials
            assert isinstance(credentials, CTraderCredentials)
            return replace(message, access_token=credentials.accessToken.reveal())
        return message


def _margin_of(told: margin.ExpectedMarginRes, side: Side, volume: int) -> Decimal | None:
    for row in told.margin:
        if row.volume == volume:
            value = row.buy_margin if side is Side.BUY else row.sell_margin
            return translate.amount(value, told.money_digits)
    return None
