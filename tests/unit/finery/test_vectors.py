"""Every vector, and every sample of the venue's that the core covers, decodes and encodes to the same JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from venuewire.codec import encode
from venuewire.venues import finery
from venuewire.venues.finery import signing, translate, wire
from venuewire.venues.finery.wire import clearing, feeds, methods

FOLDER = Path(finery.__file__).parent
SAMPLES = Path(__file__).parents[3] / ".." / "shared" / "spec" / "samples" / "finery"

VECTORS: list[dict[str, Any]] = [
    json.loads(line) for line in (FOLDER / "vectors.jsonl").read_text(encoding="utf-8").splitlines()
]

PAYLOADS: dict[str, Any] = {
    "S": {
        "F": wire.Levels,
        "B": wire.Levels,
        "O": list[wire.Order],
        "K": list[wire.Position],
        "MD": wire.Levels,
    },
    "M": {"F": wire.LevelChanges, "B": wire.LevelChanges, "K": wire.Position},
    "+": {"O": wire.Order, "K": wire.Position},
    "-": {"O": wire.Order, "K": wire.Position},
    "D": {"O": wire.Deal},
}
ORDERS: dict[str, tuple[Any, Any]] = {
    "add": (wire.Add, wire.Added),
    "authorized/add": (wire.AddAuthorized, wire.Added),
    "algo/order/add": (wire.Add, wire.Added),
    "del": (wire.Del, wire.Deleted),
    "delAll": (wire.DelAll, wire.Removed),
    "mod": (wire.Mod, wire.Modified),
}
PARAMETERS: dict[str, Any] = {
    **{method: parameters for method, (parameters, _) in ORDERS.items()},
    **{method: record for record, (method, _) in methods.METHODS.items()},
}
REPLIES: dict[str, Any] = dict(methods.METHODS.values())


def bare(found: Any) -> Any:
    """A record of ours as JSON values of the venue's: lists of rows stand alone there."""
    if isinstance(found, feeds.Account):
        found = wire.Positions(found.nextId, found.positions, found.orders, found.settlements)  # type: ignore[arg-type]
    return json.loads(encode(wire.plain(getattr(found, "rows", found))))


def reply_there_and_back(method: str, value: Any) -> Any:
    """A reply, read as our end reads it."""
    if method in ORDERS:
        return there_and_back(value, ORDERS[method][1])
    return bare(REPLIES[method](json.dumps(value).encode()))


def there_and_back(value: Any, record: Any) -> Any:
    """`value` decoded as `record` and encoded again, as JSON values."""
    decoded = msgspec.json.decode(json.dumps(value), type=record)
    return json.loads(encode(wire.plain(decoded)))


def push_there_and_back(value: list[Any]) -> list[Any]:
    push = wire.push(json.dumps(value).encode())
    record = PAYLOADS.get(push.action, {}).get(push.feed)
    body = json.loads(bytes(push.payload))
    kind = push.feed + push.action
    if kind in feeds.KINDS:
        again = bare(feeds.told(kind, bytes(push.payload)).says)
        return [push.feed, push.feedId, push.action, again if again == body else again[0]]
    if push.feed == "K" and push.action == "S" and isinstance(body[0], int):
        return [push.feed, push.feedId, push.action, [body[0], there_and_back(body[1], list[wire.Position])]]
    if record is not None:
        body = there_and_back(body, record)
    else:
        assert push.action in {"U", "Z"}
        assert wire.failure_code(bytes(push.payload)) >= 0
    return [push.feed, push.feedId, push.action, body]


def message_there_and_back(value: dict[str, Any], kind: str) -> Any:
    """A message of ours or an answer of theirs."""
    match value.get("event"):
        case "bind" | "unbind":
            return there_and_back(value, wire.Bind)
        case "auth" if "key" in value:
            return there_and_back(value, wire.Auth)
        case "ping":
            return there_and_back(value, wire.Ping)
        case "request" if "method" in value:
            found = there_and_back(value, wire.Request)
            return {
                **found,
                **({"content": there_and_back(value["content"], PARAMETERS[kind])} if "content" in value else {}),
            }
        case _:
            return json.loads(encode(wire.answer(json.dumps(value).encode())))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_vector_is_the_same_there_and_back(vector: dict[str, Any]) -> None:
    payload, kind = vector["payload"], vector["kind"]
    if isinstance(payload, list):
        assert payload[0] + payload[2] == kind
        assert push_there_and_back(payload) == payload
    elif kind == "EFX-Content":
        assert there_and_back(payload, wire.Content) == payload
    elif vector["line"] == "http" and vector["direction"] == "out":
        stamps = {name: payload[name] for name in ("nonce", "timestamp")}
        rest = {name: value for name, value in payload.items() if name not in stamps}
        assert {**there_and_back(rest, PARAMETERS[kind]), **stamps} == payload
    else:
        assert message_there_and_back(payload, kind) == payload


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["kind"] == "reply"], ids=lambda vector: vector["name"])
def test_the_reply_of_a_vector_is_the_same_there_and_back(vector: dict[str, Any]) -> None:
    reply, method = vector["payload"]["reply"], vector["name"].split("-")[1]
    assert reply_there_and_back(method, reply) == reply


def test_every_vector_says_what_it_is_and_where_its_shape_is_from() -> None:
    assert len({vector["name"] for vector in VECTORS}) == len(VECTORS)
    for vector in VECTORS:
        assert set(vector) == {"name", "direction", "line", "kind", "payload", "source"}
        assert vector["source"]


# --------------------------------------------------------------------------- the venue's own samples


def sample(name: str) -> Any:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"no samples beside the checkout: {name}")
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("method", ["add", "del", "delAll", "mod", "book"])
def test_samples_of_methods(method: str) -> None:
    found = sample(f"rest_{method}.json")
    assert there_and_back(found["request"], PARAMETERS[method]) == found["request"]
    assert reply_there_and_back(method, found["response"]) == found["response"]
    if "error_response" in found:
        assert there_and_back(found["error_response"], wire.Reply) == found["error_response"]


def test_sample_of_a_mod_that_lost_the_old_order() -> None:
    found = sample("rest_mod.json")["error_response_old_order_removed"]
    assert there_and_back(found, wire.ModifiedOverHttp) == found


@pytest.mark.parametrize("name", ["rest_instruments_docs.json", "rest_instruments_observed_2023.json"])
def test_samples_of_instruments(name: str) -> None:
    found = sample(name)
    rows = found["response"] if isinstance(found, dict) else found
    assert there_and_back(rows, wire.Listing) == rows


def test_samples_of_single_rows() -> None:
    rows = sample("rest_instruments_rows_observed_2024.json")
    for name, record in (("currency", wire.Currency), ("instrument", wire.Instrument), ("network", wire.Network)):
        assert there_and_back(rows[f"{name}_row"], record) == rows[f"{name}_row"]


@pytest.mark.parametrize("name", ["rest_positions_docs.json", "rest_positions_observed_2023.json"])
def test_samples_of_positions(name: str) -> None:
    found = sample(name)
    rows = found["response"] if isinstance(found, dict) else found
    assert there_and_back(rows, wire.Positions) == rows


def test_samples_of_deals() -> None:
    found = sample("rest_dealHistory_docs.json")
    rows = [*found["response"], *found["response_older_19_fields"], sample("deal_row_observed_2024.json")]
    assert {len(row) for row in rows} == {19, 21, 24}
    assert there_and_back(rows, list[wire.Deal]) == rows
    for row in rows:
        report = translate.deal_report(wire.deal(json.dumps(row).encode()), 0)
        assert report.exec_id == str(row[11])


def test_the_observed_deal_means_what_it_meant() -> None:
    """85000000 of 1e-8 at 66748.59047619, the last of a market order of one bitcoin."""
    report = translate.deal_report(wire.deal(json.dumps(sample("deal_row_observed_2024.json")).encode()), 7)
    assert (str(report.last_qty), str(report.last_px)) == ("0.85000000", "66748.59047619")
    assert (report.ord_status, report.last_liquidity_ind) == ("FILLED", "TAKER")
    assert (report.order_id, report.cl_ord_id, report.price) == ("48221507535", "", None)
    assert report.transact_time == 1709716088_000_000_000


def test_samples_of_pushes() -> None:
    pushes = [*sample("ws_book_updates.json"), *sample("ws_status_x.json")]
    assert [push_there_and_back(push) for push in pushes] == pushes


def test_samples_of_what_clients_send() -> None:
    for message in sample("ws_bind_unbind_requests.json"):
        assert there_and_back(message, wire.Bind) == message
    for message in sample("ws_requests.json"):
        record: Any = wire.Ping if message["event"] == "ping" else wire.Request
        assert there_and_back(message, record) == message
    auth = sample("ws_auth_event.json")
    assert there_and_back(auth, wire.Auth) == auth


def test_samples_of_orders_of_masters_and_of_algorithms() -> None:
    found = sample("rest_add_authorized.json")
    assert there_and_back(found["request"], wire.AddAuthorized) == found["request"]
    assert there_and_back(found["response"], wire.Added) == found["response"]
    algo = sample("rest_add_algo.json")["request"]
    assert there_and_back(algo, wire.Add) == algo


def test_samples_of_settlements() -> None:
    found = sample("rest_settlements.json")
    assert len(found) == 10
    for method, both in found.items():
        assert there_and_back(both["request"], PARAMETERS[method]) == both["request"]
        assert reply_there_and_back(method, both["response"]) == both["response"]
    old = clearing.settlements(json.dumps(found["settlementHistory"]["response"]).encode())
    assert all(isinstance(row, clearing.SettlementDealRowG1) for row in old.rows)


def test_samples_of_legacy_limits() -> None:
    found = sample("rest_limits_legacy.json")
    assert reply_there_and_back("limits", found["limits"]) == found["limits"]
    assert reply_there_and_back("climits", found["climits_8_fields"]) == found["climits_8_fields"]
    for method in ("setLimit", "setCLimit", "delCLimit"):
        request = found[f"{method}_request"]
        assert there_and_back(request, PARAMETERS[method]) == request
    assert reply_there_and_back("setLimit", found["ok_response"]) == found["ok_response"]


def test_samples_of_clients() -> None:
    for method, both in sample("rest_client_management.json").items():
        assert there_and_back(both["request"], PARAMETERS[method]) == both["request"]
        assert reply_there_and_back(method, both["response"]) == both["response"]


def test_samples_of_settlement_orders_in_positions() -> None:
    for name in ("rest_positions_docs.json", "rest_positions_observed_2023.json"):
        found = sample(name)
        rows = (found["response"] if isinstance(found, dict) else found)[3]
        again = [clearing.settlement_row(json.dumps(row).encode()) for row in rows]
        assert all(isinstance(row, clearing.SettlementOrderRow) for row in again)
        assert json.loads(encode(wire.plain(again))) == rows


def test_sample_of_an_order_on_the_quote_streams() -> None:
    found = sample("ws_qs_lp_add_event.json")
    assert there_and_back(found, clearing.StreamedOrder) == found


def test_samples_of_signatures() -> None:
    found = sample("auth_vectors.json")
    for vector in found["vectors"]:
        signature = signing.sign(found["secret"], vector["string_to_sign"].encode())
        assert signature == vector["signature"] == vector.get("published_signature", signature)
    auth = sample("ws_auth_event.json")
    assert signing.sign(found["secret"], auth["content"].encode()) == auth["signature"]


def test_no_sample_is_left_out() -> None:
    """Each file beside the checkout is named by a test here."""
    names = {path.name for path in SAMPLES.glob("*.json")}
    if not names:
        pytest.skip("no samples beside the checkout")
    text = Path(__file__).read_text(encoding="utf-8")
    by_method = {f"rest_{method}.json" for method in ("add", "del", "delAll", "mod", "book")}
    assert not {name for name in names - by_method if f'"{name}"' not in text}
