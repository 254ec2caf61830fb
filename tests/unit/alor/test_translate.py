"""Words, units and times, there and back; and books as integer rows."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.alor.rig import row

from venuewire.codec import encode
from venuewire.errors import LocalProtocolError, RemoteProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.market import SET_ASK, SET_BID, BookSnapshot
from venuewire.model.orders import CancelOrder, NewOrder, ReplaceOrder
from venuewire.model.terms import ExecType, OrdRejReason, OrdStatus, OrdType, Side, TimeInForce
from venuewire.venues.alor import books, terms, translate
from venuewire.venues.alor.wire import account, frames, market


def share(symbol: str = "MOEX:SBER", lot: int = 10, step: str = "0.01") -> Instrument:
    return Instrument(
        symbol=symbol,
        security_id=symbol.split(":")[1],
        base=symbol.split(":")[1],
        currency="RUB",
        min_price_increment=Decimal(step),
        min_qty_increment=Decimal(lot),
        min_trade_vol=Decimal(lot),
        round_lot=Decimal(lot),
        security_exchange="MOEX",
        market_segment_id="TQBR",
    )


SBER, LKOH = share(), share("MOEX:LKOH", 1, "0.5")
KNOWN = {"MOEX:SBER": SBER, "MOEX:LKOH": LKOH}


# --------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("1970-01-01T00:00:00.0000000Z", 0),
        ("2025-08-12T12:00:04.0100000Z", 1755000004_010000000),
        ("2025-08-12T12:00:04.1234567Z", 1755000004_123456700),
        ("2025-08-12T23:59:59.9990000", 1755043199_999000000),
        ("2025-08-12T12:00:04Z", 1755000004_000000000),
    ],
)
def test_times_are_read_to_the_nanosecond(text: str, nanos: int) -> None:
    assert terms.nanos_of(text) == nanos


@given(st.integers(0, 4_102_444_799_9999999))
def test_times_written_are_read_again(ticks: int) -> None:
    assert terms.nanos_of(terms.iso_of(ticks * 100)) == ticks * 100


@given(st.text(max_size=32))
def test_other_texts_are_no_times(text: str) -> None:
    try:
        terms.nanos_of(text)
    except RemoteProtocolError:
        return
    assert text[:4].isdigit()


@pytest.mark.parametrize("symbol", ["SBER", "MOEX:", ":SBER", "MOEX:SBER:TQBR:X", "", "MOEX:a/b", "MOEX:SB\nER"])
def test_a_symbol_names_its_exchange(symbol: str) -> None:
    with pytest.raises(LocalProtocolError, match="EXCHANGE:TICKER"):
        terms.listing(symbol)


def test_a_symbol_may_name_its_board() -> None:
    assert terms.listing("MOEX:SBER:SMAL") == terms.Listing("MOEX", "SBER", "SMAL")
    assert terms.listing("MOEX:SBRF-12.25") == terms.Listing("MOEX", "SBRF-12.25")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Invalid or unsupported quantity", OrdRejReason.INCORRECT_QUANTITY),
        ("Minimum available value of the quantity is: 100 of lots", OrdRejReason.INCORRECT_QUANTITY),
        ("Minimum price step: 0.5", OrdRejReason.INVALID_PRICE_INCREMENT),
        ("[BAD_PRICE_LIMITS] too far", OrdRejReason.INVALID_PRICE),
        ("Нехватка средств по лимитам клиента.", OrdRejReason.ORDER_EXCEEDS_LIMIT),
        ("Сейчас эта сессия не идет", OrdRejReason.EXCHANGE_CLOSED),
        ("Order to cancel not found", OrdRejReason.UNKNOWN_ORDER),
        ("something new", OrdRejReason.OTHER),
    ],
)
def test_reasons_are_read_from_the_text(text: str, reason: OrdRejReason) -> None:
    assert terms.reason_of(text) is reason


def test_every_reason_the_sandbox_says_is_read_as_itself() -> None:
    for reason in OrdRejReason:
        said = terms.text_of(reason, SBER, "the exchange's own words")
        assert terms.reason_of(said) in {reason, OrdRejReason.OTHER}
        assert (terms.reason_of(said) is OrdRejReason.OTHER) == (said == "the exchange's own words")


# --------------------------------------------------------------------------- orders


def limit(**more: object) -> NewOrder:
    given_ = {"symbol": "MOEX:SBER", "side": Side.BUY, "ord_type": OrdType.LIMIT, "order_qty": 30, "price": "257.70"}
    return NewOrder(**{**given_, "cl_ord_id": "17", "ref": "901", **more})  # type: ignore[arg-type]


def test_a_limit_order_goes_out_in_lots_with_our_id_as_comment() -> None:
    message = translate.create_message(limit(), SBER, "D1", allow_margin=False, check_duplicates=True)
    assert encode(message) == (
        b'{"opcode":"create:limit","guid":"901","side":"buy","quantity":3,"price":257.70,'
        b'"instrument":{"symbol":"SBER","exchange":"MOEX"},"comment":"17","user":{"portfolio":"D1"},'
        b'"checkDuplicates":true}'
    )


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({}, None),
        ({"time_in_force": TimeInForce.DAY}, "oneday"),
        ({"time_in_force": TimeInForce.IMMEDIATE_OR_CANCEL}, "immediateorcancel"),
        ({"time_in_force": TimeInForce.FILL_OR_KILL}, "fillorkill"),
        ({"post_only": True}, "bookorcancel"),
    ],
)
def test_how_long_an_order_lives(more: dict[str, object], word: str | None) -> None:
    message = translate.create_message(limit(**more), SBER, "D1", allow_margin=True, check_duplicates=False)
    assert (message.timeInForce or None) == word
    assert message.allowMargin is True
    assert message.checkDuplicates is False


@pytest.mark.parametrize(
    "more",
    [
        {"order_qty": 25},
        {"order_qty": 5},
        {"order_qty": 0},
        {"order_qty": None, "cash_order_qty": 1000},
        {"price": None},
        {"ord_type": OrdType.STOP, "stop_px": "1"},
        {"ord_type": OrdType.MARKET},
        {"time_in_force": TimeInForce.GOOD_TILL_CANCEL},
        {"time_in_force": TimeInForce.GOOD_TILL_DATE},
        {"post_only": True, "time_in_force": TimeInForce.FILL_OR_KILL},
        {"cancel_on_disconnect": True},
        {"cl_ord_id": "not digits"},
        {"cl_ord_id": "1" * 19},
    ],
)
def test_what_the_venue_has_no_message_for_is_not_sent(more: dict[str, object]) -> None:
    with pytest.raises(LocalProtocolError):
        translate.create_message(limit(**more), SBER, "D1", allow_margin=False, check_duplicates=True)


def test_a_change_or_cancel_without_the_venues_id_is_not_sent() -> None:
    common = {"symbol": "MOEX:SBER", "side": Side.BUY, "ord_type": OrdType.LIMIT, "orig_cl_ord_id": "17"}
    cancel = CancelOrder(order_id="", **common)  # type: ignore[arg-type]
    with pytest.raises(LocalProtocolError, match="own id"):
        translate.delete_message(cancel, "D1", check_duplicates=True)
    for order_id, quantity in (("", 10), ("5", None)):
        replace = ReplaceOrder(order_id=order_id, cl_ord_id="18", order_qty=quantity, price=1, **common)  # type: ignore[arg-type]
        with pytest.raises(LocalProtocolError):
            translate.update_message(replace, SBER, "D1", None, allow_margin=False, check_duplicates=True)


def order(**more: object) -> account.OrderSlim:
    given_ = {
        "id": "52000000017",
        "symbol": "SBER",
        "board": "TQBR",
        "portfolio": "D1",
        "exchange": "MOEX",
        "comment": "17",
        "type": "limit",
        "side": "buy",
        "status": "working",
        "transTime": "2025-08-12T12:00:04.0000000Z",
        "qtyUnits": Decimal(30),
        "filledQtyUnits": Decimal(0),
        "price": Decimal("257.7"),
    }
    return account.OrderSlim(**{**given_, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "filled", "ord_status", "exec_type", "leaves"),
    [
        ("working", 0, OrdStatus.NEW, ExecType.NEW, 30),
        ("working", 10, OrdStatus.PARTIALLY_FILLED, ExecType.ORDER_STATUS, 20),
        ("filled", 30, OrdStatus.FILLED, ExecType.ORDER_STATUS, 0),
        ("canceled", 10, OrdStatus.CANCELED, ExecType.CANCELED, 0),
        ("Canceled", 0, OrdStatus.CANCELED, ExecType.CANCELED, 0),
        ("rejected", 0, OrdStatus.REJECTED, ExecType.REJECTED, 0),
    ],
)
def test_where_an_order_stands(
    status: str, filled: int, ord_status: OrdStatus, exec_type: ExecType, leaves: int
) -> None:
    report = translate.order_report(order(status=status, filledQtyUnits=Decimal(filled)), KNOWN, 5)
    assert (report.ord_status, report.exec_type) == (ord_status, exec_type)
    assert row(report.cum_qty, report.leaves_qty, report.order_qty) == (filled, leaves, 30)
    assert (report.order_id, report.cl_ord_id, report.symbol) == ("52000000017", "17", "MOEX:SBER")
    assert (report.transact_time, report.recv_time) == (1755000004 * 10**9, 5)


def test_the_first_set_is_history() -> None:
    report = translate.order_report(order(existing=True), KNOWN, 5)
    assert report.historical
    assert report.exec_type is ExecType.ORDER_STATUS


def test_someone_elses_comment_is_not_an_id_of_ours() -> None:
    assert translate.order_report(order(comment="my strategy"), KNOWN, 5).cl_ord_id == ""
    assert translate.order_report(order(comment=None), KNOWN, 5).cl_ord_id == ""


@pytest.mark.parametrize("more", [{"status": "resting"}, {"side": "hold"}, {"qtyUnits": Decimal("NaN")}])
def test_an_order_that_cannot_be_is_damage(more: dict[str, object]) -> None:
    with pytest.raises(RemoteProtocolError):
        translate.order_report(order(**more), KNOWN, 5)


def test_a_board_counts_only_where_it_was_asked_for() -> None:
    other = share("MOEX:SBER:SMAL")
    assert translate.known_symbol("MOEX", "SBER", "TQBR", KNOWN) == "MOEX:SBER"
    assert translate.known_symbol("MOEX", "SBER", "SMAL", {**KNOWN, other.symbol: other}) == "MOEX:SBER:SMAL"
    assert translate.known_symbol("MOEX", "YNDX", "TQBR", KNOWN) == "MOEX:YNDX"
    assert translate.known_symbol("UNITED", "SBER", "TQBR", KNOWN, "MOEX:SBER") == "MOEX:SBER"


# --------------------------------------------------------------------------- books


def rows(form: frames.Format, body: bytes, instrument: Instrument = SBER) -> list[tuple[int, int, int]]:
    reader = books.level_reader(form, int(instrument.round_lot))
    return list(reader(body, instrument.price_scale, instrument.qty_scale))


def test_a_book_is_read_as_integers_in_pieces() -> None:
    slim = b'{"b":[{"p":257.70,"v":157},{"p":257.6,"v":3}],"a":[{"p":258,"v":2}],"t":1,"h":false}'
    assert rows("Slim", slim) == [(SET_BID, 25770, 1570), (SET_BID, 25760, 30), (SET_ASK, 25800, 20)]
    simple = b'{"bids":[{"price":6950.5,"volume":4}],"asks":[],"ms_timestamp":1,"existing":true}'
    assert rows("Simple", simple, LKOH) == [(SET_BID, 69505, 4)]


def test_a_price_with_an_exponent_is_a_number_still() -> None:
    assert rows("Slim", b'{"b":[{"p":2.577e2,"v":1},{"p":25E1,"v":1}],"a":[]}') == [
        (SET_BID, 25770, 10),
        (SET_BID, 25000, 10),
    ]


def test_the_reader_is_made_once() -> None:
    assert books.level_reader("Slim", 10) is books.level_reader("Slim", 10)


@pytest.mark.parametrize(
    "level",
    [
        '"p":"257.70","v":1',
        '"p":[1],"v":1',
        '"p":null,"v":1',
        '"p":"1e2","v":1',
        '"p":257.705,"v":1',
        '"p":-1,"v":1',
        '"p":0,"v":1',
        '"p":"NaN","v":1',
        '"p":1e400000000,"v":1',
        '"p":1,"v":-1',
    ],
)
def test_an_impossible_level_is_damage(level: str) -> None:
    with pytest.raises(RemoteProtocolError):
        rows("Slim", f'{{"b":[{{{level}}}],"a":[]}}'.encode())


levels = st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**6)), max_size=12)


@given(bids=levels, asks=levels, form=st.sampled_from(["Slim", "Simple"]))
def test_any_book_written_is_read_again(
    bids: list[tuple[int, int]], asks: list[tuple[int, int]], form: frames.Format
) -> None:
    given_ = [*((SET_BID, p, v * 10) for p, v in bids), *((SET_ASK, p, v * 10) for p, v in asks)]
    snapshot = BookSnapshot(
        symbol="MOEX:SBER", body=b"", read=lambda *_: given_, price_scale=2, size_scale=0, transact_time=7_000_000
    )
    record = books.book_record(form, snapshot, SBER, 0, existing=True)
    event = books.snapshot(form, encode(record), SBER, 9)
    assert list(event.rows()) == given_
    assert (event.transact_time, event.recv_time) == (7_000_000, 9)


def test_an_empty_side_of_a_quote_is_none() -> None:
    record = market.QuoteSlim(symbol="SBER", exchange="MOEX", bid=Decimal(0), bid_vol=Decimal(0), ask=Decimal("257.8"))
    quote = books.quote_event(record, SBER, 1)
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size, quote.last_px) == (
        None,
        None,
        Decimal("257.8"),
        None,
        None,
    )


@pytest.mark.parametrize(("lot", "step"), [("0", "0.01"), ("10", "0"), ("-1", "1"), ("1.5", "1")])
def test_what_has_no_lot_or_step_cannot_be_traded(lot: str, step: str) -> None:
    record = market.SecuritySimple(symbol="IMOEX", exchange="MOEX", lotsize=Decimal(lot), minstep=Decimal(step))
    assert books.instrument_of(record, "MOEX:IMOEX") is None
