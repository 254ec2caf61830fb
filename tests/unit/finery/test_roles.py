"""What each role may do: orders, feeds, methods. The table of the README, played."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.finery.link import SECRET, UNIT, House, Line
from tests.unit.finery.test_feeds import bind, px

from venuewire.model.terms import Side

RESTING = {"instrument": "BTC-USD", "price": px(62_000), "size": UNIT, "side": "bid", "type": "limit"}
AT_ONCE = {"instrument": "BTC-USD", "size": UNIT // 100, "side": "bid", "type": "marketIOC"}
IN_MONEY = {"instrument": "BTC-USD", "volume": px(640), "side": "bid", "type": "marketIOC"}
OWN_CLIENT = {"instrument": "BTC-USD", "clientId": 5}
MARKUP = {"counterpartyId": 87, "currency": "USD", "grossLimit": 10**18, "takerMarkup": 100}

# What is asked -> the code that a maker, a taker and a master get; None: it is done.
ASKED: dict[str, tuple[Any, tuple[int | None, int | None, int | None]]] = {
    "limit": (("add", RESTING), (None, 73, None)),
    "postOnly": (("add", RESTING | {"type": "postOnly"}), (None, 73, None)),
    "limitIOC": (("add", AT_ONCE | {"type": "limitIOC", "price": px(64_010)}), (73, None, None)),
    "limitFOK": (("add", AT_ONCE | {"type": "limitFOK", "price": px(64_010)}), (73, None, None)),
    "marketIOC": (("add", AT_ONCE), (73, None, None)),
    "marketFOK": (("add", AT_ONCE | {"type": "marketFOK"}), (73, None, None)),
    "pendingLimit": (("add", RESTING | {"type": "pendingLimit"}), (73, 73, 73)),
    "in money": (("add", IN_MONEY), (73, None, None)),
    "resting, in money": (("add", {**IN_MONEY, "type": "limit", "price": px(62_000)}), (82, 73, 82)),
    "markup": (("setCLimit", MARKUP), (None, 9, None)),
    "its clients": (("getSubaccounts", {}), (3, 3, None)),
    "their limits": (("subaccountsLimits", {}), (3, 3, None)),
    "an order for one": (("authorized/add", AT_ONCE | {"clientId": 5}), (3, 3, None)),
    "the book of one": (("book", OWN_CLIENT), (45, 45, None)),
    "settlements": (("settlementOrders", {}), (None, None, None)),
    "history": (("dealHistory", {}), (None, None, None)),
}
BOUND: dict[str, tuple[Any, tuple[int | None, int | None, int | None]]] = {
    "MD": (bind("MD", {"instrument": "BTC-USD"}), (3, None, None)),
    "F of a client": (bind("F", OWN_CLIENT), (103, 103, None)),
    **{feed: (bind(feed, "BTC-USD"), (None, None, None)) for feed in ("F", "B")},
    **{feed: (bind(feed), (None, None, None)) for feed in ("I", "O", "K", "S", "R", "N", "L", "P")},
}
ROLES = ("maker", "taker", "master")


@pytest.fixture
def house() -> House:
    house = House()
    house.offer(Side.SELL, "64000", "5")
    for n, role in enumerate(ROLES):
        house.exchange.open_account(role, house.stage.balances)
        house.host.admit(role, SECRET, role, role=role, client_id=200 + n)
    house.exchange.open_account("client", house.stage.balances)
    house.host.admit("client", SECRET, "client", role="taker", client_id=5, master=202)
    return house


def of(house: House, role: str) -> Line:
    return house.line(key=role)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("what", list(ASKED))
def test_what_a_role_may_ask(house: House, role: str, what: str) -> None:
    (method, content), codes = ASKED[what]
    expected = codes[ROLES.index(role)]
    assert of(house, role).request(method, content).get("error") == expected
    if method != "add" or expected is not None:
        status, _ = house.rest(method, content, key=role)
        assert status == (200 if expected is None else 400)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("what", list(BOUND))
def test_what_a_role_may_follow(house: House, role: str, what: str) -> None:
    message, codes = BOUND[what]
    expected = codes[ROLES.index(role)]
    assert of(house, role).ask(message)[2:][: 1 if expected is None else 2] == (
        ["S"] if expected is None else ["Z", expected]
    )


def test_working_orders_are_listed_to_makers_only(house: House) -> None:
    house.host.admit("other", SECRET, "maker", role="taker", client_id=210)
    placed = of(house, "maker").request("add", RESTING)["reply"]["id"]
    assert [row[4] for row in of(house, "maker").request("positions")["reply"][2]] == [placed]
    assert of(house, "other").request("positions")["reply"][2] == []
