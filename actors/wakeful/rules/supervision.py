"""A supervisor as a state machine: an event and the time in, commands out. No clock, no process, no file.

The words and the rules are OTP's (`supervisor`, "Supervision Principles"); what Wakeful adds or changes is listed in
design §6: back-off, failures in a row, review, poison checkpoints, adoption.
"""

from __future__ import annotations

from dataclasses import replace

from wakeful.exits import ExitReason
from wakeful.plan import ChildPlan, MonitorPlan
from wakeful.rules import booting, endings, reports, requests, turns
from wakeful.rules.childstate import ChildState
from wakeful.rules.commands import Command, Finished, WakeAt
from wakeful.rules.events import (
    Boot,
    ChildAdded,
    ChildLent,
    ChildRemoved,
    ChildTaken,
    Condemned,
    Emptied,
    Ended,
    Event,
    Launched,
    LaunchFailed,
    Pause,
    Progressed,
    Ready,
    RestartChild,
    ResumeChild,
    StopAll,
    StopChild,
    Tick,
    Unpause,
)
from wakeful.rules.roster import Charge, Roster


class Supervision:
    """The rules of one supervisor.

    Deterministic: the same plan, seed and events give the same commands. An event about a life that isn't the
    child's present one changes nothing and answers with no command.

    Args:
        plan: the supervisor and its children, in start order.
        seed: of the jitter.
        parallel: how many may be starting at once where no order is asked for (twice the cores).
    """

    def __init__(self, plan: MonitorPlan, *, seed: object = 0, parallel: int = 4) -> None:
        self._roster = Roster(plan, seed=seed, parallel=parallel)
        self._booted = False
        self._finished = False
        self._wake: float | None = None

    @property
    def plan(self) -> MonitorPlan:
        return self._roster.plan

    @property
    def finished(self) -> bool:
        """Whether `Finished` has been said; later events are ignored."""
        return self._finished

    @property
    def stopping(self) -> ExitReason | None:
        """Why it stops, from `StopAll`, an escalation or an auto_shutdown on."""
        return self._roster.stopping

    @property
    def paused(self) -> bool:
        """Whether all of it is paused."""
        return self._roster.paused

    def children(self) -> dict[str, ChildState]:
        """A copy of what is known of each child, by name, as people see it: one that is held by a pause is `paused`."""
        return {name: self._shown(charge) for name, charge in self._roster.charges.items()}

    def child(self, name: str) -> ChildState | None:
        """One child, as `children` has it."""
        charge = self._roster.charges.get(name)
        return None if charge is None else self._shown(charge)

    def is_stopping(self, name: str) -> bool:
        """Whether an ordered stop of this child is under way."""
        charge = self._roster.charges.get(name)
        return charge is not None and charge.state.status == "stopping"

    def _shown(self, charge: Charge) -> ChildState:
        state = replace(charge.state)
        if self._roster.suspended(charge) and state.status in ("waiting", "backoff"):
            state.status = "paused"
        return state

    def child_plan(self, name: str) -> ChildPlan | None:
        """What a child is to be."""
        charge = self._roster.charges.get(name)
        return None if charge is None else charge.plan

    def handle(self, event: Event, now: float) -> list[Command]:
        """Take in one event.

        Args:
            event: what happened.
            now: monotonic seconds; never less than before.

        Returns:
            The commands to carry out, in order.

        Raises:
            ValueError: the first event isn't `Boot`, or a later one is.
        """
        if isinstance(event, Boot) == self._booted:
            raise ValueError("the first event, and only the first, must be Boot")
        if self._finished:
            return []
        self._booted = True
        roster = self._roster
        roster.now = now
        end = None
        if self._apply(event):
            end = turns.stop_due(roster)
            self._finished = end is not None
            turns.start_due(roster)
            self._alarm()
        return roster.take() if end is None else [*roster.take(), Finished(end)]

    def _alarm(self) -> None:
        at = None if self._finished else turns.wake_at(self._roster)
        if at != self._wake:
            self._wake = at
            self._roster.say(WakeAt(at))

    def _apply(self, event: Event) -> bool:
        """Change what is known; whether anything may be due now."""
        match event:
            case Boot():
                booting.boot(self._roster, event)
            case Tick():
                self._wake = None  # a timer that was early has to be asked for again
            case StopAll():
                self._stop_all(event.reason)
            case ChildLent():
                booting.lend_child(self._roster, event.child)
            case ChildTaken():
                booting.take_child(self._roster, event.known)
            case Launched() | LaunchFailed() | Ready() | Progressed() | Condemned() | Ended() | Emptied():
                return self._report(event)
            case _:
                self._request(event)
        return True

    def _request(
        self, event: ChildAdded | ChildRemoved | StopChild | RestartChild | ResumeChild | Pause | Unpause
    ) -> None:
        match event:
            case ChildAdded():
                requests.add_child(self._roster, event)
            case ChildRemoved():
                requests.remove_child(self._roster, event)
            case StopChild():
                requests.stop_child(self._roster, event)
            case RestartChild():
                requests.restart_child(self._roster, event)
            case ResumeChild():
                requests.resume_child(self._roster, event)
            case Pause() | Unpause():
                requests.pause(self._roster, event)

    def _report(self, event: Launched | LaunchFailed | Ready | Progressed | Condemned | Ended | Emptied) -> bool:
        charge = self._roster.living(event.child, event.incarnation)
        if charge is None:
            return False
        match event:
            case Launched():
                reports.launched(self._roster, charge, event)
            case LaunchFailed():
                reports.launch_failed(self._roster, charge, event)
            case Ready():
                reports.ready(self._roster, charge)
            case Progressed():
                reports.progressed(self._roster, charge, event)
                return False
            case Condemned():
                reports.condemned(self._roster, charge, event)
            case Ended():
                endings.ended(self._roster, charge, event.reason, empty=event.empty, checkpoints=event.checkpoints)
            case Emptied():
                reports.emptied(self._roster, charge)
        return True

    def _stop_all(self, reason: ExitReason) -> None:
        if self._roster.stopping is None:
            self._roster.stopping = reason
            self._roster.note("stopping", None, kind=reason.kind, what=reason.what)
