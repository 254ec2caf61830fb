"""docs/performance.json, and the tables of docs/performance.md and the plots that are made from it.

    python -m benches --record       measures, writes the results, and makes tables and plots of them
    python -m benches.page           makes them anew from the results that are there
    python -m benches.page --check   says what would change, and ends 1 if anything would

The figures stand in the JSON file only: text and plots cannot disagree. A table stands between
`<!-- measured: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benches import flood, goals, plot
from venuewire.venues import find

DOCS = Path(__file__).parents[1] / "docs"
RESULTS, PAGE = DOCS / "performance.json", DOCS / "performance.md"
PART = re.compile(r"(<!-- measured: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

Results = dict[str, Any]
"""By the bench's name: its result, with `machine` and `date` of when it was measured."""


def record(results: Mapping[str, Any]) -> None:
    """Take up what was measured, and make everything from it."""
    found = load()
    when = {"machine": results["machine"], "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}
    loads: Mapping[str, float | None] = results["loads"]
    found |= {name: {**when, "load": loads[name], "result": results[name]} for name in loads if name in results}
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for path, text in made(found).items():
        path.write_text(text, encoding="utf-8")


def load() -> Results:
    """What was measured last; nothing when nothing was."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def made(found: Results) -> dict[Path, str]:
    """Every file that is made from the results."""
    files = {PAGE: page(PAGE.read_text(encoding="utf-8"), found)}
    return files | {
        DOCS / f"{name}.svg": draw(found[of]["result"]) for name, (of, draw) in PLOTS.items() if of in found
    }


def page(text: str, found: Results) -> str:
    """The page with its tables as the results are; a table whose bench was never run stays."""

    def part(match: re.Match[str]) -> str:
        if match[2] == "goals":
            return f"{match[1]}{goals_table(found)}{match[3]}"
        of, make = TABLES[match[2]]
        if of not in found:
            return match[0]
        entry = found[of]
        load = "" if entry["load"] is None else f"; processors busy with other work when it began: {entry['load']:g}"
        return f"{match[1]}{make(entry['result'])}\n{entry['machine']}; {entry['date']}{load}.\n{match[3]}"

    return PART.sub(part, text)


# ------------------------------------------------------------------ tables


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Of Markdown; all but the first column are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, rule, *rows))


def goals_table(found: Results) -> str:
    """Of all benches together."""
    results = {name: entry["result"] for name, entry in found.items()}
    head = ("", "aimed at", "measured: by the clock, by CPU time", "reached")
    return table(head, goals.rows(results))


def flood_table(result: Any) -> str:
    rows = []
    for name, row in result["contestants"].items():
        if "failed" in row:
            rows.append((name, f"not measured: {row['failed']}", "", "", ""))
            continue
        ours = name == flood.OURS
        cells = ("", "") if ours else (_times(result["ratios"][name]), _times(result["cpu_ratios"][name]))
        version = "" if row["version"].startswith("venuewire") else f" ({row['version']})"
        rows.append((name + version, f"{row['frames_per_second']:,}", f"{row['cpu_microseconds']:.2f}", *cells))
    head = ("", "frames/s", "us of CPU a frame", "venuewire is", "by CPU time")
    return table(head, rows) + (
        f"\nFrames of {result['frame_bytes']:,} bytes and {result['levels']:g} levels; "
        f"median of {result['rounds']} rounds; {result['core']}.\n"
    )


def venues_table(result: Any) -> str:
    rows = [
        (
            name,
            f"{row['frames_per_second']:,}",
            f"{row['levels']:g}",
            f"{row['cpu_microseconds']:.2f}",
            f"{row['cpu_ns_a_level']:,}",
            f"{row['cpu_times_first']:.2f}",
            f"{row['times_first']:.2f}",
        )
        for name, row in result["venues"].items()
    ]
    head = ("", "frames/s", "levels", "us of CPU a frame", "ns of CPU a level", "x Coinbase", "by the clock")
    return table(head, rows) + f"\nMedian of {result['rounds']} rounds; {result['core']}.\n"


def latency_table(result: Any) -> str:
    rows = [
        (
            f"{int(rate):,}",
            *(f"{found[name][what]:.1f}" for name in (flood.OURS, flood.BARE) for what in ("p50", "p90")),
            f"{found['p50_ratio']:.2f}",
            f"{found[flood.OURS]['first']:.1f}, {found[flood.OURS]['last']:.1f}",
        )
        for rate, found in result["rates"].items()
    ]
    head = ("frames/s", "p50, us", "p90", "bare loop p50", "p90", "p50, times bare", "p50 of the first and last fifth")
    return table(head, rows) + f"\n{result['seconds']:g} s at each pace; median of {result['rounds']} rounds.\n"


def encrypted_table(result: Any) -> str:
    plain, tls = result["lines"]["plain"], result["lines"]["TLS"]
    rows = [
        (
            name,
            *(f"{each[name][what]:,}" for what in ("frames_per_second", "cpu_microseconds") for each in (plain, tls)),
        )
        for name in result["more_us"]
    ]
    head = ("", "frames/s", "with TLS", "us of CPU a frame", "with TLS")
    return table(head, rows) + f"\nMedian of {result['rounds']} rounds; {result['core']}.\n"


def applied_table(result: Any) -> str:
    rows = [
        (name if name.startswith("venuewire") else f"{name} ({row['version']})",
         f"{row['us']:.2f}", f"{result['ratios'][name]:.2f}")
        if "us" in row
        else (name, f"not measured: {row['failed']}", "")
        for name, row in result["contestants"].items()
    ]  # fmt: skip
    return table(("", "us of CPU a message", "times ours"), rows)


def books_table(result: Any) -> str:
    venues = list(next(iter(result["books"].values()))["venues"])
    rows = [
        (
            f"{int(count):,}",
            f"{row['cpu_us']:.2f}",
            *(f"{row['venues'][venue]:.2f}" for venue in venues),
            f"{max(row['live_s'].values()):.1f}",
            f"{row['refused']}",
        )
        for count, row in result["books"].items()
    ]
    head = ("books", "mean, us", *(find(venue).title for venue in venues), "all LIVE after, s", "refused for pace")
    return table(head, rows) + f"\nMedian of {result['rounds']} rounds.\n"


def pieces_table(result: Any) -> str:
    names = list(next(iter(result.values())))
    return table(("step", *result), [(name, *(f"{row[name]:.2f}" for row in result.values())) for name in names])


def memory_table(result: Any) -> str:
    held = result["demo"]
    rows = [
        ("`import venuewire`, s", f"{result['import_seconds']:.3f}"),
        ("and `connect`, s", f"{result['connect_seconds']:.3f}"),
        ("a program with a book at each of four venues, at its most, MB", f"{result['streaming_megabytes']:.0f}"),
        ("the demo at its most (four venues and their sandbox), MB", f"{held['megabytes']:.0f}" if held else "-"),
    ]
    return table(("", ""), rows)


def sandbox_table(result: Any) -> str:
    rows = [(f"{name}, commands a second of CPU", f"{rate:,}") for name, rate in result["per_second"].items()]
    rows += [(f"one {name}, us", f"{us:.1f}") for name, us in result["microseconds"].items()]
    for one in result["fan_out"]:
        what = f"fan-out to {one['connections']} connections, {_turn_of(one['burst'])}"
        rows.append((f"{what}: frames a second by the clock", f"{one['frames_per_second']:,}"))
        cpu = f"{one['sandbox_cpu_us']:.1f} / {one['reader_cpu_us']:.1f}"
        rows.append((f"CPU of one of its frames ({one['frame_bytes']} bytes), us: here / at the readers", cpu))
    for name, one in result["ready"].items():
        rows.append((f"`venuewire {name}` to its ready line, s", f"{one['seconds']:.2f}"))
    return table(("", ""), rows)


def ack_table(result: Any) -> str:
    rows = [
        (name, *(f"{row[key]:.0f}" for key in ("bare p50", "bare p99", "p50", "p99")), f"{row['ratio']:.2f}")
        for name, row in result.items()
    ]
    return table(("journal", "bare p50, us", "bare p99", "p50", "p99", "p50, times bare"), rows)


def _turn_of(commands: int) -> str:
    return "a command a turn" if commands == 1 else f"{commands} commands a turn"


def _times(value: float) -> str:
    return f"{value:.1f} x" if value >= 1 else f"{value:.2f} x"


TABLES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "flood": ("flood", flood_table),
    "venues": ("venues", venues_table),
    "encrypted": ("encrypted", encrypted_table),
    "latency": ("latency", latency_table),
    "applied": ("applied", applied_table),
    "books": ("books", books_table),
    "pieces": ("pieces", pieces_table),
    "sandbox": ("sandbox", sandbox_table),
    "ack": ("ack", ack_table),
    "memory": ("memory", memory_table),
}

# ------------------------------------------------------------------ plots


def throughput_plot(result: Any) -> str:
    rows = sorted(
        ((row["frames_per_second"], name) for name, row in result["contestants"].items() if "failed" not in row),
        reverse=True,
    )
    dots = [plot.Dot(name, (rate,), f"{rate:,}", _colour(name)) for rate, name in rows]
    return plot.dots("Coinbase l2_data frames a second over loopback, the book kept", "frames a second", dots)


def latency_plot(result: Any) -> str:
    dots = [
        plot.Dot(
            f"{name} at {int(rate):,}/s",
            (found[name]["p50"], found[name]["p90"]),
            f"{found[name]['p50']:,.0f}, {found[name]['p90']:,.0f}",
            _colour(name),
        )
        for rate, found in result["rates"].items()
        for name in (flood.OURS, flood.BARE)
    ]
    return plot.dots("From sent to told: p50 (filled) and p90", "microseconds", dots)


def books_plot(result: Any) -> str:
    counts = {int(count): row for count, row in result["books"].items()}
    venues = list(next(iter(counts.values()))["venues"])
    series = {venue: [(float(count), row["venues"][venue]) for count, row in counts.items()] for venue in venues}
    series["mean"] = [(float(count), row["cpu_us"]) for count, row in counts.items()]
    return plot.lines("Microseconds of CPU a message", "books in one process", series)


def _colour(name: str) -> str:
    if name.startswith("venuewire"):
        return plot.COLOURS[0]
    return plot.COLOURS[2] if name == flood.BARE else plot.COLOURS[4]


PLOTS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "throughput": ("flood", throughput_plot),
    "latency": ("latency", latency_plot),
    "books": ("books", books_plot),
}


def main() -> int:
    """Make tables and plots anew; with `--check`, only say whether that would change anything."""
    stale = [
        (path, text)
        for path, text in made(load()).items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path, text in stale:
        print(f"docs/{path.name} {'would change' if '--check' in sys.argv else 'written'}")
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
