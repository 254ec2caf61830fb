"""Logging on: accepted, refused, too slow, renewed before its end, and again after a cut."""

from __future__ import annotations

import msgspec
import pytest
from tests.conformance.pair import Pair

from venuewire.model.session import LoggedOn, LogonRejected, Renewed, Secret, Subscribe
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Trust
from venuewire.session.states import SessionState
from venuewire.venue import Venue


def test_every_line_logs_on(pair: Pair) -> None:
    assert pair.ready()
    assert [event.line for event in pair.told if isinstance(event, LoggedOn)] == list(pair.venue.lines)


def spoilt(venue: Venue, pair: Pair) -> None:
    """Change one character of each secret."""
    changes = {}
    for field in msgspec.structs.fields(pair.credentials):
        value = getattr(pair.credentials, field.name)
        if isinstance(value, Secret) and value:
            text = value.reveal()
            place = len(text) // 2
            changes[field.name] = Secret(text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :])
    pair.seat.credentials = msgspec.structs.replace(pair.credentials, **changes)


def test_wrong_credentials_are_refused_and_not_tried_again(venue: Venue) -> None:
    pair = Pair(venue)
    spoilt(venue, pair)
    pair.log_on()
    pair.step(1)
    refusals = [event for event in pair.told if isinstance(event, LogonRejected)]
    assert refusals, pair.told
    assert SessionState.REFUSED in {wire.session.state for wire in pair.wires.values()}
    assert not any(isinstance(event, LoggedOn) and event.line == refusals[0].line for event in pair.told)


def test_a_venue_that_says_nothing_is_given_up(venue: Venue) -> None:
    pair = Pair(venue)
    line = next(iter(pair.wires))
    wire = pair.wires[line]
    wire.session.dial(pair.now)
    wire.session.connected(pair.now)
    wire.session.effects()  # whatever it wants to say is lost
    deadline = pair.now + 2 * venue.limits.answer
    while wire.session.hangup is None and pair.now < deadline:
        pair.now = max(pair.now + 1, wire.session.next_tick() or deadline)
        wire.session.tick(pair.now)
        wire.session.effects()
    if wire.session.state is not SessionState.READY:  # a venue may need no words at all to log on
        assert wire.session.hangup is not None


def test_grants_are_renewed_before_they_end_and_nothing_is_lost(pair: Pair) -> None:
    symbol = pair.venue.default_symbol
    keeper = pair.watch(symbol)
    ends = [wire.session.grant_expires_at for wire in pair.wires.values()]
    if not any(ends):
        pytest.skip(f"{pair.venue.title}: no line has a grant that ends")
    for _ in range(26):
        pair.step(300)
        assert all(wire.session.state is SessionState.READY for wire in pair.wires.values())
        for wire in pair.wires.values():
            end = wire.session.grant_expires_at
            assert end is None or end > pair.now
    renewed = {event.line for event in pair.told if isinstance(event, Renewed)}
    soon = {
        line
        for line, wire in pair.wires.items()
        if (wire.session.grant_expires_at or 0) < pair.now + 7200 * NANOS_PER_SECOND
    }
    with_end = {line for line, wire in pair.wires.items() if wire.session.grant_expires_at}
    assert renewed >= (with_end & soon)
    assert [event.epoch for event in pair.told if isinstance(event, LoggedOn)] == [1] * len(pair.wires)
    assert keeper.trust is Trust.LIVE


def test_a_cut_line_comes_back_with_its_subscriptions(pair: Pair) -> None:
    symbol = pair.venue.default_symbol
    keeper = pair.watch(symbol)
    assert pair.trust(symbol) is Trust.LIVE
    line = pair.venue.route(Subscribe(channel=Channel.BOOK, symbol=symbol))
    pair.cut(line)
    assert pair.trust(symbol) is Trust.STALE
    pair.step(1)
    pair.log_on()
    assert pair.ready()
    pair.step(1)
    assert keeper.trust is Trust.LIVE
    assert pair.wires[line].session.epoch == 2
