"""Every message of Coinbase Advanced Trade this venue's folder speaks, as the venue documents it.

`stream` has the WebSocket's records, `rest` those of REST v3. Numbers are decimal text on this wire; the records keep
them as text and `translate` makes them exact.
"""
