"""The venue's HTTP, as any client meets it: the token server, market data, the portfolio, orders."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.alor.rig import START, Venue

from venuewire.model.terms import OrdStatus, Side
from venuewire.venue import Answer
from venuewire.venues.alor import signing
from venuewire.venues.alor.wire.commands import ORDERS_PATH


@pytest.fixture
def venue() -> Venue:
    venue = Venue()
    venue.quote("257.70", Side.BUY, 100)
    venue.quote("257.71", Side.SELL, 100)
    return venue


def read(answer: Answer) -> Any:
    assert answer.status == 200, answer
    return json.loads(answer.body)


# --------------------------------------------------------------------------- the token server


def test_a_token_is_made_from_a_refresh_token_in_the_query(venue: Venue) -> None:
    token = read(venue.ask("POST", f"/refresh?token={venue.refresh_token}"))["AccessToken"]
    claims = signing.claims_of(token)
    assert (claims.iat, claims.exp) == (START // 10**9, START // 10**9 + 1800)
    assert (claims.iss, claims.ent) == ("Alor.Identity", "client")
    number = venue.portfolio[1:]
    assert claims.portfolios.split() == [f"D{number}", f"75{number}", f"E{number}"]
    assert claims.scope == "OrdersRead OrdersCreate Trades Personal Stats"
    assert claims.aud.split()[0] == "Client"
    assert claims.agreements
    assert claims.clientid


@pytest.mark.parametrize("key", ["token", "Token", "TOKEN"])
def test_a_token_is_made_from_a_body_and_the_body_wins(venue: Venue, key: str) -> None:
    assert read(venue.ask("POST", "/refresh?token=wrong", body={key: venue.refresh_token}))["AccessToken"]


@pytest.mark.parametrize(
    ("query", "body", "portfolios"),
    [
        ("&allowedPortfolios=[%22D1%22]", b"", ""),
        ("&allowedPortfolios=[OURS,D1]", b"", "OURS"),
        ("", {"allowedPortfolios": ["OURS"]}, "OURS"),
        ("", {"AllowedPortfolios": []}, ""),
    ],
)
def test_the_portfolios_may_be_narrowed(venue: Venue, query: str, body: Any, portfolios: str) -> None:
    if body:
        body = {key: [name.replace("OURS", venue.portfolio) for name in value] for key, value in body.items()}
        body["token"] = venue.refresh_token
    path = f"/refresh?token={venue.refresh_token}{query}".replace("OURS", venue.portfolio)
    token = read(venue.ask("POST", path, body=body))["AccessToken"]
    assert signing.claims_of(token).portfolios == portfolios.replace("OURS", venue.portfolio)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/refresh?token=wrong", b"", 403),
        ("/refresh", {"token": "wrong"}, 403),
        ("/refresh", b"", 400),
        ("/refresh", {"token": ""}, 400),
        ("/refresh", {"token": 5}, 400),
        ("/refresh", b"{", 400),
        ("/refresh", b"[]", 400),
        ("/refresh?token=", b"", 400),
    ],
)
def test_a_wrong_refresh_token_is_refused(venue: Venue, path: str, body: Any, status: int) -> None:
    answer = venue.ask("POST", path, body=body)
    assert answer.status == status
    assert json.loads(answer.body)["message"]


def test_earlier_tokens_stay_good(venue: Venue) -> None:
    first = venue.token()
    venue.now += 60 * 10**9
    second = venue.token()
    assert first != second
    for token in (first, second):
        assert venue.get("/md/v2/orderbooks/MOEX/SBER", token).status == 200


# --------------------------------------------------------------------------- market data


def test_the_pages_own_order_book_request_gets_the_documented_answer(venue: Venue) -> None:
    """Seed 003: `depth=1&format=Simple`."""
    answer = venue.get("/md/v2/orderbooks/MOEX/SBER?depth=1&format=Simple", venue.token())
    milliseconds = START // 10**6
    assert answer.body == (
        b'{"snapshot":true,"bids":[{"price":257.70,"volume":100}],"asks":[{"price":257.71,"volume":100}],'
        b'"timestamp":%d,"ms_timestamp":%d,"existing":true}' % (milliseconds // 1000, milliseconds)
    )
    assert answer.headers["content-type"].startswith("application/json")


def test_paths_are_read_in_any_case(venue: Venue) -> None:
    assert venue.get("/MD/V2/OrderBooks/moex/SBER", venue.token()).status == 200


def test_the_time_is_whole_seconds(venue: Venue) -> None:
    assert venue.get("/md/v2/time").body == str(START // 10**9).encode()


def test_a_security_has_its_lot_and_step(venue: Venue) -> None:
    security = read(venue.get("/md/v2/Securities/MOEX/LKOH?instrumentGroup=TQBR", venue.token()))
    assert (security["lotsize"], security["minstep"], security["board"], security["currency"]) == (
        1,
        0.5,
        "TQBR",
        "RUB",
    )
    slim = read(venue.get("/md/v2/Securities/MOEX/SBER?format=Slim", venue.token()))
    assert (slim["sym"], slim["lot"], slim["stp"]) == ("SBER", 10, 0.01)


def test_securities_are_searched_without_a_token(venue: Venue) -> None:
    assert [s["symbol"] for s in read(venue.get("/md/v2/Securities?query=sb"))] == ["SBER", "SBRF-12.25"]
    assert [s["symbol"] for s in read(venue.get("/md/v2/Securities?query=sb&sector=FOND"))] == ["SBER"]
    assert len(read(venue.get("/md/v2/Securities/MOEX?limit=2"))) == 2
    assert [s["symbol"] for s in read(venue.get("/md/v2/Securities?offset=2"))] == ["LKOH", "KO", "SBRF-12.25"]
    assert [(s["symbol"], s["market"]) for s in read(venue.get("/md/v2/Securities/SPBX"))] == [("KO", "SPBX")]
    assert [s["symbol"] for s in read(venue.get("/md/v2/Securities?sector=FORTS"))] == ["SBRF-12.25"]
    assert read(venue.get("/md/v2/Securities?sector=CURR")) == []
    assert read(venue.get("/md/v2/Securities/MOEX/SBER/availableBoards")) == ["TQBR"]


def test_quotes_of_several(venue: Venue) -> None:
    quotes = read(venue.get("/md/v2/Securities/MOEX:SBER,MOEX:NONE,MOEX:GAZP/quotes", venue.token()))
    assert [(quote["symbol"], quote["bid"]) for quote in quotes] == [("SBER", 257.7), ("GAZP", None)]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/md/v2/orderbooks/MOEX/NONE", 404),
        ("/md/v2/orderbooks/MOEX/SBER?instrumentGroup=SMAL", 404),
        ("/md/v2/orderbooks/MOEX/SBER?depth=x", 400),
        ("/md/v2/orderbooks/MOEX/SBER?format=Tiny", 400),
        ("/md/v2/Securities/MOEX/NONE", 404),
        ("/md/v2/Clients/MOEX/maker/orders", 403),
        ("/md/v2/teleport", 404),
        ("/", 404),
        ("/%ff%00/..", 404),
    ],
)
def test_reads_that_cannot_be_answered(venue: Venue, path: str, status: int) -> None:
    assert venue.get(path, venue.token()).status == status


@pytest.mark.parametrize(
    "path",
    [
        "/md/v2/orderbooks/MOEX/SBER",
        "/md/v2/Securities/MOEX/SBER",
        "/md/v2/Clients/MOEX/D1/orders",
        f"{ORDERS_PATH}/actions/market",
    ],
)
def test_without_a_good_token_it_is_401(venue: Venue, path: str) -> None:
    method = "POST" if "orders/actions" in path else "GET"
    token = venue.token()
    assert venue.ask(method, path).status == 401
    assert venue.ask(method, path, "eyJ").status == 401
    venue.now += 1800 * 10**9
    assert venue.ask(method, path, token).status == 401


def test_too_many_requests_are_429(venue: Venue) -> None:
    token = venue.token()
    statuses = [venue.get("/md/v2/time", token).status for _ in range(101)]
    assert statuses == [200] * 100 + [429]
    venue.now += 10**9
    assert venue.get("/md/v2/time", token).status == 200


# --------------------------------------------------------------------------- orders


def order(venue: Venue, **more: Any) -> dict[str, Any]:
    return {
        "side": "buy",
        "quantity": 1,
        "price": 257.5,
        "instrument": {"symbol": "SBER", "exchange": "MOEX"},
        "comment": "77",
        "user": {"portfolio": venue.portfolio},
        **more,
    }


def post(
    venue: Venue, body: Any, reqid: str = "r1", word: str = "limit", method: str = "POST", tail: str = ""
) -> Answer:
    headers = {"x_reqid": reqid} if reqid else {}
    return venue.ask(method, f"{ORDERS_PATH}/actions/{word}{tail}", venue.token(), body, **headers)


def test_the_pages_own_market_order_gets_the_documented_answer(venue: Venue) -> None:
    """Seed 003, with a portfolio that exists."""
    printed = {
        "side": "buy",
        "type": "market",
        "quantity": 1,
        "instrument": {"symbol": "SBER", "exchange": "MOEX"},
        "comment": "Note no.451",
        "user": {"portfolio": venue.portfolio},
    }
    answer = post(venue, printed, "d3c886f1-ea1e-4634-aff4-119c902ad926", "market")
    (done,) = venue.exchange.port(venue.portfolio).orders(working=False)
    assert answer.body == b'{"message":"success","orderNumber":"%s"}' % done.order_id.encode()
    assert done.ord_status is OrdStatus.FILLED
    (trade,) = read(venue.get(f"/md/v2/Clients/MOEX/{venue.portfolio}/trades", venue.token()))
    assert (trade["comment"], trade["qty"], trade["qtyUnits"], trade["price"]) == ("Note no.451", 1, 10, 257.71)


def test_an_order_is_placed_changed_listed_and_deleted(venue: Venue) -> None:
    first = read(post(venue, order(venue)))["orderNumber"]
    second = read(post(venue, order(venue, price=257.6), "r2", method="PUT", tail=f"/{first}"))["orderNumber"]
    orders = f"/md/v2/Clients/MOEX/{venue.portfolio}/orders"
    listed = read(venue.get(orders, venue.token()))
    assert [(o["id"], o["status"], o["price"]) for o in listed] == [
        (first, "canceled", 257.5),
        (second, "working", 257.6),
    ]
    assert read(venue.get(f"{orders}/{second}?format=Slim", venue.token()))["px"] == 257.6
    assert venue.get(f"{orders}/1", venue.token()).status == 404
    path = f"{ORDERS_PATH}/{second}?portfolio={venue.portfolio}&exchange=MOEX&stop=false"
    answer = venue.ask("DELETE", path, venue.token())
    assert (answer.status, answer.body, answer.headers["content-type"].split(";")[0]) == (200, b"success", "text/plain")
    again = venue.ask("DELETE", path, venue.token())
    assert again.status == 400
    assert json.loads(again.body) == {
        "code": "OrderToCancelNotFound (404)",
        "message": "Order to cancel not found",
    }


def test_all_orders_are_deleted_at_once(venue: Venue) -> None:
    for number in range(3):
        post(venue, order(venue), f"r{number}")
    path = f"{ORDERS_PATH}/all?portfolio={venue.portfolio}&exchange=MOEX&stop=false&jsonResponse=true"
    assert read(venue.ask("DELETE", path, venue.token())) == {"message": "success"}
    assert venue.exchange.port(venue.portfolio).orders() == []
    again = venue.ask("DELETE", path, venue.token())
    assert json.loads(again.body) == {"code": "OrderToCancelNotFound", "message": "Orders to cancel not found"}


def test_a_repeated_request_id_gets_a_copy_of_the_first_answer(venue: Venue) -> None:
    first = post(venue, order(venue))
    again = post(venue, order(venue, quantity=5))
    assert again.status == 400
    assert json.loads(again.body) == {
        "message": ("Request with such X-ALOR-REQID was already handled. We return the response to that request."),
        "oldResponse": {"statusCode": 200, "body": json.loads(first.body)},
    }
    assert len(venue.exchange.port(venue.portfolio).orders()) == 1
    venue.now += 24 * 3600 * 10**9
    assert post(venue, order(venue)).status == 200


def test_the_older_header_counts_as_well(venue: Venue) -> None:
    post(venue, order(venue), "same")
    path = f"{ORDERS_PATH}/actions/limit"
    again = venue.ask("POST", path, venue.token(), order(venue), x_alor_reqid="same")
    assert json.loads(again.body)["oldResponse"]["statusCode"] == 200


def test_a_malformed_body_is_answered_in_text_and_remembered(venue: Venue) -> None:
    text = "Provided json can't be properly deserialised, perhaps you made an error or forgot some field"
    first = post(venue, b"{")
    assert (first.status, first.body.decode()) == (400, text)
    assert json.loads(post(venue, order(venue)).body)["oldResponse"] == {"statusCode": 400, "body": text}


@pytest.mark.parametrize(
    ("more", "status", "text"),
    [
        ({"quantity": 0}, 400, "Invalid or unsupported quantity"),
        ({"price": 257.505}, 400, "Minimum price step: 0.01"),
        ({"price": 0}, 400, "Price may not be 0 for a limit order"),
        ({"quantity": 50_000_000}, 400, "Нехватка средств"),
        ({"instrument": {"symbol": "NONE", "exchange": "MOEX"}}, 400, "Неизвестный инструмент"),
        ({"user": {"portfolio": "maker"}}, 403, ""),
    ],
)
def test_an_order_that_is_refused_says_why(venue: Venue, more: dict[str, Any], status: int, text: str) -> None:
    answer = post(venue, order(venue, **more))
    assert answer.status == status
    if text:
        assert text in json.loads(answer.body)["message"]


def test_a_request_id_is_needed(venue: Venue) -> None:
    assert post(venue, order(venue), "").status == 400
    assert venue.exchange.port(venue.portfolio).orders() == []


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 400), ("portfolio=maker&exchange=MOEX", 403), ("portfolio=OURS&exchange=MOEX&stop=true", 400)],
)
def test_deletes_that_cannot_be(venue: Venue, query: str, status: int) -> None:
    placed = read(post(venue, order(venue)))["orderNumber"]
    path = f"{ORDERS_PATH}/{placed}?{query.replace('OURS', venue.portfolio)}"
    assert venue.ask("DELETE", path, venue.token()).status == status
    assert len(venue.exchange.port(venue.portfolio).orders()) == 1


# --------------------------------------------------------------------------- the portfolio


def test_positions_and_summary(venue: Venue) -> None:
    base, token = f"/md/v2/clients/MOEX/{venue.portfolio}", venue.token()
    rows = read(venue.get(f"{base}/positions", token))
    assert {row["symbol"]: row["qtyUnits"] for row in rows} == {
        "RUB": 50_000_000,
        "SBER": 20_000,
        "GAZP": 20_000,
        "LKOH": 500,
        "USD": 200_000,
        "KO": 1_000,
    }
    assert not any(row["isCurrency"] for row in read(venue.get(f"{base}/positions?withoutCurrency=true", token)))
    assert read(venue.get(f"{base}/positions/LKOH", token))["qty"] == 500
    assert venue.get(f"{base}/positions/NONE", token).status == 404
    post(venue, order(venue, quantity=100))
    summary = read(venue.get(f"{base}/summary", token))
    assert summary["buyingPowerByCurrency"] == [
        {"currency": "RUB", "buyingPower": 50_000_000 - 257_500},
        {"currency": "USD", "buyingPower": 200_000},
    ]
    assert summary["portfolioEvaluation"] == 50_000_000 + 20_000 * 257.7 + 20_000 * 161.15 + 500 * 6950
