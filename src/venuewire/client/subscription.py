"""One subscription, wanted for as long as somebody uses it, whatever becomes of the line it is on."""

from __future__ import annotations

import logging
from collections.abc import Callable

from venuewire.client.requests import Requests, Ticket
from venuewire.errors import VenueError
from venuewire.model.session import Subscribe, Unsubscribe

logger = logging.getLogger("venuewire.client")


class Subscription:
    """Asked for when it is made; `ended` takes it back. The session restores it on each new line.

    Making one raises what `Requests.submit` raises; `accepted` what its ticket does.
    """

    def __init__(self, requests: Requests, wanted: Subscribe, lost: Callable[[VenueError], None]) -> None:
        """`lost` is told when the venue takes back what it had accepted, or does not give it again on a new line."""
        self.wanted = wanted
        self._requests = requests
        self._lost = lost
        self._is_over = False
        self._ticket = self._ask()

    @property
    def ref(self) -> str:
        return self._ticket.ref

    @property
    def line(self) -> str:
        """Where its messages come."""
        return self._ticket.line

    @property
    def is_refused(self) -> bool:
        """The venue has said no, or nothing."""
        answer = self._ticket.answer
        return answer.done() and not answer.cancelled() and answer.exception() is not None

    async def accepted(self) -> None:
        """Return when the venue has taken it."""
        await self._ticket

    def end(self) -> Ticket | None:
        """Nobody wants it any more. Asked for at once, so that a new one, asked for later, comes after it."""
        self._is_over = True
        return self._take_back()

    async def renew(self) -> None:
        """End it and ask for it again: the way to a snapshot that every venue has.

        Raises what asking raises; not when ending it fails, for then it is over already.
        """
        ticket = self._take_back()
        if ticket is not None:
            try:
                await ticket
            except VenueError as error:
                logger.debug("unsubscribing from %s: %s", self.wanted, error)
        if not self._is_over:
            self._ticket = self._ask()
            await self._ticket

    def _ask(self) -> Ticket:
        ticket = self._requests.submit(self.wanted)
        self._requests.on_lost[ticket.ref] = self._lost
        return ticket

    def _take_back(self) -> Ticket | None:
        self._requests.on_lost.pop(self.ref, None)
        wanted = self.wanted
        command = Unsubscribe(channel=wanted.channel, symbol=wanted.symbol, subscription=self.ref)
        try:
            return self._requests.submit(command)
        except VenueError as error:  # refused before, and so forgotten; or the client is closed
            logger.debug("unsubscribing from %s: %s", wanted, error)
            return None
