"""The table of operations: what may be asked of the store, and which answers mean "it is on the disk"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, ValidationError, validate_call

from wakeful_runtime.store import (
    checkpoints,
    deadletters,
    effects,
    incidents,
    jobs,
    journal_rows,
    lives,
    meta,
    notices,
    placements,
    post,
    runs,
    texts,
)
from wakeful_runtime.store.work import Answer, Refusal, Work

Body = Callable[..., Answer]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    Attributes:
        durable: its commit waits for the disk; the others ride along.
        writes: it gets a savepoint, and its answer is remembered by the request's id.
    """

    name: str
    call: Body
    durable: bool = False
    writes: bool = True

    def run(self, work: Work, arguments: dict[str, Any]) -> Answer:
        """Run it with arguments that nobody has checked yet.

        Raises:
            Refusal: also `bad`: not this operation's arguments.
        """
        try:
            return self.call(work, **arguments)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise Refusal("bad", f"{self.name}: {place}: {first['msg']}") from None


_STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True, defer_build=True)
"""Built at the first call: all of them would be a fifth of a node's start, and only the store needs any."""


def _operation(body: Body, *, durable: bool = False, writes: bool = True) -> Operation:
    checked = validate_call(config=_STRICT)(body)
    return Operation(body.__name__, checked, durable, writes)


DURABLE: tuple[Body, ...] = (
    checkpoints.checkpoint,
    runs.finish,
    runs.take_result,
    runs.never_begun,
    runs.clean_run,
    runs.spend,
    effects.effect_begin,
    effects.effect_end,
    effects.settle,
    post.post,
    post.handled,
    texts.text_post,
    texts.to_inbox,
    deadletters.deadletter_retry,
    deadletters.deadletter_drop,
    notices.herald_commit,
    notices.notice_ack,
    jobs.job_put,
    jobs.job_remove,
    jobs.job_fire,
    placements.placement_sync,
)

RIDING_ALONG: tuple[Body, ...] = (
    lives.begin_life,
    lives.end_life,
    journal_rows.journal,
    incidents.incident_open,
    incidents.incident_update,
    placements.placement_put,
    placements.placement_delete,
    placements.placements,
    post.deliveries,
    post.in_hand,
    post.not_handled,
    texts.put_back,
    meta.meta_put,
    jobs.job_run_set,
    jobs.job_run_began,
)

READING: tuple[Body, ...] = (
    lives.paths,
    lives.last_incarnation,
    lives.lives,
    runs.run,
    runs.runs,
    runs.result,
    runs.checkpoints,
    runs.checkpoint_state,
    effects.effects,
    journal_rows.events,
    incidents.incidents,
    incidents.incident,
    deadletters.deadletters,
    texts.text,
    texts.settled,
    meta.meta_get,
    notices.herald_load,
    notices.herald_feed,
    notices.notices,
    notices.routes,
    jobs.jobs,
    jobs.job_runs,
)

OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        *(_operation(body, durable=True) for body in DURABLE),
        *(_operation(body) for body in RIDING_ALONG),
        *(_operation(body, writes=False) for body in READING),
    )
}
"""By name; `status` and `backup` are the server's own."""
