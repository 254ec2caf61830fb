"""The records: everything documented decodes, and comes out again as it went in."""

from __future__ import annotations

import json
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ctrader.ends import Client, Sandbox

from venuewire.codec import decoder, encode, secret_fields
from venuewire.errors import RemoteProtocolError
from venuewire.model.session import VenueRequest
from venuewire.venues.ctrader.wire import market, model, session, trading, words
from venuewire.venues.ctrader.wire.session import VersionReq
from venuewire.venues.ctrader.wire.table import ANSWERS, HEARTBEAT_FRAME, REQUESTS, TABLE, frame, open_frame
from venuewire.venues.ctrader.wire.unknown import keep_unknown, unknown

SAMPLES = Path(__file__).parents[3].parent / "shared" / "spec" / "samples" / "ctrader"

VECTORS: list[dict[str, Any]] = [
    json.loads(line, parse_float=Decimal)
    for line in resources.files("venuewire.venues.ctrader").joinpath("vectors.jsonl").read_text().splitlines()
]
FRAMES = [row for row in VECTORS if row["line"] == "ws"]


def plain(payload: bytes) -> Any:
    return json.loads(payload, parse_float=Decimal)


def again(message: dict[str, Any]) -> Any:
    """Through the records and back."""
    envelope = open_frame(encode(message))
    record = TABLE.decode(envelope.kind, envelope.body)
    assert record is not None
    return plain(frame(record, envelope.ref))


def as_sent(message: dict[str, Any]) -> dict[str, Any]:
    """What the venue itself would make of a request: no empty payload, lists as lists, no key it does not know."""
    body = message.get("payload")
    if body == {}:
        return {key: value for key, value in message.items() if key != "payload"}
    if body is None or "accessToken" not in body or message["payloadType"] != 2106:
        return message
    return {**message, "payload": {key: value for key, value in body.items() if key != "accessToken"}}


@pytest.mark.parametrize("row", FRAMES, ids=lambda row: row["name"])
def test_every_vector_decodes_and_encodes_to_the_same(row: dict[str, Any]) -> None:
    assert again(row["payload"]) == as_sent(row["payload"])
    assert row["kind"] == row["payload"]["payloadType"]
    assert row["kind"] in (ANSWERS if row["direction"] == "in" else REQUESTS) or row["kind"] == 51


@pytest.mark.parametrize("row", [row for row in VECTORS if row["line"] == "token"], ids=lambda row: row["name"])
def test_the_token_endpoint_has_its_vectors(row: dict[str, Any]) -> None:
    record: Any = session.TokenBody if row["payload"].get("accessToken") else session.TokenError
    assert plain(encode(decoder(record)(encode(row["payload"])))) == row["payload"]


def test_there_is_a_vector_for_every_message() -> None:
    assert {row["kind"] for row in FRAMES} == {*REQUESTS, *ANSWERS}


CORE = [
    *("req_2100_app_auth", "req_2102_account_auth", "req_2106_limit_order", "res_2101_app_auth", "event_51_heartbeat"),
    *("err_2132_from_issue", "err_2142_client_auth_failure", "err_2142_malformed_json", "err_2142_rate_limit"),
    *("err_2142_token_expired", "json_2103_account_auth", "json_2126_market_order_flow", "rec_2103_account_auth"),
    *("rec_2115_symbols_list", "rec_2117_symbol_by_id", "rec_2122_trader_after_trading"),
    *("rec_2122_trader_before_trading", "rec_2125_reconcile_variants", "rec_2126_sltp_replaced_trailing"),
    *("rec_2131_spot_index_first", "rec_2131_spot_sequence", "rec_2131_spot_without_bar"),
    *("rec_2132_cancel_unknown_order", "rec_2142_order_details_unknown", "rec_2150_account_list"),
    *("rec_flow_amend_sltp", "rec_flow_full_close", "rec_flow_limit_amend_cancel_with_levels"),
    *("rec_flow_limit_place_cancel", "rec_flow_market_with_relative_sltp", "rec_flow_partial_close"),
    *("rec_flow_stop_loss_trigger", "rec_2107_trailing_sl_changed", "rec_2119_conversion_chain"),
    *("rec_2138_trendbars_m15", "rec_2144_cash_flow", "rec_2144_cash_flow_empty", "rec_2180_deals_by_position"),
    *("rec_2180_deals_empty", "rec_2182_order_details", "rec_2184_orders_by_position"),
]
FRAGMENTS: dict[str, Any] = {
    "json_2117_symbol_details": model.Symbol,
    "json_2125_reconcile_position": model.Position,
}


def sample(name: str) -> Any:
    path = SAMPLES / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the recorded samples are not beside this checkout: {path.name}")
    return plain(path.read_bytes())


@pytest.mark.parametrize("name", CORE)
def test_recorded_frames_decode_and_encode_to_the_same(name: str) -> None:
    found = sample(name)
    for message in found if isinstance(found, list) else [found]:
        # Fields of surplus keys in requests are ignored, as the venue does.
        assert again(message) == as_sent(message)


@pytest.mark.parametrize("name", sorted(FRAGMENTS))
def test_recorded_fragments_decode_and_encode_to_the_same(name: str) -> None:
    found = sample(name)
    for part in found if isinstance(found, list) else [found]:
        assert plain(encode(decoder(FRAGMENTS[name])(encode(part)))) == part


def test_the_token_endpoints_sample_decodes() -> None:
    body = sample("token_endpoint_response")
    assert plain(encode(decoder(session.TokenBody)(encode(body)))) == body


def test_a_message_without_fields_has_no_payload_key() -> None:
    assert frame(session.ApplicationAuthRes()) == b'{"payloadType":2101}'
    assert frame(session.ApplicationAuthRes(), "7") == b'{"payloadType":2101,"clientMsgId":"7"}'
    assert HEARTBEAT_FRAME == b'{"payloadType":51}'


def test_absent_is_not_null_and_zero_is_not_absent() -> None:
    event = market.SpotEvent(ctid_trader_account_id=1, symbol_id=2, bid=0)
    assert frame(event) == b'{"payloadType":2131,"payload":{"ctidTraderAccountId":1,"symbolId":2,"bid":0}}'


def test_prices_are_numbers_and_lose_no_digit() -> None:
    body = b'{"executionType":2,"order":{"orderId":1,"limitPrice":1.14463000000000000001}}'
    record = TABLE.decode(2126, body)
    assert isinstance(record, trading.ExecutionEvent)
    assert record.order is not None
    assert record.order.limit_price == Decimal("1.14463000000000000001")
    assert frame(record).endswith(b'"limitPrice":1.14463000000000000001}}}')


def test_integers_may_come_as_text_and_unknown_keys_are_ignored() -> None:
    record = TABLE.decode(2155, b'{"ctidTraderAccountId":"5","symbolId":"1","field41":{"x":[1]},"deletedQuotes":["9"]}')
    assert record == market.DepthEvent(ctid_trader_account_id=5, symbol_id=1, deleted_quotes=(9,))


def test_one_number_stands_for_a_list() -> None:
    one = TABLE.decode(2127, b'{"ctidTraderAccountId":5,"symbolId":41}')
    many = TABLE.decode(2127, b'{"ctidTraderAccountId":5,"symbolId":[41]}')
    assert isinstance(one, market.SubscribeSpotsReq)
    assert isinstance(many, market.SubscribeSpotsReq)
    assert market.as_ids(one.symbol_id) == market.as_ids(many.symbol_id) == (41,)


def test_requests_may_name_enumerations() -> None:
    assert words.number_of(words.OrderType, "MARKET") == words.number_of(words.OrderType, 1) == 1
    assert words.number_of(words.TradeSide, "SELL") == words.number_of(words.TradeSide, "2") == 2
    for other in ("market", 9, "", "-1", "9" * 30):
        with pytest.raises(ValueError, match="not a valid"):
            words.number_of(words.OrderType, other)


def test_an_unknown_number_is_news_and_no_damage() -> None:
    assert TABLE.decode(2199, b"{}") is None
    later = TABLE.decode(2126, b'{"executionType":77}')
    assert isinstance(later, trading.ExecutionEvent)


def test_secrets_are_marked() -> None:
    assert secret_fields(session.ApplicationAuthReq) == {"clientSecret"}
    assert secret_fields(session.AccountAuthReq) == {"accessToken"}
    assert secret_fields(session.RefreshTokenRes) == {"accessToken", "refreshToken"}
    assert secret_fields(session.TokenBody) == {"accessToken", "refreshToken", "access_token", "refresh_token"}


@pytest.mark.parametrize(
    "payload",
    [b"", b"hello", b"[]", b"{}", b'{"payloadType":"x"}', b'{"payloadType":2131', b"\xff\xfe", b"[" * 10_000],
)
def test_what_is_no_envelope_is_damage(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        open_frame(payload)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (2131, b"{}"),
        (2131, b'{"ctidTraderAccountId":1,"symbolId":1,"bid":-5}'),
        (2155, b'{"ctidTraderAccountId":1,"symbolId":1,"newQuotes":[{"id":1}]}'),
        (2155, b'{"ctidTraderAccountId":1,"symbolId":1,"newQuotes":[{"id":1,"size":1,"bid":1e99}]}'),
        (2126, b'{"executionType":' + b"1" * 5000 + b"}"),
        (2142, b"[]"),
        (2103, b"null"),
    ],
)
def test_a_damaged_body_is_damage(kind: int, body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        TABLE.decode(kind, body)


@given(row=st.sampled_from(FRAMES), place=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_a_garbled_frame_decodes_or_is_damage(row: dict[str, Any], place: int, byte: int) -> None:
    payload = encode(row["payload"])
    place %= len(payload)
    try:
        envelope = open_frame(payload[:place] + bytes([byte]) + payload[place + 1 :])
        TABLE.decode(envelope.kind, envelope.body)
    except RemoteProtocolError:
        pass


def test_what_the_schema_does_not_name_is_kept() -> None:
    trader = b'{"ctidTraderAccountId":5,"balance":1,"depositAssetId":2,"n":[1]}'
    body = b'{"ctidTraderAccountId":5,"balanceX":1.10,"trader":' + trader + b"}"
    message = TABLE.decode(2122, body)
    assert message is not None
    keep_unknown(message, body)
    assert unknown(message) == {"balanceX": Decimal("1.10"), "trader.n": [1]}
    assert message == TABLE.decode(2122, body)
    plain = b'{"ctidTraderAccountId":5,"asset":[{"assetId":1,"name":"USD"},{"assetId":2,"name":"EUR","z":null}]}'
    listed = TABLE.decode(2113, plain)
    assert listed is not None
    keep_unknown(listed, plain)
    assert unknown(listed) == {"asset[1].z": None}
    assert unknown(TABLE.decode(2104, b"{}")) == {}  # type: ignore[arg-type]


def test_answers_and_news_keep_what_the_schema_does_not_name() -> None:
    ours = Client(Sandbox()).start()
    (effect,) = ours.initiator.send(VenueRequest(message=VersionReq(), ref="9"), 0)
    assert getattr(effect, "ref", None) == "9"
    (reply,) = ours.hear(2105, {"version": "92", "build": {"a": 1}}, "9")
    assert unknown(reply.message) == {"build": {"a": 1}}
    news, _ = ours.hear(2120, {"ctidTraderAccountId": 5, "symbolId": [1], "why": "x"})
    assert unknown(news.message) == {"why": "x"}
