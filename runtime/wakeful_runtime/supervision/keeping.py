"""What a supervisor keeps in the store, so that the next one can take over."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from wakeful.errors import NodeError
from wakeful.exits import ExitReason
from wakeful.plan import ChildPlan
from wakeful.rules.childstate import ChildState
from wakeful.rules.events import KnownChild
from wakeful.rules.roster import RUNS
from wakeful_runtime.store.client import StoreRefused
from wakeful_runtime.supervision.child import Body, Child
from wakeful_runtime.supervision.lines import Lines

_OVER = frozenset({"done", "failed"})

MOST_PATHS = 10_000
"""So many paths are known by heart; of more the store is asked."""


class Keeping:
    """Writes are in order and coalesced per child; nobody waits for them but `flush`."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._unsaved: dict[str, tuple[str, Body]] = {}
        self._writer: asyncio.Task[None] | None = None
        self._rows: dict[str, Body] = {}
        self._handed: set[str] = set()
        self._begun: set[str] | None = None

    def save(self, child: Child, state: ChildState) -> None:
        """Keep the child's counters."""
        if not child.kept or child.path in self._handed:
            return
        row = self._row(child, state, child.plan if state.dynamic else None)
        self._write(child.path, "placement_put", {**row, "by": self._lines.incarnation})

    async def hand(self, child: Child, plan: ChildPlan, state: ChildState, to: str) -> None:
        """Make it a child of the supervisor at `to`. Nothing that is saved here meanwhile may undo that."""
        self._handed.add(child.path)
        self._unsaved.pop(child.path, None)
        await self.flush()
        row = self._row(child, state, plan)
        row["owner"] = to
        try:
            await self._lines.store.request("placement_put", **row)
            await self._lines.store.request("placement_sync", path=child.path)
        except NodeError:
            self._handed.discard(child.path)
            raise

    def _row(self, child: Child, state: ChildState, plan: ChildPlan | None) -> dict[str, Any]:
        return {
            "path": child.path,
            "owner": self._lines.path,
            "plan": plan.model_dump(mode="python") if plan is not None else None,
            "state": state.status,
            "data": {
                "state": state.dump(),
                "epoch": self._lines.epoch,
                "mono": self._lines.clock(),
                "wall": time.time(),
            },
        }

    def taken(self, path: str) -> None:
        """It is a child of this supervisor (again)."""
        self._handed.discard(path)

    def forget(self, child: Child) -> None:
        """Keep nothing more of it."""
        if not child.kept or child.path in self._handed:
            return
        self._write(child.path, "placement_delete", {"path": child.path})

    async def keep(self, child: Child) -> None:
        """Done when what was saved of the child would survive the machine."""
        await self.flush()
        await self._lines.store.request("placement_sync", path=child.path)

    async def flush(self) -> None:
        """Done when all that was to be kept is committed."""
        while self._writer is not None and not self._writer.done():
            await asyncio.shield(self._writer)

    def _write(self, path: str, op: str, row: Body) -> None:
        self._unsaved[path] = (op, row)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._write_all())

    async def _write_all(self) -> None:
        while self._unsaved:
            path = next(iter(self._unsaved))
            op, row = self._unsaved.pop(path)
            await self._lines.store.request(op, **row)

    async def ended(self, child: Child, reason: ExitReason) -> tuple[ExitReason, tuple[int, ...] | None]:
        """The reason as the store sees it (a committed outcome stands), and the run's checkpoints."""
        request = self._lines.store.request
        run, told = await asyncio.gather(self._run(path=child.path), request("checkpoints", path=child.path))
        if run is None:  # no incarnation was ever committed: it ran no user code
            return reason, None
        if run.get("outcome") is not None and reason.kind != "returned":
            reason = reason.model_copy(
                update={"kind": "returned", "what": f"its outcome was committed: {run['outcome']}"}
            )
        elif run.get("outcome") is None and reason.kind == "returned" and child.plan.kind in RUNS:
            reason = reason.model_copy(update={"kind": "exited", "what": "it left without committing a result"})
        return reason, tuple([int(row["seq"]) for row in told["rows"] if not row["aside"] and not row["corrupt"]])

    async def end_life(self, child: Child, incarnation: int, reason: ExitReason) -> None:
        """Write down how a life ended."""
        told = reason.model_dump(mode="json")
        try:
            await self._lines.store.request("end_life", path=child.path, incarnation=incarnation, reason=told)
        except StoreRefused as refused:
            if refused.code != "missing":
                raise

    async def pause(self, paused: bool) -> None:
        """Keep that all children are paused, or no longer."""
        await self._lines.store.request("meta_put", key=f"paused {self._lines.path}", value=paused)

    async def paused(self) -> bool:
        """Whether they were."""
        told = await self._lines.store.request("meta_get", key=f"paused {self._lines.path}")
        return bool(told.get("value"))

    async def end_run(self, child: Child, incarnation: int, outcome: str, why: str) -> None:
        """Commit the outcome of a run that ended otherwise than by returning; its last life may never have begun."""
        last = await self.last_incarnation(child.path)
        await self._lines.store.request(
            "finish",
            path=child.path,
            incarnation=min(incarnation, last),
            run_id=child.run_id,
            outcome=outcome,
            why=why,
        )

    async def number_of(self, path: str) -> int:
        """The highest incarnation of a path a child is to be spawned at, 0 if none.

        A path nobody of this supervisor's ever had is new: the store isn't asked. Were another's life once there, the
        store refuses the next one with its number, and it is begun with that.
        """
        if self._begun is None or path in self._begun or len(self._begun) >= MOST_PATHS:
            return await self.last_incarnation(path)
        self._begun.add(path)
        return 0

    async def last_incarnation(self, path: str) -> int:
        """The highest incarnation the store gave to a path, 0 if none."""
        return (await self.last_life(path))[0]

    async def last_life(self, path: str) -> tuple[int, str | None]:
        """The highest incarnation the store gave to a path, 0 if none, and the id of its run."""
        told = await self._lines.store.request("lives", path=path, limit=1)
        return (int(told["rows"][0]["incarnation"]), str(told["rows"][0]["run_id"])) if told["rows"] else (0, None)

    def of_earlier_start(self, child: Child) -> bool:
        """Whether what is known of the child was saved under an earlier `wakeful run`."""
        row = self._rows.get(child.path)
        data: Body = (row or {}).get("data") or {}
        return row is not None and data.get("epoch") != self._lines.epoch

    async def run_open(self, path: str) -> bool:
        """Whether the path's last run has no outcome yet."""
        run = await self._run(path=path)
        return run is not None and run.get("outcome") is None

    async def run(self, run_id: str) -> Body | None:
        """A run by its id; None before its first life has begun."""
        return await self._run(run_id=run_id)

    async def abandoned(self, run: Body) -> bool:
        """Whether nobody keeps a child for this run, though it isn't over.

        Its supervisor died after the run was begun, and before it could keep the child.
        """
        if run.get("outcome") is not None:
            return False
        told = await self._lines.store.request("placements")
        return not any(row["path"] == run["path"] for row in told["rows"])

    async def _run(self, **which: Any) -> Body | None:
        try:
            return await self._lines.store.request("run", **which)
        except StoreRefused as refused:
            if refused.code != "missing":
                raise
            return None

    async def discover(self, children: dict[str, Child], *, spawned: bool) -> None:
        """Read what is kept of the children; those that were spawned are added to `children`.

        Args:
            spawned: this supervisor may have spawned children.
        """
        if not spawned and not any(child.kept for child in children.values()):
            return
        told = await self._lines.store.request("placements", owner=self._lines.path, by=self._lines.incarnation)
        self._rows = {row["path"]: row for row in told["rows"]}
        for path, row in self._rows.items():
            name = path.rsplit("/", 1)[-1]
            if name not in children and row.get("plan"):
                children[name] = Child(ChildPlan.model_validate(row["plan"]), path)
        paths = await self._lines.store.request("paths", owner=self._lines.path)
        self._begun = {row["path"] for row in paths["rows"]}
        for child in children.values():
            if child.path in self._begun or (self._rows.get(child.path) or {}).get("incarnation"):
                await self.read_run(child)

    async def read_run(self, child: Child) -> None:
        """Learn its present run."""
        run = await self._run(path=child.path)
        if run is not None:
            child.run_id, child.run_started_at = run["run_id"], run["started_wall"]

    def known(self, children: dict[str, Child]) -> tuple[KnownChild, ...]:
        """What is known of the children, from the store (`discover`) and from what runs."""
        return tuple([self._known(child, self._rows.get(child.path)) for child in children.values()])

    def known_of(self, child: Child, row: Body) -> KnownChild:
        """The same of one child that another supervisor had."""
        self._rows[child.path] = row
        return self._known(child, row)

    def _known(self, child: Child, row: Body | None) -> KnownChild:
        present = child.present
        state, shift = self._saved(row)
        last = present.life.incarnation if present else 0
        if not child.stored:
            state = None if self.of_earlier_start(child) else _renumbered(state, last)
        return KnownChild(
            name=child.name,
            saved=state,
            plan=child.plan if row and row.get("plan") else None,
            incarnation=max(last, state.incarnation if state else 0),
            running=present is not None,
            ready=present is not None and (present.ready or _was_ready(state, last)),
            shift=shift,
        )

    def _saved(self, row: Body | None) -> tuple[ChildState | None, float]:
        data: dict[str, Any] | None = (row or {}).get("data")
        if not data:
            return None, 0.0
        try:
            state = ChildState.load(data["state"])
        except ValidationError:
            return None, 0.0
        fresh_start = data.get("epoch") != self._lines.epoch
        if fresh_start and state.status in _OVER and not state.dynamic:
            state = replace(state, status="waiting", run_open=False)
        shift = (self._lines.clock() - data["mono"]) - (time.time() - data["wall"]) if fresh_start else 0.0
        return state, shift


def _renumbered(state: ChildState | None, incarnation: int) -> ChildState | None:
    """Init numbers a monitor's lives: where one is known, its number counts, not that of the rule before this one."""
    return replace(state, incarnation=incarnation) if state is not None and incarnation else state


def _was_ready(state: ChildState | None, incarnation: int) -> bool:
    """A hung life can't say so itself to its new supervisor: by the last one's word no start excuses its silence."""
    return state is not None and state.incarnation == incarnation and state.status == "running"
