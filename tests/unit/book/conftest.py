"""Every test of books runs twice: over the pure twin and over the native one, where that was built."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from venuewire.book import Ladder, twins


@contextmanager
def serving(name: str) -> Iterator[str]:
    """Books are made of this twin, meanwhile; skips where it is not there."""
    if name == "native" and twins.native is None:
        pytest.skip("the native core was not built, or VENUEWIRE_PURE is set")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(twins, "ladder", Ladder if name == "pure" or twins.native is None else twins.native.Ladder)
        yield name


@pytest.fixture(params=["pure", "native"], scope="module", autouse=True)
def twin(request: pytest.FixtureRequest) -> Iterator[str]:
    """Which twin books are made of for the time of a module."""
    with serving(request.param) as name:
        yield name
