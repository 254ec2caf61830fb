"""Any walk through a session's life: lines that come and go, answers that come, come late or never come.

Whatever happens: no command crosses before the line is ready; no window holds more frames than the venue allows; every
request is answered exactly once, by the venue or by `Unanswered`; and nothing built in one life crosses in another.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.unit.session.toy import MINUTE, SECOND, Desk, book, cancel, cancel_all, change, end_of, new_order

from venuewire import errors
from venuewire.model.session import (
    Command,
    RequestRejected,
    SecurityListRequest,
    Subscribe,
    SubscriptionAccepted,
    SubscriptionRejected,
    Unanswered,
    Unsubscribe,
)
from venuewire.model.terms import Channel
from venuewire.session import SessionState
from venuewire.session.states import LOGGED_ON, UP
from venuewire.venue import Answer, Rate

RATE = Rate(4, SECOND)
OF_THE_LINE = {"auth", "pong", "beat"}


class Walk(RuleBasedStateMachine):
    """A desk, a venue that does as it likes, and a line that breaks."""

    @initialize(by_http=st.booleans())
    def begin(self, by_http: bool) -> None:
        self.desk = Desk(by_http=by_http, sends=RATE, heartbeat_interval=7 * SECOND, liveness=3 * MINUTE)
        self.asked: dict[str, Command] = {}
        self.answers: Counter[str] = Counter()
        self.unanswered: Counter[str] = Counter()
        self.at_venue: list[tuple[str, str]] = []
        self.subscriptions: list[str] = []
        self.seen = 0
        self.frames: list[int] = []

    @property
    def session(self) -> SessionState:
        return self.desk.session.state

    # ------------------------------------------------------------------ the line

    @precondition(lambda self: self.session is SessionState.CLOSED)
    @rule()
    def dial(self) -> None:
        self.desk.dial()

    @precondition(lambda self: self.session is SessionState.DIALLING)
    @rule(connects=st.sampled_from([True, True, True, False]))
    def connect(self, connects: bool) -> None:
        if connects:
            self.desk.connect()
        else:
            self.desk.lose()

    @precondition(lambda self: self.session in UP and self.desk.sent and self.desk.sent[-1]["do"] == "auth")
    @rule(lasts=st.sampled_from([MINUTE, 30 * MINUTE, None]))
    def welcome(self, lasts: int | None) -> None:
        self.desk.welcome(lasts=lasts)

    @precondition(lambda self: self.session in UP)
    @rule()
    def cut(self) -> None:
        self.lose()

    @precondition(lambda self: self.session in LOGGED_ON)
    @rule()
    def grant_is_ended(self) -> None:
        self.desk.say("ended")

    def lose(self, *, requested: bool = False) -> None:
        self.at_venue.clear()
        self.desk.lose(requested=requested)

    # ------------------------------------------------------------------ commands

    @rule(
        command=st.sampled_from(
            [
                *(new_order(), new_order("NONE"), new_order(cl_ord_id="5"), cancel("5"), cancel("6"), change("7")),
                *(cancel_all(), cancel_all("S"), SecurityListRequest(), book(), book("NONE"), book("B")),
                Subscribe(channel=Channel.ORDERS),
            ]
        ),
        timeout=st.sampled_from([None, SECOND, 30 * SECOND]),
    )
    def submit(self, command: Command, timeout: int | None) -> None:
        was = self.session
        try:
            ref = self.desk.submit(command, timeout=timeout)
        except errors.NotLoggedOn:
            assert was not in LOGGED_ON or self.desk.session.hangup is not None
        except errors.LocalProtocolError:
            assert was in LOGGED_ON
            assert getattr(command, "symbol", None) == "NONE"
        else:
            self.asked[ref] = command
            if isinstance(command, Subscribe):
                self.subscriptions.append(ref)

    @precondition(lambda self: self.subscriptions)
    @rule()
    def unsubscribe(self) -> None:
        ref = self.subscriptions.pop()
        try:
            self.asked[self.desk.submit(end_of(ref))] = end_of(ref)
        except errors.LocalProtocolError:
            self.desk.tick()
            self.look_at_the_news()
            assert self.answers[ref] or self.unanswered[ref]  # it was refused

    # ------------------------------------------------------------------ answers

    @precondition(lambda self: self.at_venue and self.session in UP)
    @rule(which=st.integers(0, 20), refuses=st.booleans())
    def answer(self, which: int, refuses: bool) -> None:
        what, ref = self.at_venue.pop(which % len(self.at_venue))
        if what in {"Subscribe", "Unsubscribe"}:
            self.desk.say("not subscribed" if refuses else "subscribed", ref=ref)
        else:
            self.desk.say("refused" if refuses else "report", ref=ref, code="1")

    @precondition(lambda self: self.desk.fetched)
    @rule(answer=st.sampled_from([Answer(200, b"token"), Answer(403), Answer(502), None]))
    def answer_fetch(self, answer: Answer | None) -> None:
        if answer is not None and answer.status == 403 and self.desk.fetched[0][1].path == "/token":
            answer = Answer(503)  # a refused credential ends the walk
        self.desk.answer(answer)

    # ------------------------------------------------------------------ time

    @rule(span=st.sampled_from([SECOND // 10, SECOND, 12 * SECOND, 4 * MINUTE]))
    def step(self, span: int) -> None:
        self.desk.step(span)

    # ------------------------------------------------------------------ what must hold

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "desk"):
            return
        self.look_at_the_wire()
        self.look_at_the_news()
        if self.desk.session.hangup is not None and self.session in {*UP, SessionState.REFUSED}:
            self.lose()
            self.look_at_the_news()

    def look_at_the_wire(self) -> None:
        for frame in self.desk.sent[self.seen :]:
            assert frame["life"] == self.desk.session.epoch == self.desk.initiator.life
            assert frame["do"] in OF_THE_LINE or self.desk.session.logon_ns is not None
            if frame["do"] not in OF_THE_LINE:
                assert frame["do"] == "Subscribe" or not self.unanswered[frame["ref"]]
                self.at_venue.append((frame["do"], frame["ref"]))
            self.frames.append(frame["at"])
            window = [at for at in self.frames[-10:] if frame["at"] - at < RATE.per]
            assert len(window) <= RATE.count
        self.seen = len(self.desk.sent)

    def look_at_the_news(self) -> None:
        told, self.desk.told = self.desk.told, []
        for event in told:
            ref = getattr(event, "ref", None)
            if ref not in self.asked:
                continue
            of_subscribing = isinstance(self.asked[ref], (Subscribe, Unsubscribe))
            if isinstance(event, Unanswered):
                assert event.command.ref == ref
                # A subscription that was answered may be restored later, and that may go unanswered.
                assert of_subscribing or not (self.answers[ref] or self.unanswered[ref])
                self.unanswered[ref] += 1
            elif not of_subscribing or isinstance(event, (SubscriptionAccepted, SubscriptionRejected, RequestRejected)):
                self.answers[ref] += 1

    def teardown(self) -> None:
        if not hasattr(self, "desk"):
            return
        if self.session is not SessionState.REFUSED:
            self.lose(requested=True)
        if self.desk.session.next_tick() is not None:
            self.desk.tick()
        self.look_at_the_news()
        assert {ref for ref in self.asked if not self.answers[ref] and not self.unanswered[ref]} == set()


TestWalks = Walk.TestCase
TestWalks.settings = settings(stateful_step_count=40)
