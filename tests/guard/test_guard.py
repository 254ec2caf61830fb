"""A guard, over real processes and sockets: the client is killed, stopped, crashed or sent home, and what is left."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

import venuewire as vw
from venuewire.cli.places import from_ready
from venuewire.client import Client
from venuewire.venues import find, names

ROOT = Path(__file__).parents[2]
SECONDS = 30
SILENCE, WITHIN = 1.0, 8.0
PATIENCE = 15.0
"""Silence where the client does not hang: a busy machine is not taken for it."""
VENUES = names()
NEEDED = [name for name in VENUES if not find(name).capabilities.cancel_on_disconnect]


@pytest.fixture(scope="module")
def ready() -> Iterator[dict[str, Any]]:
    """A sandbox in a process of its own, its markets standing still."""
    process = subprocess.Popen(
        [sys.executable, "-m", "venuewire", "sandbox", "--seed", "5"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    )
    try:
        line = json.loads(next_line(process))
        ask(line, "/flow", {"paused": True})
        yield line
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS)


def ask(ready: dict[str, Any], path: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(ready["control"] + path, content, method=method)
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def working(ready: dict[str, Any], venue: str) -> set[str]:
    """The venue's ids of all orders of the account that are working."""
    accounts = ask(ready, "/state")["venues"][venue]["accounts"].values()
    orders = [order for account in accounts for order in account["orders"]]
    return {order["order_id"] for order in orders if order["ord_status"] in {"NEW", "PARTIALLY_FILLED"}}


def next_line(process: subprocess.Popen[str], *, of_errors: bool = False) -> str:
    stream = process.stderr if of_errors else process.stdout
    assert stream is not None
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        if not selector.select(SECONDS):
            process.kill()
            raise AssertionError(f"nothing was said in time: {process.communicate()}")
    return stream.readline()


class Trader:
    """A trader with a guard, in a process of its own."""

    def __init__(self, venue: str, ready: dict[str, Any], **options: Any) -> None:
        settings = json.dumps({"silence": PATIENCE, "within": WITHIN, **options})
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.guard.trader", venue, json.dumps(ready), settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        line = next_line(self.process)
        assert line, self.rest()
        told = json.loads(line)
        assert told["armed"]
        self.guard_pid: int | None = told["guard"]

    def say(self, words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()

    def do(self, words: str) -> dict[str, Any]:
        self.say(words)
        told: dict[str, Any] = json.loads(next_line(self.process))
        return told

    def rest(self) -> str:
        """All of standard error: returns when the trader and its guard have both ended."""
        _, said = self.process.communicate(timeout=SECONDS)
        return said

    def warning(self) -> str:
        """The next line of standard error."""
        return next_line(self.process, of_errors=True)


@contextmanager
def trader(venue: str, ready: dict[str, Any], **options: Any) -> Iterator[Trader]:
    it = Trader(venue, ready, **options)
    try:
        yield it
    finally:
        it.process.kill()
        it.process.communicate(timeout=SECONDS)


@asynccontextmanager
async def another(venue: str, ready: dict[str, Any]) -> AsyncIterator[tuple[Client, vw.LiveOrder]]:
    """Another client of the same account, with an order that rests."""
    async with vw.connect(venue, from_ready(find(venue), ready)) as client:
        instrument = client.instruments[client.venue.default_symbol]
        async with client.book(instrument.symbol) as book:
            ask = book.best_ask
            assert ask is not None
            order = await client.place(
                vw.NewOrder(
                    symbol=instrument.symbol,
                    side=vw.Side.BUY,
                    ord_type=vw.OrdType.LIMIT,
                    order_qty=instrument.min_trade_vol,
                    price=ask.price - 300 * instrument.min_price_increment,
                )
            )
        yield client, order
        await client.cancel(order)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("venue", VENUES)
async def test_a_killed_client_leaves_no_order_behind_and_others_keep_theirs(venue: str, ready: dict[str, Any]) -> None:
    async with another(venue, ready) as (_, theirs):
        with trader(venue, ready) as it:
            first = it.do("place 1")["cl_ord_id"]
            it.do("place 2")
            it.do(f"replace {first}")
            assert len(working(ready, venue)) == 3
            began = time.monotonic()
            it.process.kill()
            said = it.rest()
            assert time.monotonic() - began < WITHIN
            assert "2 canceled, 0 ended otherwise, 0 unconfirmed" in said, said
        assert working(ready, venue) == {theirs.order_id}


@pytest.mark.parametrize("venue", NEEDED)
async def test_a_client_that_hangs_is_treated_the_same_and_places_no_more(venue: str, ready: dict[str, Any]) -> None:
    async with another(venue, ready) as (_, theirs):
        with trader(venue, ready, silence=SILENCE) as it:
            it.do("place 1")
            began = time.monotonic()
            it.process.send_signal(signal.SIGSTOP)
            said = it.warning()
            assert SILENCE / 2 < time.monotonic() - began < SILENCE + WITHIN
            assert f"nothing for {SILENCE:g} s" in said
            assert "1 canceled, 0 ended otherwise, 0 unconfirmed" in said
            assert working(ready, venue) == {theirs.order_id}
            it.say("place 2")
            it.process.send_signal(signal.SIGCONT)
            refused = json.loads(next_line(it.process))
            assert refused["error"] == "LocalProtocolError"
            assert "guard" in refused["text"]
            assert "cancelled our orders" in it.do("place 3")["text"]
        assert working(ready, venue) == {theirs.order_id}


@pytest.mark.parametrize("venue", VENUES)
def test_a_goodbye_disarms_it(venue: str, ready: dict[str, Any]) -> None:
    with trader(venue, ready) as it:
        placed = it.do("place 1")
        it.say("goodbye")
        said = it.rest()
        assert said == "" if venue in NEEDED else "a guard is not needed" in said and said.count("\n") == 1
        assert it.process.returncode == 0
        assert it.guard_pid is not None
        assert not alive(it.guard_pid)
    assert len(working(ready, venue)) == 1, placed
    clear(ready, venue)


def clear(ready: dict[str, Any], venue: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "venuewire", "kill", venue, "--sandbox", ready["control"]],
        capture_output=True,
        check=False,
        cwd=ROOT,
        timeout=SECONDS,
    )
    assert done.returncode == 0
    assert not working(ready, venue)


def test_an_exception_is_no_goodbye(ready: dict[str, Any]) -> None:
    venue = NEEDED[0]
    with trader(venue, ready) as it:
        it.do("place 1")
        it.say("crash")
        said = it.rest()
        assert "as if the strategy had failed" in said
        assert "1 canceled" in said
    assert not working(ready, venue)


@pytest.mark.parametrize("venue", NEEDED)
def test_a_guard_that_loses_its_line_does_it_all_the_same(venue: str, ready: dict[str, Any]) -> None:
    with trader(venue, ready) as it:
        it.do("place 1")
        it.process.send_signal(signal.SIGSTOP)
        ask(ready, "/disconnect", {"venue": venue, "code": 1006})
        it.process.kill()
        assert "1 canceled, 0 ended otherwise, 0 unconfirmed" in it.rest()
    assert not working(ready, venue)


@pytest.mark.parametrize("venue", NEEDED)
def test_an_order_that_was_under_way_is_found_and_cancelled(venue: str, ready: dict[str, Any]) -> None:
    """The venue has taken it, and neither the client nor its guard has been told: every answer and push is lost."""
    with trader(venue, ready, within=2.0) as it:
        ask(ready, "/faults", {"kind": "mute", "venue": venue, "for_s": 0.8})
        ask(ready, "/faults", {"kind": "drop", "path": "/", "when": "after", "count": 1, "for_s": 1, "venue": venue})
        assert it.do("hold 1") == {"placing": True}
        while not working(ready, venue):
            assert it.process.poll() is None
        it.process.kill()
        said = it.rest()
        assert "1 canceled, 0 ended otherwise, 0 unconfirmed" in said, said
    ask(ready, "/faults", method="DELETE")
    assert not working(ready, venue)


@pytest.mark.parametrize("venue", [name for name in NEEDED if find(name).single_use])
def test_a_token_that_works_once_is_spent_by_the_client_and_the_next_is_told_to_the_guard(
    venue: str, ready: dict[str, Any]
) -> None:
    with trader(venue, ready) as it:
        it.do("place 1")
        ask(ready, "/faults", {"kind": "expire", "venue": venue})
        # The venue may refuse an order in the moment in which it ends the token.
        while (told := it.do("place 2")).get("status") != "NEW":
            assert told.get("status") == "REJECTED" or told["error"] in {"NotLoggedOn", "LocalProtocolError"}, told
        it.process.kill()
        assert "2 canceled, 0 ended otherwise, 0 unconfirmed" in it.rest()
    assert not working(ready, venue)


def test_a_guard_that_is_lost_is_replaced_and_nothing_is_placed_meanwhile(ready: dict[str, Any]) -> None:
    venue = NEEDED[0]
    with trader(venue, ready) as it:
        it.do("place 1")
        assert it.guard_pid is not None
        os.kill(it.guard_pid, signal.SIGKILL)
        refused = it.do("place 2")
        while "error" not in refused:
            refused = it.do("place 2")
        assert refused["error"] == "LocalProtocolError"
        while not it.do("health")["guard"]["armed"]:
            assert it.process.poll() is None
        assert it.do("health")["guard"]["starts"] == 2
        it.process.kill()
        said = it.rest()
        assert " 0 unconfirmed" in said, said
    assert not working(ready, venue)


# ------------------------------------------------------------------ a guard that is started by itself


@contextmanager
def guard(venue: str, at: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "venuewire", "guard", venue, "--at", str(at), "--json", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert json.loads(next_line(process)) == {"ready": True, "venue": venue, "at": str(at)}
        yield process
    finally:
        process.kill()
        process.communicate(timeout=SECONDS)


def test_a_guard_of_its_own_serves_one_client_and_reports(ready: dict[str, Any], tmp_path: Path) -> None:
    venue, at = NEEDED[0], tmp_path / "guard.sock"
    with guard(venue, at) as process:
        assert at.stat().st_mode & 0o777 == 0o600
        with trader(venue, ready, at=str(at)) as it:
            assert it.guard_pid is None
            placed = it.do("place 1")
            process.send_signal(signal.SIGTERM)  # it stays as long as a client relies on it
            assert "relies on this guard" in next_line(process, of_errors=True)
            it.process.kill()
            told = json.loads(next_line(process))
        process.wait(SECONDS)
        assert process.returncode == 0
    assert told.pop("seconds") < WITHIN
    assert told == {
        "venue": venue,
        "acted": True,
        "why": "the client ended without a goodbye",
        "canceled": [placed["cl_ord_id"]],
        "ended": [],
        "unconfirmed": [],
        "in_time": True,
    }
    assert not at.exists()
    assert not working(ready, venue)


def test_what_cannot_be_confirmed_is_told_and_the_exit_status_says_so(ready: dict[str, Any], tmp_path: Path) -> None:
    venue, at = NEEDED[0], tmp_path / "guard.sock"
    with guard(venue, at, "--later", "0.3") as process, trader(venue, ready, at=str(at), within=0.5) as it:
        placed = it.do("place 1")
        ask(ready, "/faults", {"kind": "refuse", "status": 503, "venue": venue})
        ask(ready, "/disconnect", {"venue": venue, "code": 1006})
        it.process.kill()
        told = json.loads(next_line(process))
        process.wait(SECONDS)
        assert process.returncode == 1
        assert told["in_time"] is False
        assert [order["cl_ord_id"] for order in told["unconfirmed"]] == [placed["cl_ord_id"]]
    ask(ready, "/faults", method="DELETE")
    clear(ready, venue)


def test_a_guard_takes_no_client_of_another_venue_and_ends_when_told(ready: dict[str, Any], tmp_path: Path) -> None:
    at = tmp_path / "guard.sock"
    with guard(NEEDED[0], at) as process:
        stranger = subprocess.run(
            [sys.executable, "-m", "venuewire", "guard", NEEDED[0], "--at", str(at)],
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
            cwd=ROOT,
        )
        assert (stranger.returncode, stranger.stderr.count("\n")) == (2, 1)
        assert "listens" in stranger.stderr
        wrong = subprocess.Popen(
            [sys.executable, "-m", "tests.guard.trader", NEEDED[1], json.dumps(ready), json.dumps({"at": str(at)})],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.PIPE,
            cwd=ROOT,
        )
        try:
            assert f"for {NEEDED[0]}, not for {NEEDED[1]}" in next_line(process, of_errors=True)
        finally:
            wrong.kill()
            wrong.communicate(timeout=SECONDS)
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS)
        assert process.returncode == 0
