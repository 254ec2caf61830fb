"""The sandbox in memory, and every fault on a line of it: on the stepped clock, at exact places."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.sandbox.guests import World, world
from tests.unit.sandbox.toy import HOSTS, TOY

from venuewire.errors import ConfigError, ConnectFailed, ConnectionLost
from venuewire.sandbox import MemorySandbox
from venuewire.sandbox.faults import Fault, Kind, NoSuchThing
from venuewire.transport.clock import SteppedClock, at_rest
from venuewire.venue import ExpireGrants, Habit, Maintenance, RevokeGrants, Throttle

SECOND = 1_000_000_000
ECHOES = ["echo 0", "echo 1", "echo 2"]


async def phase(here: World, name: str) -> str:
    return next(str(fault["phase"]) for fault in here.sandbox.faults() if fault["id"] == name)


# ------------------------------------------------------------------------------------------------ without a fault


async def test_a_guest_is_welcomed_answered_and_told() -> None:
    async with world() as here:
        guest = await here.settled()
        trader = await here.comes(line="trade", key=here.key())
        assert trader.news() == ["welcome trade"]
        assert await guest.says("book", "0") == ["subscribed", "echo 0"]
        answer, report = await trader.says("buy 0.01 100.00")
        assert (answer, report.split()[:2]) == ("answer 1", ["report", "NEW"])
        assert guest.news() == ["market BookUpdate"]
        state = here.sandbox.state()["venues"]["toy"]["connections"]
        assert [(it["line"], it["account"], it["number"]) for it in state] == [("feed", None, 1), ("trade", "toy", 2)]


async def test_timers_go_by_the_clock() -> None:
    async with world() as here:
        guest = await here.settled()
        await here.sandbox.advance(9.999)
        assert guest.news() == []
        await here.sandbox.advance(0.001)
        assert guest.news() == ["ping"]
        await here.sandbox.advance(60)
        assert guest.times[1:] == [10, 20, 30, 40, 50, 60, 70]


async def test_either_end_may_leave() -> None:
    async with world() as here:
        polite, rude, dismissed = [await here.settled() for _ in range(3)]
        assert polite.line is not None
        assert rude.line is not None
        polite.line.close(1000)
        rude.line.abort()
        assert await dismissed.says("bye 4001") == ["last words"]
        assert [guest.ended for guest in (polite, rude, dismissed)] == [1000, 1006, 4001]
        assert here.hosts[0].left == ["feed"] * 3
        assert here.sandbox.state()["venues"]["toy"]["connections"] == []


async def test_http_and_refusals_and_addresses_nobody_has() -> None:
    async with world() as here:
        assert (await here.asks("/a?b=c", body=b"x")).body == b"POST /a?b=c None b'x'"
        with pytest.raises(ConnectFailed) as refused:
            await here.comes(key="wrong")
        assert (refused.value.status, refused.value.body) == (401, b'["X",0,"Z",3]')
        for url in ("ws://nowhere/v1/feed", here.sandbox.credentials("toy").endpoints["feed"] + "/x"):
            with pytest.raises(ConnectFailed, match="nobody listens there"):
                await here.network.dial(url, {}, None, max_frame=1)  # type: ignore[arg-type]
        with pytest.raises(ConnectFailed, match="nobody listens there"):
            await here.network.fetch("GET", "http://nowhere/", {}, b"", seconds=1)


async def test_it_says_goodbye_when_it_ends() -> None:
    async with MemorySandbox([TOY]) as sandbox:
        here = World(sandbox, sandbox.network())
        guest = await here.settled()
    assert guest.ended == 1001
    with pytest.raises(ConnectFailed):
        await here.comes()


async def test_frames_can_be_carried_and_lost_by_hand() -> None:
    async with world(automatic=False) as here:
        guest = await here.comes()
        (line,) = here.network.lines
        assert (guest.news(), len(line.inward)) == ([], 1)
        line.carry()
        assert guest.news() == ["welcome feed"]
        for text in (b"0", b"1", b"2"):
            line.send(text)
        assert line.unsent() == 3
        line.outward.popleft()
        line.carry_out()
        line.inward.reverse()
        line.carry_in()
        assert guest.news() == ["echo 2", "echo 1"]
        line.send(b"3")
        line.cut()
        line.carry()
        assert (guest.news(), guest.ended, HOSTS[-2].left) == ([], 1006, ["feed"])


async def test_without_timers_it_is_stepped_by_hand() -> None:
    clock = SteppedClock(settle=at_rest)
    sandbox = MemorySandbox([TOY], clock=clock)
    sandbox.pause_flow()
    here = World(sandbox, sandbox.network())
    guest = await here.settled()
    await clock.advance(10 * SECOND)
    assert guest.news() == []
    sandbox.run_due()
    assert await guest.says() == ["ping"]


async def test_work_that_never_ends_is_not_waited_for() -> None:
    async with world() as here:
        with pytest.raises(TimeoutError, match="not done within 30 s"):
            await here.sandbox.run(here.sandbox.clock.sleep_until(here.sandbox.now() + 31 * SECOND), within=30)


# ------------------------------------------------------------------------------------------------ frames


@pytest.mark.parametrize(
    ("kind", "terms", "heard"),
    [
        ("drop", {"after": 1, "count": 1}, ["echo 0", "echo 2"]),
        ("drop", {"direction": "to_venue", "after": 1, "count": 1}, ["echo 0", "echo 2"]),
        ("drop", {"channel": "ANSWERS"}, []),
        ("drop", {"channel": "BOOK"}, ECHOES),
        ("duplicate", {"after": 1, "count": 1}, ["echo 0", "echo 1", "echo 1", "echo 2"]),
        ("duplicate", {"direction": "to_venue", "count": 1}, ["echo 0", "echo 0", "echo 1", "echo 2"]),
        ("swap", {"count": 1}, ["echo 1", "echo 0", "echo 2"]),
        ("swap", {"direction": "to_venue", "after": 1}, ["echo 0", "echo 2", "echo 1"]),
        ("mute", {}, []),
        ("half_open", {"after": 2}, ["echo 0", "echo 1"]),
        ("delay", {"seconds": 1, "after": 2}, ["echo 0", "echo 1"]),
        ("delay", {"seconds": 1, "count": 1, "overtake": True}, ["echo 1", "echo 2"]),
    ],
)
async def test_frames_meet_their_fate(kind: str, terms: dict[str, Any], heard: list[str]) -> None:
    async with world() as here:
        guest = await here.settled()
        here.suffers(kind, **terms)
        assert await guest.says("0", "1", "2") == heard
        here.sandbox.clear_faults()
        assert (await guest.says("fine"))[-1:] == ([] if kind == "delay" and "count" not in terms else ["echo fine"])
        await here.sandbox.advance(5)
        assert (await guest.says("fine"))[-1] == "echo fine"


async def test_faults_of_one_venue_leave_the_others_alone() -> None:
    async with world() as here:
        guest, other = await here.settled(), await here.settled("twin")
        here.suffers("mute")
        here.suffers("skew", seconds=100)
        assert await guest.says("0") == []
        assert await other.says("0", "time") == ["echo 0", str(here.sandbox.now())]
        here.sandbox.clear_faults()
        here.suffers("mute", venue="")
        assert await guest.says("0") == await other.says("0") == []


async def test_one_line_or_one_connection() -> None:
    async with world() as here:
        feed, trade, second = await here.settled(), await here.settled(line="trade"), await here.settled()
        name = here.suffers("mute", line="trade")
        assert [await it.says("0") for it in (feed, trade, second)] == [["echo 0"], [], ["echo 0"]]
        here.sandbox.clear_fault(name)
        here.suffers("mute", connection=3)
        assert [await it.says("0") for it in (feed, trade, second)] == [["echo 0"], ["echo 0"], []]
        here.sandbox.clear_faults()
        here.suffers("half_open", connection="open")
        later = await here.settled()
        assert [await it.says("0") for it in (feed, trade, second, later)] == [[], [], [], ["echo 0"]]


async def test_one_channel() -> None:
    async with world() as here:
        feed, trader = await here.settled(), await here.comes(line="trade", key=here.key())
        trader.news()
        await feed.says("book")
        here.suffers("drop", channel="BOOK")
        here.suffers("drop", channel="ORDERS")
        assert await trader.says("buy 0.01 100.00") == ["answer 1"]
        assert await feed.says("0") == ["echo 0"]
        here.suffers("drop", channel="HEARTBEATS")
        await here.sandbox.advance(10)
        assert feed.news() == []


async def test_what_is_delayed_comes_in_order_and_in_time() -> None:
    async with world() as here:
        guest = await here.settled()
        here.suffers("delay", seconds=2.5, count=1)
        await guest.says("0")
        await here.sandbox.advance(1)
        await guest.says("1")
        await here.sandbox.advance(5)
        assert guest.news() == ["echo 0", "echo 1"]
        assert guest.times[1:] == [2.5, 2.5]


async def test_what_the_client_sends_can_be_late_as_well() -> None:
    async with world() as here:
        guest = await here.settled()
        here.suffers("delay", seconds=2, direction="to_venue", count=1)
        sent = here.sandbox.now()
        await guest.says("time")
        await here.sandbox.advance(5)
        assert guest.news() == [str(sent + 2 * SECOND)]


async def test_slow_is_slow_on_the_stepped_clock() -> None:
    async with world() as here:
        guest = await here.settled()
        here.suffers("slow", bytes_per_s=10)
        await guest.says("x" * 15, "y" * 5)
        await here.sandbox.advance(9)
        assert guest.news() == ["echo " + "x" * 15, "echo yyyyy"]
        assert guest.times[1:] == [2, 3]


async def test_who_is_too_slow_for_what_he_asks_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    async with world() as here:
        guest = await here.settled()
        here.suffers("slow", bytes_per_s=1)
        await guest.says("flood 900")
        assert guest.ended == 1006
        assert "too slow" in caplog.text


async def test_half_open_takes_everything_and_says_nothing_not_even_goodbye() -> None:
    async with world() as here:
        guest = await here.settled()
        here.suffers("half_open", for_s=60)
        assert await guest.says("0", "bye 4001") == []
        await here.sandbox.advance(59)
        assert (guest.news(), guest.ended) == ([], None)
        await here.sandbox.advance(2)
        assert (await guest.says("0"))[-1] == "echo 0"


async def test_that_the_venue_has_hung_up_is_not_told_either() -> None:
    async with world() as here:
        guest = await here.settled()
        here.suffers("half_open", direction="to_venue", after=1, for_s=60)
        assert await guest.says("bye 4001", "0") == []
        await here.sandbox.advance(100)
        assert (await guest.says("0"), guest.ended) == ([], None)


# ------------------------------------------------------------------------------------------------ the connection


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 1012, 1013, 4008])
async def test_the_venue_closes_at_once_or_in_place_of_a_frame(code: int) -> None:
    async with world() as here:
        guest, other = await here.settled(), await here.settled("twin")
        name = here.suffers("close", code=code)
        await at_rest()
        assert (guest.ended, other.ended) == (code, None)
        assert await phase(here, name) == "over"
        guest = await here.settled()
        here.suffers("close", code=code, after=1)
        assert await guest.says("0", "1", "2") == ["echo 0"]
        assert guest.ended == code


async def test_it_can_close_later_and_only_those_it_is_aimed_at() -> None:
    async with world() as here:
        feed, trade = await here.settled(), await here.settled(line="trade")
        here.suffers("close", code=1012, line="trade", after_s=3)
        await here.sandbox.advance(2.9)
        assert trade.ended is None
        await here.sandbox.advance(0.1)
        assert feed.ended is None
        assert trade.ended == 1012


@pytest.mark.parametrize(
    ("cut", "heard"), [(0, ["echo 0"]), (1, ["echo 0"]), (7, ["echo 0"]), (8, ["echo 0", "echo 1"])]
)
async def test_a_frame_that_is_cut_is_heard_only_when_it_is_whole(cut: int, heard: list[str]) -> None:
    async with world() as here:
        guest = await here.settled()
        here.suffers("cut", after=1, bytes=cut)
        assert await guest.says("0", "1", "2") == heard
        assert guest.ended == 1006
        assert HOSTS[-2].left == ["feed"]


async def test_a_frame_of_the_client_is_cut_before_the_venue_has_it() -> None:
    async with world() as here:
        trader = await here.comes(line="trade", key=here.key())
        trader.news()
        here.suffers("cut", direction="to_venue", after=0)
        assert await trader.says("buy 0.01 100.00") == []
        assert trader.ended == 1006
        assert here.sandbox.exchange("toy").port("toy").orders() == []


async def test_an_order_is_taken_although_its_answer_is_lost_with_the_line() -> None:
    async with world() as here:
        trader = await here.comes(line="trade", key=here.key())
        trader.news()
        here.suffers("close", channel="ANSWERS")
        assert await trader.says("buy 0.01 100.00") == []
        assert trader.ended == 1006
        assert len(here.sandbox.exchange("toy").port("toy").orders()) == 1


async def test_a_handshake_is_refused_as_it_is_told_or_in_the_venues_own_words() -> None:
    async with world() as here:
        here.suffers("refuse", status=403, body='{"no": 1}', count=1, line="feed")
        here.suffers("refuse", count=1, line="trade")
        with pytest.raises(ConnectFailed) as told:
            await here.comes()
        with pytest.raises(ConnectFailed) as own:
            await here.comes(line="trade", key=here.key())
        assert (told.value.status, told.value.body) == (403, b'{"no": 1}')
        assert (own.value.status, own.value.body) == (401, b'["X",0,"Z",3]')
        assert await (await here.settled()).says("0") == ["echo 0"]
        here.suffers("refuse", for_s=5)
        with pytest.raises(ConnectFailed) as anybody:
            await here.comes()
        assert anybody.value.status == 401
        await here.sandbox.advance(5)
        await here.settled()


@pytest.mark.parametrize("code", [1006, 1013])
async def test_flapping_takes_and_drops(code: int) -> None:
    async with world() as here:
        here.suffers("flap", count=3, code=code)
        guests = [await here.comes() for _ in range(4)]
        assert [(guest.news(), guest.ended) for guest in guests] == [([], code)] * 3 + [(["welcome feed"], None)]


# ------------------------------------------------------------------------------------------------ HTTP


async def test_a_request_is_lost_before_or_after_the_venue_acted() -> None:
    async with world() as here:
        port = here.sandbox.exchange("toy").port("toy")
        for when, orders in (("before", 0), ("after", 1)):
            here.suffers("drop", path="/buy", when=when, count=1)
            with pytest.raises(ConnectionLost, match="cut before the answer"):
                await here.asks("/buy", body=b"100.00")
            assert len(port.orders()) == orders
        assert (await here.asks("/buy", body=b"100.00")).status == 200
        here.suffers("drop", path="/sell")
        assert (await here.asks("/buy", body=b"100.00")).status == 200


async def test_an_answer_is_late_and_an_order_comes_after_the_client_has_given_up() -> None:
    async with world() as here:
        port = here.sandbox.exchange("toy").port("toy")
        here.suffers("delay", path="/buy", seconds=3, when="after", count=1)
        began = here.sandbox.now()
        assert (await here.asks("/buy", body=b"100.00")).status == 200
        assert here.sandbox.now() - began == 3 * SECOND
        here.suffers("delay", path="/buy", seconds=15, count=1)
        with pytest.raises(ConnectionLost, match="no answer within 10 s"):
            await here.asks("/buy", body=b"100.00")
        assert len(port.orders()) == 1
        await here.sandbox.advance(5)
        assert len(port.orders()) == 2


async def test_requests_are_refused_and_throttled() -> None:
    async with world() as here:
        here.suffers("refuse", path="/buy", status=503, body="later", count=1)
        answer = await here.asks("/buy")
        assert (answer.status, answer.body) == (503, b"later")
        here.suffers("throttle", path="/", seconds=5)
        answer = await here.asks("/buy", body=b"100.00")
        assert (answer.status, answer.headers["retry-after"]) == (429, "5")
        await here.sandbox.advance(5)
        assert (await here.asks("/buy", body=b"100.00")).status == 200
        here.suffers("refuse", path="/key")
        answer = await here.asks("/key", key=here.key())
        assert (answer.status, answer.body) == (403, b"no such key")


# ------------------------------------------------------------------------------------------------ the venue's own


async def test_the_venues_clock_differs_and_its_timers_go_on() -> None:
    async with world() as here:
        guest = await here.settled()
        here.suffers("skew", seconds=-30, for_s=60)
        (told,) = await guest.says("time")
        assert int(told) == here.sandbox.now() - 30 * SECOND
        await here.sandbox.advance(60)
        assert (await guest.says("time"))[-1] == str(here.sandbox.now())


async def test_a_market_does_not_stand_still_because_the_clock_was_set_back() -> None:
    async with world() as here:
        exchange = here.sandbox.exchange("toy")
        here.sandbox.resume_flow()
        here.suffers("skew", seconds=-3600)
        await at_rest()
        before = exchange.book("BTC-USD").levels
        await here.sandbox.advance(5)
        assert exchange.book("BTC-USD").levels != before


async def test_what_only_a_venue_can_play_is_given_to_it() -> None:
    async with world() as here:
        began = here.sandbox.now()
        for kind, terms in (
            ("expire", {}),
            ("revoke", {"after_s": 5}),
            ("throttle", {"seconds": 3}),
            ("maintenance", {"seconds": 60}),
            ("habit", {"name": "odd", "for_s": 10}),
        ):
            here.suffers(kind, **terms)
        await here.sandbox.advance(30)
        toy, twin = here.hosts
        assert [((when - began) // SECOND, what) for when, what in toy.suffered] == [
            (0, ExpireGrants()),
            (0, Throttle(began + 3 * SECOND)),
            (0, Maintenance(began + 60 * SECOND)),
            (0, Habit("odd")),
            (5, RevokeGrants()),
            (10, Habit("odd", on=False)),
        ]
        assert twin.suffered == []
        toy.suffered.clear()
        here.sandbox.clear_faults()
        assert [what for _, what in toy.suffered] == [Maintenance(began + 30 * SECOND)]


async def test_what_the_venue_suffers_can_wait_for_a_frame() -> None:
    async with world() as here:
        guest = await here.settled()
        here.suffers("expire", direction="to_venue", after=1)
        await guest.says("0")
        assert here.hosts[0].suffered == []
        assert await guest.says("1", "2") == ["echo 1", "echo 2"]
        assert [what for _, what in here.hosts[0].suffered] == [ExpireGrants()]


async def test_what_a_venue_cannot_suffer_is_said() -> None:
    async with world() as here:
        for fault, sentence in (
            (Fault(kind=Kind.SKIP, venue="toy"), "Toy cannot suffer skip"),
            (Fault(kind=Kind.HABIT, venue="toy", name="old"), "Toy has no habit 'old'; there are: odd"),
            (Fault(kind=Kind.HABIT, venue="toy", name="old", after_s=9), "Toy has no habit 'old'"),
        ):
            with pytest.raises(NoSuchThing, match=sentence):
                here.sandbox.set_fault(fault)
        for wrong, sentence in (
            (Fault(kind=Kind.DROP, venue="moon"), "no venue 'moon'"),
            (Fault(kind=Kind.DROP, line="moon"), "no line 'moon' there; there are: feed, trade"),
        ):
            with pytest.raises(ConfigError, match=sentence):
                here.sandbox.set_fault(wrong)
        assert here.sandbox.faults() == []


async def test_what_turns_out_impossible_later_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with world() as here:
        here.suffers("skip", after_s=1)
        await here.sandbox.advance(1)
        assert "toy has no such thing as skip" in caplog.text


# ------------------------------------------------------------------------------------------------ in force


async def test_faults_begin_and_end_by_the_clock() -> None:
    async with world() as here:
        guest = await here.settled()
        name = here.suffers("mute", after_s=5, for_s=2)
        for seconds, now, heard in ((4.9, "waiting", 1), (0.1, "in force", 0), (1.9, "in force", 0), (0.1, "over", 1)):
            await here.sandbox.advance(seconds)
            assert await phase(here, name) == now
            assert len(await guest.says("0")) == heard


async def test_they_can_be_listed_and_cleared() -> None:
    async with world() as here:
        names = [here.suffers("mute"), here.suffers("drop", after=7, after_s=60)]
        assert names == ["1", "2"]
        assert here.sandbox.faults() == [
            {"id": "1", "venue": "toy", "phase": "in force", "seen": 0, "struck": 0,
             "fault": {"kind": "mute", "venue": "toy"}},
            {"id": "2", "venue": "toy", "phase": "waiting", "seen": 0, "struck": 0,
             "fault": {"kind": "drop", "venue": "toy", "after": 7, "after_s": 60}},
        ]  # fmt: skip
        here.sandbox.clear_fault("1")
        guest = await here.settled()
        assert await guest.says("0") == ["echo 0"]
        with pytest.raises(ConfigError, match="no fault '7'"):
            here.sandbox.clear_fault("7")
        assert here.sandbox.clear_faults() == 1
        assert here.sandbox.clear_faults() == 0
        assert here.sandbox.faults() == []


async def test_the_same_seed_gives_the_same_credentials_and_the_same_market() -> None:
    seen = []
    for seed in (5, 5, 6):
        async with MemorySandbox([TOY], seed=seed, pace=0.05) as sandbox:
            await sandbox.advance(20)
            exchange = sandbox.exchange("toy")
            key = sandbox.credentials("toy").key  # type: ignore[attr-defined]
            seen.append((key, exchange.book("BTC-USD").levels, exchange.trades("BTC-USD", 50)))
    assert seen[0] == seen[1]
    assert seen[0][1] != seen[2][1]
