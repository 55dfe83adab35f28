"""Sessions and other children: spawn, send, stop, restart, kill, pause, unpause."""

from __future__ import annotations

import json as jsonlib
from typing import Annotated, Any, cast

import typer

from wakeful_runtime.cli.asking import ask, ask_about
from wakeful_runtime.cli.options import AllOption, JsonOption, NodeOption, OptionalPathArgument, PathArgument, wrong_use
from wakeful_runtime.cli.screen import put_json
from wakeful_runtime.cli.shapes import as_mapping


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (spawn, send, stop, restart, kill, pause, unpause):
        app.command()(command)


def spawn(
    task: Annotated[str, typer.Option("--task", help="What it is to do; the first argument of its run.")],
    agent: Annotated[str | None, typer.Option("--agent", metavar="ID", help="Which of the tree's agents.")] = None,
    label: Annotated[str | None, typer.Option("--label", help="Its name: it runs as sessions/LABEL.")] = None,
    run_timeout: Annotated[
        str | None, typer.Option("--run-timeout", metavar="DURATION", help="Seconds, or 90s 5m 2h.")
    ] = None,
    args: Annotated[str | None, typer.Option("--args", metavar="JSON", help="More arguments of run.")] = None,
    node: NodeOption = None,
    json: JsonOption = False,
) -> None:
    """Start a session of one of the tree's agents.

    \b
    Examples:
      wakeful spawn --task "keywords of asyncio" --agent researcher --label asyncio
      wakeful spawn --task report --agent researcher --run-timeout 2h --args '{"depth": 2}'
    """
    arguments: dict[str, Any] = {"task": task}
    if agent is not None:
        arguments["agentId"] = agent
    if label is not None:
        arguments["label"] = label
    if run_timeout is not None:
        arguments["runTimeoutSeconds"] = _duration(run_timeout)
    if args is not None:
        arguments["args"] = _object(args)
    answer = ask(node, "sessions_spawn", **arguments)
    _answered(answer, json, good="accepted", line=f"{answer.get('path')}  {answer.get('key')}")


def send(
    path: PathArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to say; checkpoint:NAME records a marker.")],
    wait: Annotated[float, typer.Option("--wait", metavar="S", help="Seconds to wait for the reply.")] = 0.0,
    node: NodeOption = None,
    json: JsonOption = False,
) -> None:
    """Put a text into a session's inbox.

    \b
    Examples:
      wakeful send weekly "skip the appendix"
      wakeful send sessions/asyncio "how far are you?" --wait 30
    """
    full = str(ask(node, "resolve", path=path))
    answer = ask(node, "sessions_send", label=full, message=text, timeoutSeconds=wait)
    _answered(answer, json, good=("ok", "accepted"), line=str(answer.get("reply") or f"{full}: {answer.get('status')}"))


def stop(path: PathArgument, node: NodeOption = None, json: JsonOption = False) -> None:
    """Stop it in order, until `wakeful restart`.

    \b
    Examples:
      wakeful stop research/weekly
    """
    _order(node, "stop", path, json, "stopped")


def restart(path: PathArgument, node: NodeOption = None, json: JsonOption = False) -> None:
    """End its life in order and begin the next one.

    A session resumes from its last checkpoint.

    \b
    Examples:
      wakeful restart weekly
    """
    _order(node, "restart", path, json, "restarted")


def kill(path: PathArgument, node: NodeOption = None, json: JsonOption = False) -> None:
    """End its life at once, with all it has started.

    What happens next is up to its restart policy.

    \b
    Examples:
      wakeful kill weekly
    """
    _order(node, "kill", path, json, "killed")


def pause(
    path: OptionalPathArgument = None, all_: AllOption = False, node: NodeOption = None, json: JsonOption = False
) -> None:
    """Start and restart nothing more.

    Of one child, or of the whole node with --all.

    \b
    Examples:
      wakeful pause research
      wakeful pause --all
    """
    _pause(node, "pause", path, all_, json, "paused")


def unpause(
    path: OptionalPathArgument = None, all_: AllOption = False, node: NodeOption = None, json: JsonOption = False
) -> None:
    """End a pause; what ended meanwhile is restarted.

    \b
    Examples:
      wakeful unpause --all
    """
    _pause(node, "unpause", path, all_, json, "unpaused")


def _order(node: str | None, verb: str, path: str, json: bool, done: str) -> None:
    full, answer = ask_about(node, verb, path)
    put_json(answer) if json else print(f"{full}: {done}")


def _pause(node: str | None, verb: str, path: str | None, all_: bool, json: bool, done: str) -> None:
    if (path is None) != all_:
        raise wrong_use(f"say which: wakeful {verb} PATH, or wakeful {verb} --all")
    if path is not None:
        _order(node, verb, path, json, done)
        return
    answer = ask(node, verb, path=None)
    put_json(answer) if json else print(f"node: {done}")


def _answered(answer: dict[str, Any], json: bool, *, good: str | tuple[str, ...], line: str) -> None:
    """Print an answer of the sessions API; one that isn't good is an error with exit code 1."""
    if json:
        put_json(answer)
    state = answer.get("status")
    if state in (good if isinstance(good, tuple) else (good,)):
        if not json:
            print(line)
        return
    from wakeful.errors import NodeError

    why = answer.get("error") or answer.get("why") or "no reply in time; the text was delivered or is on its way"
    raise NodeError(f"{state}: {why}")


def _duration(text: str) -> float:
    from wakeful.duration import seconds
    from wakeful.errors import SpecError

    try:
        return seconds(text, of="--run-timeout")
    except SpecError as error:
        raise wrong_use(str(error)) from None


def _object(text: str) -> dict[str, Any]:
    try:
        value: object = jsonlib.loads(text)
    except ValueError as error:
        raise wrong_use(f"--args: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise wrong_use('--args: write a JSON object, such as {"depth": 2}')
    return dict(as_mapping(cast("object", value)))
