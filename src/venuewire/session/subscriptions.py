"""What was asked for and must be restored on each new line, and whether there is room for more."""

from __future__ import annotations

from collections.abc import Iterator

from venuewire.errors import LocalProtocolError
from venuewire.model.session import Subscribe, Unsubscribe
from venuewire.model.terms import Channel
from venuewire.venue import Limits


class Subscriptions:
    """Every subscription still wanted, oldest first, by the ref it keeps for life."""

    __slots__ = ("_limits", "_wanted")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._wanted: dict[str, Subscribe] = {}

    def limit_reached(self, channel: Channel) -> int | None:
        """The limit of the venue that one more of this channel would break; None: there is room."""
        most = self._limits.subscriptions
        if most is not None and len(self._wanted) >= most:
            return most
        most = self._limits.channel_subscriptions.get(channel)
        if most is not None and sum(it.channel is channel for it in self._wanted.values()) >= most:
            return most
        return None

    def remember(self, subscribe: Subscribe) -> None:
        """It is wanted from now on."""
        self._wanted[subscribe.ref] = subscribe

    def forget(self, ref: str) -> None:
        """It was refused, or ended."""
        self._wanted.pop(ref, None)

    def end(self, unsubscribe: Unsubscribe) -> None:
        """It is not wanted any more. Raises `LocalProtocolError` when there is no such subscription."""
        if self._wanted.pop(unsubscribe.subscription, None) is None:
            raise LocalProtocolError(f"there is no subscription {unsubscribe.subscription or '(no ref given)'} to end")

    def __contains__(self, ref: object) -> bool:
        return ref in self._wanted

    def __iter__(self) -> Iterator[Subscribe]:
        return iter(tuple(self._wanted.values()))

    def __len__(self) -> int:
        return len(self._wanted)
