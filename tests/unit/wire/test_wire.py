"""Bytes from outside: equal after a round trip, and nothing but CodecError for what isn't ours."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wakeful.errors import CodecError
from wakeful_runtime.transport import frames
from wakeful_runtime.transport.controlframe import read_control
from wakeful_runtime.wire import VERSION, pack, unpack, unpack_frame

often = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

leaves = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary()
)
plain = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)


@often
@given(plain)
def test_plain_values_come_back_equal(value: Any) -> None:
    assert unpack(pack(value)) == value


@often
@given(st.binary(max_size=300))
def test_random_bytes_give_codec_error_or_a_value_only(data: bytes) -> None:
    for read in (unpack, unpack_frame):
        with contextlib.suppress(CodecError):
            read(data)


@often
@given(st.lists(st.binary(max_size=60), max_size=3))
def test_random_bytes_on_the_control_lane_give_codec_error_only(parts: list[bytes]) -> None:
    with pytest.raises(CodecError):
        read_control(parts)


readers = st.sampled_from(
    (
        frames.read_mail,
        frames.read_hello,
        frames.read_replies,
        lambda frame: frames.read_numbers(frame, 3),
        lambda frame: frames.read_numbers(frame, 4),
        frames.read_ask,
    )
)


@often
@given(st.lists(plain | st.integers(0, 9) | st.just("x"), max_size=14), readers)
def test_frames_of_wrong_parts_give_codec_error_only(parts: list[Any], read: Any) -> None:
    with contextlib.suppress(CodecError):
        read([VERSION, 1, *parts])


@often
@given(
    st.integers(0, 2**60), st.integers(1, 9), st.lists(st.tuples(st.text(), st.integers(0, 9), st.lists(st.integers())))
)
def test_a_batch_comes_back_as_it_was_sent(base: int, life: int, runs: list[tuple[str, int, list[int]]]) -> None:
    between = frames.pair("a/b", 3, "c", life)
    data = frames.mail_head(base, between, None, len(runs))
    for tag, mode, items in runs:
        small = [item % 2**31 for item in items]
        data += frames.run_head(tag, mode, len(items)) + b"".join(pack(item) for item in small)
    frame = frames.read(data)
    assert frame[:8] == [VERSION, frames.MAIL, base, "a/b", 3, "c", life, None]
    read = [(run.tag, run.mode, run.items) for run in frames.read_mail(frame)]
    assert read == [(tag, mode, [item % 2**31 for item in items]) for tag, mode, items in runs]


def test_too_many_bytes_are_refused_unread() -> None:
    with pytest.raises(CodecError, match="at most 10"):
        unpack(b"x" * 11, max_bytes=10)


@pytest.mark.parametrize("depth", [65, 600, 1_000, 100_000])
def test_nesting_beyond_the_limit_is_refused(depth: int) -> None:
    with pytest.raises(CodecError):
        unpack(b"\x91" * depth + b"\x00", max_depth=64)


def test_nesting_up_to_the_limit_is_read() -> None:
    value = unpack(b"\x91" * 64 + b"\x00", max_depth=64)
    assert value


@pytest.mark.parametrize(
    "claimed", [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"]
)
def test_a_claimed_size_takes_no_memory(claimed: bytes) -> None:
    with pytest.raises(CodecError):
        unpack(claimed)


@pytest.mark.parametrize("value", [object(), {1, 2}, 2**64, [lambda: None]], ids=["object", "set", "int", "function"])
def test_what_is_not_plain_cant_be_written(value: object) -> None:
    with pytest.raises(CodecError):
        pack(value)


def test_extensions_are_no_plain_values() -> None:
    with pytest.raises(CodecError):
        unpack(b"\xd4\x05\x00")


@pytest.mark.parametrize("frame", [[2, 1, 0], [1], "x", [1, "x", 2], {}], ids=str)
def test_a_frame_of_another_version_or_form_is_refused(frame: Any) -> None:
    with pytest.raises(CodecError):
        unpack_frame(pack(frame))
