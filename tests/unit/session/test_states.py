"""The table of a session's states: what it lists happens, what it does not list is refused."""

from itertools import product

import pytest

from venuewire.errors import LocalProtocolError
from venuewire.session.states import TRANSITIONS, Happening, SessionState, after


@pytest.mark.parametrize(("state", "happening"), list(product(SessionState, Happening)))
def test_what_is_not_listed_is_refused_with_state_and_happening(state: SessionState, happening: Happening) -> None:
    listed = TRANSITIONS.get((state, happening))
    if listed is not None:
        assert after(state, happening) is listed
        return
    with pytest.raises(LocalProtocolError, match=f"{state} cannot {happening}"):
        after(state, happening)


def test_every_state_can_be_reached_and_every_line_can_be_lost() -> None:
    assert set(TRANSITIONS.values()) == set(SessionState)
    assert {state for state, happening in TRANSITIONS if happening is Happening.LOSE} == set(SessionState)


def test_only_permission_leads_out_of_refused() -> None:
    ways = {
        happening for (state, happening), to in TRANSITIONS.items() if state is SessionState.REFUSED and to is not state
    }
    assert ways == {Happening.ALLOW}
