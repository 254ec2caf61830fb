"""Credentials that a venue changes: loaded from where they were kept, and kept again before the next are used."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeAlias

from venuewire.client.waiting import LONGEST_PAUSE
from venuewire.transport.clock import Clock
from venuewire.transport.store import FileStore
from venuewire.venue import Credentials

logger = logging.getLogger("venuewire.client")

Store: TypeAlias = Path | str | Callable[[Credentials], None]


class Tokens:
    """Trouble with the store must not lose tokens: they serve on, and are written as soon as they can be."""

    def __init__(
        self,
        venue: str,
        credentials: Credentials,
        store: Store | None,
        clock: Clock,
        spawn: Callable[[Coroutine[None, None, None]], None],
    ) -> None:
        self._venue = venue
        self._clock = clock
        self._spawn = spawn
        self._unsaved: Credentials | None = None
        self.trouble = ""
        """Why the newest are in memory only."""
        self.credentials = credentials
        """Those in force at the beginning: newer ones of the store, where it has them."""
        self._save: Callable[[Credentials], None] | None
        if store is None or callable(store):
            self._save = store
        else:
            file = FileStore(Path(store), credentials)
            self.credentials, self._save = file.load(), file.save

    @property
    def are_kept(self) -> bool:
        """Is there a store?"""
        return self._save is not None

    def keep(self, credentials: Credentials) -> None:
        """The next ones, before they are used."""
        if self._save is None:
            return
        self._unsaved = credentials
        try:
            self._save(credentials)
        except Exception as error:  # noqa: BLE001  a user's function may raise anything, and its words may hold anything
            self.trouble = f"new tokens could not be stored: {type(error).__name__}"
            logger.error("%s: %s; they are kept in memory only", self._venue, self.trouble)
            self._spawn(self._later())
        else:
            self._unsaved, self.trouble = None, ""

    async def _later(self) -> None:
        await self._clock.sleep_until(self._clock.now() + LONGEST_PAUSE)
        if self._unsaved is not None:
            self.keep(self._unsaved)
