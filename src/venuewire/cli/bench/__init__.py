"""`venuewire bench`: what this machine does with this library, measured against a far end of its own.

    walk       a market: a seeded walk of a deep book, there and back
    far        the far end, in a process of its own: the sandbox's venues, and floods of their frames
    turn       our end: one turn of a measurement, through the whole client
    command    what is measured, and how it is shown

`benches/` builds on the same parts to measure other clients beside this one.
"""
