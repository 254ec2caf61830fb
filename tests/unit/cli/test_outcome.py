"""How a command ends."""

from __future__ import annotations

import logging

import pytest

from venuewire.cli import outcome
from venuewire.cli.outcome import JobFailed, UsageError, first_of, guarded, one_line
from venuewire.errors import (
    ConfigError,
    ConnectFailed,
    LocalProtocolError,
    LogonRejected,
    RequestRejected,
    RequestTimedOut,
    VenueError,
)


def failing(error: BaseException) -> int:
    raise error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("no credentials"), 2),
        (UsageError("not a place"), 2),
        (LocalProtocolError("price off the tick"), 2),
        (LogonRejected("ws", "401", "expired"), 2),
        (ConnectFailed("ws://x", "refused"), 1),
        (RequestTimedOut("NewOrder", 10), 1),
        (RequestRejected("cancel", "5", "unknown order"), 1),
        (JobFailed("not done"), 1),
        (OSError(98, "Address already in use"), 1),
        (ExceptionGroup("tasks", [ValueError("x"), ExceptionGroup("more", [ConfigError("inner")])]), 2),
        (BaseExceptionGroup("tasks", [KeyboardInterrupt()]), 130),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("a fault"), 1),
    ],
)
def test_every_error_is_a_status_and_at_most_one_line(
    error: BaseException, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded(lambda: failing(error)) == status
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == (0 if status == 130 else 1)
    assert "Traceback" not in told.err


def test_a_fault_of_ours_says_so_and_shows_where_when_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded(lambda: 1 // 0) == 1
    assert "a fault of ours: ZeroDivisionError" in capsys.readouterr().err
    monkeypatch.setenv(outcome.TRACEBACK, "1")
    with pytest.raises(ZeroDivisionError):
        guarded(lambda: 1 // 0)


def test_a_venues_words_cannot_steer_the_terminal() -> None:
    assert one_line("a\x1b[31m b\r\n  c\x07") == "a?[31m b c?"


def test_a_group_shows_what_is_ours_first() -> None:
    ours = VenueError("ours")
    assert first_of(ExceptionGroup("g", [ExceptionGroup("h", [OSError("x")]), ExceptionGroup("i", [ours])])) is ours
    assert isinstance(first_of(ExceptionGroup("g", [OSError("x")])), OSError)


def test_logs_are_one_line_without_their_traceback() -> None:
    shown = outcome.ShortLines("%(levelname)s %(message)s")
    try:
        raise ValueError("what happened\nhere")
    except ValueError as error:
        trouble = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "file", 1, "line %s failed", ("ws",), trouble)
    assert shown.format(record) == "error line ws failed: what happened here"
