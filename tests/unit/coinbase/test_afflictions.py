"""What can happen to the venue, and how our end takes what concerns it alone."""

from __future__ import annotations

import json

import pytest
from tests.unit.coinbase.ends import ClientLine, RawLine, World, logged_on

from venuewire.errors import LogonRejected
from venuewire.model.session import Subscribe, SubscriptionAccepted, SubscriptionRejected
from venuewire.model.terms import NANOS_PER_SECOND, Channel
from venuewire.venue import ExpireGrants, Habit, Maintenance, RevokeGrants, SkipSequence, Throttle
from venuewire.venues.coinbase.acceptor.habits import HABITS
from venuewire.venues.coinbase.acceptor.switches import Switches

API = "/api/v3/brokerage"


@pytest.mark.parametrize("affliction", [ExpireGrants(), RevokeGrants()])
def test_a_token_that_ended_before_its_time_costs_no_subscription(affliction: ExpireGrants | RevokeGrants) -> None:
    world = World()
    market, _ = logged_on(world)
    assert market.ask(Subscribe(channel=Channel.QUOTES, symbol="BTC-USD", ref="2"))[-1] == SubscriptionAccepted(ref="2")
    assert world.host.afflict(affliction, world.now)
    assert market.ask(Subscribe(channel=Channel.QUOTES, symbol="ETH-USD", ref="3"))[-1] == SubscriptionAccepted(ref="3")


def test_a_token_that_ended_is_refused_everywhere_and_a_new_one_is_not() -> None:
    world = World()
    line, token = RawLine(world), world.key.token(world.now, "1")
    line.subscribe("heartbeats", jwt=token)
    rest = world.key.token(world.now, "2", f"GET 127.0.0.1:4006{API}/accounts")
    assert world.http("GET", f"{API}/accounts", token=rest).status == 200
    world.host.afflict(ExpireGrants(), world.now)
    assert line.subscribe("heartbeats", jwt=token) == [{"type": "error", "message": "authentication failure"}]
    assert world.http("GET", f"{API}/accounts", token=rest).status == 401
    assert world.http("GET", f"{API}/accounts").status == 200
    assert line.subscribe("heartbeats")[0]["channel"] == "subscriptions"


def test_a_fresh_token_that_is_refused_is_not_tried_again() -> None:
    world = World()
    market, _ = logged_on(world)
    world.now += 90 * NANOS_PER_SECOND
    world.host.keys = {}
    text = "authentication failure"
    assert market.ask(Subscribe(channel=Channel.QUOTES, symbol="BTC-USD", ref="2")) == [
        SubscriptionRejected(code=text, text=text, ref="2")
    ]
    with pytest.raises(LogonRejected):
        market.logon()


def test_the_user_channel_is_asked_for_again_when_it_fails_after_opening() -> None:
    world = World(refuse_first_user=True)
    _, user = logged_on(world)
    assert user.ask(Subscribe(channel=Channel.ORDERS, ref="2")) == [SubscriptionAccepted(ref="2")]
    raw = RawLine(world, "user_ws")
    assert raw.subscribe("user") == [{"type": "error", "message": "failure to subscribe"}]


def test_numbers_are_left_out_on_the_lines_then_open_and_nowhere_else() -> None:
    world = World()
    line = RawLine(world)
    line.subscribe("heartbeats")
    world.host.afflict(SkipSequence(3), world.now)
    line.subscribe("ticker", "BTC-USD")
    assert [frame["sequence_num"] for frame in line.frames] == [0, 4, 5]
    assert RawLine(world).subscribe("heartbeats")[0]["sequence_num"] == 0


def test_who_asks_too_often_is_told_so_until_it_is_over() -> None:
    world = World()
    world.host.afflict(Throttle(world.now + NANOS_PER_SECOND), world.now)
    answer = world.http("GET", f"{API}/accounts")
    assert (answer.status, json.loads(answer.body)["errors"][0]["id"]) == (429, "rate_limit_exceeded")
    refusal = world.host.accept("ws").handshake({}, world.now)
    assert refusal is not None
    assert refusal.status == 429
    world.now += NANOS_PER_SECOND
    assert world.http("GET", f"{API}/accounts").status == 200


def test_maintenance_sends_everybody_away_until_it_is_over() -> None:
    world = World()
    line, client = RawLine(world), ClientLine(world, "user_ws")
    line.subscribe("heartbeats")
    client.logon()
    world.host.afflict(Maintenance(world.now + 60 * NANOS_PER_SECOND), world.now)
    world.step(0)
    assert line.close is not None
    assert client.close is not None
    assert line.close.code == client.close.code == 1001
    assert world.http("GET", f"{API}/accounts").status == 503
    refusal = world.host.accept("ws").handshake({}, world.now)
    assert refusal is not None
    assert refusal.status == 503
    world.now += 60 * NANOS_PER_SECOND
    assert RawLine(world).subscribe("heartbeats")[0]["channel"] == "subscriptions"


@pytest.mark.parametrize("name", sorted(HABITS))
def test_a_habit_can_be_switched_on_and_off(name: str) -> None:
    world = World()
    assert world.host.afflict(Habit(name), world.now)
    assert world.host.switches != Switches()
    assert world.host.afflict(Habit(name, on=False), world.now)
    assert world.host.switches == Switches()
    assert not world.host.afflict(Habit("unheard of"), world.now)
