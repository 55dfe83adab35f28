"""Facts as they come over the wire, and how they are folded."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.errors import CodecError
from wakeful.rules.facts import Answer, Facts, Look, Probe, Pulse, ThreadLook, read_pulse

FACTS = Facts("session", 0, 0, ready_at=0)
IDLE = ThreadLook("S")


def test_an_answer_stands_for_all_earlier_probes() -> None:
    facts = FACTS.sent(Probe(1, 1.0)).sent(Probe(2, 2.0)).sent(Probe(3, 3.0))
    facts = facts.answered(Answer(2, 2.0, 3.5, 0.0, Pulse()))
    assert facts.probes == (Probe(3, 3.0),)
    assert facts.sent_at(3) == 3.0
    assert facts.sent_at(1) is None


def test_the_first_probe_and_the_first_look_of_a_suspicion_are_kept() -> None:
    facts = FACTS
    for number in range(100):
        facts = facts.sent(Probe(number, float(number))).looked(Look(float(number), IDLE))
    assert facts.probes[0] == Probe(0, 0.0)
    assert facts.looks[0].at == 0.0
    assert len(facts.probes) <= 16
    assert len(facts.looks) <= 32
    assert facts.looks[-1].at == 99.0


def test_news_without_a_probe_answers_none() -> None:
    facts = FACTS.answered(Answer(0, 0, 0, 0.0, Pulse())).sent(Probe(1, 1.0)).told(Pulse(depth=7))
    assert facts.probe == Probe(1, 1.0)
    assert facts.answer is not None
    assert facts.answer.pulse.depth == 7


def test_the_facts_of_the_pulse_are_read() -> None:
    pulse = read_pulse(
        {
            "ready": True,
            "state": "waiting",
            "waiting_for": "inbox",
            "progress_at": 12.5,
            "progress_stands": True,
            "progress_reported": True,
            "progress": [3, 10, "page"],
            "rate": 0.5,
            "lease": {"id": 4, "what": "fetch", "since": 1.0, "until": 61.0, "blocking": True},
            "blocking_until": 61.0,
            "in_hand_since": None,
            "handled": 5,
            "depth": 2,
            "checkpoint": {"name": "scraped", "seq": 9, "at": 5.0},
            "switches": 17,
        }
    )
    assert (pulse.done, pulse.total, pulse.note) == (3, 10, "page")
    assert pulse.lease is not None
    assert pulse.lease.until == 61.0
    assert pulse.checkpoint is not None
    assert pulse.checkpoint.seq == 9


@pytest.mark.parametrize(
    "body",
    [
        {"progress": [1]},
        {"lease": {"id": 1}},
        {"lease": 3},
        {"progress_at": "soon"},
        {"checkpoint": ["a"]},
        {"handled": {}},
        {"progress_at": float("nan")},
    ],
)
def test_facts_of_the_wrong_type_are_not_believed(body: dict[str, Any]) -> None:
    with pytest.raises(CodecError):
        read_pulse(body)


plain = st.sampled_from(
    [
        None,
        True,
        -1,
        10**400,
        float("nan"),
        float("inf"),
        "soon",
        b"",
        [],
        [1, 2],
        [[], {}, 3],
        {},
        {"id": 1},
        {"at": "x"},
    ]
)
KEYS = (
    "ready",
    "state",
    "progress_at",
    "progress",
    "lease",
    "blocking_until",
    "in_hand_since",
    "handled",
    "checkpoint",
)


@given(st.dictionaries(st.sampled_from(KEYS), plain))
def test_whatever_a_child_says_is_facts_or_a_codec_error(body: dict[str, Any]) -> None:
    with contextlib.suppress(CodecError):
        assert math.isfinite(read_pulse(body).progress_at)
