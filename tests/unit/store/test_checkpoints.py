from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.unit.store.books import PATH, Books, RefusedError

from wakeful_runtime.store.checkpoints import NEWEST, state_hash
from wakeful_runtime.wire import unpack


def seqs(books: Books, run_id: str) -> list[int]:
    return [row["seq"] for row in books.ask("checkpoints", run_id=run_id)["rows"]]


def test_numbers_count_from_one_and_five_are_kept(books: Books) -> None:
    run_id = books.begin()["run_id"]
    assert [books.checkpoint(run_id, n) for n in range(7)] == [1, 2, 3, 4, 5, 6, 7]
    assert seqs(books, run_id) == [7, 6, 5, 4, 3]


def test_the_next_life_resumes_from_the_newest_equal_to_what_was_written(books: Books) -> None:
    run_id = books.begin()["run_id"]
    books.checkpoint(run_id, {"done": ["a", b"\x00", 1.5, None]}, version=3, form="json")
    resumed = books.begin(2)["resumed"]
    assert unpack(resumed["state"]) == {"done": ["a", b"\x00", 1.5, None]}
    assert (resumed["seq"], resumed["version"], resumed["form"], resumed["at"]) == (1, 3, "json", books.now)


def test_what_was_resumed_from_is_kept_as_the_known_good_one(books: Books) -> None:
    run_id = books.begin()["run_id"]
    books.checkpoint(run_id, 1)
    books.begin(2)
    for n in range(2, 20):
        books.checkpoint(run_id, n, incarnation=2)
    rows = books.ask("checkpoints", run_id=run_id)["rows"]
    assert [(row["seq"], row["good"]) for row in rows] == [
        (19, False),
        (18, False),
        (17, False),
        (16, False),
        (15, False),
        (1, True),
    ]


def test_a_resume_without_a_further_checkpoint_proves_nothing(books: Books) -> None:
    run_id = books.begin()["run_id"]
    books.checkpoint(run_id, 1)
    books.begin(2)
    assert not any(row["good"] for row in books.ask("checkpoints", run_id=run_id)["rows"])


def test_a_repeated_request_is_one_checkpoint_over_a_store_restart_too(kept: Books) -> None:
    run_id = kept.begin()["run_id"]
    assert kept.checkpoint(run_id, "a", request="same") == 1
    assert kept.checkpoint(run_id, "a", request="same") == 1
    kept.restart()
    assert kept.checkpoint(run_id, "a", request="same") == 1
    assert seqs(kept, run_id) == [1]


def test_an_older_life_is_fenced_and_the_journal_says_so(books: Books) -> None:
    run_id = books.begin(1)["run_id"]
    books.begin(2)
    with pytest.raises(RefusedError) as refused:
        books.checkpoint(run_id, "zombie", incarnation=1)
    assert (refused.value.code, refused.value.facts) == ("fenced", {"last": 2})
    assert [(row["path"], row["incarnation"], row["current"]) for row in books.events("fenced")] == [(PATH, 1, 2)]
    assert seqs(books, run_id) == []


def test_a_life_that_never_began_is_fenced(books: Books) -> None:
    run_id = books.begin(1)["run_id"]
    with pytest.raises(RefusedError) as refused:
        books.checkpoint(run_id, 1, incarnation=2)
    assert refused.value.code == "fenced"


def test_a_life_of_a_later_run_may_not_write_into_an_earlier_one(books: Books) -> None:
    earlier = books.begin(1)["run_id"]
    books.begin(2, new_run=True)
    with pytest.raises(RefusedError) as refused:
        books.checkpoint(earlier, 1, incarnation=2)
    assert refused.value.code == "fenced"


def test_a_finished_run_takes_no_checkpoint(books: Books) -> None:
    run_id = books.begin()["run_id"]
    books.ask("finish", path=PATH, incarnation=1, run_id=run_id, outcome="ok")
    with pytest.raises(RefusedError) as refused:
        books.checkpoint(run_id, 1)
    assert refused.value.code == "finished"


def test_a_state_that_is_not_what_was_hashed_is_refused(books: Books) -> None:
    run_id = books.begin()["run_id"]
    with pytest.raises(RefusedError, match="hashed"):
        books.checkpoint(run_id, 1, hash=state_hash(b"other"))


def test_a_state_above_the_limit_is_refused(books: Books) -> None:
    run_id = books.begin()["run_id"]
    state = b"x" * (16 * 1024 * 1024 + 8192)
    with pytest.raises(RefusedError, match="16 MiB"):
        books.checkpoint(run_id, 1, state=state, hash=state_hash(state))


def spoil(books: Books, seq: int) -> None:
    books.db.execute("UPDATE checkpoints SET state = ? WHERE seq = ?", (b"rotten", seq))


def test_a_corrupt_checkpoint_is_passed_over_and_told(books: Books) -> None:
    run_id = books.begin()["run_id"]
    for n in (1, 2, 3):
        books.checkpoint(run_id, n)
    spoil(books, 3)
    begun = books.begin(2)
    assert (begun["resumed"]["seq"], begun["skipped"]) == (2, [3])
    assert books.end(2)["checkpoints"] == [2, 1]


def test_with_all_checkpoints_corrupt_a_run_begins_from_nothing(books: Books) -> None:
    run_id = books.begin()["run_id"]
    for n in (1, 2):
        books.checkpoint(run_id, n)
        spoil(books, n)
    begun = books.begin(2)
    assert (begun["resumed"], begun["skipped"]) == (None, [2, 1])
    assert books.checkpoint(run_id, 3, incarnation=2) == 3


def test_resuming_from_an_earlier_one_sets_the_newer_aside_for_good(books: Books) -> None:
    run_id = books.begin()["run_id"]
    for n in (1, 2, 3):
        books.checkpoint(run_id, n)
    assert books.begin(2, from_seq=2)["resumed"]["seq"] == 2
    assert books.begin(3)["resumed"]["seq"] == 2
    assert books.end(3)["checkpoints"] == [2, 1]
    assert seqs(books, run_id) == [3, 2, 1]
    assert books.begin(4, from_seq=3)["resumed"]["seq"] == 3


def test_from_zero_is_from_the_beginning(books: Books) -> None:
    run_id = books.begin()["run_id"]
    books.checkpoint(run_id, 1)
    begun = books.begin(2, from_seq=0)
    assert (begun["resumed"], begun["run_id"]) == (None, run_id)
    assert books.checkpoint(run_id, 2, incarnation=2) == 2


def test_a_checkpoint_that_is_not_kept_is_missing_and_begins_nothing(books: Books) -> None:
    run_id = books.begin()["run_id"]
    books.checkpoint(run_id, 1)
    with pytest.raises(RefusedError) as refused:
        books.begin(2, from_seq=9)
    assert (refused.value.code, refused.value.facts) == ("missing", {"kept": [1]})
    assert books.ask("last_incarnation", path=PATH)["incarnation"] == 1


def test_one_state_can_be_read_also_if_it_was_set_aside(books: Books) -> None:
    run_id = books.begin()["run_id"]
    books.checkpoint(run_id, "a")
    books.begin(2, from_seq=0)
    assert unpack(books.ask("checkpoint_state", run_id=run_id, seq=1)["state"]) == "a"
    with pytest.raises(RefusedError):
        books.ask("checkpoint_state", run_id=run_id, seq=2)


def test_each_checkpoint_is_in_the_journal(books: Books) -> None:
    run_id = books.begin()["run_id"]
    books.checkpoint(run_id, "x")
    row = books.events("checkpoint")[0]
    assert (row["path"], row["name"], row["checkpoint"], row["run_id"]) == (PATH, "at x", 1, run_id)


class Slots(RuleBasedStateMachine):
    """Against a model that keeps everything: what may be resumed from, over crashes, rot and orders to go back."""

    def __init__(self) -> None:
        super().__init__()
        self.books = Books()
        self.incarnation = 1
        self.run_id = self.books.begin()["run_id"]
        self.written: dict[int, Any] = {}
        self.aside: set[int] = set()
        self.rotten: set[int] = set()
        self.good: int | None = None
        self.resumed = 0
        self.spare: list[int] = []
        self.kept: list[int] = []

    @rule(value=st.integers(0, 2**63) | st.text(max_size=5))
    def checkpoint(self, value: Any) -> None:
        seq = self.books.checkpoint(self.run_id, value, incarnation=self.incarnation)
        assert seq == 1 + max(self.written, default=0)
        self.written[seq] = value
        if self.resumed:
            self.good, self.resumed = self.resumed, 0
        if self.good == seq - NEWEST:
            self.spare = [self.good]
        self.kept = [*self.spare, *sorted(self.written)[-NEWEST:]]

    def usable(self) -> list[int]:
        return [seq for seq in self.kept if seq not in self.aside | self.rotten]

    def began(self, begun: dict[str, Any]) -> None:
        usable = self.usable()
        found = begun["resumed"]
        assert (found["seq"] if found else 0) == max(usable, default=0)
        if found:
            assert unpack(found["state"]) == self.written[found["seq"]]
        self.resumed = found["seq"] if found else 0

    @rule()
    def crash(self) -> None:
        self.incarnation += 1
        self.began(self.books.begin(self.incarnation))

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def go_back(self, data: st.DataObject) -> None:
        seq = data.draw(st.sampled_from([0, *self.kept]))
        self.incarnation += 1
        self.aside |= {each for each in self.kept if each > seq}
        self.aside -= {seq}
        self.began(self.books.begin(self.incarnation, from_seq=seq))

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def rot(self, data: st.DataObject) -> None:
        seq = data.draw(st.sampled_from(self.kept))
        self.books.db.execute("UPDATE checkpoints SET state = x'c1c1' WHERE seq = ?", (seq,))
        self.rotten.add(seq)

    @rule()
    def zombie(self) -> None:
        if self.incarnation > 1:
            with pytest.raises(RefusedError):
                self.books.checkpoint(self.run_id, "late", incarnation=self.incarnation - 1)

    @invariant()
    def six_rows_at_most_and_the_right_ones(self) -> None:
        assert seqs(self.books, self.run_id) == sorted(self.kept, reverse=True)
        assert self.books.db.one("SELECT count(*) AS n FROM checkpoints")["n"] <= NEWEST + 1

    def teardown(self) -> None:
        self.books.close()


Slots.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestSlots = Slots.TestCase
