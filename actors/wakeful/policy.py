"""Policies a child spec carries: heartbeats, limits, budgets. Frozen, checked when built."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from wakeful.duration import seconds
from wakeful.errors import SpecError

Duration = float | str | timedelta
Restart = Literal["permanent", "transient", "temporary"]
Recovery = Literal["resume", "immediate", "alert_first"]
Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]
OnExhausted = Literal["review", "escalate"]
Cleanup = Literal["keep", "delete"]
HeartbeatKind = Literal["browser", "api", "compute"]
Preset = Literal["social_monitoring", "content_generation", "posting", "research"]

_TIMEOUT_BY_KIND: dict[str, float] = {"browser": 60.0, "api": 20.0, "compute": 10.0}
_PRESETS: dict[str, tuple[float, bool]] = {
    "social_monitoring": (300.0, False),
    "content_generation": (600.0, True),
    "posting": (180.0, False),
    "research": (900.0, True),
}
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?i?b?)", re.IGNORECASE)
_SCALE = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_BINARY = {"k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}

SESSION_PROGRESS = 1200.0
"""Default `progress` of a session: 20 min (api.md)."""


class Spec(BaseModel):
    """A frozen spec whose mistakes are `SpecError`s."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    def __init__(self, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "value"
            raise SpecError(f"{type(self).__name__}: {where}: {first['msg']}") from None


class Heartbeat(Spec):
    """How a child is watched; all in seconds.

    Attributes:
        every: between probes.
        timeout: how long an answer, or the loop, may be silent. A hang is found within `every + timeout`.
        progress: how long a session may go without an act of its own; None: not judged.
        progress_given: whether the user chose `progress`; if not, a run that never reported any is alerted, not killed.
        startup: import and `on_start` of every life.
    """

    every: float = 60.0
    timeout: float = 20.0
    progress: float | None = None
    progress_given: bool = False
    startup: float = 60.0

    def __init__(
        self,
        every: Duration = 60.0,
        timeout: Duration = 20.0,
        progress: Duration | Literal["default"] | None = "default",
        startup: Duration = 60.0,
        *,
        progress_given: bool | None = None,
    ) -> None:
        chosen = progress != "default"
        super().__init__(
            every=_positive(every, "Heartbeat(every=…)"),
            timeout=_positive(timeout, "Heartbeat(timeout=…)"),
            progress=None
            if progress is None or progress == "default"
            else _positive(progress, "Heartbeat(progress=…)"),
            progress_given=chosen if progress_given is None else progress_given,
            startup=_positive(startup, "Heartbeat(startup=…)"),
        )

    def for_session(self) -> Heartbeat:
        """The same, with the session's default progress where none was chosen."""
        if self.progress_given or self.progress is not None:
            return self
        return Heartbeat(self.every, self.timeout, SESSION_PROGRESS, self.startup, progress_given=False)

    @classmethod
    def fast(cls, *, kind: HeartbeatKind = "api") -> Heartbeat:
        """Every 2 min; the timeout by kind of work: browser 60, api 20, compute 10 s."""
        return cls(every=120, timeout=_by_kind(kind))

    @classmethod
    def medium(cls, *, kind: HeartbeatKind = "api") -> Heartbeat:
        """Every 5 min; the timeout by kind of work."""
        return cls(every=300, timeout=_by_kind(kind))

    @classmethod
    def long(cls, *, kind: HeartbeatKind = "api") -> Heartbeat:
        """Every 10 min; the timeout by kind of work."""
        return cls(every=600, timeout=_by_kind(kind))

    @classmethod
    def preset(cls, name: Preset) -> Heartbeat:
        """By workload: social_monitoring 5 min, content_generation 10 min, posting 3 min, research 15 min."""
        if name not in _PRESETS:
            raise SpecError(f"Heartbeat.preset: no preset {name!r}; there are {', '.join(_PRESETS)}")
        every, judged = _PRESETS[name]
        return cls(every=every, progress=SESSION_PROGRESS) if judged else cls(every=every)


class Limits(Spec):
    """What a child's whole process tree may use.

    Attributes:
        memory: bytes, or None.
    """

    memory: int | None = None

    def __init__(self, *, memory: int | str | None = None) -> None:
        super().__init__(memory=None if memory is None else _bytes(memory))


class Budget(Spec):
    """What a run may spend in all its lives; a spent budget goes to review. None: not limited."""

    cost: float | None = None
    tokens: int | None = None
    calls: int | None = None

    def __init__(self, *, cost: float | None = None, tokens: int | None = None, calls: int | None = None) -> None:
        super().__init__(cost=cost, tokens=tokens, calls=calls)


def _positive(value: Duration, of: str) -> float:
    result = seconds(value, of=of)
    if result <= 0:
        raise SpecError(f"{of}: must be more than 0")
    return result


def _by_kind(kind: str) -> float:
    if kind not in _TIMEOUT_BY_KIND:
        raise SpecError(f"Heartbeat: no kind {kind!r}; there are {', '.join(_TIMEOUT_BY_KIND)}")
    return _TIMEOUT_BY_KIND[kind]


def _bytes(value: int | str) -> int:
    if isinstance(value, int):
        size = value
    else:
        match = _MEMORY.fullmatch(value.strip())
        if not match:
            raise SpecError(f"Limits(memory=…): {value!r} is not a size; write bytes or '512MiB', '4GiB'")
        unit = match[2].lower().removesuffix("b")
        size = int(float(match[1]) * (_BINARY[unit[0]] if unit.endswith("i") else _SCALE[unit]))
    if size <= 0:
        raise SpecError("Limits(memory=…): must be more than 0")
    return size


MONITOR_HEARTBEAT = Heartbeat(every=2.0, timeout=5.0)
"""Default heartbeat of a monitor: who watches sessions must be found hung sooner than any of them."""
