"""What the client has shared words for beyond books and orders, and what it asks by records of the venue's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.unit.coinbase.ends import REST_HOST, World, logged_on

import venuewire as vw
from venuewire.client import Client
from venuewire.errors import LocalProtocolError, RemoteProtocolError, RequestRejected
from venuewire.model import session
from venuewire.model.account import AccountSummary
from venuewire.model.market import Bar, SecurityStatus
from venuewire.model.orders import NewOrder
from venuewire.model.session import (
    OrderEstimate,
    OrderEstimateRequest,
    Reply,
    Subscribe,
    SubscriptionAccepted,
    Unsubscribe,
    VenueNews,
    VenueRequest,
)
from venuewire.model.terms import NANOS_PER_SECOND, Channel, OrdType, Side
from venuewire.sandbox import MemorySandbox
from venuewire.transport.clock import SteppedClock, at_rest
from venuewire.transport.entropy import SeededEntropy
from venuewire.venue import Answer, Fetch
from venuewire.venues.coinbase.initiator import pages as table
from venuewire.venues.coinbase.initiator.line import CoinbaseInitiator
from venuewire.venues.coinbase.wire import pages, rest, stream

BUY = NewOrder(symbol="BTC-USD", side=Side.BUY, ord_type=OrdType.LIMIT, order_qty="0.5", price="64000", cl_ord_id="7")


def ask(world: World, message: Any) -> Any:
    _, user = logged_on(world)
    (answer,) = user.ask(VenueRequest(message=message, ref="9"))
    if isinstance(answer, Reply):
        assert answer.ref == "9"
        return answer.message
    return answer


# --------------------------------------------------------------------------- subscribed


def test_the_state_of_a_product_is_told_under_every_name_that_was_asked_for() -> None:
    world = World()
    market, _ = logged_on(world)
    heard = market.ask(Subscribe(channel=Channel.STATUS, symbol="BTC-USD", ref="5"))
    heard += market.ask(Subscribe(channel=Channel.STATUS, symbol="BTC-USDC", ref="6"))
    statuses = [event for event in heard if isinstance(event, SecurityStatus)]
    assert {(it.symbol, it.tradable, it.text) for it in statuses} == {
        ("BTC-USD", True, "online"),
        ("BTC-USDC", True, "online"),
    }
    assert all(it.transact_time == world.now for it in statuses)


@pytest.mark.parametrize(
    ("word", "message", "tradable", "text"),
    [
        ("online", "", True, "online"),
        ("offline", "in maintenance", False, "offline: in maintenance"),
        ("delisted", "", False, "delisted"),
        ("", "", None, ""),
    ],
)
def test_what_a_product_s_state_means(word: str, message: str, tradable: bool | None, text: str) -> None:
    row = stream.StatusRow(id="BTC-USD", status=word, status_message=message)
    event = stream.StatusEvent("update", [row])
    frame = stream.StatusFrame(channel="status", timestamp="2026-11-20T10:00:00Z", sequence_num=1, events=[event])
    (told,) = received(frame)
    assert isinstance(told, SecurityStatus)
    assert (told.tradable, told.text) == (tradable, text)


def received(frame: Any) -> Any:
    world = World()
    initiator = CoinbaseInitiator("ws", world.seat)
    return initiator.receive(initiator.open(msgspec.json.encode(frame)), world.now)


def test_the_account_of_futures_is_a_summary_and_comes_over_the_users_line() -> None:
    world = World()
    market, user = logged_on(world)
    heard = user.ask(Subscribe(channel=Channel.SUMMARY, ref="5"))
    assert heard[-1] == SubscriptionAccepted(ref="5")
    (summary,) = [event for event in heard if isinstance(event, AccountSummary)]
    assert (summary.currency, summary.equity, summary.available) == ("USD", Decimal(10_000_000), Decimal(0))
    assert summary.figures["cbi_usd_balance"] == Decimal(10_000_000)
    assert summary.figures["intraday_margin_level"] == "MARGIN_LEVEL_TYPE_BASE"
    assert summary.figures["overnight_total_hold"] == Decimal(0)
    assert user.ask(Unsubscribe(channel=Channel.SUMMARY, subscription="5", ref="6")) == [SubscriptionAccepted(ref="6")]
    with pytest.raises(LocalProtocolError, match="not on the line ws"):
        market.ask(Subscribe(channel=Channel.SUMMARY, ref="8"))


def test_futures_held_are_news_in_the_venue_s_words_and_no_news_while_there_are_none() -> None:
    held = stream.ExpiringPosition(product_id="BIT-28NOV26-CDE", side="LONG", number_of_contracts="2")
    for positions, expected in (([held], 1), ([], 0)):
        told = received(
            stream.UserFrame(
                channel="user",
                timestamp="2026-11-20T10:00:00Z",
                sequence_num=1,
                events=[stream.UserEvent(type="snapshot", orders=[], positions=stream.UserPositions(
                    perpetual_futures_positions=[], expiring_futures_positions=positions
                ))],
            )
        )  # fmt: skip
        assert len(told) == expected
        assert all(isinstance(event, VenueNews) and event.ref is None for event in told)


# --------------------------------------------------------------------------- what an order would come to


def test_an_order_is_estimated_and_nothing_is_placed() -> None:
    world = World()
    world.quote(Side.SELL, "1", "63000")
    _, user = logged_on(world)
    (told,) = user.ask(OrderEstimateRequest(order=BUY, ref="9"))
    assert isinstance(told, OrderEstimate)
    assert (told.accepted, told.text, told.currency, told.ref) == (True, "", "USD", "9")
    assert (told.notional, told.commission, told.margin) == (Decimal(32000), Decimal(0), Decimal(0))
    market_order = NewOrder(symbol="BTC-USDC", side=Side.BUY, ord_type=OrdType.MARKET, cash_order_qty="630")
    (told,) = user.ask(OrderEstimateRequest(order=market_order, ref="10"))
    assert isinstance(told, OrderEstimate)
    assert (told.currency, told.notional, told.avg_px) == ("USDC", Decimal(630), Decimal(63000))
    assert world.exchange.port(world.stage.account).orders(working=False) == []


def test_an_estimate_says_why_an_order_would_be_refused() -> None:
    world = World()
    _, user = logged_on(world)
    dear = msgspec.structs.replace(BUY, order_qty="3000")
    (told,) = user.ask(OrderEstimateRequest(order=dear, ref="9"))
    assert isinstance(told, OrderEstimate)
    assert (told.accepted, told.text) == (False, "PREVIEW_INSUFFICIENT_FUND")
    with pytest.raises(LocalProtocolError, match="no LIMIT order"):
        user.ask(OrderEstimateRequest(order=msgspec.structs.replace(BUY, time_in_force=vw.TimeInForce.DAY), ref="11"))


# --------------------------------------------------------------------------- asked by records


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (pages.GetProduct(product_id="BTC-USDC"), rest.Product),
        (pages.GetProductBook(product_id="BTC-USD", limit=5), rest.ProductBookAnswer),
        (pages.GetBestBidAsk(product_ids=("BTC-USD", "ETH-USD")), rest.PriceBooksAnswer),
        (pages.GetMarketTrades(product_id="BTC-USD", limit=10), rest.MarketTradesAnswer),
        (pages.GetServerTime(), rest.TimeAnswer),
        (pages.GetKeyPermissions(), rest.KeyPermissions),
        (pages.GetTransactionSummary(product_type="SPOT"), rest.TransactionSummary),
        (pages.ListAccounts(limit=2), rest.AccountsAnswer),
        (pages.ListPaymentMethods(), pages.PaymentMethodsAnswer),
        (pages.ListOrders(order_status=("FILLED", "CANCELLED"), limit=5), rest.OrdersAnswer),
        (pages.ListFills(product_ids=("BTC-USD",)), rest.FillsAnswer),
        (pages.PreviewEdit(order_id="1", price="1"), rest.EditPreviewAnswer),
        (pages.ListPortfolios(), rest.PortfoliosAnswer),
        (pages.GetFuturesBalance(), rest.CfmBalanceAnswer),
        (pages.ListFuturesPositions(), rest.CfmPositionsAnswer),
        (pages.ListFuturesSweeps(), pages.FuturesSweepsAnswer),
        (pages.GetIntradayMarginSetting(), pages.IntradayMarginSetting),
        (pages.GetMarginWindow(margin_profile_type="MARGIN_PROFILE_TYPE_RETAIL_REGULAR"), pages.MarginWindowAnswer),
    ],
    ids=lambda item: type(item).__name__ if isinstance(item, msgspec.Struct) else "",
)
def test_the_venue_is_asked_by_records_and_answers_with_records(message: Any, answer: type) -> None:
    assert type(ask(World(), message)) is answer


def test_fees_keys_and_books_say_what_they_should() -> None:
    world = World()
    world.quote(Side.SELL, "1", "63000")
    world.quote(Side.BUY, "1", "62000")
    assert ask(world, pages.GetTransactionSummary()).fee_tier.taker_fee_rate == "0"
    assert ask(world, pages.GetKeyPermissions()).portfolio_uuid == world.stage.account
    (book,) = ask(world, pages.GetBestBidAsk(product_ids=("BTC-USD",))).pricebooks
    assert (book.bids[0].price, book.asks[0].price) == ("62000", "63000")
    (product,) = [ask(world, pages.GetProduct(product_id="BTC-USDC"))]
    assert product.alias == "BTC-USD"


def test_items_are_found_by_their_ids_and_refused_where_there_are_none() -> None:
    world = World()
    wallet = ask(world, pages.ListAccounts()).accounts[0]
    assert ask(world, pages.GetAccount(account_uuid=wallet.uuid)).account == wallet
    (way,) = ask(world, pages.ListPaymentMethods()).payment_methods
    assert ask(world, pages.GetPaymentMethod(payment_method_id=way.id)).payment_method == way
    for message in (
        pages.GetAccount(account_uuid="none"),
        pages.GetPaymentMethod(payment_method_id="none"),
        pages.GetOrder(order_id="none"),
        pages.GetPortfolioBreakdown(portfolio_uuid="none"),
        pages.GetFuturesPosition(product_id="BIT-28NOV26-CDE"),
        pages.GetPerpetualsPortfolio(portfolio_uuid="none"),
        pages.ListPerpetualsPositions(portfolio_uuid="none"),
        pages.GetPerpetualsPosition(portfolio_uuid="none", symbol="BTC-PERP-INTX"),
        pages.GetPerpetualsBalances(portfolio_uuid="none"),
        pages.GetConversion(trade_id="none", from_account="a", to_account="b"),
    ):
        refused = ask(world, message)
        assert isinstance(refused, session.RequestRejected), message
        assert (refused.ref, refused.text != "") == ("9", True)


def test_a_portfolio_is_the_sum_of_its_wallets() -> None:
    world = World()
    world.quote(Side.SELL, "1", "60000")
    world.hit(Side.BUY, "1", "60000")
    (portfolio,) = ask(world, pages.ListPortfolios()).portfolios
    breakdown = ask(world, pages.GetPortfolioBreakdown(portfolio_uuid=portfolio.uuid)).breakdown
    rows = {row["asset"]: row for row in breakdown.spot_positions}
    assert rows["BTC"]["total_balance_fiat"] == Decimal(6_000_000)
    assert sum(row["total_balance_fiat"] for row in rows.values()) == Decimal(
        breakdown.portfolio_balances.total_balance.value
    )
    assert breakdown.portfolio_balances.total_cash_equivalent_balance.value == "11000000"


def test_what_is_not_listed_is_refused_before_anything_is_sent() -> None:
    world = World()
    _, user = logged_on(world)
    for message in (rest.EditOrder(order_id="1"), rest.CancelOrders(order_ids=["1"])):
        with pytest.raises(LocalProtocolError, match=r"is not asked by .*GetAccount"):
            user.ask(VenueRequest(message=message, ref="9"))
    for empty in (pages.GetOrder(order_id=""), pages.GetOrder(order_id="..")):
        with pytest.raises(LocalProtocolError, match="order_id is missing"):
            user.ask(VenueRequest(message=empty, ref="9"))


def test_no_record_may_place_or_change_anything() -> None:
    changing = {"/orders/edit_preview"}
    assert {page.path for page in table.PAGES.values() if page.method != "GET"} == changing


def test_ids_cannot_lead_to_another_page() -> None:
    at = table.address(pages.GetOrder(order_id="../batch?x=1"))
    assert at.path == "/api/v3/brokerage/orders/historical/..%2Fbatch%3Fx%3D1"


def test_a_token_is_made_for_the_page_without_its_query() -> None:
    world = World()
    _, user = logged_on(world)
    (fetch,) = user.initiator.send(VenueRequest(message=pages.ListAccounts(limit=2), ref="9"), world.now)
    assert isinstance(fetch, Fetch)
    assert fetch.path == "/api/v3/brokerage/accounts?limit=2"
    uri = f"GET {REST_HOST}/api/v3/brokerage/accounts"
    token = fetch.headers["authorization"].removeprefix("Bearer ")
    assert world.host.verified(token, world.now, frozenset({uri}))


def test_an_answer_that_is_no_answer_is_damage() -> None:
    world = World()
    _, user = logged_on(world)
    (fetch,) = user.initiator.send(VenueRequest(message=pages.GetKeyPermissions(), ref="9"), world.now)
    assert isinstance(fetch, Fetch)
    for body in (b"", b"[]", b'{"can_view": "yes"}'):
        with pytest.raises(RemoteProtocolError):
            user.initiator.answered(fetch, Answer(200, body), world.now)


# --------------------------------------------------------------------------- through the client


@asynccontextmanager
async def client_at_the_sandbox() -> AsyncIterator[tuple[MemorySandbox, Client]]:
    clock = SteppedClock(settle=at_rest)
    async with MemorySandbox(["coinbase"], clock=clock) as sandbox:
        client = vw.connect(
            "coinbase",
            sandbox.credentials("coinbase"),
            network=sandbox.network(),
            clock=clock,
            entropy=SeededEntropy(1, clock.now),
        )
        await sandbox.run(client.__aenter__())
        try:
            yield sandbox, client
        finally:
            await sandbox.run(client.close())


async def test_a_client_reads_states_summaries_and_live_bars() -> None:
    async with client_at_the_sandbox() as (sandbox, client):
        feeds: list[Any] = [client.statuses("BTC-USD"), client.summaries(), client.live_bars("BTC-USD", MINUTES_5)]
        streams = [await sandbox.run(feed.__aenter__()) for feed in feeds]
        await sandbox.advance(2)
        first = [await sandbox.run(anext(stream)) for stream in streams]
        assert [type(event) for event in first] == [SecurityStatus, AccountSummary, Bar]
        for feed in feeds:
            await sandbox.run(feed.__aexit__(None, None, None))
        with pytest.raises(LocalProtocolError, match="five minutes only"):
            await sandbox.run(client.live_bars("BTC-USD", 60 * NANOS_PER_SECOND).__aenter__())


MINUTES_5 = 300 * NANOS_PER_SECOND


async def test_a_client_asks_and_previews() -> None:
    async with client_at_the_sandbox() as (sandbox, client):
        told = await sandbox.run(client.ask(pages.GetKeyPermissions()))
        assert isinstance(told, rest.KeyPermissions)
        estimate = await sandbox.run(client.preview(msgspec.structs.replace(BUY, cl_ord_id="")))
        assert estimate.accepted is True
        with pytest.raises(RequestRejected, match="not found"):
            await sandbox.run(client.ask(pages.GetAccount(account_uuid="none")))
