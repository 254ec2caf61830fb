"""Order groups and estimates (5.5, 5.7)."""

from __future__ import annotations

from decimal import Decimal

from msgspec import UNSET, Struct, UnsetType

from venuewire.codec import decoder


class Member(Struct, kw_only=True):
    """An order that joins a group."""

    portfolio: str
    exchange: str
    orderId: str | int
    type: str
    """`Limit`, `Market`, `Stop`, `StopLimit`."""


class GroupRequest(Struct, kw_only=True):
    """Body of POST `/commandapi/api/orderGroups` and of PUT to one (5.7)."""

    orders: list[Member]
    executionPolicy: str


class GroupMade(Struct, kw_only=True):
    """200 of POST."""

    message: str = "success"
    groupId: str


class MemberId(Struct, kw_only=True):
    """A member as a group shows it."""

    orderId: str


class Group(Struct, kw_only=True):
    """A group (5.7)."""

    id: str
    login: str
    orders: list[MemberId]
    executionPolicy: str
    status: str
    """`Active`, `Filled`, `Canceled`."""
    createdAt: str
    closedAt: str | None = None


class GroupRefused(Struct, kw_only=True):
    """400 of order groups: unlike all other errors (3.14)."""

    title: str = "BadRequest"
    status: int = 400
    detail: str


class EstimateRequest(Struct, kw_only=True):
    """Body of POST `.../orders/estimate` (5.5)."""

    portfolio: str
    ticker: str
    exchange: str
    price: Decimal | UnsetType | None = UNSET
    lotQuantity: int | UnsetType | None = UNSET
    budget: Decimal | UnsetType | None = UNSET
    board: str | UnsetType | None = UNSET
    includeLimitOrders: bool | UnsetType | None = UNSET


class Estimate(Struct, kw_only=True):
    """200 of an estimate: what could be bought and sold, in lots, and what it would cost."""

    portfolio: str
    ticker: str
    exchange: str
    board: str
    quantityToSell: Decimal
    """With margin."""
    quantityToBuy: Decimal
    notMarginQuantityToSell: Decimal
    notMarginQuantityToBuy: Decimal
    orderEvaluation: Decimal
    commission: Decimal
    buyPrice: Decimal | None = None
    isUnitedPortfolio: bool = False


GROUPS_PATH = "/commandapi/api/orderGroups"
ON_EXECUTE_OR_CANCEL, IGNORE_CANCEL, BRACKET = "OnExecuteOrCancel", "IgnoreCancel", "TriggerBracketOrders"
POLICIES = {policy.lower(): policy for policy in (ON_EXECUTE_OR_CANCEL, IGNORE_CANCEL, BRACKET)}

read_group_request = decoder(GroupRequest, strict=False)
read_group_made = decoder(GroupMade)
read_group = decoder(Group)
read_group_refused = decoder(GroupRefused)
read_estimate_request = decoder(EstimateRequest, strict=False)
read_estimate_requests = decoder(list[EstimateRequest], strict=False)
read_estimate = decoder(Estimate)
