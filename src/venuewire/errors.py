"""One tree of errors. Each says what went wrong, whose fault it is, and what to do now.

    VenueError
    ├── TransportError            the network
    │   ├── ConnectFailed             no line was made
    │   └── ConnectionLost            a line was cut while we needed it
    ├── SessionError              who we are
    │   ├── LogonRejected             the venue refused the credentials, or a step of the logon
    │   ├── LogonTimedOut             no answer to a logon step in time
    │   └── NotLoggedOn               asked for something while no line is ready
    │       └── VenueDown                 the line stands, but the venue says that it cannot trade now
    ├── ProtocolError             the rules of the wire
    │   ├── LocalProtocolError        we were asked to send what the venue cannot take; nothing was sent
    │   └── RemoteProtocolError       the venue sent what its own rules do not allow
    ├── RequestError              one request
    │   ├── RequestRejected           the venue refused it
    │   ├── RequestTimedOut           no answer by its deadline
    │   └── RateLimited               the venue's limit would be, or was, exceeded
    ├── BookError                 a book cannot take a message as it is
    ├── SlowReader                a stream was ended because its reader fell too far behind
    ├── JournalError              intents cannot be written or read
    ├── ClientFailed              a fault of ours ended the client; its cause is what to report
    └── ConfigError               credentials, names or settings are missing or wrong

A refused *order* is not in this tree: it is an `ExecutionReport`, with its place in the status table.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Recovery(StrEnum):
    """What to do now."""

    RETRY = "retry"
    RESYNC = "resync"
    LOG_ON_AGAIN = "log on again"
    RECONNECT = "reconnect"
    CORRECT = "correct the request"
    GIVE_UP = "give up"


class VenueError(Exception):
    """Anything this library raises on purpose."""

    recovery: ClassVar[Recovery] = Recovery.GIVE_UP


class TransportError(VenueError):
    """The network failed us."""

    recovery = Recovery.RECONNECT


class ConnectFailed(TransportError):
    """No line could be made to `address`."""

    def __init__(self, address: str, reason: str, status: int | None = None, body: bytes = b"") -> None:
        self.address, self.reason, self.status, self.body = address, reason, status, body
        self.retry_after: float | None = None
        """Seconds the other end asks us to wait, where it says."""
        super().__init__(f"cannot connect to {address}: {reason}")


class ConnectionLost(TransportError):
    """The line was cut; `code` is the WebSocket close code, 1006 when there was none."""

    def __init__(self, line: str, code: int = 1006, reason: str = "") -> None:
        self.line, self.code, self.reason = line, code, reason
        super().__init__(f"line {line} lost (code {code}{f': {reason}' if reason else ''})")


class SessionError(VenueError):
    """Who we are, or whether we are logged on."""

    recovery = Recovery.LOG_ON_AGAIN


class LogonRejected(SessionError):
    """The venue refused the credentials or a step of the logon, in its own words."""

    recovery = Recovery.GIVE_UP

    def __init__(self, line: str, code: str, text: str) -> None:
        self.line, self.code, self.text = line, code, text
        super().__init__(f"logon refused on line {line}: {text or 'no reason given'} (code {code})")


class LogonTimedOut(SessionError):
    """A logon step was not answered in time."""

    recovery = Recovery.RECONNECT

    def __init__(self, line: str, seconds: float) -> None:
        self.line, self.seconds = line, seconds
        super().__init__(f"no answer to logon on line {line} within {seconds:g} s")


class NotLoggedOn(SessionError):
    """No line is ready for this now."""

    recovery = Recovery.RETRY

    def __init__(self, line: str) -> None:
        self.line = line
        super().__init__(f"line {line} is not logged on; wait until it is, or look at client.health()")


class VenueDown(NotLoggedOn):
    """The venue has said that it cannot trade behind this line for now: maintenance, or its core is away."""

    def __init__(self, line: str) -> None:
        super().__init__(line)
        self.args = (f"the venue cannot trade behind line {line} now, as it says itself; see client.health()",)


class ProtocolError(VenueError):
    """The rules of the wire were broken."""


class LocalProtocolError(ProtocolError):
    """We were asked to send what the venue cannot take. Nothing was sent."""

    recovery = Recovery.CORRECT


class RemoteProtocolError(ProtocolError):
    """The venue sent what its own rules do not allow; the text says what, never the whole payload."""

    recovery = Recovery.RESYNC


class RequestError(VenueError):
    """One request failed."""


class RequestRejected(RequestError):
    """The venue refused a request, in its own words."""

    recovery = Recovery.CORRECT

    def __init__(self, what: str, code: str, text: str) -> None:
        self.what, self.code, self.text = what, code, text
        super().__init__(f"{what} refused: {text or 'no reason given'} (code {code})")


class RequestTimedOut(RequestError):
    """No answer came by the deadline; whether the venue acted is not known, unless it was never sent."""

    recovery = Recovery.RESYNC

    def __init__(self, what: str, seconds: float, *, sent: bool = True) -> None:
        self.what, self.seconds, self.sent = what, seconds, sent
        super().__init__(
            f"no answer to {what} within {seconds:g} s; whether the venue acted is not known"
            if sent
            else f"{what} waited too long for its turn and was not sent: more was asked than the limits allow"
        )


class RateLimited(RequestError):
    """A limit was reached; wait `seconds`."""

    recovery = Recovery.RETRY

    def __init__(self, what: str, seconds: float) -> None:
        self.what, self.seconds = what, seconds
        super().__init__(f"limit reached for {what}; wait {seconds:g} s")


class BookError(VenueError):
    """A book cannot take a message as it is; it asks for a new snapshot."""

    recovery = Recovery.RESYNC


class SlowReader(VenueError):
    """The reader of a stream fell behind by more than its bound, and had asked to be ended then."""

    recovery = Recovery.RESYNC

    def __init__(self, bound: int) -> None:
        self.bound = bound
        super().__init__(f"the reader fell behind by {bound} items, the bound of its stream")


class JournalError(VenueError):
    """The journal cannot be written or read."""


class ClientFailed(VenueError):
    """A fault in this library, or in a callback it was given, ended the client; `__cause__` says which."""


class ConfigError(VenueError):
    """Credentials, names or settings are missing or wrong; the text says which, and where to set them."""

    recovery = Recovery.CORRECT
