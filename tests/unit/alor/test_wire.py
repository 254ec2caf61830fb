"""Payloads: our own vectors, and the samples beside the checkout, decode and come out the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import pytest

from venuewire.codec import decoder, encode, redacted, secret_fields
from venuewire.venues.alor.wire import access, account, candles, commands, frames, groups, market, risk, status, stops

SAMPLES = Path(__file__).parents[3] / ".." / "shared" / "spec" / "samples" / "alor"
Read = Callable[[bytes], Any]

DATA: dict[str, dict[str, Read]] = {
    frames.BOOK: market.read_book,
    frames.QUOTES: market.read_quote,
    frames.ALL_TRADES: market.read_all_trade,
    frames.ORDERS: account.read_order,
    frames.TRADES: account.read_trade,
    frames.POSITIONS: account.read_position,
    frames.BARS: candles.read_candle,
    frames.INSTRUMENTS: status.read_status,
    frames.SUMMARIES: account.read_summary,
    frames.RISKS: risk.read_risk,
    frames.SPECTRA_RISKS: risk.read_spectra_risk,
    frames.STOP_ORDERS: stops.read_stop_order,
    frames.OLD_STOP_ORDERS: stops.read_old_stop_order,
    "security": market.read_security,
    "summary": account.read_summary,
    "history": candles.read_history,
}
PLAIN: dict[str, Read] = {
    "refresh": access.read_refresh_request,
    "refresh 200": access.read_refresh_reply,
    "refresh 403": access.read_message,
    "reply": frames.read_reply,
    "order 200": commands.read_done,
    "order 400": commands.read_refused,
    "order 400 repeated": commands.read_repeated,
    "POST orders/actions/market": commands.read_http_order,
    "POST orders/actions/limit": commands.read_http_order,
    "POST orders/actions/stop": commands.read_http_order,
    "POST orders/actions/stopLimit": commands.read_http_order,
    "POST orderGroups": groups.read_group_request,
    "order group 200": groups.read_group_made,
    "order group 400": groups.read_group_refused,
    "order group": groups.read_group,
    "POST orders/estimate": groups.read_estimate_request,
    "estimate": groups.read_estimate,
    "risk rates": risk.read_risk_rates,
    "currency pairs": status.read_currency_pairs,
    "all trades history": market.read_all_trades_history,
}


def vectors() -> list[dict[str, Any]]:
    text = resources.files("venuewire.venues.alor").joinpath("vectors.jsonl").read_text(encoding="utf-8")
    return [exact(line) for line in text.splitlines()]


def exact(text: str | bytes) -> Any:
    return json.loads(text, parse_float=Decimal)


def assert_same(read: Read, payload: Any) -> None:
    """Decoded and encoded again it is the same JSON, digit by digit."""
    assert exact(encode(read(encode(payload)))) == payload


@pytest.mark.parametrize("row", vectors(), ids=lambda row: row["name"])
def test_a_vector_comes_out_as_it_went_in(row: dict[str, Any]) -> None:
    kind, payload = row["kind"], row["payload"]
    if "format" in row:
        if "data" in payload:
            frame = frames.read_incoming(encode(payload))
            assert frame.guid == payload["guid"]
            assert exact(bytes(frame.data)) == payload["data"]
            payload = payload["data"]
        assert_same(DATA[kind][row["format"]], payload)
    elif row["direction"] == "in" or row["line"] in {"http", "oauth"}:
        assert_same(PLAIN[kind], payload)
    elif row["line"] == "ws" or kind == frames.PING:
        assert_same(frames.read_request[kind.lower()], payload)
    else:
        assert_same(commands.read_command[kind.lower()], payload)


def test_there_is_a_vector_for_each_opcode_and_each_answer() -> None:
    kinds = {row["kind"] for row in vectors()}
    assert kinds >= {*frames.REQUESTS, *commands.COMMANDS, *PLAIN, *DATA}
    codes = {row["payload"]["httpCode"] for row in vectors() if row["kind"] == "reply"}
    assert codes == {200, 206, 400, 401, 403, 404}


# --------------------------------------------------------------------------- the samples beside the checkout


def sample(name: str) -> Any:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"no samples beside the checkout: {path.name}")
    return exact(path.read_text(encoding="utf-8"))


def bodies(element: dict[str, Any]) -> Iterator[Any]:
    frame = element["frame"]
    if isinstance(frame, list):
        yield from frame
    else:
        yield frame.get("data", frame)


IN_THREE_FORMATS: dict[str, dict[str, Read]] = {
    "ws_data_order_book.json": market.read_book,
    "http_order_book.json": market.read_book,
    "ws_data_quotes.json": market.read_quote,
    "http_quotes.json": market.read_quote,
    "http_actual_futures_quote.json": market.read_quote,
    "ws_data_all_trades.json": market.read_all_trade,
    "http_all_trades.json": market.read_all_trade,
    "http_security.json": market.read_security,
    "http_securities.json": market.read_security,
    "ws_data_bars.json": candles.read_candle,
    "http_history.json": candles.read_history,
    "ws_data_instruments_full.json": status.read_status,
    "ws_data_instruments_partial.json": status.read_status,
    "ws_data_orders.json": account.read_order,
    "http_orders.json": account.read_order,
    "http_order.json": account.read_order,
    "ws_data_stop_orders_v2.json": stops.read_stop_order,
    "http_stop_orders.json": stops.read_stop_order,
    "http_stop_order.json": stops.read_stop_order,
    "ws_data_stop_orders_v1_deprecated.json": stops.read_old_stop_order,
    "ws_data_trades.json": account.read_trade,
    "http_trades.json": account.read_trade,
    "http_trade_v1_deprecated.json": account.read_trade,
    "ws_data_positions.json": account.read_position,
    "http_positions.json": account.read_position,
    "http_position.json": account.read_position,
    "ws_data_summaries.json": account.read_summary,
    "http_summary.json": account.read_summary,
    "ws_data_risks.json": risk.read_risk,
    "http_risk.json": risk.read_risk,
    "ws_data_spectra_risks.json": risk.read_spectra_risk,
    "http_forts_risk.json": risk.read_spectra_risk,
}
PLAIN_SAMPLES: dict[str, Read] = {
    "http_currency_pairs.json": status.read_currency_pairs,
    "http_estimate_order.json": groups.read_estimate,
    "http_order_group.json": groups.read_group,
    "http_risk_rates.json": risk.read_risk_rate,
    "http_time.json": decoder(int),
    "http_available_boards.json": decoder(list[str]),
}


@pytest.mark.parametrize(("name", "readers"), IN_THREE_FORMATS.items(), ids=list(IN_THREE_FORMATS))
def test_a_sample_comes_out_as_it_went_in(name: str, readers: dict[str, Read]) -> None:
    seen = set()
    for element in sample(name):
        form = element["tag"].rpartition("_")[2]
        seen.add(form)
        for body in bodies(element):
            assert_same(readers[form], body)
    assert seen == {"Simple", "Slim", "Heavy"}


@pytest.mark.parametrize(("name", "read"), PLAIN_SAMPLES.items(), ids=list(PLAIN_SAMPLES))
def test_a_sample_in_one_form_comes_out_as_it_went_in(name: str, read: Read) -> None:
    for element in sample(name):
        assert_same(read, element["frame"])


def test_the_sample_of_past_trades_comes_out_as_it_went_in() -> None:
    for element in sample("http_all_trades_history.json"):
        assert_same(market.read_all_trades_history, element["frame"])
        assert_same(market.read_all_trade[element["tag"]], element["frame"]["list"])


def test_the_sample_of_refreshing_comes_out_as_it_went_in() -> None:
    read = 0
    for element in sample("auth_refresh.json"):
        body = element.get("body")
        if body is not None:
            reader: Read = access.read_refresh_reply if "AccessToken" in body else access.read_refresh_request
            assert_same(reader, body)
            read += 1
    assert read == 2


def test_the_sample_of_a_decoded_token_comes_out_as_it_went_in() -> None:
    token = sample("auth_jwt_decoded.json")
    assert_same(access.read_token_header, token["header"])
    assert_same(access.read_claims, token["claims"])


OTHER_SAMPLES = {
    *("ws_ack_200.json", "ws_error_401.json", "cws_replies.json", "ws_requests_subscribe.json"),
    *("ws_request_order_book_seed.json", "ping_undocumented.json", "cws_requests_commands.json"),
    *("cws_requests_docs.json", "ws_live_log_order_book_pair.json", "ws_sdk_test_frame.json"),
    *("http_order_requests.json", "http_order_replies.json", "http_all_trades_history.json"),
    *("auth_refresh.json", "auth_jwt_decoded.json"),
}
LEFT_OUT = {"http_trading_session_deprecated.json"}
"""Deprecated by the venue, and said so in the README."""


def test_no_sample_is_left_out_unsaid() -> None:
    if not SAMPLES.exists():
        pytest.skip("no samples beside the checkout")
    there = {path.name for path in SAMPLES.glob("*.json")}
    assert there == {*IN_THREE_FORMATS, *PLAIN_SAMPLES, *OTHER_SAMPLES, *LEFT_OUT}


def test_sample_replies_come_out_as_they_went_in() -> None:
    for name in ("ws_ack_200.json", "ws_error_401.json"):
        for frame in sample(name):
            assert_same(frames.read_reply, frame)
    for element in sample("cws_replies.json"):
        assert_same(frames.read_reply, element["frame"])


def test_sample_requests_come_out_as_they_went_in() -> None:
    read = 0
    known: dict[str, Read] = {**frames.read_request, **commands.read_command}
    for name in (
        "ws_requests_subscribe.json",
        "ws_request_order_book_seed.json",
        "ping_undocumented.json",
        "cws_requests_commands.json",
        "cws_requests_docs.json",
    ):
        for request in sample(name):
            assert_same(known[request["opcode"].lower()], request)
            read += 1
    assert read == 34


def test_sample_frames_of_live_logs_are_opened() -> None:
    for name in ("ws_live_log_order_book_pair.json", "ws_sdk_test_frame.json"):
        for frame in sample(name):
            opened = frames.read_incoming(encode(frame))
            if "data" in frame:
                assert_same(market.read_book["Simple"], exact(bytes(opened.data)))
            else:
                assert opened.requestGuid == frame["requestGuid"]


def test_sample_http_order_bodies_come_out_as_they_went_in() -> None:
    others: dict[str, Read] = {
        "OrderGroupCreate": groups.read_group_request,
        "EstimateOrder": groups.read_estimate_request,
    }
    for element in sample("http_order_requests.json"):
        assert_same(others.get(element["tag"], commands.read_http_order), element["body"])
    readers: dict[str, Read] = {"2": commands.read_done, "4": commands.read_refused}
    for element in sample("http_order_replies.json"):
        body, tag = element["body"], element["tag"]
        if not isinstance(body, dict):
            continue
        if "group" in tag:
            read: Read = groups.read_group_made if tag.startswith("200") else groups.read_group_refused
        else:
            read = commands.read_repeated if "oldResponse" in body else readers[tag[0]]
        assert_same(read, body)


# --------------------------------------------------------------------------- rules


def test_acknowledgements_begin_with_request_guid_and_data_frames_with_data() -> None:
    reply = frames.Reply(requestGuid="7", httpCode=200, message=frames.HANDLED)
    assert encode(reply) == b'{"requestGuid":"7","httpCode":200,"message":"Handled successfully"}'
    pushed = frames.Pushed(data=msgspec.Raw(b'{"b":[]}'), guid="b0_3")
    assert encode(pushed) == b'{"data":{"b":[]},"guid":"b0_3"}'


@pytest.mark.parametrize(
    "record",
    [
        access.RefreshRequest,
        access.RefreshReply,
        frames.SubscribeInstrument,
        frames.SubscribePortfolio,
        frames.Unsubscribe,
        frames.Ping,
        commands.Authorize,
    ],
)
def test_tokens_are_marked_secret(record: type[msgspec.Struct]) -> None:
    assert secret_fields(record) <= {"token", "AccessToken"}
    assert secret_fields(record)


def test_a_shown_request_shows_no_token() -> None:
    ping = frames.Ping(opcode="ping", guid="1", token="aaa.bbb.ccc", confirm=True)
    assert b"aaa.bbb" not in encode(redacted(ping))
