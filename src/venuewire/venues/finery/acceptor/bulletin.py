"""Payloads of the feeds beside trading, for the sandbox: S, R, N, L, and G and M of older generations."""

from __future__ import annotations

from typing import Any

from venuewire.codec import encode
from venuewire.venues.finery import wire
from venuewire.venues.finery.acceptor.clearing import Clearing, News
from venuewire.venues.finery.acceptor.layouts import Layout
from venuewire.venues.finery.wire import clearing as rows


def snapshot(feed: str, clearing: Clearing, layout: Layout, currency: str | None) -> bytes:
    """The payload of action `S`; `currency` narrows feed S."""
    return encode(wire.plain(_snapshot(feed, clearing, layout, currency)))


def _snapshot(feed: str, clearing: Clearing, layout: Layout, currency: str | None) -> Any:
    match feed:
        case "S":
            orders = [it for it in clearing.orders.values() if currency in {None, it.currency1}]
            return [layout.settlement(order) for order in orders]
        case "R":
            return rows.Requests([*clearing.incoming_requests.values()], [*clearing.outgoing_requests.values()])
        case "N":
            return [0, [*clearing.incoming.values()], [*clearing.outgoing.values()]]
        case "G":
            return clearing.global_rows()
        case "M":
            return [clearing.mutual_row()]
        case _:
            return [_limit(clearing, layout)] if layout.objects or clearing.own is not None else []


def _limit(clearing: Clearing, layout: Layout) -> Any:
    return clearing.limit() if layout.objects else clearing.limit_row(layout.generation)


def update(news: News, clearing: Clearing, layout: Layout) -> bytes:
    """The payload of what has happened."""
    return encode(wire.plain(_update(news, clearing, layout)))


def _update(news: News, clearing: Clearing, layout: Layout) -> Any:
    match news.feed:
        case "S" if news.settlement is not None:
            # A list of objects today, one row before.
            row = layout.settlement(news.settlement)
            return [row] if layout.objects else row
        case "R":
            return _either_way(news, news.request)
        case "N":
            return _either_way(news, news.transaction)
        case "G":
            return clearing.global_row(news.currency)
        case _:
            return _limit(clearing, layout)


def _either_way(news: News, row: object) -> list[list[object]]:
    """`[incoming, outgoing]`, with the row where it belongs."""
    return [[row], []] if news.incoming else [[], [row]]
