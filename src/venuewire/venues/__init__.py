"""The registry: every folder here is a venue, and nothing else lists them."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from venuewire.errors import ConfigError
from venuewire.venue import Venue


def names() -> tuple[str, ...]:
    """Names of all venues, sorted."""
    return tuple(sorted(module.name for module in iter_modules(__path__) if module.ispkg))


@cache
def find(name: str) -> Venue:
    """The venue of this name. Raises `ConfigError` naming those there are."""
    if name not in names():
        raise ConfigError(f"unknown venue {name!r}; there are: {', '.join(names())}")
    venue = import_module(f"{__name__}.{name}").VENUE
    if not isinstance(venue, Venue):
        raise ConfigError(f"{__name__}.{name} has no VENUE")
    return venue
