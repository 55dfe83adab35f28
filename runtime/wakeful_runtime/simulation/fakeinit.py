"""The fake init of a simulated node: it forks, stops, kills and reports fake processes."""

from __future__ import annotations

from typing import Protocol

from wakeful.exits import ExitReason
from wakeful.plan import ChildPlan
from wakeful.rules.commands import Launch
from wakeful.rules.events import Ended, Event, Progressed, Ready
from wakeful_runtime.simulation.fakeclock import FakeClock
from wakeful_runtime.simulation.simulated import FakeJournal, FakeLife, FakeStore, Script, TwoLives


class Owner(Protocol):
    """Whoever runs the supervisors."""

    def deliver(self, life: FakeLife, event: Event) -> None:
        """Tell the life's supervisor, if it is there."""
        ...

    def begin(self, life: FakeLife) -> None:
        """A supervisor's process is ready: let it supervise."""
        ...

    def silence(self, life: FakeLife) -> None:
        """A supervisor's process no longer acts."""
        ...

    def ask_to_stop(self, life: FakeLife, reason: ExitReason) -> bool:
        """A supervisor stops by stopping its children; whether this is one."""
        ...


class FakeInit:
    """The table of lives.

    Attributes:
        lives: by path; one that ended stays until its report is taken.
    """

    def __init__(self, clock: FakeClock, store: FakeStore, journal: FakeJournal, owner: Owner, script: Script) -> None:
        self.lives: dict[str, FakeLife] = {}
        self._clock = clock
        self._store = store
        self._journal = journal
        self._owner = owner
        self._script = script

    def owned(self, owner: str) -> dict[str, FakeLife]:
        """A supervisor's lives by child's name."""
        return {life.name: life for life in self.lives.values() if life.owner == owner}

    def fork(self, owner: str, path: str, plan: ChildPlan, command: Launch) -> int:
        """Begin a life; the checkpoint it resumes from.

        Raises:
            TwoLives: there is one of this path.
            ValueError: the incarnation isn't above the last.
        """
        number = command.incarnation
        if path in self.lives:
            raise TwoLives(f"{path}#{number} was launched while #{self.lives[path].incarnation} was there")
        resumed = self._store.begin_life(path, number, new_run=command.new_run, from_seq=command.from_seq)
        life = FakeLife(path, number, owner, plan, resumed, self._store.runs[path])
        life.behaviour = self._script(life)
        self.lives[path] = life
        self._journal.write("forked", path, number, resumed=resumed, run=life.number_of_run)
        self._clock.after(life.behaviour.starts_in, lambda: self._get_ready(life))
        return resumed

    def stop(self, path: str, incarnation: int, reason: ExitReason) -> None:
        """An orderly stop."""
        life = self._living(path, incarnation)
        if life is None or (life.ready and self._owner.ask_to_stop(life, reason)):
            return
        if life.behaviour.stops_in is not None:
            self._clock.after(life.behaviour.stops_in, lambda: self.end(life, reason))

    def kill(self, path: str, incarnation: int) -> None:
        """SIGKILL; the report comes when it is swept."""
        life = self._living(path, incarnation)
        if life is not None and not life.dying:
            life.dying = True
            self._owner.silence(life)
            self._clock.after(life.behaviour.dies_in, lambda: self.end(life, ExitReason(kind="killed", signal=9)))

    def end(self, life: FakeLife, reason: ExitReason) -> None:
        """This very life ends, if it hasn't."""
        if life.exit is not None or self.lives.get(life.path) is not life:
            return
        life.exit = reason
        self._owner.silence(life)
        if reason.kind == "returned":
            self._store.outcome(life.path, "ok")
        self._journal.write("gone", life.path, life.incarnation, kind=reason.kind)
        self.report(life)

    def clear(self, below: str, reason: ExitReason) -> None:
        """End everything below a path; nobody is left to be told."""
        for life in [life for life in self.lives.values() if life.path.startswith(f"{below}/")]:
            self.end(life, reason)
            self.lives.pop(life.path, None)

    def empty(self, life: FakeLife) -> None:
        """The rest of an unkillable life is gone."""
        del self.lives[life.path]

    def report(self, life: FakeLife) -> None:
        """Tell the owner how it ended, until somebody took it."""
        if life.exit is not None:
            kept = tuple(self._store.checkpoints.get(life.path, ()))[-6:]
            whole = not life.behaviour.unkillable
            self._owner.deliver(life, Ended(life.name, life.incarnation, life.exit, empty=whole, checkpoints=kept))

    def taken(self, life: FakeLife, event: Ended) -> None:
        """The report reached its owner."""
        if event.empty and self.lives.get(life.path) is life:
            del self.lives[life.path]

    def _living(self, path: str, incarnation: int) -> FakeLife | None:
        life = self.lives.get(path)
        return life if life and life.exit is None and life.incarnation == incarnation else None

    def _get_ready(self, life: FakeLife) -> None:
        behaviour = life.behaviour
        if life.exit is not None or life.dying:
            return
        if behaviour.start_fails is not None:
            self.end(life, behaviour.start_fails)
            return
        life.ready = True
        if life.plan.monitor is not None:
            self._owner.begin(life)
        self._owner.deliver(life, Ready(life.name, life.incarnation))
        if behaviour.lasts is not None and behaviour.hangs_after is None:
            self._clock.after(behaviour.lasts, lambda: self.end(life, behaviour.end))
        if behaviour.checkpoint_every is not None:
            works = behaviour.hangs_after
            self._checkpoint_after(
                life, behaviour.checkpoint_every, None if works is None else self._clock.now() + works
            )

    def _checkpoint_after(self, life: FakeLife, every: float, until: float | None) -> None:
        def commit() -> None:
            if life.exit is None and not life.dying and (until is None or self._clock.now() <= until):
                seq = self._store.checkpoint(life.path)
                self._owner.deliver(life, Progressed(life.name, life.incarnation, seq))
                self._checkpoint_after(life, every, until)

        self._clock.after(every, commit)
