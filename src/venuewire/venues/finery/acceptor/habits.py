"""Odd habits of the venue, met in older versions or by other clients, that the sandbox can be told to have."""

from __future__ import annotations

STRICT_NONCES = "strict_nonces"
CODES_IN_LISTS = "codes_in_lists"
OLD_ROWS = "old_rows"
SIGNATURE_IS_NONCE = "signature_is_nonce"
GENERATION_1 = "generation_1"
GENERATION_2 = "generation_2"
NEW_LISTING = "new_listing"
HEADERS_ONLY = "headers_only"
IDLE_COUNTERPARTY = "idle_counterparty"
COUNTERPARTY_ASKS = "counterparty_asks"

HABITS: dict[str, str] = {
    STRICT_NONCES: "each nonce of a key must exceed all before it, as the older pages ask",
    CODES_IN_LISTS: "the code of a failed bind comes in an array, as clients have met it",
    OLD_ROWS: "deals of 21 places, positions of 3 and a leading id in the snapshot of feed K, as in 2023 and 2024",
    GENERATION_1: "the layouts of about 2021 to 2023: deals of 19 places, positions of 3, limits of 8, feeds G and M, "
    "increments on feed B, growing nonces, 6 for a wrong signature",
    GENERATION_2: "the layouts of 2023 and 2024: deals of 21 places, limits of 12, feed G, increments on feed B",
    NEW_LISTING: "one currency and one instrument more are listed, and USDT is worth less, with updates on feed I; "
    "orders for the new instrument are refused with 36, since no counterparty has whitelisted it",
    HEADERS_ONLY: "a handshake without headers is refused with 3: nobody authenticates in band",
    IDLE_COUNTERPARTY: "the counterparty neither pays what it is asked for nor takes what it is sent",
    COUNTERPARTY_ASKS: "the counterparty asks every account to pay it 250 dollars, until that is paid or turned down",
    SIGNATURE_IS_NONCE: "a wrong signature is answered with 6, as before code 14 was made",
}
