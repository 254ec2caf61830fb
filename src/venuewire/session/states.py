"""The states of a session, and what moves it from one to the next.

A session is one line's authenticated life, repeated. It is dialled, connected, logged on, and ready; it renews its
grant while it stays ready; it is lost and dialled again. Two things only end the repetition: we ask for it, or the
venue refuses who we are (`REFUSED`), for a refused credential that is sent again and again gets a key locked.

Everything that can happen is a row below. What has no row is refused, with the state and the happening in the
message: a client that dials twice, or connects what it never dialled, has a fault that must be seen.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType

from venuewire.errors import LocalProtocolError


class SessionState(StrEnum):
    """Where one line stands."""

    CLOSED = "CLOSED"
    """Never dialled, or lost."""
    DIALLING = "DIALLING"
    """The handshake is out."""
    LOGGING_ON = "LOGGING_ON"
    """The line is up; the venue does not know us yet."""
    READY = "READY"
    """Logged on."""
    RENEWING = "RENEWING"
    """Logged on, and asking for the next grant."""
    DEGRADED = "DEGRADED"
    """Logged on, but the last renewal failed; the grant in hand still holds, and the renewal is tried again."""
    REFUSED = "REFUSED"
    """The venue refused who we are: no more dialling until `Session.allow`."""


class Happening(StrEnum):
    """What moves a session."""

    DIAL = "DIAL"
    CONNECT = "CONNECT"
    GRANT = "GRANT"
    RENEW = "RENEW"
    FAIL = "FAIL"
    """A renewal failed."""
    REFUSE = "REFUSE"
    """The venue refused who we are."""
    LOSE = "LOSE"
    ALLOW = "ALLOW"
    """The credentials were put right: dialling may begin again."""


_S, _H = SessionState, Happening

TRANSITIONS: MappingProxyType[tuple[SessionState, Happening], SessionState] = MappingProxyType(
    {
        (_S.CLOSED, _H.DIAL): _S.DIALLING,
        # A transport may tell the end twice: the close frame, then the end of the socket.
        (_S.CLOSED, _H.LOSE): _S.CLOSED,
        (_S.DIALLING, _H.CONNECT): _S.LOGGING_ON,
        # Some venues check the credentials in the handshake itself.
        (_S.DIALLING, _H.REFUSE): _S.REFUSED,
        (_S.DIALLING, _H.LOSE): _S.CLOSED,
        (_S.LOGGING_ON, _H.GRANT): _S.READY,
        (_S.LOGGING_ON, _H.REFUSE): _S.REFUSED,
        (_S.LOGGING_ON, _H.LOSE): _S.CLOSED,
        (_S.READY, _H.RENEW): _S.RENEWING,
        (_S.READY, _H.LOSE): _S.CLOSED,
        (_S.RENEWING, _H.GRANT): _S.READY,
        # Even a refusal: the grant in hand holds to its end, and orders may be open under it.
        (_S.RENEWING, _H.FAIL): _S.DEGRADED,
        (_S.RENEWING, _H.LOSE): _S.CLOSED,
        (_S.DEGRADED, _H.RENEW): _S.RENEWING,
        (_S.DEGRADED, _H.LOSE): _S.CLOSED,
        # The line is hung up after a refusal, or the venue closes it first; either way we stay refused.
        (_S.REFUSED, _H.LOSE): _S.REFUSED,
        (_S.REFUSED, _H.ALLOW): _S.CLOSED,
    }
)

LOGGED_ON = frozenset({_S.READY, _S.RENEWING, _S.DEGRADED})
UP = LOGGED_ON | {_S.LOGGING_ON}
"""The line stands: frames may come."""


def after(state: SessionState, happening: Happening) -> SessionState:
    """The state that follows. Raises `LocalProtocolError` for what cannot happen in `state`."""
    following = TRANSITIONS.get((state, happening))
    if following is None:
        raise LocalProtocolError(f"a session that is {state} cannot {happening}")
    return following
