"""Where a first pair of tokens is kept: the store that is configured, or the place the other credentials are in.

What a login gives must be kept before it is used, so the place is looked for, and tried, before anybody is asked for
consent. A file is replaced whole, readable by its owner alone.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from msgspec import Struct

from venuewire.client import config
from venuewire.errors import ConfigError
from venuewire.model.session import Secret
from venuewire.transport.store import FileStore, replace_whole
from venuewire.venue import Credentials, Venue


class Keep(Struct, frozen=True, kw_only=True):
    """A place for tokens."""

    where: str
    """For people."""
    is_store: bool = False
    """A client keeps the next pair there, too."""
    save: Callable[[Credentials], None]
    """Raises `OSError`, or `ConfigError` where the place has changed meanwhile; what was there stands then."""


def place_for(
    venue: Venue, known: Credentials, *, store: Path | None = None, environment: Mapping[str, str] | None = None
) -> Keep:
    """`store` if it is given, else the one that is configured, else where the other credentials are.

    Raises `ConfigError` where there is none, or where it cannot be written.
    """
    path = config.store(venue, environment) if store is None else store
    if path is not None:
        file = FileStore(path, known)
        file.load()
        return Keep(where=str(file.path), is_store=True, save=file.save)
    source = config.source(venue, environment)
    if isinstance(source, Path):
        return _in_file(venue, known, source)
    if source == "keyring":
        return Keep(where=f"the keyring, venuewire:{venue.name}", save=lambda fresh: _to_keyring(venue, known, fresh))
    raise ConfigError(
        f"tokens of {venue.title} need a place: name a file by --store, or by store in [{venue.name}] of {config.FILE}"
    )


def changes(old: Credentials, new: Credentials) -> dict[str, str | int]:
    """The fields that differ, secrets revealed."""
    pairs = ((name, getattr(old, name), getattr(new, name)) for name in new.__struct_fields__)
    return {
        name: after.reveal() if isinstance(after, Secret) else after
        for name, before, after in pairs
        if before != after and after is not None
    }


def _in_file(venue: Venue, known: Credentials, path: Path) -> Keep:
    # What cannot be changed in this file must be known before a code is spent.
    target = path.resolve()
    with_keys(target.read_text(encoding="utf-8"), venue.name, {"probe": "x"})

    def save(fresh: Credentials) -> None:
        text = with_keys(target.read_text(encoding="utf-8"), venue.name, changes(known, fresh))
        replace_whole(target, text.encode())

    return Keep(where=f"[{venue.name}] of {path}", save=save)


def with_keys(text: str, table: str, values: Mapping[str, str | int]) -> str:
    """A TOML text whose table has these values; everything else in it stays as it is, comments too.

    Raises `ConfigError` where the table is written in a way that is not understood here: nothing is changed then.
    """
    lines = text.splitlines(keepends=True)
    start = next((number for number, line in enumerate(lines) if _is_header(line, table)), None)
    if start is None:
        raise _not_understood(table)
    end = next((n for n in range(start + 1, len(lines)) if lines[n].lstrip().startswith("[")), len(lines))
    section = lines[start + 1 : end]
    for key, value in values.items():
        section = _with_key(section, key, json.dumps(value))
    before = lines[start] if lines[start].endswith("\n") else f"{lines[start]}\n"
    made = "".join([*lines[:start], before, *section, *lines[end:]])
    if _parsed(made) != _merged(_parsed(text), table, values):
        raise _not_understood(table)
    return made


def _is_header(line: str, table: str) -> bool:
    name = re.escape(table)
    return re.fullmatch(rf"\s*\[\s*(?:{name}|\"{name}\"|'{name}')\s*\]\s*(?:#.*)?", line.rstrip("\r\n")) is not None


def _with_key(section: list[str], key: str, value: str) -> list[str]:
    """One line of the section replaced, or added behind the last one that says anything."""
    made = f"{key} = {value}\n"
    for number, line in enumerate(section):
        if re.match(rf"\s*{re.escape(key)}\s*=", line):
            return [*section[:number], made, *section[number + 1 :]]
    last = max((number for number, line in enumerate(section) if line.strip()), default=-1)
    said = section[: last + 1]
    if said and not said[-1].endswith("\n"):
        said[-1] += "\n"
    return [*said, made, *section[last + 1 :]]


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def _merged(parsed: dict[str, Any], table: str, values: Mapping[str, str | int]) -> dict[str, Any]:
    known = parsed.get(table)
    return {**parsed, table: {**(cast("dict[str, Any]", known) if isinstance(known, dict) else {}), **values}}


def _not_understood(table: str) -> ConfigError:
    return ConfigError(f"[{table}] of {config.FILE} cannot be changed safely: name a file of its own by store = in it")


def _to_keyring(venue: Venue, known: Credentials, fresh: Credentials) -> None:
    import keyring as vault  # type: ignore[import-not-found,unused-ignore]  # an extra; its entries were read already
    from keyring.errors import KeyringError  # type: ignore[import-not-found,unused-ignore]

    write: Callable[[str, str, str], None] = cast("Any", vault).set_password
    try:
        for key, value in changes(known, fresh).items():
            write(f"venuewire:{venue.name}", key, str(value))
    except KeyringError:
        raise ConfigError("the keyring did not take the tokens: log in again once it does") from None
