"""The web of a real node against what schemathesis makes of its OpenAPI document."""

from __future__ import annotations

import subprocess
import sys

import httpx
import pytest
from tests.system.web.conftest import Harness, headers_of

pytestmark = pytest.mark.timeout(300)

SEED = "20260712"


@pytest.mark.parametrize(
    "options",
    [
        ("--phases=fuzzing", "--max-examples=5"),
        ("--phases=coverage", "--include-operation-id-regex=^(sessions_send|journal|status)$"),
    ],
    ids=["fuzzing", "coverage"],
)
def test_schemathesis_finds_nothing(harness: Harness, web: httpx.Client, options: tuple[str, ...]) -> None:
    token = headers_of(harness)["Authorization"]
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{web.base_url}/openapi.json"]
    common = ["--checks=all", f"--seed={SEED}", "--no-color", "--request-timeout=45", "--generation-database=none"]
    done = subprocess.run(
        [*command, *common, *options, "-H", f"Authorization: {token}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
        cwd=harness.directory.root,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert "passed" in done.stdout
    assert web.post("/v1/status").status_code == 200
