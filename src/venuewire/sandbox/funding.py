"""Can an order be paid for, and what does it reserve while it works? Pure."""

from __future__ import annotations

from venuewire.sandbox.accounts import Ledger
from venuewire.sandbox.pit import Pit
from venuewire.sandbox.ticket import Ticket


def fund(ledger: Ledger, pit: Pit, ticket: Ticket) -> None:
    """Can it be paid for? Sets what the order will reserve. Raises `Refused`."""
    listing, money = pit.listing, ticket.port.money
    if listing.netting:
        qty, price = ticket.leaves, ticket.price or ticket.stop_px or ledger.marks[listing.symbol]
        if ticket.budget is not None:
            qty = pit.engine.affordable(ticket.budget, ticket.price, is_buy=ticket.is_buy)[0]
        ledger.afford_margin(money, listing, qty if ticket.is_buy else -qty, price)
        return
    limit = ticket.price if ticket.price is not None else ticket.stop_px
    if ticket.budget is not None or (limit is None and ticket.is_buy):
        afford_now(ledger, pit, ticket)
        return
    # A seller reserves what is sold, whatever the price.
    currency, unit = ledger.hold(listing, limit or 0, is_buy=ticket.is_buy)
    if unit:
        ledger.afford(money, currency, unit * ticket.leaves)
    ticket.hold_currency, ticket.hold_unit = currency, unit


def afford_now(ledger: Ledger, pit: Pit, ticket: Ticket) -> None:
    """For what trades at once or not at all: what would it take, as the book stands? Raises `Refused`."""
    listing = pit.listing
    if ticket.budget is not None:
        found, notional, _ = pit.engine.affordable(ticket.budget, ticket.price, is_buy=ticket.is_buy)
    else:
        found, notional = pit.engine.takeable(ticket.leaves, ticket.price, is_buy=ticket.is_buy)
    if ticket.is_buy:
        currency, amount = listing.currency, notional * listing.cash_unit
    elif ledger.short_selling:
        return
    else:
        currency, amount = listing.base, found * listing.coin_unit
    ledger.afford(ticket.port.money, currency, amount)


def refund(ledger: Ledger, pit: Pit, ticket: Ticket, leaves: int, price: int | None, stop_px: int | None) -> int:
    """Can the changed order be paid for, its own reserve counted in? What each unit then reserves."""
    money = ticket.port.money
    limit = price if price is not None else stop_px
    if pit.listing.netting:
        more = max(0, leaves - ticket.leaves)
        ledger.afford_margin(
            money, pit.listing, more if ticket.is_buy else -more, limit or ledger.marks[pit.listing.symbol]
        )
        return 0
    currency, unit = ledger.hold(pit.listing, limit or 0, is_buy=ticket.is_buy)
    if unit:
        ledger.afford(money, currency, unit * leaves, freed=ticket.held)
    return unit
