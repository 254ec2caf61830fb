"""Three generations of the venue's layouts, which came without a version number; the sandbox speaks one at a time."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, UnsetType

from venuewire.venues.finery import wire
from venuewire.venues.finery.wire import clearing


class Layout(Struct, frozen=True):
    """What a generation's rows look like, and which feeds it has."""

    generation: int
    deal: int
    """Places of a deal."""
    position: int
    """Places of a position."""
    leading_id: bool
    """The snapshot of feed K begins with an id."""
    objects: bool
    """Settlement orders and limits of counterparties are objects, in lists."""
    whole_book: bool
    """Feed B sends the whole book at each change, not what has changed."""
    gone: frozenset[str]
    """Feeds it does not have."""

    def deal_row(self, row: wire.Deal) -> list[Any]:
        """A deal of feed O and of dealHistory."""
        places: list[Any] = wire.plain(row)[: self.deal]
        if self.deal == 21:  # Place 19 was the counterparty's sub-account then.
            places[19] = 0
        return places

    def position_row(self, row: wire.Position) -> list[Any]:
        """A position of feed K, of feed P and of the method positions."""
        places: list[Any] = wire.plain(row)[: self.position]
        return places

    def settlement(self, order: clearing.SettlementOrder) -> Any:
        """A settlement order or deal, as feed S has it."""
        return wire.plain(order if self.objects else self.settlement_row(order))

    def settlement_row(self, order: clearing.SettlementOrder) -> Struct:
        """A settlement order or deal as a row: feed P, the method positions, settlementHistory, and feed S once."""
        first = (
            order.settlementOrderId,
            order.currency1,
            order.currency2 or "",
            order.size1,
            order.size2 or 0,
            order.createdAt,
            order.counterpartyId,
        )
        networks = (order.network1 or "", order.network2 or "")
        if isinstance(order.commitedAt, UnsetType) or isinstance(order.settlementId, UnsetType):
            return clearing.SettlementOrderRow(*first, *(networks if self.generation > 1 else ()))
        end = (order.commitedAt, order.settlementId)
        if self.generation == 1:
            return clearing.SettlementDealRowG1(*first, *end)
        return clearing.SettlementDealRow(*first, *networks, *end)

    def instruments(self, listing: wire.Listing) -> list[Any]:
        """The reply of the method instruments."""
        if self.generation > 1:
            rows: list[Any] = wire.plain(listing)
            return rows
        return [[wire.plain(row)[:5] for row in listing.currencies], wire.plain(listing.instruments)]


G1 = Layout(1, 19, 3, leading_id=True, objects=False, whole_book=False, gone=frozenset({"MD"}))
G2 = Layout(2, 21, 5, leading_id=True, objects=False, whole_book=False, gone=frozenset({"MD", "M"}))
G3 = Layout(3, 24, 5, leading_id=False, objects=True, whole_book=True, gone=frozenset({"G", "M"}))
OLD_ROWS = Layout(3, 21, 3, leading_id=True, objects=True, whole_book=True, gone=frozenset({"G", "M"}))
"""G3 with the deals and positions of live captures of 2023 and 2024."""
