"""Where tokens that change are kept: a file that is replaced whole, readable by its owner alone.

A venue whose refresh token works once ends the old pair when it gives the next: the next must be on disk before it is
relied on. Nothing of it is ever logged.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, structs

from venuewire.errors import ConfigError
from venuewire.model.session import Secret
from venuewire.venue import Credentials

_PLACES = frozenset({"endpoints", "ca"})
"""Where the venue is, not who we are."""


class Entry(Struct, frozen=True, kw_only=True):
    """What the file holds."""

    identity: str
    """Whose it is: a digest of what is configured and no secret."""
    configured: str
    """A digest of the secrets that were configured when it was written: one changed by hand since is newer."""
    values: dict[str, str | int]
    """The fields that the venue has replaced."""

    def __repr__(self) -> str:
        return "Entry(***)"


_decode = msgspec.json.Decoder(Entry).decode


class FileStore:
    """The file of one account; one client at a time may use it."""

    def __init__(self, path: Path, configured: Credentials) -> None:
        self.path = path.expanduser()
        self._configured = configured

    def load(self) -> Credentials:
        """The credentials in force: as configured, with what the venue has replaced since.

        Raises `ConfigError` where the file cannot be read or written, or is another account's: before any token is
        spent that could not be kept.
        """
        entry = self._read()
        self._check_writable()
        if entry is None or entry.configured != self._secrets_of(entry.values):
            return self._configured
        known = {name: getattr(self._configured, name) for name in self._configured.__struct_fields__}
        values: dict[str, Any] = {
            name: Secret(str(value)) if isinstance(known.get(name), Secret) else value
            for name, value in entry.values.items()
            if name in known
        }
        return structs.replace(self._configured, **values)

    def save(self, credentials: Credentials) -> None:
        """Replace the file. Raises `OSError`; the old one stands then."""
        values = _changes(self._configured, credentials)
        entry = Entry(identity=self._identity(), configured=self._secrets_of(values), values=values)
        replace_whole(self.path, msgspec.json.encode(entry))

    def _read(self) -> Entry | None:
        try:
            entry = _decode(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"the credentials store {self.path} cannot be read: {error.strerror}") from None
        except msgspec.DecodeError:
            raise ConfigError(f"{self.path} is not a credentials store; move it away or name another") from None
        if entry.identity != self._identity():
            raise ConfigError(f"the credentials store {self.path} is of another account; name another file")
        return entry

    def _identity(self) -> str:
        names = [
            name for name in self._configured.__struct_fields__ if isinstance(getattr(self._configured, name), str)
        ]
        return _digest(self._configured, [name for name in names if name not in _PLACES])

    def _secrets_of(self, values: Mapping[str, object]) -> str:
        """Of those the venue has replaced, as they are configured."""
        return _digest(
            self._configured, [name for name in sorted(values) if name in self._configured.__struct_fields__]
        )

    def _check_writable(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = _beside(self.path)
            os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            probe.unlink()
        except OSError as error:
            raise ConfigError(f"the credentials store {self.path} cannot be written: {error.strerror}") from None


def replace_whole(path: Path, content: bytes) -> None:
    """The file has the old content or the new, whatever happens. Raises `OSError`."""
    fresh = _beside(path)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):  # a folder cannot be synchronised everywhere
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}")


def _plain(value: Any) -> Any:
    return value.reveal() if isinstance(value, Secret) else value


def _changes(old: Credentials, new: Credentials) -> dict[str, str | int]:
    pairs = ((name, getattr(old, name), getattr(new, name)) for name in new.__struct_fields__ if name not in _PLACES)
    return {name: _plain(after) for name, before, after in pairs if before != after and after is not None}


def _digest(credentials: Credentials, names: Iterable[str]) -> str:
    """Of secrets only the digest is kept: what was configured is not copied here."""
    parts = [f"{name}={_plain(getattr(credentials, name))}" for name in names]
    return hashlib.sha256("\n".join([type(credentials).__name__, *parts]).encode()).hexdigest()
