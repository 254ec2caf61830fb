"""Coinbase Advanced Trade: market data and own orders over two WebSockets, orders over REST."""

from __future__ import annotations

from collections.abc import Callable

from venuewire.model.session import Command, Subscribe, Unsubscribe
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Nanos, OrdType, TimeInForce
from venuewire.venue import Capabilities, Exchange, Express, Host, Initiator, Limits, Rate, Seat, Stage, Venue
from venuewire.venues.coinbase.credentials import ENDPOINTS, ENVIRONMENT, CoinbaseCredentials, credentials_from

_MARKET = frozenset({Channel.BOOK, Channel.TRADES, Channel.QUOTES, Channel.BARS, Channel.STATUS})


def route(command: Command) -> str:
    """Market data on the market host; own orders, and whatever goes over REST, with the user host's line."""
    if isinstance(command, (Subscribe, Unsubscribe)) and command.channel in _MARKET:
        return "ws"
    return "user_ws"


# The two ends are imported when they are first made: the client needs no acceptor, the sandbox no initiator.


def _initiator(line: str, seat: Seat) -> Initiator:
    from venuewire.venues.coinbase.initiator.line import CoinbaseInitiator
    from venuewire.venues.coinbase.signing import SigningKey

    # A key that cannot sign is told before anything is dialled.
    SigningKey(seat.credentials.key_name, seat.credentials.private_key.reveal())
    return CoinbaseInitiator(line, seat)


def _express(line: str, seat: Seat, initiator: Initiator) -> Express | None:
    from venuewire.venues.coinbase.initiator.express import express

    return express(line, seat, initiator)


def _stage(random_hex: Callable[[int], str], now: Nanos) -> Stage:
    from venuewire.venues.coinbase.acceptor.stage import stage

    return stage(random_hex, now)


def _host(stage: Stage, exchange: Exchange, random_hex: Callable[[int], str]) -> Host:
    from venuewire.venues.coinbase.acceptor.connection import CoinbaseHost

    return CoinbaseHost(stage, exchange, random_hex)


VENUE = Venue(
    name="coinbase",
    title="Coinbase Advanced Trade",
    endpoints=ENDPOINTS,
    lines=("ws", "user_ws"),
    route=route,
    capabilities=Capabilities(
        channels=_MARKET | {Channel.ORDERS, Channel.SUMMARY},
        ord_types=frozenset({OrdType.MARKET, OrdType.LIMIT, OrdType.STOP_LIMIT}),
        times_in_force=frozenset(
            {
                TimeInForce.GOOD_TILL_CANCEL,
                TimeInForce.GOOD_TILL_DATE,
                TimeInForce.IMMEDIATE_OR_CANCEL,
                TimeInForce.FILL_OR_KILL,
            }
        ),
        post_only=True,
        cash_order_qty=frozenset({OrdType.MARKET, OrdType.LIMIT}),
        # A bracket: position_effect CLOSE, price and stop_loss_px. An attached one: take_profit_px and stop_loss_px.
        # Strategies: twap and scaled.
        order_fields=frozenset(
            {
                *("trigger_price_direction", "stop_loss_px", "take_profit_px", "position_effect"),
                *("target_strategy", "strategy_parameters"),
            }
        ),
        bar_periods=frozenset(minutes * 60 * NANOS_PER_SECOND for minutes in (1, 5, 15, 30, 60, 120, 240, 360, 1440)),
        order_estimate=True,
        requests_over_http=True,
        refuses_repeated_id=True,
        sequence=True,
        snapshot_on_resubscribe=False,
    ),
    limits=Limits(
        dials=Rate(8, NANOS_PER_SECOND),
        # Eight unauthenticated messages a second and address are published, nothing for ours; other clients keep to
        # seven.
        sends=Rate(7, NANOS_PER_SECOND),
        sends_shared=True,
        # Measured by others: 30 are taken, a request for one more is refused as a whole; lines are not counted.
        channel_subscriptions={Channel.BOOK: 30},
        # Thirty a second are the older pages' limit; kept below it, since arrivals bunch.
        fetches=Rate(25, NANOS_PER_SECOND),
        # A heartbeat a second on each line from its logon on; half a second of slack.
        cadence={Channel.HEARTBEATS: 3 * NANOS_PER_SECOND // 2},
        liveness=3 * NANOS_PER_SECOND,
    ),
    credentials=CoinbaseCredentials,
    credentials_from=credentials_from,
    environment=ENVIRONMENT,
    initiator=_initiator,
    express=_express,
    stage=_stage,
    host=_host,
    default_symbol="BTC-USD",
    secret_headers=frozenset({"authorization"}),
)

__all__ = ["VENUE", "CoinbaseCredentials"]
