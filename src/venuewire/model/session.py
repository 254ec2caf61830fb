"""The session: requests that are not orders, their answers, and what a connection tells of itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeAlias

from msgspec import Struct

from venuewire.model.account import AccountSummary, Balance, Position
from venuewire.model.instrument import Instrument
from venuewire.model.market import Bar, BookSnapshot, BookUpdate, Quote, SecurityStatus, Trade
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.terms import Channel, Nanos


class Secret:
    """A text that shows itself to nobody: not to print, repr, format, logging, pickle or a traceback of locals.

    `reveal()` is the only way in, and signing is the only place that should call it.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> tuple[type, tuple[str]]:
        raise TypeError("a Secret is not written anywhere")


class Grant(Struct, frozen=True):
    """What a logon gives, with its end."""

    token: Secret
    """Empty where the venue hands out none."""
    issued_at: Nanos
    expires_at: Nanos | None
    """None: good for as long as the line stands."""


# Commands that are not orders. `ref` is set by the session; the answer carries the same one.


class Subscribe(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """FIX MarketDataRequest (V) and its kin: begin to tell me."""

    channel: Channel
    symbol: str | None = None
    """None for the channels that belong to the account."""
    period: Nanos | None = None
    """Of BARS."""
    message: Struct | None = None
    """Of VENUE: the feed, as a record of the venue's `wire`."""
    ref: str = ""


class Unsubscribe(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """Stop telling me."""

    channel: Channel
    symbol: str | None = None
    subscription: str = ""
    """The `ref` of the `Subscribe` that is ended."""
    ref: str = ""


class SecurityListRequest(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """FIX SecurityListRequest (x): what is traded here. `symbols` narrows it where the venue has too many."""

    symbols: tuple[str, ...] = ()
    ref: str = ""


class OrderMassStatusRequest(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """FIX OrderMassStatusRequest (AF): every working order of ours, from the venue."""

    account: str = ""
    order_ids: tuple[str, ...] = ()
    """The venue's ids of orders that we do not know to have ended: where its list holds working ones only, it is asked
    for these as well."""
    cl_ord_ids: tuple[str, ...] = ()
    """The same of orders that we know by our own ids only."""
    ref: str = ""


class RequestForPositions(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """FIX RequestForPositions (AN): positions and balances, from the venue."""

    account: str = ""
    ref: str = ""


class OrderEstimateRequest(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """What would this order cost, and would it be taken? Nothing is placed."""

    order: NewOrder
    ref: str = ""


class VenueRequest(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """A request that no word here stands for, as a record of the venue's `wire` (FIX: a user-defined message, U...).

    The venue's page lists the records it takes. None of them places or changes an order: those have their own words,
    are written down and reconciled.
    """

    message: Struct
    ref: str = ""


class BarRequest(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """Bars of the past, oldest first: those that began in [`start`, `end`)."""

    symbol: str
    period: Nanos
    start: Nanos
    end: Nanos
    ref: str = ""


# Events that answer.


class SubscriptionAccepted(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """The venue has taken a subscription or its end; data may have come before."""

    ref: str | None = None


class SubscriptionRejected(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """FIX MarketDataRequestReject (Y)."""

    code: str
    text: str
    ref: str | None = None


class RequestRejected(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """FIX BusinessMessageReject (j): any other request the venue refused. Also the refusal of a logon step."""

    code: str
    text: str
    retry_after: Nanos | None = None
    """How long the venue asks us to wait, where it says."""
    ref: str | None = None


class Reply(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """An answer that no word here stands for: a record of the venue's `wire`, for the request `ref`."""

    message: Struct
    ref: str | None = None


class SecurityList(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """FIX SecurityList (y)."""

    instruments: tuple[Instrument, ...]
    ref: str | None = None


class MassStatus(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """Every working order, as reports of where each stands."""

    reports: tuple[ExecutionReport, ...]
    ref: str | None = None


class Bars(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """The bars asked for, oldest first; `complete` is False where the venue cut the answer short."""

    bars: tuple[Bar, ...]
    complete: bool = True
    ref: str | None = None

    def columns(self) -> dict[str, list[Any]]:
        """The bars by column, as `polars.DataFrame`, `pandas.DataFrame` and `pyarrow.table` take them.

        Prices and volumes are Decimals, times integer nanoseconds, as everywhere here.
        """
        return {name: [getattr(bar, name) for bar in self.bars] for name in _BAR_COLUMNS}


_BAR_COLUMNS = ("symbol", "period", "open_time", "open", "high", "low", "close", "volume", "final")


class OrderEstimate(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """What the venue expects of an order; None is what it does not tell. Money is in `currency`."""

    accepted: bool | None = None
    """Would it be taken as things stand?"""
    text: str = ""
    """Why not, in the venue's words."""
    currency: str = ""
    notional: Decimal | None = None
    """What would be paid or received, fees included."""
    commission: Decimal | None = None
    margin: Decimal | None = None
    """What it would bind."""
    max_qty: Decimal | None = None
    """The most that could be ordered this way, in units."""
    avg_px: Decimal | None = None
    """What it would be filled at, on average."""
    ref: str | None = None


class VenueNews(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """Something the venue tells that no word here stands for: a record of its `wire`.

    With the `ref` of the subscription it belongs to; without one it was not asked for.
    """

    message: Struct
    recv_time: Nanos = 0
    ref: str | None = None


class Holdings(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """Positions and balances, complete."""

    positions: tuple[Position, ...]
    balances: tuple[Balance, ...]
    ref: str | None = None


# Events the line tells of itself.


class Heartbeat(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """FIX Heartbeat (0): the venue is alive."""

    transact_time: Nanos = 0
    """The venue's own time, where its heartbeat tells it."""
    recv_time: Nanos = 0
    ref: str | None = None


class VenueStatus(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """The venue says whether it can trade behind this line."""

    up: bool
    code: str = ""
    text: str = ""
    ref: str | None = None


class GrantInvalidated(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """The venue has ended what we were logged on with, before its time: log on again."""

    text: str = ""
    ref: str | None = None


class Unknown(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """A message of a kind nobody here knows: news, not a crash."""

    kind: str
    body: bytes
    ref: str | None = None


# What the session tells the user; made by the session itself, never by a venue.


class LoggedOn(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """A line is ready for commands."""

    line: str
    epoch: int
    """Counts the lives of this line, from 1."""
    expires_at: Nanos | None
    recv_time: Nanos = 0


class Renewed(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """The grant has been renewed on the living line."""

    line: str
    epoch: int
    expires_at: Nanos | None
    recv_time: Nanos = 0


class LoggedOut(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """A line has ended; unless we asked for it, a new one is being dialled."""

    line: str
    epoch: int
    text: str
    requested: bool = False
    recv_time: Nanos = 0


class Degraded(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """A renewal failed; the grant in hand still holds until `expires_at`, and the renewal is being tried again."""

    line: str
    epoch: int
    text: str
    expires_at: Nanos | None
    recv_time: Nanos = 0


class LogonRejected(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """FIX Logout in answer to Logon: the venue refused who we are."""

    line: str
    code: str
    text: str
    recv_time: Nanos = 0


class Missed(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """Numbered messages of a line did not come, or came twice: nothing built from the line can be relied on."""

    line: str
    expected: int
    got: int
    recv_time: Nanos = 0


class Damaged(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """A message came that the venue's own rules do not allow: it is lost, and nothing built from the line is sure."""

    line: str
    text: str
    """What was wrong with it; never the payload itself."""
    recv_time: Nanos = 0


class Unanswered(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """A request was sent and its answer did not come: by its deadline, or before the line was cut.

    For an order this is OUTCOME_UNKNOWN: the venue may or may not have acted.
    """

    ref: str
    command: Command
    cause: str
    sent_time: Nanos
    epoch: int
    sent: bool
    """False: it was still waiting here when the line ended; the venue never saw it."""
    timed_out: bool = False
    """True: the line stands, but no answer came by the deadline."""
    recv_time: Nanos = 0


class Gap(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """Something was missed, from when to when and why; told in band on every stream it touches."""

    from_time: Nanos
    to_time: Nanos
    cause: str
    repaired: bool
    """True once a new snapshot has made the state whole again; what happened in between stays unknown."""


Command: TypeAlias = (
    Subscribe
    | Unsubscribe
    | NewOrder
    | ReplaceOrder
    | CancelOrder
    | MassCancel
    | SecurityListRequest
    | OrderMassStatusRequest
    | RequestForPositions
    | BarRequest
    | OrderEstimateRequest
    | VenueRequest
)

OrderCommand: TypeAlias = NewOrder | ReplaceOrder | CancelOrder | MassCancel

Event: TypeAlias = (
    BookUpdate
    | BookSnapshot
    | Trade
    | Quote
    | ExecutionReport
    | CancelReject
    | Position
    | Balance
    | SubscriptionAccepted
    | SubscriptionRejected
    | RequestRejected
    | Reply
    | SecurityList
    | MassStatus
    | Holdings
    | AccountSummary
    | SecurityStatus
    | OrderEstimate
    | VenueNews
    | Bar
    | Bars
    | Heartbeat
    | VenueStatus
    | GrantInvalidated
    | Unknown
)

SessionEvent: TypeAlias = (
    LoggedOn | Renewed | LoggedOut | LogonRejected | Degraded | Missed | Damaged | Unanswered | Gap
)
