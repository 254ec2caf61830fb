"""Requests of our end that take several messages, each written down as a generator: ask, await, ask again, tell.

A dialogue keeps one `clientMsgId` from its first message to its last; what comes with that id is its answer, of
whatever account and type. The first refusal ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeAlias, TypeVar

from venuewire.errors import RemoteProtocolError
from venuewire.model.session import (
    Command,
    Event,
    RequestRejected,
    Subscribe,
    SubscriptionRejected,
)
from venuewire.model.terms import Nanos
from venuewire.venue import Send
from venuewire.venues.ctrader.initiator.outgoing import sent
from venuewire.venues.ctrader.wire.base import Message

Steps: TypeAlias = Generator[Message, tuple[Message, Nanos], list[Event]]
"""Yields what to ask, is handed the answer and the time, returns what is to be told."""
MessageT = TypeVar("MessageT", bound=Message)


def ask(message: Message, kind: type[MessageT]) -> Generator[Message, tuple[Message, Nanos], tuple[MessageT, Nanos]]:
    """One step. Raises `RemoteProtocolError` when it is answered with something else."""
    answer, now = yield message
    if not isinstance(answer, kind):
        raise RemoteProtocolError(f"{type(message).__name__} was answered with {type(answer).__name__}")
    return answer, now


class _Dialogue:
    """One of them, in flight."""

    __slots__ = ("command", "over", "steps")

    def __init__(self, steps: Steps, command: Command | None, over: Callable[[], list[Send]]) -> None:
        self.steps = steps
        self.command = command
        self.over = over


class Dialogues:
    """All that are in flight."""

    def __init__(self) -> None:
        self._by_ref: dict[str, _Dialogue] = {}

    def claims(self, ref: str | None) -> bool:
        """Does this answer one of them?"""
        return ref is not None and ref in self._by_ref

    def begin(self, steps: Steps, command: Command) -> list[Send]:
        """A command of the session's."""
        return self._begin(command.ref, _Dialogue(steps, command, _nothing))

    def begin_own(self, steps: Steps, ref: str, over: Callable[[], list[Send]] | None = None) -> list[Send]:
        """A question of our own; when it has ended, however, `over` says what to ask next."""
        return self._begin(ref, _Dialogue(steps, None, over or _nothing))

    def _begin(self, ref: str, dialogue: _Dialogue) -> list[Send]:
        # Every dialogue asks at least once.
        first = next(dialogue.steps)
        self._by_ref[ref] = dialogue
        return [sent(first, ref)]

    def came(self, message: Message, ref: str, now: Nanos) -> list[Event | Send]:
        """An answer: what is asked next, or what there is to tell. Raises `RemoteProtocolError`."""
        dialogue = self._by_ref[ref]
        try:
            return [sent(dialogue.steps.send((message, now)), ref)]
        except StopIteration as over:
            told: list[Event] = over.value
            return [*told, *self._end(ref)]
        except RemoteProtocolError:
            self._end(ref)
            raise

    def refused(self, rejected: RequestRejected, *, is_ended: bool) -> list[Event | Send]:
        """A step was refused; `is_ended`: because the session is over."""
        ref = rejected.ref or ""
        command = self._by_ref[ref].command
        more = self._end(ref)
        if command is None:
            return list(more) if not is_ended else []
        if isinstance(command, Subscribe):
            # One whose session has ended is asked for again, with the same ref, once it is logged on.
            return [] if is_ended else [SubscriptionRejected(code=rejected.code, text=rejected.text, ref=ref)]
        return [rejected]

    def _end(self, ref: str) -> list[Send]:
        dialogue = self._by_ref.pop(ref)
        dialogue.steps.close()
        return dialogue.over()


def _nothing() -> list[Send]:
    return []
