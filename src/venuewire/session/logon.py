"""Running a logon: the venue's flow says what to do, is handed what came back, and ends with a grant."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from venuewire.model.session import Event, Grant, Heartbeat
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venue import Answer, Await, Effect, Fetch, Flow, Send

LONGEST_MARGIN = 300 * NANOS_PER_SECOND


class Logon:
    """One run of a venue's flow.

    `begin` and `take` return the effect to carry out, or None when the flow only waits or is over; then `grant`
    says which. Both raise what the flow raises: `LogonRejected`, or another `VenueError` for a failure that says
    nothing about the credentials.
    """

    __slots__ = ("_flow", "_unique", "fetching", "grant", "waiting")

    def __init__(self, flow: Flow, unique: Callable[[], int]) -> None:
        self._flow = flow
        self._unique = unique
        self.waiting: str | None = None
        """Ref of the event it waits for."""
        self.fetching: str | None = None
        """Ref of the fetch it waits for."""
        self.grant: Grant | None = None
        """What it gave, once it is over."""

    def begin(self) -> list[Effect]:
        """Take the first step."""
        return self._advance(None)

    def take(self, answer: Event | Answer) -> list[Effect]:
        """Hand over what it waited for, and take the next step."""
        return self._advance(answer)

    def _advance(self, answer: Event | Answer | None) -> list[Effect]:
        self.waiting = self.fetching = None
        effects: list[Effect] = []
        try:
            step = next(self._flow) if answer is None else self._flow.send(answer)
            while self._goes_on(step, effects):
                step = self._flow.send(Heartbeat())
        except StopIteration as over:
            self.grant = over.value
        return effects

    def _goes_on(self, step: Send | Fetch | Await, effects: list[Effect]) -> bool:
        """Note what the step waits for; True when it waits for nothing: a frame without a ref has no answer."""
        match step:
            case Await():
                self.waiting = step.ref
            case Fetch():
                # Its answer must find the way back to the flow, also in a later life of the line.
                fetch = step if step.ref is not None else replace(step, ref=f"logon-{self._unique()}")
                self.fetching = fetch.ref
                effects.append(fetch)
            case Send():
                self.waiting = step.ref
                effects.append(step)
        return self.waiting is None and self.fetching is None

    def close(self) -> None:
        """Stop the flow where it is."""
        self._flow.close()


def renewal_time(grant: Grant, now: Nanos, early: Nanos = 0, *, ahead: Nanos = 0) -> Nanos | None:
    """When to ask for the next grant: a third of its life before its end, but no more than five minutes, and `early`.

    A grant that is nearly over when we get it (another line obtained it) is renewed after a quarter of what is left,
    so that a venue that hands out the same one again is not asked without pause. `ahead` is how far the venue's clock
    is ahead of ours: the grant ends by that clock. None: it never ends.
    """
    if grant.expires_at is None:
        return None
    ends = grant.expires_at - ahead
    life = max(ends - grant.issued_at, 0)
    margin = min(min(life // 3, LONGEST_MARGIN) + early, life * 2 // 3)
    left = max(ends - now, 0)
    return max(ends - margin, now + max(left // 4, NANOS_PER_SECOND))


def pause_after(failures: int) -> Nanos:
    """How long to wait after so many failed renewals in a row: 1, 2, 4, ... 30 seconds."""
    return min(1 << min(failures - 1, 5), 30) * NANOS_PER_SECOND


def is_final(code: str) -> bool:
    """Is a refusal with this code about who we are, so that asking again is useless and may do harm?

    HTTP says so for us: 408 (too slow), 429 (too often) and 5xx (the venue's own trouble) pass; the rest is final.
    """
    return code not in {"408", "429"} and not (len(code) == 3 and code.isdigit() and code[0] == "5")
