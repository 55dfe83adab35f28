"""Alerts: whom to tell, and when."""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import Any, Literal
from zoneinfo import ZoneInfo

from wakeful.errors import SpecError
from wakeful.policy import Spec
from wakeful.words import choice, no_others, zone

Severity = Literal["info", "warning", "error", "critical"]
Otherwise = Literal["hold", "drop"]
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"(\S+)\s+(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})", re.ASCII)
_OPTIONS = ("when", "otherwise", "least")


class BusinessHours(Spec):
    """`BusinessHours("mon-fri 09:00-18:00", tz="Europe/Berlin")`; several are separated by `;` or a comma and a space.

    Attributes:
        hours: as written.
        tz: a zone's name; None: the gateway's, else the machine's.
    """

    hours: str
    tz: str | None

    def __init__(self, hours: str, *, tz: str | None = None) -> None:
        of = f"BusinessHours({hours!r})"
        _spans(hours, of)
        super().__init__(hours=hours, tz=zone(tz, of))

    def contains(self, at: datetime) -> bool:
        """Whether a moment is within them.

        Args:
            at: aware; it is looked at in these hours' zone, or in its own if they have none.
        """
        local = at.astimezone(ZoneInfo(self.tz)) if self.tz else at
        now = local.time().replace(tzinfo=None)
        for days, begin, end in _spans(self.hours, "BusinessHours"):
            if begin < end:
                inside = local.weekday() in days and begin <= now < end
            else:  # over midnight: the part after it belongs to the day before
                inside = (local.weekday() in days and now >= begin) or ((local.weekday() - 1) % 7 in days and now < end)
            if inside:
                return True
        return False


class Alert(Spec):
    """Where alerts go. A text is short for `Alert(text)`.

    Attributes:
        url: an Apprise URL, or `env:NAME`, `file:PATH`, which keep the secret out of the tree file.
        when: hours in which it may disturb; None: always.
        otherwise: outside of them: "hold" until they begin, or "drop".
        least: the least severity it is sent for.
    """

    url: str
    when: BusinessHours | None
    otherwise: Otherwise
    least: Severity

    def __init__(
        self,
        url: str,
        *,
        when: BusinessHours | str | None = None,
        otherwise: Otherwise = "hold",
        least: Severity = "warning",
        **unknown: object,
    ) -> None:
        no_others(unknown, _OPTIONS, "Alert(…)")
        super().__init__(
            url=_url(url),
            when=_when(when),
            otherwise=choice(otherwise, Otherwise, "Alert(…): otherwise"),
            least=choice(least, Severity, "Alert(…): least"),
        )

    def __repr__(self) -> str:
        """The URL holds a token: only its beginning is shown."""
        shown = self.url if self.url.startswith(("env:", "file:")) else f"{self.url.partition('://')[0]}://…"
        return f"Alert({shown!r}, when={self.when!r}, otherwise={self.otherwise!r}, least={self.least!r})"

    __str__ = __repr__

    def plan(self) -> dict[str, Any]:
        """The same as data: `url when {hours tz} otherwise least`."""
        return self.model_dump(mode="json")


def alert(value: Alert | str) -> Alert:
    """A text is short for an Alert.

    Raises:
        SpecError: neither.
    """
    if isinstance(value, Alert):
        return value
    if isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance] - users are not all typed
        return Alert(value)
    raise SpecError(f"alerts: a {type(value).__name__} is no alert; write an Apprise URL, 'env:NAME' or Alert(…)")


def _url(value: object) -> str:
    text = value if isinstance(value, str) else ""
    kind, colon, rest = text.partition(":")
    if kind == "env" and colon and re.fullmatch(r"[A-Za-z_]\w*", rest, re.ASCII):
        return text
    if kind == "file" and colon and rest.strip("/"):
        return text
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*://.+", text, re.ASCII | re.DOTALL):
        return text
    raise SpecError(
        "Alert(…): neither an Apprise URL (discord://…) nor 'env:NAME' or 'file:PATH'; not shown, as it may be secret"
    )


def _when(value: object) -> BusinessHours | None:
    if value is None or isinstance(value, BusinessHours):
        return value
    if isinstance(value, str):
        return BusinessHours(value)
    raise SpecError("Alert(…): when: write BusinessHours('mon-fri 09:00-18:00')")


def _spans(hours: str, of: str) -> list[tuple[frozenset[int], time, time]]:
    spans: list[tuple[frozenset[int], time, time]] = []
    for part in re.split(r";\s*|,\s+", hours.strip().lower()):
        match = _HOURS.fullmatch(part.strip())
        try:
            if match is None:
                raise ValueError(part)
            spans.append((_days(match[1]), _time(match[2], match[3]), _time(match[4], match[5])))
        except ValueError:
            raise SpecError(f"{of}: {part!r} isn't days and hours; write 'mon-fri 09:00-18:00'") from None
    return spans


def _time(hour: str, minute: str) -> time:
    return time.max if (hour, minute) == ("24", "00") else time(int(hour), int(minute))


def _days(text: str) -> frozenset[int]:
    if text in ("daily", "*"):
        return frozenset(range(7))
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        begin = _DAYS.index(first[:3])
        end = _DAYS.index(last[:3]) if dash else begin
        days |= {day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)}
    return frozenset(days)
