"""Boots one actor in its own process: the control thread first, user code only after GO."""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

from wakeful.actor import Living
from wakeful.exits import ExitReason
from wakeful.plan import ChildPlan
from wakeful_runtime.host.blocking import BlockingHost
from wakeful_runtime.host.code import load
from wakeful_runtime.host.dumps import threads
from wakeful_runtime.host.go import Go, read_boot, read_go
from wakeful_runtime.host.lastwords import reason_of, status_of
from wakeful_runtime.host.lifeline import Lifeline, open_lifeline
from wakeful_runtime.host.loophost import LoopHost
from wakeful_runtime.host.stage import Stage
from wakeful_runtime.init.birth import Birth

GO_WAIT = 15.0
"""Seconds without GO after which a life ends by itself: its supervisor may have died between fork and GO."""

GEN0 = 50_000
"""Allocations between looks of the collector's youngest generation; queued messages would trigger the default's."""

SWITCH = 0.001
"""Seconds a busy thread keeps the interpreter while the control thread waits for it."""

LEAVE = 5.0
"""Seconds a process may take to leave after its last words: threads of the user's may never end."""

_files: list[TextIO] = []


def main(birth: Birth) -> int:
    """Live one life; the exit status. What ended it has been said on the control lane when this returns."""
    lifeline = open_lifeline(birth)
    lifeline.pulse.orders.dump = lambda: ([], threads())  # a hanging import shows its line too
    prepare(birth)
    reason = live(lifeline)
    lifeline.postbox.close()
    lifeline.log.info("ended", kind=reason.kind, what=reason.what)
    lifeline.pulse.bye(reason)
    status = status_of(reason)
    _leave_soon(status)
    return status


def prepare(birth: Birth) -> None:
    """What every Python process of a node is set to; also for monitors and the store."""
    sys.setswitchinterval(SWITCH)
    file = dump_file(birth).open("w")
    _files.append(file)  # faulthandler writes to its descriptor, whatever becomes of the interpreter
    faulthandler.register(signal.SIGURG, file=file, all_threads=True)


def dump_file(birth: Birth) -> Path:
    """Where SIGURG makes the C-level dump go: `evidence/PATH#INCARNATION.dump`."""
    return birth.directory.evidence / f"{birth.path.replace('/', '~')}#{birth.incarnation}.dump"


def live(lifeline: Lifeline, *, listens: bool = True) -> ExitReason:
    """From GO to the end of the actor; how it ended.

    Args:
        listens: whether anybody can reach its mailbox.
    """
    birth = lifeline.birth
    try:
        plan = read_boot(birth.boot)
        body = lifeline.pulse.wait_go(GO_WAIT)
        if body is None:
            silence = ExitReason(kind="orphaned", what=f"no GO from {birth.owner} within {GO_WAIT:g} s", at=time.time())
            return lifeline.pulse.stopped_early or silence
        go = read_go(body)
        lifeline.clocks.starting()
        kind = None if plan.command is not None else _load(plan)
    except BaseException as error:
        lifeline.log.exception("not started")
        return reason_of(error, starting=True)
    _tune_collector()
    try:
        if kind is None:
            return _live_program(lifeline, plan, go)
        host = BlockingHost() if plan.blocking else LoopHost()
        return host.run(Stage(lifeline, plan, go, order=host.order, work=host.work, listens=listens), kind)
    except BaseException as error:
        lifeline.log.exception("the host failed")  # a fault of its own: the supervisor hears of it too
        return reason_of(error, starting=False)


def _live_program(lifeline: Lifeline, plan: ChildPlan, go: Go) -> ExitReason:
    from wakeful_runtime.command.commandhost import CommandHost  # not in the image that all lives are forked from

    host = CommandHost(plan)
    return host.run(Stage(lifeline, plan, go, order=host.order, work=host.work))


def _load(plan: ChildPlan) -> type[Living]:
    if plan.code is None:
        raise TypeError(f"{plan.name}: a plan of kind {plan.kind} without a class")
    found = load(plan.code)
    if not issubclass(found, Living):
        raise TypeError(f"{plan.code.name} is not an Actor or a Session")
    return found


def _tune_collector() -> None:
    """Everything imported stays: the collector never looks at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GEN0)


def _leave_soon(status: int) -> None:
    """The interpreter waits for the user's threads when it ends; this doesn't, for long."""

    def leave() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

    timer = threading.Timer(LEAVE, leave)
    timer.daemon = True
    timer.start()
