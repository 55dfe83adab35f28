"""Verdicts in words for people: one line each, with the figures that decided."""

from __future__ import annotations

from wakeful.rules.facts import ExitReport, Lease, Program, ThreadLook

_SIGNALS = {
    1: "SIGHUP",
    2: "SIGINT",
    3: "SIGQUIT",
    4: "SIGILL",
    6: "SIGABRT",
    7: "SIGBUS",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    13: "SIGPIPE",
    15: "SIGTERM",
    24: "SIGXCPU",
}


def span(seconds: float) -> str:
    """A duration as people say it: `0.3 s`, `45 s`, `12 min`, `3 h 20 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def exited(report: ExitReport | None) -> str:
    if report is None:
        return "the process is gone; its exit status is not here yet"
    if report.unknown:
        return "the process ended; nobody could read its exit status"
    if report.oom:
        return "the kernel's OOM killer ended it: the machine or its cgroup ran out of memory"
    if report.signal is not None:
        name = _SIGNALS.get(report.signal, f"signal {report.signal}")
        return f"a signal ended it: {name}{', core dumped' if report.core else ''}"
    return f"it exited with status {report.code}"


_ENDED = {
    "error": "its code raised {}",
    "fatal": "it gave up: {}",
    "budget": "its budget is spent: {}",
    "start_failed": "it did not start: {}",
    "killed": "{}",
    "exited": "{}",
    "oom": "{}",
    "unknown": "{}",
}


def ended(kind: str, what: str) -> str:
    """An end nobody ordered, as a sentence.

    Args:
        kind: of the ExitReason.
        what: its line; empty: the kind alone is known.
    """
    return _ENDED.get(kind, f"{kind}: {{}}").format(what) if what else f"it ended: {kind}"


def stopped(took: float, limit: float, *, traced: bool) -> str:
    by = "a debugger holds it" if traced else "a signal stopped it (SIGSTOP or the like)"
    return f"{by}: nothing of it has run for {span(took)} (limit {span(limit)})"


def silent(took: float, limit: float) -> str:
    return f"no answer to a probe for {span(took)}; asked again, limit {span(limit)}"


def wedged(took: float, share: float | None) -> str:
    if share is None:
        doing = "a C call holds the GIL"
    elif share > 0.5:
        doing = f"a C call spins with the GIL held ({share:.0%} CPU)"
    else:
        doing = f"a C call sleeps with the GIL held ({share:.0%} CPU)"
    return f"wedged: no thread of Python has run for {span(took)}; {doing}"


def control_lost(took: float, *, missing: bool) -> str:
    what = "its control thread is gone" if missing else "its control thread waits for messages but gets none"
    return f"no answer for {span(took)}: {what}; it can't be watched any more"


def uninterruptible(took: float) -> str:
    return f"it hangs in the kernel (state D, often a dead disk or network mount) for {span(took)}"


def loop_busy(took: float, limit: float) -> str:
    return f"the event loop has not turned for {span(took)}; asked again, limit {span(limit)}"


def loop_blocked(took: float, share: float | None, main: ThreadLook) -> str:
    if share is not None and share > 0.5:
        doing = f"the main thread computes ({share:.0%} CPU)"
    elif main.syscall or main.wchan:
        doing = f"the main thread waits in {main.syscall or main.wchan}"
    else:
        doing = "the main thread is blocked"
    return f"the event loop has not turned for {span(took)}: {doing}"


def no_sign(took: float, program: Program, share: float | None, main: ThreadLook | None) -> str:
    missing = f"no sign of life from the program for {span(took)} ({program.sign}, limit {span(program.within)})"
    if share is not None and share > 0.5:
        return f"{missing}: it computes ({share:.0%} CPU)"
    where = (main.syscall or main.wchan) if main is not None else ""
    if where == "running" or (main is not None and main.state == "R"):
        return f"{missing}: it computes"
    return f"{missing}: it waits in {where}" if where else missing


def starved(wall: float, lost: float, *, wants_cpu: bool) -> str:
    now = ", and waits for one now" if wants_cpu else ""
    return f"it gets no CPU: silent for {span(wall)}, of which it waited {span(lost)} for a CPU{now}; not judged"


def start_failed(took: float, limit: float) -> str:
    return f"not ready {span(took)} after its launch (startup limit {span(limit)}: import and on_start)"


def starting(took: float, limit: float) -> str:
    return f"starting for {span(took)} (limit {span(limit)})"


def overdue(lease: Lease, now: float) -> str:
    return (
        f"the lease {lease.what!r} ({span(lease.until - lease.since)}) ran out {span(now - lease.until)} ago "
        "and was not closed"
    )


def no_progress(took: float, limit: float, *, actor: bool, judged: bool) -> str:
    what = "the message in hand is not done" if actor else "no checkpoint, progress() or end of a lease"
    end = "" if judged else "; it never reported progress and no limit was chosen, so it is left alone"
    return f"{what} for {span(took)} (limit {span(limit)}){end}"


def livelock(took: float, limit: float, share: float) -> str:
    got = f"no progress for {span(took)} (limit {span(limit)})"
    return f"it computes without getting anywhere: busy {share:.0%} of the time, {got}"


def slow(step: float, usual: float) -> str:
    return f"slower than it was: this step takes {span(step)}, usually {span(usual)}"


def leased(lease: Lease, now: float) -> str:
    return f"in {lease.what!r} for {span(now - lease.since)}; its lease ends in {span(max(0.0, lease.until - now))}"


def waiting(what: str | None) -> str:
    return f"waits for {'its inbox' if what == 'inbox' else 'a child' if what == 'child' else f'the {what}'}"


def excused(took: float) -> str:
    return f"at work in one long step; silent for {span(took)}, which only progress and leases judge"


def doubts_itself(seconds: float, why: str) -> str:
    return f"for {span(seconds)} this monitor has been late again and again, and ends nothing meanwhile: {why}"


def held_by_doubt(seconds: float, why: str) -> str:
    return f"not acted on for {span(seconds)}: {why}"


HELD_BY_STORE = "not acted on while the store is away"
HEALTHY = "healthy"
BUSY = "busy: the event loop is in one long step"
STOPPING = "stopping, as ordered"
