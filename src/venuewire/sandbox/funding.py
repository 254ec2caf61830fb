"""Can an order be paid for, and what does it reserve while it works? Pure."""

from __future__ import annotations

from venuewire.sandbox.accounts import Ledger
from venuewire.sandbox.pit import Pit
from venuewire.sandbox.ticket import Ticket


def fund(ledger: Ledger, pit: Pit, ticket: Ticket) -> None:
    """Can it be paid for? Sets what the order will reserve. Raises `Refused`."""
    order, listing, money = ticket.order, pit.listing, ticket.port.money
    if ledger.netting_currency:
        qty, price = order.leaves, order.price or order.stop_px or ledger.marks[listing.symbol]
        if order.budget is not None:
            qty = pit.engine.affordable(order.budget, order.price, is_buy=order.is_buy)[0]
        ledger.afford_margin(money, listing, qty if order.is_buy else -qty, price)
        return
    limit = order.price if order.price is not None else order.stop_px
    if order.budget is not None or (limit is None and order.is_buy):
        afford_now(ledger, pit, ticket)
        return
    # A seller reserves what is sold, whatever the price.
    currency, unit = ledger.hold(listing, limit or 0, is_buy=order.is_buy)
    if unit:
        ledger.afford(money, currency, unit * order.leaves)
    ticket.hold_currency, ticket.hold_unit = currency, unit


def afford_now(ledger: Ledger, pit: Pit, ticket: Ticket) -> None:
    """For what trades at once or not at all: what would it take, as the book stands? Raises `Refused`."""
    order, listing = ticket.order, pit.listing
    if order.budget is not None:
        found, notional, _ = pit.engine.affordable(order.budget, order.price, is_buy=order.is_buy)
    else:
        found, notional = pit.engine.takeable(order.leaves, order.price, is_buy=order.is_buy)
    if order.is_buy:
        currency, amount = listing.instrument.currency, notional * ledger.cash_unit(listing)
    elif ledger.short_selling:
        return
    else:
        currency, amount = listing.instrument.base, found * ledger.coin_unit(listing)
    ledger.afford(ticket.port.money, currency, amount)


def refund(ledger: Ledger, pit: Pit, ticket: Ticket, leaves: int, price: int | None, stop_px: int | None) -> int:
    """Can the changed order be paid for, its own reserve counted in? What each unit then reserves."""
    order, money = ticket.order, ticket.port.money
    limit = price if price is not None else stop_px
    if ledger.netting_currency:
        more = max(0, leaves - order.leaves)
        ledger.afford_margin(
            money, pit.listing, more if order.is_buy else -more, limit or ledger.marks[pit.listing.symbol]
        )
        return 0
    currency, unit = ledger.hold(pit.listing, limit or 0, is_buy=order.is_buy)
    if unit:
        ledger.afford(money, currency, unit * leaves, freed=ticket.held)
    return unit
