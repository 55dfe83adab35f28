"""Calls of a process that makes many at once: the web and the MCP server."""

from __future__ import annotations

from typing import Any

from wakeful.errors import NodeError
from wakeful_runtime.clients.asking import asking
from wakeful_runtime.clients.client import CALL_S, NoNode, runs_in
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.transport.callsaside import AsyncCallClient


class CallRefused(NodeError):
    """The node said no.

    Args:
        code: why, in one word (`gateway.refusals`): `missing no_verb busy away bad refused …`.
    """

    def __init__(self, why: str, code: str) -> None:
        super().__init__(why)
        self.code = code


class NoAnswer(NodeError):
    """The gateway said nothing in time: it is away, being replaced, or a child of it is slow."""


class Calling:
    """One line to the gateway of the node in `directory`, for the running loop; it survives gateways."""

    def __init__(self, directory: NodeDirectory) -> None:
        self._directory = directory
        self._calls = AsyncCallClient(directory.control("api"))

    async def call(self, verb: str, args: dict[str, Any], *, timeout: float = CALL_S) -> Any:
        """One verb of the API.

        Args:
            timeout: seconds, besides the `timeoutSeconds` of the arguments.

        Raises:
            CallRefused: the node said no.
            NoAnswer: nothing came in time. Whether it was done is unknown.
            NoNode: none runs there.
            CodecError: the arguments can't travel.
        """
        if not runs_in(self._directory):
            raise self._no_node()
        asked = asking(verb, args, timeout)
        answer = await self._calls.call(verb, asked.args, asked.within, again=asked.again)
        if answer is None:
            if not runs_in(self._directory):
                raise self._no_node()
            raise NoAnswer(f"{verb}: no answer within {asked.within:g} s; `wakeful status` says what is wrong")
        if not answer.get("ok"):
            raise CallRefused(str(answer.get("why")), str(answer.get("code") or "refused"))
        return answer.get("value")

    def _no_node(self) -> NoNode:
        return NoNode(f"no node runs in {self._directory.root}; start one with `wakeful run file.py:tree`")

    def close(self) -> None:
        """Let go of the node; calls under way fail."""
        self._calls.close()
