"""Our records against ALOR's own OpenAPI document: no field it does not know, none missing that it has.

The document is not ours to keep here. It is read from `ALOR_OPENAPI`, a path to its JSON edition, or from beside the
checkout; without either these tests are skipped.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from venuewire.venues.alor.wire import (
    access,
    account,
    candles,
    commands,
    frames,
    groups,
    market,
    requests,
    risk,
    status,
    stops,
)

BESIDE = Path(__file__).parents[3] / ".." / "shared" / "spec" / "WarpOpenAPIv2.json"


@cache
def schemas() -> dict[str, Any]:
    path = Path(os.environ.get("ALOR_OPENAPI") or BESIDE)
    if not path.exists():
        pytest.skip("ALOR's OpenAPI document is not here: set ALOR_OPENAPI to its JSON edition")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8-sig"))["components"]["schemas"]
    return found


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = schemas()[schema["$ref"].rpartition("/")[2]]
    return schema


def properties(schema: dict[str, Any]) -> dict[str, Any]:
    schema = resolved(schema)
    found: dict[str, Any] = {}
    for part in schema.get("allOf", ()):
        found |= properties(part)
    found |= schema.get("properties", {})
    return found


def required(schema: dict[str, Any]) -> set[str]:
    schema = resolved(schema)
    listed = schema.get("required")
    found: set[str] = set(listed) if isinstance(listed, list) else set()  # pyright: ignore[reportUnknownArgumentType]
    for part in schema.get("allOf", ()):
        found |= required(part)
    return found


def fields(record: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(record)}


THREE: list[tuple[str, Mapping[Any, Any]]] = [
    (
        "OrderBook",
        {"Simple": market.BookSimple, "Slim": market.BookSlim, "Heavy": market.BookHeavy},
    ),
    ("Symbol", {"Simple": market.QuoteSimple, "Slim": market.QuoteSlim, "Heavy": market.QuoteHeavy}),
    ("AllTrade", {"Simple": market.AllTradeSimple, "Slim": market.AllTradeSlim, "Heavy": market.AllTradeHeavy}),
    ("Security", {"Simple": market.SecuritySimple, "Slim": market.SecuritySlim, "Heavy": market.SecurityHeavy}),
    ("Order", {"Simple": account.OrderSimple, "Slim": account.OrderSlim, "Heavy": account.OrderHeavy}),
    ("Trade", {"Simple": account.TradeSimple, "Slim": account.TradeSlim, "Heavy": account.TradeHeavy}),
    ("Position", {"Simple": account.PositionSimple, "Slim": account.PositionSlim, "Heavy": account.PositionHeavy}),
    ("Summary", {"Simple": account.SummarySimple, "Slim": account.SummarySlim, "Heavy": account.SummarySimple}),
    ("StopOrder_Warp", stops.STOP_ORDERS),
    ("StopOrder", stops.OLD_STOP_ORDERS),
    ("Risk", risk.RISKS),
    ("FortsRisk", risk.SPECTRA_RISKS),
    ("HistoryObject", candles.CANDLES),
]
NOT_WRITTEN = {
    ("OrderBook", "Heavy"): {"snapshot", "timestamp"},
    ("Symbol", "Heavy"): {"accrued_interest"},
    ("AllTrade", "Heavy"): {"orderno"},
    ("Order", "Heavy"): {"qty", "filled"},
    ("Position", "Heavy"): {"qtyBatch", "qty", "open"},
    ("StopOrder_Warp", "Slim"): {"qty", "filled"},
    ("StopOrder_Warp", "Heavy"): {"qty", "filled"},
    ("FortsRisk", "Slim"): {"balanceMoney", "varMargin"},
    ("FortsRisk", "Heavy"): {"balanceMoney"},
    # The document's example has it under this key (3.14); read, never written.
    ("Summary", "Slim"): {"bp2v"},
}
"""Fields a format's record inherits and never writes."""
NOT_IN_THE_DOCUMENT = {
    # Its own examples have these, its schemas do not.
    ("Security", "Heavy"): {"nominalCurrency", "settlementCurrency", "underlyingCurrency"},
    ("Trade", "Heavy"): {"currency", "shortName"},
}


@pytest.mark.parametrize("form", ["Simple", "Slim", "Heavy"])
@pytest.mark.parametrize(("name", "records"), THREE, ids=[name for name, _ in THREE])
def test_a_record_has_the_documents_fields(name: str, records: Mapping[Any, Any], form: str) -> None:
    schema, known = {"$ref": f"/response_{name}_{form}"}, fields(records[form])
    theirs = set(properties(schema))
    ours = set(known) - NOT_WRITTEN.get((name, form), set()) - NOT_IN_THE_DOCUMENT.get((name, form), set())
    assert ours - theirs == set(), "fields the document does not know"
    assert theirs - ours == set(), "fields of the document that we have not"
    assert required(schema) <= ours


COMMANDS = [
    (f"ws_cmd_{verb}Order_{word}", record)
    for verb, record in (("Create", commands.Create), ("Update", commands.Update), ("Delete", commands.Delete))
    for word in ("Market", "Limit", "Stop", "StopLimit")
]
SUBSCRIPTIONS: list[tuple[str, Any]] = [
    *((f"ws_sub_{name}", frames.SubscribeInstrument) for name in ("AllTradesGetAndSubscribe", "BarsGetAndSubscribe")),
    *((f"ws_sub_{name}", frames.SubscribeInstrument) for name in ("OrderBookGetAndSubscribe", "QuotesSubscribe")),
    *((f"ws_sub_{name}GetAndSubscribe", frames.SubscribePortfolio) for name in ("Orders", "Positions", "Trades")),
    *((f"ws_sub_{name}GetAndSubscribe", frames.SubscribePortfolio) for name in ("Risks", "SpectraRisks", "StopOrders")),
    ("ws_sub_InstrumentsGetAndSubscribeV2", frames.SubscribeInstrument),
    ("ws_sub_StopOrdersGetAndSubscribeV2", frames.SubscribePortfolio),
    ("ws_sub_SummariesGetAndSubscribeV2", frames.SubscribePortfolio),
    ("ws_sub_Unsubscribe", frames.Unsubscribe),
    ("ws_cmd_Authorize", commands.Authorize),
]


OVER_HTTP: list[tuple[str, Any]] = [
    ("RefreshAccessToken", access.RefreshRequest),
    *((f"OrdersActions{name}", commands.HttpOrder) for name in ("MarketTV", "LimitTVPost", "LimitTVPut")),
    *(
        (f"OrdersActionsStop{name}", commands.HttpOrder)
        for name in ("MarketTVWarp", "LimitTVWarpPost", "LimitTVWarpPut")
    ),
    ("EstimateOrder", groups.EstimateRequest),
    ("OrderGroupCreate", groups.GroupRequest),
    ("OrderGroupModify", groups.GroupRequest),
    ("object_OrderGroupItem", groups.Member),
]


@pytest.mark.parametrize(("name", "record"), [*COMMANDS, *SUBSCRIPTIONS, *OVER_HTTP], ids=lambda value: str(value)[:60])
def test_a_request_can_say_all_the_document_has(name: str, record: type[msgspec.Struct]) -> None:
    body = bodies().get(name)
    if body is None:
        pytest.skip(f"the document has no request {name}")
    theirs = set(properties(body))
    assert theirs - set(fields(record)) == set(), "fields of the document that we have not"
    # Group bodies name what they require with capitals, and have it without (3.14 knows other slips of theirs).
    assert {name.lower() for name in required(body)} <= {name.lower() for name in fields(record)}


@pytest.mark.parametrize("form", ["Simple", "Slim", "Heavy"])
def test_a_status_has_the_documents_fields(form: Any) -> None:
    name = f"ws_response_sub_InstrumentsGetAndSubscribeV2_{form}"
    frame = properties({"$ref": f"/{name}"})
    assert set(fields(status.STATUSES[form])) == set(properties(frame["data"]))


def test_every_query_the_document_has_can_be_asked() -> None:
    """Of the requests `ask` takes: no parameter we do not know, none required that we leave out."""
    found = {re.sub(r"\{\w+\}", "{}", path).lower(): item for path, item in paths().items()}
    for record, call in requests.CALLS.items():
        item = found.get(re.sub(r"\{\w+\}", "{}", call.path).lower())
        assert item is not None, call.path
        parameters = [parameter(one) for one in item[call.method.lower()].get("parameters", ())]
        theirs = {one["name"].lower() for one in parameters if one["in"] == "query"} - NOT_ASKED
        ours = {name.lower() for name in fields(record)}
        if call.body is None:
            assert theirs - ours == set(), record.__name__


NOT_ASKED = {"format", "jsonresponse"}
"""Answers are read in one format, and all we ask for is JSON."""


def paths() -> dict[str, Any]:
    schemas()
    path = Path(os.environ.get("ALOR_OPENAPI") or BESIDE)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8-sig"))["paths"]
    return found


def parameter(given: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in given:
        return given
    path = Path(os.environ.get("ALOR_OPENAPI") or BESIDE)
    name = given["$ref"].rpartition("/")[2]
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8-sig"))["components"]["parameters"][name]
    return found


@cache
def bodies() -> dict[str, Any]:
    """Request bodies by name: schemas of their own, or bodies that hold one."""
    schemas()
    path = Path(os.environ.get("ALOR_OPENAPI") or BESIDE)
    components = json.loads(path.read_text(encoding="utf-8-sig"))["components"]
    found: dict[str, Any] = dict(components["schemas"])
    for name, body in components.get("requestBodies", {}).items():
        content = next(iter(body.get("content", {}).values()), None)
        if content is not None and "schema" in content:
            found[name] = content["schema"]
    return found


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("response_EstimateOrder", groups.Estimate),
        ("response_OrderGroupInfo", groups.Group),
        ("response_OrderGroupCreationSuccess", groups.GroupMade),
        ("response_OrderGroupCreationError", groups.GroupRefused),
        ("response_RiskRate", risk.RiskRate),
        ("response_RiskRates", risk.RiskRates),
    ],
)
def test_a_record_in_one_form_has_the_documents_fields(name: str, record: type[msgspec.Struct]) -> None:
    extra = {"board"} if record is groups.Estimate else set[str]()  # in the document's example, not in its schema
    assert set(properties({"$ref": f"/{name}"})) | extra == set(fields(record))
