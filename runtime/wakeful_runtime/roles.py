"""Which program a life of each kind runs."""

from __future__ import annotations

from wakeful_runtime.init.birth import Birth


def enter(birth: Birth) -> int:
    """Run the life to its end; the exit status. Modules come preloaded from init's image."""
    match birth.kind:
        case "gateway":
            from wakeful_runtime.gateway.gateway import main
        case "monitor":
            from wakeful_runtime.supervision.monitor import main
        case "store":
            from wakeful_runtime.gateway.storeprocess import main
        case "scheduler":
            from wakeful_runtime.scheduler.process import main
        case "herald":
            from wakeful_runtime.herald.herald import main
        case "session" | "actor" | "command":
            from wakeful_runtime.host.host import main
        case "web":
            from wakeful_runtime.web.process import main
        case _:
            raise ValueError(f"nothing runs a life of kind {birth.kind!r}")
    return main(birth)


PRELOAD = (
    "wakeful_runtime.gateway.gateway",
    "wakeful_runtime.supervision.monitor",
    "wakeful_runtime.gateway.storeprocess",
    "wakeful_runtime.host.host",
    "wakeful_runtime.host.rehearsal",
    "wakeful_runtime.scheduler.process",
)
"""What the keeper imports before it forks, besides the libraries."""


def warm() -> None:
    """What every life begins with, done ahead by the process that stands by."""
    from wakeful_runtime.host.rehearsal import rehearse

    rehearse()
