"""What a session asks of its supervisor: children of its own, and their results."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

from wakeful.errors import NodeError
from wakeful.plan import ChildPlan, Code
from wakeful.policy import Heartbeat
from wakeful_runtime.store.client import StoreRefused
from wakeful_runtime.supervision.child import Body, Child, Present

if TYPE_CHECKING:
    from wakeful_runtime.supervision.supervisor import Supervisor

RESULT_LOOK_S = 10.0
"""A result that was committed by another way than through this supervisor is seen this late at the most."""

SHUTDOWN_S = 30.0

NAME_CHARS = 64

MAX_DEPTH = 5
"""So many spawns may lie below each other: a session that spawns itself must come to an end."""


class Requests:
    """Answers the `request` messages of a supervisor's children. A repeated one gets the same answer."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._bell = asyncio.Event()

    def ring(self) -> None:
        """A child's life or run has ended: whoever waits for a result looks again."""
        self._bell.set()
        self._bell = asyncio.Event()

    async def answer(self, child: Child, present: Present, body: Body) -> None:
        """Carry out one request and send the reply."""
        try:
            value = await self._carry_out(child, str(body.get("verb")), body.get("args") or {})
        except NodeError as error:
            reply: Body = {"ok": False, "error": "refused", "why": str(error)}
        except (KeyError, TypeError, ValueError) as error:
            reply = {"ok": False, "error": "bad", "why": repr(error)}
        else:
            reply = {"ok": True, "value": value}
        if not present.exited:
            self._supervisor.lane.send(child, present, "reply", {"nonce": body.get("nonce"), **reply})

    async def _carry_out(self, child: Child, verb: str, args: Body) -> Any:
        match verb:
            case "spawn":
                return await self._spawn(child, args)
            case "child_result":
                return await self._result(str(args["path"]), args.get("timeout"))
            case _:
                raise NodeError(f"a supervisor doesn't answer {verb!r}")

    async def _spawn(self, parent: Child, args: Body) -> str:
        """The n-th spawn of a run is the same child in every life of it."""
        plan = _plan(parent, args)
        path = self._supervisor.path_of(plan.name)
        run = await self._run(path)
        begun_with: Body = (run or {}).get("run") or {}
        mine = run is not None and begun_with.get("parent_run") == args["run_id"]
        if run is not None and mine:
            known = self._supervisor.children.get(plan.name)
            if known is not None or not await self._supervisor.keeping.abandoned(run):
                return path
        await self._supervisor.arrivals.add(plan, exempt=True, goes_on=mine)
        return path

    async def _run(self, path: str) -> Body | None:
        try:
            return await self._supervisor.lines.store.request("run", path=path)
        except StoreRefused as refused:
            if refused.code == "missing":
                return None
            raise

    async def _result(self, path: str, timeout: float | None) -> Body:
        try:
            async with asyncio.timeout(timeout):
                while True:
                    bell = self._bell
                    run = await self._run(path)
                    if run is not None and run.get("outcome") is not None:
                        return await self._supervisor.lines.store.request("result", run_id=run["run_id"])
                    await _rung(bell)
        except TimeoutError:
            raise NodeError(f"{path} has no result within {timeout:g} s") from None


async def _rung(bell: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(RESULT_LOOK_S):
            await bell.wait()
    except TimeoutError:
        return


def _name(parent: str, number: int) -> str:
    """`PARENT.N`, and still another one for each number where that is too long."""
    name = f"{parent}.{number}"
    if len(name) <= NAME_CHARS:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: NAME_CHARS - 13]}.{digest}"


def _plan(parent: Child, args: Body) -> ChildPlan:
    depth = parent.plan.depth + 1
    if depth > MAX_DEPTH:
        raise NodeError(f"{parent.path} is {parent.plan.depth} of at most {MAX_DEPTH} spawns deep: it spawns no more")
    module, _, name = str(args["code"]).partition(":")
    known = parent.plan.code
    code = Code(
        module=module,
        name=name,
        file=known.file if known is not None and known.module == module else None,
        search=known.search if known is not None else (),
    )
    return ChildPlan(
        name=_name(parent.name, int(args["number"])),
        kind="session",
        code=code,
        args=args.get("args") or {},
        blocking=bool(args.get("blocking")),
        idempotent=bool(args.get("idempotent")),
        state_version=int(args.get("state_version") or 1),
        restart="transient",
        recovery="resume",
        heartbeat=Heartbeat().for_session(),
        shutdown=SHUTDOWN_S,
        parent_run=str(args["run_id"]),
        depth=depth,
    )
