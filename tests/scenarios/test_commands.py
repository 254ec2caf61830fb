"""The commands as people and scripts run them: real processes, real sockets, a sandbox for the venues."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.scenarios.conftest import Outcome

from venuewire.cli.trial import Trial
from venuewire.model.market import BookSnapshot
from venuewire.sandbox import Sandbox
from venuewire.venues import find, names

ROOT = Path(__file__).parents[2]
SECONDS = 60
COMMAND = (sys.executable, "-m", "venuewire")
VENUES = names()

QUANTITY = {"alor": "10", "coinbase": "0.01", "ctrader": "1000", "finery": "0.01"}
BELOW_THE_MARKET = {"alor": "230.00", "coinbase": "57600.00", "ctrader": "1.03000", "finery": "57600.00"}
TOO_MUCH = {"alor": "10000000", "coinbase": "3000", "ctrader": "9000000000", "finery": "3000"}
SPOILT = {"alor": "refresh_token", "coinbase": "private_key", "ctrader": "clientSecret", "finery": "secret"}
"""The key of the credentials that is made wrong."""


def command(*arguments: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> Outcome:
    """Run one command line to its end, off a terminal."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=SECONDS,
        cwd=cwd,
        env={**os.environ, **(env or {})},
    )


def is_one_line(text: str) -> bool:
    return text.startswith("venuewire: ") and text.count("\n") == 1 and "Traceback" not in text


# --------------------------------------------------------------------------- demo


def test_demo_does_the_whole_job_and_says_so_to_machines() -> None:
    done = command("demo", "--seconds", "3", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    told = json.loads(done.stdout)
    assert told["ok"] is True
    assert tuple(told["venues"]) == VENUES
    for name, venue in told["venues"].items():
        book = venue.pop("book")
        assert venue.pop("logon_ms") > 0
        assert venue == {
            "logged_on": True,
            "renewals": 0,
            "orders": {"filled": 1, "canceled": 1, "rejected": 0, "unknown": 0},
        }
        assert book.pop("updates") > 3
        assert book == {"symbol": find(name).default_symbol, "trust": "LIVE", "equals_exchange": True}


def test_demo_over_tls() -> None:
    pytest.importorskip("trustme", reason="the sandbox's TLS needs trustme")
    done = command("demo", "--seconds", "1", "--json", "--tls")
    assert (done.returncode, done.stderr) == (0, "")


def test_demo_off_a_terminal_prints_plain_lines_and_ends_well_on_ctrl_c() -> None:
    process = subprocess.Popen(
        [*COMMAND, "demo", "--venues", VENUES[0]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if "1 filled, 1 canceled" in line:
            break
    process.send_signal(signal.SIGINT)
    rest, said = process.communicate(timeout=SECONDS)
    assert (process.returncode, said) == (0, "")
    assert "1 of 1 did all of it" in rest.splitlines()[-1]
    assert "\x1b" not in seen + rest


def test_demo_is_quiet_when_nobody_reads_on() -> None:
    process = subprocess.Popen(
        [*COMMAND, "demo", "--venues", VENUES[0], "--seconds", "30"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=SECONDS) == 141
    assert process.stderr.read() == ""
    process.stderr.close()


async def test_demo_would_tell_a_book_that_is_not_the_exchanges() -> None:
    name = VENUES[0]
    async with Sandbox([name]) as sandbox:
        trial = Trial(find(name), sandbox.credentials(name))
        running = asyncio.create_task(trial.run())
        await trial.traded.wait()
        sandbox.pause_flow()
        exchange = sandbox.exchange(name)

        def worse(symbol: str, depth: int | None) -> BookSnapshot:
            return exchange.book(symbol, 1)

        await trial.settle(worse)
        assert trial.result().complaints == ["its book is not equal to the exchange's"]
        await trial.settle(exchange.book)
        assert trial.result().complaints == []
        running.cancel()
        await asyncio.wait([running])


# --------------------------------------------------------------------------- on a terminal


def on_a_terminal(*arguments: str, columns: int = 100, lines: int = 30, **env: str) -> tuple[int, str]:
    """Run a command on a pseudo-terminal of this size; its status and everything it wrote."""
    main, child = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(lines), **env}
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=child, stdout=child, stderr=child, cwd=ROOT, env=environment, close_fds=True
    )
    os.close(child)
    written = b""
    while select.select([main], [], [], SECONDS)[0]:
        try:
            piece = os.read(main, 65536)
        except OSError:  # how Linux tells that the other side is gone
            break
        if not piece:
            break
        written += piece
    os.close(main)
    return process.wait(timeout=SECONDS), written.decode()


def test_demo_draws_on_a_terminal_and_leaves_a_summary() -> None:
    status, written = on_a_terminal("demo", "--seconds", "1")
    assert status == 0
    screen, left = written.split("\x1b[?1049l")
    assert screen.count("\x1b[?1049h") == 1
    for venue in map(find, VENUES):
        assert venue.title in screen
        assert venue.name in left
    assert "\x1b[32m" in screen, "no colours on a terminal"
    assert f"{len(VENUES)} of {len(VENUES)} did all of it" in left


def test_no_color_is_respected() -> None:
    status, written = on_a_terminal("demo", "--seconds", "1", "--venues", VENUES[0], NO_COLOR="1")
    assert status == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", written)


# --------------------------------------------------------------------------- sandbox


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_sandbox_prints_one_line_and_ends_cleanly(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [*COMMAND, "sandbox", "--venues", VENUES[0]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    assert ready["ready"] is True
    assert tuple(ready["venues"]) == (VENUES[0],)
    process.send_signal(number)
    rest, said = process.communicate(timeout=SECONDS)
    assert (process.returncode, rest, said) == (0, "", "")


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = command("sandbox", "--port", str(taken.getsockname()[1]))
    assert (done.returncode, done.stdout) == (2, "")
    assert is_one_line(done.stderr), done.stderr


# --------------------------------------------------------------------------- watch and order


def test_watch_tells_each_book_as_json(here: Callable[..., Outcome]) -> None:
    targets = [f"{name}:{find(name).default_symbol}" for name in VENUES]
    done = here("watch", *targets, "--seconds", "1", "--depth", "3", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert {f"{row['venue']}:{row['symbol']}" for row in told} == set(targets)
    for row in told:
        bids, asks = ([Decimal(price) for price, _ in row[side]] for side in ("bids", "asks"))
        assert row["trust"] == "LIVE"
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert bids[0] < asks[0]
        assert len(bids) == len(asks) == 3


def test_watch_off_a_terminal_prints_plain_lines(here: Callable[..., Outcome]) -> None:
    done = here("watch", f"{VENUES[0]}:{find(VENUES[0]).default_symbol}", "--seconds", "1.5")
    assert (done.returncode, done.stderr) == (0, "")
    assert "LIVE" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("name", VENUES)
def test_an_order_rests_is_listed_and_is_canceled(here: Callable[..., Outcome], name: str) -> None:
    symbol = find(name).default_symbol
    target = f"{name}:{symbol}"
    price = BELOW_THE_MARKET[name]
    placed = here("order", "place", target, "buy", QUANTITY[name], "--price", price, "--json")
    assert (placed.returncode, placed.stderr) == (0, ""), placed.stderr
    order = json.loads(placed.stdout)
    assert (order["status"], order["symbol"], order["side"]) == ("NEW", symbol, "BUY")
    assert Decimal(order["order_qty"]) == Decimal(QUANTITY[name])
    assert Decimal(order["price"]) == Decimal(price)
    assert order["order_id"] in here("order", "list", name).stdout
    canceled = here("order", "cancel", target, order["order_id"])
    assert (canceled.returncode, canceled.stderr) == (0, "")
    assert "CANCELED" in canceled.stdout
    listed = json.loads(here("order", "list", name, "--json").stdout)
    assert order["order_id"] not in [row["order_id"] for row in listed["orders"]]
    again = here("order", "cancel", target, order["order_id"])
    assert (again.returncode, again.stdout) == (1, "")
    assert is_one_line(again.stderr), again.stderr


@pytest.mark.parametrize("name", VENUES)
def test_a_market_order_is_told_with_its_fill(here: Callable[..., Outcome], name: str) -> None:
    done = here("order", "place", f"{name}:{find(name).default_symbol}", "buy", QUANTITY[name], "--json")
    assert (done.returncode, done.stderr) == (0, "")
    order = json.loads(done.stdout)
    assert order["status"] == "FILLED"
    assert Decimal(order["cum_qty"]) == Decimal(QUANTITY[name])
    assert Decimal(order["avg_px"]) > 0


@pytest.mark.parametrize("name", VENUES)
def test_what_the_venue_refuses_is_a_failed_job(here: Callable[..., Outcome], name: str) -> None:
    target = f"{name}:{find(name).default_symbol}"
    done = here("order", "place", target, "buy", TOO_MUCH[name], "--price", BELOW_THE_MARKET[name])
    assert done.returncode in {1, 2}, done.stdout
    assert is_one_line(done.stderr), done.stderr


# --------------------------------------------------------------------------- what a person can get wrong

FIRST = f"{VENUES[0]}:{find(VENUES[0]).default_symbol}"


@pytest.mark.parametrize(
    "line",
    [
        "nothing",
        "demo --secnds 3",
        "demo --seconds 0",
        "demo --seconds nan",
        "demo --seconds soon",
        "demo --venues nowhere",
        "demo 5",
        "sandbox --port 70000",
        "sandbox --clock -1",
        "sandbox --venues ,",
        "watch",
        "watch nowhere:X",
        f"watch {VENUES[0]}",
        f"watch {VENUES[0]}:NO-SUCH-SYMBOL --seconds 1",
        f"watch {FIRST} --depth 0",
        "order",
        "order place",
        f"order place {FIRST} by 10",
        f"order place {FIRST} buy ten",
        f"order place {FIRST} buy -10",
        f"order place {FIRST} buy 0 --price 250",
        f"order place {FIRST} buy 0.0000000001 --price 250",
        f"order place {FIRST} buy 10 --price 250.0000000001",
        f"order place {FIRST} buy 10 --price -1",
        f"order place {FIRST} buy 10 --price 250 --tif soon",
        f"order place {FIRST} buy 10 --price 250 --tif gtd --expires tomorrow",
        f"order place {FIRST} buy 10 --price 250 --type market",
        f"order place {FIRST} buy 10 --price 250 --cl-ord-id not/an/id!",
        "order list",
        "order list nowhere",
        f"order cancel {FIRST}",
        f"order list {VENUES[0]} --sandbox http://venue.example.com:80",
        f"order list {VENUES[0]} --sandbox nonsense",
    ],
)
def test_wrong_usage_is_one_line_and_status_2(here: Callable[..., Outcome], line: str) -> None:
    done = here(*line.split())
    if line == "order":  # a group of commands shows its help
        assert done.returncode == 0
        return
    assert (done.returncode, done.stdout) == (2, "")
    assert is_one_line(done.stderr), done.stderr


def test_no_sandbox_there_is_a_failed_job(here: Callable[..., Outcome]) -> None:
    done = here("order", "list", VENUES[0], "--sandbox", "http://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (1, "")
    assert is_one_line(done.stderr), done.stderr


def configuration(name: str, ready: dict[str, Any], **changed: str) -> str:
    """A `venuewire.toml` that leads to the sandbox, with some keys changed."""
    venue = find(name)
    told = ready["venues"][name]
    keys = {**told["credentials"], **changed}
    endpoints = ", ".join(f"{json.dumps(e.name)} = {json.dumps(told[e.name])}" for e in venue.endpoints)
    rows = [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in keys.items()]
    return "\n".join([f"[{name}]", *rows, f"endpoints = {{ {endpoints} }}"])


@pytest.mark.parametrize("name", VENUES)
def test_wrong_credentials_are_one_line_and_status_2(ready: dict[str, Any], tmp_path: Path, name: str) -> None:
    file = tmp_path / "venuewire.toml"
    file.write_text(configuration(name, ready), encoding="utf-8")
    listed = command("order", "list", name, cwd=tmp_path)
    assert (listed.returncode, listed.stderr) == (0, "")
    file.write_text(configuration(name, ready, **{SPOILT[name]: "0123456789abcdef"}), encoding="utf-8")
    refused = command("order", "list", name, cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert is_one_line(refused.stderr), refused.stderr
    assert "0123456789abcdef" not in refused.stderr


def test_a_token_that_is_too_old_is_one_line_and_status_2() -> None:
    """The sandbox's clock is put ahead of ours: what we sign now has expired there."""
    process = subprocess.Popen(
        [*COMMAND, "sandbox", "--venues", "coinbase"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    try:
        control = json.loads(process.stdout.readline())["control"]
        body = json.dumps({"advance_s": 3600}).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{control}/clock", body, method="POST"), timeout=5):
            refused = command("order", "list", "coinbase", "--sandbox", control)
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert is_one_line(refused.stderr), refused.stderr


def test_a_real_order_is_not_sent_unasked(ready: dict[str, Any], tmp_path: Path) -> None:
    text = configuration(VENUES[0], ready).rpartition("\n")[0]  # without endpoints: the real ones
    (tmp_path / "venuewire.toml").write_text(text, encoding="utf-8")
    done = command("order", "place", FIRST, "buy", "10", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "say --yes" in done.stderr
    assert is_one_line(done.stderr), done.stderr


def test_without_credentials_it_says_where_they_may_be_put(tmp_path: Path) -> None:
    lonely = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    done = command("order", "list", VENUES[0], cwd=tmp_path, env=lonely)
    assert (done.returncode, done.stdout) == (2, "")
    assert "venuewire.toml" in done.stderr
    assert is_one_line(done.stderr), done.stderr


def test_version_and_help_are_quick_to_answer() -> None:
    version = command("--version")
    assert (version.returncode, version.stderr) == (0, "")
    assert version.stdout.startswith("venuewire ")
    assert version.stdout.split("(")[1].split(",")[0] in {"native core", "pure Python"}
    assert version.stdout.endswith((", compiled exchange)\n", ", exchange in Python)\n"))
    pure = command("--version", env={"VENUEWIRE_PURE": "1"})
    assert pure.stdout.endswith(" (pure Python, exchange in Python)\n")
    for arguments in ((), ("--help",), ("demo", "--help"), ("order", "place", "--help")):
        shown = command(*arguments)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert "Usage: venuewire" in shown.stdout
        assert "\x1b" not in shown.stdout
