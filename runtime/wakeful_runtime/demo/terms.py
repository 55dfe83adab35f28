"""Keywords of a set of documents: term frequency × inverse document frequency."""

from __future__ import annotations

import keyword
import math
import re
from collections import Counter
from collections.abc import Mapping

Counts = dict[str, int]

KEPT = 60
"""Terms remembered of one document: enough to rank, small enough to checkpoint after each."""

_WORD = re.compile(r"[a-z][a-z_]{3,}")
_FILLERS = "self args kwargs this that with from have will which when then than only also object other name value"
_COMMON = frozenset(word.lower() for word in keyword.kwlist) | frozenset(_FILLERS.split(" "))


def extract(text: str) -> Counts:
    """The most frequent terms of a text with their counts; ties in alphabetical order."""
    counts = Counter(word for word in _WORD.findall(text.lower()) if word not in _COMMON)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return dict(ranked[:KEPT])


def rank(documents: Mapping[str, Counts], *, top: int = 5) -> dict[str, list[str]]:
    """The `top` keywords of each document, best first; the same for every order the documents came in."""
    spread = Counter(term for counts in documents.values() for term in counts)
    total = len(documents)
    result: dict[str, list[str]] = {}
    for name in sorted(documents):
        counts = documents[name]
        length = sum(counts.values()) or 1
        scores = {term: count / length * math.log(1 + total / spread[term]) for term, count in counts.items()}
        result[name] = sorted(scores, key=lambda term: (-round(scores[term], 12), term))[:top]
    return result
