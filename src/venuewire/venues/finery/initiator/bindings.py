"""Feeds of one line, on our end: what was asked for and waits for its answer, and what is bound. Pure."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from venuewire.codec import Envelope, encode
from venuewire.model.session import Event, SubscriptionAccepted, SubscriptionRejected, VenueStatus
from venuewire.venue import Send
from venuewire.venues.finery import codes, wire

NO_ID = "0"
"""What the venue puts where a bind had no id."""


class Key(Struct, frozen=True):
    """What tells bindings apart: the feed, and the id it was bound with, which the venue echoes."""

    feed: str
    feed_id: str = NO_ID


def key_of(envelope: Envelope) -> Key:
    """Which binding a push belongs to."""
    return Key(str(envelope.kind)[:-1], envelope.ref or NO_ID)


class _Asked(Struct):
    """A bind or unbind that waits for its answer."""

    ref: str | None
    """None: asked on our own account, nobody waits."""
    ends: bool = False
    """It is an unbind."""
    again: bool = False
    """It was bound already, and has been ended and asked for once more."""


class Bindings:
    """What one line has of the venue's feeds."""

    def __init__(self, client_id: int, makers: list[int] | UnsetType) -> None:
        self._client_id = client_id
        """Of a master's client, whose book is shown; 0: our own."""
        self._makers = makers
        """Whose prices feed MD shows."""
        self._asked: dict[Key, list[_Asked]] = {}
        self._bound: set[Key] = set()
        self._refs: dict[Key, str] = {}

    def __bool__(self) -> bool:
        return bool(self._bound)

    def forget(self) -> None:
        """The line is a new one."""
        self._asked.clear()
        self._bound.clear()
        self._refs.clear()

    # ----------------------------------------------------------------------- asking

    def bind(self, key: Key, ref: str) -> Send:
        """Ask for a feed."""
        self._refs[key] = ref
        return self._ask(key, _Asked(ref))

    def unbind(self, key: Key, ref: str) -> Send:
        """Ask for its end."""
        self._refs.pop(key, None)
        return self._ask(key, _Asked(ref, ends=True))

    def bind_all_again(self) -> list[Send]:
        """The venue drops our bindings with its core; the new snapshots replace what we had."""
        return [self._ask(key, _Asked(None)) for key in sorted(self._bound, key=lambda key: (key.feed, key.feed_id))]

    def _ask(self, key: Key, asked: _Asked) -> Send:
        event = "unbind" if asked.ends else "bind"
        self._asked.setdefault(key, []).append(asked)
        return Send(encode(wire.Bind(event, key.feed, self._named(key))), asked.ref)

    def _named(self, key: Key) -> str | wire.BookId | UnsetType:
        """The id as the feed wants it: an object on feed MD, and on feed F where a master names one of its clients."""
        if key.feed_id == NO_ID:
            return UNSET
        if key.feed == "MD" or (key.feed == "F" and self._client_id):
            makers = self._makers if key.feed == "MD" else UNSET
            return wire.BookId(key.feed_id, makers, self._client_id or UNSET)
        return key.feed_id

    # ----------------------------------------------------------------------- looking

    def ref(self, key: Key) -> str | None:
        """Of the subscription that wants this binding."""
        return self._refs.get(key)

    def key(self, ref: str) -> Key | None:
        """What a subscription has asked for."""
        return next((key for key, wants in self._refs.items() if wants == ref), None)

    # ----------------------------------------------------------------------- answers

    def snapshot_came(self, key: Key) -> list[Event | Send]:
        """The snapshot is the only answer to a bind; it serves everyone who waits for this feed."""
        self._bound.add(key)
        if key not in self._asked:
            return []
        queue = self._asked.pop(key)
        ends = [asked for asked in queue if asked.ends]
        if ends:
            self._asked[key] = ends
        return [SubscriptionAccepted(ref=asked.ref) for asked in queue if asked.ref is not None and not asked.ends]

    def ended(self, key: Key) -> list[Event | Send]:
        """An unbind was answered."""
        return self._over(key, self._answered(key, ends=True))

    def _over(self, key: Key, asked: _Asked | None) -> list[Event | Send]:
        self._bound.discard(key)
        return [] if asked is None or asked.ref is None else [SubscriptionAccepted(ref=asked.ref)]

    def failed(self, key: Key, code: int) -> list[Event | Send]:
        """A bind or unbind was refused; the venue does not say which of them."""
        asked = self._answered(key, ends={codes.ALREADY_BOUND: False, codes.NOT_BOUND: True}.get(code))
        where = key.feed if key.feed_id == NO_ID else f"{key.feed} {key.feed_id}"
        if asked is None:
            return [VenueStatus(up=True, code=str(code), text=f"{where}: {codes.name(code)}")]
        if code == codes.NOT_BOUND:  # What we wanted is so.
            return self._over(key, asked)
        if code == codes.ALREADY_BOUND and not asked.again:
            return self._bind_anew(key, asked)
        if not asked.ends and code != codes.NOT_CONNECTED:  # With the core back, it is bound again.
            self._bound.discard(key)
        if asked.ref is None:
            return [VenueStatus(up=True, code=str(code), text=f"not bound: {where}: {codes.name(code)}")]
        if self._refs.get(key) == asked.ref:
            del self._refs[key]
        return [SubscriptionRejected(code=str(code), text=codes.name(code), ref=asked.ref)]

    def _answered(self, key: Key, *, ends: bool | None) -> _Asked | None:
        """The oldest request for this feed that such an answer can belong to; the venue answers in order."""
        queue = self._asked.get(key, [])
        for n, asked in enumerate(queue):
            if ends is None or asked.ends is ends:
                del queue[n]
                if not queue:
                    del self._asked[key]
                return asked
        return None

    def _bind_anew(self, key: Key, asked: _Asked) -> list[Event | Send]:
        """The venue holds a binding we did not count on. It sends no snapshot for that: end it, and bind again."""
        return [self._ask(key, _Asked(None, ends=True)), self._ask(key, _Asked(asked.ref, again=True))]
