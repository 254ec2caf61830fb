"""The sandbox's state as the venue's records: one place for what `/ws` pushes and what HTTP answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from venuewire.model.account import Balance, Position
from venuewire.model.instrument import Instrument
from venuewire.model.market import SET_BID, LevelChange, Trade
from venuewire.model.orders import ExecutionReport
from venuewire.model.terms import Nanos
from venuewire.venue import Port
from venuewire.venues.alor import books, terms, translate
from venuewire.venues.alor.acceptor.desk import Desk, Iceberg, visible
from venuewire.venues.alor.wire import account, market
from venuewire.venues.alor.wire import risk as wire_risk
from venuewire.venues.alor.wire import status as wire_status
from venuewire.venues.alor.wire.frames import Format

_ZERO = Decimal(0)
RISK_CATEGORY = 1
"""Of everybody here."""
_ROUBLES = "RUB"
_DAY_TRADES = 1000
"""The day's open, high, low and volume are those of so many newest trades."""


class Records:
    """Asks the exchange, answers in the venue's records."""

    def __init__(self, desk: Desk, exchange_name: str, leverage: Mapping[str, int]) -> None:
        self._desk = desk
        self._leverage = leverage
        """Of futures: how many times its margin a position may cost."""
        self._exchange = desk.exchange
        self._name = exchange_name
        self._bases = {
            instrument.base: symbol
            for symbol, instrument in desk.exchange.instruments.items()
            if not terms.is_derivative(instrument)
        }

    # ---- market

    def book(self, form: Format, instrument: Instrument, depth: int, now: Nanos, *, existing: bool) -> market.Book:
        """The book, cut to the depth."""
        found = self._exchange.book(instrument.symbol, depth)
        hidden = self._desk.hidden(instrument.symbol)
        return books.book_record(form, found, instrument, now, existing=existing, hidden=hidden)

    def quote(self, form: Format, instrument: Instrument) -> market.Quote:
        """The quote and the day's figures."""
        exchange, symbol = self._exchange, instrument.symbol
        quote, trades = exchange.quote(symbol), exchange.trades(symbol, _DAY_TRADES)
        totals = _totals(exchange.book(symbol).levels)
        return books.quote_record(form, quote, instrument, self._desk.reference[symbol], trades, totals)

    def trades(self, instrument: Instrument, limit: int) -> list[Trade]:
        """The newest public trades, oldest first."""
        return self._exchange.trades(instrument.symbol, limit) if limit else []

    def security(self, form: Format, instrument: Instrument, now: Nanos) -> market.Security:
        """What is known of an instrument."""
        status = self._desk.trading_status(instrument, now)
        reference, margin = self._desk.reference[instrument.symbol], self.margin(instrument)
        return books.security_record(form, instrument, reference, status, margin)

    def status(self, form: Format, instrument: Instrument, now: Nanos) -> wire_status.InstrumentStatus:
        """Trading status and price limits."""
        reference = self._desk.reference[instrument.symbol]
        status = self._desk.trading_status(instrument, now)
        return books.status_record(form, instrument, reference, status, self.margin(instrument))

    def securities(self) -> list[Instrument]:
        """All there are."""
        return list(self._exchange.instruments.values())

    def margin(self, instrument: Instrument) -> Decimal:
        """What one contract binds; nothing of what is delivered."""
        leverage = self._leverage.get(instrument.symbol)
        return self._mark(instrument.symbol) / leverage if leverage else _ZERO

    def future_on(self, instrument: Instrument) -> Instrument | None:
        """The future on a share, by its name: `SBRF-12.26` is on `SBER`."""
        for future in self._exchange.instruments.values():
            name = future.security_id.partition("-")[0]
            if terms.is_derivative(future) and name.startswith(instrument.security_id[:2]):
                return future
        return None

    # ---- portfolio

    def order(
        self, form: Format, report: ExecutionReport, port: Port, now: Nanos, *, existing: bool
    ) -> account.Order | None:
        """An order as a report tells it, completed by the exchange; None for what was never an order."""
        instrument = self._exchange.instruments.get(report.symbol)
        standing = report
        if report.order_qty is None or report.cum_qty is None or report.side is None:
            standing = port.order(order_id=report.order_id) or report
        if instrument is None or not report.order_id or standing.ord_status is None:
            return None
        memory = self._desk.memory(report, now)
        return translate.order_record(
            form,
            standing,
            instrument,
            portfolio=port.account,
            comment=memory.comment or standing.cl_ord_id,
            placed=memory.placed,
            existing=existing,
            iceberg=_iceberg(form, memory.iceberg, standing, instrument),
        )

    def fill(self, form: Format, report: ExecutionReport, now: Nanos, *, existing: bool) -> account.Trade | None:
        """A fill of ours."""
        instrument = self._exchange.instruments.get(report.symbol)
        if instrument is None:
            return None
        comment = self._desk.memory(report, now).comment or report.cl_ord_id
        return translate.trade_record(form, report, instrument, comment=comment, existing=existing)

    def position(
        self, form: Format, event: Position | Balance, port: Port, *, existing: bool
    ) -> account.Position | None:
        """What is held of an instrument, or a cash row.

        The exchange keeps shares as balances and positions as what was traded since it began; the venue knows one
        thing only, how many shares there are. None for a balance that is told as a position.
        """
        if isinstance(event, Balance):
            if event.currency in self._bases:
                return None
            return translate.cash_record(form, event, self._name, portfolio=port.account, existing=existing)
        instrument = self._exchange.instruments.get(event.symbol)
        if instrument is None:
            return None
        held = {balance.currency: balance.total for balance in port.balances()}
        whole = replace(
            event, qty=held.get(instrument.base, event.qty), avg_px=event.avg_px or self._mark(event.symbol)
        )
        return translate.position_record(
            form, whole, instrument, self._mark(event.symbol), portfolio=port.account, existing=existing
        )

    def holdings(self, form: Format, port: Port) -> list[account.Position]:
        """Every position and every cash row."""
        traded = {position.symbol: position for position in port.positions()}
        balances = port.balances()
        events: list[Position | Balance] = list(balances)
        for symbol in (self._bases[b.currency] for b in balances if b.currency in self._bases):
            traded.setdefault(symbol, Position(symbol=symbol, qty=_ZERO))
        events += traded.values()
        rows = (self.position(form, event, port, existing=True) for event in events)
        return [row for row in rows if row is not None]

    def summary(self, form: Format, port: Port) -> account.Summary:
        """The portfolio's money, and what all of it is worth."""
        cash = [balance for balance in port.balances() if balance.currency not in self._bases]
        return translate.summary_record(form, cash, self.worth(port), self._bound(port))

    def risk(self, form: Format, port: Port, now: Nanos) -> wire_risk.Risk:
        """Risk figures (3.6.8). Shares are not bought on margin; futures bind theirs, and may eat up what is there."""
        worth, margin = self.worth(port), self._bound(port)
        least = margin / 2
        first, second = worth - margin, worth - least
        return wire_risk.RISKS[form](
            portfolio=port.account,
            exchange=self._name,
            portfolioEvaluation=worth,
            portfolioLiquidationValue=worth,
            initialMargin=margin,
            minimalMargin=least,
            correctedMargin=margin,
            riskCoverageRatioOne=first,
            riskCoverageRatioTwo=second,
            riskCategoryId=RISK_CATEGORY,
            clientType="StandardRisk",
            hasForbiddenPositions=False,
            hasNegativeQuantity=any(position.qty < 0 for position in port.positions()),
            riskStatus="Ok" if first >= 0 else "Demand" if second >= 0 else "ToClose",
            calculationTime=terms.iso_of(now),
        )

    def spectra_risk(self, form: Format, port: Port) -> wire_risk.SpectraRisk:
        """Figures of the derivatives market (3.6.9); all zero but the money where there are no positions of it."""
        roubles = [balance for balance in port.balances() if balance.currency == _ROUBLES]
        total = sum((balance.total for balance in roubles), _ZERO)
        free = sum((balance.available for balance in roubles), _ZERO)
        won = self._won(port)
        zeros: dict[str, Any] = dict.fromkeys(("fee", "moneyPledgeAmount", "vmInterCl", "netOptionValue"), _ZERO)
        zeros |= {"vmCurrentPositions": won, "indicativeVarMargin": won, "posRisk": self._bound(port)}
        if form != "Slim":
            zeros["varMargin"] = won
        if form == "Simple":
            zeros["balanceMoney"] = _ZERO
        return wire_risk.SPECTRA_RISKS[form](
            portfolio=port.account,
            moneyFree=free,
            moneyBlocked=total - free,
            moneyOld=total,
            moneyAmount=total,
            isLimitsSet=False,
            **zeros,
        )

    def worth(self, port: Port) -> Decimal:
        """What a portfolio would bring in roubles. What is in another currency is not counted: nobody changes it."""
        worth = _ZERO
        for balance in port.balances():
            symbol = self._bases.get(balance.currency)
            if symbol is None:
                worth += balance.total if balance.currency == _ROUBLES else _ZERO
            elif self._exchange.instruments[symbol].currency == _ROUBLES:
                worth += balance.total * self._mark(symbol)
        return worth + self._won(port)

    def _futures(self, port: Port) -> list[Position]:
        return [position for position in port.positions() if position.symbol in self._leverage]

    def _won(self, port: Port) -> Decimal:
        """What open positions of derivatives have won or lost so far."""
        return sum((f.qty * (self._mark(f.symbol) - (f.avg_px or _ZERO)) for f in self._futures(port)), _ZERO)

    def _bound(self, port: Port) -> Decimal:
        """What they bind, at the prices they were opened at, as the exchange reckons it."""
        return sum((abs(f.qty) * (f.avg_px or _ZERO) / self._leverage[f.symbol] for f in self._futures(port)), _ZERO)

    def _mark(self, symbol: str) -> Decimal:
        return self._desk.mark(symbol)


def _iceberg(
    form: Format, asked: Iceberg | None, standing: ExecutionReport, instrument: Instrument
) -> account.IcebergSimple | account.IcebergSlim | None:
    """What shows of an iceberg order now (3.6.11)."""
    if asked is None:
        return None
    lot, filled = instrument.round_lot, standing.cum_qty or _ZERO
    shown = visible(standing, asked[0] * lot)
    kind = account.IcebergSlim if form == "Slim" else account.IcebergSimple
    return kind(
        creationFixedQuantity=Decimal(asked[0]),
        creationVarianceQuantity=Decimal(asked[1]),
        visibleQuantity=shown,
        visibleQuantityBatch=shown // lot,
        visibleFilledQuantity=filled % (asked[0] * lot),
        visibleFilledQuantityBatch=filled % (asked[0] * lot) // lot,
    )


def _totals(changes: Iterable[LevelChange]) -> tuple[Decimal, Decimal]:
    bids = asks = _ZERO
    for change in changes:
        if change.action == SET_BID:
            bids += change.size
        else:
            asks += change.size
    return bids, asks
