"""What all clients behind one address may do together: dials, and whatever else the venue counts per address."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from venuewire.client.backoff import DialBudget
from venuewire.session.pacing import Pacer
from venuewire.transport.clock import Clock, SystemClock
from venuewire.transport.http import SocketNetwork
from venuewire.transport.network import Network
from venuewire.transport.window import SharedTimes, runtime_folder
from venuewire.venue import Rate, Venue


class Budgets:
    """The budgets of one way out: this machine's sockets, or one network in memory."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder`: where processes share what they dialled; None: this process keeps to the limits for itself."""
        self._folder = folder
        self._dials: dict[tuple[str, Rate], DialBudget] = {}
        self._pacers: dict[tuple[str, str, Rate], Pacer] = {}

    def dials(self, venue: Venue, url: str) -> DialBudget | None:
        """The budget of dials a URL belongs to; None where the venue publishes no limit."""
        rate = venue.limits.dials
        if rate is None:
            return None
        key = place(venue.name, url)
        if (key, rate) not in self._dials:
            shared = SharedTimes(self._folder, key) if self._folder is not None and not is_local(url) else None
            self._dials[key, rate] = DialBudget(rate, shared)
        return self._dials[key, rate]

    def sends(self, venue: Venue, url: str) -> Pacer | None:
        """The pacing of frames that lines share; None where each line has its own."""
        limits = venue.limits
        if limits.sends is None or not limits.sends_shared:
            return None
        return self._pacer("requests" if limits.counted_together else "frames", venue, url, limits.sends)

    def fetches(self, venue: Venue, url: str) -> Pacer | None:
        """The pacing of HTTP requests, shared by all; None where the venue publishes no limit."""
        rate = venue.limits.fetches
        return None if rate is None else self._pacer("requests", venue, url, rate)

    def _pacer(self, what: str, venue: Venue, url: str, rate: Rate) -> Pacer:
        return self._pacers.setdefault((what, place(venue.name, url), rate), Pacer(rate))


def place(name: str, url: str) -> str:
    """What a venue counts under: all hosts of its domain together; on this machine, each port for itself."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_local(url) or _is_number(host):
        return f"{name}@{parts.netloc}"
    return f"{name}@{'.'.join(host.split('.')[-2:])}"


def is_local(url: str) -> bool:
    """Does it lead to this machine itself?"""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or (_is_number(host) and ip_address(host).is_loopback)


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


_of_machine: Budgets | None = None
_alone = Budgets()
_of_networks: WeakKeyDictionary[Network, Budgets] = WeakKeyDictionary()


def budgets_of(network: Network, clock: Clock) -> Budgets:
    """Those of this machine's sockets, or of a network in memory; a clock that is not the machine's shares with no
    other process."""
    global _of_machine
    if not isinstance(network, SocketNetwork):
        return _of_networks.setdefault(network, Budgets())
    if not isinstance(clock, SystemClock):
        return _alone
    if _of_machine is None:
        _of_machine = Budgets(runtime_folder())
    return _of_machine
