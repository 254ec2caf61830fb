"""A sandbox in a process of its own, as a user starts it, for clients nobody here wrote."""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from venuewire import cli

ROOT = Path(__file__).parents[2]
SECONDS = 30
Outcome = subprocess.CompletedProcess[str]


def start(*options: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """`venuewire sandbox` and its ready line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "venuewire", "sandbox", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(SECONDS):
            process.kill()
            raise AssertionError("the sandbox was not ready in time")
    return process, json.loads(process.stdout.readline())


def stop(process: subprocess.Popen[str]) -> str:
    """End it as a service manager does; what it said on standard error."""
    process.send_signal(signal.SIGTERM)
    rest, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    assert rest == "", "only the ready line belongs on standard output"
    assert "Traceback" not in said, said
    return said


@pytest.fixture(scope="session")
def ready() -> Iterator[dict[str, Any]]:
    """The ready line of a sandbox without TLS."""
    process, line = start("--seed", "7")
    try:
        yield line
    finally:
        stop(process)


@pytest.fixture(scope="session")
def ready_tls() -> Iterator[dict[str, Any]]:
    """The ready line of a sandbox with TLS."""
    process, line = start("--seed", "7", "--tls")
    try:
        yield line
    finally:
        stop(process)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """A command that is run in this process takes over where logs go; give it back to pytest."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def here(
    ready: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """Runs a command in this process (quicker than one of its own), against the running sandbox."""
    monkeypatch.setenv("VENUEWIRE_SANDBOX", ready["control"])

    def run(*arguments: str) -> Outcome:
        status = cli.main(arguments)
        told = capsys.readouterr()
        return Outcome(arguments, status, told.out, told.err)

    return run


@pytest.fixture(scope="session")
def peer() -> Callable[[str], str]:
    """The interpreter of somebody else's client, in an environment of its own; skips where it cannot be had."""

    def python_of(name: str) -> str:
        made = subprocess.run(
            [sys.executable, str(ROOT / "requirements" / "environment.py"), name],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        if made.returncode != 0:
            pytest.skip(f"{name} cannot be installed here: {made.stderr.strip().splitlines()[-1]}")
        return made.stdout.strip()

    return python_of


@pytest.fixture(scope="session")
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program of `programs/` with a given interpreter and the ready line."""

    def run_program(python: str, program: str, ready: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, str(Path(__file__).parent / "programs" / program), json.dumps(ready)],
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        )

    return run_program
