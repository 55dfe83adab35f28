"""The demo's report: what was injected, found, redone and lost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from wakeful_runtime.demo.corpus import Corpus
from wakeful_runtime.demo.faults import Injected
from wakeful_runtime.demo.terms import extract, rank

Keywords = dict[str, list[str]]


def undisturbed(corpus: Corpus, work: Mapping[str, Sequence[str]]) -> dict[str, Keywords]:
    """What each session must report: computed from the documents directly, without a node, a server or a fault."""
    return {session: rank({name: extract(corpus.text(name)) for name in names}) for session, names in work.items()}


@dataclass(frozen=True, slots=True)
class Report:
    """All the demo knows at its end.

    Attributes:
        expected: the undisturbed result by session.
        published: the reports the server has, by session, as JSON text.
        publications: how often each was published.
        faults: in the order of injection.
        planned: how many faults there were to be.
        tricks: what the server did, by name.
        seconds: how long it all took.
    """

    expected: Mapping[str, Keywords]
    published: Mapping[str, str]
    publications: Mapping[str, int]
    faults: Sequence[Injected]
    planned: int
    tricks: Mapping[str, int]
    seconds: float

    @property
    def lost(self) -> list[str]:
        """Documents whose keywords are missing or different: `session: document`."""
        missing: list[str] = []
        for session, keywords in self.expected.items():
            have = self._keywords(session)
            missing += [f"{session}: {name}" for name, terms in keywords.items() if have.get(name) != terms]
        return missing

    @property
    def equal(self) -> bool:
        """Whether every report is that of an undisturbed run, and was published once."""
        same = all(self._keywords(session) == keywords for session, keywords in self.expected.items())
        return same and all(self.publications.get(session) == 1 for session in self.expected)

    @property
    def recovered(self) -> bool:
        """Whether the demo kept its promise."""
        return self.equal and len(self.faults) == self.planned and all(one.recovered for one in self.faults)

    def as_json(self) -> dict[str, Any]:
        """What `wakeful demo --json` prints."""
        return {
            "recovered": self.recovered,
            "result_equals_undisturbed": self.equal,
            "documents": sum(len(names) for names in self.expected.values()),
            "sessions": len(self.expected),
            "faults": [_fault(one) for one in self.faults],
            "lost": self.lost,
            "publications": dict(self.publications),
            "server": dict(self.tricks),
            "seconds": round(self.seconds, 1),
        }

    def lines(self) -> list[str]:
        """The summary for people."""
        lines = [_sentence(one) for one in self.faults]
        if len(self.faults) < self.planned:
            lines.append(f"✗ {self.planned - len(self.faults)} faults could not be injected: the work was over before")
        tricks = ", ".join(f"{count} × {name}" for name, count in sorted(self.tricks.items()) if name != "none")
        total = sum(len(names) for names in self.expected.values())
        same = "the same as that of an undisturbed run" if self.equal else "NOT that of an undisturbed run"
        lines.append(f"{total} documents, {len(self.expected)} sessions; the server's tricks: {tricks or 'none'}")
        lines.append(f"the result is {same}; each report was published {self._times()}")
        lines.append(f"lost: {', '.join(self.lost) if self.lost else 'nothing'}; {self.seconds:.0f} s in all")
        return lines

    def _times(self) -> str:
        times = sorted({self.publications.get(session, 0) for session in self.expected})
        return "once" if times == [1] else " or ".join(f"{count} times" for count in times)

    def _keywords(self, session: str) -> Keywords:
        try:
            content: object = json.loads(self.published.get(session, "{}"))
        except ValueError:
            return {}
        found = cast("dict[str, object]", content).get("keywords") if isinstance(content, dict) else None
        return cast("Keywords", found) if isinstance(found, dict) else {}


def _fault(one: Injected) -> dict[str, Any]:
    return {
        "fault": one.fault.words,
        "mode": one.fault.mode,
        "path": one.fault.path,
        "life": one.life,
        "verdict": one.verdict,
        "detected_after_s": _rounded(one.found_s),
        "recovered_after_s": _rounded(one.back_s),
        "redone": one.redone,
        "touched": one.touched,
        "recovered": one.recovered,
    }


def _sentence(one: Injected) -> str:
    found = f"found after {one.found_s:.2f} s" if one.found_s is not None else "NOT FOUND"
    back = f"back at work after {one.back_s:.2f} s" if one.back_s is not None else "NOT BACK"
    if one.pids:
        cost = (
            f"touched: {', '.join(one.touched)}" if one.touched else f"{len(one.pids)} sessions adopted, none touched"
        )
    else:
        cost = f"redone: {', '.join(one.redone) if one.redone else 'nothing'}"
    mark = "✓" if one.recovered else "✗"
    return f"{mark} {one.fault.words} ({one.fault.path}): {one.verdict or '?'}, {found}, {back}; {cost}"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
