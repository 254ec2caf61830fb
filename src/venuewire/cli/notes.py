"""The newest log lines, kept for a screen that must not scroll."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager

from venuewire.cli.outcome import ShortLines, keep_logs_short, route_logs


class Notes(logging.Handler):
    """Where logs go while a screen is up."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: deque[str] = deque(maxlen=4)
        self.setFormatter(ShortLines("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def notes_instead_of_logs() -> Generator[Notes]:
    """Inside, logs are notes; afterwards they go to standard error again."""
    notes = Notes()
    route_logs(notes, logging.WARNING)
    try:
        yield notes
    finally:
        keep_logs_short()
