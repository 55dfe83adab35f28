"""What a program says, read: the table of keys, and that nothing it may say does harm."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.rules import news, notify
from wakeful.rules.news import Said
from wakeful.rules.notify import read, read_line

TABLE: dict[bytes, Said | None] = {
    b"READY=1": news.Ready(),
    b"READY=0": None,
    b"RELOADING=1": news.Note("reloading"),
    b"STOPPING=1": news.Note("stopping"),
    b"STATUS=Serving 3 pages": news.Note("Serving 3 pages"),
    b"ERRNO=2": news.Errno(2),
    b"WATCHDOG=1": news.Alive(),
    b"WATCHDOG=trigger": news.Hung(),
    b"WATCHDOG_USEC=20000000": news.AliveWithin(20.0),
    b"EXTEND_TIMEOUT_USEC=1500000": news.Extend(1.5),
    b"EXTEND_TIMEOUT_USEC=0": news.Extend(0.0),
    b"MAINPID=4711": news.MainPid(4711),
    b"BARRIER=1": news.Barrier(),
    b"X_WAKEFUL_PROGRESS=3/10": news.Progress(3, 10, None),
    b"X_WAKEFUL_PROGRESS=3 / 10 pages": news.Progress(3, 10, "pages"),
    b"X_WAKEFUL_PROGRESS=3": news.Progress(3, None, None),
    b"X_WAKEFUL_PROGRESS=3rd page": news.Progress(None, None, "3rd page"),
    b"X_WAKEFUL_PROGRESS=": news.Progress(None, None, None),
    b'X_WAKEFUL_STATE={"n": 1}': news.State('{"n": 1}'),
    b"X_WAKEFUL_STATE=/tmp/state.json": news.State("/tmp/state.json"),
    b"X_WAKEFUL_CHECKPOINT=scraped": news.Checkpoint("scraped"),
    b'X_WAKEFUL_RESULT={"ok": true}': news.Result('{"ok": true}'),
    b"X_WAKEFUL_WAITING=1": news.Waiting(True),
    b"X_WAKEFUL_WAITING=": news.Waiting(False),
    b'X_WAKEFUL_REPLY={"id": "a", "text": "yes"}': news.Reply("a", "yes"),
    b"STATUS=k=v": news.Note("k=v"),
    b"READY=1\r": news.Ready(),
    b"": None,
    b"hello": None,
    b"MONOTONIC_USEC=5": None,
    b"X_SOMEBODY_ELSE=1": None,
}


@pytest.mark.parametrize("line", TABLE)
def test_each_key_means_what_its_manual_says(line: bytes) -> None:
    assert read_line(line) == TABLE[line]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"FDSTORE=1", "no descriptors are kept"),
        (b"WATCHDOG=2", "neither 1 nor trigger"),
        (b"WATCHDOG_USEC=0", "no sense"),
        (b"WATCHDOG_USEC=-5", "no number"),
        (b"WATCHDOG_USEC=99999999999999999999", "no number"),
        (b"EXTEND_TIMEOUT_USEC=soon", "no number"),
        (b"MAINPID=1", "no process id"),
        (b"ERRNO=ENOENT", "no number"),
        (b"STATUS=\xff\xfe", "no UTF-8"),
        (b"X_WAKEFUL_CHECKPOINT=", "has a name"),
        (b"X_WAKEFUL_CHECKPOINT=" + b"x" * 201, "has a name"),
        (b"X_WAKEFUL_STATE=", "write JSON"),
        (b"X_WAKEFUL_STATUS=1", "did you mean X_WAKEFUL_STATE"),
        (b"X_WAKEFUL_CHECKPOINT", "write KEY=VALUE"),
        (b"X_WAKEFUL_REPLY=yes", ""),
        (b'X_WAKEFUL_REPLY={"text": "yes"}', "the id of the text"),
    ],
)
def test_nonsense_is_refused_with_a_reason(line: bytes, why: str) -> None:
    said = read_line(line)
    assert isinstance(said, news.Refused)
    assert why in said.why


def test_a_datagram_has_a_key_a_line_and_its_state_comes_before_the_checkpoint_that_needs_it() -> None:
    said = read(b"BARRIER=1\nX_WAKEFUL_CHECKPOINT=a\nX_WAKEFUL_STATE=[1]\nREADY=1\nSTATUS=x\n")
    assert said == [
        news.State("[1]"),
        news.Checkpoint("a"),
        news.Ready(),
        news.Note("x"),
        news.Barrier(),
    ]


@given(st.binary(max_size=500))
def test_no_bytes_do_more_than_being_refused(data: bytes) -> None:
    for said in read(data):
        assert isinstance(said, Said)


KEYS = st.sampled_from([line.partition(b"=")[0] for line in TABLE] + [b"FDSTORE", b"X_WAKEFUL_"])


@given(KEYS, st.binary(max_size=200).filter(lambda value: b"\n" not in value))
def test_no_value_does_more_than_being_refused(key: bytes, value: bytes) -> None:
    said = read_line(key + b"=" + value)
    assert said is None or isinstance(said, Said)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=20))
def test_every_json_value_comes_through_as_a_state(value: object) -> None:
    said = read_line(b"X_WAKEFUL_STATE=" + json.dumps(value).encode())
    assert isinstance(said, news.State)
    assert json.loads(notify.json_text(said.text)) == value


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "{", "'a'", "[" * 100_000])
def test_what_is_no_json_is_told_apart(text: str) -> None:
    with pytest.raises(ValueError):
        notify.json_text(text)


@given(st.integers(0, 10**15 - 1), st.integers(0, 10**15 - 1))
def test_progress_comes_back_as_it_was_said(done: int, total: int) -> None:
    assert read_line(f"X_WAKEFUL_PROGRESS={done}/{total}".encode()) == news.Progress(done, total, None)
