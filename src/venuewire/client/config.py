"""Where credentials come from: the environment, `venuewire.toml`, the keyring. Never the command line.

The first source that has anything for the venue is taken whole:

1. the environment, by the names the venue's official tools use (each venue's page lists them);
2. `venuewire.toml` in the working folder, then in `$XDG_CONFIG_HOME/venuewire/` (by default `~/.config/venuewire/`),
   table `[<venue>]`, with the keys of the sandbox's ready line, and `endpoints = {...}`, `ca = "file.pem"` if wanted;
3. the keyring (extra `secrets`): service `venuewire:<venue>`, one entry per key.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from venuewire.errors import ConfigError
from venuewire.venue import Credentials, Venue

FILE = "venuewire.toml"


def credentials(venue: Venue, environment: Mapping[str, str] | None = None) -> Credentials:
    """The credentials of a venue. Raises `ConfigError` saying what is missing and where it may be put."""
    env = os.environ if environment is None else environment
    found = _from_environment(venue, env) or _from_file(venue, env) or _from_keyring(venue)
    if not found:
        names = ", ".join(venue.environment)
        raise ConfigError(
            f"no credentials for {venue.title}: set {names}, or write [{venue.name}] in {FILE}, "
            f"or try it without an account: venuewire sandbox"
        )
    return from_table(venue, found)


def source(venue: Venue, environment: Mapping[str, str] | None = None) -> Path | Literal["environment", "keyring", ""]:
    """Where `credentials` finds them: the environment, a file, the keyring, or nowhere. Raises `ConfigError`."""
    env = os.environ if environment is None else environment
    if _from_environment(venue, env):
        return "environment"
    for path, table in _tables(venue, env):
        if table.keys() - {"store"}:
            return path
    return "keyring" if _from_keyring(venue) else ""


def store(venue: Venue, environment: Mapping[str, str] | None = None) -> Path | None:
    """The file in which tokens that change are kept: `store` of the venue's table, seen from the folder of the file.

    Raises `ConfigError`.
    """
    env = os.environ if environment is None else environment
    for path, table in _tables(venue, env):
        if "store" in table:
            name = table["store"]
            if not isinstance(name, str) or not name:
                raise ConfigError(f"{path}: store of [{venue.name}] must be the name of a file")
            return path.parent / Path(name).expanduser()
    return None


def from_table(venue: Venue, table: Mapping[str, Any]) -> Credentials:
    """Credentials from the keys of the ready line, with `endpoints` and `ca` (a file's path) if they are there."""
    rest = {key: value for key, value in table.items() if key not in {"endpoints", "ca", "store"}}
    endpoints = dict(table.get("endpoints") or {})
    known = {endpoint.name for endpoint in venue.endpoints}
    if unknown := set(endpoints) - known:
        raise ConfigError(
            f"{venue.title} has no endpoint {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}"
        )
    try:
        made = venue.credentials_from(rest)
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"credentials of {venue.title} are incomplete: {_plain(error)}") from None
    return msgspec.structs.replace(made, endpoints=endpoints, ca=_pem(table.get("ca")))


def _plain(error: Exception) -> str:
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)


def _pem(path: str | None) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the certificate file {path} cannot be read: {error}") from None


def _from_environment(venue: Venue, env: Mapping[str, str]) -> dict[str, Any]:
    return {key: env[name] for name, key in venue.environment.items() if env.get(name)}


def _from_file(venue: Venue, env: Mapping[str, str]) -> dict[str, Any]:
    """The first table with more in it than where to keep what comes later."""
    for _, table in _tables(venue, env):
        if table.keys() - {"store"}:
            return table
    return {}


def _tables(venue: Venue, env: Mapping[str, str]) -> Iterator[tuple[Path, dict[str, Any]]]:
    home = env.get("XDG_CONFIG_HOME") or str(Path(env.get("HOME") or "~").expanduser() / ".config")
    for path in (Path(FILE), Path(home) / "venuewire" / FILE):
        if path.is_file():
            table = _read(path).get(venue.name, {})
            if not isinstance(table, dict):
                raise ConfigError(f"{path}: [{venue.name}] must be a table")
            if table:
                yield path, cast("dict[str, Any]", table)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None


def _from_keyring(venue: Venue) -> dict[str, Any]:
    try:
        import keyring as vault  # type: ignore[import-not-found,unused-ignore]  # an extra
        from keyring.errors import KeyringError  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return {}
    read: Callable[[str, str], str | None] = cast("Any", vault).get_password
    try:
        entries = {key: read(f"venuewire:{venue.name}", key) for key in set(venue.environment.values())}
    except KeyringError:
        return {}
    return {key: value for key, value in entries.items() if value}
