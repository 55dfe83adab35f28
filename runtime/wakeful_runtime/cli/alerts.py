"""Whom the node tells, what it has told, and that somebody knows: alerts, ack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from wakeful_runtime.cli import past
from wakeful_runtime.cli.asking import ask
from wakeful_runtime.cli.options import JsonOption, NodeOption, prompt
from wakeful_runtime.cli.screen import cell, put_json, put_table
from wakeful_runtime.cli.shapes import as_list

_TEST_S = 40.0
"""Longer than one attempt of the herald may take."""

RouteOption = Annotated[str | None, typer.Option("--route", metavar="NAME", help="Only this one.")]
LimitOption = Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many, the newest.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(invoke_without_command=True, add_completion=False, rich_markup_mode=None)
    group.callback()(alerts)
    group.command("test")(test)
    app.add_typer(group, name="alerts")
    app.command()(ack)


def alerts(
    context: typer.Context,
    open_: Annotated[bool, typer.Option("--open", help="Only what is not over, or still to be told.")] = False,
    limit: LimitOption = 100,
    node: NodeOption = None,
    json: JsonOption = False,
) -> None:
    """What people were told, and whether they can be told at all.

    Works without a running node.

    \b
    Examples:
      wakeful alerts
      wakeful alerts --open --json | jq '.rows[].what'
      wakeful alerts test
    """
    if context.invoked_subcommand is not None:
        return
    answer = past.alerts(node, open_only=open_, limit=limit)
    if json:
        put_json(answer)
        return
    rows = [{**row, "told": _told(row), "what": f"{row['verdict']}: {row['what']}"} for row in answer["rows"]]
    put_table(rows, ("id", "at", "severity", "state", "path", "what", "repeats", "told"), empty="no alerts")
    for line in route_lines(answer["routes"]):
        print(line)


def route_lines(routes: list[Mapping[str, Any]]) -> list[str]:
    """A line per route: how it does."""
    return [f"{row['route']}: {_state(row)}" for row in routes] or [
        "nobody is told: the tree names no alerts; write Gateway(…, alerts=['env:NAME'])"
    ]


def test(route: RouteOption = None, node: NodeOption = None, json: JsonOption = False) -> None:
    """Send a trial message to everybody who would be told, now.

    Exit code 0: all of them have it. 1: somebody has not.

    \b
    Examples:
      wakeful alerts test
      wakeful alerts test --route env:DISCORD_ALERTS
    """
    rows = ask(node, "alerts_test", route=route, timeoutSeconds=_TEST_S)
    if json:
        put_json(rows)
    else:
        for row in rows:
            print(f"{row['route']}: {'sent' if row['ok'] else row['error']}")
    if not all(row["ok"] for row in rows):
        raise typer.Exit(1)


def ack(
    number: Annotated[
        str, typer.Argument(metavar="ID", help="An alert's number, an incident's id, or a path.", show_default=False)
    ],
    node: NodeOption = None,
    json: JsonOption = False,
) -> None:
    """Say that you know: nobody else is asked, and a session that waited for that goes on.

    \b
    Examples:
      wakeful ack 17
      wakeful ack research/weekly
    """
    answer = ask(node, "ack", id=number)
    if json:
        put_json(answer)
        return
    known = "" if answer["first"] else " (it had been before)"
    print(f"{answer['path']}: acknowledged{known}{_resumption(answer)}")


def _resumption(answer: Mapping[str, Any]) -> str:
    if answer["resumed"]:
        return "; it resumes"
    return prompt().put(f"; nothing to resume: {answer['not_resumed']}") if answer.get("not_resumed") else ""


def _told(row: Mapping[str, Any]) -> str:
    told: list[str] = []
    for each in as_list(row.get("routes")):
        if each["waits"]:
            tries = f", tried {each['tries']} times" if each["tries"] else ""
            told.append(f"{each['route']}: waits{tries}")
        elif each["told"]:
            told.append(f"{each['route']}: {each['told']} {cell('at', each['told_at'])}")
    if row.get("acked_at"):
        told.append(f"acknowledged {cell('at', row['acked_at'])}")
    return ", ".join(told)


def _state(row: Mapping[str, Any]) -> str:
    if row.get("failing_since"):
        again = f"; next attempt {cell('at', row['next_at'])}" if row.get("next_at") else ""
        return f"fails since {cell('at', row['failing_since'])}: {row['error']}{again}"
    if row.get("opens_at"):
        return f"held until {cell('at', row['opens_at'])}"
    return f"last sent {cell('at', row['sent_at'])}" if row.get("sent_at") else "nothing sent yet"
