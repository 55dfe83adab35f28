"""Every reader of bytes of anybody, under random and nearly right bytes; the long run is `python -m tests.fuzz`."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz.__main__ import NAMES
from tests.fuzz.desk import TOKEN, PlayedDesk
from tests.fuzz.targets import SEEDS, TARGETS

from wakeful_runtime.init.framing import MAX_FRAME

often = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def changed(seed: bytes, at: int, piece: bytes, cut: int) -> bytes:
    """A valid frame with a piece put in and some cut out."""
    at %= len(seed) + 1
    return seed[:at] + piece + seed[at + cut :]


@often
@pytest.mark.parametrize("name", TARGETS)
@given(st.data())
def test_random_bytes_raise_nothing(name: str, data: st.DataObject) -> None:
    TARGETS[name](data.draw(st.binary(max_size=400)))


@often
@pytest.mark.parametrize("name", TARGETS)
@given(st.data())
def test_frames_that_are_nearly_right_raise_nothing(name: str, data: st.DataObject) -> None:
    seed = data.draw(st.sampled_from(SEEDS[name]))
    at, piece, cut = data.draw(st.tuples(st.integers(0, 400), st.binary(max_size=6), st.integers(0, 6)))
    TARGETS[name](changed(seed, at, piece, cut))


def test_the_long_run_takes_all_targets() -> None:
    assert tuple(TARGETS) == NAMES


@pytest.mark.parametrize("number", ["Infinity", "-Infinity", "NaN", "1e999"])
def test_a_number_that_is_none_ends_no_init(number: str) -> None:
    body = f'{{"do":"hello","id":1,"path":"m","incarnation":{number},"token":"x"}}'.encode()
    with PlayedDesk() as desk:
        desk.heard(len(body).to_bytes(4, "big") + body)


def test_a_question_whose_echo_is_longer_than_a_frame_ends_no_init() -> None:
    name = "é" * (MAX_FRAME // 2 - 100)  # two bytes each; JSON may take six
    for who, question in (
        ("", {"do": "hello", "id": 1, "path": name, "incarnation": 1, "token": TOKEN}),
        ("gateway", {"do": name, "id": 1}),
        ("gateway", {"do": "give", "id": 1, "path": "m", "to": name}),
    ):
        body = json.dumps(question, ensure_ascii=False).encode()
        assert len(body) <= MAX_FRAME
        with PlayedDesk() as desk:
            if who:
                desk.greet(who)
            desk.heard(len(body).to_bytes(4, "big") + body)
