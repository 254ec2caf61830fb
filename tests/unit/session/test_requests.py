"""Requests in flight: each is answered, or told as unanswered, and a late answer is news all the same."""

import pytest
from tests.unit.session.toy import MINUTE, SECOND, Desk, book, cancel_all, change, new_order

from venuewire import errors
from venuewire.model.orders import ExecutionReport
from venuewire.model.session import Damaged, OrderMassStatusRequest, SecurityListRequest, Subscribe, Unanswered
from venuewire.model.terms import Channel
from venuewire.venue import Answer


def unanswered(desk: Desk) -> list[Unanswered]:
    return [event for event in desk.news() if isinstance(event, Unanswered)]


def test_a_request_gets_a_ref_of_its_own_and_keeps_one_it_has() -> None:
    desk = Desk().log_on()
    refs = [desk.submit(new_order()), desk.submit(new_order()), desk.submit(new_order(ref="77"))]
    assert len(set(refs)) == 3
    assert refs[2] == "77"
    assert [frame["ref"] for frame in desk.sent[1:]] == refs
    with pytest.raises(errors.LocalProtocolError, match="77 is in flight already"):
        desk.submit(new_order(ref="77"))


def test_an_answer_in_time_is_the_end_of_it() -> None:
    desk = Desk().log_on()
    ref = desk.submit(new_order())
    desk.say("report", ref=ref).step(MINUTE)
    assert desk.kinds() == ["LoggedOn", "ExecutionReport"]


def test_no_answer_in_time_is_told_once_and_a_late_answer_is_still_news() -> None:
    desk = Desk().log_on()
    ref = desk.submit(new_order())
    desk.news()
    sent_time = desk.now
    desk.step(10 * SECOND - 1)
    assert desk.news() == []
    desk.step(1)
    (told,) = unanswered(desk)
    assert (told.ref, told.cause, told.sent, told.sent_time) == (ref, "no answer within 10 s", True, sent_time)
    desk.say("report", ref=ref).step(MINUTE)
    assert desk.kinds() == ["ExecutionReport"]


def test_a_caller_may_set_its_own_deadline() -> None:
    desk = Desk().log_on()
    desk.submit(new_order(), timeout=SECOND // 2)
    desk.step(SECOND)
    assert [event.cause for event in unanswered(desk)] == ["no answer within 0.5 s"]


def test_what_was_in_flight_when_the_line_ended_is_told_in_order() -> None:
    desk = Desk().log_on()
    first, second = desk.submit(new_order()), desk.submit(new_order())
    # Built, but never fetched by the transport: the venue cannot have seen it.
    third = desk.session.submit(new_order(), desk.now)
    desk.hear(desk.session.lost(1006, "cut", desk.now))
    told = unanswered(desk)
    assert [(event.ref, event.sent, event.epoch) for event in told] == [
        (first, True, 1),
        (second, True, 1),
        (third, False, 1),
    ]
    assert {event.cause for event in told} == {"line ws ended: cut"}


def test_nothing_queued_outlives_the_line() -> None:
    desk = Desk().log_on()
    desk.session.submit(new_order(), desk.now)
    desk.hear(desk.session.lost(1006, "cut", desk.now))
    desk.sent.clear()
    desk.log_on()
    assert desk.doings() == ["auth"]


def test_what_the_venue_cannot_take_is_raised_at_once_and_leaves_no_trace() -> None:
    desk = Desk().log_on()
    desk.news()
    with pytest.raises(errors.LocalProtocolError, match="no such symbol"):
        desk.submit(new_order("NONE"))
    with pytest.raises(errors.LocalProtocolError, match="no such symbol"):
        desk.submit(book("NONE"))
    desk.step(MINUTE).lose().log_on()
    assert desk.kinds() == ["LoggedOut", "LoggedOn"]


def test_an_answer_that_needed_nothing_on_the_wire_comes_at_once() -> None:
    desk = Desk().log_on()
    desk.news()
    ref = desk.submit(Subscribe(channel=Channel.ORDERS))
    assert desk.session.next_tick() == desk.now
    assert desk.session.outgoing
    desk.tick()
    (accepted,) = desk.news()
    assert getattr(accepted, "ref", None) == ref
    desk.step(MINUTE)
    assert desk.news() == []


def test_kept_news_comes_with_the_next_frame_and_before_it() -> None:
    desk = Desk().log_on()
    desk.told.clear()
    desk.submit(Subscribe(channel=Channel.ORDERS))
    desk.say("trade")
    assert [type(event).__name__ for event in desk.told] == ["SubscriptionAccepted", "Trade"]


def test_a_heartbeat_of_theirs_is_answered() -> None:
    desk = Desk().log_on().say("ping")
    assert desk.doings() == ["auth", "pong"]


# ---------------------------------------------------------------------------------------------- over HTTP


def test_a_list_over_http() -> None:
    desk = Desk().log_on()
    desk.news()
    ref = desk.submit(SecurityListRequest())
    assert [fetch.ref for _, fetch in desk.fetched] == [ref]
    desk.answer(Answer(200, b"[]"))
    assert desk.kinds() == ["SecurityList"]


def test_a_list_of_several_pages_is_one_request() -> None:
    desk = Desk().log_on()
    desk.news()
    desk.submit(SecurityListRequest())
    desk.answer(Answer(200, b"more"))
    assert [fetch.path for _, fetch in desk.fetched] == ["/list/2"]
    assert desk.news() == []
    desk.answer(Answer(200, b"[]"))
    assert desk.kinds() == ["SecurityList"]


def test_a_request_that_is_over_asks_for_no_more_pages() -> None:
    desk = Desk().log_on()
    desk.submit(SecurityListRequest())
    desk.step(11 * SECOND).answer(Answer(200, b"more"))
    assert desk.fetched == []


def test_a_refusal_over_http_is_an_answer() -> None:
    desk = Desk().log_on()
    desk.news()
    desk.submit(SecurityListRequest())
    desk.answer(Answer(403)).step(MINUTE)
    assert desk.kinds() == ["RequestRejected"]


@pytest.mark.parametrize(
    ("answer", "cause"),
    [(None, "timed out"), (Answer(502), "HTTP 502")],
    ids=["no answer", "an answer that says nothing"],
)
def test_an_exchange_that_tells_nothing_leaves_the_request_unanswered(answer: Answer | None, cause: str) -> None:
    desk = Desk().log_on()
    ref = desk.submit(OrderMassStatusRequest())
    desk.news()
    desk.answer(answer, "timed out").step(MINUTE)
    assert [(event.ref, event.cause, event.sent) for event in unanswered(desk)] == [(ref, cause, True)]


def test_an_http_answer_of_an_older_life_is_still_evidence() -> None:
    desk = Desk().log_on()
    desk.submit(SecurityListRequest())
    desk.lose().log_on()
    assert desk.kinds() == ["LoggedOn", "LoggedOut", "Unanswered", "LoggedOn"]
    desk.answer(Answer(200, b"[]"))
    assert desk.kinds() == ["SecurityList"]


def test_damage_in_an_answer_that_nobody_waits_for_is_told_without_its_query() -> None:
    desk = Desk().log_on()
    desk.submit(SecurityListRequest())
    desk.lose().log_on().news()
    desk.answer(Answer(502))
    assert desk.news() == [Damaged(line="ws", text="GET /list: HTTP 502", recv_time=desk.now)]


# ---------------------------------------------------------------------------------------------- damage and numbers


@pytest.mark.parametrize("payload", [b"\xff\x00", b"{", b'{"kind":"broken"}'])
def test_damage_is_told_and_stops_nothing(payload: bytes) -> None:
    desk = Desk().log_on()
    desk.news()
    desk.receive(payload).say("trade")
    damaged, trade = desk.news()
    assert isinstance(damaged, Damaged)
    assert type(trade).__name__ == "Trade"


def test_an_unknown_kind_is_news() -> None:
    desk = Desk().log_on()
    desk.news()
    desk.say("something new")
    assert desk.kinds() == ["Unknown"]


def test_numbered_messages() -> None:
    desk = Desk(sequence=True).dial().connect()
    desk.say("welcome", ref=desk.sent[-1]["ref"], expires_at=None, seq=0)
    desk.say("trade", seq=1).say("trade")
    assert desk.kinds() == ["LoggedOn", "Trade", "Trade"]
    desk.say("trade", seq=4)
    missed, _ = desk.news()
    assert (getattr(missed, "expected", 0), getattr(missed, "got", 0)) == (2, 4)
    # Twice, then late: told, and not used.
    desk.say("trade", seq=4).say("trade", seq=2)
    assert [(getattr(event, "expected", 0), getattr(event, "got", 0)) for event in desk.news()] == [(5, 4), (5, 2)]
    desk.say("trade", seq=5)
    assert desk.kinds() == ["Trade"]


def test_a_new_line_counts_anew() -> None:
    desk = Desk(sequence=True).log_on().say("trade", seq=0).lose()
    desk.log_on().say("trade", seq=0)
    assert "Missed" not in desk.kinds()


def test_a_damaged_body_still_counts_but_a_lost_envelope_is_missed() -> None:
    desk = Desk(sequence=True).log_on()
    desk.say("broken", seq=0).say("trade", seq=1).receive(b"{").say("trade", seq=3)
    assert desk.kinds() == ["LoggedOn", "Damaged", "Trade", "Damaged", "Missed", "Trade"]


# ---------------------------------------------------------------------------------------------- signs of life


def test_silence_ends_the_line() -> None:
    desk = Desk(liveness=20 * SECOND).log_on(lasts=None)
    desk.step(15 * SECOND).say("trade").step(20 * SECOND - 1)
    assert desk.session.hangup is None
    desk.step(1)
    assert desk.session.hangup == "silent for 20 s"
    with pytest.raises(errors.NotLoggedOn):
        desk.submit(new_order())
    desk.hang_up()
    assert desk.kinds()[-1] == "LoggedOut"


def test_a_heartbeat_goes_out_when_we_have_been_silent_and_only_then() -> None:
    desk = Desk(heartbeat_interval=25 * SECOND).log_on(lasts=None)
    desk.step(20 * SECOND).submit(new_order())
    desk.say("report", ref=desk.sent[-1]["ref"]).step(25 * SECOND - 1)
    assert desk.doings() == ["auth", "NewOrder"]
    desk.step(1)
    assert desk.doings() == ["beat"]
    desk.step(100 * SECOND)
    assert desk.doings() == ["beat"] * 4


def test_two_frames_of_one_command_are_one_request() -> None:
    desk = Desk().log_on()
    ref = desk.submit(change("9"))
    assert desk.doings() == ["auth", "hold", "change"]
    desk.news()
    desk.say("report", ref=ref).say("report", ref=ref)
    assert [type(event) for event in desk.news()] == [ExecutionReport, ExecutionReport]


def test_a_mass_cancel_is_a_request_like_any_other() -> None:
    desk = Desk().log_on()
    ref = desk.submit(cancel_all())
    desk.step(10 * SECOND)
    assert [event.ref for event in unanswered(desk)] == [ref]
