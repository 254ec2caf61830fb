"""Order groups (5.7): what becomes of the others when something happens to a member. Pure but for what it is handed."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from venuewire.model.terms import Nanos
from venuewire.venues.alor.wire import groups

ACTIVE, FILLED, CANCELED = "Active", "Filled", "Canceled"
WAITING, EXECUTED, GONE = range(3)
"""Where a member stands: working, executed, or ended otherwise."""

_STOPS = frozenset({"stop", "stoplimit"})


class Member(Struct, frozen=True):
    """One order of a group: the pair of kind and id is its key (6.8)."""

    portfolio: str
    order_id: str
    is_stop: bool


class OrderGroup(Struct, kw_only=True):
    """One group."""

    group_id: str
    login: str
    members: list[Member]
    policy: str
    created: Nanos
    status: str = ACTIVE
    closed: Nanos | None = None
    triggered: bool = False
    """Of a bracket: its limit order was executed, and the conditional ones are awake."""


def member_of(asked: groups.Member) -> Member:
    """A member as a client names it."""
    return Member(asked.portfolio, str(asked.orderId), asked.type.lower() in _STOPS)


class Groups:
    """All groups of the venue."""

    def __init__(
        self,
        where: Callable[[Member], int],
        end: Callable[[Member, Nanos], None],
        wake: Callable[[Member, Nanos], None],
    ) -> None:
        self._where = where
        self._end = end
        self._wake = wake
        self._groups: dict[str, OrderGroup] = {}

    def add(self, group: OrderGroup) -> None:
        """A new one."""
        self._groups[group.group_id] = group

    def of(self, login: str) -> list[OrderGroup]:
        """Those of a user, oldest first."""
        return [group for group in self._groups.values() if group.login == login]

    def find(self, group_id: str, login: str) -> OrderGroup | None:
        """One of a user's."""
        group = self._groups.get(group_id)
        return group if group is not None and group.login == login else None

    def close(self, group: OrderGroup, status: str, now: Nanos) -> None:
        """The group is over; its orders stay as they are."""
        group.status, group.closed = status, now

    def settle(self, now: Nanos) -> bool:
        """Look at the members of every active group; True if anything was done that may lead to more."""
        done = [self._settled(group, now) for group in self._groups.values() if group.status == ACTIVE]
        return any(done)

    def _settled(self, group: OrderGroup, now: Nanos) -> bool:
        if group.policy == groups.BRACKET and not group.triggered:
            return self._bracket(group, now)
        found = {member: self._where(member) for member in group.members}
        executed = [member for member, where in found.items() if where == EXECUTED]
        gone = [member for member, where in found.items() if where == GONE]
        # Of a bracket whose conditional orders are awake the limit order has done its part.
        if group.triggered:
            executed = [member for member in executed if member.is_stop]
        if executed or (gone and group.policy != groups.IGNORE_CANCEL):
            return self._end_all(group, FILLED if executed else CANCELED, now)
        if gone:
            group.members = [member for member in group.members if member not in gone]
            if not group.members:
                self.close(group, CANCELED, now)
        return False

    def _bracket(self, group: OrderGroup, now: Nanos) -> bool:
        """The conditional orders wake up when the limit order is executed; they go when it goes."""
        entries = [member for member in group.members if not member.is_stop]
        found = [self._where(member) for member in entries]
        if GONE in found:
            return self._end_all(group, CANCELED, now)
        if WAITING in found:
            return False
        group.triggered = True
        for member in group.members:
            if member.is_stop:
                self._wake(member, now)
        return True

    def _end_all(self, group: OrderGroup, status: str, now: Nanos) -> bool:
        self.close(group, status, now)
        for member in group.members:
            if self._where(member) == WAITING:
                self._end(member, now)
        return True
