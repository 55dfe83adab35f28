"""The command line. Nothing heavy is imported before a command needs it: `--help` must be instant."""

from __future__ import annotations

from wakeful_runtime.cli.app import main

__all__ = ["main"]
