"""What a life is handed: its plan with the fork, its run with the GO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wakeful.exits import ExitReason
from wakeful.life import Kept, KeptCheckpoint
from wakeful.plan import ChildPlan
from wakeful_runtime.wire import pack, unpack

STATE_BYTES = 16 * 1024 * 1024
"""The largest stored value (api.md: Values)."""

_ROOM = 4096


def read_boot(boot: bytes) -> ChildPlan:
    """The plan a supervisor packed into the fork's opaque bytes.

    Raises:
        CodecError: these aren't such bytes.
        pydantic.ValidationError: the plan is of another version.
    """
    return ChildPlan.model_validate(unpack_value(boot)["plan"])


def write_boot(plan: ChildPlan) -> bytes:
    """The other direction, for supervisors."""
    return pack({"plan": plan.model_dump(mode="json")})


def unpack_value(data: bytes) -> Any:
    """A stored value, or boot bytes."""
    return unpack(data, max_bytes=STATE_BYTES + _ROOM, max_depth=64)


@dataclass(frozen=True, slots=True)
class Go:
    """The run this life continues.

    Attributes:
        run_id: the run's.
        started_at: wall time of the run's first start.
        lives: which life of the run this is, from 1.
        resumed: the checkpoint it resumes from, None: from the beginning.
        previous: how the life before ended.
    """

    run_id: str
    started_at: float
    lives: int
    resumed: KeptCheckpoint | None
    previous: ExitReason | None


def read_go(body: dict[str, Any]) -> Go:
    """The body of the control message `go`."""
    previous = body.get("previous")
    return Go(
        run_id=str(body.get("run_id") or ""),
        started_at=float(body.get("run_started_at") or 0.0),
        lives=int(body.get("lives") or 1),
        resumed=_checkpoint(body.get("resumed")),
        previous=ExitReason.model_validate(previous) if previous else None,
    )


def _checkpoint(row: dict[str, Any] | None) -> KeptCheckpoint | None:
    if not row:
        return None
    return KeptCheckpoint(
        name=str(row["name"]),
        state=Kept(row["form"], unpack_value(row["state"])),
        seq=int(row["seq"]),
        at=float(row["at"]),
        version=int(row.get("version") or 1),
    )
