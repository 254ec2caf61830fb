"""`venuewire login`: the owner of an account gives consent in a browser, and the tokens are kept.

The place for the tokens is tried first; then the venue's page is opened, the browser comes back to a page of ours on
this machine, what it brings is exchanged, and what comes of that is kept before anything else is done with it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import webbrowser
from pathlib import Path

from msgspec import Struct

from venuewire.cli import places, running
from venuewire.cli.outcome import FINE, UsageError
from venuewire.cli.redirect import Redirect
from venuewire.client import config, keeping
from venuewire.errors import ConfigError
from venuewire.transport.clock import SystemClock
from venuewire.transport.http import SocketNetwork
from venuewire.venue import Answer, Consent, Credentials, Fetch, Venue
from venuewire.venues import find, names

_EXCHANGE_SECONDS = 30


class Terms(Struct, frozen=True, kw_only=True):
    """How to log in."""

    redirect: str = "http://127.0.0.1:0/"
    """Where the browser is sent back to; port 0: one that is free."""
    browser: bool = True
    seconds: float = 300
    """How long to wait for consent."""
    store: str | None = None
    sandbox: str | None = None
    as_json: bool = False


def login(name: str, terms: Terms) -> int:
    """Get tokens and keep them. Raises `ConfigError`, `LogonRejected`, and what a network raises."""
    venue = find(name)
    if venue.consent is None:
        able = ", ".join(other for other in names() if find(other).consent is not None)
        raise UsageError(f"{venue.title} gives its keys on its own pages; a login by browser have: {able}")
    known = places.credentials(venue, terms.sandbox)
    consent = venue.consent()
    if terms.sandbox and terms.store is None:
        raise UsageError("tokens of a sandbox are kept in a file of their own: name it by --store")
    keep = keeping.place_for(venue, known, store=None if terms.store is None else Path(terms.store))
    return running.run(lambda _: _login(venue, consent, known, keep, terms))


async def _login(venue: Venue, consent: Consent, known: Credentials, keep: keeping.Keep, terms: Terms) -> int:
    fetch = await _consented(venue, consent, known, terms)
    answer = await _fetched(venue, known, fetch)
    keep.save(consent.taken(known, answer, SystemClock().now()))
    if terms.as_json:
        print(json.dumps({"venue": venue.name, "kept": keep.where, "store": keep.is_store}))
    else:
        print(f"{venue.title}: logged in; the tokens are in {keep.where}")
        if not keep.is_store:
            print(f"When they are renewed, the next ones need a store: name one in [{venue.name}] of {config.FILE}")
    return FINE


async def _consented(venue: Venue, consent: Consent, known: Credentials, terms: Terms) -> Fetch:
    """Have the page opened and wait for the browser to come back."""
    state = secrets.token_urlsafe(24)
    async with Redirect(terms.redirect, state) as page:
        address = consent.address(known, page.uri, state)
        print(f"{venue.title}: give consent at {address}", file=sys.stderr, flush=True)
        if terms.browser:
            # A browser of the terminal runs until it is closed.
            await asyncio.to_thread(webbrowser.open, address)
        try:
            redirected = await page.wait(terms.seconds)
        except TimeoutError:
            raise ConfigError(f"nobody gave consent within {terms.seconds:g} s; begin again") from None
        return consent.exchange(known, redirected, page.uri, state)


async def _fetched(venue: Venue, known: Credentials, fetch: Fetch) -> Answer:
    addresses = {endpoint.name: endpoint.production for endpoint in venue.endpoints} | known.endpoints
    network = SocketNetwork(known.ca)
    try:
        url = addresses[fetch.endpoint] + fetch.path
        return await network.fetch(fetch.method, url, fetch.headers, fetch.body, seconds=_EXCHANGE_SECONDS)
    finally:
        await network.close()
