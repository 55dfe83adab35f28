"""Keywords: the same for every order, and what they ought to be."""

from __future__ import annotations

import random
from itertools import chain

import pytest

from wakeful_runtime.demo.corpus import Corpus, shares
from wakeful_runtime.demo.terms import KEPT, extract, rank


def test_a_term_that_every_document_has_ranks_below_one_that_only_this_has() -> None:
    documents = {
        "a": extract("socket socket parser parser"),
        "b": extract("socket thread"),
        "c": extract("socket codec"),
    }
    assert rank(documents, top=1)["a"] == ["parser"]


def test_keywords_of_the_language_are_no_terms() -> None:
    assert extract("class class return lambda yield import None selector") == {"selector": 1}


def test_a_documents_terms_are_bounded() -> None:
    text = " ".join(f"{first}{second}word" for first in "abcdefghij" for second in "abcdefghij")
    assert len(extract(text)) == KEPT


def test_ranking_does_not_depend_on_the_order_documents_came_in() -> None:
    corpus = Corpus()
    documents = {name: extract(corpus.text(name)) for name in corpus.names(120)[:30]}
    shuffled = list(documents.items())
    random.Random(7).shuffle(shuffled)
    assert rank(dict(shuffled)) == rank(documents)


def test_documents_are_dealt_out_whole() -> None:
    names = [str(number) for number in range(10)]
    dealt = shares(names, 4)
    assert sorted(chain.from_iterable(dealt)) == sorted(names)
    assert [len(share) for share in dealt] == [3, 3, 2, 2]


def test_the_installed_library_has_documents_enough() -> None:
    corpus = Corpus()
    names = corpus.names(160)
    assert len(names) == len(set(names)) >= 120
    assert corpus.names(160) == names
    assert "import" in corpus.text(names[-1])


def test_no_name_leads_out_of_the_library() -> None:
    for name in ("../../etc/passwd", "/etc/passwd", "asyncio/../os.py", "nothing.py"):
        with pytest.raises((KeyError, OSError, ValueError)):
            Corpus().text(name)
