"""`order replace | show | fills`, `positions`, `balances`, `kill` and dry runs, against a running sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from tests.scenarios.conftest import Outcome
from tests.scenarios.test_commands import BELOW_THE_MARKET, QUANTITY, is_one_line

from venuewire.venues import find, names

LOWER = {"alor": "229.00", "coinbase": "57500.00", "ctrader": "1.02000", "finery": "57500.00"}


def told(done: Outcome) -> Any:
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", names())
def test_an_order_is_checked_placed_changed_shown_and_killed(here: Callable[..., Outcome], name: str) -> None:
    target = f"{name}:{find(name).default_symbol}"
    terms = ("order", "place", target, "buy", QUANTITY[name], "--price", BELOW_THE_MARKET[name], "--json")
    assert told(here(*terms, "--dry-run"))["dry_run"] is True
    assert told(here("order", "list", name, "--json"))["orders"] == []
    placed = told(here(*terms))
    changed = told(here("order", "replace", target, placed["order_id"], "--price", LOWER[name], "--json"))
    assert Decimal(changed["price"]) == Decimal(LOWER[name])
    shown = told(here("order", "show", target, changed["order_id"], "--json"))
    assert (shown["order_id"], shown["status"]) == (changed["order_id"], "NEW")
    assert told(here("order", "fills", target, changed["order_id"], "--json"))["fills"] == []
    killed = told(here("kill", name, "--json"))
    assert (len(killed["canceled"]), killed["ended"], killed["unconfirmed"]) == (1, [], [])
    assert told(here("order", "list", name, "--json"))["orders"] == []


@pytest.mark.parametrize("name", names())
def test_what_is_held_is_told(here: Callable[..., Outcome], name: str) -> None:
    for balance in told(here("balances", name, "--json"))["balances"]:
        assert balance["currency"]
        assert Decimal(balance["available"]) <= Decimal(balance["total"])
    assert "positions" in told(here("positions", name, "--json"))
    assert here("balances", name).stdout.startswith("currency")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("order replace {0} 7", 2),
        ("order replace {0} 7 --price ten", 2),
        ("order replace {0} 7 --price 250", 1),
        ("order show {0} 7", 1),
        ("order fills {0} 7", 1),
        ("order place {0} buy 0 --price 250 --dry-run", 2),
        ("kill nowhere", 2),
        ("kill alor --seconds 0", 2),
        ("positions", 2),
    ],
)
def test_what_cannot_be_done_is_one_line(here: Callable[..., Outcome], line: str, status: int) -> None:
    done = here(*line.format(f"alor:{find('alor').default_symbol}").split())
    assert (done.returncode, done.stdout) == (status, "")
    assert is_one_line(done.stderr), done.stderr
