"""`make survival`: every fault against every client, and the table in docs/survival.md.

python -m benches.survival [--only WORD] [--dry] [--jobs N]     about twenty minutes in all
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from benches.environment import python_of
from benches.survival.faults import CASES, Case
from benches.survival.trial import Contestant, run
from benches.survival.verdict import Verdict, What
from venuewire.errors import ConfigError
from venuewire.venues import names

ROOT = Path(__file__).resolve().parents[2]
PEERS = {"coinbase-advanced-py": ("coinbase-sdk", "coinbase_sdk.py"), "ccxt": ("ccxt", "coinbase_ccxt.py")}
MARKS = {
    What.SURVIVED: "survived",
    What.TOLD: "stopped, and said why",
    What.LIED: "**lied**",
    What.DIED: "**died**",
    What.STORMED: "**stormed**",
}


def contestants() -> list[Contestant]:
    ours = [Contestant(name=f"venuewire, {venue}", venue=venue, program="ours.py") for venue in names()]
    peers = []
    for name, (environment, program) in PEERS.items():
        python = python_of(environment)
        if python is not None:
            peers.append(Contestant(name=name, venue="coinbase", program=program, python=python))
    return ours + peers


async def measure(who: list[Contestant], cases: list[Case], jobs: int) -> dict[tuple[str, str], Verdict | str]:
    """Every client under every fault, `jobs` at a time, each with a sandbox of its own."""
    results: dict[tuple[str, str], Verdict | str] = {}
    todo = [(case, one) for case in cases for one in who if not case.only or one.venue in case.only]
    room = asyncio.Semaphore(jobs)

    async def trial(case: Case, contestant: Contestant) -> None:
        async with room:
            try:
                verdict: Verdict | str = await run(contestant, case)
            except (ConfigError, RuntimeError, TimeoutError) as error:
                verdict = "cannot happen here" if isinstance(error, ConfigError) else f"not run: {str(error)[:60]}"
        results[case.name, contestant.name] = verdict
        print(f"[{len(results)}/{len(todo)}] {case.name}: {contestant.name}: {shown(verdict)}", file=sys.stderr)

    async with asyncio.TaskGroup() as tasks:
        for case, contestant in todo:
            tasks.create_task(trial(case, contestant))
    return results


def shown(verdict: Verdict | str | None) -> str:
    if verdict is None:
        return ""
    if isinstance(verdict, str):
        return verdict
    words = ", ".join(MARKS[what] for what in verdict.what)
    back = "" if verdict.recovery_s is None else f", {verdict.recovery_s:g} s"
    return f"{words}{back}, {verdict.dials} dials"


def page(results: dict[tuple[str, str], Verdict | str], who: list[Contestant], cases: list[Case]) -> str:
    head = ["fault", *(contestant.name for contestant in who)]
    rows = [[case.name, *(shown(results.get((case.name, contestant.name))) for contestant in who)] for case in cases]
    lines = [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]]
    return f"{INTRODUCTION}\n" + "\n".join(lines) + "\n"


INTRODUCTION = """# What each client does when things go wrong

Written by `make survival`: each fault is played by the sandbox, on this machine, against venuewire at every venue and
against released clients of other people, each in an environment of its own, unmodified and with its recommended
settings. Twenty times a second each says what it would hand to its user; the sandbox knows what was true.

- *survived*: nothing false was handed out as good, and it was back; then the seconds from the end of the fault until
  its book followed the market again, and how often it dialled. (Silence on a line without numbers ends with the line.)
- ***lied***: it handed out as good a top of book that the exchange never had, or had not had for longer than a healthy
  line of that venue is ever silent (Coinbase: four seconds).
- *stopped, and said why*: the venue had refused its credentials, and it told so; a person has to act.
- ***died***: nothing true came any more within 25 seconds of the venue being well again, and nothing was said.
- ***stormed***: it dialled more often in a second than the venue allows.

The clients of other people have no word for "do not trust this now"; whatever they hold counts as handed out.
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benches.survival")
    parser.add_argument("--only", default="", help="cases and clients whose name holds this word")
    parser.add_argument("--dry", action="store_true", help="print the page, write nothing")
    parser.add_argument("--jobs", type=int, default=3, help="trials at a time (3)")
    given = parser.parse_args()
    who, cases = contestants(), list(CASES)
    if given.only:
        who = [one for one in who if given.only in one.name] or who
        cases = [case for case in cases if given.only in case.name] or cases
    results = asyncio.run(measure(who, cases, given.jobs))
    text = page(results, who, cases)
    if given.dry or given.only:
        print(text)
    else:
        (ROOT / "docs" / "survival.md").write_text(text, encoding="utf-8")
    bad = [name for (_, name), verdict in results.items() if name.startswith("venuewire") and not well(verdict)]
    return 1 if bad else 0


def well(verdict: Verdict | str) -> bool:
    return isinstance(verdict, str) or verdict.what in {(What.SURVIVED,), (What.TOLD,)}


if __name__ == "__main__":
    sys.exit(main())
