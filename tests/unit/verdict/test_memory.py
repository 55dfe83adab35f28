"""Limits(memory=…)."""

from __future__ import annotations

from wakeful.policy import Limits
from wakeful.rules.memory import MemoryUse, judge_memory, size

GIB = 2**30
LIMITS = Limits(memory="4GiB")


def test_without_a_limit_nothing_is_measured() -> None:
    judged = judge_memory(Limits(), None, MemoryUse(1, 100 * GIB))
    assert not judged.killing
    assert judged.measure_at is None


def test_two_measures_over_the_limit_end_the_life() -> None:
    first = MemoryUse(10.0, int(4.1 * GIB))
    judged = judge_memory(LIMITS, None, first)
    assert not judged.killing
    assert judged.measure_at == 10.2
    judged = judge_memory(LIMITS, first, MemoryUse(10.2, int(4.1 * GIB)))
    assert judged.killing
    assert judged.exit_kind == "memory"
    assert "4.1 GiB of 4.0 GiB" in judged.words


def test_a_peak_of_a_moment_ends_nothing() -> None:
    peak = MemoryUse(10.0, int(4.1 * GIB))
    assert not judge_memory(LIMITS, peak, MemoryUse(10.2, 3 * GIB)).killing


def test_far_over_the_limit_one_measure_is_enough() -> None:
    assert judge_memory(LIMITS, None, MemoryUse(1, 6 * GIB)).killing


def test_people_are_warned_near_the_limit() -> None:
    judged = judge_memory(LIMITS, None, MemoryUse(1, int(3.8 * GIB)))
    assert judged.warn
    assert not judged.killing


def test_sizes_are_told_as_people_say_them() -> None:
    assert [size(each) for each in (12, 1536, 512 * 2**20, int(3.4 * GIB))] == ["12 B", "1.5 KiB", "512 MiB", "3.4 GiB"]
