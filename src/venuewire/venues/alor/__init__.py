"""ALOR Broker, OpenAPI V2: market data and own orders over `/ws`, orders over `/cws`, the rest over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from venuewire.errors import ConfigError
from venuewire.model.orders import CancelOrder, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import Command, Secret
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Nanos, OrdType, TimeInForce
from venuewire.venue import (
    Capabilities,
    Credentials,
    Endpoint,
    Exchange,
    Host,
    Initiator,
    Limits,
    Rate,
    Seat,
    Stage,
    Venue,
)


class AlorCredentials(Credentials, frozen=True, kw_only=True):
    """A refresh token (made by hand on the developer portal, good for a year) and the portfolio to trade."""

    refresh_token: Secret
    portfolio: str


def credentials_from(given: Mapping[str, Any]) -> AlorCredentials:
    """Credentials from plain keys. Raises `ConfigError` naming what is missing."""
    for name in ("refresh_token", "portfolio"):
        if not isinstance(given.get(name), str) or not given[name]:
            raise ConfigError(f"alor: {name} is missing (environment: {_ENVIRONMENT_OF[name]})")
    return AlorCredentials(refresh_token=Secret(given["refresh_token"]), portfolio=given["portfolio"])


_ENVIRONMENT = {"ALOR_REFRESH_TOKEN": "refresh_token", "ALOR_PORTFOLIO": "portfolio"}
_ENVIRONMENT_OF = {key: name for name, key in _ENVIRONMENT.items()}

_BAR_SECONDS = (
    *(1, 5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600, 7200, 14_400, 21_600, 28_800, 43_200),
    *(86_400, 604_800, 2_592_000, 31_536_000),
)
"""The usual ones, then day, week, month and year; the venue takes any whole number of seconds (3.4)."""

_ORDERS = (NewOrder, ReplaceOrder, CancelOrder, MassCancel)


def route(command: Command) -> str:
    """Orders go over `/cws`; subscriptions, and the HTTP reads, belong to `/ws`."""
    return "cws" if isinstance(command, _ORDERS) else "ws"


def _initiator(line: str, seat: Seat) -> Initiator:
    from venuewire.venues.alor.initiator.lines import initiator

    return initiator(line, seat)


def _stage(random_hex: Callable[[int], str], now: Nanos) -> Stage:
    from venuewire.venues.alor.acceptor.stage import stage

    return stage(random_hex, now)


def _host(stage: Stage, exchange: Exchange, random_hex: Callable[[int], str]) -> Host:
    from venuewire.venues.alor.acceptor.hosts import host

    return host(stage, exchange, random_hex)


VENUE = Venue(
    name="alor",
    title="ALOR Broker",
    endpoints=(
        Endpoint("oauth", "https://oauth.alor.ru", "https://oauthdev.alor.ru"),
        Endpoint("http", "https://api.alor.ru", "https://apidev.alor.ru"),
        Endpoint("ws", "wss://api.alor.ru/ws", "wss://apidev.alor.ru/ws"),
        Endpoint("cws", "wss://api.alor.ru/cws", "wss://apidev.alor.ru/cws"),
    ),
    lines=("ws", "cws"),
    route=route,
    capabilities=Capabilities(
        channels=frozenset(Channel) - {Channel.HEARTBEATS},
        ord_types=frozenset(OrdType),
        # GOOD_TILL_DATE is for stop orders, GOOD_TILL_CANCEL for derivatives: refused before sending elsewhere.
        times_in_force=frozenset(TimeInForce),
        order_fields=frozenset({"max_floor", "trigger_price_direction"}),
        bar_periods=frozenset(seconds * NANOS_PER_SECOND for seconds in _BAR_SECONDS),
        post_only=True,
        order_estimate=True,
        replace_keeps_order_id=False,
        replaced_qty_counts_fills=False,
        book_depth=50,
    ),
    limits=Limits(
        connections=10,
        # A hundred requests a second and user, whichever way they go (5.9, 8.14).
        sends=Rate(100, NANOS_PER_SECOND),
        sends_shared=True,
        counted_together=True,
        fetches=Rate(100, NANOS_PER_SECOND),
        subscriptions=5000,
        unread=5000,
        heartbeat_interval=5 * NANOS_PER_SECOND,
        # Our own ping after five seconds without a word of ours, and its answer.
        cadence={Channel.HEARTBEATS: 15 * NANOS_PER_SECOND // 2},
        liveness=15 * NANOS_PER_SECOND,
    ),
    credentials=AlorCredentials,
    credentials_from=credentials_from,
    environment=_ENVIRONMENT,
    initiator=_initiator,
    stage=_stage,
    host=_host,
    default_symbol="MOEX:SBER",
    secret_headers=frozenset({"authorization"}),
)
