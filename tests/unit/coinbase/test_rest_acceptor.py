"""The venue's REST as any client sees it: credentials, orders, lists, errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.coinbase.ends import REST_HOST, RawLine, World

from venuewire.model.terms import NANOS_PER_SECOND, Side
from venuewire.venues.coinbase.signing import SigningKey, make_private_key

API = "/api/v3/brokerage"
NO_PREVIEW = "UNKNOWN_PREVIEW_FAILURE_REASON"
UNAUTHORIZED = (401, b"Unauthorized\n")


@pytest.fixture
def world() -> World:
    world = World()
    world.quote(Side.BUY, "2", "63990")
    world.quote(Side.SELL, "0.25", "64010")
    world.quote(Side.SELL, "1", "64020.01")
    return world


def limit(size: str = "0.1", price: str = "63000", cl_ord_id: str = "1", **more: Any) -> dict[str, Any]:
    configuration = {"base_size": size, "limit_price": price, "post_only": False} | more
    return order({"limit_limit_gtc": configuration}, cl_ord_id)


def order(configuration: Any, cl_ord_id: str = "1", side: str = "BUY", product: str = "BTC-USD") -> dict[str, Any]:
    return {
        "client_order_id": cl_ord_id,
        "product_id": product,
        "side": side,
        "order_configuration": configuration,
    }


def place(world: World, request: dict[str, Any]) -> str:
    answer = world.call("POST", "/orders", request)
    assert answer["success"], answer
    return str(answer["success_response"]["order_id"])


def refused(world: World, request: dict[str, Any]) -> tuple[str, str]:
    answer = world.call("POST", "/orders", request)
    assert answer["success"] is False
    failure = answer["error_response"]
    assert list(failure) == [
        *("error", "message", "error_details", "preview_failure_reason", "new_order_failure_reason")
    ]
    assert failure["error"] == failure["new_order_failure_reason"]
    return failure["new_order_failure_reason"], failure["preview_failure_reason"]


# --------------------------------------------------------------------------- who asks


def test_a_token_must_be_made_for_this_request_and_this_host(world: World) -> None:
    path = f"{API}/accounts"
    for uri in (f"POST {REST_HOST}{path}", f"GET elsewhere{path}", f"GET {REST_HOST}{API}/orders", ""):
        answer = world.http("GET", path, token=world.key.token(world.now, "00", uri))
        assert (answer.status, answer.body) == UNAUTHORIZED, uri
    assert world.http("GET", path, query="limit=5").status == 200


def test_a_token_made_for_the_production_host_is_accepted_unless_switched_off(world: World) -> None:
    token = world.key.token(world.now, "00", f"GET api.coinbase.com{API}/accounts")
    assert world.http("GET", f"{API}/accounts", token=token).status == 200
    strict = World(production_uris=False)
    token = strict.key.token(strict.now, "00", f"GET api.coinbase.com{API}/accounts")
    assert strict.http("GET", f"{API}/accounts", token=token).status == 401


def test_no_token_a_strangers_and_an_old_one_are_refused(world: World) -> None:
    path, uri = f"{API}/accounts", f"GET {REST_HOST}{API}/accounts"
    stranger = SigningKey(world.key.name, make_private_key("9" * 64))
    old = world.key.token(world.now - 150 * NANOS_PER_SECOND, "00", uri)
    for token in ("", "nonsense", stranger.token(world.now, "00", uri), old, world.key.token(world.now, "00")):
        answer = world.http("GET", path, token=token)
        assert (answer.status, answer.body) == UNAUTHORIZED


def test_the_other_recorded_body_of_401_can_be_switched_on() -> None:
    answer = World(json_unauthorized=True).http("GET", f"{API}/accounts", token="")
    assert answer.status == 401
    assert json.loads(answer.body) == {"error": "UNAUTHORIZED", "code": 16, "message": "Unauthorized"}


def test_public_paths_need_no_token(world: World) -> None:
    for path in ("/time", "/market/products", "/market/products/BTC-USD"):
        assert world.http("GET", f"{API}{path}", token="").status == 200
    assert world.http("GET", f"{API}/market/product_book", token="", query="product_id=BTC-USD").status == 200
    assert world.http("GET", f"{API}/products", token="").status == 401


def test_too_many_requests_are_told_so(world: World) -> None:
    answers = [world.http("GET", f"{API}/time", token="") for _ in range(11)]
    assert [answer.status for answer in answers] == [200] * 10 + [429]
    assert json.loads(answers[-1].body) == {"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]}
    world.now += NANOS_PER_SECOND
    assert world.http("GET", f"{API}/time", token="").status == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("DELETE", "/orders", 405)])
def test_what_is_not_there_is_told_so(world: World, method: str, path: str, status: int) -> None:
    assert world.http(method, f"{API}{path}").status == status


# --------------------------------------------------------------------------- reading


def test_products_name_their_aliases(world: World) -> None:
    products = world.call("GET", "/products", b"{}")["products"]
    names = {product["product_id"]: (product["alias"], product["alias_to"]) for product in products}
    assert names["BTC-USD"] == ("", ["BTC-USDC"])
    assert names["BTC-USDC"] == ("BTC-USD", [])
    assert len(products) == 6
    bitcoin = world.call("GET", "/products/BTC-USD")
    assert bitcoin == products[0]
    assert (bitcoin["base_increment"], bitcoin["quote_increment"]) == ("0.00000001", "0.01")
    assert world.http("GET", f"{API}/products/NO-SUCH").status == 404


def test_repeated_keys_narrow_a_list_and_a_wrong_value_is_400(world: World) -> None:
    page = world.call("GET", "/products", query="product_ids=ETH-USD&product_ids=SOL-USD&product_type=SPOT")
    assert [product["product_id"] for product in page["products"]] == ["ETH-USD", "SOL-USD"]
    assert page["num_products"] == 2
    answer = world.http("GET", f"{API}/products", query="product_type=OPTIONS")
    assert answer.status == 400
    assert json.loads(answer.body)["message"] == 'parsing field "product_type": "OPTIONS" is not a valid value'


def test_a_product_book_is_best_first(world: World) -> None:
    book = world.call("GET", "/product_book", query="product_id=BTC-USD&limit=1")
    assert book["pricebook"] == {
        "product_id": "BTC-USD",
        "bids": [{"price": "63990", "size": "2"}],
        "asks": [{"price": "64010", "size": "0.25"}],
        "time": "2026-05-04T03:02:01.123456Z",
    }
    assert (book["mid_market"], book["spread_absolute"], book["spread_bps"]) == ("64000", "20", "3.125")
    answer = world.http("GET", f"{API}/product_book")
    assert answer.status == 404
    assert json.loads(answer.body)["message"] == "valid product_id is required"


def test_wallets_show_what_is_on_hold_and_come_in_pages(world: World) -> None:
    place(world, limit("1", "60000"))
    page = world.call("GET", "/accounts", query="limit=3")
    assert (page["has_next"], page["size"], len(page["accounts"])) == (True, 3, 3)
    rest = world.call("GET", "/accounts", query=f"limit=3&cursor={page['cursor']}")
    assert (rest["has_next"], rest["cursor"]) == (False, "")
    wallets = {wallet["currency"]: wallet for wallet in page["accounts"] + rest["accounts"]}
    assert set(wallets) == {"USD", "USDC", "BTC", "ETH", "SOL"}
    assert wallets["USD"]["hold"] == {"value": "60000", "currency": "USD"}
    assert wallets["USD"]["available_balance"]["value"] == "9940000"
    assert world.call("GET", f"/accounts/{wallets['USD']['uuid']}")["account"] == wallets["USD"]


def test_the_clock_and_the_keys_permissions(world: World) -> None:
    assert world.call("GET", "/time") == {
        "iso": "2026-05-04T03:02:01Z",
        "epochSeconds": "1777863721",
        "epochMillis": "1777863721123",
    }
    assert world.call("GET", "/key_permissions")["portfolio_uuid"] == world.stage.account


# --------------------------------------------------------------------------- creating


def test_an_order_that_rests_is_open(world: World) -> None:
    order_id = place(world, limit())
    shown = world.call("GET", f"/orders/historical/{order_id}")["order"]
    assert shown["status"] == "OPEN"
    assert shown["order_configuration"] == limit()["order_configuration"]
    assert (shown["filled_size"], shown["outstanding_hold_amount"]) == ("0", "6300")
    assert shown["last_fill_time"] is None


@pytest.mark.parametrize(
    ("configuration", "side", "status", "filled"),
    [
        ({"market_market_ioc": {"base_size": "0.5"}}, "BUY", "FILLED", "0.5"),
        ({"market_market_ioc": {"quote_size": "16002.5"}}, "BUY", "FILLED", "0.25"),
        ({"market_market_ioc": {"base_size": "0.5"}}, "SELL", "FILLED", "0.5"),
        ({"sor_limit_ioc": {"base_size": "1", "limit_price": "64010"}}, "BUY", "CANCELLED", "0.25"),
        ({"limit_limit_fok": {"base_size": "1", "limit_price": "64010"}}, "BUY", "CANCELLED", "0"),
        ({"limit_limit_fok": {"base_size": "1", "limit_price": "64100"}}, "BUY", "FILLED", "1"),
        (
            {"limit_limit_gtd": {"base_size": "1", "limit_price": "60000", "end_time": "2026-05-04T03:03:00Z"}},
            "BUY",
            "OPEN",
            "0",
        ),
        ({"limit_limit_gtc": {"base_size": "1", "limit_price": "64005", "post_only": True}}, "SELL", "OPEN", "0"),
        (
            {
                "stop_limit_stop_limit_gtc": {
                    "base_size": "1",
                    "limit_price": "65100",
                    "stop_price": "65000",
                    "stop_direction": "STOP_DIRECTION_STOP_UP",
                }
            },
            "BUY",
            "OPEN",
            "0",
        ),
    ],
)
def test_each_order_configuration_does_what_it_says(
    world: World, configuration: dict[str, Any], side: str, status: str, filled: str
) -> None:
    order_id = place(world, order(configuration, side=side))
    shown = world.call("GET", f"/orders/historical/{order_id}")["order"]
    assert (shown["status"], shown["filled_size"]) == (status, filled)
    (key,) = configuration
    assert shown["order_configuration"][key].items() >= configuration[key].items()
    assert shown["size_in_quote"] is ("quote_size" in configuration[key])


@pytest.mark.parametrize(
    ("request_body", "new", "preview"),
    [
        (limit("1000", "63000"), "INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND"),
        (limit(price="63000.001"), "INVALID_PRICE_PRECISION", "PREVIEW_INVALID_PRICE_PRECISION"),
        (limit("0.123456789"), "INVALID_SIZE_PRECISION", "PREVIEW_INVALID_SIZE_PRECISION"),
        (limit("0"), "UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
        (limit("-1"), "UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
        (limit("3401"), "UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE"),
        (limit("NaN"), "UNKNOWN_FAILURE_REASON", "PREVIEW_NON_NUMERIC_ORDER_SIZE"),
        (limit(price="0"), "INVALID_LIMIT_PRICE", "PREVIEW_INVALID_LIMIT_PRICE"),
        (
            limit(price="64010", post_only=True),
            "INVALID_LIMIT_PRICE_POST_ONLY",
            "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY",
        ),
        (
            order({"market_market_ioc": {"quote_size": "0.5"}}),
            "UNKNOWN_FAILURE_REASON",
            "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL",
        ),
        (
            order({"market_market_ioc": {"quote_size": "10.001"}}),
            "INVALID_SIZE_PRECISION",
            "PREVIEW_INVALID_QUOTE_SIZE_PRECISION",
        ),
        (
            order({"market_market_ioc": {"base_size": "1"}}, product="ETH-USD"),
            "INVALID_NO_LIQUIDITY",
            "PREVIEW_INVALID_NO_LIQUIDITY",
        ),
        (
            order({"market_market_fok": {"base_size": "1"}}),
            "UNSUPPORTED_ORDER_CONFIGURATION",
            "PREVIEW_INVALID_ORDER_CONFIG",
        ),
        (order({}), "UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_INVALID_ORDER_CONFIG"),
        (order(None), "UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_INVALID_ORDER_CONFIG"),
        (order({"market_market_ioc": {}}), "INVALID_REQUEST", NO_PREVIEW),
        (order({"market_market_ioc": {"base_size": "1", "quote_size": "1"}}), "INVALID_REQUEST", NO_PREVIEW),
        (order(limit()["order_configuration"], side="HOLD"), "INVALID_SIDE", "PREVIEW_INVALID_SIDE"),
        (order(limit()["order_configuration"], product="NO-SUCH"), "INVALID_PRODUCT_ID", "PREVIEW_INVALID_PRODUCT_ID"),
        (order(limit()["order_configuration"], cl_ord_id=""), "INVALID_REQUEST", NO_PREVIEW),
        (
            order({"limit_limit_gtd": {"base_size": "1", "limit_price": "60000", "end_time": "2026-05-04T03:02:00Z"}}),
            *("END_TIME_IS_IN_THE_PAST", "PREVIEW_END_TIME_IS_IN_THE_PAST"),
        ),
        (
            order({"limit_limit_gtd": {"base_size": "1", "limit_price": "60000", "end_time": "tomorrow"}}),
            *("GTD_ORDERS_MUST_HAVE_END_TIME", "PREVIEW_GTD_ORDERS_MUST_HAVE_END_TIME"),
        ),
    ],
)
def test_a_refused_order_is_http_200_with_its_reasons(
    world: World, request_body: dict[str, Any], new: str, preview: str
) -> None:
    assert refused(world, request_body) == (new, preview)
    assert world.call("GET", "/orders/historical/batch")["orders"] == []


def test_a_body_that_is_no_order_is_400(world: World) -> None:
    for body in (b"", b"{", b"[]", b'{"order_configuration": 5}', b'{"side": null}', b"\xff"):
        answer = world.http("POST", f"{API}/orders", body)
        assert answer.status == 400
        assert json.loads(answer.body)["error"] == "INVALID_ARGUMENT"


def test_the_same_request_again_makes_no_second_order(world: World) -> None:
    first = world.call("POST", "/orders", limit())
    assert world.call("POST", "/orders", limit()) == first
    assert len(world.call("GET", "/orders/historical/batch")["orders"]) == 1


def test_another_order_under_the_same_id_is_refused_even_when_the_first_is_done(world: World) -> None:
    order_id = place(world, limit())
    world.call("POST", "/orders/batch_cancel", {"order_ids": [order_id]})
    assert refused(world, limit("0.2")) == ("DUPLICATE_CLIENT_ORDER_ID", NO_PREVIEW)


def test_a_refused_order_may_be_tried_again_under_its_id(world: World) -> None:
    refused(world, limit("1000"))
    place(world, limit("0.1"))


# --------------------------------------------------------------------------- editing, cancelling


def edit(world: World, **request: Any) -> Any:
    answer = world.call("POST", "/orders/edit", request)
    return "edited" if answer["success"] else answer["errors"][0]["edit_failure_reason"]


def test_an_edit_sets_price_and_total_size_under_the_same_ids(world: World) -> None:
    order_id = place(world, limit())
    line = RawLine(world, "user_ws")
    line.subscribe("user")
    assert edit(world, order_id=order_id, price="63001", size="0.2") == "edited"
    shown = world.call("GET", f"/orders/historical/{order_id}")["order"]
    assert shown["order_configuration"]["limit_limit_gtc"] == {
        "base_size": "0.2",
        "limit_price": "63001",
        "post_only": False,
    }
    assert shown["client_order_id"] == "1"
    world.publish()
    told = line.frames[-1]["events"][0]["orders"][0]
    assert (told["status"], told["limit_price"], told["leaves_quantity"]) == ("OPEN", "63001", "0.2")


def test_what_an_edit_leaves_out_stays(world: World) -> None:
    order_id = place(world, limit())
    assert edit(world, order_id=order_id, price=None, size="0.05") == "edited"
    shown = world.call("GET", f"/orders/historical/{order_id}")["order"]["order_configuration"]["limit_limit_gtc"]
    assert (shown["limit_price"], shown["base_size"]) == ("63000", "0.05")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"price": "63000", "size": "0.5"}, "EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST"),
        ({"price": "63000", "size": "0.25"}, "CANNOT_EDIT_TO_BELOW_FILLED_SIZE"),
        ({"price": "63000.005", "size": "0.5"}, "INVALID_EDITED_PRICE"),
        ({"price": "x", "size": "0.5"}, "INVALID_EDITED_PRICE"),
        ({"price": "63000", "size": "0.000000001"}, "INVALID_EDITED_SIZE"),
        ({"price": "63000", "size": "-1"}, "INVALID_EDITED_SIZE"),
        ({"price": "63000", "size": "0.6", "stop_price": "1"}, "INVALID_EDITED_STOP_PRICE"),
        ({"price": "63000", "size": "3000"}, "COMMANDER_REJECTED_EDIT_ORDER"),
    ],
)
def test_an_edit_that_cannot_be_is_refused_by_its_reason(world: World, change: dict[str, Any], reason: str) -> None:
    order_id = place(world, limit("0.5", "64010"))
    assert edit(world, order_id=order_id, price="63000", size="0.5") == "edited"
    assert edit(world, order_id=order_id, **change) == reason


def test_only_open_limit_orders_that_are_good_until_cancelled_can_be_edited(world: World) -> None:
    assert edit(world, order_id="none", price="1", size="1") == "ORDER_NOT_FOUND"
    assert edit(world, price="1", size="1") == "ORDER_NOT_FOUND"
    market = place(world, order({"market_market_ioc": {"base_size": "0.1"}}, "2"))
    assert edit(world, order_id=market, price="1", size="1") == "ONLY_LIMIT_ORDER_EDITS_SUPPORTED"
    filled = place(world, limit("0.1", "64010", "3"))
    assert edit(world, order_id=filled, price="1", size="1") == "ONLY_OPEN_ORDERS_CAN_BE_EDITED"
    dated = {"limit_limit_gtd": {"base_size": "1", "limit_price": "60000", "end_time": "2026-05-04T03:03:00Z"}}
    assert edit(world, order_id=place(world, order(dated, "4")), price="1", size="1") == (
        "ORDER_EDIT_ORDER_TYPE_NOT_SUPPORTED"
    )


def test_each_cancel_of_a_batch_stands_alone(world: World) -> None:
    open_one, filled = place(world, limit()), place(world, limit("0.1", "64010", "2"))
    results = world.call("POST", "/orders/batch_cancel", {"order_ids": [open_one, "none", filled, open_one]})["results"]
    assert [(result["success"], result["failure_reason"], result["order_id"]) for result in results] == [
        (True, "UNKNOWN_CANCEL_FAILURE_REASON", open_one),
        (False, "UNKNOWN_CANCEL_ORDER", "none"),
        (False, "ORDER_IS_FULLY_FILLED", filled),
        (False, "DUPLICATE_CANCEL_REQUEST", open_one),
    ]
    assert world.call("GET", f"/orders/historical/{open_one}")["order"]["status"] == "CANCELLED"


def test_a_batch_holds_a_hundred(world: World) -> None:
    assert world.http("POST", f"{API}/orders/batch_cancel", {"order_ids": ["x"] * 101}).status == 400


# --------------------------------------------------------------------------- lists


def test_orders_are_listed_newest_first_by_status_in_pages(world: World) -> None:
    ids = [place(world, limit("0.01", str(50000 + n), str(n))) for n in range(5)]
    world.call("POST", "/orders/batch_cancel", {"order_ids": [ids[0]]})
    page = world.call("GET", "/orders/historical/batch", query="order_status=OPEN&limit=3")
    assert [entry["order_id"] for entry in page["orders"]] == [ids[4], ids[3], ids[2]]
    assert page["has_next"] is True
    rest = world.call("GET", "/orders/historical/batch", query=f"order_status=OPEN&limit=3&cursor={page['cursor']}")
    assert [entry["order_id"] for entry in rest["orders"]] == [ids[1]]
    assert (rest["has_next"], rest["cursor"]) == (False, "")
    done = world.call("GET", "/orders/historical/batch", query="order_status=CANCELLED&order_status=FILLED")
    assert [entry["order_id"] for entry in done["orders"]] == [ids[0]]
    assert len(world.call("GET", "/orders/historical/batch")["orders"]) == 5


def test_lists_refuse_values_that_are_none(world: World) -> None:
    for query in ("order_status=OPEN&order_status=FILLED", "order_status=DONE", "order_side=HOLD", "limit=many"):
        assert world.http("GET", f"{API}/orders/historical/batch", query=query).status == 400


def test_an_unknown_order_is_404(world: World) -> None:
    answer = world.http("GET", f"{API}/orders/historical/none")
    assert answer.status == 404
    assert json.loads(answer.body)["message"] == "order with this orderID was not found"


def test_fills_are_listed_newest_first(world: World) -> None:
    order_id = place(world, limit("1.25", "64020.01"))
    place(world, order({"market_market_ioc": {"base_size": "0.1"}}, "2", "SELL"))
    fills = world.call("GET", "/orders/historical/fills", query=f"order_ids={order_id}")["fills"]
    assert [(fill["price"], fill["size"], fill["liquidity_indicator"]) for fill in fills] == [
        ("64020.01", "1", "TAKER"),
        ("64010", "0.25", "TAKER"),
    ]
    assert len(world.call("GET", "/orders/historical/fills")["fills"]) == 3
    first = world.call("GET", "/orders/historical/fills", query="limit=1")
    second = world.call("GET", "/orders/historical/fills", query=f"limit=2&cursor={first['cursor']}")
    assert second["fills"] == fills


# --------------------------------------------------------------------------- whatever a client sends


@given(
    st.sampled_from(["GET", "POST", "PUT", ""]),
    st.one_of(
        st.sampled_from(["/orders", "/orders/edit", "/orders/batch_cancel", "/accounts", "/products/x", ""]), st.text()
    ),
    st.one_of(
        st.binary(max_size=100), st.dictionaries(st.text(max_size=5), st.integers()).map(json.dumps).map(str.encode)
    ),
    st.one_of(st.text(max_size=40), st.sampled_from(["limit=-1", "cursor=%ff", "limit=1&limit=x", "order_status"])),
)
def test_nothing_a_client_sends_brings_the_venue_down(method: str, path: str, body: bytes, query: str) -> None:
    world = World()
    for token in (None, "", "x"):
        answer = world.http(method, f"{API}{path}", body, token=token, query=query)
        assert answer.status in {200, 400, 401, 404, 405}
