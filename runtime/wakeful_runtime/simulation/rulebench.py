"""One supervisor's rules on the bench: events in by hand, commands out to look at. Public, for tests of policies."""

from __future__ import annotations

from typing import TypeVar

from wakeful.exits import ExitReason, Kind
from wakeful.plan import MonitorPlan
from wakeful.rules.childstate import ChildState
from wakeful.rules.commands import Command, Finished, KillLife, Launch, StopLife, WakeAt
from wakeful.rules.events import Boot, Ended, Event, KnownChild, Launched, Ready, Tick
from wakeful.rules.supervision import Supervision

C = TypeVar("C", bound=Command)


class RuleBench:
    """A `Supervision` and what it has commanded.

    Args:
        plan: the supervisor.
        known: what it takes over; default: a first start.
        parallel, seed: see `Supervision`.

    Attributes:
        now: the time; move it with `wait`.
        said: every command so far, in order.
    """

    def __init__(
        self, plan: MonitorPlan, *, known: tuple[KnownChild, ...] = (), parallel: int = 4, seed: int = 0
    ) -> None:
        self.rules = Supervision(plan, seed=seed, parallel=parallel)
        self.now = 1000.0
        self.said: list[Command] = []
        self.alarm: float | None = None
        self.tell(Boot(known))

    def tell(self, event: Event) -> list[Command]:
        """Hand it an event; the commands it answers with."""
        commands = self.rules.handle(event, self.now)
        self.said += commands
        for command in commands:
            if isinstance(command, WakeAt):
                self.alarm = command.at
        return commands

    def state(self, child: str) -> ChildState:
        state = self.rules.child(child)
        assert state is not None, f"no child {child}"
        return state

    def of(self, kind: type[C], child: str | None = None) -> list[C]:
        """All commands of a kind so far, in order."""
        return [
            command
            for command in self.said
            if isinstance(command, kind) and (child is None or getattr(command, "child", None) == child)
        ]

    def launched(self, child: str | None = None) -> list[str]:
        """Names in order of launch."""
        return [command.child for command in self.of(Launch, child)]

    def stopped(self) -> list[str]:
        """Names in order of StopLife."""
        return [command.child for command in self.of(StopLife)]

    def killed(self) -> list[str]:
        """Names in order of KillLife."""
        return [command.child for command in self.of(KillLife)]

    @property
    def finished(self) -> ExitReason | None:
        ends = self.of(Finished)
        return ends[0].reason if ends else None

    def begin(self, child: str, *, resumed: int = 0) -> list[Command]:
        """Its launch succeeded and it is READY."""
        number = self.state(child).incarnation
        return self.tell(Launched(child, number, resumed)) + self.tell(Ready(child, number))

    def up(self) -> RuleBench:
        """Let everything that is starting become READY, until nothing is."""
        while starting := [name for name, state in self.rules.children().items() if state.status == "starting"]:
            for name in starting:
                self.begin(name)
        return self

    def end(
        self,
        child: str,
        kind: Kind = "error",
        *,
        empty: bool = True,
        checkpoints: tuple[int, ...] | None = None,
        delay: float | None = None,
        what: str = "",
    ) -> list[Command]:
        """Its present life is reported gone."""
        reason = ExitReason(kind=kind, what=what, delay=delay)
        return self.tell(Ended(child, self.state(child).incarnation, reason, empty, checkpoints))

    def down(self) -> RuleBench:
        """Let everything that is stopping end, one after the other, until nothing is."""
        while stopping := [name for name, state in self.rules.children().items() if state.status == "stopping"]:
            self.end(stopping[0], "shutdown")
        return self

    def wait(self, seconds: float) -> list[Command]:
        """Let time pass, ringing the alarm whenever it is due."""
        until, said = self.now + seconds, len(self.said)
        while self.alarm is not None and self.alarm <= until:
            self.now, self.alarm = max(self.now, self.alarm), None
            self.tell(Tick())
        self.now = until
        return self.said[said:]
