"""Writes the tables of the documentation from the code: between `<!-- made: NAME -->` and `<!-- end -->`.

python docs/make.py            rewrites what has changed
python docs/make.py --check    says what would change, and ends 1 if anything would
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from venuewire import errors
from venuewire.book import states as book_states
from venuewire.model.terms import NANOS_PER_SECOND, Channel
from venuewire.orders import states as order_states
from venuewire.session import states as session_states
from venuewire.venue import Rate, Venue
from venuewire.venues import find, names

ROOT = Path(__file__).resolve().parents[1]
PART = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), *map(list, rows)]
    cells = [" | ".join(line) for line in lines]
    cells.insert(1, " | ".join("---" for _ in lines[0]))
    return "\n".join(f"| {line} |" for line in cells) + "\n"


def venues() -> list[Venue]:
    return [find(name) for name in names()]


def environment() -> str:
    rows = [(venue.title, f"`{name}`", f"`{key}`") for venue in venues() for name, key in venue.environment.items()]
    return table(("venue", "environment", "key in `venuewire.toml`"), rows)


def yes(value: bool) -> str:
    return "yes" if value else "no"


def words(values: Iterable[str]) -> str:
    return ", ".join(sorted(value.lower().replace("_", " ") for value in values)) or "none"


def capabilities() -> str:
    features: list[tuple[str, Callable[[Venue], str]]] = [
        ("lines", lambda venue: ", ".join(f"`{line}`" for line in venue.lines)),
        ("channels", lambda venue: words(venue.capabilities.channels & set(Channel))),
        ("order types", lambda venue: words(venue.capabilities.ord_types)),
        ("times in force", lambda venue: words(venue.capabilities.times_in_force)),
        ("post-only", lambda venue: yes(venue.capabilities.post_only)),
        ("sized in money", lambda venue: words(venue.capabilities.cash_order_qty)),
        ("replace keeps the order's id", lambda venue: yes(venue.capabilities.replace_keeps_order_id)),
        ("estimate of an order", lambda venue: yes(venue.capabilities.order_estimate)),
        ("mass cancel", lambda venue: yes(venue.capabilities.mass_cancel)),
        ("cancel on disconnect", lambda venue: yes(venue.capabilities.cancel_on_disconnect)),
        ("numbered messages", lambda venue: yes(venue.capabilities.sequence)),
        ("levels a side", lambda venue: str(venue.capabilities.book_depth or "all")),
    ]
    rows = [[name, *(tell(venue) for venue in venues())] for name, tell in features]
    return table(("", *(venue.title for venue in venues())), rows)


def seconds(nanos: int | None) -> str:
    return "none" if nanos is None else f"{nanos / NANOS_PER_SECOND:g} s"


def rate(value: Rate | None) -> str:
    return "none published" if value is None else f"{value.count} in {seconds(value.per)}"


def _kinds(rates: Mapping[str, Rate]) -> str:
    return "; ".join(f"{kind}: {rate(each)}" for kind, each in rates.items()) or "none published"


def _subscriptions(venue: Venue) -> str:
    most, by_channel = venue.limits.subscriptions, venue.limits.channel_subscriptions
    each = [f"{count} of {channel.value.lower()}" for channel, count in by_channel.items()]
    return ", ".join([*([str(most)] if most else []), *each]) or "none published"


def limits() -> str:
    features: list[tuple[str, Callable[[Venue], str]]] = [
        ("dials", lambda venue: rate(venue.limits.dials)),
        ("lines open at once", lambda venue: str(venue.limits.connections or "none published")),
        ("frames sent", lambda venue: rate(venue.limits.sends)),
        ("of these, frames of a kind", lambda venue: _kinds(venue.limits.kinds)),
        ("HTTP requests", lambda venue: rate(venue.limits.fetches)),
        ("subscriptions a line", _subscriptions),
        ("unread messages that end a line", lambda venue: str(venue.limits.unread or "none published")),
        ("we send at least every", lambda venue: seconds(venue.limits.heartbeat_interval)),
        ("a line is dead after", lambda venue: seconds(venue.limits.liveness)),
        ("an answer is awaited for", lambda venue: seconds(venue.limits.answer)),
    ]
    rows = [[name, *(tell(venue) for venue in venues())] for name, tell in features]
    return table(("", *(venue.title for venue in venues())), rows)


def transitions(rows: Iterable[tuple[object, object, object]]) -> str:
    return table(("state", "what happens", "leads to"), [[f"`{cell}`" for cell in row] for row in rows])


def nested(rows: Mapping[object, Mapping[object, object]]) -> str:
    return transitions((state, happening, after) for state, row in rows.items() for happening, after in row.items())


def paired(rows: Mapping[tuple[object, object], object]) -> str:
    return transitions((state, happening, after) for (state, happening), after in rows.items())


def followed(rows: Mapping[Any, Iterable[Any]]) -> str:
    def named(following: Iterable[Any]) -> str:
        return ", ".join(f"`{each}`" for each in sorted(following)) or "nothing: it has ended"

    return table(("status", "may become"), [[f"`{status}`", named(following)] for status, following in rows.items()])


def tree() -> str:
    return f"```text\n{inspect.cleandoc(errors.__doc__ or '')}\n```\n"


PARTS: dict[str, Callable[[], str]] = {
    "environment": environment,
    "capabilities": capabilities,
    "limits": limits,
    "session_states": lambda: paired(session_states.TRANSITIONS),
    "book_states": lambda: nested(book_states.TRANSITIONS),
    "order_states": lambda: followed(order_states.TRANSITIONS),
    "errors": tree,
}


def made(text: str) -> str:
    """The page with its parts made anew."""
    return PART.sub(lambda found: found[1] + PARTS[found[2]]() + found[3], text)


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def main() -> int:
    stale = [page for page in pages() if made(page.read_text()) != page.read_text()]
    for page in stale:
        print(f"{page.relative_to(ROOT)} {'would change' if '--check' in sys.argv else 'written'}")
        if "--check" not in sys.argv:
            page.write_text(made(page.read_text()))
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    raise SystemExit(main())
