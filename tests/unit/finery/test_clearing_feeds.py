"""Whoever follows the feeds beside trading knows at any time what the methods list; nothing a client asks breaks it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.finery.link import START, UNIT, House, Line
from tests.unit.finery.test_feeds import bind

from venuewire.model.terms import NANOS_PER_SECOND, Side
from venuewire.venues.finery.acceptor.host import Rules

FEEDS = ("S", "R", "N", "L", "K", "P")
CURRENCIES = ("BTC", "USD", "EUR")


class Follower:
    """A client that believes its feeds."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.orders: dict[int, Any] = {}
        self.rows: dict[int, Any] = {}
        """Of feed P."""
        self.requests: list[dict[str, Any]] = [{}, {}]
        self.transactions: list[dict[int, Any]] = [{}, {}]
        self.positions: dict[str, Any] = {}
        self.limit: Any = None
        for feed in FEEDS:
            self.take(line.ask(bind(feed)))

    def listen(self) -> None:
        house = self.line.house
        house.host.tick(house.now)
        self.line.take(self.line.acceptor.tick(house.now))
        for frame in self.line.heard():
            if isinstance(frame, list):
                self.take(frame)

    def take(self, frame: Any) -> None:
        feed, _, action, payload = frame
        match feed:
            case "K":
                self.take_positions(action, payload)
            case "S" if payload and isinstance(payload[0], int):
                self.put(self.rows, payload[0], payload, gone=action in "D-")
            case "S":
                for order in payload:
                    self.put(self.orders, order["settlementOrderId"], order, gone=action in "D-")
            case "R":
                for side, rows in zip(self.requests, payload, strict=True):
                    for row in rows:
                        self.put(side, row[1], row, gone=action == "-")
            case "N":
                for found, rows in zip(self.transactions, payload[-2:], strict=True):
                    for row in rows:
                        self.put(found, row[10], row, gone=action in "D-")
            case "L":
                self.limit = payload[0] if action == "S" else payload
            case "P":
                self.rows = {row[0]: row for row in payload[3]}
            case _:
                assert feed == "O"

    def take_positions(self, action: str, payload: Any) -> None:
        for row in payload if action == "S" else [payload]:
            self.put(self.positions, row[0], row, gone=action == "-")

    @staticmethod
    def put(rows: dict[Any, Any], key: Any, row: Any, *, gone: bool) -> None:
        if gone:
            del rows[key]
        else:
            rows[key] = row

    def ask(self, method: str, content: dict[str, Any] | None = None) -> Any:
        self.line.say({"event": "request", "reqId": 1, "method": method, "content": content or {}})
        frames = self.line.heard()
        answer = next(frame for frame in frames if isinstance(frame, dict))
        for frame in frames:
            if isinstance(frame, list):
                self.take(frame)
        return answer.get("reply", answer.get("error"))

    def check(self) -> None:
        """What is believed is so."""
        self.listen()
        assert [*self.orders.values()] == self.ask("settlementOrders")
        assert [[*side.values()] for side in self.requests] == self.ask("settlementRequests")
        listed = self.ask("settlementTransactions")
        assert [sorted(side.values(), key=lambda row: int(row[10])) for side in self.transactions] == listed
        _, positions, _, rows = self.ask("positions")
        assert [row for row in positions if any(row[1:2] + row[3:])] == sorted(self.positions.values())
        assert rows == [*self.rows.values()]
        assert [self.limit] == self.ask("climits")


ACTION = st.tuples(st.integers(0, 8), st.sampled_from(CURRENCIES), st.integers(0, 3), st.booleans())


def act(one: Follower, house: House, kind: int, currency: str, size: int) -> None:
    """Something a client can do, or the market."""
    to = {"counterpartyId": 87, "currency": currency}
    numbers = [row[10] for side in one.transactions for row in side.values()]
    some = {"transactionId": numbers[size % len(numbers)] if numbers else 7}
    match kind:
        case 0:
            terms = {"amount": size * 100 * UNIT, "cancelTimestamp": (house.now // 1_000_000 + 3000) * (size != 1)}
            one.ask("addIncomingSettlementRequest", to | terms)
        case 1:
            one.ask("delIncomingSettlementRequest", to)
        case 2:
            one.ask("addOutgoingSettlementTransaction", to | {"amount": size * UNIT, "fee": size})
        case 3:
            one.ask("sendOutgoingSettlementTransaction", some | {"txId": "x"})
        case 4:
            one.ask("delOutgoingSettlementTransaction", some)
        case 5:
            one.ask("commitIncomingSettlementTransaction", some)
        case 6:
            one.ask("setCLimit", to | {"grossLimit": size * 10**17}) if size else one.ask("delCLimit", to)
        case 7:
            order = {"instrument": "BTC-USD", "size": UNIT, "side": "bid" if size % 2 else "ask", "type": "marketIOC"}
            one.ask("add", order)
        case _:
            house.now += size * NANOS_PER_SECOND


@given(st.booleans(), st.lists(ACTION, min_size=1, max_size=25))
def test_followers_know_what_is_listed(prompt: bool, actions: list[tuple[int, str, int, bool]]) -> None:
    house = House(Rules(prompt=prompt))
    house.offer(Side.BUY, "63000", "40")
    house.offer(Side.SELL, "64000", "40")
    one, other = Follower(house.line()), Follower(house.line())
    for kind, currency, size, by_other in actions:
        act(other if by_other else one, house, kind, currency, size)
        for follower in (one, other):
            follower.check()
    assert house.now >= START
