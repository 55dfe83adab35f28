"""Keys of JSON from outside: those that mean something, those of OpenClaw's that mean nothing here, and mistakes."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from wakeful.errors import NodeError


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys one JSON object may have.

    Attributes:
        of: what the object is, for the error: "cron: job".
        known: those that mean something, in the order people read them.
        foreign: OpenClaw's that mean nothing here: accepted and told of.
        within: put before a key in `ignored`: "payload." for an object inside another.
    """

    of: str
    known: tuple[str, ...]
    foreign: Collection[str] = ()
    within: str = ""

    def ignored(self, given: Mapping[str, object]) -> list[str]:
        """The keys that are accepted and mean nothing, in the order given.

        Raises:
            NodeError: a key that neither Wakeful nor OpenClaw has, with the nearest one that is valid.
        """
        for key in given:
            if key not in self.known and key not in self.foreign:
                raise NodeError(f"{self.of}: there is no key {key!r}; {self._meant(str(key))}")
        return [f"{self.within}{key}" for key in given if key not in self.known]

    def _meant(self, key: str) -> str:
        plain = {_plain(each): each for each in (*sorted(self.foreign), *self.known)}
        close = difflib.get_close_matches(_plain(key), list(plain), n=1)
        return f"did you mean {plain[close[0]]!r}?" if close else f"there are {', '.join(self.known)}"


def _plain(key: str) -> str:
    """`agent_id` is as near to `agentId` as `agentid`."""
    return key.replace("_", "").replace("-", "").lower()


SPAWN_FOREIGN = frozenset(
    {
        "attachAs",
        "attachments",
        "context",
        "cwd",
        "lightContext",
        "mode",
        "model",
        "resumeSessionId",
        "runtime",
        "sandbox",
        "streamTo",
        "taskName",
        "thinking",
        "thread",
    }
)
"""Of OpenClaw's `sessions_spawn`."""

CALL_FOREIGN = frozenset({"gatewayToken", "gatewayUrl", "timeoutMs"})
"""What any of OpenClaw's gateway tools takes."""

CRON_FOREIGN = CALL_FOREIGN | {"contextMessages", "includeDisabled", "mode", "runMode", "text"}
"""Of OpenClaw's `cron`."""

JOB_FOREIGN = frozenset(
    {
        "createdAtMs",
        "deleteAfterRun",
        "delivery",
        "failureAlert",
        "notify",
        "sessionKey",
        "state",
        "updatedAtMs",
        "wakeMode",
    }
)
"""Of a job of OpenClaw's `cron`."""

SCHEDULE_FOREIGN = frozenset({"anchorMs", "staggerMs"})
"""Of its `schedule`."""

PAYLOAD_FOREIGN = frozenset(
    {
        "allowUnsafeExternalContent",
        "bestEffortDeliver",
        "channel",
        "deliver",
        "fallbacks",
        "lightContext",
        "model",
        "thinking",
        "to",
        "toolsAllow",
    }
)
"""Of its `payload`."""
