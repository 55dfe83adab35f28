"""Jobs: `wakeful cron add|list|update|remove|run|runs`."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from wakeful_runtime.cli.asking import ask
from wakeful_runtime.cli.options import JsonOption, NodeOption, wrong_use
from wakeful_runtime.cli.past import job_runs
from wakeful_runtime.cli.screen import put_json, put_table
from wakeful_runtime.evidence.localtime import clock

NameArgument = Annotated[str, typer.Argument(metavar="JOB", help="A job's name or id.", show_default=False)]
ExprOption = Annotated[str | None, typer.Option("--cron", metavar="EXPR", help="Five or six fields, or @daily.")]
EveryOption = Annotated[str | None, typer.Option("--every", metavar="DURATION", help="Seconds, or 90s 15m 2h.")]
AtOption = Annotated[str | None, typer.Option("--at", metavar="TIME", help="Once, such as 2026-12-01T09:00.")]
TzOption = Annotated[str | None, typer.Option("--tz", metavar="ZONE", help="Such as Europe/Berlin.")]
TaskOption = Annotated[str | None, typer.Option("--task", help="What the session is to do.")]
AgentOption = Annotated[str | None, typer.Option("--agent", metavar="ID", help="Which of the tree's agents.")]
MisfireOption = Annotated[
    str | None, typer.Option("--misfire", help="skip, run_once or run_all: times that nobody was there to start.")
]
OverlapOption = Annotated[
    str | None, typer.Option("--overlap", help="skip, queue or replace: while the run before goes on.")
]
GraceOption = Annotated[str | None, typer.Option("--grace", metavar="DURATION", help="How late a start may be.")]
TimeoutOption = Annotated[
    str | None, typer.Option("--timeout", metavar="DURATION", help="A run that takes longer is ended.")
]

cron = typer.Typer(name="cron", help="Jobs: sessions that are started at their times.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command, name in ((add, "add"), (list_, "list"), (update, "update"), (remove, "remove"), (run, "run")):
        cron.command(name)(command)
    cron.command("runs")(runs)
    app.add_typer(cron)


def add(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="For people.", show_default=False)] = None,
    expr: ExprOption = None,
    every: EveryOption = None,
    at: AtOption = None,
    tz: TzOption = None,
    task: TaskOption = None,
    agent: AgentOption = None,
    misfire: MisfireOption = None,
    overlap: OverlapOption = None,
    grace: GraceOption = None,
    timeout: TimeoutOption = None,
    job: Annotated[str | None, typer.Option("--job", metavar="JSON", help="The whole job as JSON instead.")] = None,
    node: NodeOption = None,
    json: JsonOption = False,
) -> None:
    """Add a job: an agent, its task, and when.

    \b
    Examples:
      wakeful cron add "weekly report" --cron "0 3 * * mon" --tz America/New_York --agent researcher --task keywords
      wakeful cron add tidy --every 15m --task tidy --overlap queue
      wakeful cron add --job '{"name": "nightly", "schedule": {...}, "payload": {...}}'
    """
    asked = _changes(expr, every, at, tz, task, agent, misfire, overlap, grace, timeout)
    if (job is None) == (name is None):
        raise wrong_use("give a NAME with options, or --job with all of it as JSON")
    if job is not None and asked:
        raise wrong_use("--job is all of the job: put the other options into it")
    given: dict[str, Any] = _object(job) if job is not None else {"name": name, **asked}
    _told(ask(node, "cron", action="add", job=given), json)


def list_(node: NodeOption = None, json: JsonOption = False) -> None:
    """All jobs, with their next times.

    \b
    Examples:
      wakeful cron list
      wakeful cron list --json | jq -r '.[] | .name + " " + .next[0]'
    """
    rows = ask(node, "cron", action="list")
    if json:
        put_json(rows)
        return
    put_table([_shown(row) for row in rows], ("name", "when", "zone", "agent", "next", "state", "why"), empty="no jobs")


def update(
    job: NameArgument,
    expr: ExprOption = None,
    every: EveryOption = None,
    at: AtOption = None,
    tz: TzOption = None,
    task: TaskOption = None,
    agent: AgentOption = None,
    misfire: MisfireOption = None,
    overlap: OverlapOption = None,
    grace: GraceOption = None,
    timeout: TimeoutOption = None,
    enable: Annotated[bool | None, typer.Option("--enable/--disable", help="Switch it on or off.")] = None,
    node: NodeOption = None,
    json: JsonOption = False,
) -> None:
    """Change a job, or switch it on or off.

    \b
    Examples:
      wakeful cron update tidy --every 30m
      wakeful cron update "weekly report" --disable
    """
    patch = _changes(expr, every, at, tz, task, agent, misfire, overlap, grace, timeout)
    if enable is not None:
        patch["enabled"] = enable
    if not patch:
        raise wrong_use("say what is to change, such as --every 30m or --disable")
    _told(ask(node, "cron", action="update", jobId=job, patch=patch), json)


def remove(job: NameArgument, node: NodeOption = None, json: JsonOption = False) -> None:
    """Remove a job; a run that goes on is not stopped, and its runs stay in `runs`.

    \b
    Examples:
      wakeful cron remove tidy
    """
    answer = ask(node, "cron", action="remove", jobId=job)
    put_json(answer) if json else print(f"{answer['name']}: removed")


def run(job: NameArgument, node: NodeOption = None, json: JsonOption = False) -> None:
    """Start a run of a job now, outside of its schedule.

    \b
    Examples:
      wakeful cron run tidy
    """
    from wakeful.errors import NodeError

    answer = ask(node, "cron", action="run", jobId=job)
    if json:
        put_json(answer)
    if answer["status"] not in ("accepted", "queued"):
        raise NodeError(f"{answer['status']}: {answer.get('why') or 'it was not started'}")
    if not json:
        print(f"{answer.get('path') or answer['status']}  {answer['key']}")


def runs(
    job: Annotated[str | None, typer.Argument(metavar="[JOB]", help="Of this job only; else of all.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many, the newest.")] = 50,
    node: NodeOption = None,
    json: JsonOption = False,
) -> None:
    """What became of the times of jobs, newest first, and how many were on time.

    Works without a running node. On time is a start at most a minute late, and within the job's grace.

    \b
    Examples:
      wakeful cron runs
      wakeful cron runs "weekly report" --json | jq '.[] | select(.on_time | not)'
    """
    rows = job_runs(node, job=job, limit=limit)
    if json:
        put_json(rows)
        return
    shown = [{**row, "scheduled": clock(row["scheduled"]), "started": _clock(row["started"])} for row in rows]
    columns = ("job", "scheduled", "started", "late_by_s", "state", "outcome", "path", "why")
    put_table(shown, columns, empty="no job has run yet")
    if told := on_time(rows):
        print(told)


def on_time(rows: Sequence[dict[str, Any]]) -> str:
    """`on time: 41 of 42 (97.6 %)`; of scheduled times that are decided. Empty: there is none."""
    decided = [row["on_time"] for row in rows if row["on_time"] is not None and not row["manual"]]
    if not decided:
        return ""
    return f"on time: {sum(decided)} of {len(decided)} ({100 * sum(decided) / len(decided):.1f} %)"


def _clock(at: object) -> str | None:
    return None if at is None else clock(at)


def _local(at: str) -> str:
    """A time in the job's own zone, which stands beside it."""
    return at[:19].replace("T", " ")


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    schedule = row["schedule"]
    every = f"every {schedule.get('everyMs', 0) / 1000:g} s"
    when = {"cron": schedule.get("expr"), "every": every, "at": f"at {schedule.get('at')}"}[schedule["kind"]]
    state = "running" if row["running"] else "on" if row["enabled"] else "off"
    following = _local(row["next_local"][0]) if row["next_local"] else None
    return {**row, "when": when, "zone": row["tz"], "agent": row["agentId"], "next": following, "state": state}


def _told(answer: dict[str, Any], json: bool) -> None:
    if json:
        put_json(answer)
        return
    ignored = f"  (ignored: {', '.join(answer['ignored'])})" if answer.get("ignored") else ""
    state = "" if answer["enabled"] else f"  off: {answer['why']}"
    following = ", ".join(_local(at) for at in answer["next_local"])
    print(f"{answer['name']}  {answer['id']}  {answer['tz']}  next: {following or 'never'}{state}{ignored}")


def _changes(
    expr: str | None,
    every: str | None,
    at: str | None,
    tz: str | None,
    task: str | None,
    agent: str | None,
    misfire: str | None,
    overlap: str | None,
    grace: str | None,
    timeout: str | None,
) -> dict[str, Any]:
    """The job's JSON of what was given."""
    schedule = {"expr": expr, "everyMs": _milliseconds(every), "at": at, "tz": tz}
    kinds = [kind for kind, value in (("cron", expr), ("every", every), ("at", at)) if value is not None]
    if len(kinds) > 1:
        raise wrong_use("--cron, --every and --at exclude each other")
    payload = {"message": task, "timeoutSeconds": _seconds(timeout, "--timeout")}
    found: dict[str, Any] = {"agentId": agent, "misfire": misfire, "overlap": overlap}
    found |= {"grace": _seconds(grace, "--grace"), "schedule": _given(schedule), "payload": _given(payload)}
    if kinds:
        found["schedule"]["kind"] = kinds[0]
    return {key: value for key, value in found.items() if value not in (None, {})}


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _seconds(text: str | None, of: str) -> float | None:
    from wakeful.duration import seconds
    from wakeful.errors import SpecError

    try:
        return None if text is None else seconds(text, of=of)
    except SpecError as error:
        raise wrong_use(str(error)) from None


def _milliseconds(text: str | None) -> int | None:
    found = _seconds(text, "--every")
    return None if found is None else round(found * 1000)


def _object(text: str) -> dict[str, Any]:
    try:
        value: Any = jsonlib.loads(text)
    except ValueError as error:
        raise wrong_use(f"--job: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise wrong_use('--job: write a JSON object: {"name": …, "schedule": {…}, "payload": {…}}')
    return value  # pyright: ignore[reportUnknownVariableType]
