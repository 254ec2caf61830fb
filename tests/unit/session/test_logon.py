"""Logging on, being refused, and renewing before the grant ends."""

import pytest
from tests.unit.session.toy import MINUTE, SECOND, START, Desk, book, new_order

from venuewire import errors
from venuewire.model.session import (
    Degraded,
    LoggedOn,
    LoggedOut,
    LogonRejected,
    Renewed,
    Secret,
    Subscribe,
    Unanswered,
)
from venuewire.model.session import Grant as GrantOf
from venuewire.model.terms import Channel
from venuewire.session import SessionState
from venuewire.session.logon import pause_after, renewal_time
from venuewire.venue import Answer

S = SessionState


def test_a_line_is_ready_when_the_venue_has_taken_our_token() -> None:
    desk = Desk()
    assert desk.session.dial(desk.now) == {"x-life": "1"}
    desk.now += 2
    desk.connect()
    assert desk.is_now(S.LOGGING_ON)
    desk.now += 3
    desk.welcome()
    assert desk.is_now(S.READY)
    assert desk.session.logon_ns == 5
    assert desk.news() == [
        LoggedOn(line="ws", epoch=1, expires_at=desk.now + 30 * MINUTE, recv_time=desk.now),
    ]
    assert desk.session.grant_expires_at == desk.now + 30 * MINUTE


def test_the_flow_takes_its_own_answers_and_leaves_the_rest() -> None:
    desk = Desk().dial().connect()
    desk.say("trade")
    desk.say("welcome", ref="somebody else's")
    assert desk.is_now(S.LOGGING_ON)
    assert desk.kinds() == ["Trade", "Reply"]
    desk.welcome()
    assert desk.kinds() == ["LoggedOn"]


def test_a_token_over_http_comes_first() -> None:
    desk = Desk(by_http=True).dial().connect()
    ((epoch, fetch),) = desk.fetched
    assert (epoch, fetch.path, desk.sent) == (1, "/token", [])
    desk.give_token("second")
    assert [frame["token"] for frame in desk.sent] == ["second"]
    desk.welcome()
    assert desk.is_now(S.READY)


def test_no_answer_to_a_logon_ends_the_line() -> None:
    desk = Desk().dial().connect()
    desk.step(10 * SECOND - 1)
    assert desk.session.hangup is None
    desk.step(1)
    assert desk.session.hangup == "logon timed out"
    desk.hang_up()
    assert desk.is_now(S.CLOSED)
    assert desk.news() == [LoggedOut(line="ws", epoch=1, text="logon timed out", recv_time=desk.now)]
    desk.dial()
    assert desk.session.epoch == 2
    assert desk.session.hangup is None


def test_a_refused_logon_is_not_tried_again_until_allowed() -> None:
    desk = Desk().dial().connect().refuse("CH_WRONG")
    assert desk.is_now(S.REFUSED)
    assert desk.news() == [LogonRejected(line="ws", code="CH_WRONG", text="wrong token", recv_time=desk.now)]
    desk.hang_up()
    assert desk.is_now(S.REFUSED)
    with pytest.raises(errors.LocalProtocolError, match="REFUSED cannot DIAL"):
        desk.dial()
    desk.session.allow()
    desk.log_on()
    assert desk.is_now(S.READY)


@pytest.mark.parametrize("code", ["429", "500", "503"])
def test_a_refusal_that_speaks_of_passing_trouble_is_tried_again(code: str) -> None:
    desk = Desk().dial().connect().refuse(code)
    assert desk.kinds() == ["LogonRejected"]
    desk.hang_up()
    assert desk.is_now(S.CLOSED)


@pytest.mark.parametrize(
    ("code", "state"),
    [("401", S.REFUSED), ("403", S.REFUSED), ("400", S.REFUSED), ("429", S.CLOSED), ("503", S.CLOSED)],
)
def test_a_handshake_refused_with_an_http_status(code: str, state: SessionState) -> None:
    desk = Desk().dial()
    desk.hear(desk.session.refused(code, "bad key", desk.now))
    assert desk.is_now(state)
    assert desk.news() == [LogonRejected(line="ws", code=code, text="bad key", recv_time=desk.now)]


def test_a_failed_exchange_during_logon_is_no_refusal() -> None:
    desk = Desk(by_http=True).dial().connect().answer(None, "no route")
    assert desk.session.hangup == "logon failed: no route"
    assert desk.is_now(S.LOGGING_ON)
    desk = Desk(by_http=True).dial().connect().give_token(status=502)
    assert desk.session.hangup == "logon failed: no token: HTTP 502"
    assert desk.news() == []


def test_a_refused_token_request_is_a_refusal() -> None:
    desk = Desk(by_http=True).dial().connect().give_token("revoked", status=403)
    assert desk.is_now(S.REFUSED)


# ---------------------------------------------------------------------------------------------- renewal


def test_a_grant_of_thirty_minutes_is_renewed_with_five_left() -> None:
    desk = Desk().log_on()
    expires_at = desk.now + 30 * MINUTE
    desk.news()
    desk.step(25 * MINUTE - 1)
    assert desk.is_now(S.READY)
    desk.step(1)
    assert desk.is_now(S.RENEWING)
    assert desk.session.grant_expires_at == expires_at
    ref = desk.submit(new_order())
    assert desk.sent[-1]["ref"] == ref
    desk.welcome()
    assert desk.is_now(S.READY)
    assert desk.session.renewals == 1
    assert desk.news() == [Renewed(line="ws", epoch=1, expires_at=desk.now + 30 * MINUTE, recv_time=desk.now)]


def test_a_day_of_renewals_leaves_no_hole() -> None:
    desk = Desk().log_on()
    while desk.now < START + 24 * 60 * MINUTE:
        desk.step(25 * MINUTE)
        assert desk.is_now(S.RENEWING)
        expires_at = desk.session.grant_expires_at
        assert expires_at is not None
        assert expires_at > desk.now
        desk.welcome()
    assert desk.session.epoch == 1
    assert desk.session.renewals == desk.kinds().count("Renewed") > 50


@pytest.mark.parametrize(
    ("life", "early", "left"),
    [
        (30 * MINUTE, 0, 5 * MINUTE),
        (30 * MINUTE, 7 * SECOND, 5 * MINUTE + 7 * SECOND),
        (2 * MINUTE, 0, 40 * SECOND),
        (2 * MINUTE, 10 * MINUTE, 80 * SECOND),
        (30 * 24 * 60 * MINUTE, 0, 5 * MINUTE),
    ],
)
def test_the_margin_of_a_renewal(life: int, early: int, left: int) -> None:
    grant = GrantOf(Secret(""), START, START + life)
    assert renewal_time(grant, START, early) == START + life - left


def test_a_grant_that_is_nearly_over_is_not_asked_for_without_pause() -> None:
    grant = GrantOf(Secret(""), START, START + 30 * MINUTE)
    assert renewal_time(grant, START + 26 * MINUTE) == START + 27 * MINUTE
    assert renewal_time(grant, START + 30 * MINUTE) == START + 30 * MINUTE + SECOND
    assert renewal_time(GrantOf(Secret(""), START, None), START) is None


def test_a_failed_renewal_is_told_and_tried_again_with_growing_pauses() -> None:
    desk = Desk(by_http=True).log_on()
    expires_at = desk.session.grant_expires_at
    desk.step(25 * MINUTE).answer(None, "no route")
    desk.news()
    assert desk.is_now(S.DEGRADED)
    times: list[int] = []
    for _ in range(4):
        began = desk.now
        while desk.session.state is S.DEGRADED:
            desk.step(SECOND)
        times.append((desk.now - began) // SECOND)
        desk.answer(None, "no route")
    assert times == [1, 2, 4, 8]
    assert desk.news()[0] == Degraded(
        line="ws", epoch=1, text="no route", expires_at=expires_at, recv_time=START + 25 * MINUTE + SECOND
    )
    desk.submit(new_order())
    assert desk.doings()[-1] == "NewOrder"
    desk.step(16 * SECOND).give_token("later").welcome()
    assert desk.is_now(S.READY)
    assert pause_after(1) == SECOND
    assert pause_after(99) == 30 * SECOND


def test_a_grant_that_ends_without_a_renewal_ends_the_line() -> None:
    desk = Desk(by_http=True).log_on()
    desk.step(25 * MINUTE)
    for _ in range(100):
        desk.answer(None, "no route")
        if desk.session.hangup is not None:
            break
        while not desk.fetched:
            desk.step(SECOND)
    assert desk.now == START + 30 * MINUTE
    assert desk.session.hangup == "the grant has ended and was not renewed: no route"
    desk.hang_up()
    assert desk.is_now(S.CLOSED)


def test_a_renewal_without_an_answer_is_given_up_in_time() -> None:
    desk = Desk().log_on().step(25 * MINUTE + 10 * SECOND)
    assert desk.is_now(S.DEGRADED)
    assert "no answer within 10 s" in str(desk.news()[-1])


def test_a_refused_renewal_keeps_the_grant_to_its_end() -> None:
    desk = Desk().log_on().step(25 * MINUTE).refuse("401")
    assert desk.is_now(S.DEGRADED)
    assert desk.session.hangup is None
    assert desk.kinds() == ["LoggedOn", "Degraded"]


def test_what_the_venue_ends_is_renewed_at_once_and_once() -> None:
    desk = Desk().log_on()
    desk.sent.clear()
    desk.say("ended").say("ended").say("ended")
    assert desk.is_now(S.RENEWING)
    assert desk.doings() == ["auth"]
    assert desk.kinds() == ["LoggedOn"] + ["GrantInvalidated"] * 3


def test_orders_wait_for_the_next_grant_when_the_venue_has_ended_this_one() -> None:
    desk = Desk().log_on()
    ref = desk.submit(book())
    desk.say("subscribed", ref=ref).say("ended")
    desk.submit(new_order())
    assert "NewOrder" not in [frame["do"] for frame in desk.sent]
    desk.welcome()
    assert desk.doings() == ["auth", "Subscribe", "auth", "NewOrder", "Subscribe"]


def test_a_renewal_that_fails_under_an_ended_grant_ends_the_line() -> None:
    desk = Desk().log_on().say("ended").refuse("401")
    assert desk.session.hangup is not None
    desk.hang_up()
    assert desk.kinds() == ["LoggedOn", "GrantInvalidated", "Degraded", "LoggedOut"]


def test_a_grant_that_another_line_has_dropped_is_renewed_and_nothing_is_lost() -> None:
    desk = Desk().log_on()
    first = desk.submit(book())
    desk.say("subscribed", ref=first)
    desk.initiator.grantless = True
    desk.doings()
    desk.submit(new_order())
    desk.submit(book("B"))
    desk.step(0)
    assert desk.is_now(S.RENEWING)
    desk.initiator.grantless = False
    desk.welcome()
    assert desk.doings() == ["auth", "NewOrder", "Subscribe", "Subscribe"]
    assert "RequestRejected" not in desk.kinds()


def test_grants_that_end_as_soon_as_they_are_given_are_not_asked_for_without_pause() -> None:
    desk = Desk().log_on().say("ended").welcome().say("ended").welcome()
    desk.say("ended").say("ended")
    assert desk.is_now(S.READY)
    desk.step(SECOND - 1)
    assert desk.doings() == ["auth", "auth"]
    desk.step(1)
    assert desk.doings() == ["auth"]


def test_a_grant_ended_while_logging_on_is_renewed_right_after() -> None:
    desk = Desk().dial().connect().say("ended").welcome().step(0)
    assert desk.is_now(S.RENEWING)


def test_a_single_use_token_that_comes_after_the_line_is_lost_is_kept() -> None:
    """The answer holds the next token; the one we have is spent."""
    desk = Desk(by_http=True).dial().connect().lose()
    desk.dial().connect()
    assert len(desk.fetched) == 1  # the new life waits for it, and does not spend the old token twice
    desk.give_token("second")
    assert desk.initiator.tokens == ["first", "second"]
    ((_, fetch),) = desk.fetched
    assert fetch.body == b"second"
    desk.give_token("third").welcome()
    assert desk.is_now(S.READY)


def test_a_token_that_comes_after_the_renewal_was_given_up_is_kept() -> None:
    desk = Desk(by_http=True).log_on().step(25 * MINUTE + 11 * SECOND)
    assert len(desk.fetched) == 1
    desk.give_token("late")
    assert desk.initiator.tokens[-1] == "late"
    assert desk.fetched[0][1].body == b"late"


def test_a_line_lost_with_its_token_still_queued_here_asks_afresh() -> None:
    desk = Desk(by_http=True)
    desk.session.dial(desk.now)
    desk.session.connected(desk.now)
    desk.lose()
    desk.log_on()
    assert desk.is_now(S.READY)


def test_commands_before_logon() -> None:
    desk = Desk()
    for arrive in (desk.dial, desk.connect):
        with pytest.raises(errors.NotLoggedOn):
            desk.submit(new_order())
        arrive()
    with pytest.raises(errors.NotLoggedOn):
        desk.submit(new_order())
    assert desk.submit(Subscribe(channel=Channel.TRADES, symbol="S"))
    assert desk.doings() == ["auth"]


def test_a_session_describes_itself() -> None:
    desk = Desk().log_on()
    desk.submit(new_order())
    desk.now += 3 * SECOND
    assert desk.session.describe(desk.now) == {
        "line": "ws",
        "state": "READY",
        "venue_up": True,
        "epoch": 1,
        "grant_seconds_left": 1797,
        "renewals": 0,
        "logon_ms": 0.0,
        "requests_in_flight": 1,
        "subscriptions": 0,
        "seconds_since_received": 3.0,
        "frames_in": 1,
        "bytes_in": desk.session.intake.bytes_in,
        "hangup": None,
    }
    assert desk.session.intake.bytes_in > 0


def test_two_ends_of_one_line_are_one() -> None:
    desk = Desk().log_on().lose()
    desk.news()
    assert desk.session.lost(1006, "again", desk.now) == []
    desk.say("trade")
    assert desk.news() == []
    assert Unanswered not in map(type, desk.told)


def test_the_end_of_a_session_that_was_wanted_says_so() -> None:
    desk = Desk().log_on().lose(requested=True)
    assert desk.news()[-1] == LoggedOut(line="ws", epoch=1, text="cut", requested=True, recv_time=desk.now)
    assert desk.session.next_tick() is None


def test_answers_to_a_flow_do_not_reach_a_refused_session() -> None:
    desk = Desk(by_http=True).dial().connect().lose()
    desk.answer(Answer(403, b"revoked"))
    assert desk.is_now(S.CLOSED)
    assert desk.kinds() == ["LoggedOut"]
