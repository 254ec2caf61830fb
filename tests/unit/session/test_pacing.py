"""Pacing: the exact window, and cancels first."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.session.toy import MINUTE, SECOND, START, Desk, book, cancel, cancel_all, change, new_order

from venuewire.model.session import BarRequest, RequestRejected, SecurityListRequest, Unanswered
from venuewire.session import Pacer
from venuewire.venue import Answer, Rate


@given(
    count=st.integers(1, 5),
    per=st.integers(1, 50),
    steps=st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=60),
)
def test_no_window_holds_more_than_the_rate(count: int, per: int, steps: list[tuple[int, bool]]) -> None:
    pacer, now = Pacer(Rate(count, per)), 1000
    taken: list[int] = []
    for step, booked in steps:
        now += step
        if booked:
            taken.append(pacer.book(now))
        free_at = pacer.free_at(now)
        went = pacer.take(now)
        assert went == (free_at <= now)
        if went:
            taken.append(now)
    for start in taken:
        assert sum(start <= time < start + per for time in taken) <= count


def test_the_window_opens_exactly_when_the_oldest_has_left_it() -> None:
    pacer = Pacer(Rate(2, 10))
    assert pacer.take(0)
    assert pacer.take(4)
    assert not pacer.take(9)
    assert pacer.free_at(9) == 10
    assert pacer.take(10)
    assert pacer.free_at(10) == 14


def test_without_a_rate_nothing_waits() -> None:
    pacer = Pacer(None)
    assert all(pacer.take(0) for _ in range(1000))


def test_what_must_wait_goes_out_in_order_as_the_window_opens() -> None:
    desk = Desk(sends=Rate(3, SECOND)).log_on()
    refs = [desk.submit(new_order()) for _ in range(7)]
    assert len(desk.sent) == 3
    desk.step(3 * SECOND)
    assert [frame["ref"] for frame in desk.sent[1:]] == refs
    assert [(frame["at"] - START) // SECOND for frame in desk.sent] == [0, 0, 0, 1, 1, 1, 2, 2]


def test_a_cancel_goes_before_what_waits() -> None:
    desk = Desk(sends=Rate(2, SECOND)).log_on()
    for _ in range(3):
        desk.submit(new_order())
    desk.submit(cancel("77"))
    desk.step(3 * SECOND)
    assert desk.doings() == ["auth", "NewOrder", "CancelOrder", "NewOrder", "NewOrder"]


def test_a_cancel_does_not_overtake_its_own_order() -> None:
    desk = Desk(sends=Rate(2, SECOND)).log_on()
    for name in ("1", "2", "3"):
        desk.submit(new_order(cl_ord_id=name))
    desk.submit(cancel("2"))
    desk.step(3 * SECOND)
    assert desk.doings() == ["auth", "NewOrder", "NewOrder", "NewOrder", "CancelOrder"]


def test_a_mass_cancel_takes_back_the_orders_that_still_wait() -> None:
    desk = Desk(sends=Rate(2, SECOND)).log_on()
    desk.submit(new_order("A"))
    kept, taken_back = desk.submit(new_order("B")), desk.submit(new_order("A"))
    desk.submit(cancel_all("A"))
    told = [event for event in desk.news() if isinstance(event, Unanswered)]
    assert [(event.ref, event.sent) for event in told] == [(taken_back, False)]
    desk.step(3 * SECOND)
    assert [frame["ref"] for frame in desk.sent if frame["do"] == "NewOrder"][1:] == [kept]
    assert desk.doings()[:3] == ["auth", "NewOrder", "MassCancel"]


def test_what_waited_past_its_deadline_is_not_sent_any_more() -> None:
    desk = Desk(sends=Rate(2, MINUTE)).log_on(lasts=None)
    desk.submit(new_order())
    late = desk.submit(new_order())
    desk.step(10 * SECOND)
    told = [event for event in desk.news() if isinstance(event, Unanswered)]
    assert [(event.ref, event.sent) for event in told][1:] == [(late, False)]
    desk.step(2 * MINUTE)
    assert desk.doings() == ["auth", "NewOrder"]


def test_what_cannot_be_built_when_its_turn_comes_is_told() -> None:
    desk = Desk(sends=Rate(1, SECOND)).log_on()
    ref = desk.submit(new_order("NONE"))
    desk.news()
    desk.step(SECOND)
    assert desk.news() == [RequestRejected(code="", text="no such symbol: NONE", ref=ref)]


def test_logon_goes_before_commands() -> None:
    desk = Desk(sends=Rate(1, MINUTE)).log_on(lasts=3 * MINUTE)
    for _ in range(20):
        desk.submit(new_order(), timeout=20 * MINUTE)
    desk.step(2 * MINUTE + 1)
    assert desk.doings() == ["auth", "NewOrder", "auth"]


def test_lines_may_share_the_pacing_of_fetches() -> None:
    pacer = Pacer(Rate(1, SECOND))
    one, other = Desk(fetch_pacer=pacer).log_on(), Desk(fetch_pacer=pacer).log_on()
    one.submit(SecurityListRequest())
    other.submit(SecurityListRequest())
    assert (len(one.fetched), len(other.fetched)) == (1, 0)
    assert other.session.next_tick() == other.now + SECOND
    other.step(SECOND)
    assert len(other.fetched) == 1
    other.answer(Answer(200))
    assert other.kinds() == ["LoggedOn", "SecurityList"]


def test_a_logon_does_not_wait_behind_what_another_line_has_to_send() -> None:
    pacer = Pacer(Rate(1, SECOND))
    busy = Desk(send_pacer=pacer).log_on()
    for number in range(20):
        busy.submit(new_order(ref=str(number + 1)))
    other = Desk(send_pacer=pacer).dial().connect()
    assert other.doings() == []
    for _ in range(3):
        for desk in (busy, other):  # the busy one is always quicker
            desk.step(SECOND // 2)
    assert (busy.doings(), other.doings()) == (["auth"], ["auth"])
    busy.step(5 * SECOND)
    assert busy.doings()[:2] == ["NewOrder", "NewOrder"]


def test_requests_over_http_do_not_wait_for_the_pace_of_frames_nor_these_for_theirs() -> None:
    for over_http in (True, False):
        desk = Desk(send_pacer=Pacer(Rate(1, MINUTE)), fetches=Rate(1, MINUTE), requests_over_http=over_http).log_on()
        desk.submit(SecurityListRequest())
        assert len(desk.fetched) == over_http
        desk = Desk(sends=Rate(2, MINUTE), fetch_pacer=Pacer(Rate(1, MINUTE)), requests_over_http=over_http).log_on()
        desk.submit(SecurityListRequest())
        desk.submit(book())
        assert desk.doings() == ["auth", "Subscribe"][: 1 + over_http]


def test_lines_that_share_a_pace_take_turns() -> None:
    pacer = Pacer(Rate(1, SECOND))
    busy = Desk(send_pacer=pacer, requests_over_http=True).log_on()
    other = Desk(send_pacer=pacer, requests_over_http=True)
    busy.step(SECOND)
    other.step(SECOND)
    other.log_on()
    for number in range(20):
        busy.submit(book(f"S{number}"))
    other.submit(book())
    for _ in range(6):
        for desk in (busy, other):  # the busy one is always quicker
            desk.step(SECOND // 2)
    assert "Subscribe" in other.doings()
    busy.step(20 * SECOND)
    times = [frame["at"] for frame in busy.sent]
    assert all(later - time >= SECOND for time, later in pairwise(times))


@pytest.mark.parametrize("count", [1, 2])
def test_the_rest_of_a_command_waits_too(count: int) -> None:
    desk = Desk(sends=Rate(count, SECOND)).log_on()
    desk.submit(change("9"))
    desk.submit(new_order())
    desk.step(5 * SECOND)
    assert [frame["do"] for frame in desk.sent] == ["auth", "hold", "change", "NewOrder"]
    times = [frame["at"] for frame in desk.sent]
    assert all(later - time >= SECOND for time, later in zip(times, times[count:], strict=False))


def test_nothing_more_goes_out_on_a_line_that_is_to_be_ended() -> None:
    desk = Desk(sends=Rate(2, 2 * SECOND), liveness=SECOND).log_on(lasts=None)
    desk.submit(new_order())
    desk.submit(new_order())
    desk.step(3 * SECOND)
    assert desk.session.hangup == "silent for 1 s"
    desk.tick()
    assert desk.doings() == ["auth", "NewOrder"]
    desk.hang_up()
    assert [event.sent for event in desk.news() if isinstance(event, Unanswered)] == [True, False]


def test_what_waited_when_the_line_ended_is_not_sent_on_the_next() -> None:
    desk = Desk(sends=Rate(2, SECOND)).log_on()
    desk.submit(new_order())
    desk.submit(new_order())
    desk.lose()
    desk.now += 5 * SECOND
    desk.log_on().step(5 * SECOND)
    assert desk.doings() == ["auth", "NewOrder", "auth"]


def bars() -> BarRequest:
    return BarRequest(symbol="S", period=MINUTE, start=0, end=MINUTE)


def test_a_kind_with_a_rate_of_its_own_waits_and_nothing_waits_behind_it() -> None:
    desk = Desk(slow=Rate(2, SECOND)).log_on()
    refs = [desk.submit(bars()) for _ in range(5)]
    desk.submit(new_order())
    assert desk.doings() == ["auth", "bars", "bars", "NewOrder"]
    assert desk.session.next_tick() == desk.now + SECOND
    desk.step(2 * SECOND)
    sent = [(frame["ref"], frame["at"] - START) for frame in desk.sent]
    assert sent == list(zip(refs[2:], (SECOND, SECOND, 2 * SECOND), strict=True))


def test_its_answer_is_waited_for_from_when_it_goes() -> None:
    desk = Desk(slow=Rate(1, 30 * SECOND)).log_on()
    first, second = desk.submit(bars()), desk.submit(bars())
    desk.step(29 * SECOND)
    assert [event.ref for event in desk.news() if isinstance(event, Unanswered)] == [first]
    desk.step(11 * SECOND + 1)
    (late,) = [event for event in desk.news() if isinstance(event, Unanswered)]
    assert (late.ref, late.sent, late.timed_out) == (second, True, True)


def test_further_pages_wait_as_well_and_those_of_a_request_that_is_over_are_not_asked_for() -> None:
    desk = Desk(slow=Rate(1, SECOND)).log_on()
    ref = desk.submit(bars())
    desk.say("more", ref=ref)
    assert desk.doings() == ["auth", "bars"]
    desk.step(SECOND)
    assert desk.doings() == ["bars"]
    desk.say("something", ref=ref)
    desk.say("more", ref=ref)
    desk.step(5 * SECOND)
    assert desk.doings() == []


def test_a_venue_that_says_how_long_is_not_asked_for_that_kind_before() -> None:
    desk = Desk(slow=Rate(5, SECOND)).log_on()
    desk.say("not so often", ref=desk.submit(bars()), wait=4 * SECOND)
    desk.submit(bars())
    desk.submit(new_order())
    assert desk.doings() == ["auth", "bars", "NewOrder"]
    desk.step(4 * SECOND - 1)
    assert desk.doings() == []
    desk.step(1)
    assert desk.doings() == ["bars"]


def test_frames_that_wait_for_their_kind_are_gone_with_the_line() -> None:
    desk = Desk(slow=Rate(1, MINUTE)).log_on()
    refs = [desk.submit(bars()) for _ in range(3)]
    desk.lose()
    told = [event for event in desk.news() if isinstance(event, Unanswered)]
    assert [(event.ref, event.sent) for event in told] == list(zip(refs, (True, False, False), strict=True))


def test_commands_wait_while_a_renewal_interrupts() -> None:
    desk = Desk(renewal_interrupts=True, slow=Rate(5, SECOND)).log_on(lasts=3 * MINUTE)
    desk.step(2 * MINUTE)
    auth = desk.sent[-1]["ref"]
    assert desk.doings() == ["auth", "auth"]
    desk.submit(new_order())
    desk.submit(bars())
    desk.step(SECOND)
    assert desk.doings() == []
    due = desk.session.next_tick()
    assert due is not None
    assert due > desk.now
    desk.say("welcome", ref=auth, expires_at=desk.now + 30 * MINUTE)
    assert desk.doings() == ["NewOrder", "bars"]


def test_what_a_message_makes_wait_is_noticed_although_nothing_was_told() -> None:
    """The timer of a quiet line sleeps: whoever handed the message in must look at it again."""
    desk = Desk(slow=Rate(1, SECOND), sends=Rate(2, SECOND)).log_on()
    ref = desk.submit(bars())
    desk.session.received(b'{"kind":"more","ref":"%s"}' % ref.encode(), desk.now)
    assert desk.session.outgoing
    assert desk.session.effects() == []
    desk.step(2 * SECOND)
    assert not desk.session.outgoing
    desk.session.received(b'{"kind":"ping"}', desk.now)
    desk.session.received(b'{"kind":"ping"}', desk.now)
    desk.session.effects()
    desk.session.received(b'{"kind":"ping"}', desk.now)
    assert desk.session.outgoing
