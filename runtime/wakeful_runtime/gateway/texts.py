"""`sessions_send`: texts that are committed before they are acknowledged, and delivered until they are handled."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from wakeful.errors import NodeError
from wakeful_runtime.gateway.keys import CALL_FOREIGN, Keys
from wakeful_runtime.gateway.settling import Settling
from wakeful_runtime.gateway.targets import Target, Targets
from wakeful_runtime.host.inbox import TEXT, pack_text
from wakeful_runtime.store.client import StoreClient, StoreRefused
from wakeful_runtime.supervision.child import Body

SEND = Keys(
    "sessions_send",
    (
        "sessionKey",
        "label",
        "path",
        "message",
        "timeoutSeconds",
        "deadlineSeconds",
        "idempotencyKey",
        "sender",
    ),
    CALL_FOREIGN | {"agentId"},
)
"""`deadlineSeconds`: not delivered later than that; `idempotencyKey`: the same one is the same text."""

NO_INBOX = "this program takes no texts; write Command(…, inbox=True)"

CHARS = 100_000
STORE_S = 5.0
_MARK = re.compile(r"checkpoint:\s*(\S.{0,199})", re.DOTALL)

Mark = Callable[[str, str], Awaitable[None]]
"""Tells a session, by its path, that it has made a mark of progress."""


class Texts:
    """Puts texts into inboxes, and waits for the replies."""

    def __init__(self, store: StoreClient, targets: Targets, settling: Settling, mark: Mark) -> None:
        self._store = store
        self._targets = targets
        self._settling = settling
        self._mark = mark

    async def send(self, args: Body) -> Body:
        """One text; `{status, reply?, runId?, error?}`."""
        try:
            SEND.ignored(args)
            text = args.get("message")
            if not isinstance(text, str) or len(text) > CHARS:
                raise NodeError(f"message is required: a text of at most {CHARS} characters")
            wait = _seconds(args, "timeoutSeconds") or 0.0
            deadline = _seconds(args, "deadlineSeconds")
            target = await self._targets.find(args)
            if target.row is not None and target.row.get("watches"):  # texts to a watcher count as the session's
                target = await self._targets.find({"path": target.row["watches"]})
            _check(target)
        except NodeError as error:
            return {"status": "error", "error": str(error)}
        sender = str(args.get("sender") or "client")[:200]
        mark = _MARK.fullmatch(text.strip())
        if mark is not None:
            return await self._marked(target, mark[1].strip(), sender)
        if target.row is not None and not target.row.get("inbox"):
            return {"status": "error", "error": f"{target.path}: {NO_INBOX}", "runId": target.run_id}
        number = args.get("idempotencyKey")
        number = f"{target.run_id} {str(number)[:200]}" if number else uuid.uuid4().hex
        about = {"id": number, "path": target.path, "run_id": target.run_id, "sender": sender, "tag": TEXT}
        body = pack_text(text, wants_reply=wait > 0)
        until = None if deadline is None else time.time() + deadline
        try:
            await self._store.request("text_post", timeout=STORE_S, **about, body=body, deadline=until)
        except StoreRefused as refused:
            return {"status": "error", "error": refused.why, "runId": target.run_id}
        if not wait:
            return {"status": "accepted", "runId": target.run_id}
        return {**await self._reply(number, wait), "runId": target.run_id}

    async def _reply(self, number: str, wait: float) -> Body:
        if not await self._settling.wait("texts", number, wait):
            return {"status": "timeout"}
        try:
            told: dict[str, Any] = await self._store.request("text", timeout=STORE_S, id=number)
        except StoreRefused as refused:  # its run has left nothing behind
            return {"status": "error", "error": f"not delivered: {refused.why}"}
        if told["state"] != "handled":
            return {"status": "error", "error": f"not delivered: {told['error']}"}
        return {"status": "ok", "reply": told["reply"]}

    async def _marked(self, target: Target, name: str, sender: str) -> Body:
        """Record a mark of progress. The progress clock moves only if the session itself has sent it."""
        own = sender == target.path
        at = time.time()
        mark = {"name": name, "at": at, "by": sender}
        await self._store.request("meta_put", timeout=STORE_S, key=mark_key(target.run_id), value=mark)
        row = target.row or {}
        entry = {
            "id": uuid.uuid4().hex,
            "at": at,
            "mono": time.monotonic(),
            "boot_id": "",
            "event": "mark",
            "path": target.path,
            "incarnation": int(row.get("incarnation") or 0),
            "fields": {"name": name, "by": sender, "run_id": target.run_id},
        }
        await self._store.request("journal", timeout=STORE_S, entries=[entry])
        if own:
            await self._mark(target.path, name)
        return {"status": "ok", "runId": target.run_id}


def mark_key(run_id: str | None) -> str:
    """Where the store keeps a run's last mark."""
    return f"mark {run_id}"


def _check(target: Target) -> None:
    if target.row is not None and target.row["kind"] not in ("session", "command"):
        raise NodeError(f"{target.path} is no session and has no inbox")
    if target.run_id is None:
        raise NodeError(f"{target.path} has not begun its first run yet; try again")


def _seconds(args: Body, key: str) -> float | None:
    given = args.get(key)
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < 1e9:
        raise NodeError(f"{key}: {given!r} is no number of seconds")
    return float(given)
