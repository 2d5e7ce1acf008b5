# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Shows the status of an environment's hosts as a table.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

from typing import Any

# Ansible puts eight spaces before it, and 120 columns are common.
WIDTH = 112
# More of the services is told among the problems.
SERVICES_WIDTH = 20
HEADER = ["MODEL", "STATE", "CHECKS", "AGENT", "SERVICES", "COMMIT", "UPLOAD / LAG"]
_GAP = "  "
_NOTHING = "-"


def status_table(hosts: list[dict[str, Any]]) -> str:
    """A line for each host, with a mark on those that have a problem."""
    rows = [_cells(host) for host in hosts]
    widths = [max(map(len, column)) for column in zip(HEADER, *rows, strict=True)]
    marks = [" ", *("!" if host["problems"] else " " for host in hosts)]
    widths[0] = min(widths[0], WIDTH - sum(widths[1:]) - len(_GAP) * (len(widths) - 1) - 2)
    return "\n".join(_line(mark, cells, widths) for mark, cells in zip(marks, [HEADER, *rows], strict=True))


def _line(mark: str, cells: list[str], widths: list[int]) -> str:
    padded = [_shorten(cell, width).ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return f"{mark} {_GAP.join(padded)}".rstrip()


def _cells(host: dict[str, Any]) -> list[str]:
    return [
        _model(host),
        host["state"],
        _checks(host),
        host["agent"] or _NOTHING,
        _shorten(_services(host["services"]), SERVICES_WIDTH),
        (host["commit"] or _NOTHING)[:7],
        _last(host),
    ]


def _model(host: dict[str, Any]) -> str:
    parts = [host[name] for name in ("symbol", "model_type", "model_number") if host[name]]
    return " ".join(parts) if parts else f"{host['role']} node"


def _checks(host: dict[str, Any]) -> str:
    """What the first check says that is not passed."""
    if host["state"] != "running":
        return _NOTHING
    checks = [host["instance_status"], host["system_status"]]
    return next((check or _NOTHING for check in checks if check != "ok"), "ok")


def _services(services: dict[str, str]) -> str:
    states = set(services.values())
    if len(states) == 1:
        return states.pop()
    return ", ".join(f"{name} {state}" for name, state in services.items() if state != "running") or _NOTHING


def _last(host: dict[str, Any]) -> str:
    if host["uploaded"]:
        return f"{host['uploaded'][:10]} {host['uploaded'][11:16]}Z"
    return _NOTHING if host["feed_lag"] is None else f"{host['feed_lag']:.0f} s"


def _shorten(text: str, width: int) -> str:
    """Leave out the middle, as long names often differ at their ends."""
    if len(text) <= width:
        return text
    head = (width - 2) // 2
    return f"{text[:head]}..{text[len(text) - (width - 2 - head) :]}"
