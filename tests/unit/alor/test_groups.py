"""Order groups, estimates, trading hours, figures of the portfolio: what else the venue does with orders."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.alor.rig import START, Venue, Wire

from venuewire.model.orders import NewOrder
from venuewire.model.terms import NANOS_PER_SECOND, OrdStatus, OrdType, Side
from venuewire.venue import Answer, Habit
from venuewire.venues.alor.sessions import next_change, status_at
from venuewire.venues.alor.wire.commands import ORDERS_PATH
from venuewire.venues.alor.wire.groups import GROUPS_PATH

SECOND = NANOS_PER_SECOND


@pytest.fixture
def venue() -> Venue:
    venue = Venue()
    venue.quote("250", Side.BUY, 100)
    venue.quote("265", Side.SELL, 100)
    venue.get("/md/v2/time")
    return venue


_IDS = iter(range(1, 1_000_000))


def place(venue: Venue, word: str, **more: Any) -> str:
    body = {
        "side": "buy",
        "quantity": 1,
        "price": 260,
        "instrument": {"symbol": "SBER", "exchange": "MOEX"},
        "user": {"portfolio": venue.portfolio},
        **more,
    }
    answer = venue.ask("POST", f"{ORDERS_PATH}/actions/{word}", venue.token(), body, x_reqid=f"r{next(_IDS)}")
    assert answer.status == 200, answer
    return str(json.loads(answer.body)["orderNumber"])


def stop(venue: Venue, trigger: int, condition: str, *, active: bool = True) -> str:
    more = {"triggerPrice": trigger, "condition": condition, "stopEndUnixTime": 0, "activate": active, "side": "sell"}
    return place(venue, "stop", **more)


def group(venue: Venue, policy: str, *members: tuple[str, str]) -> Answer:
    orders = [
        {"portfolio": venue.portfolio, "exchange": "MOEX", "orderId": order_id, "type": kind}
        for order_id, kind in members
    ]
    body = {"orders": orders, "executionPolicy": policy}
    return venue.ask("POST", GROUPS_PATH, venue.token(), body)


def made(answer: Answer) -> str:
    assert answer.status == 200, answer
    return str(json.loads(answer.body)["groupId"])


def shown(venue: Venue, group_id: str) -> dict[str, Any]:
    return json.loads(venue.get(f"{GROUPS_PATH}/{group_id}", venue.token()).body)  # type: ignore[no-any-return]


def trade(venue: Venue, price: str) -> None:
    other = venue.exchange.open_account(f"other{venue.now}", {"RUB": "10000000", "SBER": "1000"})
    venue.quote(price, Side.SELL, 1)
    order = NewOrder(symbol="MOEX:SBER", side=Side.BUY, ord_type=OrdType.LIMIT, order_qty=10, price=price)
    other.execute(order, venue.now)
    venue.now += 1
    venue.get("/md/v2/time")


def stop_statuses(venue: Venue) -> list[str]:
    return [order.status for order in venue.host.stop_desk.waiting.of(venue.portfolio)]


# --------------------------------------------------------------------------- groups


def test_one_cancels_the_other(venue: Venue) -> None:
    low, high = stop(venue, 255, "less"), stop(venue, 262, "more")
    group_id = made(group(venue, "OnExecuteOrCancel", (low, "Stop"), (high, "Stop")))
    assert shown(venue, group_id)["status"] == "Active"
    trade(venue, "262.50")
    assert stop_statuses(venue) == ["canceled", "filled"]
    after = shown(venue, group_id)
    assert (after["status"], after["orders"]) == ("Filled", [{"orderId": low}, {"orderId": high}])
    assert after["closedAt"] is not None


def test_a_member_that_is_cancelled_ends_the_group_or_leaves_it(venue: Venue) -> None:
    for policy, others in (("OnExecuteOrCancel", "canceled"), ("ignorecancel", "working")):
        one, other = stop(venue, 255, "less"), stop(venue, 262, "more")
        group_id = made(group(venue, policy, (one, "Stop"), (other, "Stop")))
        path = f"{ORDERS_PATH}/{one}?portfolio={venue.portfolio}&exchange=MOEX&stop=true"
        assert venue.ask("DELETE", path, venue.token()).status == 200
        assert stop_statuses(venue)[-2:] == ["canceled", others]
        assert shown(venue, group_id)["status"] == ("Canceled" if others == "canceled" else "Active")


def test_a_bracket_wakes_up_when_its_limit_order_is_executed(venue: Venue) -> None:
    entry = place(venue, "limit", price=255)
    loss, profit = stop(venue, 253, "less", active=False), stop(venue, 262, "more", active=False)
    group_id = made(group(venue, "TriggerBracketOrders", (entry, "Limit"), (loss, "Stop"), (profit, "Stop")))
    trade(venue, "263")
    assert stop_statuses(venue) == ["working", "working"]
    venue.quote("255", Side.SELL, 1)
    venue.get("/md/v2/time")
    order = venue.exchange.port(venue.portfolio).order(order_id=entry)
    assert order is not None
    assert order.ord_status is OrdStatus.FILLED
    assert stop_statuses(venue) == ["working", "working"]
    trade(venue, "262.50")
    assert stop_statuses(venue) == ["canceled", "filled"]
    assert shown(venue, group_id)["status"] == "Filled"


def test_a_bracket_goes_with_its_limit_order(venue: Venue) -> None:
    entry, loss = place(venue, "limit", price=255), stop(venue, 252, "less", active=False)
    group_id = made(group(venue, "TriggerBracketOrders", (entry, "Limit"), (loss, "Stop")))
    path = f"{ORDERS_PATH}/{entry}?portfolio={venue.portfolio}&exchange=MOEX&stop=false"
    assert venue.ask("DELETE", path, venue.token()).status == 200
    assert stop_statuses(venue) == ["canceled"]
    assert shown(venue, group_id)["status"] == "Canceled"


def test_groups_are_listed_changed_and_dissolved(venue: Venue) -> None:
    one, other = stop(venue, 255, "less"), stop(venue, 262, "more")
    group_id = made(group(venue, "OnExecuteOrCancel", (one, "Stop"), (other, "Stop")))
    listed = json.loads(venue.get(GROUPS_PATH, venue.token()).body)
    assert [entry["id"] for entry in listed] == [group_id]
    assert listed[0]["login"].startswith("P")
    body = {
        "orders": [{"portfolio": venue.portfolio, "exchange": "MOEX", "orderId": one, "type": "Stop"}],
        "executionPolicy": "IgnoreCancel",
    }
    assert venue.ask("PUT", f"{GROUPS_PATH}/{group_id}", venue.token(), body).body == b"success"
    assert shown(venue, group_id)["executionPolicy"] == "IgnoreCancel"
    assert venue.ask("DELETE", f"{GROUPS_PATH}/{group_id}", venue.token()).body == b"success"
    assert shown(venue, group_id)["status"] == "Canceled"
    assert stop_statuses(venue) == ["working", "working"]


@pytest.mark.parametrize(
    ("policy", "members"),
    [
        ("Sometimes", [("8001", "Stop")]),
        ("OnExecuteOrCancel", []),
        ("OnExecuteOrCancel", [("999", "Limit")]),
        ("TriggerBracketOrders", [("8001", "Stop")]),
    ],
)
def test_groups_that_cannot_be(venue: Venue, policy: str, members: list[tuple[str, str]]) -> None:
    stop(venue, 255, "less")
    answer = group(venue, policy, *members)
    assert answer.status == 400
    assert set(json.loads(answer.body)) == {"title", "status", "detail"}


def test_groups_need_a_token_and_are_ones_own(venue: Venue) -> None:
    assert venue.get(GROUPS_PATH).status == 401
    assert venue.get(f"{GROUPS_PATH}/none", venue.token()).status == 404
    assert venue.ask("POST", GROUPS_PATH, venue.token(), b"{").status == 400


# --------------------------------------------------------------------------- estimates


def test_an_estimate_says_what_the_money_buys(venue: Venue) -> None:
    body = {"portfolio": venue.portfolio, "ticker": "SBER", "exchange": "MOEX", "price": 250, "lotQuantity": 2}
    answer = json.loads(venue.ask("POST", f"{ORDERS_PATH}/estimate", venue.token(), body).body)
    assert answer["quantityToBuy"] == 20_000
    assert answer["quantityToSell"] == 2_000
    assert answer["orderEvaluation"] == 5_000
    assert answer["isUnitedPortfolio"] is False
    several = venue.ask("POST", f"{ORDERS_PATH}/estimate/all", venue.token(), [{**body, "budget": 5_100}])
    assert [row["quantityToBuy"] for row in json.loads(several.body)] == [2]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        *(({"portfolio": "D1"}, 403), ({"ticker": "NONE"}, 404), ({"price": -1}, 400), (None, 400)),
        *(({"price": "NaN"}, 400), ({"budget": "NaN"}, 400), ({"budget": "1e60"}, 400), ({"price": "Infinity"}, 400)),
    ],
)
def test_estimates_that_cannot_be(venue: Venue, change: dict[str, Any] | None, status: int) -> None:
    body = {"portfolio": venue.portfolio, "ticker": "SBER", "exchange": "MOEX"}
    asked: Any = b"x" if change is None else {**body, **change}
    assert venue.ask("POST", f"{ORDERS_PATH}/estimate", venue.token(), asked).status == status


# --------------------------------------------------------------------------- trading hours

MONDAY_10_UTC = 1_760_349_600  # 2025-10-13, 13:00 in Moscow


@pytest.mark.parametrize(
    ("exchange", "moscow", "status"),
    [
        ("MOEX", 9.0, 18),
        ("MOEX", 9.9, 119),
        ("MOEX", 13.0, 17),
        ("MOEX", 18.7, 102),
        ("MOEX", 18.9, 2),
        ("MOEX", 23.0, 17),
        ("MOEX", 23.9, 18),
        ("SPBX", 9.9, 18),
        ("SPBX", 18.9, 17),
        ("MOEX", 13.0 + 5 * 24, 18),
        ("SPBX", 13.0 + 6 * 24, 18),
    ],
)
def test_statuses_by_the_hour_in_moscow(exchange: str, moscow: float, status: int) -> None:
    now = int((MONDAY_10_UTC + (moscow - 13) * 3600) * SECOND)
    assert status_at(exchange, now) == status
    change = next_change(exchange, now)
    assert now < change <= now + 24 * 3600 * SECOND


def test_with_trading_hours_orders_outside_them_are_refused_and_statuses_told(venue: Venue) -> None:
    assert venue.host.afflict(Habit("trading_hours"), venue.now)
    venue.now = (MONDAY_10_UTC + 5 * 3600 + 40 * 60 - 1) * SECOND
    ws = Wire(venue, "ws")
    ask = {"opcode": "InstrumentsGetAndSubscribeV2", "code": "SBER", "exchange": "MOEX", "guid": "i"}
    _, whole = ws.say({**ask, "token": venue.token()})
    assert whole["data"] == {
        "symbol": "SBER",
        "exchange": "MOEX",
        "board": "TQBR",
        "tradingStatus": 17,
        "tradingStatusInfo": "нормальный период торгов",
        "priceMin": 128.85,
        "priceMax": 386.55,
    }
    (change,) = ws.later(1000)
    assert change["data"] == {"symbol": "SBER", "tradingStatus": 102, "tradingStatusInfo": "аукцион закрытия"}
    body = {
        "side": "buy",
        "quantity": 1,
        "price": 260,
        "instrument": {"symbol": "SBER", "exchange": "MOEX"},
        "user": {"portfolio": venue.portfolio},
    }
    for minutes, text in ((0, "Security is not currently trading"), (15, "Security is in break period")):
        venue.now += minutes * 60 * SECOND
        answer = venue.ask("POST", f"{ORDERS_PATH}/actions/limit", venue.token(), body, x_reqid=f"h{minutes}")
        assert json.loads(answer.body) == {"message": text}
    # Conditional orders stay with the broker and are taken at any hour.
    stop(venue, 240, "less")
    assert venue.host.afflict(Habit("trading_hours", on=False), venue.now)
    place(venue, "limit", price=255)


# --------------------------------------------------------------------------- figures of the portfolio


@pytest.mark.parametrize(
    ("opcode", "path", "key"),
    [
        ("SummariesGetAndSubscribeV2", "summary", "buyingPower"),
        ("RisksGetAndSubscribe", "risk", "portfolioEvaluation"),
        ("SpectraRisksGetAndSubscribe", "fortsrisk", "moneyFree"),
    ],
)
@pytest.mark.parametrize("form", ["Simple", "Slim", "Heavy"])
def test_figures_follow_the_money_and_are_the_same_over_http(
    venue: Venue, opcode: str, path: str, key: str, form: str
) -> None:
    ws = Wire(venue, "ws")
    ask = {"opcode": opcode, "portfolio": venue.portfolio, "exchange": "MOEX", "guid": "f", "format": form}
    _, first = ws.say({**ask, "token": venue.token()})
    ws.news()
    place(venue, "limit", price=265)
    frames = [*ws.news(), *ws.later(175)]
    assert len(frames) == 1
    where = f"/md/v2/Clients/MOEX/{venue.portfolio}/{path}?format={form}"
    answer = json.loads(venue.get(where, venue.token()).body)
    if path == "risk":
        time = "t" if form == "Slim" else "calculationTime"
        del answer[time], frames[0]["data"][time]
    assert frames[0]["data"] == answer
    assert (key in answer) == (form != "Slim")
    assert first["data"] != answer or path == "risk"


def test_figures_may_skip_their_first_state(venue: Venue) -> None:
    ask = {"opcode": "SummariesGetAndSubscribeV2", "portfolio": venue.portfolio, "exchange": "MOEX", "guid": "f"}
    assert len(Wire(venue, "ws").say({**ask, "skipHistory": True, "token": venue.token()})) == 1


# --------------------------------------------------------------------------- other portfolios, other days


def test_single_cash_portfolios_are_at_united_and_order_at_moex(venue: Venue) -> None:
    venue.exchange.open_account("E12345", {"RUB": "100000"})
    venue.host.refresh_tokens[venue.refresh_token] = (venue.portfolio, "E12345")
    token = venue.token()
    assert venue.get("/md/v2/Clients/UNITED/E12345/summary", token).status == 200
    assert venue.get("/md/v2/Clients/MOEX/E12345/summary", token).status == 404
    assert venue.get(f"/md/v2/Clients/UNITED/{venue.portfolio}/summary", token).status == 404
    place(venue, "limit", price=255, user={"portfolio": "E12345"})
    rows = json.loads(venue.get("/md/v2/Clients/UNITED/E12345/orders", token).body)
    assert [(row["portfolio"], row["exchange"]) for row in rows] == [("E12345", "MOEX")]
    login = rows and json.loads(venue.get(f"/md/v2/Clients/P{venue.portfolio[1:]}/positions", token).body)
    assert {row["portfolio"] for row in login} == {venue.portfolio, "E12345"}
    assert venue.get("/md/v2/Clients/Pother/positions", token).status == 403


def test_trades_of_today_and_of_the_days_before(venue: Venue) -> None:
    place(venue, "limit", price=265)
    base, token = f"/md/v2/Clients/MOEX/{venue.portfolio}", venue.token()
    stats = f"/md/v2/Stats/MOEX/{venue.portfolio}/history/trades"
    security = "/md/v2/Securities/MOEX/SBER/alltrades"
    for path, count in ((f"{base}/trades", 1), (f"{base}/SBER/trades", 1), (f"{base}/GAZP/trades", 0)):
        assert len(json.loads(venue.get(path, token).body)) == count
    assert json.loads(venue.get(stats, token).body) == []
    assert json.loads(venue.get(f"{security}/history?limit=10", token).body) == {"total": 0, "list": []}
    venue.now += 24 * 3600 * SECOND
    token = venue.token()
    assert json.loads(venue.get(f"{base}/trades", token).body) == []
    for query, count in (("", 1), ("/SBER", 1), ("/GAZP", 0), ("?side=sell", 0), ("?dateFrom=2100-01-01", 0)):
        assert len(json.loads(venue.get(f"{stats}{query}", token).body)) == count
    assert json.loads(venue.get(f"{security}/history?limit=10", token).body)["total"] == 1
    assert json.loads(venue.get(security, token).body) == []
    assert venue.get(f"{security}/history", token).status == 400
    older = stats.replace("/md/v2/Stats", "/md/stats")
    assert venue.get(older, venue.token()).body == venue.get(stats, venue.token()).body


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 3),
        ("?side=buy", 3),
        ("?side=sell", 0),
        ("?priceFrom=263", 2),
        ("?priceTo=263", 2),
        ("?qtyFrom=2", 0),
        ("?take=2", 2),
        ("?take=2&offset=2", 1),
        ("?descending=true&take=1", 1),
        (f"?from={START // SECOND + 1}", 0),
        ("?fromId=1&toId=2", 0),
    ],
)
def test_all_trades_are_narrowed(venue: Venue, query: str, count: int) -> None:
    for price in ("264", "263", "262"):
        trade(venue, price)
    path = f"/md/v2/Securities/MOEX/SBER/alltrades{query}"
    assert len(json.loads(venue.get(path, venue.token()).body)) == count


def test_risk_rates_and_currency_pairs_need_no_token(venue: Venue) -> None:
    rates = json.loads(venue.get("/md/v2/risk/rates?riskCategoryId=1&exchange=MOEX&ticker=SBER").body)
    assert (rates["total"], rates["list"][0]["instrument"]) == (1, "SBER")
    assert venue.get("/md/v2/risk/rates").status == 400
    assert venue.get("/md/v2/Securities/currencyPairs").body == b"[]"
    assert venue.get("/md/v2/Securities/MOEX/LKOH/actualFuturesQuote", venue.token()).status == 404


def test_quotes_without_a_token_are_a_quarter_of_an_hour_old(venue: Venue) -> None:
    (quote,) = json.loads(venue.get("/md/v2/Securities/MOEX:SBER/quotes").body)
    assert quote["last_price_timestamp"] == START // SECOND - 900
    assert (quote["bid"], quote["ask"]) == (None, None)
