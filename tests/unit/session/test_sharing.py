"""Lines that share a grant, the venue's clock, its downtime, and numbers that begin again."""

from __future__ import annotations

import msgspec
import pytest
from tests.unit.session.toy import CAPABILITIES, MINUTE, SECOND, START, Desk, ToyInitiator, new_order

from venuewire import errors
from venuewire.model.session import Grant, Secret
from venuewire.session import Session, SessionState
from venuewire.session.intake import Intake
from venuewire.session.logon import renewal_time
from venuewire.session.sequence import RUN, Sequence
from venuewire.venue import Answer, Fetch, Limits


def other_line(desk: Desk) -> Session:
    """Another line of the same seat, up and about to log on."""
    initiator = ToyInitiator(desk.seat, by_http=True)
    session = Session("two", initiator, desk.seat, Limits(), CAPABILITIES)
    session.dial(desk.now)
    session.connected(desk.now)
    return session


def test_a_line_waits_for_the_grant_another_is_fetching() -> None:
    desk = Desk(by_http=True).dial().connect()
    assert len(desk.fetched) == 1
    two = other_line(desk)
    assert two.effects() == []
    assert two.waits_for_grant
    desk.give_token()
    two.tick(desk.now)
    assert not two.waits_for_grant
    assert [type(effect) for effect in two.effects()] == [Fetch]  # the toy shares nothing, and so fetches its own


def test_a_fetch_that_fails_lets_the_next_line_try() -> None:
    desk = Desk(by_http=True).dial().connect()
    two = other_line(desk)
    desk.answer(None, "no route")
    two.tick(desk.now)
    assert [type(effect) for effect in two.effects()] == [Fetch]


def test_a_line_that_is_lost_while_it_waits_leaves_nothing_behind() -> None:
    desk = Desk(by_http=True).dial().connect()
    two = other_line(desk)
    two.lost(1006, "cut", desk.now)
    desk.give_token()
    two.tick(desk.now)
    assert two.effects() == []


def test_a_fetch_of_a_lost_line_is_still_waited_for() -> None:
    desk = Desk(by_http=True).dial().connect()
    desk.lose()
    two = other_line(desk)
    assert two.waits_for_grant
    desk.answer(Answer(200, b"late"))
    two.tick(desk.now)
    assert not two.waits_for_grant


def test_an_ended_grant_is_thrown_away_for_all() -> None:
    desk = Desk().log_on()
    desk.seat.grant = desk.session._grant
    assert desk.seat.grant is not None
    desk.say("ended")
    assert desk.seat.grant is None


def test_a_newer_grant_of_another_line_is_not_thrown_away() -> None:
    desk = Desk().log_on()
    newer = desk.seat.grant = Grant(Secret("newer"), desk.now, None)
    desk.say("ended")
    assert desk.seat.grant is newer


def test_renewal_allows_for_a_venue_whose_clock_is_ahead() -> None:
    grant = Grant(Secret(""), START, START + 30 * MINUTE)
    usual = renewal_time(grant, START)
    early = renewal_time(grant, START, ahead=90 * SECOND)
    assert usual is not None
    assert early is not None
    assert usual - early == 90 * SECOND


def test_numbers_that_begin_again_are_told_from_late_ones() -> None:
    sequence = Sequence(Intake())
    for number in range(100):
        assert sequence.passes(number)
    for number in (3, 7, 7, 9, 20):
        assert not sequence.passes(number)
    assert not sequence.began_again
    for number in range(RUN):
        assert not sequence.passes(number)
    assert sequence.began_again
    sequence.restart()
    assert sequence.passes(0)


def test_an_unanswered_request_says_whether_its_time_was_over() -> None:
    desk = Desk().log_on()
    desk.submit(new_order())
    desk.step(11 * SECOND)
    (timed,) = [event for event in desk.news() if type(event).__name__ == "Unanswered"]
    assert msgspec.structs.asdict(timed)["timed_out"]
    desk.submit(new_order())
    desk.lose()
    (cut,) = [event for event in desk.news() if type(event).__name__ == "Unanswered"]
    assert not msgspec.structs.asdict(cut)["timed_out"]


def test_a_refusal_may_be_final_or_not_by_the_venues_own_codes() -> None:
    for final, state in ((True, SessionState.REFUSED), (False, SessionState.CLOSED)):
        desk = Desk().dial()
        desk.session.refused("14", "signature", desk.now, final=final)
        assert desk.is_now(state)


def test_orders_are_refused_here_while_the_venue_is_down() -> None:
    desk = Desk().log_on()
    desk.session.venue_up = False
    with pytest.raises(errors.VenueDown, match="cannot trade"):
        desk.submit(new_order())
    desk.session.venue_answers()
    assert desk.submit(new_order())
