"""One client under one fault: a sandbox, the witness in a process of its own, the truth beside it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

import venuewire as vw
from benches.survival.faults import Case
from benches.survival.verdict import STALE_AFTER, Sample, Top, Truth, Verdict, judge
from venuewire.model.session import Event
from venuewire.model.terms import NANOS_PER_SECOND, plain
from venuewire.sandbox.exchange import SandboxExchange
from venuewire.sandbox.faults import Fault
from venuewire.venues import find

HERE = Path(__file__).parent
WARM_UP = 1.0
"""Seconds of quiet life before the fault."""
AFTER = 25.0
"""Seconds after it in which to recover."""
SILENT = frozenset({"mute", "half_open"})
"""Faults that show as silence only: found when the venue's own longest silence has passed."""
LASTING = frozenset({"drop", "duplicate", "swap", "mute", "half_open", "slow", "flap", "refuse"})


class Contestant(Struct, frozen=True, kw_only=True):
    """A client, at one venue."""

    name: str
    venue: str
    program: str
    python: str = sys.executable


class _Watch:
    """What is true, every top the exchange ever has; and who dials, looked at a hundred times a second."""

    def __init__(self, sandbox: vw.Sandbox, venue: str) -> None:
        self._sandbox, self._venue = sandbox, venue
        self._symbol = find(venue).default_symbol
        self.truths: list[Truth] = []
        self.dials: list[float] = []
        self.exchange = sandbox.exchange(venue)
        self._note(self.exchange.quote(self._symbol))
        _watches[id(self.exchange)] = self

    def drained(self, events: Iterable[Event]) -> None:
        """These the exchange has told."""
        for event in events:
            if isinstance(event, vw.Quote) and event.symbol == self._symbol:
                self._note(event)

    def _note(self, quote: vw.Quote) -> None:
        if quote.bid is not None and quote.ask is not None:
            self.truths.append(Truth(time.time(), (plain(quote.bid), plain(quote.ask))))

    async def run(self) -> None:
        while True:
            self.dials += [time.time()] * (self._sandbox.dials(self._venue) - len(self.dials))
            await asyncio.sleep(0.01)


_watches: dict[int, _Watch] = {}
"""By the exchange each looks at. Trials run side by side, and a compiled exchange takes no method of its own: the class
is given one, for all of them."""
_drain = SandboxExchange.drain


def _watched_drain(exchange: SandboxExchange) -> list[Event]:
    events = _drain(exchange)
    watch = _watches.get(id(exchange))
    if watch is not None:
        watch.drained(events)
    return events


SandboxExchange.drain = _watched_drain  # type: ignore[method-assign,assignment]


async def run(contestant: Contestant, case: Case) -> Verdict:
    """The verdict on one client under one fault."""
    async with vw.Sandbox(venues=[contestant.venue], seed=5) as sandbox:
        watch = _Watch(sandbox, contestant.venue)
        watching = asyncio.create_task(watch.run())
        witness = await _start(contestant, sandbox.ready())
        samples: list[Sample] = []
        reading = asyncio.create_task(_read(witness, samples))
        try:
            await _first(samples, witness)
            await asyncio.sleep(WARM_UP)
            before = len(watch.dials)
            for fault in case.faults:
                sandbox.set_fault(_fault(fault, contestant.venue, case))
            await asyncio.sleep(case.seconds)
            ended = time.time()
            await asyncio.sleep(AFTER + (silence(contestant.venue) if _is_silent(case) else 0))
        finally:
            watching.cancel()
            reading.cancel()
            await asyncio.gather(watching, reading, return_exceptions=True)
            await _stop(witness)
            del _watches[id(watch.exchange)]
    limits = find(contestant.venue).limits
    if _is_silent(case) and not _numbered(contestant.venue):
        ended += silence(contestant.venue)
    return judge(
        samples,
        watch.truths,
        watch.dials[before:],
        ended=ended,
        allowed=_in_a_second(limits.dials),
        stale_after=max(STALE_AFTER, silence(contestant.venue) + 2),
    )


def silence(venue: str) -> float:
    """Seconds a healthy line of the venue may be silent at the most."""
    longest = find(venue).limits.liveness
    return 0.0 if longest is None else longest / NANOS_PER_SECOND


def _is_silent(case: Case) -> bool:
    return any(fault["kind"] in SILENT for fault in case.faults)


def _numbered(venue: str) -> bool:
    return find(venue).capabilities.sequence


def _in_a_second(rate: Any) -> int | None:
    return None if rate is None else rate.count * NANOS_PER_SECOND // rate.per


def _fault(fields: Any, venue: str, case: Case) -> Fault:
    kind = fields["kind"]
    lasting: dict[str, Any] = {"for_s": case.seconds} if kind in LASTING else {}
    if kind in SILENT and not _numbered(venue):
        # What was withheld on a line without numbers can never be told; so the line stays ill for good.
        lasting = {"connection": "open"}
    return msgspec.convert({**fields, **lasting, "venue": venue}, Fault)


async def _start(contestant: Contestant, ready: dict[str, Any]) -> Process:
    program = str(HERE / "witnesses" / contestant.program)
    return await asyncio.create_subprocess_exec(
        contestant.python, program, contestant.venue, json.dumps(ready), stdout=PIPE, stderr=DEVNULL
    )


async def _read(witness: Process, samples: list[Sample]) -> None:
    assert witness.stdout is not None
    async for line in witness.stdout:
        said = json.loads(line)
        top: Top | None = None if said["top"] is None else (_plain(said["top"][0]), _plain(said["top"][1]))
        samples.append(Sample(said["time"], top, bool(said["live"]), said.get("refused", False)))


def _plain(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


async def _first(samples: list[Sample], witness: Process) -> None:
    """Wait until the client has a book."""
    async with asyncio.timeout(20):
        while not any(sample.live for sample in samples):
            if witness.returncode is not None:
                raise RuntimeError(f"the witness ended with {witness.returncode}")
            await asyncio.sleep(0.02)


async def _stop(witness: Process) -> None:
    if witness.returncode is None:
        with suppress(ProcessLookupError):
            witness.kill()
        await witness.wait()
