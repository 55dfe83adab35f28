"""Frames on init's socket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful_runtime.init.framing import MAX_FRAME, Decoder, FrameError, encode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
OBJECTS = st.lists(st.dictionaries(st.text(), JSON, max_size=5), max_size=5)


@given(OBJECTS, st.integers(1, 64))
def test_what_is_encoded_is_decoded_whatever_the_pieces(messages: list[dict[str, object]], size: int) -> None:
    data = b"".join(encode(message) for message in messages)
    decoder = Decoder()
    for start in range(0, len(data), size):
        decoder.feed(data[start : start + size])
    decoded = []
    while (message := decoder.pop()) is not None:
        decoded.append(message)
    assert decoded == messages


@given(st.binary(max_size=512))
def test_random_bytes_give_frame_errors_only(data: bytes) -> None:
    decoder = Decoder()
    try:
        decoder.feed(data)
    except FrameError:
        return
    while (message := decoder.pop()) is not None:
        assert isinstance(message, dict)


def test_frame_longer_than_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(FrameError, match="at most"):
        Decoder().feed((MAX_FRAME + 1).to_bytes(4, "big"))


def test_frame_longer_than_the_limit_is_not_made() -> None:
    with pytest.raises(FrameError, match="at most"):
        encode({"boot": "x" * MAX_FRAME})


@pytest.mark.parametrize("body", [b"nope", b"[]", b"7", b"\xff", b"[" * 100_000, b""])
def test_frame_without_an_object_is_refused(body: bytes) -> None:
    with pytest.raises(FrameError):
        Decoder().feed(len(body).to_bytes(4, "big") + body)
