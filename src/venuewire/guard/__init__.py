"""The guard: a process of its own that cancels one client's orders when that client is killed, crashes or hangs.

    socket -> charges (what the client tells of its orders) -> a client of our own -> winding -> report

It logs on with what it is told over its channel, keeps a session of its own, and touches no order but those it was told
of. It never spends a token that works once, and never opens the client's files.
"""

from __future__ import annotations
