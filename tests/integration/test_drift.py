# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is changed by hand is found by the plan and handled by the run, so that the next plan is empty.

All kinds of drift are made at once, as each run of the playbook takes its time; each is looked for by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.account import Account
from tests.integration.drifts import Drift, make_drifts
from tests.local_aws import LocalAws
from tests.playbook import run_playbook

pytestmark = pytest.mark.xdist_group("drift")

MANAGED = ("-e", "trading_network_manage=true")
REPLACE = ("-e", "trading_replace=stopped")
KINDS = (
    "type",
    "profile",
    "security groups",
    "metadata options",
    "tags",
    "image",
    "user data",
    "disk",
    "role's trust",
    "inline policy",
    "attached policy",
    "customer managed policy",
    "instance profile",
    "bucket policy",
    "firewall",
    "function's code",
    "function's configuration",
    "function's retries",
    "log retention",
    "topic",
    "schedule",
    "missing schedule",
)

Plan = list[dict[str, Any]]


@dataclass(frozen=True)
class Story:
    """What plans said before the repair, after it, and after replacing was asked for, and what was to be said."""

    drifts: dict[str, Drift]
    first: Plan
    repaired: Plan
    replaced: Plan


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    plan_file = tmp_path_factory.mktemp("plan") / "plan.json"
    with LocalAws() as aws:
        account = Account(aws)
        account.seed("qa", models=8, network=False)
        _run(aws, "site.yml")
        assert _remaining(_plan(aws, plan_file)) == []
        drifts = make_drifts(account)
        first = _plan(aws, plan_file)
        _run(aws, "site.yml")
        repaired = _plan(aws, plan_file)
        _run(aws, "site.yml", *REPLACE)
        yield Story(drifts, first, repaired, _plan(aws, plan_file))


def _run(aws: LocalAws, playbook: str, *arguments: str) -> None:
    run = run_playbook("qa", aws.environ, *MANAGED, *arguments, playbook=playbook)
    assert run.status == 0, run.output


def _plan(aws: LocalAws, plan_file: Path) -> Plan:
    aws.forget_calls()
    _run(aws, "playbooks/plan.yml", "-e", f"trading_plan_file={plan_file}")
    assert Account(aws).mutating_calls() == []
    resources: Plan = json.loads(plan_file.read_text())["resources"]
    return resources


def _remaining(plan: Plan) -> Plan:
    """What a plan would do, and what differs and stays."""
    return [entry for entry in plan if entry["action"] != "keep" or entry["reasons"]]


def test_every_kind_of_drift_was_made(story: Story) -> None:
    assert tuple(story.drifts) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_the_plan_tells_the_drift(story: Story, kind: str) -> None:
    drift = story.drifts[kind]
    (entry,) = [each for each in story.first if (each["kind"], each["name"]) == (drift.kind, drift.name)]
    assert entry["action"] == drift.action
    assert entry["reasons"]
    if drift.attribute:
        assert entry["before"][drift.attribute] != entry["after"][drift.attribute]


def test_the_plan_tells_nothing_else(story: Story) -> None:
    told = {(entry["kind"], entry["name"]) for entry in _remaining(story.first)}
    assert told == {(drift.kind, drift.name) for drift in story.drifts.values()}


@pytest.mark.parametrize("kind", KINDS)
def test_the_run_handles_the_drift(story: Story, kind: str) -> None:
    drift = story.drifts[kind]
    (entry,) = [each for each in story.repaired if (each["kind"], each["name"]) == (drift.kind, drift.name)]
    if drift.action == "keep":
        assert drift.attribute in entry["before"], "it is still reported, as replacing was not asked for"
    else:
        assert (entry["action"], entry["reasons"]) == ("keep", [])


def test_after_replacing_the_plan_is_empty(story: Story) -> None:
    assert _remaining(story.replaced) == []
