"""Looking over an object's shoulder: what one of its methods is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from venuewire.sandbox.port import AccountPort


@contextmanager
def watched(one: object, name: str, told: Callable[..., object]) -> Iterator[None]:
    """`told(*arguments, answer)` after each call of this method of this object.

    The class is given another method, for all of its objects: a compiled object takes none of its own.
    """
    kind = type(one)
    plain = getattr(kind, name)

    def method(self: object, *given: Any) -> Any:
        answer = plain(self, *given)
        if self is one:
            told(*given, answer)
        return answer

    setattr(kind, name, method)
    try:
        yield
    finally:
        setattr(kind, name, plain)


@contextmanager
def commands_at(port: AccountPort) -> Iterator[list[Any]]:
    """The commands that reach an account's place at the exchange, meanwhile."""
    seen: list[Any] = []
    with watched(port, "execute", lambda command, _now, _answer: seen.append(command)):
        yield seen
