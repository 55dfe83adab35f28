"""What a hosted process has before its actor: who it is, its control thread, its clocks, its log."""

from __future__ import annotations

import os
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
        spare: a low descriptor kept free for a command's program: some shells know only those of one digit.
    """

    birth: Birth
    pulse: Pulse
    postbox: Postbox
    clocks: LifeClocks
    log: Log
    since: float = field(default_factory=time.monotonic)
    spare: int | None = None


def open_lifeline(birth: Birth) -> Lifeline:
    """Start the control thread, then open the log."""
    spare = os.dup(0) if birth.kind == "command" else None
    clocks, postbox = LifeClocks(), Postbox()
    pulse = Pulse(birth, postbox.post, clocks.snapshot)
    pulse.start()
    return Lifeline(birth, pulse, postbox, clocks, open_log(birth.path, birth.incarnation), spare=spare)
