"""What was asked for and must be restored on each new line."""

from __future__ import annotations

from collections.abc import Iterator

from venuewire.errors import LocalProtocolError
from venuewire.model.session import Subscribe, Unsubscribe


class Subscriptions:
    """Every subscription still wanted, oldest first, by the ref it keeps for life."""

    __slots__ = ("_wanted",)

    def __init__(self) -> None:
        self._wanted: dict[str, Subscribe] = {}

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
