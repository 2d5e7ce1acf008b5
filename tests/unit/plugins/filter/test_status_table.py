# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The filter status_table: a person sees at once what is wrong."""

from __future__ import annotations

from typing import Any

from ansible.plugins.loader import filter_loader

WIDTH = 112
INGEST: dict[str, Any] = {
    "role": "ingest",
    "model_type": None,
    "symbol": None,
    "model_number": None,
    "state": "running",
    "instance_status": "ok",
    "system_status": "ok",
    "agent": "Online",
    "services": {"nats": "running", "feed": "running", "dashboard": "running"},
    "commit": "c0ffee" * 6 + "c0de",
    "uploaded": None,
    "feed_lag": 2,
    "problems": [],
}
MODEL = {"model_type": "long", "symbol": "SOXL", "model_number": "soxl_long-outer_11_inner_48"}
SERVICES = {"upload": "running", "trader": "running"}
TRADER = INGEST | MODEL | {"role": "trader", "feed_lag": None, "uploaded": "2026-02-02T20:59:59Z", "services": SERVICES}


def _table(*hosts: dict[str, Any]) -> str:
    table: str = filter_loader.get("algotrading.aws.status_table").j2_function(list(hosts))
    return table


def test_the_whole_table() -> None:
    broken = {"services": {"upload": "running", "trader": "failed"}, "problems": ["trader is failed"]}
    impaired = {
        "instance_status": "ok",
        "system_status": "impaired",
        "problems": ["its system status check is impaired"],
    }
    stopped = {
        "state": "stopped",
        "instance_status": "not-applicable",
        "system_status": "not-applicable",
        "agent": None,
    }
    silent: dict[str, Any] = {"services": {}, "commit": None, "uploaded": None}
    assert _table(INGEST, TRADER, TRADER | broken, TRADER | impaired, TRADER | stopped | silent) == (
        """\
  MODEL                                  STATE    CHECKS    AGENT   SERVICES       COMMIT   UPLOAD / LAG
  ingest node                            running  ok        Online  running        c0ffeec  2 s
  SOXL long soxl_long-outer_11_inner_48  running  ok        Online  running        c0ffeec  2026-02-02 20:59Z
! SOXL long soxl_long-outer_11_inner_48  running  ok        Online  trader failed  c0ffeec  2026-02-02 20:59Z
! SOXL long soxl_long-outer_11_inner_48  running  impaired  Online  running        c0ffeec  2026-02-02 20:59Z
  SOXL long soxl_long-outer_11_inner_48  stopped  -         -       -              -        -"""
    )


def test_the_longest_values_fit_and_names_keep_their_ends() -> None:
    worst = TRADER | {
        "model_number": "m" * 230 + "_inner_48",
        "state": "shutting-down",
        "agent": "ConnectionLost",
        "services": {"nats": "failed", "feed": "stopped", "dashboard": "failed"},
    }
    starting = TRADER | {"instance_status": "insufficient-data"}
    lines = _table(worst, starting).splitlines()
    assert max(map(len, lines)) == WIDTH
    (head, _, tail) = lines[1].split("  ")[1].partition("..")
    assert "SOXL long".startswith(head)
    assert "_inner_48".endswith(tail)
    assert len(head + tail) >= 8
