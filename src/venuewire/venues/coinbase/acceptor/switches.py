"""What the sandbox's Coinbase does where sources are silent or disagree; each can be set on the host."""

from __future__ import annotations

from msgspec import Struct

from venuewire.model.terms import NANOS_PER_MILLI, NANOS_PER_SECOND, Nanos
from venuewire.venue import Rate
from venuewire.venues.coinbase.signing import LIFE, SKEW


class Switches(Struct, kw_only=True):
    """Defaults are the working answers of the README's table of assumptions."""

    client_id: bool = False
    """Frames of the market host carry an empty `client_id`, as they did until 2025 and as the official SDK's response
    class needs. The user host's always do."""
    conflation: Nanos = 50 * NANOS_PER_MILLI
    """Book changes of one product are gathered for this long; 0 sends each at once."""
    trades_every: Nanos = 250 * NANOS_PER_MILLI
    """Likewise trades."""
    maker_side: bool = True
    """`side` of a public trade is the resting order's; False: the taker's."""
    l2_products: int = 30
    """Products of `level2` a connection may have."""
    first_subscribe: Nanos = 5 * NANOS_PER_SECOND
    """A connection that has not sent a subscribe message by then is ended."""
    first_subscribe_code: int = 1000
    """With this code; 1006 cuts it."""
    idle: Nanos = 0
    """A connection without heartbeats that was sent nothing for this long is ended; 0: never. Documented as 60 to
    90 seconds for most channels."""
    pending_first: bool = True
    """A new order is told as PENDING before OPEN."""
    open_before_filled: bool = True
    """The last match is told as OPEN with nothing left, then as FILLED."""
    refuse_first_user: bool = False
    """The first `user` subscription of each connection is told `failure to subscribe`, as seen after opening."""
    token_life: int = LIFE
    """Longest `exp - nbf` of a token, in seconds."""
    token_skew: int = SKEW
    """Seconds by which a client's clock may be off."""
    production_uris: bool = True
    """REST tokens made for the production host are accepted too: some clients cannot make others."""
    cut_at_expiry: bool = False
    """A connection with a private channel is cut when the token it was subscribed with ends. By all evidence the
    venue does not."""
    can_trade: bool = True
    """The key has the scope `trade`; False: it may only view, and what changes anything is answered with 403."""
    per_product: bool = False
    """Frames of one product are numbered among themselves, as the documentation says, and the others likewise; not
    over the whole connection, as has been recorded."""
    candles: int = 100
    """Candles in the first frame of `candles`. The documentation does not say."""
    json_unauthorized: bool = False
    """HTTP 401 has a JSON body; False: plain text. Both have been recorded."""
    dial_rate: Rate | None = None
    """Connections opened by all clients together: to the venue they come from one address. Published: 8 a second."""
    unsigned_rate: Rate | None = None
    """Messages without a token on one connection, likewise. Published: 8 a second and address."""
    private_rate: Rate | None = Rate(30, NANOS_PER_SECOND)
    public_rate: Rate | None = Rate(10, NANOS_PER_SECOND)
