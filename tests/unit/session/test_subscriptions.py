"""Subscriptions: remembered, restored on each new line with their own ref, forgotten when they end."""

import pytest
from tests.unit.session.toy import MINUTE, SECOND, Desk, book, end_of

from venuewire import errors
from venuewire.model.session import SubscriptionAccepted, Unanswered
from venuewire.venue import Rate


def subscribed(desk: Desk) -> list[str]:
    """Refs subscribed to on the wire since the last look, in order."""
    refs = [frame["ref"] for frame in desk.sent if frame["do"] == "Subscribe"]
    desk.sent.clear()
    return refs


def test_a_subscription_made_early_waits_for_the_logon() -> None:
    desk = Desk()
    refs = [desk.submit(book("A")), desk.submit(book("B"))]
    desk.dial().connect().step(9 * SECOND)
    assert subscribed(desk) == []
    desk.sent.append({"do": "auth", "ref": f"auth-{desk.now - 9 * SECOND}"})
    desk.welcome()
    assert subscribed(desk) == refs
    # Its deadline counts from its sending.
    desk.step(9 * SECOND)
    assert "Unanswered" not in desk.kinds()


def test_subscriptions_are_restored_in_order_with_their_refs() -> None:
    desk = Desk().log_on()
    refs = [desk.submit(book(symbol)) for symbol in "ABC"]
    for ref in refs:
        desk.say("subscribed", ref=ref)
    subscribed(desk)
    for _ in range(3):
        desk.lose().log_on()
        assert subscribed(desk) == refs
        for ref in refs:
            desk.say("subscribed", ref=ref)
    assert "Unanswered" not in desk.kinds()


def test_a_subscription_in_flight_when_the_line_ends_is_sent_again_and_answered_once() -> None:
    desk = Desk().log_on()
    ref = desk.submit(book())
    desk.lose().log_on()
    assert subscribed(desk) == [ref, ref]
    desk.say("subscribed", ref=ref).step(MINUTE)
    assert desk.kinds() == ["LoggedOn", "LoggedOut", "LoggedOn", "SubscriptionAccepted"]


def test_a_subscription_in_flight_when_we_leave_is_told() -> None:
    desk = Desk().log_on()
    ref = desk.submit(book())
    desk.lose(requested=True)
    assert [event.ref for event in desk.news() if isinstance(event, Unanswered)] == [ref]


def test_a_restored_subscription_without_an_answer_is_told() -> None:
    desk = Desk().log_on()
    ref = desk.submit(book())
    desk.say("subscribed", ref=ref).lose().log_on().news()
    desk.step(10 * SECOND)
    assert [event.ref for event in desk.news() if isinstance(event, Unanswered)] == [ref]


def test_what_the_venue_refuses_is_not_restored() -> None:
    desk = Desk().log_on()
    desk.say("not subscribed", ref=desk.submit(book())).lose()
    subscribed(desk)
    desk.log_on()
    assert subscribed(desk) == []


def test_what_was_ended_is_not_restored() -> None:
    desk = Desk().log_on()
    ref = desk.submit(book())
    desk.say("subscribed", ref=ref)
    ended = desk.submit(end_of(ref))
    assert desk.sent[-1]["do"] == "Unsubscribe"
    desk.say("subscribed", ref=ended).lose()
    subscribed(desk)
    desk.log_on()
    assert subscribed(desk) == []
    assert "Unanswered" not in desk.kinds()


def test_what_was_never_subscribed_cannot_be_ended() -> None:
    desk = Desk().log_on()
    with pytest.raises(errors.LocalProtocolError, match="no subscription 42"):
        desk.submit(end_of("42"))
    ref = desk.submit(book())
    desk.submit(end_of(ref))
    with pytest.raises(errors.LocalProtocolError, match=f"no subscription {ref}"):
        desk.submit(end_of(ref))


def test_ending_what_was_not_sent_yet_needs_no_frame() -> None:
    desk = Desk()
    ref = desk.submit(book())
    ended = desk.submit(end_of(ref))
    first, second = desk.news()
    assert isinstance(first, Unanswered)
    assert (first.ref, first.sent) == (ref, False)
    assert second == SubscriptionAccepted(ref=ended)
    desk.log_on()
    assert subscribed(desk) == []


def test_ending_what_waits_for_its_turn_takes_it_out() -> None:
    desk = Desk(sends=Rate(2, MINUTE)).log_on()
    desk.submit(book("A"))
    ref = desk.submit(book("B"))
    desk.news()
    desk.submit(end_of(ref, "B"))
    assert desk.kinds() == ["Unanswered", "SubscriptionAccepted"]
    desk.step(2 * MINUTE)
    assert "Unsubscribe" not in desk.doings()


def test_a_line_holds_no_more_than_the_venue_allows() -> None:
    desk = Desk(subscriptions=2).log_on()
    ref = desk.submit(book("A"))
    desk.submit(book("B"))
    with pytest.raises(errors.LocalProtocolError, match="2 subscriptions already"):
        desk.submit(book("C"))
    desk.submit(end_of(ref, "A"))
    desk.submit(book("C"))


def test_one_that_cannot_be_restored_is_told_and_forgotten() -> None:
    desk = Desk()
    ref = desk.submit(book("NONE"))
    desk.log_on()
    told = desk.news()
    assert [type(event).__name__ for event in told] == ["LoggedOn", "RequestRejected"]
    assert getattr(told[1], "ref", "") == ref
    desk.lose().log_on()
    assert "RequestRejected" not in desk.kinds()


def test_one_made_while_the_grant_is_renewed_is_sent_once() -> None:
    desk = Desk().log_on().say("ended")
    ref = desk.submit(book())
    assert subscribed(desk) == []
    desk.sent.append({"do": "auth", "ref": f"auth-{desk.now}"})
    desk.welcome()
    assert subscribed(desk) == [ref]


def test_an_unanswered_one_names_the_life_it_was_sent_in() -> None:
    desk = Desk()
    desk.submit(book())
    desk.log_on().step(10 * SECOND)
    assert [(event.epoch, event.sent) for event in desk.news() if isinstance(event, Unanswered)] == [(1, True)]
