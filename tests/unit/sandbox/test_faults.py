"""What a fault may say, and what becomes of frames while it is in force; no connection is needed for that."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venuewire.sandbox.faults import BadFault, Fault, Faults, Kind, faults_from, faults_from_file
from venuewire.sandbox.lane import Cut, Lane, Step
from venuewire.venue import Close

T0 = 1_800_000_000_000_000_000
SECOND = 1_000_000_000

EXAMPLES: list[dict[str, Any]] = [
    {"kind": "drop", "venue": "alor", "channel": "BOOK", "after": 3, "count": 1},
    {"kind": "drop", "direction": "to_venue", "every": 2},
    {"kind": "drop", "path": "/orders", "when": "after", "count": 1},
    {"kind": "delay", "seconds": 0.5, "probability": 0.1, "seed": 7},
    {"kind": "delay", "seconds": 3, "overtake": True},
    {"kind": "delay", "seconds": 3, "path": "/", "when": "after"},
    {"kind": "duplicate", "line": "ws", "connection": 2},
    {"kind": "swap", "channel": "ANSWERS"},
    {"kind": "mute", "connection": "open", "for_s": 60},
    {"kind": "half_open", "after": 5},
    {"kind": "close", "code": 1012},
    {"kind": "cut", "bytes": 7, "after": 1},
    {"kind": "refuse", "status": 403, "body": '["X",0,"Z",3]', "count": 2},
    {"kind": "refuse", "path": "/refresh"},
    {"kind": "flap", "count": 5},
    {"kind": "slow", "bytes_per_s": 100},
    {"kind": "skew", "seconds": -2.5, "for_s": 10},
    {"kind": "expire", "after_s": 30},
    {"kind": "revoke", "channel": "ORDERS"},
    {"kind": "throttle", "seconds": 5},
    {"kind": "throttle", "seconds": 5, "path": "/orders", "status": 429, "body": "slower"},
    {"kind": "maintenance", "seconds": 60},
    {"kind": "skip", "numbers": 3},
    {"kind": "habit", "name": "odd", "on": False},
]

NONSENSE: list[tuple[Any, str]] = [
    ({"kind": "drop", "wing": 1}, "unknown field `wing`"),
    ({"kind": "earthquake"}, "'earthquake'"),
    ({}, "required field `kind`"),
    ({"kind": "drop", "code": 1001}, "a drop fault takes no code; it takes: after,"),
    ({"kind": "skew", "seconds": 1, "line": "ws"}, "a skew fault takes no line"),
    ({"kind": "expire", "for_s": 1}, "a expire fault takes no for_s"),
    ({"kind": "delay"}, "a delay fault needs seconds"),
    ({"kind": "slow"}, "a slow fault needs bytes_per_s"),
    ({"kind": "habit"}, "a habit fault needs name"),
    ({"kind": "drop", "channel": "GOSSIP"}, "no channel 'GOSSIP'; there are: BOOK"),
    ({"kind": "drop", "channel": "BOOK", "direction": "to_venue"}, "only on the way to_client"),
    ({"kind": "drop", "direction": "sideways"}, "direction"),
    ({"kind": "drop", "path": "/a", "line": "ws"}, "aimed at HTTP requests; line is of lines"),
    ({"kind": "drop", "path": "a"}, "must begin with a slash"),
    ({"kind": "drop", "when": "after"}, "when of a drop fault needs a path"),
    ({"kind": "throttle", "seconds": 1, "status": 503}, "status and body of a throttle fault needs a path"),
    ({"kind": "refuse", "body": "no"}, "body needs the status"),
    ({"kind": "refuse", "status": 200}, "status must be between 400 and 599"),
    ({"kind": "close", "code": 17}, "code must be a WebSocket close code"),
    ({"kind": "close", "code": 1005}, "code must be a WebSocket close code"),
    ({"kind": "drop", "after": -1}, "after must be 0 at the least"),
    ({"kind": "drop", "count": 0}, "count must be 1 at the least"),
    ({"kind": "drop", "every": 0}, "every must be 1 at the least"),
    ({"kind": "cut", "bytes": -1}, "bytes must be 0 at the least"),
    ({"kind": "drop", "probability": 0}, "probability must be above 0"),
    ({"kind": "drop", "probability": 1.5}, "probability must be above 0"),
    ({"kind": "drop", "connection": 0}, "connection counts from 1"),
    ({"kind": "drop", "connection": "all"}, "connection"),
    ({"kind": "drop", "after_s": -1}, "after_s must be a number of seconds"),
    ({"kind": "maintenance", "seconds": 1e12}, "seconds must be a number of seconds, ten years at most"),
    ([{"kind": "drop"}, 7], "list of faults"),
    ("drop", "list of faults"),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=json.dumps)
def test_every_kind_is_read(example: dict[str, Any]) -> None:
    (fault,) = faults_from(json.dumps(example).encode())
    assert {name: getattr(fault, name) for name in example} == example


def test_every_kind_has_an_example() -> None:
    assert {example["kind"] for example in EXAMPLES} == set(Kind)


@pytest.mark.parametrize(("text", "sentence"), NONSENSE, ids=lambda it: json.dumps(it)[:60])
def test_nonsense_is_refused_with_a_sentence(text: Any, sentence: str) -> None:
    with pytest.raises(BadFault) as refused:
        faults_from(json.dumps(text).encode())
    assert sentence in str(refused.value)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"null", b"NaN"])
def test_what_is_no_json_is_refused_with_a_sentence(text: bytes) -> None:
    with pytest.raises(BadFault, match="no fault, nor a list of faults"):
        faults_from(text)


def test_the_library_refuses_the_same() -> None:
    with pytest.raises(BadFault, match="a mute fault takes no seconds"):
        Fault(kind=Kind.MUTE, seconds=3)
    assert Fault(kind="mute") == Fault(kind=Kind.MUTE)  # type: ignore[arg-type]
    with pytest.raises(BadFault, match="no fault of kind 'storm'; there are: drop, delay"):
        Fault(kind="storm")  # type: ignore[arg-type]
    with pytest.raises(BadFault, match="seconds must be a number"):
        Fault(kind=Kind.SKEW, seconds=float("nan"))


@pytest.mark.parametrize(
    "text",
    [
        b'[{"kind": "drop"}, {"kind": "flap"}]',
        b'[\n {"kind": "drop"},\n {"kind": "flap"}\n]\n',
        b'{"kind": "drop"}\n\n{"kind": "flap"}\n',
        b'{"kind": "drop"}\r\n[{"kind": "flap"}]',
    ],
)
def test_files_hold_a_list_or_one_on_each_line(text: bytes) -> None:
    assert [fault.kind for fault in faults_from_file(text)] == [Kind.DROP, Kind.FLAP]


def test_a_file_with_one_fault_over_several_lines_and_an_empty_one() -> None:
    assert faults_from_file(b'{\n"kind":\n"drop"}\n') == [Fault(kind=Kind.DROP)]
    assert faults_from_file(b"\n") == []


def test_a_bad_line_of_a_file_is_named() -> None:
    with pytest.raises(BadFault, match="line 3: a drop fault takes no name"):
        faults_from_file(b'{"kind": "drop"}\n\n{"kind": "drop", "name": "x"}\n{')


# ------------------------------------------------------------------------------------------------------- frames


class Street:
    """One direction of connection 1 on line `ws`, and the faults it is subject to."""

    def __init__(self, *faults: Fault, direction: str = "to_client") -> None:
        self.now = T0
        self.faults = Faults()
        for number, fault in enumerate(faults):
            self.faults.add(str(number), fault, self.now).begin(1)
        self.faults.sort()
        self.lane = Lane(self.faults, "ws", 1, direction)

    def passes(self, *frames: bytes, channel: str = "BOOK") -> list[Step]:
        """What comes out at once."""
        return [step for frame in frames for step in self.lane.enter(frame, channel, self.now)]

    def after(self, seconds: float) -> list[Step]:
        """What comes out by then."""
        self.now += round(seconds * SECOND)
        return list(self.lane.release(self.now))


def fault(kind: str, **terms: Any) -> Fault:
    return Fault(kind=Kind(kind), **terms)


ABCDE = (b"a", b"b", b"c", b"d", b"e")


@pytest.mark.parametrize("place", range(5))
def test_exactly_one_frame_is_dropped_wherever_it_is(place: int) -> None:
    street = Street(fault("drop", after=place, count=1))
    assert street.passes(*ABCDE) == [frame for number, frame in enumerate(ABCDE) if number != place]


@pytest.mark.parametrize("place", range(5))
def test_exactly_one_frame_comes_twice(place: int) -> None:
    street = Street(fault("duplicate", after=place, count=1))
    assert street.passes(*ABCDE) == [*ABCDE[: place + 1], *ABCDE[place:]]


@pytest.mark.parametrize("place", range(4))
def test_a_frame_changes_places_with_the_next(place: int) -> None:
    street = Street(fault("swap", after=place, count=1))
    swapped = list(ABCDE)
    swapped[place], swapped[place + 1] = swapped[place + 1], swapped[place]
    assert street.passes(*ABCDE) == swapped


def test_every_pair_changes_places_and_the_last_waits_for_a_partner() -> None:
    street = Street(fault("swap"))
    assert street.passes(*ABCDE) == [b"b", b"a", b"d", b"c"]
    assert not street.lane.is_idle
    assert street.passes(b"f") == [b"f", b"e"]
    assert street.lane.is_idle


def test_a_swap_of_a_channel_waits_for_the_next_of_that_channel() -> None:
    street = Street(fault("swap", channel="BOOK", count=1))
    assert street.passes(b"book 1") == []
    assert street.passes(b"beat", channel="HEARTBEATS") == [b"beat"]
    assert street.passes(b"book 2") == [b"book 2", b"book 1"]


def test_every_nth_and_after() -> None:
    street = Street(fault("drop", every=2, after=1))
    assert street.passes(*ABCDE) == [b"a", b"b", b"d"]


def test_what_it_is_not_aimed_at_is_left_alone() -> None:
    for other in (
        fault("drop", channel="TRADES"),
        fault("drop", channel="ANSWERS"),
        fault("drop", line="cws"),
        fault("drop", connection=2),
        fault("drop", direction="to_venue"),
        fault("drop", path="/"),
        fault("half_open", line="cws"),
        fault("slow", bytes_per_s=1, connection=2),
        fault("refuse"),
    ):
        assert Street(other).passes(*ABCDE) == list(ABCDE), other


def test_only_connections_that_were_open_when_it_began() -> None:
    street = Street(fault("mute", connection="open"))
    later = Lane(street.faults, "ws", 2, "to_client")
    assert street.passes(b"a") == []
    assert later.enter(b"a", "BOOK", T0) == [b"a"]


def test_frames_to_the_venue_have_a_lane_of_their_own() -> None:
    street = Street(fault("duplicate", direction="to_venue"), direction="to_venue")
    assert street.passes(b"order", channel="") == [b"order", b"order"]


def test_a_delayed_frame_holds_up_those_behind_it() -> None:
    street = Street(fault("delay", seconds=2, count=1))
    assert street.passes(b"a", b"b") == []
    assert street.after(1.9) == []
    assert street.after(0.1) == [b"a", b"b"]
    assert street.passes(b"c") == [b"c"]


def test_unless_they_overtake_it() -> None:
    street = Street(fault("delay", seconds=2, count=1, overtake=True))
    assert street.passes(b"a", b"b") == [b"b"]
    assert street.after(2) == [b"a"]


def test_slow_is_as_slow_as_it_says() -> None:
    street = Street(fault("slow", bytes_per_s=10))
    assert street.passes(b"x" * 20, b"y" * 5) == []
    assert street.lane.waiting_bytes == 25
    assert street.after(1.999) == []
    assert street.after(0.001) == [b"x" * 20]
    assert street.after(0.5) == [b"y" * 5]
    assert street.lane.waiting_bytes == 0
    assert street.passes(b"z") == []
    assert street.after(0.1) == [b"z"]


def test_the_venue_ends_a_slow_connection_when_its_last_words_are_out() -> None:
    street = Street(fault("slow", bytes_per_s=1))
    assert street.passes(b"bye") == []
    assert street.lane.end(Close(1000), street.now) == []
    assert street.after(3) == [b"bye", Close(1000)]
    assert street.lane.end(Close(1000), street.now) == [Close(1000)]


def test_a_cut_does_not_wait() -> None:
    street = Street(fault("slow", bytes_per_s=1))
    street.passes(b"bye")
    assert street.lane.end(Close(1006), street.now) == [Close(1006)]


def test_what_ends_a_connection_does_so_in_place_of_a_frame() -> None:
    assert Street(fault("close", after=1, code=1013)).passes(*ABCDE[:2]) == [b"a", Close(1013)]
    assert Street(fault("cut", after=1, bytes=3)).passes(*ABCDE[:2]) == [b"a", Cut(b"b", 3)]


def test_what_ends_a_connection_does_so_once_unless_told_otherwise() -> None:
    assert Street(fault("close", after=0)).passes(b"a", b"b") == [Close(1006), b"b"]
    assert Street(fault("close", after=0, count=2)).passes(b"a", b"b", b"c") == [Close(1006), Close(1006), b"c"]


def test_half_open_swallows_both_ways_once_its_frames_have_passed() -> None:
    street = Street(fault("half_open", after=2))
    inward = Lane(street.faults, "ws", 1, "to_venue")
    assert street.passes(b"a") == [b"a"]
    assert inward.enter(b"order", "", T0) == [b"order"]
    assert street.passes(b"b", b"c") == [b"b"]
    assert inward.enter(b"order", "", T0) == []
    assert street.faults.is_half_open("ws", 1, T0)


def test_what_the_venue_suffers_because_of_a_frame_comes_before_it() -> None:
    expire = fault("expire", after=1)
    assert Street(expire).passes(*ABCDE[:3]) == [b"a", expire, b"b", b"c"]


def test_several_faults_meet_one_frame() -> None:
    street = Street(fault("duplicate"), fault("delay", seconds=1), fault("drop", after=1, count=1))
    assert street.passes(b"a", b"b", b"c") == []
    assert street.after(1) == [b"a", b"a", b"c", b"c"]


def test_a_fault_ends_when_its_time_is_over() -> None:
    street = Street(fault("mute", for_s=10))
    street.now += 10 * SECOND - 1
    assert street.passes(b"a") == []
    street.now += 1
    assert street.passes(b"a") == [b"a"]


def test_one_that_is_used_up_costs_frames_nothing_any_more() -> None:
    street = Street(fault("drop", count=1))
    street.passes(b"a")
    assert street.faults.frames == []
    assert street.faults.rules["0"].describe() == {"phase": "over", "seen": 1, "struck": 1}


def test_those_that_are_over_are_forgotten_in_the_end() -> None:
    street = Street()
    for number in range(500):
        street.faults.add(str(number), fault("drop", count=1), T0).begin(0)
        street.faults.sort()
        street.passes(b"a")
    assert len(street.faults.rules) < 110


@given(
    st.sampled_from(["drop", "duplicate", "swap"]),
    st.floats(0.05, 0.95),
    st.integers(0, 1000),
    st.lists(st.binary(min_size=1, max_size=3), max_size=40),
)
def test_the_same_seed_meets_the_same_frames(kind: str, probability: float, seed: int, frames: list[bytes]) -> None:
    one = Street(fault(kind, probability=probability, seed=seed)).passes(*frames)
    assert Street(fault(kind, probability=probability, seed=seed)).passes(*frames) == one


def test_another_seed_meets_others_and_the_share_is_right() -> None:
    frames = [b"%d" % number for number in range(2000)]
    lost = [{*frames} - {*Street(fault("drop", probability=0.25, seed=seed)).passes(*frames)} for seed in (1, 2)]
    assert lost[0] != lost[1]
    assert all(400 < len(it) < 600 for it in lost)


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=30), st.integers(0, 5), st.integers(1, 4))
def test_nothing_is_lost_by_what_only_changes_order_or_time(frames: list[str], after: int, every: int) -> None:
    sent = [f"{number}{frame}".encode() for number, frame in enumerate(frames)]
    street = Street(
        fault("swap", after=after, every=every, count=2),
        fault("delay", seconds=0.5, every=every, overtake=True),
        fault("slow", bytes_per_s=50),
    )
    got = street.passes(*sent) + street.after(1000)
    missing = {*sent} - {*got}
    assert len(got) == len({*got}) == len(sent) - len(missing)
    assert len(missing) <= 1, "only a last one waits for its partner"
