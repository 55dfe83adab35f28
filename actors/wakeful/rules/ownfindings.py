"""What the herald finds by itself: no incident and no journal row tells of it."""

from __future__ import annotations

from wakeful.rules.deliveries import RouteState
from wakeful.rules.findings import Finding

HERALD = "herald"
FLOOD, ROUTE_FAILING, HELD = "flood", "route_failing", "held"


def route_fails(state: RouteState, since: float) -> Finding:
    """A route takes nothing; told on the others."""
    return Finding(
        key=f"route {state.name} {since:.0f}",
        path=HERALD,
        verdict=f"{ROUTE_FAILING} {state.name}",
        severity="error",
        what=f"alerts by {state.name} do not get out: {state.error}",
        since=since,
        done="what is to be told there waits and is tried again",
        advice="mend the route",
        commands=("alerts", "alerts test"),
        not_for=state.name,
    )


def flood(finding: Finding, most: int) -> Finding:
    """More is open than can be kept; in place of `finding`."""
    return Finding(
        key=f"{FLOOD} {finding.key}",
        path=HERALD,
        verdict=FLOOD,
        severity=finding.severity,
        what=f"more than {most} alerts are open or wait; further ones are only counted here",
        since=finding.since,
        advice="look at the list",
        commands=("incidents --open",),
        state="over",
    )


def held(epoch: str, unclean: int, within: float, at: float) -> Finding:
    """The node ended hard too often: this start (`epoch`) resumes nothing.

    Args:
        unclean: how often.
        within: seconds.
        at: when the node was started, seconds since the epoch.
    """
    return Finding(
        key=f"{HELD} {epoch}",
        path="gateway",
        verdict=HELD,
        severity="critical",
        what=f"the node ended hard {unclean} times within {within / 60:g} minutes",
        since=at,
        done="nothing is resumed by itself",
        advice="look why it ends, then let it go on",
        commands=("review", "unpause --all"),
        state="over",
    )
