"""Which siblings a restart draws in: OTP's strategies."""

from __future__ import annotations

from collections.abc import Sequence

from wakeful.policy import Strategy


def drawn_in(strategy: Strategy, order: Sequence[str], child: str) -> tuple[str, ...]:
    """The siblings that are stopped and restarted when `child` ended and is to be restarted, in start order.

    Args:
        strategy: one_for_one: none; one_for_all: all; rest_for_one: those after it in start order.
        order: the children of the tree in start order. Spawned ones aren't among them: they stand alone.
        child: the one that ended.
    """
    if strategy == "one_for_one" or child not in order:
        return ()
    if strategy == "one_for_all":
        return tuple(name for name in order if name != child)
    return tuple(order[order.index(child) + 1 :])
