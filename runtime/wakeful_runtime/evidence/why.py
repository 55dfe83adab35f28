"""Why is it silent, why was it killed? One answer, from what is kept and what is seen now; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Row = Mapping[str, Any]

DAY = timedelta(days=1)
"""A closed incident explains what is seen now for so long; `why` alone looks back as far."""

_SEEN = (
    "beat_age_s",
    "progress_age_s",
    "checkpoint",
    "progress",
    "note",
    "waiting_for",
    "line",
    "memory_mb",
    "restarts",
)


def why(row: Row, incident: Row | None, life: Row | None, *, now: datetime | None = None) -> dict[str, Any]:
    """The answer about one path: `{path verdict since what facts evidence action outcome next}`, and `state`.

    Args:
        row: as `ps` has it; at least `path` and `state`.
        incident: its last one, as the store keeps it.
        life: its last life, as the store keeps it.
        now: None: now.
    """
    if incident is not None and _explains(incident, now or datetime.now(UTC)):
        return {**of_incident(incident), "state": row.get("state"), "next": _next(row, incident), "now": _now(row)}
    state, verdict = row.get("state"), row.get("verdict")
    return {
        "path": row["path"],
        "incarnation": row.get("incarnation"),
        "state": state,
        "verdict": verdict,
        "since": life["began_at"] if life else None,
        "what": row.get("why") or row.get("words") or row.get("last_exit") or f"{state}",
        "facts": {key: row[key] for key in _SEEN if row.get(key) is not None},
        "evidence": None,
        "action": None,
        "outcome": None,
        "next": _next(row, None),
    }


def of_incident(incident: Row) -> dict[str, Any]:
    """The same of an incident alone."""
    facts: Row = incident.get("facts") or {}
    thresholds: Row = incident.get("thresholds") or {}
    return {
        "path": incident["path"],
        "incarnation": incident.get("incarnation"),
        "verdict": incident["verdict"],
        "since": incident.get("opened_at") or incident.get("at"),
        "what": str(facts.get("words") or incident["verdict"]),
        "facts": {**thresholds, **facts},
        "evidence": incident.get("evidence"),
        "action": incident.get("action"),
        "outcome": incident.get("outcome"),
        "next": _of_review(incident) or f"wakeful incidents {incident['id']} --markdown",
        "incident": incident["id"],
    }


def _explains(incident: Row, now: datetime) -> bool:
    """Open ones do; those that are over, for a day."""
    if incident.get("closed_at") is None and incident.get("acked_at") is None:
        return True
    opened = datetime.fromisoformat(str(incident["opened_at"]))
    return now - opened < DAY


def _of_review(incident: Row) -> str:
    waits = incident.get("action") == "review" and incident.get("closed_at") is None
    return f"wakeful resume {incident['path']}" if waits else ""


def _now(row: Row) -> str:
    """What it is by now, in a few words."""
    life = f", life {row['incarnation']}" if row.get("incarnation") else ""
    verdict = f", {row['verdict']}" if row.get("verdict") else ""
    return f"{row.get('state')}{verdict}{life}"


def _next(row: Row, incident: Row | None) -> str:
    path = row["path"]
    match row.get("state"):
        case "review":
            return f"wakeful resume {path}"
        case "paused":
            return f"wakeful unpause {path}"
        case "failed":
            return f"wakeful restart {path}"
        case "down":
            return "wakeful run TARGET"
        case "backoff":
            return "nothing to do: it is restarted by itself"
        case _ if incident is not None:
            return f"nothing to do; all of it: wakeful incidents {incident['id']} --markdown"
        case _:
            return f"nothing to do; its log: wakeful logs {path}"
