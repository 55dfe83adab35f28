"""Times as people read them."""

from __future__ import annotations

from datetime import datetime


def clock(at: object) -> str:
    """A time of the journal (RFC 3339) or of the epoch, in the machine's own zone."""
    if isinstance(at, int | float):
        moment = datetime.fromtimestamp(at).astimezone()
    else:
        try:
            moment = datetime.fromisoformat(str(at)).astimezone()
        except ValueError:
            return str(at)
    today = moment.date() == datetime.now().astimezone().date()
    return moment.strftime("%H:%M:%S") if today else moment.strftime("%b %d %H:%M")
