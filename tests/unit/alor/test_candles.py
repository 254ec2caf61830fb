"""Candles: the sandbox's past and present, subscriptions, history over HTTP, and both as a client sees them."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from tests.unit.alor.rig import START, Client, Venue, Wire, row

from venuewire.errors import LocalProtocolError
from venuewire.model.market import Bar
from venuewire.model.orders import NewOrder
from venuewire.model.session import BarRequest, Bars, Subscribe, SubscriptionAccepted, Unsubscribe
from venuewire.model.terms import NANOS_PER_SECOND, Channel, OrdType, Side
from venuewire.venues.alor import VENUE
from venuewire.venues.alor.candles import length_of, merged, opened, tf_of
from venuewire.venues.alor.past import STEP, Past

SECOND = NANOS_PER_SECOND
MINUTE = 60 * SECOND
NOW = START // SECOND


@pytest.fixture
def venue() -> Venue:
    venue = Venue()
    venue.get("/md/v2/time")
    return venue


def trade(venue: Venue, price: str, lots: int = 1) -> None:
    venue.quote(price, Side.SELL, lots)
    order = NewOrder(symbol="MOEX:SBER", side=Side.BUY, ord_type=OrdType.LIMIT, order_qty=10 * lots, price=price)
    venue.exchange.port(venue.portfolio).execute(order, venue.now)


def history(venue: Venue, tf: str = "60", *, token: bool = True, **query: Any) -> dict[str, Any]:
    given = {"symbol": "SBER", "exchange": "MOEX", "tf": tf, "from": NOW - 3600, "to": NOW, **query}
    path = "/md/v2/history?" + "&".join(f"{name}={value}" for name, value in given.items())
    answer = venue.get(path, venue.token() if token else None)
    assert answer.status == 200, answer
    return json.loads(answer.body)  # type: ignore[no-any-return]


# --------------------------------------------------------------------------- the past


def test_the_past_is_made_from_the_seed_and_ends_where_the_market_begins() -> None:
    one, same, other = Past("a", NOW, 25_770), Past("a", NOW, 25_770), Past("b", NOW, 25_770)
    slots = list(one.slots(one.start, one.end))
    assert slots == list(same.slots(one.start, one.end))
    assert slots != list(other.slots(one.start, one.end))
    assert slots[-1].close == 25_770
    assert [slot.time for slot in slots] == list(range(one.start, one.end, STEP))
    assert all(before.close == after.open for before, after in pairwise(slots))
    assert all(0 < slot.low <= min(slot.open, slot.close) <= max(slot.open, slot.close) <= slot.high for slot in slots)
    assert len({slot.close for slot in slots}) > 100


def test_longer_candles_are_made_of_shorter_ones() -> None:
    past = Past("a", NOW, 25_770)
    slots = list(past.slots(NOW - 86_400, NOW))
    minutes = list(merged(slots, 60))
    assert list(merged(minutes, 3600)) == list(merged(slots, 3600))
    assert sum(bar.volume for bar in minutes) == sum(slot.volume for slot in slots)


@pytest.mark.parametrize(
    ("time", "length", "start"),
    [
        (1_760_000_017, 60, 1_759_999_980),
        (1_760_000_017, 7, 1_760_000_011),
        (1_760_000_017, 86_400, 1_759_968_000),
        (1_760_000_017, 604_800, 1_759_708_800),  # Monday, 2025-10-06
        (1_760_000_017, 2_592_000, 1_759_276_800),  # 2025-10-01
        (1_760_000_017, 31_536_000, 1_735_689_600),  # 2025-01-01
    ],
)
def test_where_a_candle_opens(time: int, length: int, start: int) -> None:
    assert opened(time, length) == start


@pytest.mark.parametrize(
    ("tf", "length"),
    [
        *(("15", 15), (60, 60), ("D", 86_400), ("w", 604_800), ("M", 2_592_000), ("Y", 31_536_000), ("7", 7)),
        *((wrong, None) for wrong in ("", "0", "-5", "X", None, 0, "1e3", "99999999999")),
    ],
)
def test_lengths(tf: object, length: int | None) -> None:
    assert length_of(tf) == length


def test_periods_of_ours_have_a_word() -> None:
    assert all(length_of(tf_of(period)) == period // SECOND for period in VENUE.capabilities.bar_periods)
    with pytest.raises(LocalProtocolError):
        tf_of(SECOND // 2)


# --------------------------------------------------------------------------- history over HTTP


def test_history_is_there_from_the_start(venue: Venue) -> None:
    found = history(venue)
    times = [bar["time"] for bar in found["history"]]
    assert times == sorted(times)
    assert len(times) == 60
    assert all(time % 60 == 0 for time in times)
    assert found["prev"] == times[0] - 60
    assert found["next"] is None


def test_history_counts_back_until_there_are_enough(venue: Venue) -> None:
    assert len(history(venue, "3600", countBack=30)["history"]) == 30
    assert len(history(venue, "60", countBack=5)["history"]) == 60
    earliest = history(venue, "D", countBack=100_000)
    assert 100 <= len(earliest["history"]) <= 102
    assert earliest["prev"] is None


def test_what_is_traded_comes_after_the_past(venue: Venue) -> None:
    venue.now += MINUTE
    trade(venue, "258.00", 3)
    trade(venue, "257.00", 2)
    last = history(venue, to=NOW + 60)["history"][-1]
    assert last == {"time": opened(NOW + 60, 60), "close": 257, "open": 258, "high": 258, "low": 257, "volume": 5}


def test_without_a_token_the_last_quarter_of_an_hour_is_not_seen(venue: Venue) -> None:
    assert history(venue, token=False)["history"][-1]["time"] <= NOW - 900


@pytest.mark.parametrize("missing", ["symbol", "exchange", "tf", "from", "to"])
def test_what_is_required_of_a_history(venue: Venue, missing: str) -> None:
    given = {"symbol": "SBER", "exchange": "MOEX", "tf": "60", "from": "1", "to": "2"}
    del given[missing]
    path = "/md/v2/history?" + "&".join(f"{name}={value}" for name, value in given.items())
    assert venue.get(path, venue.token()).status in {400, 404}


@pytest.mark.parametrize("tf", ["1", "60", "D", "W", "M", "Y", "31622400"])
@pytest.mark.parametrize("far", [0, 10**12, 10**18])
def test_times_beyond_all_calendars_are_answered(venue: Venue, tf: str, far: int) -> None:
    assert venue.get(f"/md/v2/history?symbol=SBER&exchange=MOEX&tf={tf}&from={far}&to={10**18}").status == 200
    frames = Wire(venue, "ws").say(ask(venue, tf=tf, **{"from": NOW if far == 0 else far}))
    assert frames[0]["httpCode"] == 200


def test_slim_history_has_short_keys(venue: Venue) -> None:
    found = history(venue, format="Slim")
    assert set(found) == {"h", "next", "prev"}
    assert set(found["h"][0]) == {"t", "o", "h", "l", "c", "v"}


# --------------------------------------------------------------------------- subscriptions


def ask(venue: Venue, **more: Any) -> dict[str, Any]:
    given = {"opcode": "BarsGetAndSubscribe", "code": "SBER", "exchange": "MOEX", "tf": "60", "from": NOW - 300}
    return {**given, "guid": "b", "token": venue.token(), **more}


@pytest.mark.parametrize(("form", "time"), [("Simple", "time"), ("Slim", "t"), ("Heavy", "time")])
def test_history_comes_first_then_the_candle_each_time_it_changes(venue: Venue, form: str, time: str) -> None:
    ws = Wire(venue, "ws")
    acknowledgement, *bars = ws.say(ask(venue, format=form, frequency=500))
    assert acknowledgement["httpCode"] == 200
    assert len(bars) == 5
    venue.now += MINUTE
    trade(venue, "258.00")
    frames = ws.news()
    assert [frame["data"][time] for frame in frames[-1:]] == [opened(NOW + 60, 60)]
    venue.now += SECOND
    trade(venue, "258.10")
    assert ws.news()[-1]["data"]["h" if form == "Slim" else "high"] == 258.1


def test_a_long_history_comes_in_parts_and_whole(venue: Venue) -> None:
    """A client who reads must not be cut for the length of what it asked for."""
    ws = Wire(venue, "ws")
    first = NOW - NOW % 60 - 3500 * 60
    _, *bars = ws.say(ask(venue, frequency=500, **{"from": first}))
    assert len(bars) == 2000
    parts = [len(bars)]
    while frames := ws.later(50):
        parts.append(len(frames))
        bars += frames
    assert parts[1:-1] == [500] * (len(parts) - 2)
    told = [frame["data"]["time"] for frame in bars]
    # Each part begins with the candle the last one ended with: it may have changed since.
    assert sorted(set(told)) == [*dict.fromkeys(told)]
    whole = venue.get(f"/md/v2/history?symbol=SBER&exchange=MOEX&tf=60&from={first}&to={NOW + 60}", venue.token())
    assert sorted(set(told)) == [bar["time"] for bar in json.loads(whole.body)["history"]]
    venue.now += MINUTE
    trade(venue, "258.00")
    assert [frame["data"]["close"] for frame in ws.later(500) or ws.news()][-1:] == [258]


def test_a_candle_that_closed_while_the_frame_waited_is_still_told_whole(venue: Venue) -> None:
    ws = Wire(venue, "ws")
    ws.say(ask(venue, tf="5", skipHistory=True, frequency=10_000))
    venue.now += SECOND
    trade(venue, "258.00", 2)
    venue.now += 5 * SECOND
    trade(venue, "259.00")
    assert ws.news() == []
    bars = [frame["data"] for frame in ws.later(6_000)]
    assert [(bar["close"], bar["volume"]) for bar in bars][-2:] == [(258, 2), (259, 1)]


@pytest.mark.parametrize("more", [{"tf": "often"}, {"tf": None}, {"from": None}, {"from": "x"}])
def test_candles_without_length_or_beginning_are_refused(venue: Venue, more: dict[str, Any]) -> None:
    request = {name: value for name, value in ask(venue, **more).items() if value is not None}
    assert [frame["httpCode"] for frame in Wire(venue, "ws").say(request)] == [400]


# --------------------------------------------------------------------------- our end


@pytest.fixture
def client(venue: Venue) -> Client:
    return Client(venue).up()


def request(**more: Any) -> BarRequest:
    given: dict[str, Any] = {"symbol": "MOEX:SBER", "period": MINUTE, "start": START - 10 * MINUTE, "end": START}
    return BarRequest(**{**given, **more})


def bars_of(events: list[Any]) -> Bars:
    (found,) = [event for event in events if isinstance(event, Bars)]
    return found


def test_bars_of_the_past_in_pieces_and_exact(client: Client, venue: Venue) -> None:
    found = bars_of(client.do(request(ref="7")))
    assert found.ref == "7"
    between: dict[str, Any] = {"from": NOW - 600, "to": NOW - 1}
    plain = history(venue, **between)["history"]
    assert [bar.open_time // SECOND for bar in found.bars] == [bar["time"] for bar in plain]
    assert [bar.volume for bar in found.bars] == [10 * bar["volume"] for bar in plain]
    assert [bar.close for bar in found.bars] == [Decimal(str(bar["close"])) for bar in plain]
    assert all(bar.final == (bar.open_time + MINUTE <= venue.now) for bar in found.bars)
    assert all(START - 10 * MINUTE <= bar.open_time < START for bar in found.bars)


def test_days_weeks_months_and_years_have_names(client: Client) -> None:
    for seconds, name in ((86_400, "D"), (604_800, "W"), (2_592_000, "M"), (31_536_000, "Y")):
        (fetch,) = client.ws.send(request(period=seconds * SECOND, ref=name), client.now)
        assert f"&tf={name}&" in fetch.path  # type: ignore[union-attr]


def test_a_bar_is_final_when_a_later_one_comes(client: Client, venue: Venue) -> None:
    first = client.do(Subscribe(channel=Channel.BARS, symbol="MOEX:SBER", period=5 * SECOND, ref="5"))
    assert any(isinstance(event, SubscriptionAccepted) for event in first)
    told: list[Bar] = [event for event in first if isinstance(event, Bar)]
    for price in ("258.00", "258.50", "258.20"):
        venue.now += 3 * SECOND
        trade(venue, price)
        told += [event for event in client.news() if isinstance(event, Bar)]
    live = [bar for bar in told if bar.open_time >= START]
    closed = [bar for bar in live if bar.final]
    assert len(closed) == 1
    assert row(closed[0].close, closed[0].period) == (Decimal("258.00"), 5 * SECOND)
    assert not live[-1].final
    assert row(live[-1].open, live[-1].close, live[-1].volume) == (Decimal("258.50"), Decimal("258.20"), 20)


def test_two_lengths_of_one_symbol_are_two_subscriptions(client: Client, venue: Venue) -> None:
    for ref, seconds in (("5", 5), ("60", 60)):
        client.do(Subscribe(channel=Channel.BARS, symbol="MOEX:SBER", period=seconds * SECOND, ref=ref))
    client.do(Unsubscribe(channel=Channel.BARS, symbol="MOEX:SBER", subscription="5", ref="9"))
    venue.now += MINUTE
    trade(venue, "258.00")
    assert {event.period for event in client.news() if isinstance(event, Bar)} == {MINUTE}


def test_bars_need_a_period_and_a_known_symbol(client: Client) -> None:
    with pytest.raises(LocalProtocolError, match="period"):
        client.ws.send(Subscribe(channel=Channel.BARS, symbol="MOEX:SBER", ref="1"), client.now)
    with pytest.raises(LocalProtocolError, match="not known"):
        client.ws.send(request(symbol="MOEX:NONE", ref="1"), client.now)


# --------------------------------------------------------------------------- as frames


def test_bars_come_by_column(client: Client) -> None:
    found = bars_of(client.do(request()))
    columns = found.columns()
    assert list(columns) == ["symbol", "period", "open_time", "open", "high", "low", "close", "volume", "final"]
    assert all(len(column) == len(found.bars) for column in columns.values())
    assert columns["close"] == [bar.close for bar in found.bars]
    assert all(type(close) is Decimal for close in columns["close"])
