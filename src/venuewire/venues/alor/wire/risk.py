"""Risk figures of a portfolio, and risk rates of instruments (3.6.8, 3.6.9, 5.1, 5.2)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from msgspec import UNSET, Struct, UnsetType

from venuewire.codec import decoder
from venuewire.venues.alor.wire.account import Figure, Text
from venuewire.venues.alor.wire.frames import Format
from venuewire.venues.alor.wire.variant import variant


class Risk(Struct, kw_only=True):
    """`RisksGetAndSubscribe` and `GET .../risk` (3.6.8)."""

    portfolio: str
    exchange: str
    portfolioEvaluation: Figure = UNSET
    portfolioLiquidationValue: Figure = UNSET
    initialMargin: Figure = UNSET
    minimalMargin: Figure = UNSET
    correctedMargin: Figure = UNSET
    riskCoverageRatioOne: Figure = UNSET
    riskCoverageRatioTwo: Figure = UNSET
    riskCategoryId: int | UnsetType | None = UNSET
    clientType: Text = UNSET
    """`LowRisk`, `StandardRisk`, `HighRisk`, `Special`."""
    hasForbiddenPositions: bool | UnsetType | None = UNSET
    hasNegativeQuantity: bool | UnsetType | None = UNSET
    riskStatus: Text = UNSET
    """`Ok`, `Demand`, `ToClose` (6.7)."""
    calculationTime: Text = UNSET


RiskSlim = variant(
    Risk,
    "RiskSlim",
    {
        "portfolio": "p",
        "exchange": "ex",
        "portfolioEvaluation": "pe",
        "portfolioLiquidationValue": "plv",
        "initialMargin": "mgi",
        "minimalMargin": "mgmn",
        "correctedMargin": "mgc",
        "riskCoverageRatioOne": "r1",
        "riskCoverageRatioTwo": "r2",
        "riskCategoryId": "rid",
        "clientType": "ct",
        "hasForbiddenPositions": "fpos",
        "hasNegativeQuantity": "nq",
        "riskStatus": "rst",
        "calculationTime": "t",
    },
)


class SpectraRisk(Struct, kw_only=True):
    """`SpectraRisksGetAndSubscribe` and `GET .../fortsrisk` (3.6.9): the derivatives market's figures."""

    balanceMoney: Figure = UNSET
    portfolio: str
    moneyFree: Figure = UNSET
    moneyBlocked: Figure = UNSET
    fee: Figure = UNSET
    moneyOld: Figure = UNSET
    moneyAmount: Figure = UNSET
    moneyPledgeAmount: Figure = UNSET
    vmInterCl: Figure = UNSET
    vmCurrentPositions: Figure = UNSET
    varMargin: Figure = UNSET
    indicativeVarMargin: Figure = UNSET
    netOptionValue: Figure = UNSET
    posRisk: Figure = UNSET
    isLimitsSet: bool | UnsetType | None = UNSET


SpectraRiskSlim = variant(
    SpectraRisk,
    "SpectraRiskSlim",
    {
        "portfolio": "p",
        "moneyFree": "f",
        "moneyBlocked": "b",
        "moneyOld": "o",
        "moneyAmount": "a",
        "moneyPledgeAmount": "pa",
        "vmInterCl": "mgc",
        "vmCurrentPositions": "mgp",
        "indicativeVarMargin": "ivm",
        "netOptionValue": "nov",
        "posRisk": "pr",
        "isLimitsSet": "lim",
    },
    without=("balanceMoney", "varMargin"),
)
SpectraRiskHeavy = variant(SpectraRisk, "SpectraRiskHeavy", {}, without=("balanceMoney",))


class RiskRate(Struct, kw_only=True):
    """A row of `GET /md/v2/risk/rates` (5.2)."""

    id: int
    instrument: str
    exchange: str
    riskCategoryId: int
    securityRiskCategoryId: int | UnsetType | None = UNSET
    assetType: Text = UNSET
    underlyingAsset: Text = UNSET
    setName: Text = UNSET
    isin: Text = UNSET
    currencyCode: Text = UNSET
    rateUp: Decimal
    rateDown: Decimal
    rateSymmetric: Decimal
    isShortSellPossible: bool
    isMarginal: bool
    setRate: Figure = UNSET
    sgnR: Figure = UNSET


class RiskRates(Struct, kw_only=True, rename={"rates": "list"}):
    """200 of `GET /md/v2/risk/rates`, as the schema has it (an example shows a bare row, 3.14)."""

    rates: list[RiskRate]
    total: int


RISKS: dict[Format, type[Risk]] = {"Simple": Risk, "Slim": RiskSlim, "Heavy": Risk}
SPECTRA_RISKS: dict[Format, type[SpectraRisk]] = {
    "Simple": SpectraRisk,
    "Slim": SpectraRiskSlim,
    "Heavy": SpectraRiskHeavy,
}
read_risk: dict[str, Callable[[bytes], Risk]] = {form: decoder(record) for form, record in RISKS.items()}
read_spectra_risk: dict[str, Callable[[bytes], SpectraRisk]] = {
    form: decoder(record) for form, record in SPECTRA_RISKS.items()
}
read_risk_rate = decoder(RiskRate)
read_risk_rates = decoder(RiskRates)
