"""Orders and what belongs to a portfolio: wire records <-> commands and events, both ways. Pure.

Quantities of the wire's `...Units` are pieces, as ours are; commands count lots. Our `cl_ord_id` travels in `comment`,
which comes back with the order and with each of its trades. Market data has a file of its own, `books`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from re import compile as pattern
from typing import Any

from msgspec import UNSET, UnsetType

from venuewire.codec import checked
from venuewire.errors import LocalProtocolError
from venuewire.model.account import Balance, Position
from venuewire.model.instrument import Instrument
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.session import Holdings
from venuewire.model.terms import ExecType, Nanos, OrdRejReason, OrdStatus, OrdType, TimeInForce
from venuewire.venues.alor import stops, terms
from venuewire.venues.alor.wire import account, commands, frames

CL_ORD_ID = r"[0-9]{1,18}"
_OURS = pattern(CL_ORD_ID).fullmatch
_ZERO = Decimal(0)

# --------------------------------------------------------------------------- our commands to the wire


def create_message(
    command: NewOrder,
    instrument: Instrument,
    portfolio: str,
    *,
    allow_margin: bool,
    check_duplicates: bool,
    protecting: int = 0,
) -> commands.Create:
    """`create:...`; the guid is the command's `ref`. `protecting`: seconds for which a stop's condition must hold.

    Raises `LocalProtocolError` for what the venue has no message for.
    """
    if command.cash_order_qty is not None or command.order_qty is None:
        raise LocalProtocolError("ALOR sizes orders in lots; give order_qty")
    if command.cancel_on_disconnect:
        raise LocalProtocolError("ALOR has no cancel on disconnect")
    _check_prices(command)
    kept = stops.kept_of(command, instrument)
    return commands.Create(
        opcode=f"create:{terms.COMMAND_WORDS[command.ord_type]}",
        guid=command.ref,
        side=terms.SIDE_WORDS[command.side],
        quantity=_lots(command.order_qty, instrument),
        price=_given_price(command.price),
        condition=kept.condition or UNSET,
        triggerPrice=_given_price(command.stop_px),
        stopEndUnixTime=kept.end if kept.condition else UNSET,
        instrument=_place(command.symbol),
        comment=_comment(command.cl_ord_id),
        user=commands.User(portfolio=command.account or portfolio),
        timeInForce=kept.life or UNSET if kept.condition else _life(command, instrument),
        allowMargin=True if allow_margin else UNSET,
        icebergFixed=kept.iceberg or UNSET,
        protectingSeconds=protecting or UNSET if kept.condition else UNSET,
        checkDuplicates=check_duplicates,
    )


def update_message(
    command: ReplaceOrder,
    instrument: Instrument,
    portfolio: str,
    kept: stops.Kept | None,
    *,
    allow_margin: bool,
    check_duplicates: bool,
) -> commands.Update:
    """`update:...`. `order_qty` is the whole quantity of the order that takes the old one's place.

    `kept` is what it was placed with and must be repeated, where that is known.

    Raises `LocalProtocolError` for what the venue has no message for.
    """
    if not command.order_id:
        raise LocalProtocolError("ALOR knows orders by its own id only; order_id is empty")
    if command.order_qty is None:
        raise LocalProtocolError("ALOR's update needs the quantity; give order_qty")
    raw_id, is_stop = terms.raw_id(command.order_id)
    ord_type = _present_type(command.ord_type, is_stop=is_stop)
    kept = _kept_or_refused(kept, is_stop=is_stop)
    if (ord_type in terms.WITH_PRICE) != (command.price is not None):
        raise LocalProtocolError("a limit price goes with limit and stop-limit orders, and with them only")
    if is_stop and command.stop_px is None:
        raise LocalProtocolError("ALOR's update of a stop order needs the trigger price; give stop_px")
    quantity = _lots(command.order_qty, instrument)
    return commands.Update(
        opcode=f"update:{terms.COMMAND_WORDS[ord_type]}",
        guid=command.ref,
        orderId=raw_id,
        side=terms.SIDE_WORDS[command.side],
        quantity=quantity,
        price=_given_price(command.price),
        condition=kept.condition or UNSET,
        triggerPrice=_given_price(command.stop_px) if is_stop else UNSET,
        stopEndUnixTime=kept.end if is_stop else UNSET,
        instrument=_place(command.symbol),
        comment=_comment(command.cl_ord_id),
        user=commands.User(portfolio=command.account or portfolio),
        timeInForce=kept.life or UNSET,
        allowMargin=True if allow_margin else UNSET,
        icebergFixed=min(kept.iceberg, quantity) or UNSET,
        protectingSeconds=kept.protecting or UNSET,
        checkDuplicates=check_duplicates,
    )


def _kept_or_refused(kept: stops.Kept | None, *, is_stop: bool) -> stops.Kept:
    """Without its condition a stop order cannot be replaced: guessing it might trigger it at once."""
    if is_stop and (kept is None or not kept.condition):
        raise LocalProtocolError("the condition of this stop order is not known here; cancel it and place another")
    if kept is None:
        return stops.Kept()
    return kept if is_stop else stops.Kept(iceberg=kept.iceberg)


def _present_type(ord_type: OrdType, *, is_stop: bool) -> OrdType:
    """What an order is by now: a stop that was triggered has become the order it placed."""
    if is_stop:
        return OrdType.STOP_LIMIT if ord_type in terms.WITH_PRICE else OrdType.STOP
    return OrdType.LIMIT if ord_type in terms.WITH_PRICE else OrdType.MARKET


def delete_message(command: CancelOrder, portfolio: str, *, check_duplicates: bool) -> commands.Delete:
    """`delete:...`. Raises `LocalProtocolError` without the venue's id."""
    if not command.order_id:
        raise LocalProtocolError("ALOR knows orders by its own id only; order_id is empty")
    raw_id, is_stop = terms.raw_id(command.order_id)
    return commands.Delete(
        opcode=f"delete:{terms.COMMAND_WORDS[_present_type(command.ord_type, is_stop=is_stop)]}",
        guid=command.ref,
        orderId=raw_id,
        exchange=terms.listing(command.symbol).exchange,
        user=commands.User(portfolio=command.account or portfolio),
        checkDuplicates=check_duplicates,
    )


def _check_prices(command: NewOrder) -> None:
    if (command.ord_type in terms.WITH_PRICE) != (command.price is not None):
        raise LocalProtocolError("a limit order needs a price, a market order takes none")
    if (command.ord_type in terms.STOP_TYPES.values()) != (command.stop_px is not None):
        raise LocalProtocolError("a stop order needs a stop_px, other orders take none")


def _lots(quantity: Decimal | str | int, instrument: Instrument) -> int:
    return terms.lots(Decimal(quantity), instrument.round_lot)


def _given_price(price: Decimal | str | int | None) -> Decimal | UnsetType:
    return UNSET if price is None else terms.plain(Decimal(price))


def _place(symbol: str) -> commands.Place:
    where = terms.listing(symbol)
    return commands.Place(symbol=where.ticker, exchange=where.exchange, instrumentGroup=where.board or UNSET)


def _comment(cl_ord_id: str) -> str | UnsetType:
    if cl_ord_id and not _OURS(cl_ord_id):
        raise LocalProtocolError(f"cl_ord_id {cl_ord_id!r} is not 1 to 18 digits")
    return cl_ord_id or UNSET


def _life(command: NewOrder, instrument: Instrument) -> str | UnsetType:
    if command.post_only:
        if command.ord_type is not OrdType.LIMIT or command.time_in_force not in (None, TimeInForce.DAY):
            raise LocalProtocolError("post_only goes with limit orders for the day")
        return terms.PASSIVE
    if command.time_in_force is None:
        return UNSET
    word = terms.TIME_IN_FORCE_WORDS.get(command.time_in_force)
    if word is None:
        raise LocalProtocolError(f"ALOR takes {command.time_in_force} with stop orders only")
    if word in terms.DERIVATIVES_ONLY and instrument.market_segment_id not in terms.DERIVATIVES:
        raise LocalProtocolError("ALOR keeps orders until they are cancelled on its derivatives boards only; give DAY")
    return word


# --------------------------------------------------------------------------- the wire's commands to ours (sandbox)


def cl_ord_id_of(comment: object) -> str:
    """The comment, where it can be an id of ours; other clients write what they like there."""
    return comment if isinstance(comment, str) and _OURS(comment) else ""


def new_order(
    record: commands.Create | commands.HttpOrder, ord_type: OrdType, instrument: Instrument, ref: str
) -> NewOrder:
    """The command in an order message whose values have been looked at."""
    word = record.timeInForce.lower() if isinstance(record.timeInForce, str) else ""
    return NewOrder(
        symbol=instrument.symbol,
        side=terms.SIDES[record.side.lower()],
        ord_type=ord_type,
        order_qty=record.quantity * instrument.round_lot,
        price=record.price if ord_type is OrdType.LIMIT and isinstance(record.price, Decimal) else None,
        time_in_force=_time_in_force(word or _default_life(ord_type)),
        post_only=word == terms.PASSIVE,
        cl_ord_id=cl_ord_id_of(record.comment),
        account=record.user.portfolio,
        ref=ref,
    )


def replace_order(
    record: commands.Update | commands.HttpOrder,
    ord_type: OrdType,
    instrument: Instrument,
    standing: ExecutionReport,
    ref: str,
) -> ReplaceOrder:
    """The command in an update message whose values have been looked at; `standing` is the order it means.

    On derivatives the exchange goes by the order's own side, whatever the message says (4.2).
    """
    side = terms.SIDES[record.side.lower()]
    return ReplaceOrder(
        symbol=instrument.symbol,
        side=standing.side or side if terms.is_derivative(instrument) else side,
        ord_type=ord_type,
        order_id=standing.order_id,
        orig_cl_ord_id=standing.cl_ord_id,
        cl_ord_id=cl_ord_id_of(record.comment),
        order_qty=record.quantity * instrument.round_lot,
        price=record.price if ord_type is OrdType.LIMIT and isinstance(record.price, Decimal) else None,
        account=record.user.portfolio,
        ref=ref,
    )


def cancel_order(standing: ExecutionReport, portfolio: str, ref: str) -> CancelOrder:
    """The command in a delete message; `standing` is the order it means."""
    assert standing.side is not None, "the exchange knows the side of its orders"
    return CancelOrder(
        symbol=standing.symbol,
        side=standing.side,
        ord_type=standing.ord_type or OrdType.LIMIT,
        order_id=standing.order_id,
        orig_cl_ord_id=standing.cl_ord_id,
        account=portfolio,
        ref=ref,
    )


def _default_life(ord_type: OrdType) -> str:
    """`oneday` (6.4). A market order for the day is one that takes what there is; which the exchange knows itself."""
    return "oneday" if ord_type is OrdType.LIMIT else ""


def _time_in_force(word: str) -> TimeInForce | None:
    if word == terms.ON_CLOSE:
        return TimeInForce.FILL_OR_KILL
    return terms.TIMES_IN_FORCE.get(word)


# --------------------------------------------------------------------------- answers to our commands


def done_report(
    command: NewOrder | ReplaceOrder | CancelOrder, order_id: str, portfolio: str, now: Nanos
) -> ExecutionReport:
    """200: created, replaced or deleted. What the order has become since is for the order stream to say."""
    common: dict[str, Any] = {
        "symbol": command.symbol,
        "order_id": order_id,
        "side": command.side,
        "ord_type": command.ord_type,
        "account": command.account or portfolio,
        "recv_time": now,
        "ref": command.ref,
    }
    match command:
        case NewOrder():
            return ExecutionReport(
                **common,
                exec_type=ExecType.NEW,
                ord_status=OrdStatus.NEW,
                cl_ord_id=command.cl_ord_id,
                time_in_force=command.time_in_force,
                order_qty=_amount(command.order_qty),
                price=_amount(command.price),
                stop_px=_amount(command.stop_px),
                expire_time=command.expire_time,
            )
        case ReplaceOrder():
            return ExecutionReport(
                **common,
                exec_type=ExecType.REPLACED,
                ord_status=OrdStatus.NEW,
                cl_ord_id=command.cl_ord_id,
                orig_cl_ord_id=command.orig_cl_ord_id,
                orig_order_id=command.order_id,
                order_qty=_amount(command.order_qty),
                price=_amount(command.price),
                stop_px=_amount(command.stop_px),
            )
        case CancelOrder():
            return ExecutionReport(
                **common,
                exec_type=ExecType.CANCELED,
                ord_status=OrdStatus.CANCELED,
                cl_ord_id=command.orig_cl_ord_id,
            )


def _amount(value: Decimal | str | int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def refused_report(
    command: NewOrder | ReplaceOrder | CancelOrder, code: str, text: str, portfolio: str, now: Nanos
) -> ExecutionReport | CancelReject:
    """A refusal: of a new order, or of a change to one, which then stands as it stood."""
    if isinstance(command, NewOrder):
        return ExecutionReport(
            symbol=command.symbol,
            exec_type=ExecType.REJECTED,
            ord_status=OrdStatus.REJECTED,
            cl_ord_id=command.cl_ord_id,
            side=command.side,
            ord_type=command.ord_type,
            ord_rej_reason=terms.reason_of(text),
            code=code,
            text=text,
            account=command.account or portfolio,
            recv_time=now,
            ref=command.ref,
        )
    return CancelReject(
        order_id=command.order_id,
        orig_cl_ord_id=command.orig_cl_ord_id,
        cl_ord_id=command.cl_ord_id,
        reason=terms.reason_of(text),
        code=code,
        text=text,
        symbol=command.symbol,
        account=command.account or portfolio,
        is_replace=isinstance(command, ReplaceOrder),
        recv_time=now,
        ref=command.ref,
    )


# --------------------------------------------------------------------------- portfolio records to events


def known_symbol(
    exchange: str, ticker: str, board: object, instruments: Mapping[str, Instrument], broker_symbol: object = None
) -> str:
    """Our symbol for what a portfolio record names; the board counts only where the client asked for that board.

    `broker_symbol` is `EXCHANGE:TICKER` again. It decides where the exchange is not one where anything is listed: the
    single-cash portfolios are asked about at one called UNITED (6.8).
    """
    primary = terms.symbol_of(exchange, ticker)
    if primary not in instruments and isinstance(broker_symbol, str) and broker_symbol in instruments:
        primary = broker_symbol
    if not isinstance(board, str) or not board:
        return primary
    boarded = f"{primary}:{board}"
    known = instruments.get(primary)
    if boarded in instruments and (known is None or known.market_segment_id != board):
        return boarded
    return primary


def order_report(
    record: account.Order, instruments: Mapping[str, Instrument], now: Nanos, *, listed: bool = False
) -> ExecutionReport:
    """An order as the stream or a list tells it. Fills have records of their own: this one never is a TRADE."""
    known_before = listed or record.existing
    quantity, filled = checked(record.qtyUnits), checked(record.filledQtyUnits)
    status = terms.status_of(record.status, filled)
    ord_type = terms.ORD_TYPES.get(record.type.lower())
    moment = record.updateTime or record.transTime
    comment = record.comment if isinstance(record.comment, str) else ""
    life = record.timeInForce.lower() if isinstance(record.timeInForce, str) else ""
    open_now = status in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED)
    return ExecutionReport(
        symbol=known_symbol(record.exchange, record.symbol, record.board, instruments, record.brokerSymbol),
        exec_type=ExecType.ORDER_STATUS if known_before else _EXEC_TYPES.get(status, ExecType.ORDER_STATUS),
        order_id=str(record.id),
        cl_ord_id=cl_ord_id_of(comment),
        side=terms.side_of(record.side),
        ord_status=status,
        ord_type=ord_type,
        time_in_force=TimeInForce.DAY if life == terms.PASSIVE else terms.TIMES_IN_FORCE.get(life),
        post_only=life == terms.PASSIVE if life else None,
        order_qty=quantity,
        price=terms.figure(record.price) if ord_type is OrdType.LIMIT else None,
        cum_qty=filled,
        leaves_qty=quantity - filled if open_now else _ZERO,
        account=record.portfolio,
        transact_time=terms.nanos_of(moment) if isinstance(moment, str) else 0,
        recv_time=now,
        historical=known_before,
    )


_EXEC_TYPES = {
    OrdStatus.NEW: ExecType.NEW,
    OrdStatus.CANCELED: ExecType.CANCELED,
    OrdStatus.REJECTED: ExecType.REJECTED,
}


def trade_report(
    record: account.Trade, instruments: Mapping[str, Instrument], portfolio: str, now: Nanos
) -> ExecutionReport:
    """One fill of ours. It says nothing of how much of the order is done by now."""
    return ExecutionReport(
        symbol=known_symbol(record.exchange, record.symbol, record.board, instruments, record.brokerSymbol),
        exec_type=ExecType.TRADE,
        order_id=str(record.orderno),
        cl_ord_id=cl_ord_id_of(record.comment),
        side=terms.side_of(record.side),
        exec_id=str(record.id),
        last_qty=checked(record.qtyUnits),
        last_px=checked(record.price),
        commission=terms.figure(record.commission),
        account=portfolio,
        transact_time=terms.nanos_of(record.date),
        recv_time=now,
        historical=record.existing,
    )


def position_event(
    record: account.Position, instruments: Mapping[str, Instrument], now: Nanos, ref: str | None = None
) -> Position | Balance:
    """A position, or for a cash row a balance. The row does not say what of the money is blocked by orders."""
    quantity = checked(record.qtyUnits)
    if record.isCurrency:
        return Balance(
            currency=record.symbol,
            total=quantity,
            available=quantity,
            account=record.portfolio,
            recv_time=now,
            ref=ref,
        )
    return Position(
        symbol=known_symbol(record.exchange, record.symbol, None, instruments, record.brokerSymbol),
        qty=quantity,
        avg_px=terms.figure(record.avgPrice) if quantity else None,
        account=record.portfolio,
        recv_time=now,
        ref=ref,
    )


def holdings(
    positions: Sequence[account.Position],
    summary: account.Summary,
    instruments: Mapping[str, Instrument],
    now: Nanos,
    ref: str | None,
) -> Holdings:
    """Positions and balances, complete: what may be spent of each currency is in the summary."""
    events = [position_event(record, instruments, now) for record in positions]
    powers = summary.buyingPowerByCurrency or ()
    available = {power.currency: checked(power.buyingPower) for power in powers}
    return Holdings(
        positions=tuple(event for event in events if isinstance(event, Position)),
        balances=tuple(
            Balance(
                currency=event.currency,
                total=event.total,
                available=available.get(event.currency, event.available),
                account=event.account,
                recv_time=now,
            )
            for event in events
            if isinstance(event, Balance)
        ),
        ref=ref,
    )


# --------------------------------------------------------------------------- events to portfolio records (sandbox)


def order_record(
    form: frames.Format,
    report: ExecutionReport,
    instrument: Instrument,
    *,
    portfolio: str,
    comment: str,
    placed: Nanos,
    existing: bool,
    iceberg: account.IcebergSimple | account.IcebergSlim | None = None,
) -> account.Order:
    """An order of the exchange as a frame's `data`; `report` says everything about where it stands."""
    lot, quantity, filled = instrument.round_lot, report.order_qty or _ZERO, report.cum_qty or _ZERO
    limit = report.ord_type is not OrdType.MARKET
    life = terms.PASSIVE if report.post_only else terms.TIME_IN_FORCE_WORDS.get(report.time_in_force or TimeInForce.DAY)
    stays = life in terms.DERIVATIVES_ONLY and terms.is_derivative(instrument)
    common: dict[str, Any] = {
        "id": terms.wire_id(report.order_id, instrument),
        "symbol": instrument.security_id,
        "board": instrument.market_segment_id,
        "brokerSymbol": f"{instrument.security_exchange}:{instrument.security_id}",
        "portfolio": portfolio,
        "exchange": instrument.security_exchange,
        "comment": comment or None,
        "type": "limit" if limit else "market",
        "side": terms.SIDE_WORDS[report.side] if report.side else "buy",
        "status": terms.STATUS_WORDS[report.ord_status or OrdStatus.NEW],
        "transTime": terms.iso_of(placed),
        "updateTime": terms.iso_of(report.transact_time or placed),
        "endTime": terms.FOREVER if stays else terms.end_of_day(placed),
        "qtyUnits": quantity,
        "qtyBatch": quantity // lot,
        "filledQtyUnits": filled,
        "filledQtyBatch": filled // lot,
        "price": report.price if limit and report.price is not None else _ZERO,
        "existing": existing,
        "timeInForce": life or "oneday",
        "iceberg": iceberg,
        "volume": report.price * quantity if limit and report.price is not None else None,
    }
    if form == "Slim":
        return account.OrderSlim(**common)
    if form == "Heavy":
        return account.OrderHeavy(**common)
    return account.OrderSimple(**common, qty=quantity // lot, filled=filled // lot)


def trade_record(
    form: frames.Format, report: ExecutionReport, instrument: Instrument, *, comment: str, existing: bool
) -> account.Trade:
    """A fill of the exchange as a frame's `data`."""
    quantity, price = report.last_qty or _ZERO, report.last_px or _ZERO
    lots = quantity // instrument.round_lot
    common: dict[str, Any] = {
        "id": report.exec_id,
        "orderno": terms.wire_id(report.order_id, instrument),
        "comment": comment or None,
        "symbol": instrument.security_id,
        "brokerSymbol": f"{instrument.security_exchange}:{instrument.security_id}",
        "exchange": instrument.security_exchange,
        "date": terms.iso_of(report.transact_time),
        "board": instrument.market_segment_id,
        "qtyUnits": quantity,
        "qtyBatch": lots,
        "price": price,
        "accruedInt": _ZERO,
        "side": terms.SIDE_WORDS[report.side] if report.side else "buy",
        "existing": existing,
        # None on derivatives (3.6.10).
        "commission": None if terms.is_derivative(instrument) else report.commission,
        "repoSpecificFields": None,
        "volume": price * quantity,
    }
    if form == "Slim":
        return account.TradeSlim(**common)
    if form == "Simple":
        return account.TradeSimple(**common, qty=lots)
    common |= {"qty": lots, "settleDate": terms.settled(report.transact_time)}
    return account.TradeHeavy(**common)


def position_record(
    form: frames.Format, position: Position, instrument: Instrument, last: Decimal, *, portfolio: str, existing: bool
) -> account.Position:
    """A holding of the exchange as a frame's `data`."""
    average = position.avg_px or _ZERO
    return _holding(
        form,
        {
            "volume": average * position.qty,
            "currentVolume": last * position.qty,
            "symbol": instrument.security_id,
            "brokerSymbol": f"{instrument.security_exchange}:{instrument.security_id}",
            "portfolio": portfolio,
            "exchange": instrument.security_exchange,
            "avgPrice": average,
            "shortName": instrument.base,
            "dailyUnrealisedPl": _ZERO,
            "unrealisedPl": (last - average) * position.qty,
            "isCurrency": False,
            "existing": existing,
        },
        position.qty,
        instrument.round_lot,
    )


def cash_record(
    form: frames.Format, balance: Balance, exchange: str, *, portfolio: str, existing: bool
) -> account.Position:
    """A cash row (3.6.6): the currency's code as ticker, `isCurrency` true."""
    return _holding(
        form,
        {
            "volume": balance.total,
            "currentVolume": balance.total,
            "symbol": balance.currency,
            "brokerSymbol": f"{exchange}:{balance.currency}",
            "portfolio": portfolio,
            "exchange": exchange,
            "avgPrice": Decimal(1),
            "shortName": balance.currency,
            "dailyUnrealisedPl": _ZERO,
            "unrealisedPl": _ZERO,
            "isCurrency": True,
            "existing": existing,
        },
        balance.total,
        Decimal(1),
    )


def _holding(form: frames.Format, common: dict[str, Any], pieces: Decimal, lot: Decimal) -> account.Position:
    """The same quantity in all the places where the venue writes it."""
    units: dict[str, Any] = dict.fromkeys(("qtyUnits", "openUnits", "qtyT0", "qtyT1", "qtyT2", "qtyTFuture"), pieces)
    if form == "Slim":
        return account.PositionSlim(**common, **units, lotSize=lot)
    names = ("qtyT0Batch", "qtyT1Batch", "qtyT2Batch", "qtyTFutureBatch", "openQtyBatch")
    batches: dict[str, Any] = dict.fromkeys(names, pieces / lot)
    if form == "Heavy":
        return account.PositionHeavy(**common, **units, lotSize=lot, **batches)
    batches |= dict.fromkeys(("qtyBatch", "qty", "open"), pieces / lot)
    return account.PositionSimple(**common, **units, lotSize=lot, **batches)


def summary_record(
    form: frames.Format, balances: Sequence[Balance], value: Decimal, margin: Decimal = _ZERO
) -> account.Summary:
    """The portfolio's money; `value` is what all of it would be worth, `margin` what its derivatives bind."""
    power = sum((balance.available for balance in balances if balance.currency == "RUB"), _ZERO)
    common: dict[str, Any] = {
        "buyingPowerAtMorning": power,
        "buyingPower": power,
        "profit": _ZERO,
        "profitRate": _ZERO,
        "portfolioEvaluation": value,
        "portfolioLiquidationValue": value,
        "initialMargin": margin,
        "correctedMargin": margin,
        "riskBeforeForcePositionClosing": value - margin,
        "commission": _ZERO,
    }
    if form == "Slim":
        rows = [account.PowerSlim(currency=b.currency, buyingPower=b.available) for b in balances]
        return account.SummarySlim(**common, buyingPowerByCurrency=rows)
    powers = [account.PowerSimple(currency=b.currency, buyingPower=b.available) for b in balances]
    return account.SummarySimple(**common, buyingPowerByCurrency=powers)


def refusal_reason(reports: Sequence[ExecutionReport | CancelReject]) -> tuple[OrdRejReason | None, str] | None:
    """Why the exchange refused; None if it did not."""
    for report in reports:
        if isinstance(report, CancelReject):
            return report.reason, report.text
        if report.exec_type is ExecType.REJECTED:
            return report.ord_rej_reason, report.text
    return None
