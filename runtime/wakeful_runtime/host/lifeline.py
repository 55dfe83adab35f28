"""What a hosted process has before its actor: who it is, its control thread, its clocks, its log."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from wakeful.life import Log
from wakeful_runtime.host.facts import LifeClocks
from wakeful_runtime.host.logs import open_log
from wakeful_runtime.host.postbox import Postbox
from wakeful_runtime.host.pulse import Pulse
from wakeful_runtime.init.birth import Birth


@dataclass(frozen=True, slots=True)
class Lifeline:
    """Made first of all in a process.

    Attributes:
        since: when it was made, on the monotonic clock.
    """

    birth: Birth
    pulse: Pulse
    postbox: Postbox
    clocks: LifeClocks
    log: Log
    since: float = field(default_factory=time.monotonic)


def open_lifeline(birth: Birth) -> Lifeline:
    """Start the control thread, then open the log."""
    clocks, postbox = LifeClocks(), Postbox()
    pulse = Pulse(birth, postbox.post, clocks.snapshot)
    pulse.start()
    return Lifeline(birth, pulse, postbox, clocks, open_log(birth.path, birth.incarnation))
