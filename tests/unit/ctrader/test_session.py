"""The venue under the shared session: the grant ends, and nothing that was subscribed is lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import replace
from tests.unit.ctrader.ends import SECOND, Sandbox, counted_hex

from venuewire.book.keeper import BookKeeper
from venuewire.model.market import BookSnapshot, BookUpdate, Quote
from venuewire.model.orders import NewOrder
from venuewire.model.session import (
    Degraded,
    LoggedOn,
    LoggedOut,
    Renewed,
    SecurityList,
    SecurityListRequest,
    Subscribe,
    Unanswered,
)
from venuewire.model.terms import Channel, OrdStatus, OrdType, Side, Trust
from venuewire.session.session import Session
from venuewire.venue import ExpireGrants, Seat, Send
from venuewire.venues.ctrader import VENUE
from venuewire.venues.ctrader.credentials import credentials_from


class Desk:
    """A session on a line of the sandbox, and a clock both share."""

    def __init__(self, *, ends_in: int | None = None) -> None:
        self.sandbox = Sandbox()
        self._number = 1_000
        credentials = credentials_from(self.sandbox.stage.credentials)
        if ends_in is not None:
            credentials = replace(credentials, expiresAt=self.sandbox.now // SECOND + ends_in)
        self.seat = Seat(credentials, unique=self._unique, random_hex=counted_hex())
        initiator = VENUE.initiator("ws", self.seat)
        self.session = Session("ws", initiator, self.seat, VENUE.limits, VENUE.capabilities)
        self.keeper = BookKeeper("EURUSD", 5, 2)
        self.told: list[Any] = []
        self.session.dial(self.sandbox.now)
        self.line = self.sandbox.line()
        self.session.connected(self.sandbox.now)
        self.carry()
        listed = self.ask(SecurityListRequest())
        assert isinstance(listed, SecurityList)
        self.seat.know(listed.instruments)

    def _unique(self) -> int:
        self._number += 1
        return self._number

    def ask(self, command: Any) -> Any:
        ref = self.session.submit(command, self.sandbox.now)
        self.carry()
        self.take(self.session.tick(self.sandbox.now))
        return next(event for event in self.told if getattr(event, "ref", None) == ref)

    def take(self, told: list[Any]) -> None:
        self.told += told
        for event in told:
            if isinstance(event, (BookSnapshot, BookUpdate)):
                self.keeper.apply(event)

    def carry(self) -> None:
        while (effects := self.session.effects()) or self.line.raw:
            for effect in effects:
                assert isinstance(effect, Send)
                self.line.send(effect.payload)
            while self.line.raw:
                self.take(self.session.received(self.line.raw.pop(0), self.sandbox.now))

    def step(self, seconds: int) -> None:
        for _ in range(seconds):
            self.sandbox.now += SECOND
            due = self.line.acceptor.next_tick()
            if due is not None and due <= self.sandbox.now:
                self.line.take(self.line.acceptor.tick(self.sandbox.now))
            self.carry()
            self.take(self.session.tick(self.sandbox.now))
            self.carry()

    def count(self, kind: type) -> int:
        return sum(isinstance(event, kind) for event in self.told)


def watching(desk: Desk) -> None:
    desk.ask(Subscribe(channel=Channel.BOOK, symbol="EURUSD"))
    desk.ask(Subscribe(channel=Channel.QUOTES, symbol="EURUSD"))
    desk.sandbox.others(Side.BUY, "5000", "1.14")
    desk.carry()
    assert desk.keeper.trust is Trust.LIVE


def still_watching(desk: Desk, price: str) -> None:
    before = desk.count(Quote)
    desk.sandbox.others(Side.BUY, "1000", price)
    desk.carry()
    assert desk.keeper.trust is Trust.LIVE
    assert desk.keeper.book.bid == int(Decimal(price) * 100_000)
    assert desk.count(Quote) == before + 1


def test_a_grant_that_ends_is_renewed_on_the_living_line() -> None:
    desk = Desk(ends_in=900)
    watching(desk)
    refused = 0
    for minute in range(20):
        desk.step(60)
        still_watching(desk, f"1.14{minute + 10}")
        order = NewOrder(
            symbol="EURUSD", side=Side.BUY, ord_type=OrdType.LIMIT, order_qty=1000, price="1.1", cl_ord_id=str(minute)
        )
        refused += desk.ask(order).ord_status is OrdStatus.REJECTED
    assert (desk.count(Renewed), desk.count(LoggedOn), desk.session.epoch, refused) == (1, 1, 1, 0)
    assert desk.count(LoggedOut) == desk.count(Unanswered) == desk.count(Degraded) == 0
    assert desk.line.close is None


def test_a_token_that_the_venue_ends_is_exchanged_at_once() -> None:
    desk = Desk()
    watching(desk)
    desk.sandbox.host.afflict(ExpireGrants(), desk.sandbox.now)
    desk.step(1)
    assert (desk.count(Renewed), desk.session.epoch) == (1, 1)
    still_watching(desk, "1.1411")


def test_an_idle_session_stays_alive_by_its_heartbeats() -> None:
    desk = Desk()
    desk.step(300)
    assert desk.line.close is None
    assert desk.session.hangup is None
