"""Odd habits the far end can be told to have: what some clients have seen, and what brokers do to an account."""

from __future__ import annotations

KEEPS_SESSIONS, OTHER_WORDS = "refresh-keeps-sessions", "unauthorised-in-other-words"
CLOSE_ONLY, HALF_LEVERAGE, PAID_IN = "close-only", "half-leverage", "paid-in"
LIMITED_RISK, DEMO_FREQUENCIES = "limited-risk", "demo-frequencies"
COMMON_ERRORS, DROPPED = "common-errors", "application-dropped"

HABITS = {
    KEEPS_SESSIONS: "a refreshed token leaves the sessions of its accounts standing, as some clients saw",
    OTHER_WORDS: "an account that is not authorised is refused with INVALID_REQUEST, as some clients saw",
    CLOSE_ONLY: "every symbol can only be closed (2120 tells), until it is switched off",
    HALF_LEVERAGE: "the leverage of every account is halved (2141 and 2123 tell), until it is switched off",
    LIMITED_RISK: "every account is a limited-risk one: each position needs a guaranteed stop loss",
    DEMO_FREQUENCIES: "trading frequencies of the demo servers: who trades more often is blocked for a while",
    COMMON_ERRORS: "errors come from the common layer: 50, with milliseconds, instead of 2142",
    DROPPED: "the application is dropped (2148) and has to be authorised anew",
    PAID_IN: "ten thousand is paid into every account; switched off, it is paid out again",
}
"""Name -> what it does."""
