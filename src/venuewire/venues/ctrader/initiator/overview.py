"""Our end's account summaries and symbol statuses: who wants them, and what is asked again when something has changed.

Neither is a feed of the venue's. A summary is asked for (2187) after every event that changed the account; a status
after the venue has said that a symbol was changed (2120).
"""

from __future__ import annotations

from venuewire.model.instrument import Instrument
from venuewire.model.session import Subscribe, Unsubscribe
from venuewire.venue import Seat, Send
from venuewire.venues.ctrader.initiator.dialogue import Dialogues
from venuewire.venues.ctrader.initiator.questions import Questions


class Overview:
    """One life of the line."""

    def __init__(self, seat: Seat, dialogues: Dialogues, questions: Questions) -> None:
        self._seat = seat
        self._dialogues = dialogues
        self._questions = questions
        self._summaries: set[str] = set()
        """Refs of who wants summaries."""
        self._statuses: dict[str, str] = {}
        """Ref -> symbol."""
        self._asking: dict[int, bool] = {}
        """Accounts whose summary is being asked for; True: something has changed since."""

    def subscribe_summaries(self, command: Subscribe) -> list[Send]:
        """SUMMARY."""
        self._summaries.add(command.ref)
        return self._dialogues.begin(self._questions.summaries(command), command)

    def subscribe_status(self, command: Subscribe, instrument: Instrument) -> list[Send]:
        """STATUS."""
        self._statuses[command.ref] = instrument.symbol
        return self._dialogues.begin(self._questions.status(instrument, command), command)

    def unsubscribe(self, command: Unsubscribe) -> None:
        """Nobody asks the venue to stop: it is we who stop asking."""
        self._summaries.discard(command.subscription)
        self._statuses.pop(command.subscription, None)

    def account_changed(self, account_id: int) -> list[Send]:
        """Ask for its summary, or once more when the answer that is on its way has come."""
        if not self._summaries:
            return []
        if account_id in self._asking:
            self._asking[account_id] = True
            return []
        self._asking[account_id] = False
        steps = self._questions.summary_again(account_id)
        return self._dialogues.begin_own(steps, self._ref(), lambda: self._asked(account_id))

    def _asked(self, account_id: int) -> list[Send]:
        """Its summary has come, or was refused; what has changed meanwhile is asked for."""
        return self.account_changed(account_id) if self._asking.pop(account_id, False) else []

    def symbols_changed(self, ids: tuple[int, ...]) -> list[Send]:
        """2120."""
        known = tuple(symbol_id for symbol_id in ids if str(symbol_id) in self._seat.by_security_id)
        if not known:
            return []
        wanted = frozenset(self._statuses.values())
        return self._dialogues.begin_own(self._questions.symbols_again(known, wanted), self._ref())

    def _ref(self) -> str:
        return str(self._seat.unique())
