"""The gateway's door for clients: calls in, answers out, many at a time."""

from __future__ import annotations

import asyncio
from typing import Any

from wakeful.errors import WakefulError
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.gateway.api import Api
from wakeful_runtime.gateway.refusals import code_of
from wakeful_runtime.transport.calls import CallServer, Reply

CALLS_AT_ONCE = 1000


def endpoint(directory: NodeDirectory) -> str:
    """Where the gateway takes calls."""
    return directory.control("api")


class ApiServer:
    """Runs the API on the gateway's loop."""

    def __init__(self, directory: NodeDirectory, api: Api) -> None:
        self._api = api
        self._server = CallServer(endpoint(directory), self._take)
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Take calls."""
        self._server.open()

    def close(self) -> None:
        """Take no more calls."""
        self._server.close()
        for task in list(self._tasks):
            task.cancel()

    def _take(self, verb: str, args: dict[str, Any], reply: Reply) -> None:
        if len(self._tasks) >= CALLS_AT_ONCE:
            reply({"ok": False, "why": f"{CALLS_AT_ONCE} calls are under way; try again", "code": "busy"})
            return
        task = asyncio.get_running_loop().create_task(self._answer(verb, args, reply))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, verb: str, args: dict[str, Any], reply: Reply) -> None:
        try:
            value = await self._api.call(verb, args)
        except (WakefulError, TimeoutError) as error:
            why = str(error) or f"{verb}: no answer in time"
            reply({"ok": False, "why": why, "code": code_of(error)})
        except (KeyError, TypeError, ValueError) as error:
            reply({"ok": False, "why": f"{verb}: these arguments can't be: {error!r}", "code": "bad"})
        else:
            reply({"ok": True, "value": value})
