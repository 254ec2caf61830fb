"""Measurements, each beside something to hold it against. `make bench`, or `python -m benches`.

`flood`    Coinbase level2 frames over loopback, a book of 20,000 levels a side kept: this client, the bare receive loop
           under it, and other people's clients; in turns, several rounds, the same bytes for all.
`venues`   the same flood at every venue, through this client: what a level costs.
`latency`  from sent to told at fixed paces, beside the bare receive loop.
`applied`  no network: a message into the book, beside nautilus_trader's.
`books`    what a message costs with 4 to 1,000 books in one process, and how long it takes until all are LIVE.
`pieces`   one frame step by step, in this process: where the time goes; full books; what a book holds.
`memory`   what the demo holds, and how long `import venuewire` takes.
`sandbox`  the far end: engine, exchange, fan-out, ready.

The far end of a flood, and our own end, are those of `venuewire bench` (`venuewire.cli.bench`); `race` runs contestants
against it, `contestants/` are they, `page` and `plot` make docs/performance.md of what was recorded.
"""
