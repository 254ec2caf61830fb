"""How a command ends: its exit status, and at most one line of what went wrong."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import cast

from venuewire.errors import ConfigError, LocalProtocolError, LogonRejected, VenueError

FINE, FAILED, USAGE = 0, 1, 2
INTERRUPTED = 130
# What a shell reports for a program that a closed pipe has ended.
NOBODY_READS = 141

TRACEBACK = "VENUEWIRE_TRACEBACK"
LEVEL = "VENUEWIRE_LOG"


class UsageError(ConfigError):
    """The command line asks for what cannot be; the text says what can."""


class JobFailed(VenueError):
    """The command was understood and tried, and did not succeed."""


def guarded(work: Callable[[], int]) -> int:
    """Run `work`; its exit status, whatever it raises."""
    try:
        status = work()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _nobody_reads()
    except BaseExceptionGroup as group:
        return _ended_by(first_of(group))
    except Exception as error:  # noqa: BLE001  # the last place: whatever it is becomes one line and a status
        return _ended_by(error)
    return status


def first_of(error: BaseException) -> BaseException:
    """The error a person should read first, of those a group hides: one of ours where there is one."""
    leaves = list(_leaves(error))
    return next((leaf for leaf in leaves if isinstance(leaf, VenueError)), leaves[0])


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        yield error
        return
    group = cast("BaseExceptionGroup[BaseException]", error)
    for each in group.exceptions:
        yield from _leaves(each)


def status_of(error: BaseException) -> int:
    """Which exit status an error means."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return USAGE if isinstance(error, (ConfigError, LocalProtocolError, LogonRejected)) else FAILED


def one_line(text: object) -> str:
    """Text for a terminal: one line, nothing that could steer it. Some of these words are a venue's."""
    words = " ".join(str(text).split())
    return "".join(letter if letter.isprintable() else "?" for letter in words)


def complain(text: object) -> None:
    """Say on standard error what went wrong."""
    try:
        print(f"venuewire: {one_line(text)}", file=sys.stderr, flush=True)
    except BrokenPipeError:
        return  # nobody reads that either; the status still tells


def keep_logs_short(level: int = logging.ERROR) -> None:
    """Logs of the library to standard error, one line each; `VENUEWIRE_LOG` names another level.

    Only errors by default: what ends a command is told by `complain`, once.
    """
    shown = logging.StreamHandler(sys.stderr)
    shown.setFormatter(ShortLines("venuewire: %(levelname)s %(message)s"))
    route_logs(shown, level)


def route_logs(target: logging.Handler, level: int) -> None:
    """Send everything that is logged to `target` alone."""
    wanted = logging.getLevelNamesMapping().get(os.environ.get(LEVEL, "").upper(), level)
    root = logging.getLogger()
    root.handlers[:] = [target]
    root.setLevel(wanted)


class ShortLines(logging.Formatter):
    """One line a record; the traceback only where it was asked for."""

    def format(self, record: logging.LogRecord) -> str:
        if os.environ.get(TRACEBACK):
            return super().format(record)
        error = record.exc_info[1] if record.exc_info else None
        line = (self._fmt or "%(message)s") % {"levelname": record.levelname.lower(), "message": record.getMessage()}
        return one_line(f"{line}: {error}" if error is not None and str(error) not in line else line)


def _ended_by(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return _nobody_reads()
    if isinstance(error, (VenueError, OSError)):
        complain(error)
    elif os.environ.get(TRACEBACK):
        raise error
    else:
        complain(f"a fault of ours: {type(error).__name__}: {error} ({TRACEBACK}=1 shows where)")
    return status_of(error)


def _nobody_reads() -> int:
    """Standard output was closed by whoever read it: be quiet, also when the interpreter flushes at its end."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, sys.stdout.fileno())
    os.close(quiet)
    return NOBODY_READS
