"""What no shared word stands for: requests by `VenueRequest`, feeds by channel VENUE, in every generation."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.finery.link import SECRET, START, UNIT, Client, House
from tests.unit.finery.test_clearing import BUY
from tests.unit.finery.test_client import market, order, told
from tests.unit.finery.test_feeds import bind

from venuewire.errors import LocalProtocolError, RemoteProtocolError
from venuewire.model.account import Balance
from venuewire.model.orders import ExecutionReport
from venuewire.model.session import (
    Reply,
    RequestRejected,
    SecurityList,
    Subscribe,
    SubscriptionAccepted,
    SubscriptionRejected,
    Unsubscribe,
    VenueNews,
    VenueRequest,
    VenueStatus,
)
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Side
from venuewire.venue import Answer, Fetch, Habit, Send
from venuewire.venues.finery import wire
from venuewire.venues.finery.acceptor.host import Rules
from venuewire.venues.finery.wire import clearing, feeds, methods
from venuewire.venues.finery.wire.feeds import Feed, FeedMessage

TO: dict[str, Any] = {"counterpartyId": 87, "currency": "BTC"}
GENERATIONS = ["", "generation_1", "generation_2"]


@pytest.fixture
def house() -> House:
    house = House()
    house.offer(Side.SELL, "64000", "300")
    return house


def ask(client: Client, record: msgspec.Struct) -> Any:
    """The venue's answer to a request of its own."""
    (answer,) = client.submit(VenueRequest(message=record))
    assert isinstance(answer, Reply), answer
    return answer.message


def refused(client: Client, record: msgspec.Struct) -> str:
    (answer,) = client.submit(VenueRequest(message=record))
    assert isinstance(answer, RequestRejected)
    return answer.code


def follow(client: Client, feed: Feed) -> str:
    """Ask for a feed; the ref its messages bear."""
    answer, *_ = client.submit(Subscribe(channel=Channel.VENUE, message=feed))
    assert answer == SubscriptionAccepted(ref=client.ref)
    return client.ref


def news(client: Client) -> list[tuple[str | None, FeedMessage]]:
    """(ref, message) of everything the feeds told since the last look."""
    client.carry()
    found = [event for event in client.events if isinstance(event, VenueNews)]
    client.events.clear()
    return [(it.ref, it.message) for it in found if isinstance(it.message, FeedMessage)]


# --------------------------------------------------------------------------- requests

SETTLED: dict[type, type] = {
    methods.Instruments: wire.Listing,
    methods.Book: wire.Levels,
    methods.Positions: feeds.Account,
    methods.DealHistory: wire.Deals,
    methods.Limits: clearing.GlobalLimits,
    methods.Climits: clearing.CounterpartyLimits,
    methods.CAssetLimits: clearing.AssetLimits,
    methods.SubaccountsLimits: clearing.SubaccountLimits,
    methods.InstrumentMarkups: clearing.Markups,
    methods.GetCounterpartyInfo: clearing.CounterpartyInfo,
    methods.GetSubaccounts: clearing.Subaccounts,
    methods.SettlementOrders: clearing.Settlements,
    methods.SettlementRequests: clearing.Requests,
    methods.SettlementTransactions: clearing.Transactions,
    methods.SettlementHistory: clearing.Settlements,
    methods.SettlementTransactionHistory: clearing.ClosedTransactions,
    **dict.fromkeys(methods.CHANGING, clearing.Done),
    methods.AddOutgoingSettlementTransaction: clearing.TransactionAdded,
}
"""What answers each request."""


def in_turn(client: Client) -> Any:
    """Every request once, in an order in which the venue takes them all."""
    pays = methods.AddOutgoingSettlementTransaction
    yield from (methods.SetLimit(currency="EUR", netLimit=1, grossLimit=2), methods.Limits())
    yield methods.DelLimit(currency="EUR")
    yield methods.SetCLimit(counterpartyId=87, currency="USD", grossLimit=10**18, takerMarkup=0)
    yield from (methods.Climits(), methods.CAssetLimits(counterpartyId=87), methods.SubaccountsLimits())
    yield from (methods.InstrumentMarkups(), methods.GetCounterpartyInfo(counterpartyId=87), methods.GetSubaccounts())
    yield methods.AddIncomingSettlementRequest(**TO, amount=UNIT, comment="one")
    (came,) = ask(client, methods.SettlementTransactions()).incoming
    assert (came.amount, came.comment) == (UNIT, "one")
    yield methods.CommitIncomingSettlementTransaction(transactionId=came.id)
    yield pays(**TO, amount=3 * UNIT)
    (due,) = ask(client, methods.SettlementOrders()).rows
    assert due.size1 == 3 * UNIT
    (paid,) = ask(client, methods.SettlementTransactions()).outgoing
    yield methods.SendOutgoingSettlementTransaction(transactionId=paid.id, txId="abc")
    other = ask(client, pays(**TO, amount=UNIT))
    yield methods.DelOutgoingSettlementTransaction(transactionId=other.settlementTransactionId)
    client.house.host.rules = Rules(prompt=False)
    ask(client, methods.AddIncomingSettlementRequest(**TO))
    yield methods.SettlementRequests()
    yield methods.DelIncomingSettlementRequest(**TO)
    yield from (methods.SettlementOrders(), methods.SettlementTransactions(), methods.SettlementHistory())
    yield from (methods.SettlementTransactionHistory(), methods.DealHistory(), methods.Positions())
    yield from (methods.Instruments(), methods.Book(instrument="BTC-USD", tradable=True))


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("requests", ["ws", "http"])
def test_every_request_of_the_venues_own_is_answered(house: House, generation: str, requests: str) -> None:
    if generation:
        house.host.afflict(Habit(generation), house.now)
    client = Client(house, requests=requests)
    client.submit(market(order_qty="1", cl_ord_id="8"))
    answers = {type(record): ask(client, record) for record in in_turn(client)}
    # Nothing is asked of us that could be turned down.
    assert refused(client, methods.DelIncomingSettlementCPRequest(**TO)) == "131"
    assert refused(client, methods.DelCLimit(counterpartyId=5)) == "45"
    assert {record: type(answer) for record, answer in answers.items()} == {
        record: reply
        for record, reply in SETTLED.items()
        if record not in {methods.DelIncomingSettlementCPRequest, methods.DelCLimit}
    }
    sizes = [row.size1 for row in answers[methods.SettlementHistory].rows]
    assert sizes == [3 * UNIT, -UNIT]
    assert [row.amount for row in answers[methods.SettlementTransactionHistory].rows] == [UNIT, 3 * UNIT, UNIT]
    assert [row.dealSize for row in answers[methods.DealHistory].rows] == [UNIT]
    assert answers[methods.Positions].settlements == []
    assert answers[methods.Book].asks == [wire.Level(64_000 * UNIT, 299 * UNIT)]


def test_every_request_is_listed_and_none_of_them_is_an_order() -> None:
    assert set(SETTLED) == set(methods.METHODS)
    orders = {"add", "mod", "del", "delAll", "authorized/add"}
    assert not orders & {name for name, _ in methods.METHODS.values()}


@pytest.mark.parametrize(
    "record",
    [
        wire.Add(instrument="BTC-USD", side="bid", type="marketIOC", size=UNIT),
        wire.DelAll(),
        Feed("S"),
        clearing.Done(),
    ],
)
def test_other_records_are_not_sent(house: House, record: msgspec.Struct) -> None:
    client = Client(house)
    with pytest.raises(LocalProtocolError, match=f"{type(record).__name__} is no request .* Book"):
        client.submit(VenueRequest(message=record))
    assert house.port.orders() == []


def test_histories_are_read_page_by_page(house: House) -> None:
    client = Client(house)
    for n in range(7):
        sent = ask(client, methods.AddOutgoingSettlementTransaction(**TO, amount=(n + 1) * UNIT))
        ask(
            client,
            methods.SendOutgoingSettlementTransaction(transactionId=sent.settlementTransactionId, txId=str(n)),
        )
        house.port.execute(market(order_qty="0.01", cl_ord_id=str(n + 1)), house.now)
    pages = (
        (methods.SettlementHistory, "settlementId"),
        (methods.SettlementTransactionHistory, "id"),
        (methods.DealHistory, "id"),
    )
    for history, name in pages:
        found: list[Any] = []
        while rows := ask(
            client, history(limit=3, till=min((getattr(row, name) for row in found), default=10**18))
        ).rows:
            assert len(rows) <= 3
            found += rows
        ids = [getattr(row, name) for row in found]
        assert ids == sorted(set(ids), reverse=True)
        assert len(ids) == 7


def test_deals_are_narrowed_by_instrument_and_time(house: House) -> None:
    client = Client(house)
    house.offer(Side.SELL, "3200", "5", "ETH-USD")
    for n, symbol in enumerate(["BTC-USD", "ETH-USD", "BTC-USD"]):
        house.now = START + n * NANOS_PER_SECOND
        client.submit(market(symbol=symbol, order_qty="0.1", cl_ord_id=str(n + 1)))
    at = START // 1_000_000
    for record, expected in (
        (methods.DealHistory(instrument="ETH-USD"), [2]),
        (methods.DealHistory(instrument=["ETH-USD", "BTC-USD"], limit=2), [3, 2]),
        (methods.DealHistory(since=at + 1000, to=at + 2000), [2]),
        (methods.DealHistory(counterpartyIds=[87], filter="all"), [3, 2, 1]),
    ):
        assert [row.clientOrderId for row in ask(client, record).rows] == expected


@pytest.mark.parametrize("requests", ["ws", "http"])
def test_what_the_venue_refuses_is_told_with_its_code(house: House, requests: str) -> None:
    house.host.admit("reader", SECRET, "ours", permissions=frozenset({"read"}))
    client = Client(house, requests=requests)
    assert refused(client, methods.DelLimit(currency="BTC")) == "53"
    (answer,) = client.submit(VenueRequest(message=methods.GetCounterpartyInfo(counterpartyId=5)))
    assert answer == RequestRejected(code="45", text="client not found", ref=client.ref)


@pytest.mark.parametrize("code", [10, 104])
def test_a_code_that_is_no_outcome_does_not_answer_what_moves_money(house: House, code: int) -> None:
    client = Client(house)
    for number, record, expected in (
        (5, methods.AddOutgoingSettlementTransaction(**TO, amount=1), VenueStatus),
        (6, methods.SettlementOrders(), RequestRejected),
    ):
        client.initiator.send(VenueRequest(message=record, ref=str(number)), START)
        (answer,) = told(client, {"event": "request", "reqId": number, "error": code})
        assert type(answer) is expected
        assert answer.ref == ("6" if expected is RequestRejected else None)


def test_http_trouble_does_not_say_what_became_of_a_payment(house: House) -> None:
    client = Client(house, requests="http")
    request = VenueRequest(message=methods.AddOutgoingSettlementTransaction(**TO, amount=1), ref="5")
    for answer in (Answer(502, b"<html>"), Answer(200, b"{}"), Answer(400, b"{}")):
        (fetch,) = client.initiator.send(request, START)
        assert isinstance(fetch, Fetch)
        with pytest.raises(RemoteProtocolError):
            client.initiator.answered(fetch, answer, START)


# --------------------------------------------------------------------------- feeds


@pytest.mark.parametrize("generation", GENERATIONS)
def test_feeds_are_told_in_every_generation(house: House, generation: str) -> None:
    if generation:
        house.host.afflict(Habit(generation), house.now)
    client = Client(house)
    gone = {"": "GM", "generation_1": "", "generation_2": "M"}[generation]
    refs: dict[str, str] = {}
    for letter in feeds.FEEDS:
        (answer,) = client.submit(Subscribe(channel=Channel.VENUE, message=Feed(letter)))[:1]
        if letter in gone:
            assert answer == SubscriptionRejected(code="102", text="invalid feed name", ref=client.ref)
            # There is nothing to end.
            end = Unsubscribe(channel=Channel.VENUE, subscription=client.ref, ref="9")
            assert client.initiator.send(end, START) == []
            client.initiator.ready.clear()
        else:
            assert answer == SubscriptionAccepted(ref=client.ref)
            refs[letter] = client.ref
            ((ref, snapshot),) = news(client)
            assert (ref, snapshot.feed, snapshot.action) == (client.ref, letter, "S")
    ask(client, methods.AddIncomingSettlementRequest(**TO))
    # Changes of settlement orders come under S for feed P, too.
    expected = [("R", "R", "+"), ("R", "R", "-"), ("N", "N", "+"), ("S", "S", "+"), ("P", "S", "+")]
    heard = {(ref, message.feed, message.action) for ref, message in news(client)}
    assert heard == {(refs[of], feed, action) for of, feed, action in expected}
    ask(client, methods.SetCLimit(counterpartyId=87, currency="USD", grossLimit=10**18))
    ((ref, limit),) = news(client)
    assert (ref, limit.action) == (refs["L"], "M")
    assert isinstance(limit.says, clearing.CounterpartyLimits)
    if "G" in refs:
        ask(client, methods.SetLimit(currency="USD", netLimit=5, grossLimit=7))
        ((ref, limits),) = news(client)
        assert isinstance(limits.says, clearing.GlobalLimits)
        assert (ref, limits.says.rows[0].grossLimit) == (refs["G"], 7)


def test_a_feed_ends_for_who_asked_and_may_be_asked_for_again(house: House) -> None:
    client = Client(house)
    first = follow(client, Feed("S", "BTC"))
    dollars = follow(client, Feed("S", "USD"))
    news(client)
    pays = methods.AddOutgoingSettlementTransaction(**TO, amount=UNIT)
    ask(client, pays)
    assert [ref for ref, _ in news(client)] == [first]
    end = Unsubscribe(channel=Channel.VENUE, subscription=first)
    assert client.submit(end) == [SubscriptionAccepted(ref=client.ref)]
    ask(client, pays)
    assert news(client) == []
    again = follow(client, Feed("S", "BTC"))
    ((ref, message),) = news(client)
    assert (ref, message.action) == (again, "S")
    assert isinstance(message.says, clearing.Settlements)
    assert len(message.says.rows) == 2
    # The first is over already: its end takes nothing away from the one that came after it.
    client.events.clear()
    assert client.initiator.send(msgspec.structs.replace(end, ref="9"), START) == []
    assert client.initiator.ready == [SubscriptionAccepted(ref="9")]
    ask(client, pays)
    assert {ref for ref, _ in news(client)} == {again}
    assert dollars not in {again, first}


def test_what_nobody_asked_for_is_told_without_a_ref(house: House) -> None:
    (unasked,) = told(Client(house), ["L", 0, "M", {"counterpartyId": 5}])
    assert isinstance(unasked, VenueNews)
    assert unasked.ref is None
    assert unasked.message == FeedMessage(
        "L", "M", clearing.CounterpartyLimits([clearing.CounterpartyLimit(counterpartyId=5)])
    )


@pytest.mark.parametrize(
    "record", [Feed("F"), Feed("O"), Feed("X"), Feed("s"), Feed("R", "USD"), methods.Limits(), None]
)
def test_feeds_that_make_no_sense_are_refused_here(house: House, record: Any) -> None:
    with pytest.raises(LocalProtocolError, match=r"feed"):
        Client(house).submit(Subscribe(channel=Channel.VENUE, message=record))


def test_after_an_outage_of_the_core_feeds_are_told_anew_to_who_had_asked(house: House) -> None:
    client = Client(house)
    refs = [follow(client, Feed("S", "BTC")), follow(client, Feed("L"))]
    client.events.clear()
    for core in (2, 0):
        house.host.outage(core)
        client.line.take(client.line.acceptor.tick(house.now))
        client.carry()
    assert [(ref, message.feed + message.action) for ref, message in news(client)] == [(refs[1], "LS"), (refs[0], "SS")]


def test_on_a_new_line_a_feed_is_asked_for_with_its_old_ref(house: House) -> None:
    client = Client(house)
    wanted = Subscribe(channel=Channel.VENUE, message=Feed("R"), ref="77")
    for _ in range(2):
        client.initiator.handshake(START)
        (effect,) = client.initiator.send(wanted, START)
        assert isinstance(effect, Send)
        accepted, snapshot = told(client, ["R", 0, "S", [[], []]])
        assert (accepted.ref, snapshot.ref) == ("77", "77")


def test_feed_i_tells_of_instruments_and_feed_p_of_the_account(house: House) -> None:
    Client(house).submit(order())
    client = Client(house)
    listed = follow(client, Feed("I"))
    (instruments,) = [event for event in client.events if isinstance(event, SecurityList)]
    assert len(instruments.instruments) == 4
    ((ref, gone),) = [(it.ref, it.message) for it in told(client, ["I", 0, "-", ["BTC-EUR", 42, "BTC", "EUR"]])]
    assert (ref, gone) == (listed, FeedMessage("I", "-", wire.Instrument("BTC-EUR", 42, "BTC", "EUR")))
    changed, row = told(client, ["C", 0, "M", ["USDT", 660085, 10000, UNIT, "stablecoin"]])
    assert isinstance(changed, SecurityList)
    assert (row.ref, row.message.action) == (listed, "M")
    follow(client, Feed("P"))
    assert {event.currency for event in client.events if isinstance(event, Balance)} >= {"BTC", "USD"}
    (standing,) = [event for event in client.events if isinstance(event, ExecutionReport)]
    assert (standing.cl_ord_id, standing.historical) == ("1700000000000001", True)
    client.events.clear()
    house.offer(Side.SELL, "62000", "1")
    client.carry()
    fill = client.events[-1]
    assert isinstance(fill, ExecutionReport)
    assert fill.last_qty == Decimal("0.5")


def test_what_is_newly_listed_is_told_on_feed_i_and_cannot_be_traded(house: House) -> None:
    client, line = Client(house), house.line()
    ref = follow(client, Feed("I"))
    line.ask(bind("I"))
    for on, kinds in ((True, ["C+", "I+", "CM"]), (False, ["I-", "C-", "CM"])):
        client.events.clear()
        for _ in range(2):  # what stands so already changes nothing
            assert house.host.afflict(Habit("new_listing", on), house.now)
        for it in (line, client.line):
            assert it.acceptor.next_tick() is not None
            it.take(it.acceptor.tick(house.now))
        rows = {feed + action: row for feed, _, action, row in line.heard()}
        assert list(rows) == kinds
        change = "+" if on else "-"
        assert rows["C" + change] == ["OP", 121, 1, 180_000_000, "crypto"]
        assert rows["I" + change] == ["OP-USD", 4955410053, "OP", "USD"]
        assert rows["CM"][3] == (99_900_000 if on else UNIT)
        client.carry()
        listed = {it.symbol for event in client.events if isinstance(event, SecurityList) for it in event.instruments}
        assert listed == ({"OP-USD", "BTC-USDT"} if on else {"BTC-USDT"})
        assert [(of, message.feed + message.action) for of, message in news(client)] == [(ref, kind) for kind in kinds]
        assert line.request("add", {**BUY, "instrument": "OP-USD"})["error"] == (36 if on else 34)
        assert (["OP-USD", 4955410053, "OP", "USD"] in line.request("instruments")["reply"][1]) is on
        assert line.ask(bind("F", "OP-USD"))[2:] == ["Z", 103]


def test_what_the_counterparty_asks_for_is_paid_or_turned_down(house: House) -> None:
    client, line = Client(house), house.line()
    line.ask(bind("R"))

    def asked() -> list[int]:
        return [row.amount for row in ask(client, methods.SettlementRequests()).outgoing]

    def switch(*, on: bool) -> None:
        assert house.host.afflict(Habit("counterparty_asks", on), house.now)

    switch(on=True)
    assert asked() == [250 * UNIT]
    assert ask(client, methods.DelIncomingSettlementCPRequest(counterpartyId=87, currency="USD")) == clearing.Done()
    assert asked() == []
    for paid in (249, 250):
        switch(on=False)
        switch(on=True)
        assert asked() == [250 * UNIT]
        pays = methods.AddOutgoingSettlementTransaction(counterpartyId=87, currency="USD", amount=paid * UNIT)
        number = ask(client, pays).settlementTransactionId
        ask(client, methods.SendOutgoingSettlementTransaction(transactionId=number, txId="x"))
        assert asked() == ([250 * UNIT] if paid < 250 else [])
    switch(on=False)
    assert asked() == []
    line.take(line.acceptor.tick(house.now))
    assert [action for _, _, action, _ in line.heard()] == ["+", "-"] * 3


# --------------------------------------------------------------------------- who follows a feed knows the lists


class Believer:
    """What one knows who believes feeds S, R, N and L."""

    def __init__(self) -> None:
        self.settlements: dict[int, Any] = {}
        self.transactions: tuple[dict[int, Any], dict[int, Any]] = ({}, {})
        self.requests: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        self.limits: list[Any] = []

    def take(self, message: FeedMessage) -> None:
        match message.says:
            case clearing.Settlements(rows=rows):
                put(self.settlements, {row.settlementOrderId: row for row in rows}, message.action)  # type: ignore[union-attr]
            case clearing.Requests() as both:
                for side, asked in zip(self.requests, (both.incoming, both.outgoing), strict=True):
                    put(side, {row.currency: row for row in asked}, message.action)
            case clearing.Transactions() | clearing.TransactionsSnapshot() as found:
                for open_ones, paid in zip(self.transactions, (found.incoming, found.outgoing), strict=True):
                    put(open_ones, {row.id: row for row in paid}, message.action)
            case clearing.CounterpartyLimits(rows=limits):
                self.limits = limits
            case other:
                raise AssertionError(other)

    def lists(self) -> list[Any]:
        """As the methods list it."""
        return [
            [*self.settlements.values()],
            [[*side.values()] for side in self.requests],
            [[side[number] for number in sorted(side)] for side in self.transactions],
            self.limits,
        ]


def as_listed(answers: list[Any]) -> list[Any]:
    """The answers to `LISTS`, likewise."""
    orders, requests, transactions, limits = answers
    return [
        orders.rows,
        [requests.incoming, requests.outgoing],
        [transactions.incoming, transactions.outgoing],
        limits.rows,
    ]


LISTS = (
    methods.SettlementOrders(),
    methods.SettlementRequests(),
    methods.SettlementTransactions(),
    methods.Climits(),
)


def put(known: dict[Any, Any], rows: dict[Any, Any], action: str) -> None:
    if action == "S":
        known.clear()
    if action in "D-":
        for key in rows:
            del known[key]
    else:
        known.update(rows)


class Follower(Believer):
    """One of our own initiators, and what its feeds make one believe."""

    def __init__(self, house: House) -> None:
        super().__init__()
        self.client = Client(house)
        for letter in ("S", "R", "N", "L"):
            follow(self.client, Feed(letter))
            self.listen()

    def listen(self) -> None:
        line = self.client.line
        line.take(line.acceptor.tick(line.house.now))
        for _, message in news(self.client):
            self.take(message)

    def check(self) -> None:
        """What is believed is so."""
        self.listen()
        assert self.lists() == as_listed([ask(self.client, record) for record in LISTS])


STEP = st.tuples(st.integers(0, 6), st.sampled_from(("BTC", "USD")), st.integers(1, 3))


@given(prompt=st.booleans(), steps=st.lists(STEP, min_size=1, max_size=15))
def test_our_own_followers_know_what_is_listed(prompt: bool, steps: list[tuple[int, str, int]]) -> None:
    house = House(Rules(prompt=prompt))
    house.offer(Side.SELL, "64000", "40")
    one, other = Follower(house), Follower(house)
    for kind, currency, size in steps:
        act(one, kind, {"counterpartyId": 87, "currency": currency}, size)
        for follower in (other, one):
            follower.check()


def act(one: Follower, kind: int, to: Any, size: int) -> None:
    """Something a trader does; the venue may refuse it."""
    for event in one.client.submit(VenueRequest(message=something(one, kind, to, size))):
        assert isinstance(event, Reply | RequestRejected)
    for _, message in news(one.client):
        one.take(message)


def something(one: Believer, kind: int, to: Any, size: int) -> msgspec.Struct:
    """To ask for: a payment, a request, a limit."""
    numbers = [number for side in one.transactions for number in side] or [7]
    number = numbers[size % len(numbers)]
    records: list[msgspec.Struct] = [
        methods.AddIncomingSettlementRequest(**to, amount=size * 100 * UNIT),
        methods.DelIncomingSettlementRequest(**to),
        methods.AddOutgoingSettlementTransaction(**to, amount=size * UNIT, fee=size),
        methods.SendOutgoingSettlementTransaction(transactionId=number, txId="x"),
        methods.DelOutgoingSettlementTransaction(transactionId=number),
        methods.CommitIncomingSettlementTransaction(transactionId=number),
        methods.SetCLimit(**to, grossLimit=size * 10**17),
    ]
    return records[kind]
