"""Did it get a CPU at all? Compares the first look of a suspicion with the latest."""

from __future__ import annotations

from wakeful.rules.facts import Look, ThreadLook

ENOUGH_SLICES = 20
"""A control thread that got a CPU so often had its chance to answer: waiting for the GIL it wakes every 5 ms."""

SPINNING = 0.8
"""Share of a CPU from which a main thread counts as spinning."""


def waited(looks: tuple[Look, ...], since: float) -> float:
    """Seconds, between the first and the last look after `since`, in which it wanted a CPU and had none.

    The larger run-delay of main and control thread, and that of the thread that carries the messages: who waits for a
    message doesn't wait for a CPU. Throttling is not always booked as run-delay, so the cgroup's own figure counts too,
    at most as long as the looks are apart.
    """
    first, last = _span(looks, since)
    if first is None or last is None:
        return 0.0
    apart = last.at - first.at
    own = max(_delay(first.main, last.main), _delay(first.control, last.control))
    delays = [own + _delay(first.lane, last.lane)]
    if first.throttled is not None and last.throttled is not None:
        delays.append(last.throttled - first.throttled)
    return max(0.0, min(apart, max(delays)))


def lost_of(wall: float, looks: tuple[Look, ...], since: float) -> float:
    """Of a silence of `wall` seconds that began at `since`, how much it waited for a CPU.

    Before the first look nobody looked: if the looks cover most of the silence, that time is taken to be like the rest.
    """
    first, last = _span(looks, since)
    lost = waited(looks, since)
    if first is None or last is None or last.at - first.at < wall / 2:
        return lost
    return min(wall, lost * wall / (last.at - first.at))


def wants_cpu(looks: tuple[Look, ...], since: float) -> bool:
    """Whether the control thread, or the one that brings its messages, waits for a CPU now and hardly got one since.

    Only then is its silence excused. A thread that waits right now shows no run-delay yet. The main thread proves
    nothing: a spinner is runnable too.
    """
    first, last = _span(looks, since)
    if first is None or last is None:
        return False
    return _wants(first.control, last.control) or _wants(first.lane, last.lane)


def cpu_share(looks: tuple[Look, ...], since: float) -> float | None:
    """The main thread's share of one CPU between the first and the last look after `since`; None if unknown."""
    first, last = _span(looks, since)
    if first is None or last is None or last.at - first.at < 0.02 or first.main.cpu is None or last.main.cpu is None:
        return None
    return max(0.0, (last.main.cpu - first.main.cpu) / (last.at - first.at))


def runnable_share(looks: tuple[Look, ...], since: float) -> float | None:
    """As `cpu_share`, with the time it waited for a CPU: a spinner on a loaded machine spins none the less."""
    share = cpu_share(looks, since)
    first, last = _span(looks, since)
    if share is None or first is None or last is None:
        return None
    return min(1.0, share + _delay(first.main, last.main) / (last.at - first.at))


def seen_twice(looks: tuple[Look, ...], since: float, state: str) -> bool:
    """Whether the main or the control thread was in this state in each of the last two looks after `since`."""
    latest = [look for look in looks if look.at >= since][-2:]
    if len(latest) < 2:
        return False
    return all(look.main.state == state for look in latest) or all(
        look.control is not None and look.control.state == state for look in latest
    )


def _span(looks: tuple[Look, ...], since: float) -> tuple[Look | None, Look | None]:
    first = next((look for look in looks if look.at >= since), None)
    return first, looks[-1] if first is not None else None


def _wants(before: ThreadLook | None, now: ThreadLook | None) -> bool:
    if now is None or now.state != "R":
        return False
    if before is None or before.slices is None or now.slices is None:
        return True
    return now.slices - before.slices < ENOUGH_SLICES


def _delay(before: ThreadLook | None, after: ThreadLook | None) -> float:
    if before is None or after is None or before.run_delay is None or after.run_delay is None:
        return 0.0
    return after.run_delay - before.run_delay
