"""What our ends of ALOR's two lines have in common: settings, the token, the sign of life, the envelope.

Both lines live by one access token, kept in `seat.grant`: whoever needs one first fetches it, the other takes it over.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from msgspec import UNSET, Struct

from venuewire.codec import Envelope, encode
from venuewire.errors import ConfigError, ConnectFailed, LocalProtocolError, LogonRejected
from venuewire.errors import RemoteProtocolError as Damage
from venuewire.model.instrument import Instrument
from venuewire.model.session import (
    Event,
    Grant,
    GrantInvalidated,
    Secret,
)
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venue import Answer, Await, Fetch, Headers, Seat, Send
from venuewire.venues.alor import signing
from venuewire.venues.alor.wire import access, commands, frames, groups

SPARE: Nanos = 5 * 60 * NANOS_PER_SECOND
"""A token with less than this left is not taken over from the other line: it would have to be renewed at once."""

JUST_MADE: Nanos = 60 * NANOS_PER_SECOND

DATA, REPLY, PONG = "data", "reply", "pong"
"""Kinds of envelope: pushed data (its guid says of what), an answer (its requestGuid says to what), a bare `pong`."""


class Settings(Struct, frozen=True, kw_only=True):
    """The switches of `seat.settings` this venue knows; the README lists them."""

    format: frames.Format = "Slim"
    depth: int = frames.MAXIMUM_DEPTH
    frequency: int = 0
    """Milliseconds between book frames; 0: the least the format allows."""
    quote_frequency: int = frames.DEFAULT_FREQUENCY
    trades: int = 0
    """How many past trades a subscription to trades brings first."""
    allow_margin: bool = False
    check_duplicates: bool = True
    protecting_seconds: int = 0
    """How long the condition of a stop order must hold before it is triggered; 0: not at all."""
    portfolio_exchange: str = ""
    """Exchange of the portfolio's own channels; empty: `UNITED` for single-cash portfolios (`E...`), else `MOEX`."""
    exchange: str = "MOEX"
    sector: str = "FOND"
    """What a list of all securities is narrowed to; empty for none."""
    no_orders_on_404: bool = False
    """Take a 404 on the order list as "no orders"."""
    split_adjust: bool = True
    """False: candles of the past as they were, not adjusted for splits."""
    ping: bool = True
    """Undocumented sign of life; off, a documented message takes its place."""


def settings_of(seat: Seat) -> Settings:
    """The settings, checked. Raises `ConfigError` naming the one that is wrong."""
    known = set(Settings.__struct_fields__)
    given = {name: value for name, value in seat.settings.items() if name in known}
    for name, value in given.items():
        wanted = type(getattr(Settings(), name)).__name__
        if type(value).__name__ != wanted:
            raise ConfigError(f"alor: setting {name} must be {wanted}, not {value!r}")
    settings = Settings(**given)
    if settings.format not in frames.MINIMUM_FREQUENCY:
        raise ConfigError(f"alor: setting format must be one of {', '.join(frames.MINIMUM_FREQUENCY)}")
    if not 1 <= settings.depth <= frames.MAXIMUM_DEPTH:
        raise ConfigError(f"alor: setting depth must be 1 to {frames.MAXIMUM_DEPTH}")
    if not 0 <= settings.protecting_seconds <= commands.LONGEST_PROTECTION:
        raise ConfigError(f"alor: setting protecting_seconds must be 0 to {commands.LONGEST_PROTECTION}")
    for name in ("frequency", "quote_frequency"):
        if getattr(settings, name) < 0:
            raise ConfigError(f"alor: setting {name} must not be negative")
    if not 0 <= settings.trades <= frames.MAXIMUM_TRADES:
        raise ConfigError(f"alor: setting trades must be 0 to {frames.MAXIMUM_TRADES}")
    return settings


class Line:
    """The token, the sign of life and the envelope: the same on both lines."""

    name = ""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.settings = settings_of(seat)
        self.portfolio: str = seat.credentials.portfolio
        self.ready: list[Event] = []
        self._held: Grant | None = None
        """What this life of the line was logged on with last."""
        self._told: Grant | None = None
        """The grant whose end this line has told of already."""
        self._pings: dict[str, Grant | None] = {}
        """Guids of signs of life on their way, and what they carried."""
        self._ping_seen = False
        """The venue has answered a `ping`, in this life or an earlier one."""
        self._ping_unknown = False

    def handshake(self, now: Nanos) -> Headers:
        """A new life; the dialling needs no headers of ours."""
        # A line that ended on its first ping, unanswered: perhaps because of it.
        self._ping_unknown = self._ping_unknown or (bool(self._pings) and not self._ping_seen)
        self._held = self._told = None
        self._pings.clear()
        self.ready.clear()
        return {}

    def heartbeat(self, now: Nanos) -> Send | None:
        """A sign of life that is answered: a line is given up after 15 seconds of silence.

        `ping`, as ALOR's own terminal sends it (3.12), is documented nowhere. Where it goes unanswered, or ends the
        line, or is switched off, something documented takes its place: a healthy line must not be taken for dead.
        """
        if self.settings.ping and not self._ping_seen and self._pings:
            self._ping_unknown = True
        if not self.settings.ping or self._ping_unknown:
            return self._documented_sign()
        grant = self._ping_grant()
        guid = f"ping-{self.seat.unique()}"
        self._pings[guid] = grant
        token = grant.token.reveal() if grant else UNSET
        return Send(encode(frames.Ping(opcode=frames.PING, guid=guid, token=token, confirm=True)), guid)

    def _documented_sign(self) -> Send | None:
        """A message that changes nothing, and that the venue's documents say is answered."""
        raise NotImplementedError

    def _answered(self, guid: str) -> Grant | None:
        """The answer to a sign of life came; what the sign carried."""
        if guid.startswith("ping-"):
            self._ping_seen = True
        return self._pings.pop(guid)

    def _ping_grant(self) -> Grant | None:
        """What the ping carries; on `/cws` nothing."""
        return None

    def open(self, payload: bytes) -> Envelope:
        """Data frames name their subscription by guid, answers their request by requestGuid (3.1)."""
        if payload == b"pong":
            return Envelope(PONG, payload)
        frame = frames.read_incoming(payload)
        data = bytes(frame.data)
        if data:
            return Envelope(DATA, data, str(frame.guid))
        if frame.requestGuid is None and not frame.httpCode:
            return Envelope("unknown", payload)
        return Envelope(REPLY, payload, str(frame.requestGuid or ""))

    def _known(self, symbol: str) -> Instrument:
        instrument = self.seat.instruments.get(symbol)
        if instrument is None:
            raise LocalProtocolError(f"{symbol} is not known: ask for the SecurityList first (its lot is needed)")
        return instrument

    # ---- the token

    def _take_over(self, now: Nanos) -> Grant | None:
        """The grant another line has fetched since, or an earlier life of this one, if it is good for a while."""
        grant = self.seat.grant
        if grant is None or grant is self._held or grant.expires_at is None:
            return None
        wanted = min(SPARE, (grant.expires_at - grant.issued_at) // 3)
        return grant if grant.expires_at - now >= wanted else None

    def _fetch(self, now: Nanos) -> Generator[Send | Fetch | Await, Event | Answer, Grant]:
        """`POST /refresh`, body form (2.2). Raises `LogonRejected` when the refresh token is refused."""
        request = access.RefreshRequest(token=self.seat.credentials.refresh_token.reveal())
        answer = yield Fetch(
            method="POST",
            path="/refresh",
            endpoint="oauth",
            body=encode(request),
            headers={"content-type": "application/json", "accept": "application/json"},
        )
        if not isinstance(answer, Answer):
            raise Damage("the answer to a token request is not an HTTP answer")
        grant = self._granted(answer, now)
        self.seat.grant = grant
        return grant

    def _granted(self, answer: Answer, now: Nanos) -> Grant:
        if answer.status in (400, 401, 403):
            text = error_text(answer.body) or "the token server refused the refresh token"
            raise LogonRejected(self.name, str(answer.status), text)
        if answer.status != 200:
            raise ConnectFailed("the token server", f"it answered {answer.status}", answer.status)
        token = access.read_refresh_reply(answer.body).AccessToken
        claims = signing.claims_of(token)
        portfolios = claims.portfolios.split()
        if portfolios and self.portfolio not in portfolios:
            text = f"portfolio {self.portfolio} is not among those of this token: {', '.join(portfolios)}"
            raise LogonRejected(self.name, "403", text)
        return Grant(Secret(token), now, _end(claims, now))

    def _invalid(self, grant: Grant | None, text: str) -> list[Event]:
        """A 401: drop the token so that nobody logs on with it again, and tell of it once."""
        if grant is not None and self.seat.grant is grant:
            self.seat.grant = None
        if grant is not None and self._told is grant:
            return []
        self._told = grant
        return [GrantInvalidated(text=text)]


def _end(claims: access.Claims, now: Nanos) -> Nanos:
    """When the token ends by our clock: no later than its whole life from now, and earlier where `exp` says so.

    A clock of ours that is far ahead would make every token look ended; its length counts then.
    """
    life = (claims.exp - claims.iat) * NANOS_PER_SECOND
    if life <= 0:
        life = access.TOKEN_SECONDS * NANOS_PER_SECOND
    left = claims.exp * NANOS_PER_SECOND - now
    return now + (min(left, life) if left > 60 * NANOS_PER_SECOND else life)


_REASONS: tuple[Callable[[bytes], str], ...] = (
    lambda body: access.read_message(body).message,
    lambda body: groups.read_group_refused(body).detail,
)
"""Where a refusal's text is; order groups have a form of their own (3.14)."""


def error_text(body: bytes) -> str:
    """Why, if the answer says so in JSON or in a line of text."""
    for read in _REASONS:
        try:
            return read(body)
        except Damage:
            continue
    text = body[:200].decode(errors="replace").strip()
    return "" if text.startswith(("<", "{", "[")) else text.strip('"')
