"""What a command line names, and what it may reach."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace

from venuewire.cli import places
from venuewire.cli.outcome import JobFailed, UsageError
from venuewire.cli.places import Place
from venuewire.errors import ConfigError
from venuewire.venues import find, names

FIRST = names()[0]


def test_a_symbol_may_hold_colons() -> None:
    assert places.place(f"{FIRST}:MOEX:SBER") == Place(FIRST, "MOEX:SBER")
    assert str(places.place(f"{FIRST}:MOEX:SBER")) == f"{FIRST}:MOEX:SBER"


@pytest.mark.parametrize("text", ["", FIRST, f"{FIRST}:", ":BTC-USD", ":"])
def test_what_is_no_place_is_answered_with_one_that_is(text: str) -> None:
    with pytest.raises(UsageError, match=f"such as {FIRST}:"):
        places.place(text)


def test_an_unknown_venue_is_answered_with_those_there_are() -> None:
    for ask in (lambda: places.place("nowhere:X"), lambda: places.venues(f"{FIRST},nowhere")):
        with pytest.raises(ConfigError, match=FIRST):
            ask()


def test_venues_are_taken_once_each_and_all_by_default() -> None:
    assert places.venues(None) == names()
    assert places.venues(f" {FIRST} ,{FIRST},") == (FIRST,)
    with pytest.raises(UsageError):
        places.venues(" , ")


def test_symbols_of_one_venue_share_its_client() -> None:
    wanted = [Place("a", "X"), Place("b", "X"), Place("a", "Y"), Place("a", "X")]
    assert places.by_venue(wanted) == {"a": ["X", "Y"], "b": ["X"]}


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("", False),
    ],
)
def test_loopback(host: str, is_ours: bool) -> None:
    assert places.is_loopback(host) is is_ours


@pytest.mark.parametrize(
    "control",
    [
        *("http://10.0.0.1:4000", "http://example.com:4000", "https://127.0.0.1:4000", "127.0.0.1:4000"),
        *("http://127.0.0.1", "http://127.0.0.1:99999", "http://[", "ftp://127.0.0.1:1"),
    ],
)
def test_a_control_address_is_on_this_machine(control: str) -> None:
    with pytest.raises(UsageError, match="such as http://127"):
        places.ready(control)


# --------------------------------------------------------------------------- a control port that may be anything


class Answers(BaseHTTPRequestHandler):
    """Answers every request with what the test has set."""

    status: ClassVar[int] = 200
    body: ClassVar[bytes] = b""

    def do_GET(self) -> None:
        assert self.path == "/ready"
        self.send_response(self.status)
        self.send_header("location", "http://127.0.0.1:1/ready")
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name upstream
        """Not on the test's standard error."""


@pytest.fixture
def control() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b""), (200, b"not json"), (200, b"[]"), (200, b'{"ready": false}'), (404, b'{"ready": true}'), (302, b"")],
)
def test_what_is_not_a_sandbox_is_told(monkeypatch: pytest.MonkeyPatch, control: str, status: int, body: bytes) -> None:
    monkeypatch.setattr(Answers, "status", status)
    monkeypatch.setattr(Answers, "body", body)
    with pytest.raises(JobFailed, match="sandbox"):
        places.ready(control)


def test_nobody_there_is_told() -> None:
    with pytest.raises(JobFailed, match="start one with: venuewire sandbox"):
        places.ready("http://127.0.0.1:1")


def test_the_ready_line_gives_credentials_and_addresses(monkeypatch: pytest.MonkeyPatch, control: str) -> None:
    venue = find(FIRST)
    told = {endpoint.name: "ws://127.0.0.1:9/x" for endpoint in venue.endpoints}
    keys = dict.fromkeys(venue.environment.values(), "1")
    line = {"ready": True, "ca": None, "venues": {FIRST: {**told, "credentials": keys, "symbols": []}}}
    monkeypatch.setattr(Answers, "status", 200)
    monkeypatch.setattr(Answers, "body", json.dumps(line).encode())
    known = places.credentials(venue, control)
    assert known.endpoints == told
    assert not places.is_real(venue, known)
    assert places.is_real(venue, replace(known, endpoints={}))
    one = next(iter(told))
    assert places.is_real(venue, replace(known, endpoints={**told, one: "wss://venue.example.com/ws"}))


def test_a_venue_that_the_sandbox_does_not_serve_is_told() -> None:
    with pytest.raises(UsageError, match="it serves other"):
        places.from_ready(find(FIRST), {"ready": True, "venues": {"other": {}}})
