"""The past: bars, ticks, orders, deals, money; at the far end, and as our end reads it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.ctrader.ends import SECOND, Client, Line, Sandbox

from venuewire.errors import LocalProtocolError, RemoteProtocolError
from venuewire.model.market import Bar, Quote
from venuewire.model.session import (
    BarRequest,
    Bars,
    Command,
    Secret,
    Subscribe,
    SubscriptionAccepted,
    Unknown,
    Unsubscribe,
    VenueRequest,
)
from venuewire.model.terms import Channel, Side
from venuewire.venues.ctrader import periods
from venuewire.venues.ctrader.acceptor.history import encoded, matched
from venuewire.venues.ctrader.acceptor.tape import PAST_MINUTES, Candle, Tape
from venuewire.venues.ctrader.initiator.bars import LiveBars, bar_of, decoded
from venuewire.venues.ctrader.periods import MINUTE, MINUTES
from venuewire.venues.ctrader.wire import history, market
from venuewire.venues.ctrader.wire.model import ClosePositionDetail, Deal, Trendbar
from venuewire.venues.ctrader.wire.words import TrendbarPeriod

BEGAN = 29_833_333  # minutes since the epoch: the sandbox's start
WEEK_MS = 604_800_000


def raw_line() -> Line:
    raw = Sandbox().line().authorise()
    raw.sandbox.others(Side.BUY, "9000", "1.14800")
    raw.sandbox.others(Side.SELL, "9000", "1.14820")
    return raw


def body(raw: Line, kind: int, **fields: Any) -> dict[str, Any]:
    (answer,) = raw.ask(kind, raw.of(**fields), "h")
    assert answer["clientMsgId"] == "h"
    return dict(answer["payload"])


def traded(raw: Line) -> None:
    """Two bought parts of one position, and a close of most of it."""
    order = {"symbolId": 1, "orderType": 1, "tradeSide": 1, "volume": 200_000}
    raw.ask(2106, raw.of(**order))
    raw.sandbox.now += SECOND
    raw.ask(2106, raw.of(**order, positionId=5_000_001))
    raw.sandbox.now += SECOND
    raw.ask(2111, raw.of(positionId=5_000_001, volume=300_000))


# --------------------------------------------------------------------------- periods


def test_bars_of_a_day_are_aligned_to_new_york() -> None:
    summer = int(datetime(2026, 7, 1, 21, tzinfo=UTC).timestamp()) // 60
    winter = int(datetime(2025, 12, 22, tzinfo=UTC).timestamp()) // 60  # a Monday
    assert periods.start_of(TrendbarPeriod.D1, summer) == summer
    assert periods.start_of(TrendbarPeriod.D1, summer - 1) == summer - 1440
    assert periods.start_of(TrendbarPeriod.D1, winter) == winter - 120
    assert periods.start_of(TrendbarPeriod.H4, winter) == winter - 120
    assert periods.start_of(TrendbarPeriod.H1, winter + 59) == winter
    assert periods.start_of(TrendbarPeriod.W1, winter + 3000) == winter - 120


@given(period=st.sampled_from(sorted(MINUTES)), minute=st.integers(26_000_000, 33_000_000))
def test_every_minute_belongs_to_one_bar(period: int, minute: int) -> None:
    start = periods.start_of(period, minute)
    end = periods.end_of(period, start)
    assert start <= minute < end
    assert periods.start_of(period, start) == start
    assert periods.start_of(period, end) == end


# --------------------------------------------------------------------------- bars and ticks, there and back

ticks = st.lists(st.tuples(st.integers(0, 40_000), st.integers(90_000, 130_000)), min_size=1, max_size=40)


@given(moves=ticks)
def test_ticks_decode_to_what_was_encoded(moves: list[tuple[int, int]]) -> None:
    assert decoded(encoded(moves)) == tuple(moves)


@given(moves=ticks, period=st.sampled_from(sorted(MINUTES)))
def test_bars_decode_to_what_was_ticked(moves: list[tuple[int, int]], period: int) -> None:
    """Whatever ticks come, the bars our end reads are those of the ticks."""
    tape = Tape("seed", 110_000, 1, BEGAN * 60_000)
    seen: list[tuple[int, int]] = []
    time = BEGAN * 60_000
    for gap, price in moves:
        time += gap
        if not seen or seen[-1][1] != price:
            seen.append((time, price))
        tape.quoted(price, None, time)
    first = periods.end_of(period, periods.start_of(period, BEGAN - 1))
    found, has_more = tape.bars(period, first * 60_000, time, 5000)
    assert not has_more
    by_bar: dict[int, list[int]] = {}
    for when, price in seen:
        by_bar.setdefault(periods.start_of(period, when // 60_000), []).append(price)
    wanted = {
        start * MINUTE: (prices[0], max(prices), min(prices), prices[-1], len(prices))
        for start, prices in by_bar.items()
        if start >= first
    }
    bars = [bar_of("EURUSD", period, bar, None, 0) for bar in found]
    assert {
        b.open_time: (*(int(x.scaleb(5)) for x in (b.open, b.high, b.low, b.close)), int(b.volume)) for b in bars
    } == wanted


def test_the_past_is_the_same_for_the_same_seed_and_ends_where_the_market_begins() -> None:
    one, two, other = (Tape(seed, 114_811, 1, BEGAN * 60_000) for seed in ("a", "a", "b"))
    window = (0, BEGAN * 60_000 - 1, 10**6)
    assert one.bars(1, *window) == two.bars(1, *window) != other.bars(1, *window)
    bars, _ = one.bars(TrendbarPeriod.M1, *window)
    assert len(bars) == PAST_MINUTES
    assert (bars[-1].low or 0) + (bars[-1].delta_close or 0) == 114_811
    assert all((bar.low or 0) > 0 and bar.volume == 4 for bar in bars)


def test_longer_bars_are_made_of_the_shorter_and_of_the_ticks() -> None:
    tape = Tape("a", 2_148_050_000, 1000, BEGAN * 60_000)
    start = periods.start_of(TrendbarPeriod.H1, BEGAN - 600)
    (hour,), _ = tape.bars(TrendbarPeriod.H1, start * 60_000, start * 60_000, 10)
    minutes, _ = tape.bars(TrendbarPeriod.M1, start * 60_000, (start + 59) * 60_000, 100)
    whole = Candle(start)
    for bar in minutes:
        low = bar.low or 0
        whole.add(
            low + (bar.delta_open or 0), low + (bar.delta_high or 0), low, low + (bar.delta_close or 0), bar.volume
        )
    assert whole.bar() == hour
    quotes = tape.ticks(1, start * 60_000, (start + 60) * 60_000 - 1)
    assert len(quotes) == hour.volume
    assert min(price for _, price in quotes) == hour.low


def test_a_high_that_is_missing_is_never_below_open_or_close() -> None:
    bar = bar_of("X", 1, Trendbar(volume=3, low=100_000, delta_open=7, utc_timestamp_in_minutes=5), None, 0)
    assert (bar.high, bar.close) == (Decimal("1.00007"), Decimal("1.00000"))
    for broken in (Trendbar(volume=3, low=1), Trendbar(volume=3, low=1, utc_timestamp_in_minutes=2**40)):
        with pytest.raises(RemoteProtocolError):
            bar_of("X", 14, broken, None, 0)


# --------------------------------------------------------------------------- the far end


def test_bars_are_told_oldest_first_and_counted_from_the_end() -> None:
    raw = raw_line()
    answer = body(raw, 2137, symbolId=1, period="M15", count=3, toTimestamp=BEGAN * 60_000)
    starts = [bar["utcTimestampInMinutes"] for bar in answer["trendbar"]]
    assert (answer["period"], answer["hasMore"], answer["symbolId"], len(starts)) == (7, True, 1, 3)
    assert starts == sorted(starts)
    assert starts[-1] <= BEGAN < starts[-1] + 15
    assert not {"period"} & answer["trendbar"][0].keys()
    assert {"low", "deltaOpen", "deltaClose", "deltaHigh", "volume"} <= answer["trendbar"][0].keys()


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        (2137, {"symbolId": 1, "period": 15}, "INVALID_REQUEST"),
        (2137, {"symbolId": 9, "period": 1}, "SYMBOL_NOT_FOUND"),
        (2137, {"symbolId": 1, "period": 1, "fromTimestamp": 9, "toTimestamp": 5}, "INCORRECT_BOUNDARIES"),
        (2137, {"symbolId": 1, "period": 1, "count": 0}, "INVALID_REQUEST"),
        (2145, {"symbolId": 1, "type": "MID"}, "INVALID_REQUEST"),
        (2145, {"symbolId": 1, "type": 1, "fromTimestamp": 0, "toTimestamp": WEEK_MS + 1}, "INCORRECT_BOUNDARIES"),
        (2133, {"fromTimestamp": -1, "toTimestamp": 5}, "INCORRECT_BOUNDARIES"),
        (2133, {"maxRows": 0}, "INVALID_REQUEST"),
        (2143, {"fromTimestamp": 0, "toTimestamp": WEEK_MS + 1}, "INCORRECT_BOUNDARIES"),
        (2181, {"orderId": 5}, "ORDER_NOT_FOUND"),
        (2185, {"dealId": 5}, "ENTITY_NOT_FOUND"),
        (2177, {"leverageId": 5}, "ENTITY_NOT_FOUND"),
        (2118, {"firstAssetId": 15, "lastAssetId": 4}, "ENTITY_NOT_FOUND"),
        (2139, {"symbolId": 1, "volume": [0]}, "TRADING_BAD_VOLUME"),
        (2169, {"marginCall": {"marginCallType": 60, "marginLevelThreshold": 5}}, "INVALID_REQUEST"),
        (2135, {"symbolId": 1, "period": "M1"}, "INVALID_REQUEST"),
    ],
)
def test_what_cannot_be_told_is_refused(kind: int, fields: dict[str, Any], code: str) -> None:
    (answer,) = (raw := raw_line()).ask(kind, raw.of(**fields), "x")
    assert (answer["payloadType"], answer["payload"]["errorCode"]) == (2142, code)


def test_ticks_come_newest_first_and_page_backwards() -> None:
    raw = raw_line()
    end = BEGAN * 60_000
    first = body(raw, 2145, symbolId=1, type="BID", fromTimestamp=end - WEEK_MS, toTimestamp=end)
    assert first["hasMore"]
    rows = first["tickData"]
    assert rows[0]["timestamp"] > end - 60_000
    assert all(row["timestamp"] <= 0 for row in rows[1:])


def test_deals_and_orders_are_listed_both_ways() -> None:
    raw = raw_line()
    traded(raw)
    deals = body(raw, 2133)["deal"]
    assert [deal["filledVolume"] for deal in deals] == [200_000, 200_000, 300_000]
    assert all(deal["utcLastUpdateTimestamp"] == deal["createTimestamp"] for deal in deals)
    of_position = body(raw, 2179, positionId=5_000_001)["deal"]
    assert of_position == deals[::-1]
    orders = body(raw, 2175)["order"]
    assert [order["closingOrder"] for order in orders] == [False, False, True]
    assert body(raw, 2183, positionId=5_000_001)["order"] == orders[::-1]
    raw.wait(1)
    details = body(raw, 2181, orderId=orders[0]["orderId"])
    assert (details["order"], details["deal"]) == (orders[0], deals[:1])
    assert body(raw, 2133, maxRows=1) == raw.of(deal=deals[:1], hasMore=True)
    late = deals[1]["executionTimestamp"]
    assert body(raw, 2133, fromTimestamp=late, toTimestamp=late)["deal"] == deals[1:2]


def test_the_oldest_part_of_a_position_is_closed_first() -> None:
    raw = raw_line()
    traded(raw)
    first, second, closing = body(raw, 2133)["deal"]
    raw.wait(1)
    assert [(o["dealId"], o["volume"]) for o in body(raw, 2185, dealId=closing["dealId"])["offsetting"]] == [
        (first["dealId"], 200_000),
        (second["dealId"], 100_000),
    ]
    assert [o["volume"] for o in body(raw, 2185, dealId=second["dealId"])["offsetBy"]] == [100_000]


volumes = st.lists(st.tuples(st.booleans(), st.integers(1, 9)), max_size=12)


@given(moves=volumes)
def test_what_is_matched_is_all_that_was_closed(moves: list[tuple[bool, int]]) -> None:
    held, deals = 0, []
    for number, (opens, asked) in enumerate(moves):
        volume = asked if opens else min(asked, held)
        if volume:
            held += volume if opens else -volume
            detail = None if opens else ClosePositionDetail()
            deals.append(Deal(deal_id=number, filled_volume=volume, close_position_detail=detail))
    pairs = matched(deals)
    assert sum(volume for *_, volume in pairs) == sum(d.filled_volume or 0 for d in deals if d.close_position_detail)
    assert all(opening.deal_id < closing.deal_id for opening, closing, _ in pairs)


def test_the_first_deposit_is_the_cash_flow() -> None:
    raw = raw_line()
    opened = body(raw, 2121)["trader"]["registrationTimestamp"]
    (row,) = body(raw, 2143, fromTimestamp=opened, toTimestamp=opened + 5)["depositWithdraw"]
    assert (row["operationType"], row["balance"], row["delta"]) == (0, 100_000_000, 100_000_000)
    assert "depositWithdraw" not in body(raw, 2143, fromTimestamp=opened + 1, toTimestamp=opened + 5)


# --------------------------------------------------------------------------- money


def test_margin_and_profit_are_reckoned_as_recorded() -> None:
    raw = raw_line()
    assert body(raw, 2139, symbolId=1, volume=[100_000, 200_000])["margin"] == [
        {"volume": 100_000, "buyMargin": 1148, "sellMargin": 1148},
        {"volume": 200_000, "buyMargin": 2296, "sellMargin": 2296},
    ]
    raw.ask(2106, raw.of(symbolId=1, orderType=1, tradeSide=1, volume=200_000))
    told = body(raw, 2187)
    # Bought at 1.14820, worth 1.14800: forty cents lost, and five of commission.
    assert told["positionUnrealizedPnL"] == [
        {"positionId": 5_000_001, "grossUnrealizedPnL": -40, "netUnrealizedPnL": -45}
    ]
    assert told["moneyDigits"] == 2


def test_margin_calls_are_listed_changed_and_told_once_in_ten_minutes() -> None:
    raw = raw_line()
    other = raw.sandbox.line().authorise()
    assert [call["marginCallType"] for call in raw.ask(2167, raw.of())[0]["payload"]["marginCall"]] == [61, 62, 63]
    raw.ask(2106, raw.of(symbolId=1, orderType=1, tradeSide=1, volume=600_000))
    call = {"marginCallType": 62, "marginLevelThreshold": 10_000}
    said = raw.ask(2169, raw.of(marginCall=call), "c")
    assert [message["payloadType"] for message in said] == [2170, 2171]
    assert said[0] == {"payloadType": 2170, "clientMsgId": "c"}
    assert [message["payloadType"] for message in other.wait(0)][-1] == 2171
    # A million over sixty-nine dollars of margin is far above any threshold.
    raw.sandbox.host.account.money.balance = 500_000
    before = len(raw.said)
    for tenth in range(3):
        raw.sandbox.now += SECOND
        raw.sandbox.others(Side.BUY, "1000", f"1.1481{tenth}")
    raw.wait(0)
    called = [message["payload"] for message in raw.said[before:] if message["payloadType"] == 2172]
    assert [one["marginCall"]["marginCallType"] for one in called] == [62]


def test_what_is_traded_is_ordered_and_convertible() -> None:
    raw = raw_line()
    assert {c["assetClassId"] for c in body(raw, 2160)["symbolCategory"]} == {
        c["id"] for c in body(raw, 2153)["assetClass"]
    }
    chain = body(raw, 2118, firstAssetId=17, lastAssetId=6)["symbol"]
    assert [symbol["symbolName"] for symbol in chain] == ["XAUUSD", "GBPUSD"]
    assert "symbol" not in body(raw, 2118, firstAssetId=15, lastAssetId=15)
    leverage_id = body(raw, 2116, symbolId=1)["symbol"][0]["leverageId"]
    assert body(raw, 2177, leverageId=leverage_id)["leverage"]["tiers"][0]["leverage"] == 10_000


# --------------------------------------------------------------------------- our end


def client() -> Client:
    return Client(Sandbox()).start()


def test_bars_asked_for_are_all_there_page_by_page() -> None:
    ours = client()
    now = ours.sandbox.now
    request = BarRequest(symbol="EURUSD", period=MINUTE, start=now - 6000 * MINUTE, end=now, ref="9")
    (answer,) = ours.submit(request)
    assert isinstance(answer, Bars)
    assert (answer.complete, answer.ref, len(answer.bars)) == (True, "9", 5999)  # the minute we are in has no tick yet
    times = [bar.open_time for bar in answer.bars]
    assert times == list(range(times[0], times[-1] + 1, MINUTE))
    assert request.start <= times[0]
    assert times[-1] < request.end
    assert all(bar.final and bar.low <= min(bar.open, bar.close) for bar in answer.bars)


def test_every_historical_request_names_its_kind() -> None:
    ours = client()
    now = ours.sandbox.now
    asked: list[Command] = [
        BarRequest(symbol="EURUSD", period=MINUTE, start=now - MINUTE, end=now, ref="1"),
        VenueRequest(message=history.DealListReq(ctid_trader_account_id=0), ref="2"),
        VenueRequest(
            message=history.CashFlowHistoryListReq(ctid_trader_account_id=0, from_timestamp=0, to_timestamp=1), ref="3"
        ),
        VenueRequest(message=market.AssetListReq(ctid_trader_account_id=0), ref="4"),
    ]
    kinds = [getattr(effect, "kind", None) for command in asked for effect in ours.initiator.send(command, now)]
    assert kinds == ["history", "history", "history", ""]


@pytest.mark.parametrize("fields", [{"period": 7 * MINUTE}, {"start": 9, "end": 9}])
def test_bars_that_cannot_be_are_refused_before_sending(fields: dict[str, int]) -> None:
    window = {"period": MINUTE, "start": 1, "end": 9, **fields}
    with pytest.raises(LocalProtocolError):
        client().submit(BarRequest(symbol="EURUSD", ref="1", **window))


def subscribe(ours: Client, ref: str, period: int = MINUTE) -> list[Any]:
    return list(ours.submit(Subscribe(channel=Channel.BARS, symbol="EURUSD", period=period, ref=ref)))


def test_live_bars_grow_with_the_bid_and_are_final_when_the_next_begins() -> None:
    ours = client()
    sandbox = ours.sandbox
    sandbox.others(Side.BUY, "1000", "1.14800")
    told = subscribe(ours, "8")
    assert SubscriptionAccepted(ref="8") in told
    assert not [event for event in told if isinstance(event, Quote)]
    sandbox.others(Side.BUY, "1000", "1.14805")
    (bar,) = [event for event in ours.carry() if isinstance(event, Bar)]
    assert (bar.high, bar.close, bar.final) == (Decimal("1.14805"), Decimal("1.14805"), False)
    sandbox.others(Side.SELL, "1000", "1.14900")
    assert not [event for event in ours.carry() if isinstance(event, Bar)]  # the ask alone makes no bar
    sandbox.now += 60 * SECOND
    sandbox.others(Side.BUY, "1000", "1.14810")
    ended, begun = [event for event in ours.carry() if isinstance(event, Bar)]
    assert (ended.final, ended.close, ended.open_time) == (True, Decimal("1.14805"), bar.open_time)
    assert (begun.final, begun.open, begun.volume) == (False, Decimal("1.14810"), Decimal(1))
    assert SubscriptionAccepted(ref="9") in subscribe(ours, "9", 5 * MINUTE)
    ours.submit(Unsubscribe(channel=Channel.BARS, symbol="EURUSD", subscription="8", ref="10"))
    sandbox.others(Side.BUY, "1000", "1.14815")
    assert {event.period for event in ours.carry() if isinstance(event, Bar)} == {5 * MINUTE}
    assert ours.submit(Unsubscribe(channel=Channel.BARS, symbol="EURUSD", subscription="9", ref="11")) == [
        SubscriptionAccepted(ref="11")
    ]
    assert ours.sent[-1].find(b"2129") > 0  # nobody needs the prices any more


def test_a_second_wish_for_the_same_bars_asks_nothing() -> None:
    ours = client()
    subscribe(ours, "8")
    before = len(ours.sent)
    assert subscribe(ours, "9") == [SubscriptionAccepted(ref="9")]
    assert len(ours.sent) == before


def test_bars_of_every_period_come_back_after_the_session_was_ended() -> None:
    ours = client()
    for ref, period in (("8", MINUTE), ("9", 5 * MINUTE)):
        subscribe(ours, ref, period)
    ours.sandbox.serve(f"grant_type=refresh_token&refresh_token={refresh_token(ours)}&{application(ours)}")
    ours.line.wait(0)
    ours.carry()
    assert not ours.line.acceptor.account
    token = ours.sandbox.host.tokens.issue(frozenset({ours.sandbox.account_id}), 1, ours.sandbox.now)
    ours.seat.credentials = replace(ours.seat.credentials, accessToken=Secret(token.access))
    ours.log_on()
    for ref, period in (("8", MINUTE), ("9", 5 * MINUTE)):
        assert SubscriptionAccepted(ref=ref) in subscribe(ours, ref, period)
    ours.sandbox.others(Side.BUY, "1000", "1.14815")
    assert {event.period for event in ours.carry() if isinstance(event, Bar)} == {MINUTE, 5 * MINUTE}


def refresh_token(ours: Client) -> str:
    return str(ours.sandbox.stage.credentials["refreshToken"])


def application(ours: Client) -> str:
    staged = ours.sandbox.stage.credentials
    return f"client_id={staged['clientId']}&client_secret={staged['clientSecret']}"


def test_what_nobody_asked_for_is_handed_on_whole_unless_it_holds_a_secret() -> None:
    ours = client()
    (told,) = ours.hear(2113, {"ctidTraderAccountId": 5})
    assert told == Unknown(kind="2113", body=b'{"ctidTraderAccountId": 5}')
    (hidden,) = ours.hear(2150, {"accessToken": "secret"})
    assert hidden == Unknown(kind="2150", body=b"")


def test_bars_nobody_wants_are_not_told() -> None:
    bars = LiveBars("X")
    found = (Trendbar(volume=1, low=5, period=1, utc_timestamp_in_minutes=7),)
    assert bars.moved(found, 5, 0) == []
