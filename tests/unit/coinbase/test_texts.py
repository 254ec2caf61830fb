"""Numbers, times, book rows and reasons as this venue writes them, and back."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venuewire.codec import scaled
from venuewire.errors import RemoteProtocolError
from venuewire.model.market import Trade
from venuewire.model.terms import NANOS_PER_SECOND, OrdRejReason, Side, from_scaled
from venuewire.venues.coinbase import reasons, texts, translate
from venuewire.venues.coinbase.acceptor.day import Day
from venuewire.venues.coinbase.wire import rest

MOMENTS = st.integers(0, 4_000_000_000 * NANOS_PER_SECOND)


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("1970-01-02T00:00:00.000000001Z", 86_400_000_000_001),
        ("2026-05-04T03:02:01.76027728Z", 1_777_863_721_760_277_280),
        ("0001-01-01T00:00:00Z", 0),
        ("", 0),
    ],
)
def test_times_are_read_to_the_nanosecond(text: str, nanos: int) -> None:
    assert texts.nanos(text) == nanos
    assert texts.nanos(text) == nanos


@pytest.mark.parametrize(
    "text",
    [
        *("yesterday", "2026-05-04", "2026-05-04T03:02:01", "2026-05-04T03:02:01+00:00", "2026-13-04T03:02:01Z"),
        *("2026-05-04T03:02:1Z", "2026-05-04T03:02:01.Z", "2026-05-04T03:02:01.1234567890Z", "2026-05-04T03:02:0٣Z"),
        "2026-05-04T03:02:01.+5Z",
    ],
)
def test_what_is_no_time_is_damage(text: str) -> None:
    assert texts.nanos("2026-05-04T03:02:01.5Z")
    with pytest.raises(RemoteProtocolError):
        texts.nanos(text)


@given(MOMENTS)
def test_a_time_there_and_back_is_the_same(moment: int) -> None:
    assert texts.nanos(texts.rfc3339(moment)) == moment
    assert texts.nanos(texts.micros(moment)) == moment - moment % 1000


def test_trailing_zeros_of_times_are_trimmed() -> None:
    assert texts.rfc3339(1_760_277_280) == "1970-01-01T00:00:01.76027728Z"
    assert texts.rfc3339(NANOS_PER_SECOND) == "1970-01-01T00:00:01Z"
    assert texts.go_clock(2 * NANOS_PER_SECOND, 61 * NANOS_PER_SECOND + 7) == (
        "1970-01-01 00:00:02 +0000 UTC m=+61.000000007"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [("1E-8", "0.00000001"), ("83362.00", "83362"), ("1E+3", "1000"), ("0.700", "0.7"), ("0", "0"), ("0.00", "0")],
)
def test_numbers_are_plain_without_trailing_zeros(value: str, text: str) -> None:
    assert texts.plain(Decimal(value)) == text


@given(st.integers(0, 10**25), st.integers(0, 12))
def test_a_scaled_number_is_written_as_the_number_it_stands_for(value: int, scale: int) -> None:
    text = texts.plain_scaled(value, scale)
    assert Decimal(text) == from_scaled(value, scale)
    assert text == texts.plain(from_scaled(value, scale))


# --------------------------------------------------------------------------- rows of a book


def row(price: str, size: str, side: str = "bid") -> bytes:
    return json.dumps([{"side": side, "event_time": "x", "price_level": price, "new_quantity": size}]).encode()


@given(st.integers(0, 10**12), st.integers(0, 10**16), st.sampled_from(["bid", "offer"]))
def test_a_row_there_and_back_is_the_same(price: int, size: int, side: str) -> None:
    body = row(texts.plain_scaled(price, 2), texts.plain_scaled(size, 8), side)
    assert list(translate.read_levels(body, 2, 8)) == [(0 if side == "bid" else 1, price, size)]


@pytest.mark.parametrize("zero", ["0", "0.00000000", "0.0", "00"])
def test_zero_in_any_spelling_is_zero(zero: str) -> None:
    assert list(translate.read_levels(row("1", zero), 2, 8)) == [(0, 100, 0)]


def test_one_text_means_different_integers_in_different_scales() -> None:
    for scale, price in ((0, 7), (2, 700), (5, 700_000), (2, 700)):
        assert list(translate.read_levels(row("7", "7"), scale, scale)) == [(0, price, price)]


def test_digits_beyond_the_scale_may_only_be_zeros() -> None:
    assert list(translate.read_levels(row("1.500", "1.000000000"), 2, 8)) == [(0, 150, 100_000_000)]
    for body in (row("1.501", "1"), row("1", "0.000000001")):
        with pytest.raises(RemoteProtocolError):
            translate.read_levels(body, 2, 8)


@pytest.mark.parametrize(
    "text", ["", ".", "-1", "+1", "1_0", " 1", "1e3", "NaN", "1.2.3", "٣", "²", "1,5", "9" * 60, "9" * 6000]
)
def test_what_is_no_plain_number_is_damage(text: str) -> None:
    for body in (row(text, "1"), row("1", text)):
        with pytest.raises(RemoteProtocolError):
            translate.read_levels(body, 2, 8)


NUMBERS = st.one_of(
    st.from_regex(r"[0-9]{0,3}(\.[0-9]{0,9})?", fullmatch=True),
    st.sampled_from(["0", "0.00000000", "1.", ".5", "00.10", "007", "1" * 20, "9" * 21, "1." + "0" * 30, "9" * 60]),
    st.text(alphabet="0123456789.eE+-_ \t\x00\u0663\u00b2\uff11,xn", max_size=12),
)


@given(st.lists(st.tuples(st.sampled_from(["bid", "offer"]), NUMBERS, NUMBERS), max_size=5), st.booleans())
def test_rows_are_read_number_by_number_as_any_number_is_read_or_refused_together(
    rows: list[tuple[str, str, str]], escaped: bool
) -> None:
    told = [{"side": side, "event_time": "x", "price_level": price, "new_quantity": size} for side, price, size in rows]
    body = json.dumps(told, ensure_ascii=escaped).encode()
    for price_scale, size_scale in ((2, 8), (0, 0), (8, 20), (3, 21), (20, 40)):
        try:
            expected: list[tuple[int, int, int]] | None = [
                (0 if side == "bid" else 1, scaled(price, price_scale), scaled(size, size_scale))
                for side, price, size in rows
            ]
        except RemoteProtocolError:
            expected = None
        try:
            found: list[tuple[int, int, int]] | None = list(translate.read_levels(body, price_scale, size_scale))
        except RemoteProtocolError:
            found = None
        assert found == expected


def test_prices_are_read_whether_they_have_been_seen_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translate, "PRICES_KEPT", 3)
    for _ in range(3):
        for price in range(10):
            assert list(translate.read_levels(row(str(price), "1"), 2, 0)) == [(0, price * 100, 1)]


@pytest.mark.parametrize("body", [b"", b"{}", b"[{}]", row("1", "1", "ask"), row("1", "1")[:-1], b"[1]"])
def test_rows_that_are_none_are_damage(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        translate.read_levels(body, 2, 8)


@pytest.mark.parametrize(
    ("product", "book"),
    [
        ("BTC-USDC", "BTC-USD"),
        ("BTC-USD", "BTC-USD"),
        ("USDT-USDC", "USDT-USDC"),
        ("EURC-USDC", "EURC-USDC"),
        ("ETH-BTC", "ETH-BTC"),
        ("-USDC", "-USDC"),
        ("", ""),
    ],
)
def test_an_alias_has_the_book_of_its_product_in_dollars(product: str, book: str) -> None:
    assert translate.book_product(product) == book


# --------------------------------------------------------------------------- reasons


@pytest.mark.parametrize(
    "reason",
    [
        OrdRejReason.ORDER_EXCEEDS_LIMIT,
        OrdRejReason.UNKNOWN_SYMBOL,
        OrdRejReason.EXCHANGE_CLOSED,
        OrdRejReason.DUPLICATE_ORDER,
        OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC,
        OrdRejReason.INCORRECT_QUANTITY,
        OrdRejReason.INVALID_PRICE_INCREMENT,
        OrdRejReason.INVALID_PRICE,
        OrdRejReason.NO_LIQUIDITY,
        OrdRejReason.POST_ONLY_WOULD_CROSS,
        OrdRejReason.INVALID_EXPIRE_TIME,
    ],
)
def test_a_reason_there_and_back_is_the_same(reason: OrdRejReason) -> None:
    refusal = reasons.refusal_of(reason)
    told = rest.CreateFailure(
        error=refusal.new, new_order_failure_reason=refusal.new, preview_failure_reason=refusal.preview
    )
    assert reasons.why_refused(told).reason is reason


def test_the_most_telling_reason_is_taken_and_a_new_one_kept_as_it_is() -> None:
    why = reasons.why_refused(
        rest.CreateFailure(
            error="UNKNOWN_FAILURE_REASON", preview_failure_reason="PREVIEW_STOP_PRICE_BELOW_LIMIT_PRICE"
        )
    )
    assert (why.code, why.reason) == ("PREVIEW_STOP_PRICE_BELOW_LIMIT_PRICE", OrdRejReason.INVALID_PRICE)
    why = reasons.why_refused(rest.CreateFailure(new_order_failure_reason="SOMETHING_NEW", message="words"))
    assert (why.code, why.text, why.reason) == ("SOMETHING_NEW", "words", OrdRejReason.OTHER)
    assert reasons.why_refused(rest.CreateFailure()).code == "UNKNOWN_FAILURE_REASON"


def test_an_edits_reason_is_found_wherever_it_stands() -> None:
    failure = rest.EditFailure(
        edit_failure_reason="COMMANDER_REJECTED_EDIT_ORDER", preview_failure_reason="PREVIEW_INSUFFICIENT_FUND"
    )
    for errors in (failure, [failure]):
        why = reasons.why_not_edited(rest.EditAnswer(success=False, errors=errors))
        assert (why.code, why.reason) == ("PREVIEW_INSUFFICIENT_FUND", OrdRejReason.ORDER_EXCEEDS_LIMIT)
    refusal = rest.EditRefusal(edit_order_failure_reason="ORDER_NOT_FOUND", error_details="gone")
    why = reasons.why_not_edited(rest.EditAnswer(success=False, error_response=refusal))
    assert (why.code, why.text, why.reason) == ("ORDER_NOT_FOUND", "gone", OrdRejReason.UNKNOWN_ORDER)


# --------------------------------------------------------------------------- the last day


def test_a_day_forgets_what_is_a_day_old() -> None:
    def trade(hour: int, price: str) -> Trade:
        return Trade(
            symbol="BTC-USD",
            trade_id="1",
            price=Decimal(price),
            size=Decimal("0.5"),
            aggressor_side=Side.BUY,
            transact_time=hour * 3600 * NANOS_PER_SECOND,
        )

    day = Day([trade(0, "90"), trade(1, "100"), trade(1, "99")])
    assert (day.figures().low, day.figures().high, day.figures().volume) == (Decimal(90), Decimal(100), Decimal("1.5"))
    day.add(trade(24, "110"))
    figures = day.figures()
    assert (figures.low, figures.high, figures.volume, figures.price, figures.change) == (
        *(Decimal(99), Decimal(110), Decimal("1.5"), Decimal(110), Decimal(10)),
    )
    assert Day().figures() == translate.DayFigures()
