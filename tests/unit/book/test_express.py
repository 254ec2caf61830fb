"""The express: what it takes comes out as it would have the ordinary way; what it does not take, it leaves alone."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from venuewire.book import BookKeeper, keeper, twins
from venuewire.codec import Mark, Spelling, encode, spelled_time
from venuewire.errors import RemoteProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.market import BookSnapshot, BookUpdate
from venuewire.model.session import Event
from venuewire.model.terms import NANOS_PER_SECOND, Nanos, Trust
from venuewire.session.intake import Intake
from venuewire.venue import Seat, Send
from venuewire.venues import find

NOW: Nanos = 1_790_000_000 * NANOS_PER_SECOND  # 2026-09-21T14:13:20Z
SYMBOLS = ("BTC-USD", "ETH-USD")
Row = tuple[str, str, str]


def frame(
    seq: int, rows: Sequence[Row], *, kind: str = "update", product: str = "BTC-USD", time: str = "2026-09-21T14:13:20Z"
) -> bytes:
    told = ",".join(
        f'{{"side":"{side}","event_time":"{time}","price_level":"{price}","new_quantity":"{size}"}}'
        for side, price, size in rows
    )
    return (
        f'{{"channel":"l2_data","client_id":"","timestamp":"2026-09-21T14:13:20.5Z","sequence_num":{seq},'
        f'"events":[{{"type":"{kind}","product_id":"{product}","updates":[{told}]}}]}}'
    ).encode()


SNAPSHOT = [("bid", "100.00", "1"), ("bid", "99.00", "2"), ("offer", "101.00", "1"), ("offer", "102.00", "2.5")]


@cache
def credentials() -> Any:
    venue = find("coinbase")
    return venue.credentials_from(venue.stage(lambda digits: "0" * digits, NOW).credentials)


def seat() -> Seat:
    numbers = count()
    made = Seat(credentials(), unique=lambda: next(numbers), random_hex=lambda digits: "0" * digits)
    cent, lot = Decimal("0.01"), Decimal("0.00000001")
    made.know(
        [
            Instrument(
                symbol=symbol,
                security_id=symbol,
                base=symbol[:3],
                currency="USD",
                min_price_increment=cent,
                min_qty_increment=lot,
                min_trade_vol=lot,
            )
            for symbol in SYMBOLS
        ]
    )
    return made


class Line:
    """Our end of a market line: with its express, or without."""

    def __init__(self, twin: str, *, express: bool = True, numbered: bool = True) -> None:
        venue, place = find("coinbase"), seat()
        self.initiator = venue.initiator("ws", place)
        self.intake: Any = twins.intake() if twin == "native" else Intake()
        self.keepers = {symbol: BookKeeper(symbol, 2, 8) for symbol in SYMBOLS}
        self.told: list[BookUpdate] = []
        self.doubts: list[tuple[Nanos, Nanos, str]] = []
        assert venue.express is not None
        plan = venue.express("ws", place, self.initiator)
        assert plan is not None
        self.books = {plan.key(symbol): kept.book for symbol, kept in self.keepers.items()}
        for kept in self.keepers.values():
            kept.book.told = self.told.append
            kept.book.unsound = self._doubt(kept)
        self._take = (
            twins.express(plan, self.intake, self.books, numbered=numbered, max_lag=keeper.MAX_LAG).take
            if express
            else lambda payload, now: False
        )
        self.intake.open = True

    def _doubt(self, kept: BookKeeper) -> Any:
        def unsound(time: Nanos, now: Nanos, damage: str) -> bool:
            self.doubts.append((time, now, damage))
            return kept.settle(time, now, damage)

        return unsound

    def express(self, payload: bytes, now: Nanos = NOW) -> bool:
        return self._take(payload, now)

    def take(self, payload: bytes, now: Nanos = NOW) -> bool:
        """As a connection does; True when it went by express."""
        if self._take(payload, now):
            return True
        try:
            envelope = self.initiator.open(payload)
            if envelope.seq == self.intake.expected:
                self.intake.expected += 1
                self._apply(self.initiator.receive(envelope, now))
        except RemoteProtocolError as error:
            for kept in self.keepers.values():
                kept.suspect(str(error), now)
        return False

    def _apply(self, events: Sequence[Event | Send]) -> None:
        for event in events:
            kept = self.keepers.get(getattr(event, "symbol", ""))
            if kept is not None and kept.apply(event) and isinstance(event, BookUpdate):  # type: ignore[arg-type]
                self.told.append(event)

    def trust(self, symbol: str = "BTC-USD") -> Trust:
        return self.keepers[symbol].trust

    def state(self) -> Any:
        return self.intake.expected, {
            symbol: (
                kept.trust,
                kept.book.as_dict(),
                kept.book.best_bid,
                kept.book.best_ask,
                kept.updates,
                kept.last_good,
                kept.book.transact_time,
                kept.book.least_lag,
            )
            for symbol, kept in self.keepers.items()
        }


@pytest.fixture
def line(twin: str) -> Line:
    """Both books LIVE, one update each."""
    made = Line(twin)
    begin(made)
    return made


def begin(line: Line) -> None:
    for seq, (symbol, kind) in enumerate((symbol, kind) for kind in ("snapshot", "update") for symbol in SYMBOLS):
        line.take(frame(seq, SNAPSHOT, kind=kind, product=symbol))
    line.told.clear()
    line.doubts.clear()


def test_a_plain_update_goes_by_express_and_is_told(line: Line) -> None:
    before = line.intake.frames_in, line.intake.bytes_in
    payload = frame(4, [("bid", "100.50", "3"), ("offer", "101", "0")], time="2026-09-21T14:13:19.25Z")
    assert line.express(payload, NOW)
    book = line.keepers["BTC-USD"].book
    assert (book.bid, book.ask) == (10050, 10200)
    assert str(book.best_bid) == "3 at 100.5"
    assert line.intake.frames_in == before[0] + 1
    assert line.intake.bytes_in == before[1] + len(payload)
    assert (line.intake.expected, line.intake.last_received) == (5, NOW)
    assert (book.updates, book.last_good, book.transact_time) == (3, NOW, NOW - 750_000_000)
    (event,) = line.told
    other = Line("pure", express=False)
    begin(other)
    other.take(payload, NOW)
    assert event == other.told[-1]
    assert (event.body, event.recv_time, event.transact_time) == (
        other.told[-1].body,
        NOW,
        other.told[-1].transact_time,
    )


@pytest.mark.parametrize(
    "payload",
    [
        frame(5, [("bid", "100.50", "3")]),
        frame(3, [("bid", "100.50", "3")]),
        frame(4, [("bid", "100.50", "3")], product="SOL-USD"),
        frame(4, [("bid", "100.50", "3")], kind="snapshot"),
        frame(4, [("bid", "100.505", "3")]),
        frame(4, [("bid", "-1", "3")]),
        frame(4, [("ask", "100.50", "3")]),
        frame(4, [("bid", "100.50", "1e3")]),
        frame(4, [("bid", "100.50", "3")], time="2026-09-21 14:13:20"),
        *(
            frame(4, [("bid", "100.50", "3")], time=time)
            for time in (
                *("2026-02-30T14:13:20Z", "2026-09-21T14:13:60Z", "2026-09-21T24:13:20Z", "1969-12-31T23:59:59Z"),
                *("2026-09-21T14:13:20", "2026-09-21T14:13:20.Z", "2026-09-21T14:13:20.1234567890Z", "", "Z"),
                *("2026-09-21-14:13:20Z", "2026-09-21T14:13-20Z", "20260921T141320-07Z", "2026-09-21T14:13:20ZZ"),
                *("2026-09-21T14:13:20+00:00", "2026-09-21T14:13:2\u0660Z", "2026-09-21t14:13:20Z", "T" * 19 + "Z"),
            )
        ),
        frame(4, [("bid", "100.50", "3")]) + b" ",
        frame(4, [("bid", "100.50", "3")])[:-1],
        frame(4, [("bid", "100.50", "3")]).replace(b'"events":[', b'"events": ['),
        frame(4, []),
        b"",
        b"{}",
        b'{"channel":"heartbeats"}',
    ],
)
def test_anything_else_is_left_alone(line: Line, payload: bytes) -> None:
    before = line.state()
    assert not line.express(payload)
    assert line.state() == before
    assert line.told == line.doubts == []


def test_nothing_goes_by_express_while_the_line_or_the_book_is_not_what_it_should_be(line: Line) -> None:
    payload = frame(4, [("bid", "100.50", "3")])
    line.intake.open = False
    assert not line.express(payload)
    line.intake.open = True
    kept = line.keepers["BTC-USD"]
    kept.suspect("a test", NOW)
    assert not line.express(payload)
    kept.resyncing(NOW)
    assert not line.express(payload)
    assert line.take(frame(4, SNAPSHOT, kind="snapshot")) is False
    assert line.express(frame(5, [("bid", "100.50", "3")]))


def test_a_crossed_book_is_not_told_and_not_live(line: Line) -> None:
    assert line.express(frame(4, [("bid", "101.50", "3")]))
    kept = line.keepers["BTC-USD"]
    assert line.trust() is Trust.SUSPECT
    assert not kept.book.live
    assert "not below the best ask" in kept.cause
    assert line.told == []
    assert line.trust("ETH-USD") is Trust.LIVE


def test_what_comes_late_is_kept_but_not_live_until_it_is_young_again(line: Line) -> None:
    kept = line.keepers["BTC-USD"]
    late = NOW + 10 * NANOS_PER_SECOND
    assert line.express(frame(4, [("bid", "100.50", "3")]), late)
    assert line.trust() is Trust.STALE
    assert kept.book.bid == 10050
    assert not line.take(frame(5, [("bid", "100.60", "3")]), late)
    assert line.told == []
    assert not line.take(frame(6, [("bid", "100.70", "3")], time="2026-09-21T14:13:30Z"), late)
    assert line.trust() is Trust.LIVE
    assert line.express(frame(7, [("bid", "100.80", "3")], time="2026-09-21T14:13:30Z"), late)


def test_a_quicker_update_is_the_new_measure(line: Line) -> None:
    kept = line.keepers["BTC-USD"]
    assert line.express(frame(4, [("bid", "100.50", "3")], time="2026-09-21T14:13:20.5Z"), NOW)
    assert kept.book.least_lag == -500_000_000
    assert line.doubts == [(NOW + 500_000_000, NOW, "")]
    assert len(line.told) == 1


def test_without_a_listener_no_event_is_made_and_all_is_kept(line: Line) -> None:
    for kept in line.keepers.values():
        kept.book.told = None
    assert line.express(frame(4, [("bid", "100.50", "3")]))
    assert line.keepers["BTC-USD"].book.bid == 10050
    assert line.told == []


def test_what_a_listener_raises_is_raised(line: Line) -> None:
    def raises(_: BookUpdate) -> None:
        raise ZeroDivisionError

    line.keepers["BTC-USD"].book.told = raises
    with pytest.raises(ZeroDivisionError):
        line.express(frame(4, [("bid", "100.50", "3")]))
    assert line.keepers["BTC-USD"].book.bid == 10050
    assert line.intake.expected == 5


def test_a_book_is_cut_to_its_depth(line: Line) -> None:
    line.keepers["BTC-USD"].book.depth = 2
    assert line.express(frame(4, [("bid", "100.50", "3"), ("bid", "100.60", "3")]))
    assert len(line.keepers["BTC-USD"].book) == 4
    assert line.keepers["BTC-USD"].book.bids.top() == [(10060, 3 * 10**8), (10050, 3 * 10**8)]


def test_a_book_that_has_outgrown_64_bits_goes_the_ordinary_way(twin: str, line: Line) -> None:
    native = twin == "native"
    assert line.take(frame(4, [("bid", "0.01", "9" * 20)])) is not native
    assert line.take(frame(5, [("bid", "100.50", "3")])) is not native
    assert line.keepers["BTC-USD"].book.bid == 10050


PRICES = st.integers(9_000, 11_000).map(lambda cents: f"{cents / 100:.2f}")
ROWS = st.lists(
    st.tuples(st.sampled_from(["bid", "offer"]), PRICES, st.sampled_from(["0", "1", "0.00000001", "12.5"])),
    min_size=1,
    max_size=4,
)
TIMES = st.sampled_from(["2026-09-21T14:13:20Z", "2026-09-21T14:13:15.123456Z", "2026-09-21T14:13:21.9Z"])
FRAMES = st.lists(st.tuples(ROWS, st.sampled_from(SYMBOLS), TIMES, st.integers(0, 5)), max_size=8)


@settings(max_examples=60, deadline=None)
@given(FRAMES)
def test_by_express_or_not_comes_to_the_same(twin: str, frames: list[Any]) -> None:
    quick, slow = Line(twin), Line(twin, express=False)
    for one in (quick, slow):
        begin(one)
    for number, (rows, symbol, time, seconds) in enumerate(frames):
        payload = frame(4 + number, rows, product=symbol, time=time)
        for one in (quick, slow):
            one.take(payload, NOW + seconds * NANOS_PER_SECOND)
        assert quick.state() == slow.state()
        assert quick.told == slow.told


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 400), st.binary(min_size=1, max_size=2), st.integers(0, 2))
def test_a_damaged_frame_is_read_as_the_ordinary_way_reads_it_or_not_at_all(
    twin: str, place: int, instead: bytes, lost: int
) -> None:
    whole = frame(4, [("bid", "100.50", "3"), ("offer", "101.00", "0")])
    place %= len(whole)
    payload = whole[:place] + instead + whole[place + lost :]
    quick, slow = Line(twin), Line(twin, express=False)
    for one in (quick, slow):
        begin(one)
    if quick.express(payload):
        slow.take(payload)
        assert quick.state() == slow.state()


def test_a_part_that_may_be_absent_begins_with_fixed_bytes() -> None:
    with pytest.raises(ValueError, match="fixed bytes"):
        Spelling(b"{", (Mark.TEXT, b","), tail=b"}")


@given(st.integers(0, 4_000_000_000 * NANOS_PER_SECOND), st.integers(0, 9))
def test_a_spelled_time_is_read_to_the_nanosecond(moment: Nanos, digits: int) -> None:
    moment -= moment % 10 ** (9 - digits)
    seconds, nanos = divmod(moment, NANOS_PER_SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    if digits:
        text += f".{nanos:09d}"[: digits + 1]
    found = Spelling(b'{"at":"', Mark.TIME, tail=b'"}').match(f'{{"at":"{text}Z"}}'.encode())
    assert found is not None
    assert (spelled_time(found), found["time"]) == (moment, f"{text}Z".encode())


def test_the_member_nobody_uses_may_be_absent(line: Line) -> None:
    assert line.express(frame(4, [("bid", "100.50", "3")]).replace(b'"client_id":"",', b""))


CHANGES = st.lists(
    st.tuples(st.sampled_from(["+", "M", "-", "~"]), st.integers(0, 60), st.integers(0, 5)), max_size=4
).map(lambda rows: [list(row) for row in rows])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(CHANGES, CHANGES), max_size=5))
def test_increments_at_finery_come_to_the_same(twin: str, messages: list[Any]) -> None:
    venue, place = find("finery"), seat()
    assert venue.express is not None
    initiator = venue.initiator("ws", place)
    plan = venue.express("ws", place, initiator)
    assert plan is not None
    intake: Any = twins.intake() if twin == "native" else Intake()
    intake.open = True
    quick, slow = (BookKeeper("BTC-USD", 8, 8, depth=25) for _ in range(2))
    books = {plan.key("BTC-USD"): quick.book}
    take = twins.express(plan, intake, books, numbered=False, max_lag=keeper.MAX_LAG).take
    quick.book.unsound = quick.settle

    def ordinary(payload: bytes, *keepers: BookKeeper) -> None:
        for event in initiator.receive(initiator.open(payload), NOW):
            for kept in keepers:
                if isinstance(event, (BookSnapshot, BookUpdate)):
                    kept.apply(event)

    ordinary(b'["F","BTC-USD","S",[[[30,1],[29,2]],[[31,1],[33,2]]]]', quick, slow)
    for bids, asks in messages:
        payload = encode(["F", "BTC-USD", "M", [bids, asks]])
        if not take(payload, NOW):
            ordinary(payload, quick)
        ordinary(payload, slow)
        assert (quick.trust, quick.book.as_dict(), quick.updates) == (slow.trust, slow.book.as_dict(), slow.updates)
