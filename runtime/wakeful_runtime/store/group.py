"""A group: all requests that were there, in one transaction, answered after its commit."""

from __future__ import annotations

import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Sequence

from wakeful.errors import CodecError
from wakeful_runtime.store.journal_rows import add_entry
from wakeful_runtime.store.ops import OPERATIONS, Operation
from wakeful_runtime.store.protocol import Reply, Request, pack_reply
from wakeful_runtime.store.sqlite import Writer, describe, is_corruption, is_passing, primary_code
from wakeful_runtime.store.work import Answer, Arrivals, Moment, Refusal, Work

REMEMBERED = 8192
"""Answers to writing requests that are kept, so that a repeated request gets the first one."""

REMEMBERED_BYTES = 16 * 1024
"""Larger answers aren't: the operations that give them find them again by themselves."""

log = logging.getLogger("wakeful.store")


class Groups:
    """Runs groups of requests on the one connection that writes.

    Each writing request has a savepoint of its own, so that a failed one takes nothing of the others with it. That
    costs 3 to 4 µs a request, a tenth of SQLite's own share; to run a group without and once more when one fails would
    save them, but each refused request would cost its group twice.

    Args:
        moment: the time, asked once per group.

    Attributes:
        trouble: why the last group could not be committed, None if it was.
        arrivals: of the last `run`, of what is committed.
    """

    def __init__(self, db: Writer, moment: Callable[[], Moment]) -> None:
        self._db = db
        self._moment = moment
        self._answered: OrderedDict[str, bytes] = OrderedDict()
        self.groups = 0
        self.requests = 0
        self.trouble: str | None = None
        self.arrivals = Arrivals()

    def run(self, requests: Sequence[Request]) -> dict[str, bytes]:
        """The packed answers by the requests' ids; what they say is committed when this returns."""
        self.requests += len(requests)
        self.arrivals = Arrivals()
        replies: dict[str, bytes] = {}
        fresh: dict[str, Request] = {}
        for request in requests:
            if (answered := self._answered.get(request.id)) is not None:
                replies[request.id] = answered
            else:
                fresh[request.id] = request
        if fresh:
            replies.update(self._run_fresh(list(fresh.values())))
        return replies

    def _run_fresh(self, requests: list[Request]) -> dict[str, bytes]:
        """On a full disk each request is tried on its own: a large one must not hold up the small ones."""
        try:
            return self._commit(requests)
        except sqlite3.Error as error:
            if len(requests) > 1 and primary_code(error) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                return {key: reply for request in requests for key, reply in self._run_fresh([request]).items()}
            if describe(error) != self.trouble:
                self.trouble = describe(error)
                log.error("the store can't commit, its clients wait: %s", self.trouble)
            reply = Reply("wait", {"code": "away", "why": self.trouble})
            return {request.id: pack_reply(request.id, reply) for request in requests}

    def _commit(self, requests: list[Request]) -> dict[str, bytes]:
        known = [OPERATIONS.get(request.op) for request in requests]
        self._db.begin(durable=any(operation is not None and operation.durable for operation in known))
        try:
            moment, arrivals = self._moment(), Arrivals()
            replies = [
                self._one(Work(self._db, moment, request.id, arrivals), operation, request)
                for request, operation in zip(requests, known, strict=True)
            ]
            self._db.commit()
        finally:
            self._db.rollback()
        self.groups += 1
        self.arrivals.listening |= arrivals.listening
        self.arrivals.come |= arrivals.come
        if self.trouble is not None:
            log.warning("the store commits again")
            self.trouble = None
        packed: dict[str, bytes] = {}
        for request, operation, reply in zip(requests, known, replies, strict=True):
            packed[request.id] = pack_reply(request.id, reply)
            if operation is not None and operation.writes and reply.kind == "ok":
                self._remember(request.id, packed[request.id])
        return packed

    def _remember(self, number: str, reply: bytes) -> None:
        if len(reply) <= REMEMBERED_BYTES:
            self._answered[number] = reply
            if len(self._answered) > REMEMBERED:
                self._answered.popitem(last=False)

    def _one(self, work: Work, operation: Operation | None, request: Request) -> Reply:
        if operation is None:
            return _refused(Refusal("bad", f"the store has no operation {request.op!r}"))
        if operation.writes:
            self._db.execute("SAVEPOINT request")
        answer = self._attempt(work, operation, request)
        if operation.writes:
            if isinstance(answer, Refusal):
                self._db.execute("ROLLBACK TO request")
                if answer.entry is not None:
                    add_entry(work, answer.entry)
            self._db.execute("RELEASE request")
        return _refused(answer) if isinstance(answer, Refusal) else Reply("ok", answer)

    def _attempt(self, work: Work, operation: Operation, request: Request) -> Answer | Refusal:
        """Whatever one request holds, the store goes on."""
        try:
            return operation.run(work, request.arguments)
        except Refusal as refusal:
            return refusal
        except sqlite3.Error as error:
            if is_passing(error):
                raise
            log.exception("%s failed", request.op)
            return Refusal("corrupt" if is_corruption(error) else "bad", f"{request.op}: {describe(error)}")
        except (CodecError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            log.exception("%s failed", request.op)
            return Refusal("bad", f"{request.op}: {type(error).__name__}: {error}")


def _refused(refusal: Refusal) -> Reply:
    body: Answer = {"code": refusal.code, "why": refusal.why}
    return Reply("wait", body) if refusal.retry else Reply("no", {**body, "facts": refusal.facts})
