"""Alerts: whom to tell, and when."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from wakeful.errors import SpecError
from wakeful.lists import listed
from wakeful.policy import Duration, Spec
from wakeful.rules import hours as rules
from wakeful.words import choice, no_others, positive, zone

Severity = Literal["info", "warning", "error", "critical"]
_HOURS_OPTIONS = ("tz", "holidays")
_OPTIONS = ("when", "otherwise", "least", "labels", "cooldown", "escalate", "escalate_after")


class BusinessHours(Spec):
    """`BusinessHours("mon-fri 09:00-18:00", tz="Europe/Berlin")`; several are separated by `;` or a comma and a space.

    Attributes:
        hours: as written.
        tz: a zone's name; None: the gateway's, else the machine's.
        holidays: days without any: `2026-12-25`, or `12-25` for each year.
    """

    hours: str
    tz: str | None
    holidays: tuple[str, ...]

    def __init__(
        self,
        hours: str,
        *,
        tz: str | None = None,
        holidays: Iterable[str | date] = (),
        **unknown: object,
    ) -> None:
        of = f"BusinessHours({hours!r})"
        no_others(unknown, _HOURS_OPTIONS, of)
        super().__init__(hours=_hours(hours, of), tz=zone(tz, of), holidays=_holidays(holidays, of))

    def contains(self, at: datetime) -> bool:
        """Whether a moment is within them.

        Args:
            at: aware; it is looked at in these hours' zone, or in its own if they have none.
        """
        return rules.week(self.hours, self.holidays).contains(at.astimezone(ZoneInfo(self.tz)) if self.tz else at)


class Alert(Spec):
    """Where alerts go. A text is short for `Alert(text)`.

    Attributes:
        url: an Apprise URL, or `env:NAME`, `file:PATH`, which keep the secret out of the tree file.
        when: hours in which it may disturb; None: always.
        otherwise: outside of them: "hold" until they begin, or another Alert. Nothing is dropped.
        least: the least severity it is sent for.
        labels: only for these paths, labels or agents, as patterns (`research/*`); empty: for all.
        cooldown: the same trouble of the same path is told again after so many seconds at the earliest.
        escalate: who is told if nobody acknowledges; None: nobody.
        escalate_after: how long after the alert, in seconds.
    """

    url: str
    when: BusinessHours | None
    otherwise: Alert | Literal["hold"]
    least: Severity
    labels: tuple[str, ...]
    cooldown: float
    escalate: Alert | None
    escalate_after: float

    def __init__(
        self,
        url: str,
        *,
        when: BusinessHours | str | None = None,
        otherwise: Alert | str = "hold",
        least: Severity = "warning",
        labels: Iterable[str] = (),
        cooldown: Duration = 600.0,
        escalate: Alert | str | None = None,
        escalate_after: Duration = 1800.0,
        **unknown: object,
    ) -> None:
        no_others(unknown, _OPTIONS, "Alert(…)")
        super().__init__(
            url=_url(url),
            when=_when(when),
            otherwise=_otherwise(otherwise),
            least=choice(least, Severity, "Alert(…): least"),
            labels=tuple(_label(each) for each in listed(labels, "Alert(…): labels", "'research/*'")),
            cooldown=positive(cooldown, "Alert(…): cooldown"),
            escalate=None if escalate is None else alert(escalate),
            escalate_after=positive(escalate_after, "Alert(…): escalate_after"),
        )

    def __repr__(self) -> str:
        """The URL holds a token: only its beginning is shown."""
        shown = self.url if self.url.startswith(("env:", "file:")) else f"{self.url.partition('://')[0]}://…"
        return f"Alert({shown!r}, when={self.when!r}, otherwise={self.otherwise!r}, least={self.least!r})"

    __str__ = __repr__

    def plan(self) -> dict[str, Any]:
        """The same as data: its attributes by name, alerts within it too."""
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


def _otherwise(value: Alert | str) -> Alert | Literal["hold"]:
    if value == "hold":
        return "hold"
    try:
        return alert(value)
    except SpecError:
        raise SpecError("Alert(…): otherwise: write 'hold', another Alert(…) or its URL") from None


def _when(value: object) -> BusinessHours | None:
    if value is None or isinstance(value, BusinessHours):
        return value
    if isinstance(value, str):
        return BusinessHours(value)
    raise SpecError("Alert(…): when: write BusinessHours('mon-fri 09:00-18:00')")


def _label(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value
    raise SpecError(f"Alert(…): labels: {value!r} is no label; write a path or a pattern such as 'research/*'")


def _hours(value: str, of: str) -> str:
    try:
        rules.week(value)
    except ValueError as error:
        raise SpecError(f"{of}: {str(error)!r} isn't days and hours; write 'mon-fri 09:00-18:00'") from None
    return value


def _holidays(values: Iterable[str | date], of: str) -> tuple[str, ...]:
    found: list[str] = []
    for value in listed(values, f"{of}: holidays", "'2026-12-25'"):
        try:
            found.append(rules.holiday(value.isoformat()[:10] if isinstance(value, date) else str(value)))
        except ValueError:
            raise SpecError(f"{of}: holidays: {value!r} is no day; write '2026-12-25', or '12-25'") from None
    return tuple(found)
