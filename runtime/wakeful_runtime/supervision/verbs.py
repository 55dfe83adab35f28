"""What can be asked of a supervisor about its children; what lies deeper is passed on to the monitor below."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from wakeful.errors import NodeError
from wakeful.exits import ExitReason
from wakeful.plan import ChildPlan
from wakeful.rules import events as e
from wakeful_runtime.evidence.evidence import describe
from wakeful_runtime.gateway.spawnrequest import heartbeat_over
from wakeful_runtime.supervision.addrefused import AddRefused
from wakeful_runtime.supervision.child import Body, Child
from wakeful_runtime.supervision.rows import row_of, rows_of

if TYPE_CHECKING:
    from wakeful_runtime.supervision.supervisor import Supervisor

CALL_S = 10.0
DUMP_S = 2.0
ROWS_S = 1.0
COMING = frozenset({"waiting", "starting", "running", "backoff"})
COMING_LOOK_S = 0.01
CHAOS = ("kill", "stop", "error", "loop-block", "gil", "await-forever", "no-progress", "oom", "orphan")


class Verbs:
    """The verbs of one supervisor. Each takes plain arguments and returns plain data, or raises NodeError."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._last_rows: dict[str, list[Body]] = {}

    async def call(self, verb: str, args: Body) -> Any:
        """Carry out `verb`.

        Raises:
            NodeError: no such child, not possible now, or no answer from below in time.
        """
        path = str(args.get("path") or "")
        child = self._supervisor.child(path)
        if verb == "rows":
            return await self.rows(fresh=bool(args.get("fresh")))
        if verb == "all":
            return await self._all(str(args["verb"]))
        if verb == "add" and path == self._supervisor.prefix:
            return await self._add(args)
        if child is None:
            return await self._below(path, verb, args)
        if verb == "add":
            return await self._forward(child, verb, args)
        return await self._here(child, verb, args)

    async def _below(self, path: str, verb: str, args: Body) -> Any:
        for child in self._supervisor.children.values():
            if _leads_to(child, path):
                return await self._forward(child, verb, args)
        raise NodeError(f"there is no {path!r} here")

    async def ask(self, path: str, verb: str, args: Body) -> Any:
        """Have a child that is one of the node's own actors answer a verb of its own.

        Raises:
            NodeError: no such child, it does not come up in time, or it refuses.
        """
        child = self._supervisor.child(path)
        if child is None:
            raise NodeError(f"this node has no {path}")
        return await self._forward(child, verb, args)

    async def _forward(self, child: Child, verb: str, args: Body) -> Any:
        limit = CALL_S + float(args.get("wait") or 0)
        await self._there(child)
        told = await self._supervisor.lane.ask(child, "call", {"verb": verb, "args": args}, limit)
        if told.get("error") == "timeout":
            raise TimeoutError
        return _value(told)

    async def _there(self, child: Child) -> None:
        """A monitor that is being started, or replaced, is waited for."""
        deadline = self._supervisor.lines.clock() + CALL_S
        while child.present is None or child.present.exited:
            state = self._supervisor.state(child)
            coming = state is None or state.status in COMING
            if not coming or self._supervisor.lines.clock() > deadline:
                raise NodeError(f"{child.path} is not running{f': {state.status}' if state else ''}")
            await asyncio.sleep(COMING_LOOK_S)

    async def _here(self, child: Child, verb: str, args: Body) -> Any:
        tell = self._supervisor.tell
        match verb:
            case "row":
                return row_of(self._supervisor, child)
            case "stop":
                tell(e.StopChild(child.name, _by_person("stop", args)))
            case "restart":
                tell(e.RestartChild(child.name))
            case "pause":
                tell(e.Pause(child.name))
            case "unpause":
                tell(e.Unpause(child.name))
            case "resume":
                self._refuse_to_resume(child)
                tell(e.ResumeChild(child.name, args.get("from")))
            case "remove":
                tell(e.ChildRemoved(child.name))
            case "kill":
                return await self._kill(child)
            case "chaos":
                return await self._chaos(child, str(args.get("mode")))
            case "mark":
                return await self._mark(child, args)
            case "dump":
                return await self._dump(child)
            case "lend":
                return await self._lend(child, args)
            case _:
                raise NodeError(f"there is no verb {verb!r}")
        return {"path": child.path, "status": "ok"}

    def _refuse_to_resume(self, child: Child) -> None:
        """What the rule would refuse without a word to who asked.

        Raises:
            NodeError: it runs, or its run is over.
        """
        state = self._supervisor.state(child)
        if state is None:
            return
        if state.unkillable:
            raise NodeError(f"{child.path}: {state.why}")
        if state.over:
            raise NodeError(f"{child.path} is {state.status}: nothing waits; wakeful restart {child.path} begins anew")
        if state.live:
            raise NodeError(f"{child.path} is {state.status}: it does not wait for anybody")

    async def _dump(self, child: Child) -> Body:
        """Where it is now; one whose control thread is silent is described from outside."""
        present = child.present
        if present is None or present.exited:
            raise NodeError(f"{child.path} is not running")
        found: Body = {"path": child.path, "process": await asyncio.to_thread(describe, present.life.pid)}
        try:
            told = await self._supervisor.lane.ask(child, "dump", {}, DUMP_S)
        except NodeError as error:
            return {**found, "tasks": None, "threads": None, "why": str(error)}
        return {**found, "tasks": told.get("tasks"), "threads": told.get("threads")}

    async def _kill(self, child: Child) -> Body:
        """SIGKILL as if from outside: the restart rules apply."""
        present = child.present
        if present is None or present.exited:
            raise NodeError(f"{child.path} is not running")
        present.killed_by = "wakeful kill"
        await self._supervisor.lines.init.end(child.path, present.life.incarnation)
        return {"path": child.path, "pid": present.life.pid, "status": "ok"}

    async def _mark(self, child: Child, args: Body) -> Any:
        """Tell a session of a mark of progress that it has made itself, by a text."""
        told = await self._supervisor.lane.ask(child, "call", {"verb": "mark", "args": {"name": args["name"]}}, CALL_S)
        return _value(told)

    async def _chaos(self, child: Child, mode: str) -> Body:
        if mode not in CHAOS:
            raise NodeError(f"there is no chaos mode {mode!r}; there are {', '.join(CHAOS)}")
        present = child.present
        if present is None or present.exited:
            raise NodeError(f"{child.path} is not running")
        told = {"path": child.path, "pid": present.life.pid, "mode": mode, "at": time.time(), "mono": time.monotonic()}
        self._supervisor.lines.journal("chaos", child.path, present.life.incarnation, {"mode": mode})
        if mode == "kill":
            await self._supervisor.lines.init.signal(child.path, present.life.incarnation, 9)
        elif mode == "stop" and child.plan.command is None:  # a command's host stops its program
            await self._supervisor.lines.init.signal(child.path, present.life.incarnation, 19)
        else:
            self._supervisor.lane.send(child, present, "chaos", {"mode": mode})
        return told

    async def _add(self, args: Body) -> Body:
        """Start a spawned child; `{path, run_id, agent}`, or `{refused, why}`. A plan's `run_id` begins once."""
        plan = ChildPlan.model_validate(args["plan"])
        await self._supervisor.booted.wait()  # a child that is there before would be taken for a known one
        begun: Body | None = None
        if args.get("again"):
            begun = None if self._same_run(plan) else await self._begun(plan)
            same = self._same_run(plan)  # another call may have begun it meanwhile
            if same is not None:
                return same
            mine = begun is not None and begun["path"] == self._supervisor.path_of(plan.name)
            if begun is not None and not (mine and await self._supervisor.keeping.abandoned(begun)):
                return {"path": begun["path"], "run_id": begun["run_id"], "agent": begun["agent"]}
        try:
            waits = bool(args.get("waits", True))
            child = await self._supervisor.arrivals.add(plan, waits=waits, goes_on=begun is not None)
        except AddRefused as refused:
            return self._same_run(plan) or {"refused": refused.code, "why": str(refused)}
        return _added(child)

    async def _lend(self, child: Child, args: Body) -> Body:
        """Hand the session to a monitor of its own."""
        try:
            heartbeat = heartbeat_over(child.plan.heartbeat, args.get("heartbeat"))
            plan = ChildPlan.model_validate(args["plan"])
            return _added(await self._supervisor.lending.lend(child, plan, heartbeat))
        except AddRefused as refused:
            return {"refused": refused.code, "why": str(refused)}

    def _same_run(self, plan: ChildPlan) -> Body | None:
        """The child that has this plan's run, or is to have it."""
        for child in self._supervisor.children.values():
            if plan.run_id is not None and plan.run_id in (child.plan.run_id, child.run_id):
                return _added(child)
        return None

    async def _begun(self, plan: ChildPlan) -> Body | None:
        """What the store knows of this plan's run."""
        return None if plan.run_id is None else await self._supervisor.keeping.run(plan.run_id)

    async def _all(self, verb: str) -> Body:
        if verb not in ("pause", "unpause"):
            raise NodeError(f"{verb} can't be done to all; name one")
        if self._supervisor.prefix:
            await self._supervisor.keeping.pause(verb == "pause")
            self._supervisor.tell(e.Pause(None) if verb == "pause" else e.Unpause(None))
        else:  # the gateway's own monitors go on being restarted: a paused session needs one too
            for child in self._supervisor.children.values():
                if child.plan.kind != "monitor":
                    self._supervisor.tell(e.Pause(child.name) if verb == "pause" else e.Unpause(child.name))
        for child in self._monitors():
            await self._forward(child, "all", {"verb": verb})
        return {"status": "ok"}

    async def rows(self, *, fresh: bool = False) -> list[Body]:
        """Rows of all that is below, monitors that don't answer in time with what was last heard of theirs.

        Args:
            fresh: ask the children first, where the last answer isn't of this moment.
        """
        below = await asyncio.gather(*[self._rows_below(child, fresh) for child in self._monitors()])
        if fresh:
            await self._supervisor.watch.refresh()
        mine = rows_of(self._supervisor)
        at = {child.path: rows for child, rows in zip(self._monitors(), below, strict=True)}
        found: list[Body] = []
        for row in mine:
            found.append(row)
            found.extend(at.get(row["path"], []))
        return found

    def _monitors(self) -> list[Child]:
        return [child for child in self._supervisor.children.values() if child.plan.kind == "monitor"]

    async def _rows_below(self, child: Child, fresh: bool) -> list[Body]:
        try:
            asked: Body = {"verb": "rows", "args": {"fresh": fresh}}
            told = await self._supervisor.lane.ask(child, "call", asked, ROWS_S)
        except NodeError:
            return [{**row, "verdict": row.get("verdict") or "stale"} for row in self._last_rows.get(child.path, [])]
        rows: list[Body] = list(told.get("value") or [])
        self._last_rows[child.path] = rows
        return rows


def _leads_to(child: Child, path: str) -> bool:
    """Whether `path` is below this monitor, or taken over by it."""
    if child.plan.kind != "monitor":
        return False
    return path.startswith(f"{child.path}/") or (child.plan.monitor is not None and child.plan.monitor.watch == path)


def _added(child: Child) -> Body:
    return {"path": child.path, "run_id": child.run_id or child.plan.run_id, "agent": child.plan.agent}


def _value(told: Body) -> Any:
    if not told.get("ok"):
        raise NodeError(str(told.get("why") or told.get("error")))
    return told.get("value")


def _by_person(kind: str, args: Body) -> ExitReason:
    return ExitReason.model_validate({"kind": kind, "what": str(args.get("why") or "by a person"), "at": time.time()})
