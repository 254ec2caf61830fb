"""Becoming, and staying, authorised on one connection: the application first, then the account.

The steps of the account-authentication page, each awaited before the next is sent: 2100; 2149 where the account is to
be found; 2102. A renewal on a living line begins with 2173. A refresh token works once and ends the old access token:
the new pair is kept, and handed to `settings["store"]`, the moment it comes, before anything else is done with it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, cast
from urllib.parse import urlsplit

from venuewire.errors import LogonRejected, SessionError
from venuewire.errors import RequestRejected as RequestFailed
from venuewire.model.session import Event, Grant, Reply, RequestRejected
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venue import Answer, Flow, Seat, Send
from venuewire.venues.ctrader import signing
from venuewire.venues.ctrader.credentials import CTraderCredentials, renewed
from venuewire.venues.ctrader.wire.base import Message
from venuewire.venues.ctrader.wire.session import GetAccountListByAccessTokenRes, RefreshTokenRes
from venuewire.venues.ctrader.wire.table import frame

Steps: TypeAlias = Generator[Send, Event | Answer, Event | Answer]

_LIVE = "wss://live.ctraderapi.com:5036"
# Refusals of 2100 and 2102 that say we are where we wanted to be.
_ALREADY = frozenset({"ALREADY_LOGGED_IN", "CH_CLIENT_ALREADY_AUTHENTICATED"})
TOKEN_ENDED = frozenset({"CH_ACCESS_TOKEN_INVALID", "OA_AUTH_TOKEN_EXPIRED"})
# The venue's own passing troubles: they say nothing about who we are.
_PASSING = frozenset(
    {
        *("UNKNOWN_ERROR", "TIMEOUT_ERROR", "BLOCKED_PAYLOAD_TYPE", "CONNECTIONS_LIMIT_EXCEEDED"),
        *("CH_SERVER_NOT_REACHABLE", "REQUEST_FREQUENCY_EXCEEDED", "SERVER_IS_UNDER_MAINTENANCE"),
    }
)


class Authorisation:
    """Where one life of a line stands with the venue."""

    def __init__(self, line: str, seat: Seat) -> None:
        self._line = line
        self._seat = seat
        self.application = False
        self.accounts: set[int] = set()
        """Those whose session stands."""
        self.account_id = self.credentials.accountId or next(iter(self.credentials.accountIds), 0)
        """The first of ours; 0 until it has been found."""
        self._refs: set[str] = set()

    @property
    def account_ids(self) -> tuple[int, ...]:
        """All of ours, the first one first."""
        return tuple(dict.fromkeys((self.account_id, *self.credentials.accountIds)))

    @property
    def stands(self) -> bool:
        """Are all of them authorised?"""
        return self.accounts.issuperset(self.account_ids)

    @property
    def credentials(self) -> CTraderCredentials:
        """Those in force: replaced whenever the tokens are."""
        return cast(CTraderCredentials, self._seat.credentials)

    def flow(self, now: Nanos) -> Flow:
        """The logon, and the renewal when every account is authorised already."""
        if not self.credentials.accessToken:
            raise LogonRejected(self._line, "credentials", "there is no accessToken: venuewire login ctrader gets one")
        if not self.application:
            yield from self._must(signing.application(self.credentials))
            self.application = True
        ends_at = self.credentials.expires_at
        if (self.account_id and self.stands) or (ends_at is not None and now >= ends_at):
            yield from self._refresh()
        if not self.account_id:
            yield from self._find_account()
        yield from self._authorise_accounts()
        grant = Grant(token=self.credentials.accessToken, issued_at=now, expires_at=self.credentials.expires_at)
        self._seat.grant = grant
        return grant

    def claims(self, ref: str | None) -> bool:
        """Is this the answer to a step of the flow?"""
        if ref is None or ref not in self._refs:
            return False
        self._refs.discard(ref)
        return True

    def keep(self, message: RefreshTokenRes, now: Nanos) -> None:
        """The next pair of tokens: stored first, used afterwards."""
        expires_at = now + message.expires_in * NANOS_PER_SECOND
        self._seat.credentials = renewed(self.credentials, message.access_token, message.refresh_token, expires_at)
        store = self._seat.settings.get("store")
        if callable(store):
            store(self._seat.credentials)

    def _step(self, message: Message) -> Send:
        ref = str(self._seat.unique())
        self._refs.add(ref)
        return Send(frame(message, ref), ref)

    def _must(self, message: Message) -> Steps:
        """A step that has to succeed; its answer."""
        answer = yield self._step(message)
        if isinstance(answer, RequestRejected) and answer.code not in _ALREADY:
            raise self._failure(answer)
        return answer

    def _failure(self, answer: RequestRejected) -> LogonRejected | RequestFailed:
        if answer.code in _PASSING:
            return RequestFailed("logon", answer.code, answer.text)
        return LogonRejected(self._line, answer.code, answer.text)

    def _refresh(self) -> Steps:
        """2173, spending the refresh token."""
        if not self.credentials.refreshToken:
            text = "the access token ends and there is no refreshToken to exchange"
            raise LogonRejected(self._line, "CH_ACCESS_TOKEN_INVALID", text)
        return (yield from self._must(signing.refresh(self.credentials)))

    def _authorise_accounts(self) -> Generator[Send, Event | Answer, None]:
        """Each in turn; twice, where a token that had to be exchanged on the way ended those before it."""
        for _ in range(2):
            for account_id in self.account_ids:
                if account_id not in self.accounts:
                    yield from self._authorise_account(account_id)
                    self.accounts.add(account_id)

    def _authorise_account(self, account_id: int) -> Steps:
        """2102; a token that has ended is exchanged once, and the step repeated."""
        answer = yield self._step(signing.account(self.credentials, account_id))
        if self._has_ended(answer):
            yield from self._refresh()
            return (yield from self._must(signing.account(self.credentials, account_id)))
        if isinstance(answer, RequestRejected) and answer.code not in _ALREADY:
            raise self._failure(answer)
        return answer

    def _find_account(self) -> Steps:
        """2149: the one account of the token here. Raises `LogonRejected` naming them where there is a choice."""
        answer = yield self._step(signing.account_list(self.credentials))
        if self._has_ended(answer):
            yield from self._refresh()
            answer = yield from self._must(signing.account_list(self.credentials))
        if isinstance(answer, RequestRejected):
            raise self._failure(answer)
        if not isinstance(answer, Reply) or not isinstance(answer.message, GetAccountListByAccessTokenRes):
            raise SessionError("the list of accounts was answered with something else")
        wanted = self._is_live()
        listed = answer.message.ctid_trader_account
        ids = [each.ctid_trader_account_id for each in listed if wanted is None or each.is_live is wanted]
        if len(ids) != 1:
            text = f"set accountId to one of: {', '.join(map(str, ids)) or 'none'}"
            raise LogonRejected(self._line, "CH_CTID_TRADER_ACCOUNT_NOT_FOUND", text)
        self.account_id = ids[0]
        return answer

    def _is_live(self) -> bool | None:
        """Which environment this host is of, by its name; None where that does not say."""
        host = urlsplit(self.credentials.endpoints.get("ws", _LIVE)).hostname or ""
        return {"live": True, "demo": False}.get(host.partition(".")[0].partition("-")[0])

    def _has_ended(self, answer: Event | Answer) -> bool:
        """Refused because the token has ended, with another to be had?"""
        is_ended = isinstance(answer, RequestRejected) and answer.code in TOKEN_ENDED
        return is_ended and bool(self.credentials.refreshToken)
