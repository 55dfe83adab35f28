"""Texts for a run's inbox, and whoever waits for what becomes of them, or of a run."""

from __future__ import annotations

from wakeful_runtime.store.deadletters import settled_mail
from wakeful_runtime.store.post import OPEN, box, post
from wakeful_runtime.store.standing import current_life
from wakeful_runtime.store.work import Answer, Count, Name, Refusal, Wall, Work

ENDED = ("handled", "dead", "dropped")


def settled_run(run_id: str) -> str:
    """What whoever waits for the outcome of a run listens for."""
    return f"run {run_id}"


def text_post(
    work: Work,
    *,
    id: Name,
    path: Name,
    run_id: Name,
    sender: Name,
    tag: Name,
    body: bytes,
    deadline: Wall | None = None,
) -> Answer:
    """Put something into a run's inbox, once by its id; the run may not have begun yet.

    Returns:
        `{first}`.

    Raises:
        Refusal: `finished`: the run is over; `full`.
    """
    run = work.db.row("SELECT outcome FROM runs WHERE run_id = ?", run_id)
    known = work.db.row("SELECT 1 FROM messages WHERE id = ?", id)
    if known is None and run is not None and run["outcome"] is not None:
        raise Refusal("finished", f"the run of {path} is over: {run['outcome']}")
    return post(work, id=id, to=box(path, run_id), sender=sender, tag=tag, body=body, deadline=deadline)


def to_inbox(work: Work, *, id: Name, path: Name, incarnation: Count, run_id: Name) -> Answer:
    """A durable message for the path is one for its run's inbox.

    Raises:
        Refusal: `fenced`.
    """
    current_life(work, path, incarnation, run_id)
    changed = work.db.execute(
        "UPDATE messages SET recipient = ?, given_to = 0, in_hand = 0, deliveries = 0"
        " WHERE id = ? AND recipient = ? AND state = 'waiting'",
        (box(path, run_id), id, path),
    ).rowcount
    work.arrivals.come.add(box(path, run_id))
    return {"moved": bool(changed)}


def put_back(work: Work, *, id: Name, path: Name, incarnation: Count, run_id: Name) -> Answer:
    """A life that is stopped in order gives back what it had in hand: that is no failed delivery.

    Raises:
        Refusal: `fenced`.
    """
    current_life(work, path, incarnation, run_id)
    work.db.execute(
        "UPDATE messages SET in_hand = 0, given_to = 0, deliveries = max(0, deliveries - 1)"
        " WHERE id = ? AND recipient = ? AND state = 'waiting'",
        (id, box(path, run_id)),
    )
    return {}


def text(work: Work, *, id: Name) -> Answer:
    """What became of a text: `{state, reply, error}`; state `waiting handled dead dropped`.

    Raises:
        Refusal: `missing`.
    """
    row = work.db.row("SELECT state, body, error FROM messages WHERE id = ?", id)
    if row is None:
        raise Refusal("missing", f"no text {id}")
    reply = row["body"].decode() if row["state"] == "handled" and row["body"] else None
    return {"state": row["state"], "reply": reply, "error": row["error"]}


def settled(work: Work, *, runs: list[str], texts: list[str]) -> Answer:
    """`{runs, texts}`: those of them that have an outcome, or wait no longer.

    The client is given a word when another one of them has.
    """
    told: dict[str, list[str]] = {"runs": [], "texts": []}
    for run_id in runs:
        row = work.db.row("SELECT outcome FROM runs WHERE run_id = ?", run_id)
        if row is not None and row["outcome"] is not None:
            told["runs"].append(run_id)
        else:
            work.arrivals.listening[settled_run(run_id)] = work.request
    for message in texts:
        row = work.db.row("SELECT state, in_hand FROM messages WHERE id = ?", message)
        if row is None or (row["state"] in ENDED and row["in_hand"] != OPEN):
            told["texts"].append(message)
        else:
            work.arrivals.listening[settled_mail(message)] = work.request
    return dict(told)
