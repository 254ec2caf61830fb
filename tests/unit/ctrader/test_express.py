"""Depth events by express: they come out as they would the ordinary way, over the same table; or are left alone."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.book.conftest import serving
from tests.unit.ctrader.ends import Client, Sandbox

from venuewire.book import BookKeeper, keeper, twins
from venuewire.errors import RemoteProtocolError
from venuewire.model.market import BookSnapshot, BookUpdate
from venuewire.model.quotes import QuoteTable
from venuewire.model.session import Event, Subscribe, SubscriptionAccepted, Unsubscribe
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Nanos, Side, Trust
from venuewire.session.intake import Intake
from venuewire.venue import Send
from venuewire.venues.ctrader import VENUE

NOW: Nanos = 1_790_000_000 * NANOS_PER_SECOND
SYMBOLS = {"EURUSD": 1, "GBPUSD": 2}
ACCOUNT = 1000001
Quote = dict[str, Any]


def bid(quote_id: int, price: int, size: int) -> Quote:
    return {"id": quote_id, "size": size, "bid": price}


def ask(quote_id: int, price: int, size: int) -> Quote:
    return {"id": quote_id, "size": size, "ask": price}


def frame(*new: Quote, gone: Iterable[int] = (), symbol: int = 1, **more: Any) -> bytes:
    """As the venue spells it."""
    body: dict[str, Any] = {"ctidTraderAccountId": ACCOUNT, "symbolId": symbol}
    if new:
        body["newQuotes"] = new
    if ids := list(gone):
        body["deletedQuotes"] = ids
    return json.dumps({"payloadType": 2155, "payload": body | more}, separators=(",", ":")).encode()


WHOLE = frame(bid(1, 100, 5), bid(2, 99, 7), ask(3, 102, 4), ask(4, 103, 9), bid(5, 100, 2))


@pytest.fixture(params=["pure", "native"], scope="module", autouse=True)
def twin(request: pytest.FixtureRequest) -> Iterator[str]:
    """Which twin of ladders, tables and express serves."""
    with serving(request.param) as name:
        yield name


class Line:
    """Our end of the line, logged on, with a book of each symbol: with its express, or without."""

    def __init__(self, twin: str, *, express: bool = True) -> None:
        native = twin == "native"
        self.client = Client(Sandbox(), quote_table=twins.quote_table if native else QuoteTable).start()
        self.initiator, seat = self.client.initiator, self.client.seat
        self.intake: Any = twins.intake() if native else Intake()
        self.keepers = {symbol: BookKeeper(symbol, 5, 2) for symbol in SYMBOLS}
        self.told: list[BookUpdate] = []
        for kept in self.keepers.values():
            kept.book.told = self.told.append
            kept.book.unsound = kept.settle
        assert VENUE.express is not None
        plan = VENUE.express("ws", seat, self.initiator)
        assert plan is not None
        self.books = {plan.key(symbol): kept.book for symbol, kept in self.keepers.items()}
        assert set(self.books) == {b"1", b"2"}
        whole = twins.express(plan, self.intake, self.books, numbered=False, max_lag=keeper.MAX_LAG).take
        self._take = whole if express else lambda payload, now: False
        self.intake.open = True
        self.refs = {symbol: self.subscribe(symbol) for symbol in SYMBOLS}

    def subscribe(self, symbol: str) -> str:
        """Anew; the sandbox's own book of it is empty."""
        self.client.sandbox.now += NANOS_PER_SECOND  # it takes so many requests a second
        ref = self.client.seat.unique()
        events = self.client.submit(Subscribe(channel=Channel.BOOK, symbol=symbol, ref=str(ref)))
        assert [type(event) for event in events] == [SubscriptionAccepted, BookSnapshot]
        self._apply(events)
        return str(ref)

    def express(self, payload: bytes, now: Nanos = NOW) -> bool:
        return self._take(payload, now)

    def take(self, payload: bytes, now: Nanos = NOW) -> bool:
        """As a connection does; True when it went by express."""
        if self._take(payload, now):
            return True
        self.intake.frames_in += 1
        self.intake.bytes_in += len(payload)
        self.intake.last_received = now
        try:
            self._apply(self.initiator.receive(self.initiator.open(payload), now))
        except RemoteProtocolError as error:
            for kept in self.keepers.values():
                kept.suspect(str(error), now)
        return False

    def _apply(self, events: Sequence[Event | Send]) -> None:
        for event in events:
            kept = self.keepers.get(getattr(event, "symbol", ""))
            if kept is not None and kept.apply(event) and isinstance(event, BookUpdate):  # type: ignore[arg-type]
                self.told.append(event)

    def tables(self) -> Any:
        return {name: sorted(table.quotes()) for name, table in self.initiator.tables.by_name.items()}

    def state(self) -> Any:
        return (
            (self.intake.frames_in, self.intake.bytes_in, self.intake.last_received),
            self.tables(),
            {
                symbol: (kept.trust, kept.cause, kept.book.as_dict(), kept.updates, kept.last_good, kept.gaps)
                for symbol, kept in self.keepers.items()
            },
        )

    def said(self) -> Any:
        """Everything that an event says."""
        return [
            (
                *(type(event), event.symbol, event.body, list(event.rows()), event.levels),
                *(event.price_scale, event.size_scale, event.transact_time, event.recv_time, event.ref),
            )
            for event in self.told
        ]


def begun(twin: str, *, express: bool = True) -> Line:
    line = Line(twin, express=express)
    line.take(WHOLE)
    line.told.clear()
    return line


@pytest.fixture
def line(twin: str) -> Line:
    return begun(twin)


def levels(line: Line, symbol: str = "EURUSD") -> tuple[dict[int, int], dict[int, int]]:
    book = line.keepers[symbol].book
    return dict(book.bids.top()), dict(book.asks.top())


def test_a_plain_event_goes_by_express_and_is_told(line: Line) -> None:
    assert levels(line) == ({100: 7, 99: 7}, {102: 4, 103: 9})
    frames = line.intake.frames_in
    payload = frame(bid(6, 101, 3), ask(3, 102, 1), bid(1, 99, 5), gone=[4, 77])
    assert line.express(payload, NOW + 1)
    assert levels(line) == ({101: 3, 100: 2, 99: 12}, {102: 1})
    book = line.keepers["EURUSD"].book
    assert (line.intake.frames_in, line.intake.last_received, book.last_good) == (frames + 1, NOW + 1, NOW + 1)
    assert (str(book.best_bid), book.transact_time) == ("0.03 at 0.00101", 0)
    (event,) = line.told
    assert list(event.rows()) == [(1, 103, 0), (0, 101, 3), (1, 102, 1), (0, 100, 2), (0, 99, 12)]
    assert event.body == json.dumps(json.loads(payload)["payload"], separators=(",", ":")).encode()


def test_the_sandboxs_own_events_go_by_express(twin: str) -> None:
    line = Line(twin)
    for price in ("1.148", "1.147"):
        line.client.sandbox.others(Side.BUY, "5000", price)
    events = [payload for payload in line.client.line.raw if payload.startswith(b'{"payloadType":2155')]
    assert len(events) == 2
    assert all(line.express(payload) for payload in events)
    assert levels(line) == ({114_800: 500_000, 114_700: 500_000}, {})


def test_an_event_keeps_the_rows_it_came_with(line: Line) -> None:
    line.express(frame(bid(1, 100, 9)))
    line.express(frame(gone=[1, 5]))
    assert [list(event.rows()) for event in line.told] == [[(0, 100, 11)], [(0, 100, 0)]]
    assert [str(change.size) for change in line.told[0].levels] == ["0.11"]


OTHERS = [
    *(
        b"",
        b"{}",
        b"null",
        b'{"payloadType":51}',
        WHOLE[:-1],
        WHOLE + b" ",
        b" " + WHOLE,
        WHOLE[:-1] + b" }",
        WHOLE * 2,
    ),
    frame(bid(6, 101, 3), symbol=3),
    frame(bid(6, 101, 3), symbol=-1),
    frame(bid(6, 101, 3), symbol=2**63),
    frame(bid(6, 101, 3)).replace(b'"symbolId":1', b'"symbolId":"1"'),
    frame(bid(6, 101, 3)).replace(b'"symbolId":1', b'"symbolId":01'),
    frame(bid(6, 101, 3)).replace(b'"symbolId":1', b'"symbolId":1.0'),
    frame(bid(6, 101, 3)).replace(b'"symbolId":1', b'"symbolId":1,"symbolId":2'),
    frame(bid(6, 101, 3)).replace(b'"symbolId":1', b'"symbolId":1,"symbol\\u0049d":2'),
    frame(bid(6, 101, 3)).replace(b"1000001", b"10x"),
    frame(bid(6, 101, 3)).replace(b"1000001", b'"1000001"'),
    frame(bid(6, 101, 3)).replace(b"1000001", b"1,1"),
    frame(bid(6, 101, 3)).replace(b"1000001", b""),
    frame(bid(6, 101, 3)).replace(b"1000001,", b"1000001"),
    frame(bid(6, 101, 3)).replace(b"}}", b'},"clientMsgId":"7"}'),
    frame(bid(6, 101, 3)).replace(b"}}", b'}},"payload":{}}'),
    frame(bid(6, 101, 3)).replace(b"]}}", b"]} }"),
    frame(bid(6, 101, 3)).replace(b"2155", b"2131"),
    frame(bid(6, 101, 3), newquotes="\\"),
    frame(bid(6, 101, 3)).replace(b"]}", b'],"newQuotes":[]}'),
    frame(bid(6, 101, 3), gone=[1]).replace(b"]}", b'],"deletedQuotes":[]}'),
    frame({"id": 6, "size": 3}),
    frame({"id": 6, "bid": 101}),
    frame({"size": 6, "bid": 101}),
    frame({"id": 6, "size": 3, "bid": 101, "ask": 102}),
    frame({"id": 6, "size": 3, "bid": 101, "ask": None}),
    frame({"id": 6, "size": 3, "bid": None, "ask": 102}),
    frame({"id": 6, "size": 3, "bid": 0, "ask": 102}),
    frame(bid(6, 0, 3)),
    frame(bid(-6, 101, 3)),
    frame(bid(6, -101, 3)),
    frame(bid(6, 101, -3)),
    frame(bid(2**63, 101, 3)),
    frame(bid(6, 2**63, 3)),
    frame(bid(6, 101, 2**63)),
    frame(bid(6, 101, 10**30)),
    frame(bid(6, 101, 3)).replace(b":101", b':"101"'),
    frame(bid(6, 101, 3)).replace(b":101", b":101.0"),
    frame(bid(6, 101, 3)).replace(b":101", b":101e0"),
    frame(bid(6, 101, 3)).replace(b":101", b":0101"),
    frame(bid(6, 101, 3)).replace(b":101", b":101,"),
    frame(bid(6, 101, 3)).replace(b'"bid"', b'"b\\u0069d"'),
    frame(bid(6, 101, 3)).replace(b'"bid":101', b'"bid":101,"bid":102'),
    frame(bid(6, 101, 3)).replace(b"[{", b"[,{"),
    frame(bid(6, 101, 3)).replace(b"}]", b"},]"),
    frame(gone=[1]).replace(b"[1]", b"[-1]"),
    frame(gone=[1]).replace(b"[1]", b'["1"]'),
    frame(gone=[1]).replace(b"[1]", b"[1,]"),
    frame(gone=[1]).replace(b"[1]", b"[1.5]"),
    frame(gone=[1]).replace(b"[1]", b"1"),
    frame(gone=[1]).replace(b"[1]", b"null"),
]


@pytest.mark.parametrize("payload", OTHERS)
def test_anything_else_comes_to_the_same_or_is_left_alone(twin: str, payload: bytes) -> None:
    quick, slow = begun(twin), begun(twin, express=False)
    before = quick.state()
    if not quick.express(payload):
        assert quick.state() == before
        assert quick.told == []
        quick.take(payload)
    elif twin == "native":
        raise AssertionError(payload)
    slow.take(payload)
    assert quick.state() == slow.state()
    assert quick.said() == slow.said()


def test_a_frame_that_is_cut_anywhere_is_left_alone(line: Line) -> None:
    payload, before = frame(bid(6, 101, 3), ask(3, 102, 1), gone=[4]), line.state()
    for end in range(len(payload)):
        for more in (b"", b" ", b"\0", b"\0" + payload[end:], b"}" if end < len(payload) - 1 else b"]"):
            assert not line.express(payload[:end] + more)
    assert line.state() == before


def test_members_nobody_knows_are_passed_over(line: Line) -> None:
    assert line.express(frame({"id": 6, "tier": [1, {"x": None}], "size": 3, "bid": 101}, hello={"a": [True, -1.5]}))
    assert line.express(
        frame(bid(7, 101, 3)).replace(b',"newQuotes":[{', b' ,\n"newQuotes": [ {\t').replace(b"]}", b" ] }")
    )
    assert levels(line)[0] == {101: 6, 100: 7, 99: 7}


def test_both_ways_change_one_table(line: Line) -> None:
    """An id that came one way may go the other."""
    other_way = frame(bid(7, 98, 1), gone=[6]).replace(b'"payload":', b'"payload": ')
    assert line.express(frame(bid(6, 101, 3)))
    assert not line.take(other_way)
    assert levels(line) == ({100: 7, 99: 7, 98: 1}, {102: 4, 103: 9})
    assert line.express(frame(gone=[7, 1]))
    assert levels(line) == ({100: 2, 99: 7}, {102: 4, 103: 9})


def test_nothing_goes_by_express_while_the_line_or_the_book_is_not_what_it_should_be(line: Line) -> None:
    payload, kept = frame(bid(6, 101, 3)), line.keepers["EURUSD"]
    line.intake.open = False
    assert not line.express(payload)
    line.intake.open = True
    kept.suspect("a test", NOW)
    assert not line.express(payload)


@pytest.mark.parametrize("end", ["account", "life", "subscription", "renewal"])
def test_without_a_table_nothing_goes_by_express(line: Line, end: str) -> None:
    """Whatever ends the table; the book may not know yet."""
    kept = line.keepers["EURUSD"]
    match end:
        case "account":
            line.client.hear(2164, line.client.line.of())
        case "life":
            line.initiator.handshake(NOW)
        case "subscription":
            for symbol, ref in line.refs.items():
                line.client.submit(Unsubscribe(channel=Channel.BOOK, symbol=symbol, ref="88", subscription=ref))
        case _:
            line.initiator.send(Subscribe(channel=Channel.BOOK, symbol="EURUSD", ref="89"), NOW)
            line.client.hear(2159, line.client.line.of(), "89")
            line.client.hear(2157, line.client.line.of(), "89")
    assert kept.trust is Trust.LIVE
    before = line.state()
    assert not line.express(frame(gone=[1]))
    assert line.state() == before
    assert b"1" not in line.tables()
    if end == "renewal":
        assert not line.take(frame(gone=[1]))
        assert b"1" not in line.tables()
        assert not line.take(frame(bid(1, 90, 1)))
        assert levels(line) == ({90: 1}, {})
        assert line.express(frame(bid(1, 91, 1)))
        assert levels(line) == ({91: 1}, {})


def test_a_symbol_subscribed_again_begins_anew(line: Line) -> None:
    line.subscribe("EURUSD")
    assert line.tables() == {b"1": [], b"2": []}
    assert line.express(frame(bid(9, 50, 1), gone=[1, 2]))
    assert levels(line) == ({50: 1}, {})


def test_books_of_one_line_do_not_touch_each_other(line: Line) -> None:
    assert line.express(frame(bid(1, 70, 3), symbol=2))
    assert line.express(frame(gone=[1], symbol=1))
    assert (levels(line, "GBPUSD"), levels(line)[0]) == (({70: 3}, {}), {100: 2, 99: 7})


def test_a_crossed_book_is_not_told_and_not_live(line: Line) -> None:
    assert line.express(frame(bid(6, 102, 3)))
    assert (line.keepers["EURUSD"].trust, line.told) == (Trust.SUSPECT, [])
    assert line.keepers["GBPUSD"].trust is Trust.LIVE
    assert not line.express(frame(gone=[6]))


def test_without_a_listener_no_event_is_made_and_all_is_kept(line: Line) -> None:
    line.keepers["EURUSD"].book.told = None
    assert line.express(frame(bid(6, 101, 3)))
    assert (levels(line)[0][101], line.told) == (3, [])


def test_what_a_listener_raises_is_raised(line: Line) -> None:
    def raises(_: BookUpdate) -> None:
        raise ZeroDivisionError

    line.keepers["EURUSD"].book.told = raises
    with pytest.raises(ZeroDivisionError):
        line.express(frame(bid(6, 101, 3)))
    assert levels(line)[0][101] == 3


def test_sums_beyond_64_bits_go_the_ordinary_way(twin: str) -> None:
    quick, slow = begun(twin), begun(twin, express=False)
    most = 2**63 - 10**6
    payloads = [
        frame(bid(6, 50, most)),
        frame(bid(7, 50, most)),
        frame(bid(8, 98, 1)),
        frame(gone=[6]),
        frame(gone=[7]),
    ]
    ways = [quick.take(payload) for payload in payloads]
    for payload in payloads:
        slow.take(payload)
    assert quick.state() == slow.state()
    assert quick.said() == slow.said()
    assert ways == ([True, False, False, False, False] if twin == "native" else [True] * 5)


QUOTES = st.builds(
    lambda side, quote_id, price, size: side(quote_id, price, size),
    *(st.sampled_from([bid, ask]), st.integers(0, 9), st.integers(1, 8), st.integers(0, 3)),
)
ODD = st.sampled_from([
    {"id": 3, "size": 1}, {"id": 3, "size": 1, "bid": 5, "ask": 0}, {"id": 3, "size": 1, "bid": 0, "ask": 4},
    {"id": "3", "size": 1, "bid": 2}, {"id": 3, "size": 2**63 - 1, "ask": 8}, {"id": 4, "size": 2**63 - 9, "ask": 8},
])  # fmt: skip
MESSAGES = st.lists(
    st.tuples(
        st.lists(QUOTES, max_size=5) | st.lists(QUOTES | ODD, max_size=3),
        st.lists(st.integers(0, 10), max_size=4),
        st.integers(1, 2),
        st.sampled_from(["", "", "", " "]),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(messages=MESSAGES)
def test_by_express_or_not_comes_to_the_same(twin: str, messages: list[Any]) -> None:
    quick, slow = begun(twin), begun(twin, express=False)
    for number, (new, gone, symbol, blank) in enumerate(messages):
        payload = frame(*new, gone=gone, symbol=symbol).replace(b'"payload":', b'"payload":' + blank.encode())
        for one in (quick, slow):
            one.take(payload, NOW + number)
            for name, kept in one.keepers.items():
                if kept.wants_resync:
                    kept.resyncing(NOW)
                    one.subscribe(name)
        assert quick.state() == slow.state()
    assert quick.said() == slow.said()


def mutated(payload: bytes, rng: random.Random) -> bytes:
    """A few bytes changed, gone, doubled or moved."""
    text = bytearray(payload)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(text) + 1)
        match rng.randrange(5):
            case 0 if at < len(text):
                text[at] = rng.choice(b'0123456789.,:"[]{}-+eE \\\x00\xc3\x7fidbs')
            case 1:
                del text[at : at + rng.randint(1, 4)]
            case 2:
                text[at:at] = rng.choice([b"0", b"9", b" ", b",", b'"', b"e1", b".0", b"[", b"}", b"\\u0030", b"null"])
            case 3:
                text[at:at] = text[at : at + rng.randint(1, 40)]
            case _:
                other = rng.randrange(len(text) + 1)
                text[at:at] = text[other : other + rng.randint(1, 40)]
    return bytes(text)


def fuzz(twin: str, seed: int, times: int) -> int:
    """Mutated frames to both, one after the other; how many of them went by express."""
    rng = random.Random(seed)
    quick, slow = begun(twin), begun(twin, express=False)
    taken = 0
    for n in range(times):
        new = [rng.choice([bid, ask])(rng.randrange(12), rng.randint(1, 9), rng.randint(0, 3)) for _ in range(n % 4)]
        payload = frame(*new, gone=[rng.randrange(12) for _ in range(rng.randrange(3))], symbol=1 + n % 2)
        if n % 3:
            payload = mutated(payload, rng)
        before = quick.state()
        if quick.express(payload):
            taken += 1
        else:
            assert quick.state() == before, payload
            quick.take(payload)
        slow.take(payload)
        assert quick.state() == slow.state(), payload
        assert quick.said() == slow.said(), payload
        for one in (quick, slow):
            one.told.clear()
            for name, kept in one.keepers.items():
                if kept.trust is not Trust.LIVE:
                    kept.resyncing(NOW)
                    one.subscribe(name)
    return taken


def test_mutated_frames_come_to_the_same_or_are_left_alone(twin: str) -> None:
    assert fuzz(twin, 1, 1_500) > 400
