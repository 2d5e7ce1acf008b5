# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The text that a host is sent: what it is told, and run.sh."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path


def build_script(run_sh: Path, exports: Mapping[str, str]) -> str:
    """Return run.sh behind its variables. One that is empty is left out, so that run.sh takes its default."""
    told = [f"export {name}={shlex.quote(value)}" for name, value in sorted(exports.items()) if value]
    return "\n".join(["#!/usr/bin/env bash", *told, run_sh.read_text(encoding="utf-8")])
