"""What the broker does to an account: swaps, money in and out, leverage, stop-outs, symbols that can only be closed."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.ctrader.ends import SECOND, Client, Line, Sandbox
from tests.unit.ctrader.test_asking import summaries

from venuewire.errors import LocalProtocolError
from venuewire.model.account import Balance
from venuewire.model.market import SecurityStatus
from venuewire.model.orders import CancelOrder, ExecutionReport, NewOrder
from venuewire.model.session import RequestForPositions, Subscribe, VenueNews
from venuewire.model.terms import Channel, OrdStatus, OrdType, PositionEffect, Side
from venuewire.venue import Habit
from venuewire.venues.ctrader.acceptor.account_requests import _next_night, _nights
from venuewire.venues.ctrader.acceptor.blocks import Frequencies
from venuewire.venues.ctrader.requests import Refused
from venuewire.venues.ctrader.wire import market, trading

HOUR = 3600 * SECOND
FIRST = 5_000_001


def liquid(qty: str = "9000") -> Sandbox:
    sandbox = Sandbox()
    sandbox.others(Side.BUY, qty, "1.14800")
    sandbox.others(Side.SELL, qty, "1.14820")
    return sandbox


def bought(raw: Line, volume: int, **fields: Any) -> list[dict[str, Any]]:
    order = {"symbolId": 1, "orderType": 1, "tradeSide": 1, "volume": volume, **fields}
    return raw.ask(2106, raw.of(**order))


def of(said: list[dict[str, Any]], kind: int) -> list[dict[str, Any]]:
    return [frame["payload"] for frame in said if frame["payloadType"] == kind]


def switch(raw: Line, name: str, *, on: bool = True) -> list[dict[str, Any]]:
    """Switch a habit, and let the connection have its turn."""
    before = len(raw.said)
    assert raw.sandbox.host.afflict(Habit(name, on), raw.sandbox.now)
    raw.take(raw.acceptor.tick(raw.sandbox.now))
    return raw.said[before:]


# --------------------------------------------------------------------------- swaps


def at(day: int, hour: int, minute: int = 0) -> int:
    return int(datetime(2026, 11, day, hour, minute, tzinfo=UTC).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("now", "due", "nights"),
    [
        (at(16, 20, 59), at(16, 21), 1),  # Monday
        (at(16, 21), at(17, 21), 1),
        (at(18, 3), at(18, 21), 3),  # Wednesday: the weekend's nights as well
        (at(21, 3), at(21, 21), 0),  # Saturday
        (at(22, 3), at(22, 21), 0),
    ],
)
def test_nights_are_charged_for_at_nine_in_the_evening(now: int, due: int, nights: int) -> None:
    assert (_next_night(now), _nights(due)) == (due, nights)


def test_a_position_held_overnight_is_charged_for_and_its_close_settles_it() -> None:
    sandbox = liquid()
    host = sandbox.host
    assert host.next_tick() is None
    host.tick(sandbox.now)
    raw = sandbox.line().authorise()
    bought(raw, 400_000)
    due = host.next_tick()
    assert due is not None
    nights = _nights(due)
    sandbox.now = due
    raw.acceptor.receive(b'{"payloadType":51}', due - SECOND)
    before = len(raw.said)
    host.tick(due)
    raw.take(raw.acceptor.tick(due))
    (swap,) = of(raw.said[before:], 2126)
    # 4,000 units, 0.72 pips a night: 28.8 cents.
    charged = -((288 * nights + 5) // 10)
    assert (swap["executionType"], swap["isServerEvent"], swap["position"]["swap"]) == (9, True, charged)
    assert "order" not in swap
    (gain,) = of(raw.ask(2187, raw.of()), 2188)[0]["positionUnrealizedPnL"]
    assert gain["netUnrealizedPnL"] == gain["grossUnrealizedPnL"] + charged - 10
    balance = host.account.money.balance
    (filled,) = [step for step in of(raw.ask(2111, raw.of(positionId=FIRST, volume=200_000)), 2126) if "deal" in step]
    detail = filled["deal"]["closePositionDetail"]
    assert detail["swap"] in {charged // 2, -(-charged // 2)}
    assert filled["position"]["swap"] == charged - detail["swap"]
    assert detail["balance"] == balance + detail["grossProfit"] + detail["swap"] + detail["commission"]
    assert host.next_tick() == _next_night(due)


def test_nights_before_a_position_was_opened_cost_nothing() -> None:
    sandbox = liquid()
    raw = sandbox.line().authorise()
    night = sandbox.host.next_tick()
    assert night is not None
    sandbox.host.tick(night)
    raw.acceptor.receive(b'{"payloadType":51}', night)
    sandbox.now = night + SECOND
    bought(raw, 400_000)
    assert sandbox.host.next_tick() == _next_night(night)
    sandbox.host.tick(sandbox.now)
    holding = sandbox.host.account.holding(FIRST)
    assert holding is not None
    assert holding.swap == 0


def test_nights_that_were_slept_through_are_charged_for_one_by_one() -> None:
    sandbox = liquid()
    raw = sandbox.line().authorise()
    bought(raw, 400_000)
    due = sandbox.host.next_tick()
    assert due is not None
    week = [due := _next_night(due) if number else due for number in range(7)]
    assert sum(_nights(night) for night in week) == 7
    sandbox.host.tick(week[-1])
    holding = sandbox.host.account.holding(FIRST)
    assert holding is not None
    # Four single nights of 28.8 cents and one triple of 86.4.
    assert holding.swap == -(4 * 29 + 86)


# --------------------------------------------------------------------------- money in and out


def test_money_that_is_paid_in_is_told_and_listed() -> None:
    sandbox = liquid()
    raw = sandbox.line().authorise()
    paid, updated = switch(raw, "paid-in")
    deposit = paid["payload"]["depositWithdraw"]
    assert (paid["payloadType"], paid["payload"]["executionType"], paid["payload"]["isServerEvent"]) == (2126, 10, True)
    assert (deposit["operationType"], deposit["delta"], deposit["balance"]) == (0, 1_000_000, 101_000_000)
    assert (deposit["balanceVersion"], deposit["equity"]) == (1, 101_000_000)
    assert updated["payloadType"] == 2123
    assert updated["payload"]["trader"]["balance"] == 101_000_000
    (out, _) = switch(raw, "paid-in", on=False)
    withdrawal = out["payload"]["depositWithdraw"]
    # The amount is positive; its direction is in the kind.
    assert (withdrawal["operationType"], withdrawal["delta"], withdrawal["balance"]) == (1, 1_000_000, 100_000_000)
    assert switch(raw, "paid-in", on=False) == []
    end = sandbox.now // 1_000_000
    (listed,) = of(raw.ask(2143, raw.of(fromTimestamp=end - 3_600_000, toTimestamp=end)), 2144)
    assert listed["depositWithdraw"] == [deposit, withdrawal]


def test_our_end_is_told_of_money_in_and_out() -> None:
    ours = Client(liquid()).start()
    ours.submit(RequestForPositions(ref="2"))
    ours.submit(Subscribe(channel=Channel.SUMMARY, ref="3"))
    before = len(ours.told)
    switch(ours.line, "paid-in")
    ours.carry()
    told = ours.told[before:]
    assert [event.total for event in told if isinstance(event, Balance)] == [Decimal(1_010_000)] * 2
    (news,) = [event for event in told if isinstance(event, VenueNews)]
    assert isinstance(news.message, trading.ExecutionEvent)
    assert news.message.deposit_withdraw is not None
    assert summaries(told)[-1].equity == Decimal(1_010_000)


# --------------------------------------------------------------------------- leverage


def test_another_leverage_binds_more_without_a_fill() -> None:
    ours = Client(liquid()).start()
    ours.submit(RequestForPositions(ref="2"))
    order = NewOrder(symbol="EURUSD", side=Side.BUY, ord_type=OrdType.MARKET, order_qty=2000, cl_ord_id="5", ref="5")
    ours.submit(order)
    before = len(ours.told)
    said = switch(ours.line, "half-leverage")
    assert [frame["payloadType"] for frame in said] == [2141, 2123]
    assert said[0]["payload"]["usedMargin"] == 4593
    assert said[1]["payload"]["trader"]["leverageInCents"] == 5000
    ours.carry()
    told = [event for event in ours.told[before:] if isinstance(event, Balance)]
    assert told[0].total - told[0].available == Decimal("45.93")
    assert switch(ours.line, "half-leverage", on=False)[0]["payload"]["usedMargin"] == 2296


# --------------------------------------------------------------------------- stop-outs


def test_below_the_stop_out_level_what_binds_most_is_closed_by_the_venue() -> None:
    sandbox = Sandbox()
    sandbox.others(Side.BUY, "80000000", "1.14800")
    sandbox.others(Side.SELL, "80000000", "1.14820")
    raw = sandbox.line().authorise()
    assert len(of(bought(raw, 7_000_000_000, relativeStopLoss=5000), 2126)) == 3
    assert len(of(bought(raw, 100_000), 2126)) == 2
    sandbox.now += 2 * SECOND
    before = len(raw.said)
    # Whoever stood at 1.148 leaves; the next bid is a cent lower.
    leave(sandbox)
    sandbox.others(Side.BUY, "80000000", "1.13900")
    raw.take(raw.acceptor.tick(sandbox.now))
    said = raw.said[before:]
    called = of(said, 2172)
    assert [call["marginCall"]["marginCallType"] for call in called] == [61, 62, 63]
    stopped, canceled = of(said, 2126)
    assert (stopped["executionType"], stopped["isServerEvent"], stopped["order"]["isStopOut"]) == (3, True, True)
    assert (stopped["position"]["positionId"], stopped["order"]["orderType"]) == (FIRST, 1)
    assert stopped["deal"]["closePositionDetail"]["closedVolume"] == 7_000_000_000
    # Its protective order goes with it; the small position is enough above the level.
    assert (canceled["executionType"], canceled["order"]["orderType"]) == (5, 4)
    assert [held.position_id for held in sandbox.host.account.money.open_positions()] == [FIRST + 1]


def leave(sandbox: Sandbox) -> None:
    """Everybody else takes their orders back."""
    for name in sandbox.exchange.state()["accounts"]:
        port = sandbox.exchange.port(name)
        for order in port.orders() if name.startswith("other") else ():
            cancel = CancelOrder(
                symbol=order.symbol,
                side=order.side or Side.BUY,
                ord_type=OrdType.LIMIT,
                order_id=order.order_id,
                orig_cl_ord_id="",
                account=name,
            )
            port.execute(cancel, sandbox.now)


def test_a_stop_out_that_nobody_takes_is_tried_again_and_says_nothing() -> None:
    sandbox = Sandbox()
    sandbox.others(Side.BUY, "80000000", "1.14800")
    sandbox.others(Side.SELL, "80000000", "1.14820")
    raw = sandbox.line().authorise()
    bought(raw, 7_000_000_000)
    account = next(iter(sandbox.host.accounts.values()))
    holding = account.book.money.open_positions()[0]
    leave(sandbox)
    sandbox.publish()
    before = len(raw.said)
    assert account.desk.stop_out(holding, sandbox.now) is False
    sandbox.publish()
    assert of(raw.said[before:], 2126) == []


# --------------------------------------------------------------------------- closing only


def test_a_symbol_that_can_only_be_closed_says_so_and_refuses_the_rest() -> None:
    ours = Client(liquid()).start()
    order = NewOrder(symbol="EURUSD", side=Side.BUY, ord_type=OrdType.MARKET, order_qty=2000, cl_ord_id="5", ref="5")
    ours.submit(order)
    ours.submit(Subscribe(channel=Channel.STATUS, symbol="EURUSD", ref="6"))
    before = len(ours.told)
    switch(ours.line, "close-only")
    ours.carry()
    told = ours.told[before:]
    (news,) = [event for event in told if isinstance(event, VenueNews)]
    assert isinstance(news.message, market.SymbolChangedEvent)
    (status,) = [event for event in told if isinstance(event, SecurityStatus)]
    assert (status.symbol, status.tradable, status.text) == ("EURUSD", False, "CLOSE_ONLY_MODE")
    refused = NewOrder(symbol="EURUSD", side=Side.BUY, ord_type=OrdType.MARKET, order_qty=2000, cl_ord_id="7", ref="7")
    (report,) = ours.submit(refused)
    assert isinstance(report, ExecutionReport)
    assert (report.ord_status, report.code) == (OrdStatus.REJECTED, "TRADING_DISABLED")
    closed = of(ours.line.ask(2111, ours.line.of(positionId=FIRST, volume=200_000)), 2126)
    assert closed[-1]["executionType"] == 3
    ours.carry()
    before = len(ours.told)
    switch(ours.line, "close-only", on=False)
    ours.carry()
    (again,) = [event for event in ours.told[before:] if isinstance(event, SecurityStatus)]
    assert again.tradable is True


# --------------------------------------------------------------------------- limited risk


def test_a_guaranteed_stop_loss_is_filled_at_its_price_and_its_risk_never_grows() -> None:
    ours = Client(liquid()).start()
    sandbox = ours.sandbox
    terms: dict[str, Any] = {"symbol": "EURUSD", "side": Side.BUY, "ord_type": OrdType.MARKET, "order_qty": 2000}
    with pytest.raises(LocalProtocolError, match="guaranteed_stop_loss needs a stop loss"):
        ours.submit(NewOrder(guaranteed_stop_loss=True, cl_ord_id="1", ref="1", **terms))
    guaranteed: dict[str, Any] = {**terms, "guaranteed_stop_loss": True, "stop_loss_offset": "0.00100"}
    (refused,) = ours.submit(NewOrder(cl_ord_id="2", ref="2", **guaranteed))
    assert isinstance(refused, ExecutionReport)
    assert "limited-risk accounts only" in refused.text
    said = switch(ours.line, "limited-risk")
    assert [frame["payloadType"] for frame in said[:2]] == [2123, 2120]
    assert said[0]["payload"]["trader"]["isLimitedRisk"] is True
    (full,) = of(ours.line.ask(2116, ours.line.of(symbolId=41)), 2117)[0]["symbol"]
    assert full["guaranteedStopLoss"] is True
    ours.carry()
    (bare,) = ours.submit(NewOrder(cl_ord_id="3", ref="3", **terms))
    assert isinstance(bare, ExecutionReport)
    assert "needs a guaranteed stop loss" in bare.text
    before = len(ours.line.said)
    ours.submit(NewOrder(cl_ord_id="4", ref="4", **guaranteed))
    *_, protection = of(ours.line.said[before:], 2126)
    assert protection["position"]["guaranteedStopLoss"] is True
    assert protection["order"]["tradeData"]["guaranteedStopLoss"] is True
    position = ours.line.of(positionId=FIRST)
    worse = ours.line.ask(2110, {**position, "stopLoss": 1.146})
    assert worse[0]["payload"]["errorCode"] == "WORSE_GSL_NOT_ALLOWED"
    assert ours.line.ask(2110, position)[0]["payload"]["errorCode"] == "INVALID_REQUEST"
    assert ours.line.ask(2110, {**position, "stopLoss": 1.1475, "guaranteedStopLoss": False})[0]["payloadType"] == 2132
    (moved,) = of(ours.line.ask(2110, {**position, "stopLoss": 1.1475}), 2126)
    assert moved["position"]["guaranteedStopLoss"] is True
    # The market jumps over the stop; it is filled at its price all the same.
    sandbox.now += SECOND
    leave(sandbox)
    before = len(ours.line.said)
    sandbox.others(Side.BUY, "9000", "1.14000")
    (filled,) = of(ours.line.said[before:], 2126)
    assert (filled["deal"]["executionPrice"], filled["order"]["executionPrice"]) == (Decimal("1.1475"),) * 2
    assert filled["deal"]["closePositionDetail"]["grossProfit"] == -140


def test_a_pending_order_with_a_guaranteed_stop_keeps_it_when_it_is_amended() -> None:
    raw = liquid().line().authorise()
    switch(raw, "limited-risk")
    order = {"symbolId": 1, "orderType": 2, "tradeSide": 1, "volume": 100_000, "limitPrice": 1.14}
    assert raw.ask(2106, raw.of(**order))[0]["payloadType"] == 2132
    (placed,) = of(raw.ask(2106, raw.of(**order, stopLoss=1.13, guaranteedStopLoss=True)), 2126)
    number = placed["order"]["orderId"]
    (moved,) = of(raw.ask(2109, raw.of(orderId=number, limitPrice=1.141)), 2126)
    assert moved["order"]["tradeData"]["guaranteedStopLoss"] is True
    assert raw.ask(2109, raw.of(orderId=number, guaranteedStopLoss=False))[0]["payloadType"] == 2132


def test_our_end_asks_for_a_guarantee_of_what_it_sets_later() -> None:
    ours = Client(liquid()).start()
    ours.submit(
        NewOrder(symbol="EURUSD", side=Side.BUY, ord_type=OrdType.MARKET, order_qty=2000, cl_ord_id="5", ref="5")
    )
    switch(ours.line, "limited-risk")
    stop = NewOrder(
        symbol="EURUSD",
        side=Side.SELL,
        ord_type=OrdType.STOP,
        stop_px="1.147",
        order_qty=2000,
        cl_ord_id="6",
        ref="6",
        position_id=str(FIRST),
        position_effect=PositionEffect.CLOSE,
        guaranteed_stop_loss=True,
    )
    before = len(ours.line.said)
    ours.submit(stop)
    (set_,) = of(ours.line.said[before:], 2126)
    assert set_["position"]["guaranteedStopLoss"] is True


# --------------------------------------------------------------------------- another quote currency


def test_what_is_gained_in_another_currency_is_converted_for_a_fee() -> None:
    sandbox = Sandbox()
    sandbox.others(Side.BUY, "9000", "1.25000", "GBPUSD")
    sandbox.others(Side.SELL, "9000", "0.87480", "EURGBP")
    sandbox.others(Side.BUY, "9000", "0.87470", "EURGBP")
    raw = sandbox.line().authorise()
    (full,) = of(raw.ask(2116, raw.of(symbolId=7)), 2117)[0]["symbol"]
    assert full["pnlConversionFeeRate"] == 30
    (bound,) = of(raw.ask(2139, raw.of(symbolId=7, volume=[400_000])), 2140)[0]["margin"]
    # 4,000 at 0.8748 pounds of 1.25 dollars each, over 100.
    assert bound["buyMargin"] == 4374
    _, filled = of(raw.ask(2106, raw.of(symbolId=7, orderType=1, tradeSide=1, volume=400_000)), 2126)
    assert (filled["position"]["usedMargin"], filled["position"]["marginRate"]) == (4374, Decimal("1.0935"))
    sandbox.others(Side.BUY, "9000", "0.88000", "EURGBP")
    (gain,) = of(raw.ask(2187, raw.of()), 2188)[0]["positionUnrealizedPnL"]
    # 0.0052 pounds a unit: 20.80 pounds, 26 dollars.
    assert gain["grossUnrealizedPnL"] == 2600
    _, closed = of(raw.ask(2111, raw.of(positionId=FIRST, volume=400_000)), 2126)
    detail = closed["deal"]["closePositionDetail"]
    assert (detail["grossProfit"], detail["pnlConversionFee"]) == (2600, -8)
    assert detail["quoteToDepositConversionRate"] == Decimal("1.25")
    # Commission is in dollars already: 10 cents a side.
    assert detail["balance"] == 100_000_000 + 2600 - 8 - 20


def test_without_a_quote_the_rate_is_where_the_market_began() -> None:
    sandbox = Sandbox()
    sandbox.others(Side.SELL, "9000", "0.87480", "EURGBP")
    sandbox.others(Side.BUY, "9000", "0.87470", "EURGBP")
    raw = sandbox.line().authorise()
    (bound,) = of(raw.ask(2139, raw.of(symbolId=7, volume=[400_000])), 2140)[0]["margin"]
    assert bound["sellMargin"] == round(4000 * Decimal("0.8747") * Decimal("1.3124"))


# --------------------------------------------------------------------------- too often


def test_who_trades_too_often_is_blocked_for_a_while() -> None:
    raw = liquid().line().authorise()
    cancel = {**raw.of(orderId=5)}
    for _ in range(3):
        for _ in range(40):
            assert raw.ask(2108, cancel)[0]["payload"]["errorCode"] == "ORDER_NOT_FOUND"
        raw.sandbox.now += SECOND
    switch(raw, "demo-frequencies")
    told: list[str] = []
    for _ in range(3):
        told += [raw.ask(2108, cancel)[0]["payload"]["errorCode"] for _ in range(40)]
        raw.sandbox.now += SECOND
    assert told == ["ORDER_NOT_FOUND"] * 100 + ["CHANNEL_IS_BLOCKED"] * 20
    # All trading is blocked, and nothing else.
    assert bought(raw, 100_000)[0]["payload"]["errorCode"] == "CHANNEL_IS_BLOCKED"
    assert raw.ask(2121, raw.of())[0]["payloadType"] == 2122
    for _ in range(4):
        raw.sandbox.now += 20 * SECOND
        raw.ask(51)
    assert bought(raw, 100_000)[0]["payloadType"] == 2126


def test_levels_that_are_changed_too_often_in_a_quarter_of_an_hour_block_for_half_an_hour() -> None:
    frequencies = Frequencies()
    for number in range(5000):
        frequencies.look(2110, number * SECOND // 7)
    now = 5000 * SECOND // 7
    with pytest.raises(Refused, match="1800 s"):
        frequencies.look(2110, now)
    with pytest.raises(Refused, match="another 1 s"):
        frequencies.look(2106, now + 1800 * SECOND - 1)
    frequencies.look(2106, now + 1800 * SECOND)
