# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A plan of a whole environment says what the run then does, and changes nothing; test_drift.py has plans of changes.

Seen to fail: without the `check_mode` of site.yml, plan.yml makes 51 mutating calls; with an empty id for a security
group that is yet to be created, what is told of a host is not what it then has.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.integration.account import Account
from tests.playbook import PlaybookRun, run_playbook

PLAN = "playbooks/plan.yml"
# kind, name and action of a resource.
Entries = set[tuple[str, str, str]]


@dataclass(frozen=True)
class Report:
    """What a playbook wrote and printed of what it would do, or did."""

    run: PlaybookRun
    written: dict[str, Any]

    @property
    def entries(self) -> Entries:
        return {(each["kind"], each["name"], each["action"]) for each in self.written["resources"]}

    @property
    def touched(self) -> Entries:
        return {entry for entry in self.entries if entry[2] != "keep"}

    def created(self, kind: str) -> list[str]:
        return sorted(name for one, name, action in self.entries if (one, action) == (kind, "create"))


# Runs a playbook on qa, with further arguments.
Playbook = Callable[..., Report]


@pytest.fixture
def playbook(account: Account, tmp_path: Path) -> Playbook:
    def run(playbook: str, *arguments: str) -> Report:
        path = tmp_path / "report.json"
        account.aws.forget_calls()
        run = run_playbook("qa", account.aws.environ, "-e", f"trading_plan_file={path}", *arguments, playbook=playbook)
        assert run.status == 0, run.output
        report = Report(run, json.loads(path.read_text()))
        assert report.written["environment"] == "qa"
        assert datetime.fromisoformat(report.written["time"]).tzinfo == UTC
        assert report.written["planned"] == (playbook == PLAN or "--check" in arguments)
        if report.written["planned"]:
            assert account.mutating_calls() == []
        return report

    return run


def _names(account: Account) -> dict[str, list[str]]:
    """What there is in the account, by kind."""
    client = account.aws.client
    topics = client("sns").list_topics()["Topics"]
    return {
        "EC2 instance": [host.name for host in account.hosts("qa")],
        "IAM role": account.role_names(),
        "instance profile": _listed(account.iam.list_instance_profiles(), "InstanceProfiles", "InstanceProfileName"),
        "Lambda function": _listed(client("lambda").list_functions(), "Functions", "FunctionName"),
        "log group": _listed(client("logs").describe_log_groups(), "logGroups", "logGroupName"),
        "schedule": _listed(client("scheduler").list_schedules(), "Schedules", "Name"),
        "SNS topic": sorted(topic["TopicArn"].rpartition(":")[2] for topic in topics),
        "bucket": _listed(account.s3.list_buckets(), "Buckets", "Name"),
    }


def _listed(answer: dict[str, Any], key: str, name: str) -> list[str]:
    return sorted(each[name] for each in answer[key])


def test_on_an_empty_account(account: Account, playbook: Playbook) -> None:
    account.seed("qa", models=2, network=False)
    arguments = ["-e", "trading_network_manage=true"]
    before = _names(account)

    plan = playbook(PLAN, *arguments)
    run = playbook("site.yml", *arguments)

    _check_that_it_came_true(plan, run, unknown="security_group_ids")
    assert {action for _kind, _name, action in plan.touched} == {"create"}
    assert f"Plan: {len(plan.touched)} to create, 0 to change" in plan.run.output
    assert f"Done: {len(plan.touched)} created, 0 changed" in run.run.output
    for kind, names in _names(account).items():
        assert plan.created(kind) == sorted(set(names) - set(before[kind])), kind
    assert plan.created("bucket policy") == ["algo-model-deploy"]
    # Three hosts of t3.small with an address, and 14 GiB of gp3 each.
    monthly = pytest.approx(3 * (160 * (0.0208 + 0.005) + 14 * 0.08), abs=0.01)
    assert (plan.written["cost"]["before"], plan.written["cost"]["after"]) == (0, monthly)

    again = playbook(PLAN, *arguments)
    assert again.touched == set()
    assert again.run.changed == 0
    assert {each[:2] for each in again.entries} == {each[:2] for each in plan.entries}
    assert (again.written["cost"]["before"], again.written["cost"]["after"]) == (monthly, monthly)


def _check_that_it_came_true(plan: Report, run: Report, unknown: str) -> None:
    """What was told of each resource beforehand is what is told of it afterwards, to the last value.

    But for one that is unknown before: the ids that EC2 gives to what a host needs, and what is yet to be created.
    """
    assert plan.entries == run.entries
    for told, done in zip(plan.written["resources"], run.written["resources"], strict=True):
        if done["after"] and told["after"] and unknown not in told["after"]:
            done["after"].pop(unknown, None)
        assert told == done
    assert plan.written["cost"] == run.written["cost"]
