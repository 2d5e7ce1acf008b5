# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which program speaks for clients: AWS's session-manager-plugin where it is installed, and otherwise our own."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

# Where amazon.aws.aws_ssm looks for it first.
VARIABLE = "AWS_SESSION_MANAGER_PLUGIN"
_NAME = "session-manager-plugin"
_OURS = Path(__file__).resolve().parent.parent / "session_manager_plugin.py"


def write_program(state: Path) -> None:
    """Let our own run by this Python, under the name of AWS's."""
    program = _place(state)
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(_OURS))} "$@"\n')
    program.chmod(0o700)


def find_program(state: Path) -> str:
    """Return the path of the one to use."""
    return shutil.which(_NAME) or str(_place(state))


def _place(state: Path) -> Path:
    return state / "bin" / _NAME
