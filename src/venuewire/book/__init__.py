"""Books that say whether they can be trusted. Pure: no I/O, no clock; integers in the instrument's scales.

BookSnapshot, BookUpdate -> BookKeeper -> OrderBook -> two Ladders
                             trust, gaps   levels      sorted, best last
"""

from venuewire.book.book import OrderBook
from venuewire.book.keeper import BookKeeper
from venuewire.book.ladder import Ladder

__all__ = ["BookKeeper", "Ladder", "OrderBook"]
