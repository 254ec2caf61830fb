"""What is traded, as the far end lists it: assets and their classes, symbols, categories, chains of conversion."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from venuewire.venues.ctrader.acceptor.stage import (
    ASSET_CLASSES,
    ASSETS,
    CATEGORIES,
    LEVERAGE_ID,
    Row,
    assets_of,
    full_symbol,
    light_symbol,
)
from venuewire.venues.ctrader.requests import Refused
from venuewire.venues.ctrader.wire import margin, market, model
from venuewire.venues.ctrader.wire.market import as_ids
from venuewire.venues.ctrader.wire.words import TradingMode


class Symbols:
    """The symbols of one account."""

    def __init__(
        self,
        account_id: int,
        rows: Mapping[int, Row],
        is_close_only: Callable[[], bool],
        is_limited_risk: Callable[[], bool],
    ) -> None:
        self._is_limited_risk = is_limited_risk
        self._account_id = account_id
        self._rows = rows
        self._is_close_only = is_close_only

    def ids(self, asked: tuple[int, ...] | int) -> tuple[int, ...]:
        """The symbols of a request, each once. Raises `Refused`."""
        ids = tuple(dict.fromkeys(as_ids(asked)))
        if not ids:
            raise Refused("INVALID_REQUEST", "Message missing required fields: symbolId", is_order=False)
        for symbol_id in ids:
            if symbol_id not in self._rows:
                raise Refused("SYMBOL_NOT_FOUND", f"Symbol not found with id {symbol_id}", is_order=False)
        return ids

    def all_ids(self) -> tuple[int, ...]:
        """All there are."""
        return tuple(self._rows)

    def names(self, asked: tuple[int, ...] | int) -> dict[str, int]:
        """The same by name."""
        return {self._rows[symbol_id].name: symbol_id for symbol_id in self.ids(asked)}

    def row(self, symbol_id: int) -> Row:
        """One symbol. Raises `Refused`."""
        return self._rows[self.ids(symbol_id)[0]]

    def assets(self, request: market.AssetListReq) -> market.AssetListRes:
        """2112."""
        assets = tuple(
            model.Asset(asset_id=asset_id, name=name, display_name=name, digits=2) for asset_id, name in ASSETS.items()
        )
        return market.AssetListRes(ctid_trader_account_id=self._account_id, asset=assets)

    def asset_classes(self, request: market.AssetClassListReq) -> market.AssetClassListRes:
        """2153."""
        return market.AssetClassListRes(ctid_trader_account_id=self._account_id, asset_class=ASSET_CLASSES)

    def categories(self, request: market.SymbolCategoryListReq) -> market.SymbolCategoryListRes:
        """2160."""
        return market.SymbolCategoryListRes(ctid_trader_account_id=self._account_id, symbol_category=CATEGORIES)

    def listed(self, request: market.SymbolsListReq) -> market.SymbolsListRes:
        """2114. Nothing is archived here."""
        lights = tuple(light_symbol(row) for row in self._rows.values())
        return market.SymbolsListRes(ctid_trader_account_id=self._account_id, symbol=lights)

    def details(self, request: market.SymbolByIdReq) -> market.SymbolByIdRes:
        """2116."""
        mode = TradingMode.CLOSE_ONLY_MODE if self._is_close_only() else TradingMode.ENABLED
        guaranteed = self._is_limited_risk()
        symbols = tuple(
            full_symbol(self._rows[symbol_id], mode, guaranteed=guaranteed) for symbol_id in self.ids(request.symbol_id)
        )
        return market.SymbolByIdRes(ctid_trader_account_id=self._account_id, symbol=symbols)

    def conversion(self, request: market.SymbolsForConversionReq) -> market.SymbolsForConversionRes:
        """2118: the shortest chain of symbols from one asset to the other."""
        for asset_id in (request.first_asset_id, request.last_asset_id):
            if asset_id not in ASSETS:
                raise Refused("ENTITY_NOT_FOUND", f"Asset not found with id {asset_id}", is_order=False)
        chain = self._chain(request.first_asset_id, request.last_asset_id)
        if chain is None:
            raise Refused("ENTITY_NOT_FOUND", "There is no chain of symbols between these assets", is_order=False)
        lights = tuple(light_symbol(row) for row in chain)
        return market.SymbolsForConversionRes(ctid_trader_account_id=self._account_id, symbol=lights)

    def _chain(self, first: int, last: int) -> list[Row] | None:
        reached: dict[int, list[Row]] = {first: []}
        waiting = deque([first])
        while waiting and last not in reached:
            asset = waiting.popleft()
            for row in self._rows.values():
                ends = assets_of(row)
                if asset in ends:
                    other = ends[1] if ends[0] == asset else ends[0]
                    if other not in reached:
                        reached[other] = [*reached[asset], row]
                        waiting.append(other)
        return reached.get(last)

    def leverage(self, request: margin.GetDynamicLeverageByIDReq) -> margin.GetDynamicLeverageByIDRes:
        """2177: one table with one tier, which is the leverage of the account."""
        if request.leverage_id != LEVERAGE_ID:
            raise Refused("ENTITY_NOT_FOUND", f"Leverage not found with id {request.leverage_id}", is_order=False)
        tier = model.DynamicLeverageTier(volume=10**12, leverage=100 * 100)
        table = model.DynamicLeverage(leverage_id=LEVERAGE_ID, tiers=(tier,))
        return margin.GetDynamicLeverageByIDRes(ctid_trader_account_id=self._account_id, leverage=table)
