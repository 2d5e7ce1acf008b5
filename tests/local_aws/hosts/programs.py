# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the programs are that a host has beside those of this machine: the AWS CLI, NATS, a Python with its client."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "TRADING_LOCAL_HOST_PATH"
_REPOSITORY = Path(__file__).resolve().parents[3]
_NEEDED = ("aws", "nats-server", "python")


def programs_folder() -> Path:
    """Return the folder, whether or not it is there."""
    return Path(os.environ.get(VARIABLE) or _REPOSITORY / ".venv/host/bin")


def complaint_about_programs() -> str:
    """Say in one sentence which programs are missing; nothing when all are there."""
    folder = programs_folder()
    missing = [name for name in _NEEDED if not os.access(folder / name, os.X_OK)]
    if not missing:
        return ""
    return (
        f"The programs of hosts are missing ({', '.join(missing)} in {folder}): `make venv` installs "
        f"tests/workload/requirements.txt there, or {VARIABLE} names another folder."
    )
