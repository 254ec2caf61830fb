"""Several accounts on one connection: each is authorised, asked and told of by itself."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.unit.ctrader.ends import SECOND, Client, Line, Sandbox
from tests.unit.ctrader.test_asking import summaries

from venuewire.errors import LocalProtocolError, LogonRejected
from venuewire.model.account import Position
from venuewire.model.orders import CancelOrder, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.session import (
    Command,
    GrantInvalidated,
    Holdings,
    MassStatus,
    OrderMassStatusRequest,
    Reply,
    RequestForPositions,
    Secret,
    Subscribe,
    VenueRequest,
)
from venuewire.model.terms import Channel, ExecType, OrdStatus, OrdType, PositionEffect, Side
from venuewire.venues.ctrader.credentials import credentials_from
from venuewire.venues.ctrader.wire import trading


def market() -> Sandbox:
    sandbox = Sandbox()
    sandbox.others(Side.BUY, "9000", "1.14800")
    sandbox.others(Side.SELL, "9000", "1.14820")
    return sandbox


def client(sandbox: Sandbox | None = None) -> Client:
    sandbox = sandbox or market()
    made = credentials_from(sandbox.stage.credentials)
    return Client(sandbox, replace(made, accountIds=(sandbox.account_id + 1,))).start()


def names(ours: Client) -> tuple[str, str]:
    return str(ours.sandbox.account_id), str(ours.sandbox.account_id + 1)


def buy(ref: str, account: str = "", **fields: object) -> NewOrder:
    terms = {"ord_type": OrdType.MARKET, "order_qty": 1000, **fields}
    return NewOrder(symbol="EURUSD", side=Side.BUY, cl_ord_id=ref, ref=ref, account=account, **terms)  # type: ignore[arg-type]


def reports(ours: Client, command: Command) -> list[ExecutionReport]:
    return [event for event in ours.submit(command) if isinstance(event, ExecutionReport)]


def test_each_account_is_authorised_on_the_same_connection() -> None:
    ours = client()
    kinds = [ours.initiator.open(frame).kind for frame in ours.sent]
    assert kinds[:3] == [2100, 2102, 2102]
    assert set(ours.line.acceptor._sessions) == {int(name) for name in names(ours)}


def test_orders_go_where_they_are_meant_and_each_is_told_with_its_account() -> None:
    ours = client()
    first, second = names(ours)
    assert {report.account for report in reports(ours, buy("1"))} == {first}
    assert {report.account for report in reports(ours, buy("2", second))} == {second}
    assert [len(ours.sandbox.exchange.port(name).fills()) for name in (first, second)] == [1, 1]
    (held,) = ours.submit(RequestForPositions(ref="3"))
    assert isinstance(held, Holdings)
    assert {(position.account, int(position.qty)) for position in held.positions} == {(first, 1000), (second, 1000)}
    assert [(balance.account, int(balance.total)) for balance in held.balances] == [
        (first, 1_000_000),
        (second, 50_000),
    ]
    (one,) = ours.submit(RequestForPositions(ref="4", account=second))
    assert isinstance(one, Holdings)
    assert [position.account for position in one.positions] == [second]
    # A close finds the account by its position.
    (position,) = one.positions
    close = NewOrder(
        symbol="EURUSD",
        side=Side.SELL,
        ord_type=OrdType.MARKET,
        order_qty=1000,
        cl_ord_id="5",
        ref="5",
        position_id=position.position_id,
        position_effect=PositionEffect.CLOSE,
    )
    told = ours.submit(close)
    assert [event.qty for event in told if isinstance(event, Position)] == [0]
    assert {event.account for event in told if isinstance(event, ExecutionReport)} == {second}


def test_a_change_finds_the_account_by_its_order() -> None:
    ours = client()
    _, second = names(ours)
    placed = reports(ours, buy("1", second, ord_type=OrdType.LIMIT, price="1.1"))[0]
    change = ReplaceOrder(
        symbol="EURUSD",
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_id=placed.order_id,
        orig_cl_ord_id="1",
        cl_ord_id="1",
        price="1.2",
        ref="2",
    )
    assert [report.exec_type for report in reports(ours, replace(change, price="1.11"))] == [ExecType.REPLACED]
    status = OrderMassStatusRequest(ref="3")
    (told,) = ours.submit(status)
    assert isinstance(told, MassStatus)
    assert {(report.order_id, report.account) for report in told.reports} == {(placed.order_id, second)}
    (none,) = ours.submit(OrderMassStatusRequest(ref="4", account=names(ours)[0]))
    assert isinstance(none, MassStatus)
    assert none.reports == ()
    cancel = CancelOrder(
        symbol="EURUSD",
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_id=placed.order_id,
        orig_cl_ord_id="1",
        ref="5",
    )
    assert [report.ord_status for report in reports(ours, cancel)] == [OrdStatus.CANCELED]


def test_protective_orders_of_the_other_account_are_kept() -> None:
    ours = client()
    first, second = names(ours)
    for ref, account in (("1", first), ("2", second)):
        ours.submit(buy(ref, account, stop_loss_offset="0.001"))
    before = dict(ours.initiator._guards)
    assert {guard.account for guard in before.values()} == {first, second}
    ours.submit(OrderMassStatusRequest(ref="3", account=first))
    assert set(ours.initiator._guards) == set(before)
    ours.submit(OrderMassStatusRequest(ref="4"))
    assert set(ours.initiator._guards) == set(before)


def test_an_account_that_is_not_ours_is_refused_before_sending() -> None:
    ours = client()
    with pytest.raises(LocalProtocolError, match=r"not one of this client's: .* further ones are named by accountIds"):
        ours.submit(buy("1", "77"))
    one = Client(market()).start()
    with pytest.raises(LocalProtocolError, match="accountIds"):
        one.submit(RequestForPositions(ref="2", account=names(one)[1]))


def test_one_of_the_token_only_is_not_authorised() -> None:
    sandbox = market()
    one = sandbox.host.tokens.issue(frozenset({sandbox.account_id}), 1, sandbox.now)
    made = credentials_from(sandbox.stage.credentials)
    both = replace(made, accessToken=Secret(one.access), accountIds=(sandbox.account_id + 1,))
    with pytest.raises(LogonRejected, match="CH_CTID_TRADER_ACCOUNT_NOT_FOUND"):
        Client(sandbox, both).log_on()


def test_accounts_alone_name_the_first_as_well() -> None:
    sandbox = market()
    made = credentials_from(sandbox.stage.credentials)
    ours = Client(sandbox, replace(made, accountId=0, accountIds=(sandbox.account_id + 1,))).log_on()
    assert ours.line.acceptor.account == str(sandbox.account_id + 1)


def test_the_end_of_one_session_leaves_the_other_and_its_subscriptions() -> None:
    ours = client()
    first, second = names(ours)
    ours.submit(Subscribe(channel=Channel.QUOTES, symbol="EURUSD", ref="1"))
    ours.line.ask(2162, {"ctidTraderAccountId": int(second)})
    assert GrantInvalidated(text="the account's session was ended") in ours.carry()
    assert set(ours.line.acceptor._sessions) == {int(first)}
    before = len(ours.sent)
    ours.log_on()
    assert [ours.initiator.open(frame).kind for frame in ours.sent[before:]] == [2102]
    assert len(ours.line.acceptor._sessions) == 2


def test_a_renewal_ends_and_authorises_all_of_them() -> None:
    ours = client()
    before = len(ours.sent)
    ours.log_on()
    assert [ours.initiator.open(frame).kind for frame in ours.sent[before:]] == [2173, 2102, 2102]
    assert len(ours.line.acceptor._sessions) == 2


def test_a_token_that_has_ended_at_the_second_account_authorises_the_first_again() -> None:
    sandbox = market()
    made = credentials_from(sandbox.stage.credentials)
    ours = Client(sandbox, replace(made, accountIds=(sandbox.account_id + 1,)))
    flow = ours.initiator.logon(sandbox.now)
    kinds: list[object] = []
    step = next(flow)
    while True:
        kind = ours.initiator.open(step.payload).kind  # type: ignore[union-attr]
        kinds.append(kind)
        if kinds == [2100, 2102, 2102]:
            for granted in sandbox.host.tokens.expire(sandbox.now):
                sandbox.host.end_sessions(granted, "Access token expired")
        before = len(ours.told)
        ours.give(step.payload)  # type: ignore[union-attr]
        answer = next(event for event in ours.told[before:] if getattr(event, "ref", None) == step.ref)
        try:
            step = flow.send(answer)
        except StopIteration:
            break
    assert kinds == [2100, 2102, 2102, 2173, 2102, 2102]
    assert len(ours.line.acceptor._sessions) == 2


def test_each_account_has_a_summary() -> None:
    ours = client()
    first, second = names(ours)
    told = summaries(ours.submit(Subscribe(channel=Channel.SUMMARY, ref="1")))
    assert [(one.account, int(one.equity or 0)) for one in told] == [(first, 1_000_000), (second, 50_000)]
    before = len(ours.told)
    ours.submit(buy("2", second))
    assert {one.account for one in summaries(ours.told[before:])} == {second}


def test_a_record_may_name_the_account() -> None:
    ours = client()
    second = int(names(ours)[1])
    (reply,) = ours.submit(VenueRequest(message=trading.TraderReq(ctid_trader_account_id=second), ref="1"))
    assert isinstance(reply, Reply)
    assert isinstance(reply.message, trading.TraderRes)
    assert (reply.message.trader.ctid_trader_account_id, reply.message.trader.balance) == (second, 5_000_000)


# --------------------------------------------------------------------------- the far end


def both(sandbox: Sandbox) -> Line:
    raw = sandbox.line().authorise()
    token = sandbox.stage.credentials["accessToken"]
    assert (
        raw.ask(2102, {"ctidTraderAccountId": sandbox.account_id + 1, "accessToken": token})[-1]["payloadType"] == 2103
    )
    return raw


def test_subscriptions_belong_to_an_account() -> None:
    sandbox = market()
    raw = both(sandbox)
    raw.ask(2127, raw.of(symbolId=[1]))
    other = {"ctidTraderAccountId": sandbox.account_id + 1, "symbolId": 1}
    assert raw.ask(2127, other)[0]["payloadType"] == 2128
    before = len(raw.said)
    sandbox.others(Side.BUY, "1000", "1.14810")
    spots = [frame["payload"]["ctidTraderAccountId"] for frame in raw.said[before:] if frame["payloadType"] == 2131]
    assert spots == [sandbox.account_id, sandbox.account_id + 1]
    raw.ask(2162, {"ctidTraderAccountId": sandbox.account_id + 1})
    before = len(raw.said)
    sandbox.others(Side.BUY, "1000", "1.14811")
    assert [frame["payloadType"] for frame in raw.said[before:]] == [2131]


def test_executions_reach_those_who_hold_the_account_and_nobody_else() -> None:
    sandbox = market()
    one, two = sandbox.line().authorise(), both(sandbox)
    order = {"ctidTraderAccountId": sandbox.account_id + 1, "symbolId": 1, "orderType": 1, "tradeSide": 1}
    before = len(one.said)
    said = two.ask(2106, {**order, "volume": 100_000}, "a")
    executed = [frame["payload"]["executionType"] for frame in said if frame["payloadType"] == 2126]
    assert executed == [2, 3]
    one.wait(1)
    assert not [frame for frame in one.said[before:] if frame["payloadType"] == 2126]


def test_one_end_of_the_token_is_told_once_for_both_accounts() -> None:
    sandbox = market()
    raw = both(sandbox)
    before = len(raw.said)
    raw.ask(2173, {"refreshToken": sandbox.stage.credentials["refreshToken"]})
    ended = [frame for frame in raw.said[before:] if frame["payloadType"] in {2147, 2164}]
    assert [frame["payloadType"] for frame in ended] == [2147, 2164, 2164]
    assert ended[0]["payload"]["ctidTraderAccountIds"] == [sandbox.account_id, sandbox.account_id + 1]
    assert raw.acceptor.account is None
    sandbox.now += SECOND
