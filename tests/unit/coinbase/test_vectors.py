"""Every vector, and every sample of the venue's that the core covers, decodes and encodes to the same JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from venuewire.codec import decoder, encode
from venuewire.venues import coinbase
from venuewire.venues.coinbase import orders, translate
from venuewire.venues.coinbase.wire import pages, rest, stream

FOLDER = Path(coinbase.__file__).parent
SAMPLES = Path(__file__).parents[3] / ".." / "shared" / "spec" / "samples" / "coinbase"
VECTORS: list[dict[str, Any]] = [
    json.loads(line) for line in (FOLDER / "vectors.jsonl").read_text(encoding="utf-8").splitlines()
]

REST: dict[str, type[msgspec.Struct]] = {
    "create_order": rest.CreateOrder,
    "create_order_answer": rest.CreateAnswer,
    "edit_order": rest.EditOrder,
    "edit_order_answer": rest.EditAnswer,
    "cancel_orders": rest.CancelOrders,
    "cancel_orders_answer": rest.CancelAnswer,
    "order_answer": rest.OrderAnswer,
    "orders_answer": rest.OrdersAnswer,
    "fills_answer": rest.FillsAnswer,
    "accounts_answer": rest.AccountsAnswer,
    "products_answer": rest.ProductsAnswer,
    "product": rest.Product,
    "product_book_answer": rest.ProductBookAnswer,
    "time_answer": rest.TimeAnswer,
    "key_permissions": rest.KeyPermissions,
    "preview_answer": rest.PreviewAnswer,
    "edit_preview_answer": rest.EditPreviewAnswer,
    "close_position": rest.ClosePosition,
    "candles_answer": rest.CandlesAnswer,
    "market_trades_answer": rest.MarketTradesAnswer,
    "price_books_answer": rest.PriceBooksAnswer,
    "transaction_summary": rest.TransactionSummary,
    "portfolios_answer": rest.PortfoliosAnswer,
    "cfm_balance_answer": rest.CfmBalanceAnswer,
    "cfm_positions_answer": rest.CfmPositionsAnswer,
    "preview_order": rest.PreviewOrder,
    "account_answer": pages.AccountAnswer,
    "payment_methods_answer": pages.PaymentMethodsAnswer,
    "payment_method_answer": pages.PaymentMethodAnswer,
    "portfolio_breakdown_answer": pages.PortfolioBreakdownAnswer,
    "position_answer": pages.PositionAnswer,
    "futures_sweeps_answer": pages.FuturesSweepsAnswer,
    "intraday_margin_setting": pages.IntradayMarginSetting,
    "margin_window_answer": pages.MarginWindowAnswer,
    "perpetuals_portfolio_answer": pages.PerpetualsPortfolioAnswer,
    "perpetuals_positions_answer": pages.PerpetualsPositionsAnswer,
    "perpetuals_balances_answer": pages.PerpetualsBalancesAnswer,
    "conversion_answer": pages.ConversionAnswer,
    "failure": rest.Failure,
    "failures": rest.Failures,
}


def again(record: type[msgspec.Struct], payload: Any) -> Any:
    """Decoded and encoded."""
    return json.loads(encode(decoder(record)(json.dumps(payload).encode())))


def frame_record(frame: dict[str, Any]) -> type[msgspec.Struct]:
    return stream.FRAMES.records[frame.get("channel") or frame["type"]]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_vector_decodes_and_encodes_to_the_same(vector: dict[str, Any]) -> None:
    assert vector["source"]
    payload = vector["payload"]
    if vector["line"] == "http":
        assert again(REST[vector["kind"]], payload) == payload
    elif vector["direction"] == "out":
        assert again(stream.Request, payload) == payload
    else:
        assert (payload.get("channel") or payload["type"]) == vector["kind"]
        assert again(frame_record(payload), payload) == payload


def test_there_is_a_vector_for_every_message_of_the_core() -> None:
    kinds = {vector["kind"] for vector in VECTORS}
    assert kinds >= set(REST) | set(stream.FRAMES.records) | {"subscribe", "unsubscribe"}
    errors = {vector["payload"]["message"] for vector in VECTORS if vector["kind"] == "error"}
    assert errors == {
        stream.AUTHENTICATION_FAILURE,
        stream.FAILURE_TO_SUBSCRIBE,
        stream.REQUEST_REQUIRED,
        stream.TOO_MANY_L2,
    }


# --------------------------------------------------------------------------- samples beside the checkout

_CORE_FRAMES = set(stream.FRAMES.records)


def sample(name: str) -> Any:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"the venue's samples are not beside this checkout: shared/spec/samples/coinbase/{name}")
    return json.loads(path.read_text(encoding="utf-8"))


def frames_of(content: Any) -> list[dict[str, Any]]:
    """Frames of a stream sample: alone, in a list, or in an exchange of requests and answers."""
    items = content if isinstance(content, list) else [content]
    return [item.get("frame", item) for item in items]


STREAM_SAMPLES = (
    "nautilus_ws_candles.json",
    "nautilus_ws_heartbeats.json",
    "nautilus_ws_l2_data_snapshot.json",
    "nautilus_ws_l2_data_update.json",
    "nautilus_ws_market_trades.json",
    "nautilus_ws_subscriptions.json",
    "nautilus_ws_ticker.json",
    "nautilus_ws_user.json",
    "ws_candles_exchange.json",
    "ws_errors.json",
    "ws_futures_balance_summary_exchange.json",
    "ws_status_exchange.json",
    "ws_heartbeats_exchange.json",
    "ws_heartbeats_observed_20230623.json",
    "ws_l2_and_trade_observed_20241008.json",
    "ws_market_trades_exchange.json",
    "ws_md_stream_recorded_20260930.json",
    "ws_requests.json",
    "ws_ticker_batch_exchange.json",
    "ws_ticker_batch_observed_20240524.json",
    "ws_ticker_exchange.json",
    "ws_unsubscribe_ack_observed_20250915.json",
    "ws_user_exchange.json",
    "ws_user_host_recorded_20260930.json",
    "ws_user_snapshot_then_ack_observed_20221129.json",
)


@pytest.mark.parametrize("name", STREAM_SAMPLES)
def test_a_stream_sample_decodes_and_encodes_to_the_same(name: str) -> None:
    for frame in frames_of(sample(name)):
        if frame.get("type") in {"subscribe", "unsubscribe"}:
            assert again(stream.Request, frame) == frame
        else:
            assert again(frame_record(frame), frame) == frame


def test_a_user_order_of_2023_decodes_and_encodes_to_the_same() -> None:
    order = sample("ws_user_order_observed_20230119.json")
    assert again(stream.UserOrder, order) == order


REST_SAMPLES: dict[str, type[msgspec.Struct]] = {
    "nautilus_http_accounts.json": rest.AccountsAnswer,
    "nautilus_http_fills.json": rest.FillsAnswer,
    "nautilus_http_order.json": rest.OrderAnswer,
    "nautilus_http_orders_list.json": rest.OrdersAnswer,
    "nautilus_http_product.json": rest.Product,
    "nautilus_http_product_book.json": rest.ProductBookAnswer,
    "nautilus_http_products.json": rest.ProductsAnswer,
    "rest_accounts_recorded_20260930.json": rest.AccountsAnswer,
    "nautilus_http_candles.json": rest.CandlesAnswer,
    "nautilus_http_cfm_balance_summary.json": rest.CfmBalanceAnswer,
    "nautilus_http_cfm_position.json": pages.PositionAnswer,
    "nautilus_http_cfm_positions.json": rest.CfmPositionsAnswer,
    "nautilus_http_products_future.json": rest.ProductsAnswer,
    "nautilus_http_ticker.json": rest.MarketTradesAnswer,
    "rest_best_bid_ask_observed.json": rest.PriceBooksAnswer,
    "rest_candles_docs.json": rest.CandlesAnswer,
    "rest_candles_observed.json": rest.CandlesAnswer,
    "rest_cfm_balance_summary_docs.json": rest.CfmBalanceAnswer,
    "rest_market_trades_docs.json": rest.MarketTradesAnswer,
    "rest_market_trades_observed.json": rest.MarketTradesAnswer,
    "rest_portfolios_docs.json": rest.PortfoliosAnswer,
    "rest_transaction_summary_docs.json": rest.TransactionSummary,
    "rest_create_order_observed.json": rest.CreateAnswer,
    "rest_fills_docs.json": rest.FillsAnswer,
    "rest_fills_observed.json": rest.FillsAnswer,
    "rest_get_order_observed.json": rest.OrderAnswer,
    "rest_key_permissions_docs.json": rest.KeyPermissions,
    "rest_list_orders_observed.json": rest.OrdersAnswer,
    "rest_orders_batch_cancel_docs.json": rest.CancelAnswer,
    "rest_orders_create_docs.json": rest.CreateAnswer,
    "rest_orders_edit_docs.json": rest.EditAnswer,
    "rest_orders_list_docs.json": rest.OrdersAnswer,
    "rest_product_book_docs.json": rest.ProductBookAnswer,
    "rest_product_book_observed.json": rest.ProductBookAnswer,
    "rest_product_spot_observed.json": rest.Product,
    "rest_products_docs.json": rest.ProductsAnswer,
    "rest_time_recorded_20260930.json": rest.TimeAnswer,
}


@pytest.mark.parametrize("name", REST_SAMPLES)
def test_a_rest_sample_decodes_and_encodes_to_the_same(name: str) -> None:
    content = sample(name)
    content = content.get("response", content) if isinstance(content, dict) else content
    for body in content if isinstance(content, list) else [content]:
        assert again(REST_SAMPLES[name], body) == body


def test_the_sdks_order_request_decodes_and_encodes_to_the_same() -> None:
    body = sample("sdk_rest_order_request_observed.json")["body"]
    assert again(rest.CreateOrder, body) == body


def test_rest_error_samples_decode_and_encode_to_the_same() -> None:
    for entry in sample("rest_errors.json"):
        body = entry.get("body")
        if body is None:
            assert entry["body_text"].strip() == "Unauthorized"
            continue
        record = rest.Failures if "errors" in body else rest.CreateAnswer if "success" in body else rest.Failure
        assert again(record, body) == body


ELSEWHERE = {
    "README.md",
    "enums_rest.json",  # here and in test_reasons
    "jwt_shapes.json",  # the same header and claims as in test_signing
    "rest_errors.json",
    "sdk_rest_order_request_observed.json",
    "ws_user_order_observed_20230119.json",
}


def test_no_sample_is_overlooked() -> None:
    if not SAMPLES.exists():
        pytest.skip("the venue's samples are not beside this checkout: shared/spec/samples/coinbase")
    assert {path.name for path in SAMPLES.iterdir()} == {*STREAM_SAMPLES, *REST_SAMPLES, *ELSEWHERE}


def test_recorded_states_are_read_without_loss() -> None:
    """What a report takes from a recorded order is what stands there."""
    recorded = sample("rest_list_orders_observed.json")["orders"][0]
    report = orders.report_of_order(msgspec.convert(recorded, rest.Order), 1)
    assert str(report.cash_order_qty) == recorded["order_configuration"]["market_market_ioc"]["quote_size"]
    assert str(report.cum_qty) == recorded["filled_size"]
    assert str(report.avg_px) == recorded["average_filled_price"]
    assert str(report.cum_commission) == recorded["total_fees"]


def test_every_recorded_book_row_is_read() -> None:
    for frame in sample("ws_md_stream_recorded_20260930.json"):
        if frame["channel"] == "l2_data":
            for event in frame["events"]:
                body = json.dumps(event["updates"]).encode()
                rows = translate.read_levels(body, 2, 8)
                assert len(rows) == len(event["updates"])
                assert translate.read_snapshot(body, 2, 8) == rows


def test_every_reason_we_refuse_with_is_one_of_the_venues() -> None:
    from venuewire.model.terms import OrdRejReason
    from venuewire.venues.coinbase import reasons

    enums = sample("enums_rest.json")
    refusals = [reasons.refusal_of(reason) for reason in OrdRejReason]
    refusals += [value for value in vars(reasons).values() if isinstance(value, reasons.Refusal)]
    assert {refusal.new for refusal in refusals} <= set(enums["new_order_failure_reason"])
    assert {refusal.preview for refusal in refusals} <= set(enums["preview_failure_reason"])
    edits = [reasons.edit_refusal_of(reason) for reason in OrdRejReason]
    assert {edit.edit_failure_reason for edit in edits} <= set(enums["edit_failure_reason"])
    assert {edit.preview_failure_reason for edit in edits} <= set(enums["preview_failure_reason"])
    assert {reasons.cancel_refusal_of(reason) for reason in OrdRejReason} <= set(enums["cancel_failure_reason"])
    assert set(enums["order_status"]) == set(orders.STATUS_WORDS)
