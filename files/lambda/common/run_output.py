# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What run.sh said at its end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

_LAST_WORDS = 200


@dataclass(frozen=True)
class RunResult:
    """One run of run.sh that is over."""

    ok: bool
    # How the run ended, in SSM's words.
    details: str
    exit_status: int
    commit: str | None = None
    services: dict[str, str] = field(default_factory=dict)
    error: str = ""


def read_result(invocation: dict[str, Any]) -> RunResult:
    """Read the answer of GetCommandInvocation. The exit status decides; the last line of JSON tells the rest."""
    said = _last_json(invocation.get("StandardOutputContent", ""))
    ok = invocation["Status"] == "Success"
    details = invocation.get("StatusDetails") or invocation["Status"]
    status = invocation.get("ResponseCode", -1)
    error = ""
    if not ok:
        error = str(said.get("error") or "") or _last_line(invocation.get("StandardErrorContent", ""))[-_LAST_WORDS:]
    services = said.get("services")
    return RunResult(
        ok=ok,
        details=details,
        exit_status=status,
        commit=said.get("commit"),
        services=services if isinstance(services, dict) else {},
        error=error,
    )


def explain_failure(result: RunResult) -> str:
    """Return in one line why a run failed."""
    ended = f"run.sh ended with status {result.exit_status} ({result.details})"
    return f"{ended}: {result.error}" if result.error else ended


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""


def _last_json(text: str) -> dict[str, Any]:
    try:
        said = json.loads(_last_line(text))
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
