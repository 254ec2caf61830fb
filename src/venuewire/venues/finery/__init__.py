"""Finery Markets: a signed handshake, array feeds, requests over the same socket; trading on limits, settled later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from venuewire.errors import ConfigError
from venuewire.model.session import Command, Secret
from venuewire.model.terms import NANOS_PER_SECOND, Channel, OrdType, TimeInForce
from venuewire.venue import Capabilities, Credentials, Endpoint, Limits, Venue
from venuewire.venues.finery.acceptor.host import FineryHost
from venuewire.venues.finery.acceptor.listing import stage
from venuewire.venues.finery.initiator.express import express
from venuewire.venues.finery.initiator.line import FineryInitiator
from venuewire.venues.finery.refusals import refusal


class FineryCredentials(Credentials, frozen=True, kw_only=True):
    """An API key of one environment."""

    key: str
    """The public key, sent as it is."""
    secret: Secret
    """Signs; used as its characters, not decoded."""


def credentials_from(given: Mapping[str, Any]) -> FineryCredentials:
    """From `key` and `secret`. Raises `ConfigError` where one is missing."""
    for name in ("key", "secret"):
        if not isinstance(given.get(name), str) or not given[name]:
            raise ConfigError(f"credentials need {name!r}: set FINERY_{name.upper()}, or {name} in the configuration")
    return FineryCredentials(
        key=given["key"],
        secret=Secret(given["secret"]),
        endpoints=dict(given.get("endpoints", {})),
        ca=given.get("ca") or "",
    )


def route(_command: Command) -> str:
    """There is one line."""
    return "ws"


VENUE = Venue(
    name="finery",
    title="Finery Markets",
    endpoints=(
        Endpoint("ws", "wss://trade.finerymarkets.com/ws", "wss://test.finerymarkets.com/ws"),
        Endpoint("http", "https://trade.finerymarkets.com", "https://test.finerymarkets.com"),
    ),
    lines=("ws",),
    route=route,
    capabilities=Capabilities(
        channels=frozenset({Channel.BOOK, Channel.ORDERS, Channel.POSITIONS, Channel.VENUE}),
        ord_types=frozenset({OrdType.LIMIT, OrdType.MARKET}),
        times_in_force=frozenset(
            {TimeInForce.GOOD_TILL_CANCEL, TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL}
        ),
        post_only=True,
        cash_order_qty=frozenset({OrdType.MARKET, OrdType.LIMIT}),
        mass_cancel=True,
        cancel_on_disconnect=True,
        replace_keeps_order_id=False,
        cl_ord_id=r"[1-9][0-9]{0,17}",
        book_depth=25,
        snapshot_on_resubscribe=False,
    ),
    limits=Limits(
        connections=100,
        # The venue has no beat of its own: a small read after so long without a word of ours makes one.
        heartbeat_interval=15 * NANOS_PER_SECOND,
        cadence={Channel.HEARTBEATS: 15 * NANOS_PER_SECOND},
        liveness=30 * NANOS_PER_SECOND,
    ),
    credentials=FineryCredentials,
    credentials_from=credentials_from,
    environment={"FINERY_KEY": "key", "FINERY_SECRET": "secret"},
    initiator=FineryInitiator,
    express=express,
    stage=stage,
    host=FineryHost,
    default_symbol="BTC-USD",
    refusal=refusal,
    secret_headers=frozenset({"efx-key", "efx-sign"}),
)
