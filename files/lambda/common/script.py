# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The text that a host is sent: what it is told, and run.sh."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

_NAME = re.compile(r"TRADING_[A-Z0-9_]+")
# With it run.sh would only say what it would do.
_NEVER = "TRADING_CHECK"


def build_script(run_sh: Path, exports: Mapping[str, str], workload: str) -> str:
    """Return run.sh behind its variables. One that is empty is left out, so that run.sh takes its default.

    Args:
        run_sh: The file.
        exports: The variables that the controllers decide.
        workload: More variables, as JSON.

    Raises:
        ValueError: the workload is no such JSON, or would decide what the controllers do.
    """
    variables = _read(workload)
    for name in variables:
        if name in exports or name == _NEVER:
            raise ValueError(f"WORKLOAD: {name} is for the controllers to say")
    variables |= exports
    told = [f"export {name}={shlex.quote(value)}" for name, value in sorted(variables.items()) if value]
    return "\n".join(["#!/usr/bin/env bash", *told, run_sh.read_text(encoding="utf-8")])


def _read(workload: str) -> dict[str, str]:
    try:
        variables = json.loads(workload)
    except ValueError as error:
        raise ValueError(f"WORKLOAD: it is no JSON: {error}") from error
    if not isinstance(variables, dict):
        raise ValueError("WORKLOAD: it is no dictionary")
    for name, value in variables.items():
        # A name cannot be quoted, and a shell would run it.
        if not _NAME.fullmatch(name):
            raise ValueError(f"WORKLOAD: {name} is none of run.sh's variables")
        if not isinstance(value, str | int):
            raise ValueError(f"WORKLOAD: {name} is neither text nor a number")
    return {name: str(value) for name, value in variables.items()}
