"""One suite for whatever the registry finds: a venue is done when it passes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.conformance.pair import Pair

from venuewire.venue import Venue
from venuewire.venues import find, names


@pytest.fixture(params=names())
def venue(request: pytest.FixtureRequest) -> Venue:
    return find(request.param)


@pytest.fixture
def make(venue: Venue) -> Callable[[], Pair]:
    """Makes a fresh pair, logged on and knowing its instruments; one for each example of a property."""

    def made() -> Pair:
        pair = Pair(venue)
        pair.start()
        return pair

    return made


@pytest.fixture
def pair(make: Callable[[], Pair]) -> Pair:
    return make()
