"""Measurements, each beside something to hold it against. `make bench`, or `python -m benches`.

`flood`    Coinbase level2 frames over loopback, a book of 20,000 levels a side kept: this client, the bare receive loop
           under it, and the official SDK with a book made by hand; in turns, several rounds, the same bytes for all.
`pieces`   the same frame step by step, in this process: where the time goes.
`memory`   what the demo holds, and how long `import venuewire` takes.
"""
