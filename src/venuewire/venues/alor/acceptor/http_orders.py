"""The venue's HTTP: orders, order groups, estimates (5.5 to 5.8)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import UNSET, Raw

from venuewire.codec import checked, encode
from venuewire.errors import RemoteProtocolError
from venuewire.model.terms import NANOS_PER_SECOND, Nanos, OrdType
from venuewire.venue import Answer, Port
from venuewire.venues.alor import terms
from venuewire.venues.alor.acceptor import order_groups
from venuewire.venues.alor.acceptor.desk import STOPS, Done, Outcome
from venuewire.venues.alor.acceptor.http_ask import JSON, TEXT, Ask, json_answer, refused, said
from venuewire.venues.alor.acceptor.order_groups import ACTIVE, CANCELED, OrderGroup
from venuewire.venues.alor.wire import access, commands, frames, groups

if TYPE_CHECKING:
    from venuewire.venues.alor.acceptor.hosts import AlorHost

_REQID_LIFE: Nanos = 24 * 3600 * NANOS_PER_SECOND
"""ASSUMPTION: request ids are remembered a day, per user (8.15)."""
_REQIDS_KEPT = 100_000
_ZERO = Decimal(0)


class HttpOrders:
    """Orders over HTTP; keeps the request ids."""

    def __init__(self, host: AlorHost) -> None:
        self._host = host
        self._reqids: dict[tuple[str, str], tuple[Nanos, Answer]] = {}

    def answer(self, ask: Ask) -> Answer | None:
        """The answer; None where the path is not of this kind. All of it needs a token."""
        path = ask.request.path.lower()
        for beginning, act in ((commands.ORDERS_PATH, self._orders), (groups.GROUPS_PATH, self._groups)):
            if path == beginning.lower() or path.startswith(beginning.lower() + "/"):
                return Answer(401) if ask.claims is None else act(ask, ask.claims)
        return None

    # ---- orders

    def _orders(self, ask: Ask, claims: access.Claims) -> Answer:
        words = ask.words[len(commands.ORDERS_PATH.strip("/").split("/")) :]
        match ask.request.method, words:
            case "POST", ["actions", word] if word in terms.COMMAND_TYPES:
                return self._once(ask, claims, lambda: self._change(ask, claims, word, ""))
            case "PUT", ["actions", word, order_id] if word in terms.COMMAND_TYPES:
                return self._once(ask, claims, lambda: self._change(ask, claims, word, order_id))
            case "POST", ["estimate"]:
                return self._estimate(ask, claims)
            case "POST", ["estimate", "all"]:
                return self._estimates(ask, claims)
            case "DELETE", ["all"]:
                return self._delete(ask, claims, "")
            case "DELETE", [order_id]:
                return self._delete(ask, claims, order_id)
            case _:
                return Answer(404)

    def _once(self, ask: Ask, claims: access.Claims, act: Callable[[], Answer]) -> Answer:
        """A request id that comes again is not acted on: it gets a copy of the first answer."""
        headers = ask.request.headers
        reqid = headers.get("x-reqid") or headers.get("x-alor-reqid")
        if not reqid:
            return said(400, "X-REQID is not given")
        key = (claims.sub, reqid)
        first = self._reqids.get(key)
        if first is not None and ask.now - first[0] < _REQID_LIFE:
            old = first[1]
            body = old.body if old.headers == JSON else encode(old.body.decode())
            return json_answer(
                commands.Repeated(
                    message=commands.REPEATED_REQID,
                    oldResponse=commands.OldAnswer(statusCode=old.status, body=Raw(body or b'""')),
                ),
                400,
            )
        answer = act()
        self._reqids.pop(key, None)
        self._reqids[key] = ask.now, answer
        if len(self._reqids) > _REQIDS_KEPT:
            del self._reqids[next(iter(self._reqids))]
        return answer

    def _change(self, ask: Ask, claims: access.Claims, word: str, order_id: str) -> Answer:
        try:
            record = commands.read_http_order(ask.request.body)
        except RemoteProtocolError:
            return Answer(400, frames.MALFORMED.encode(), TEXT)
        port = self._host.port(claims, record.user.portfolio)
        if port is None:
            return Answer(403)
        outcome = self._changed(record, terms.COMMAND_TYPES[word], order_id, port, ask.now)
        if isinstance(outcome, Done):
            return json_answer(commands.HttpDone(orderNumber=outcome.order_id))
        return said(outcome.code, outcome.text)

    def _changed(self, record: commands.HttpOrder, ord_type: OrdType, order_id: str, port: Port, now: Nanos) -> Outcome:
        desk, stop_desk = self._host.desk, self._host.stop_desk
        if ord_type in STOPS:
            if order_id:
                return stop_desk.update(record, order_id, ord_type, port, now)
            return stop_desk.create(record, ord_type, port, now)
        if order_id:
            return desk.update(record, order_id, ord_type, port, now, "")
        return desk.create(record, ord_type, port, now, "")

    def _delete(self, ask: Ask, claims: access.Claims, order_id: str) -> Answer:
        portfolio, exchange = ask.text("portfolio"), ask.text("exchange")
        if not portfolio or not exchange:
            return refused("BadRequest", frames.MALFORMED)
        port = self._host.port(claims, portfolio)
        if port is None:
            return Answer(403)
        outcome = self._deleted(order_id, port, ask.now, is_stop=ask.is_true("stop"))
        if isinstance(outcome, Done):
            if ask.is_true("jsonResponse"):
                return json_answer(commands.HttpDone(orderNumber=outcome.order_id or UNSET))
            return Answer(200, b"success", TEXT)
        if not order_id:
            return refused("OrderToCancelNotFound", terms.UNKNOWN_ORDERS)
        return refused("OrderToCancelNotFound (404)", outcome.text)

    def _deleted(self, order_id: str, port: Port, now: Nanos, *, is_stop: bool) -> Outcome:
        """The two kinds have ids of their own: `stop` says which is meant (6.8)."""
        desk, stop_desk = self._host.desk, self._host.stop_desk
        if is_stop:
            return stop_desk.delete(order_id, port, now) if order_id else stop_desk.delete_all(port, now)
        return desk.delete(order_id, port, now, "") if order_id else desk.delete_all(port, now, "")

    # ---- estimates

    def _estimate(self, ask: Ask, claims: access.Claims) -> Answer:
        try:
            asked = groups.read_estimate_request(ask.request.body)
        except RemoteProtocolError:
            return Answer(400, frames.MALFORMED.encode(), TEXT)
        made = self._estimated_or_not(asked, claims)
        return made if isinstance(made, Answer) else json_answer(made)

    def _estimates(self, ask: Ask, claims: access.Claims) -> Answer:
        try:
            asked = groups.read_estimate_requests(ask.request.body)
        except RemoteProtocolError:
            return Answer(400, frames.MALFORMED.encode(), TEXT)
        made = [self._estimated_or_not(one, claims) for one in asked]
        return next((one for one in made if isinstance(one, Answer)), None) or json_answer(made)

    def _estimated_or_not(self, asked: groups.EstimateRequest, claims: access.Claims) -> groups.Estimate | Answer:
        """Prices and budgets may be of any size, or not even numbers."""
        try:
            for number in (asked.price, asked.budget):
                if isinstance(number, Decimal):
                    checked(number)
            return self._estimated(asked, claims)
        except (ArithmeticError, RemoteProtocolError):
            return Answer(400, frames.MALFORMED.encode(), TEXT)

    def _estimated(self, asked: groups.EstimateRequest, claims: access.Claims) -> groups.Estimate | Answer:
        """What could be bought for the money, or for the budget, and sold of what is held; there is no margin here."""
        port = self._host.port(claims, asked.portfolio)
        instrument = self._host.desk.instrument(asked.exchange.upper(), asked.ticker, asked.board or "")
        if port is None or instrument is None:
            return Answer(403) if port is None else Answer(404)
        price = asked.price or self._host.desk.mark(instrument.symbol)
        if price <= 0:
            return Answer(400)
        available = {balance.currency: balance.available for balance in port.balances()}
        # Of a future the margin is what is paid, whichever way it goes.
        margin = self._host.records.margin(instrument)
        lot_price = margin or price * instrument.round_lot
        money = asked.budget or available.get(instrument.currency, _ZERO)
        to_buy = money // lot_price
        to_sell = to_buy if margin else available.get(instrument.base, _ZERO) // instrument.round_lot
        return groups.Estimate(
            portfolio=asked.portfolio,
            ticker=instrument.security_id,
            exchange=instrument.security_exchange,
            board=instrument.market_segment_id,
            quantityToSell=to_sell,
            quantityToBuy=to_buy,
            notMarginQuantityToSell=to_sell,
            notMarginQuantityToBuy=to_buy,
            orderEvaluation=lot_price * (asked.lotQuantity or 0),
            commission=_ZERO,
            isUnitedPortfolio=asked.portfolio.startswith("E"),
        )

    # ---- groups (5.7)

    def _groups(self, ask: Ask, claims: access.Claims) -> Answer:
        words = ask.words[len(groups.GROUPS_PATH.strip("/").split("/")) :]
        known = self._host.groups
        match ask.request.method, words:
            case "GET", []:
                return json_answer([_shown(group) for group in known.of(claims.sub)])
            case "POST", []:
                made = self._group(ask, claims, self._host.group_id())
                if isinstance(made, Answer):
                    return made
                known.add(made)
                return json_answer(groups.GroupMade(groupId=made.group_id))
            case method, [group_id]:
                group = known.find(group_id, claims.sub)
                return Answer(404) if group is None else self._one_group(ask, claims, method, group)
            case _:
                return Answer(404)

    def _one_group(self, ask: Ask, claims: access.Claims, method: str, group: OrderGroup) -> Answer:
        if method == "GET":
            return json_answer(_shown(group))
        if method == "PUT":
            made = self._group(ask, claims, group.group_id)
            if isinstance(made, Answer):
                return made
            group.members, group.policy = made.members, made.policy
            return Answer(200, b"success", TEXT)
        if method == "DELETE":
            if group.status == ACTIVE:
                self._host.groups.close(group, CANCELED, ask.now)
            return Answer(200, b"success", TEXT)
        return Answer(405)

    def _group(self, ask: Ask, claims: access.Claims, group_id: str) -> OrderGroup | Answer:
        try:
            asked = groups.read_group_request(ask.request.body)
        except RemoteProtocolError:
            return _bad_group(frames.MALFORMED)
        policy = groups.POLICIES.get(asked.executionPolicy.lower())
        members = [order_groups.member_of(member) for member in asked.orders]
        if policy is None or not members:
            return _bad_group(frames.MALFORMED)
        for member in members:
            if self._host.port(claims, member.portfolio) is None or not self._host.exists(member):
                return _bad_group(f"Forbidden attempt to modify an order ({member.order_id}) not owned by the user")
        entries = [member for member in members if not member.is_stop]
        if policy == groups.BRACKET and (len(entries) != 1 or len(members) < 2):
            return _bad_group("TriggerBracketOrders takes one limit order and conditional ones")
        return OrderGroup(group_id=group_id, login=claims.sub, members=members, policy=policy, created=ask.now)


def _shown(group: OrderGroup) -> groups.Group:
    return groups.Group(
        id=group.group_id,
        login=group.login,
        orders=[groups.MemberId(orderId=member.order_id) for member in group.members],
        executionPolicy=group.policy,
        status=group.status,
        createdAt=terms.iso_of(group.created),
        closedAt=None if group.closed is None else terms.iso_of(group.closed),
    )


def _bad_group(text: str) -> Answer:
    return json_answer(groups.GroupRefused(detail=text), 400)
