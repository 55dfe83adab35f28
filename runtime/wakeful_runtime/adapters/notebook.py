"""What the agents of one session remember between its lives: a page for each agent's run, in the session's checkpoint.

A page is the state its framework goes on from, and the answers that came since. Both are committed before anything
is done with them: what has been answered is never asked again, whatever is killed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from pydantic_core import to_json

import wakeful
from wakeful.blocking import BlockingSession
from wakeful.errors import CodecError, SpecError
from wakeful.life import Plain
from wakeful.policy import Duration
from wakeful.session import Session
from wakeful.values import plain

R = TypeVar("R")
PAGES = "agents"
"""Where the pages are in the session's state."""

CALL = "10m"
"""How long a model call may be silent."""

_OTHER_NAME = "no unfinished run has its name, which its agent and its input make where no key= is given"
_ATTRIBUTE = "_wakeful_notebook"


@dataclass(frozen=True)
class Codec(Generic[R]):
    """How an answer is kept.

    Attributes:
        write: as None, bool, int, float, str, bytes, list, dict.
        read: the answer again.
    """

    write: Callable[[R], Any]
    read: Callable[[Any], R]


AS_IT_IS: Codec[Any] = Codec(lambda value: value, lambda value: value)
"""For what is plain already."""


class Page:
    """One agent's run.

    Attributes:
        name: unique in the session.
        state: what the framework goes on from; None before its first step.
    """

    def __init__(self, notebook: Notebook, name: str, kept: dict[str, Any] | None) -> None:
        self._notebook = notebook
        self._answers: dict[str, Plain] = dict(kept["answers"]) if kept else {}
        self.name = name
        self.state: Plain = kept["state"] if kept else None

    @property
    def session(self) -> Session[Any]:
        """Whose page it is."""
        return self._notebook.session

    @property
    def blank(self) -> bool:
        """Whether nothing has been written on it yet."""
        return self.state is None and not self._answers

    def write(self, state: Plain, *, keep_answers: bool = False) -> None:
        """Where the run stands now, for the next commit; the answers so far are part of it unless they are kept."""
        self.state = state
        if not keep_answers:
            self._answers.clear()

    async def step(self, state: Plain) -> None:
        """Commit where the run stands now; the answers so far are part of it."""
        self.write(state)
        await self._notebook.commit("step")

    async def answer(
        self,
        key: str,
        ask: Callable[[], Awaitable[R]],
        codec: Codec[R],
        *,
        what: str = "answer",
        lease: Duration | None = None,
    ) -> R:
        """What `ask` returns; once it has, it isn't asked again in this step, in no life.

        Args:
            key: names the question within the step.
            ask: asks it.
            codec: keeps the answer.
            what: the checkpoint's name, for people.
            lease: how long it may be silent; None: as long as the session's progress may stand.

        Raises:
            CodecError: the answer would not come back equal.
        """
        if key in self._answers:
            return codec.read(self._answers[key])
        if lease is None:
            value = await ask()
        else:
            async with self.session.lease(lease, f"{self.name}: {key}"):
                value = await ask()
        of = f"{self.name}: {key}"
        kept = plain(codec.write(value), of=of)
        if codec.read(kept) != value:
            raise CodecError(f"{of}: the answer would not come back equal; it is a {type(value).__name__}")
        self._answers[key] = kept
        await self._notebook.commit(what)
        return value

    def plain(self) -> dict[str, Any]:
        """As it is kept."""
        return {"state": self.state, "answers": dict(self._answers)}


class Notebook:
    """The pages of one session.

    Raises:
        SpecError: the session's checkpoint has a type of its own, and no room for pages.
    """

    def __init__(self, session: Session[Any] | BlockingSession[Any]) -> None:
        if type(session).state_type() is not Any:
            raise SpecError(
                f"{type(session).__name__}: its checkpoint is the memory of its agents; derive from plain Session, and "
                "keep what else it must remember in the agent's own state, or by `once`"
            )
        state: Any = session.resumed.state if session.resumed else None
        self._session = session
        self._loop = _running_loop()
        self._kept: dict[str, Any] = cast("dict[str, Any]", state).get(PAGES, {}) if isinstance(state, dict) else {}
        self._open: dict[str, Page] = {}
        self._used: Counter[str] = Counter()

    @property
    def session(self) -> Session[Any]:
        """Whose notebook it is.

        Raises:
            SpecError: it isn't an async session.
        """
        if not isinstance(self._session, Session):
            raise SpecError(f"{type(self._session).__name__}: agents run in a Session with `async def run`")
        return self._session

    def free_name(self, name: str, about: object) -> str:
        """The same in every life: by what is asked, the mail in hand, and how often that was asked before."""
        mail = self._session._attached.mail
        digest = hashlib.sha256(to_json(about, fallback=repr)).hexdigest()[:12]
        found = f"{name} {digest}" + (f" mail {mail.id}" if mail else "")
        self._used[found] += 1
        return found if self._used[found] == 1 else f"{found} {self._used[found]}"

    def page(self, name: str) -> Page:
        """The page of this name, with what an earlier life has left on it."""
        if name not in self._open:
            self._open[name] = Page(self, name, self._kept.get(name))
        return self._open[name]

    def pages(self) -> list[str]:
        """The names of all pages."""
        return sorted({*self._kept, *self._open})

    def unread(self) -> list[str]:
        """The names of pages an earlier life has left that nobody has gone on from yet."""
        return sorted({*self._kept} - {*self._open})

    def tear_out(self, name: str) -> None:
        """Forget a page; the next commit is without it."""
        self._kept.pop(name, None)
        self._open.pop(name, None)

    async def commit(self, what: str) -> None:
        """Make the session's checkpoint of all pages; counts as progress."""
        if isinstance(self._session, Session):
            await self._session.checkpoint(what, self.plain())
        else:
            await asyncio.to_thread(self._session.checkpoint, what, self.plain())

    def commit_now(self, what: str) -> None:
        """The same for code that can't await: of a BlockingSession, or in a thread beside the loop.

        Raises:
            SpecError: it would hold up the loop that must commit.
        """
        if isinstance(self._session, BlockingSession):
            self._session.checkpoint(what, self.plain())
        elif self._loop is None or self._loop is _running_loop():
            raise SpecError("this call holds up the session's loop: await the async one (`graph.ainvoke`)")
        else:
            asyncio.run_coroutine_threadsafe(self.commit(what), self._loop).result()

    def plain(self) -> dict[str, Any]:
        """The session's state: pages that hold something."""
        pages = {**self._kept, **{name: page.plain() for name, page in self._open.items()}}
        return {PAGES: {name: page for name, page in pages.items() if page["state"] is not None or page["answers"]}}


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def notebook() -> Notebook:
    """The notebook of this process's session; outside a node one that lasts as long as the process."""
    session: Any = wakeful.current()
    found: Notebook | None = session.__dict__.get(_ATTRIBUTE)
    if found is None:
        found = session.__dict__[_ATTRIBUTE] = Notebook(session)
    return found


async def to_the_end(name: str, run: Callable[[Page], Awaitable[R]]) -> R:
    """Run an agent to its end, once per run of the session; a later life that asks again hears the same.

    Args:
        name: of its page.
        run: goes on from where the page stands. Of a run that is over it finds the last step with its answers.
    """
    book = notebook()
    page = book.page(name)
    results: list[R] = []

    async def finish() -> dict[str, Any]:
        if page.blank and (unread := book.unread()):
            book.session.log.warning(f"{name} begins at its first step: {_OTHER_NAME}", unfinished=unread)
        results.append(await run(page))
        return page.plain()

    over = await book.session.once(f"agent {name}", finish, unknown="retry")
    book.tear_out(name)
    return results[0] if results else await run(Page(book, name, over))
