"""cTrader Open API over JSON: one WebSocket, an application and an account authorised on it in two steps.

The rules in our words, what is implemented and what is assumed: `README.md` in this folder.
"""

from __future__ import annotations

from collections.abc import Callable

from venuewire.model.session import Command
from venuewire.model.terms import Channel, OrdType, TimeInForce
from venuewire.venue import Capabilities, Consent, Endpoint, Exchange, Host, Initiator, QuoteExpress, Seat, Stage, Venue
from venuewire.venues.ctrader.credentials import CTraderCredentials, credentials_from
from venuewire.venues.ctrader.limits import LIMITS
from venuewire.venues.ctrader.periods import OF_LENGTH


def _route(command: Command) -> str:
    """There is one line."""
    return "ws"


def _initiator(line: str, seat: Seat) -> Initiator:
    from venuewire.venues.ctrader.initiator.line import CTraderInitiator

    return CTraderInitiator(line, seat)


def _express(line: str, seat: Seat, initiator: Initiator) -> QuoteExpress:
    from venuewire.venues.ctrader.initiator.express import express

    return express(line, seat, initiator)


def _consent() -> Consent:
    from venuewire.venues.ctrader.login import CONSENT

    return CONSENT


def _stage(random_hex: Callable[[int], str], now: int) -> Stage:
    from venuewire.venues.ctrader.acceptor.stage import stage

    return stage(random_hex, now)


def _host(stage: Stage, exchange: Exchange, random_hex: Callable[[int], str]) -> Host:
    # The far end is not needed by those who only trade.
    from venuewire.venues.ctrader.acceptor.host import CTraderHost

    return CTraderHost(stage, exchange, random_hex)


VENUE = Venue(
    name="ctrader",
    title="cTrader",
    endpoints=(
        Endpoint("ws", "wss://live.ctraderapi.com:5036", test="wss://demo.ctraderapi.com:5036"),
        Endpoint("token", "https://openapi.ctrader.com/apps/token"),
        Endpoint("consent", "https://id.ctrader.com/my/settings/openapi/grantingaccess/"),
    ),
    lines=("ws",),
    route=_route,
    capabilities=Capabilities(
        channels=frozenset(
            {
                *(Channel.BOOK, Channel.QUOTES, Channel.BARS, Channel.ORDERS, Channel.POSITIONS),
                *(Channel.STATUS, Channel.SUMMARY),
            }
        ),
        ord_types=frozenset({OrdType.MARKET, OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT}),
        times_in_force=frozenset(
            {
                TimeInForce.GOOD_TILL_CANCEL,
                TimeInForce.GOOD_TILL_DATE,
                TimeInForce.IMMEDIATE_OR_CANCEL,
                TimeInForce.FILL_OR_KILL,
            }
        ),
        order_fields=frozenset(
            {
                *("stop_loss_px", "take_profit_px", "stop_loss_offset", "take_profit_offset", "trailing_stop_loss"),
                *("guaranteed_stop_loss", "position_id", "position_effect"),
            }
        ),
        bar_periods=frozenset(OF_LENGTH),
        cl_ord_id=r"[!-~]{1,50}",
        snapshot_on_resubscribe=False,
        order_estimate=True,
        renewal_interrupts=True,
    ),
    limits=LIMITS,
    credentials=CTraderCredentials,
    credentials_from=credentials_from,
    environment={
        "CTRADER_CLIENT_ID": "clientId",
        "CTRADER_CLIENT_SECRET": "clientSecret",
        "CTRADER_ACCOUNT_ID": "accountId",
        "CTRADER_ACCOUNT_IDS": "accountIds",
        "CTRADER_ACCESS_TOKEN": "accessToken",
        "CTRADER_REFRESH_TOKEN": "refreshToken",
        "CTRADER_EXPIRES_AT": "expiresAt",
    },
    initiator=_initiator,
    stage=_stage,
    host=_host,
    default_symbol="EURUSD",
    express=_express,
    consent=_consent,
    single_use=frozenset({"refreshToken"}),
)
