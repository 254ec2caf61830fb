"""Where an order stands: `user` events and REST orders, and execution reports, both ways; pure.

Pages: WebSocket "Channels" (User), REST "Get Order", "List Orders", "List Fills". On `user` the venue tells cumulative
states, never single fills; REST fills are the authority. What it does not say stays None.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast

from msgspec import Struct, to_builtins

from venuewire.errors import LocalProtocolError
from venuewire.model.orders import ExecutionReport, NewOrder
from venuewire.model.terms import (
    ExecType,
    LiquidityInd,
    Nanos,
    OrdStatus,
    OrdType,
    PositionEffect,
    Side,
    TimeInForce,
)
from venuewire.venues.coinbase import configurations, strategies, translate
from venuewire.venues.coinbase.conditions import Attachment, Condition
from venuewire.venues.coinbase.texts import amount, micros, nanos, plain, time_or_none, words
from venuewire.venues.coinbase.wire import rest, stream

ZERO = Decimal(0)

DONE = frozenset({OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED})

_TIFS: dict[str, TimeInForce] = {
    "GOOD_UNTIL_DATE_TIME": TimeInForce.GOOD_TILL_DATE,
    "GOOD_UNTIL_CANCELLED": TimeInForce.GOOD_TILL_CANCEL,
    "IMMEDIATE_OR_CANCEL": TimeInForce.IMMEDIATE_OR_CANCEL,
    "FILL_OR_KILL": TimeInForce.FILL_OR_KILL,
}
_TIF_WORDS = {tif: word for word, tif in _TIFS.items()}
_TYPES: dict[str, OrdType] = {
    "MARKET": OrdType.MARKET,
    "LIMIT": OrdType.LIMIT,
    "STOPLIMIT": OrdType.STOP_LIMIT,
    "STOP": OrdType.STOP,
    "BRACKET": OrdType.LIMIT,
    "TWAP": OrdType.LIMIT,
    "SCALED": OrdType.LIMIT,
}
"""A bracket is a limit order that takes a profit, and has a stop besides; TWAP and SCALED are worked by a strategy."""
_TYPE_WORDS = {OrdType.MARKET: "Market", OrdType.LIMIT: "Limit", OrdType.STOP_LIMIT: "Stop Limit", OrdType.STOP: "Stop"}

WORKING_WORDS = frozenset({"PENDING", "OPEN", "QUEUED", "CANCEL_QUEUED", "EDIT_QUEUED"})
_NOT_YET = frozenset({"PENDING", "QUEUED"})
STATUS_WORDS = WORKING_WORDS | {"FILLED", "CANCELLED", "EXPIRED", "FAILED", "UNKNOWN_ORDER_STATUS"}
_TERMINAL: dict[str, tuple[ExecType, OrdStatus]] = {
    "FILLED": (ExecType.TRADE, OrdStatus.FILLED),
    "CANCELLED": (ExecType.CANCELED, OrdStatus.CANCELED),
    "EXPIRED": (ExecType.EXPIRED, OrdStatus.EXPIRED),
    "FAILED": (ExecType.REJECTED, OrdStatus.REJECTED),
}


def ord_type_of(text: str) -> OrdType | None:
    """The page says LIMIT, the wire Limit, clients also know Stop Limit and LIMIT_ORDER_TYPE: only letters count."""
    letters = "".join(char for char in text.upper() if char.isalpha())
    return _TYPES.get(letters.removesuffix("ORDERTYPE"))


# --------------------------------------------------------------------------- the venue's states -> reports


def _standing(status: str, cum_qty: Decimal | None, *, triggered: bool) -> tuple[ExecType, OrdStatus | None]:
    """What a status means, and what has happened: as far as one cumulative state can tell.

    TRADE is told for every working state with something filled: whoever keeps the order sees from `cum_qty` whether
    anything is new.
    """
    if status in _TERMINAL:
        # Refused after a part was filled: that part stands, so for us the rest was cancelled.
        return _TERMINAL["CANCELLED" if status == "FAILED" and cum_qty else status]
    if status in _NOT_YET:
        return ExecType.PENDING_NEW, OrdStatus.PENDING_NEW
    if status not in WORKING_WORDS:
        return ExecType.ORDER_STATUS, None
    if cum_qty:
        return ExecType.TRADE, OrdStatus.PARTIALLY_FILLED
    if status != "OPEN":
        return ExecType.ORDER_STATUS, OrdStatus.NEW
    return (ExecType.TRIGGERED if triggered else ExecType.NEW), OrdStatus.NEW


def report_of_user(
    order: stream.UserOrder, now: Nanos, time: Nanos, *, snapshot: bool, in_money: bool = False
) -> ExecutionReport:
    """A `user` order as a report. Raises `RemoteProtocolError` for numbers that are none.

    `in_money`: it is known to be sized in money, and so is what is left of it; the event does not tell.
    """
    cum_qty = amount(order.cumulative_quantity)
    ord_type = ord_type_of(words(order.order_type))
    # Market orders may be sized in money, and then this counts money; the event does not tell which.
    counts_units = (ord_type is not OrdType.MARKET and not in_money) or order.status in _TERMINAL
    leaves_qty = amount(order.leaves_quantity) if counts_units else None
    done = order.status in _TERMINAL
    exec_type, status = _standing(order.status, cum_qty, triggered=order.trigger_status == "STOP_TRIGGERED")
    price = amount(order.limit_price)
    stop_px = amount(order.stop_price)
    return ExecutionReport(
        symbol=words(order.product_id),
        exec_type=ExecType.ORDER_STATUS if snapshot else exec_type,
        ord_status=status,
        order_id=order.order_id,
        cl_ord_id=words(order.client_order_id),
        side=translate.side_of(order.order_side),
        ord_type=ord_type,
        time_in_force=_TIFS.get(words(order.time_in_force)),
        order_qty=cum_qty + leaves_qty if not done and cum_qty is not None and leaves_qty is not None else None,
        price=price or None,
        stop_px=stop_px or None,
        post_only=_flag(order.post_only),
        expire_time=nanos(order.end_time) or None,
        cum_qty=cum_qty,
        leaves_qty=ZERO if done else leaves_qty,
        avg_px=(amount(order.avg_price) or None) if cum_qty else None,
        cum_commission=amount(order.total_fees),
        text=words(order.reject_reason) or words(order.reject_Reason) or words(order.cancel_reason),
        code="FAILED" if exec_type is ExecType.REJECTED else "",
        account=words(order.retail_portfolio_id),
        transact_time=time,
        recv_time=now,
        historical=snapshot,
    )


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value))


def report_of_order(order: rest.Order, now: Nanos) -> ExecutionReport:
    """A REST order as a report of where it stands. Raises `RemoteProtocolError`."""
    cum_qty = amount(order.filled_size)
    _, status = _standing(order.status, cum_qty, triggered=False)
    fields = _configuration(order)
    size = amount(fields.get("base_size"))
    done = order.status in _TERMINAL
    leaves_qty = size - cum_qty if size is not None and cum_qty is not None and not done else None
    return ExecutionReport(
        symbol=words(order.product_id),
        exec_type=ExecType.ORDER_STATUS,
        ord_status=status,
        order_id=order.order_id,
        cl_ord_id=words(order.client_order_id),
        side=translate.side_of(order.side),
        ord_type=ord_type_of(words(order.order_type)),
        time_in_force=_TIFS.get(words(order.time_in_force)),
        order_qty=size,
        cash_order_qty=amount(fields.get("quote_size")),
        price=amount(fields.get("limit_price")),
        stop_px=amount(fields.get("stop_price")) or amount(fields.get("stop_trigger_price")),
        post_only=fields.get("post_only"),
        expire_time=nanos(fields.get("end_time")) or None,
        cum_qty=cum_qty,
        leaves_qty=ZERO if done else leaves_qty,
        avg_px=(amount(order.average_filled_price) or None) if cum_qty else None,
        cum_commission=amount(order.total_fees),
        text=words(order.reject_message) or words(order.cancel_message),
        account=words(order.retail_portfolio_id),
        transact_time=nanos(order.last_update_time) or nanos(order.last_fill_time) or nanos(order.created_time),
        recv_time=now,
        historical=True,
    )


def _configuration(order: rest.Order) -> dict[str, Any]:
    """What stands under the one key; other venues' forms of it are left alone."""
    configurations = order.order_configuration
    if not isinstance(configurations, dict) or len(configurations) != 1:
        return {}
    given: Any = next(iter(configurations.values()))
    if not isinstance(given, dict):
        return {}
    fields = cast("dict[str, Any]", given)
    wanted = ("base_size", "quote_size", "limit_price", "stop_price", "stop_trigger_price", "end_time")
    texts: dict[str, Any] = {key: fields[key] for key in wanted if isinstance(fields.get(key), str)}
    worst = fields.get("max_price" if order.side == "BUY" else "min_price")
    if isinstance(worst, str):
        texts.setdefault("limit_price", worst)  # of a scaled order
    return texts | {"post_only": fields.get("post_only") if isinstance(fields.get("post_only"), bool) else None}


# --------------------------------------------------------------------------- reports -> the venue's states


class State(Struct, frozen=True, kw_only=True):
    """An order as the exchange has it, with what the venue tells of it besides."""

    report: ExecutionReport
    fills: Sequence[ExecutionReport]
    """Those that made `report.cum_qty`, oldest first."""
    created: Nanos
    portfolio: str
    user_id: str
    triggered: bool = False
    condition: Condition | None = None
    attachment: Attachment | None = None
    attached_id: str = ""
    originating_id: str = ""
    strategy: NewOrder | None = None
    """The order as it was given, where the venue works it by a strategy."""

    @property
    def is_bracket(self) -> bool:
        return self.condition is not None and self.condition.kind == "bracket"

    @property
    def type_word(self) -> str:
        """As `user` spells it; REST has it in capitals."""
        if self.strategy is not None:
            return strategies.TYPE_WORDS[self.strategy.target_strategy]
        return "Bracket" if self.is_bracket else _TYPE_WORDS[self.report.ord_type or OrdType.LIMIT]

    @property
    def trigger_word(self) -> str:
        if self.report.ord_type is not OrdType.STOP_LIMIT and not self.is_bracket:
            return "INVALID_ORDER_TYPE"
        reached = self.triggered or (bool(self.report.cum_qty) and not self.is_bracket)
        return "STOP_TRIGGERED" if reached else "STOP_PENDING"

    @property
    def cum_qty(self) -> Decimal:
        return self.report.cum_qty or ZERO

    @property
    def value(self) -> Decimal:
        """What was filled, in money."""
        return sum(((fill.last_qty or ZERO) * (fill.last_px or ZERO) for fill in self.fills), ZERO)

    @property
    def fees(self) -> Decimal:
        if self.report.cum_commission is not None:
            return self.report.cum_commission
        return sum((fill.commission or ZERO for fill in self.fills), ZERO)

    @property
    def value_after_fees(self) -> Decimal:
        return self.value + self.fees if self.report.side is Side.BUY else self.value - self.fees

    @property
    def avg_px(self) -> Decimal:
        if self.report.avg_px is not None:
            return self.report.avg_px
        return self.value / self.cum_qty if self.cum_qty else ZERO

    @property
    def leaves(self) -> Decimal:
        """In the currency the order was sized in, as the venue counts it."""
        report = self.report
        if report.ord_status in DONE:
            return ZERO
        if report.cash_order_qty is not None:
            return max(report.cash_order_qty - self.value, ZERO)
        if report.leaves_qty is not None:
            return report.leaves_qty
        return (report.order_qty or ZERO) - self.cum_qty

    @property
    def completion(self) -> Decimal:
        """In percent."""
        whole = self.report.cash_order_qty or self.report.order_qty
        part = self.value if self.report.cash_order_qty else self.cum_qty
        return part * 100 / whole if whole else ZERO

    @property
    def hold(self) -> Decimal:
        """What is set aside for the rest: money for a buy, coins for a sale."""
        if self.report.side is Side.SELL or self.report.cash_order_qty is not None:
            return self.leaves
        return self.leaves * (self.report.price or ZERO)


_STATUSES: dict[OrdStatus, str] = {
    OrdStatus.PENDING_NEW: "PENDING",
    OrdStatus.NEW: "OPEN",
    OrdStatus.PARTIALLY_FILLED: "OPEN",
    OrdStatus.FILLED: "FILLED",
    OrdStatus.CANCELED: "CANCELLED",
    OrdStatus.EXPIRED: "EXPIRED",
    OrdStatus.REJECTED: "FAILED",
}


def status_word(report: ExecutionReport) -> str:
    """The venue's word for where an order stands."""
    return _STATUSES.get(report.ord_status or OrdStatus.NEW, "UNKNOWN_ORDER_STATUS")


def _number(value: Decimal) -> str:
    """Averages and percentages may not end: cut where the venue's own do."""
    return plain(round(value, 16) if value else ZERO)


def user_order(state: State, status: str) -> stream.UserOrder:
    """The order as a `user` event tells it, in the state `status`."""
    report = state.report
    cancelled = status in {"CANCELLED", "EXPIRED"}
    return stream.UserOrder(
        avg_price=_number(state.avg_px),
        cancel_reason=report.text if cancelled else "",
        client_order_id=report.cl_ord_id,
        completion_percentage=_number(state.completion),
        contract_expiry_type="UNKNOWN_CONTRACT_EXPIRY_TYPE",
        cumulative_quantity=plain(state.cum_qty),
        filled_value=_number(state.value),
        leaves_quantity=plain(state.leaves),
        limit_price=plain(report.price) if report.price is not None else "",
        number_of_fills=str(len(state.fills)),
        order_id=report.order_id,
        order_side=report.side.value if report.side else "",
        order_type=state.type_word,
        outstanding_hold_amount=_number(state.hold),
        post_only="true" if report.post_only else "false",
        product_id=report.symbol,
        product_type="SPOT",
        reject_reason=report.text if status == "FAILED" else "",
        retail_portfolio_id=state.portfolio,
        risk_managed_by="UNKNOWN_RISK_MANAGEMENT_TYPE",
        status=status,
        stop_price=plain(report.stop_px) if report.stop_px is not None else "",
        time_in_force=_tif_word(report),
        total_fees=_number(state.fees),
        total_value_after_fees=_number(state.value_after_fees),
        trigger_status=state.trigger_word,
        creation_time=micros(state.created),
        end_time=time_or_none(report.expire_time),
        start_time=time_or_none(strategies.start_of(state.strategy) if state.strategy else None),
    )


def _tif_word(report: ExecutionReport) -> str:
    default = TimeInForce.IMMEDIATE_OR_CANCEL if report.ord_type is OrdType.MARKET else TimeInForce.GOOD_TILL_CANCEL
    return _TIF_WORDS.get(report.time_in_force or default, "UNKNOWN_TIME_IN_FORCE")


def rest_order(state: State) -> rest.Order:
    """The order as REST tells it."""
    report = state.report
    last_fill = state.fills[-1].transact_time if state.fills else None
    status = status_word(report)
    return rest.Order(
        order_id=report.order_id,
        product_id=report.symbol,
        user_id=state.user_id,
        order_configuration=_configuration_of(state),
        side=report.side.value if report.side else "",
        client_order_id=report.cl_ord_id,
        status=status,
        time_in_force=_tif_word(report),
        created_time=micros(state.created),
        completion_percentage=_number(state.completion),
        filled_size=plain(state.cum_qty),
        average_filled_price=_number(state.avg_px),
        fee="",
        number_of_fills=str(len(state.fills)),
        filled_value=_number(state.value),
        pending_cancel=False,
        size_in_quote=report.cash_order_qty is not None,
        total_fees=_number(state.fees),
        size_inclusive_of_fees=False,
        total_value_after_fees=_number(state.value_after_fees),
        trigger_status=state.trigger_word,
        order_type=state.type_word.upper().replace(" ", "_"),
        reject_reason="REJECT_REASON_UNSPECIFIED",
        settled=report.ord_status is OrdStatus.FILLED,
        product_type="SPOT",
        reject_message=report.text if status == "FAILED" else "",
        cancel_message=report.text if status in {"CANCELLED", "EXPIRED"} else "",
        order_placement_source="RETAIL_ADVANCED",
        outstanding_hold_amount=_number(state.hold),
        is_liquidation=False,
        last_fill_time=micros(last_fill) if last_fill else None,
        edit_history=[],
        leverage="",
        margin_type="UNKNOWN_MARGIN_TYPE",
        retail_portfolio_id=state.portfolio,
        originating_order_id=state.originating_id,
        attached_order_id=state.attached_id,
        attached_order_configuration=_attached_of(state),
    )


def _configuration_of(state: State) -> dict[str, Any]:
    """The configuration the order was made with, as it stands now."""
    if state.strategy is not None:
        given: dict[str, Any] = to_builtins(strategies.configuration(state.strategy))
        return {strategies.configuration_key(state.strategy): given}
    report, condition = state.report, state.condition
    stop = condition if condition is not None and condition.kind == "stop" else None
    order = NewOrder(
        symbol=report.symbol,
        side=report.side or Side.BUY,
        ord_type=report.ord_type or OrdType.LIMIT,
        order_qty=report.order_qty if report.cash_order_qty is None else None,
        cash_order_qty=report.cash_order_qty,
        price=report.price,
        stop_px=None if state.is_bracket else report.stop_px,
        stop_loss_px=report.stop_px if state.is_bracket else None,
        position_effect=PositionEffect.CLOSE if state.is_bracket else None,
        trigger_price_direction=stop.direction if stop is not None else None,
        time_in_force=report.time_in_force,
        expire_time=report.expire_time,
        post_only=bool(report.post_only),
    )
    fields: dict[str, Any] = to_builtins(configurations.configuration(order))
    try:
        return {configurations.configuration_key(order): fields}
    except LocalProtocolError:
        return {}  # made at the exchange by other means than this venue's


def _attached_of(state: State) -> dict[str, Any] | None:
    attachment = state.attachment
    if attachment is None:
        return None
    prices = {"limit_price": plain(attachment.profit), "stop_trigger_price": plain(attachment.loss)}
    return {configurations.BRACKET: prices}


_LIQUIDITY = {LiquidityInd.MAKER: "MAKER", LiquidityInd.TAKER: "TAKER"}


def fill_row(fill: ExecutionReport, product_id: str, portfolio: str, user_id: str) -> rest.Fill:
    """One fill as REST tells it; of an order sized in money the size is money too."""
    liquidity = _LIQUIDITY.get(fill.last_liquidity_ind) if fill.last_liquidity_ind else None
    price, size = fill.last_px or ZERO, fill.last_qty or ZERO
    in_money = fill.cash_order_qty is not None
    return rest.Fill(
        entry_id=f"{fill.order_id}:{fill.exec_id}",
        trade_id=fill.exec_id,
        order_id=fill.order_id,
        trade_time=micros(fill.transact_time),
        trade_type="FILL",
        price=plain(price),
        size=plain(size * price if in_money else size),
        commission=plain(fill.commission or ZERO),
        product_id=product_id,
        sequence_timestamp=micros(fill.transact_time),
        liquidity_indicator=liquidity or "UNKNOWN_LIQUIDITY_INDICATOR",
        size_in_quote=in_money,
        user_id=user_id,
        side=fill.side.value if fill.side else "",
        retail_portfolio_id=portfolio,
    )
