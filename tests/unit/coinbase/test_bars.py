"""Bars: a made past and what was traded, by REST and on the stream."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.unit.coinbase.ends import START, ClientLine, RawLine, World, logged_on

from venuewire.errors import LocalProtocolError
from venuewire.model.market import Bar, Trade
from venuewire.model.session import BarRequest, Bars, Subscribe, SubscriptionAccepted
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Nanos, Side
from venuewire.venues.coinbase.acceptor.bars import MINUTE, PAST_MINUTES, History
from venuewire.venues.coinbase.acceptor.stage import instruments

FIVE = 5 * MINUTE
DAY = 1440 * MINUTE


def history(seed: str = "s", begins: Nanos = START) -> History:
    return History(instruments()[0], Decimal(64000), seed, begins)


def whole(bars: list[Bar]) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal]:
    return (
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum((bar.volume for bar in bars), Decimal(0)),
    )


def test_the_past_is_the_same_for_the_same_seed_and_ends_where_the_market_begins() -> None:
    first, again, other = (history(seed).newest(MINUTE, 300, START) for seed in ("s", "s", "t"))
    assert first == again
    assert first != other
    assert first[-1].close == 64000
    assert [bar.open for bar in first[1:]] == [bar.close for bar in first[:-1]]
    for bar in first:
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert bar.volume > 0
        assert not bar.open % Decimal("0.01")


@pytest.mark.parametrize("period", [FIVE, 60 * MINUTE, DAY])
def test_longer_bars_are_made_of_minutes(period: Nanos) -> None:
    made = history()
    start = (START // period - 2) * period
    for bar in made.bars(period, start, start + 2 * period, START):
        minutes = made.bars(MINUTE, bar.open_time, bar.open_time + period, START)
        assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == whole(minutes)
        assert bar.final


def test_there_is_nothing_before_the_past_and_nothing_after_now() -> None:
    bars = history().bars(DAY, 0, START + 10 * DAY, START)
    assert len(bars) in {PAST_MINUTES // 1440, PAST_MINUTES // 1440 + 1}
    assert bars[-1].open_time <= START


def test_trades_make_the_newest_bar() -> None:
    made = history()
    for second, price, size in ((1, "64010", "1"), (2, "63990.5", "0.25"), (3, "64000", "0.5")):
        made.add(
            Trade(
                symbol="BTC-USD",
                trade_id=str(second),
                price=Decimal(price),
                size=Decimal(size),
                aggressor_side=Side.BUY,
                transact_time=START + second * NANOS_PER_SECOND,
            )
        )
    (bar,) = made.newest(MINUTE, 1, START + 4 * NANOS_PER_SECOND)
    assert (bar.open, bar.high, bar.low, bar.close) == (
        Decimal(64010),
        Decimal(64010),
        Decimal("63990.5"),
        Decimal(64000),
    )
    assert (bar.volume, bar.final) == (Decimal("1.75"), False)


@pytest.fixture
def world() -> World:
    world = World()
    world.quote(Side.BUY, "5", "63990")
    world.quote(Side.SELL, "5", "64010")
    world.hit(Side.BUY, "0.1", "64010")
    world.exchange.drain()
    return world


def asked(user: ClientLine, period: Nanos, bars: int, end: Nanos) -> Bars:
    (answer,) = user.ask(BarRequest(symbol="BTC-USD", period=period, start=end - bars * period, end=end, ref="7"))
    assert isinstance(answer, Bars)
    return answer


def test_bars_of_the_past_come_oldest_first(world: World) -> None:
    _, user = logged_on(world)
    end = world.now // FIVE * FIVE
    answer = asked(user, FIVE, 30, end)
    assert [bar.open_time for bar in answer.bars] == [end - back * FIVE for back in range(30, 0, -1)]
    assert answer.complete
    assert all(bar.final for bar in answer.bars)
    newest = asked(user, MINUTE, 1, (world.now // MINUTE + 1) * MINUTE).bars[-1]
    assert (newest.close, newest.volume, newest.final) == (Decimal(64010), Decimal("0.1"), False)


def test_more_than_the_venue_tells_at_once_is_told_to_be_cut(world: World) -> None:
    _, user = logged_on(world)
    answer = asked(user, MINUTE, 500, world.now // MINUTE * MINUTE)
    assert (len(answer.bars), answer.complete) == (350, False)
    assert answer.bars[0].open_time == world.now // MINUTE * MINUTE - 500 * MINUTE


def test_bars_the_venue_has_not_are_refused_before_anything_is_sent(world: World) -> None:
    market, user = logged_on(world)
    with pytest.raises(LocalProtocolError, match="60 s"):
        asked(user, 7 * MINUTE, 3, world.now)
    with pytest.raises(LocalProtocolError, match="five minutes"):
        market.ask(Subscribe(channel=Channel.BARS, symbol="BTC-USD", period=MINUTE, ref="8"))


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("granularity=THREE_HOUR", 400),
        ("", 400),
        ("granularity=ONE_MINUTE&start=0", 400),
        ("granularity=ONE_MINUTE&start=x", 400),
        ("granularity=ONE_MINUTE&limit=-1", 400),
    ],
)
def test_a_wrong_question_is_http_400(world: World, query: str, status: int) -> None:
    answer = world.http("GET", "/api/v3/brokerage/market/products/BTC-USD/candles", query=query, token="")
    assert answer.status == status


def test_the_stream_tells_a_hundred_bars_then_the_one_that_is_open(world: World) -> None:
    market, _ = logged_on(world)
    told = market.ask(Subscribe(channel=Channel.BARS, symbol="BTC-USD", ref="8"))
    bars = [event for event in told if isinstance(event, Bar)]
    assert len(bars) == 100
    assert bars == sorted(bars, key=lambda bar: bar.open_time)
    assert [bar.final for bar in bars] == [True] * 99 + [False]
    assert any(isinstance(event, SubscriptionAccepted) for event in told)
    market.events.clear()
    world.hit(Side.BUY, "0.5", "64010")
    world.settle()
    world.step(2 * NANOS_PER_SECOND)
    (update,) = [event for event in market.events if isinstance(event, Bar)]
    assert (update.open_time, update.close, update.volume) == (
        bars[-1].open_time,
        Decimal(64010),
        bars[-1].volume + Decimal("0.5"),
    )
    market.events.clear()
    world.step(2 * NANOS_PER_SECOND)
    assert not [event for event in market.events if isinstance(event, Bar)]


def test_a_bucket_is_told_once_more_when_it_is_over(world: World) -> None:
    """A trade in its last moments would otherwise never be told."""
    line = RawLine(world)
    (snapshot, _) = line.subscribe("candles", "BTC-USD")
    so_far = Decimal(snapshot["events"][0]["candles"][0]["volume"])
    line.subscribe("heartbeats")
    world.step(FIVE - world.now % FIVE - NANOS_PER_SECOND // 2)
    bucket = str(world.now // FIVE * FIVE // NANOS_PER_SECOND)
    line.frames.clear()
    world.hit(Side.BUY, "0.5", "64010")
    world.settle()
    world.step(NANOS_PER_SECOND)
    world.hit(Side.BUY, "0.25", "64010")
    world.settle()
    world.step(3 * NANOS_PER_SECOND)
    updates = [frame["events"][0]["candles"] for frame in line.frames if frame["channel"] == "candles"]
    rows = [(row["start"], Decimal(row["volume"])) for update in updates for row in update]
    following = str(int(bucket) + 300)
    assert rows == [(bucket, so_far + Decimal("0.5")), (following, Decimal("0.25"))]
