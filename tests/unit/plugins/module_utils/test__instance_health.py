# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is done about an instance, above all while EC2 still shows the state before a call."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils._instance_health import Health, Policy, next_step

REPAIR = Policy(repair_attempts=1)
START = Policy(start=True)
WELL = {"state": "running", "instance_status": "ok", "system_status": "ok", "agent": "Online"}
ILL = {**WELL, "instance_status": "impaired"}


@pytest.mark.parametrize(
    ("seen", "policy", "step"),
    [
        (WELL, REPAIR, "none"),
        ({**WELL, "agent": "ConnectionLost"}, REPAIR, "wait"),
        ({**WELL, "agent": None}, Policy(agent=False), "none"),
        ({**WELL, "instance_status": "initializing"}, REPAIR, "wait"),
        ({**WELL, "system_status": "insufficient-data"}, REPAIR, "wait"),
        (ILL, REPAIR, "stop"),
        (ILL, START, "wait"),
        ({**ILL, "repairs": 1}, REPAIR, "wait"),
        ({"state": "stopped"}, START, "start"),
        ({"state": "stopped"}, REPAIR, "give up"),
        ({"state": "stopping"}, START, "wait"),
        ({"state": "stopping"}, REPAIR, "give up"),
        ({"state": "pending"}, Policy(), "wait"),
        ({"state": "terminated"}, START, "give up"),
        ({"state": "missing"}, START, "give up"),
        # The stop is not shown yet: it is neither made again, nor is the instance healthy.
        ({**ILL, "phase": "stopping"}, Policy(repair_attempts=9), "wait"),
        ({**WELL, "phase": "stopping"}, REPAIR, "wait"),
        ({"state": "stopping", "phase": "stopping"}, REPAIR, "wait"),
        ({"state": "stopped", "phase": "stopping"}, REPAIR, "start"),
        # A start may be made again, as it does nothing to an instance that runs.
        ({"state": "stopped", "phase": "starting"}, REPAIR, "start"),
        ({"state": "pending", "phase": "starting"}, REPAIR, "wait"),
    ],
)
def test_the_next_step_follows_from_what_is_seen(seen: dict[str, Any], policy: Policy, step: str) -> None:
    assert next_step(Health("i-1", **seen), policy) == step


def test_an_instance_that_runs_again_may_be_repaired_again() -> None:
    instance = Health("i-1", state="pending", phase="starting", repairs=1)
    instance.see("running", "impaired", "ok", None)
    assert next_step(instance, Policy(repair_attempts=2)) == "stop"
