# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The log: one line of JSON for each thing that happens."""

from __future__ import annotations

import json
from typing import Any


def log(event: str, **details: Any) -> None:
    """Say what happens. Callers pass names, counts and reasons, and never a script or a setting."""
    print(json.dumps({"event": event} | details, default=str), flush=True)
