# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A plan says what the run then does, and changes nothing.

Seen to fail: without the `check_mode` of site.yml, plan.yml makes mutating calls; with one role's resources left out of
playbooks/vars/report.yml, the account gets more than the plan tells.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
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


@pytest.mark.parametrize("managed", [False, True], ids=["in a network", "with a network"])
def test_on_an_empty_account(account: Account, playbook: Playbook, managed: bool) -> None:
    account.seed("qa", models=2, network=not managed)
    arguments = ["-e", json.dumps({"trading_network_manage": managed})]
    before = _names(account)

    plan = playbook(PLAN, *arguments)
    run = playbook("site.yml", *arguments)

    assert plan.entries == run.entries
    assert {action for _kind, _name, action in plan.entries} == {"create"}
    assert f"Plan: {len(plan.entries)} to create, 0 to change" in plan.run.output
    assert f"Done: {len(plan.entries)} created, 0 changed" in run.run.output
    for kind, names in _names(account).items():
        assert plan.created(kind) == sorted(set(names) - set(before[kind])), kind
    assert plan.written["cost"] == run.written["cost"]
    assert plan.written["cost"]["before"] == 0
    # Three hosts of t3.small with an address, and 14 GiB of gp3 each.
    assert plan.written["cost"]["after"] == pytest.approx(3 * (160 * (0.0208 + 0.005) + 14 * 0.08), abs=0.01)

    again = playbook(PLAN, *arguments)
    assert {(kind, name, "create") for kind, name, _action in again.entries} == plan.entries
    assert again.touched == set()
    assert again.run.changed == 0
    assert again.written["cost"]["before"] == again.written["cost"]["after"] == plan.written["cost"]["after"]


def test_on_a_drifted_account(account: Account, playbook: Playbook) -> None:
    account.seed("qa", models=3)
    playbook("site.yml")
    _drift(account)

    plan = playbook(PLAN)
    checked = playbook("site.yml", "--check", "--diff")
    assert checked.written["resources"] == plan.written["resources"]
    assert checked.written["cost"] == plan.written["cost"]
    run = playbook("site.yml")

    assert plan.entries == run.entries
    assert len(plan.touched) == 7, plan.touched
    assert "      enabled: false -> true" in plan.run.output
    assert playbook(PLAN).touched == set()


def _drift(account: Account) -> None:
    """Change, add and take away by hand one of each of several kinds of resources."""
    client = account.aws.client
    trader = account.traders("qa")[0]
    account.ec2.delete_tags(Resources=[trader.instance_id], Tags=[{"Key": "Symbol"}])
    account.iam.delete_role_policy(RoleName="trading_server_instance_role_qa", PolicyName="s3-list-access-qa")
    client("lambda").update_function_configuration(FunctionName="TradingServerLambda_qa", Timeout=3)
    client("logs").delete_log_group(logGroupName="/aws/lambda/TradingServerLambda_qa")
    client("scheduler").delete_schedule(Name="trading-server-shutdown-schedule-qa")
    _disable(client("scheduler"), "alpaca-websocket-lambda-daily-9am-est-qa")
    account.s3.delete_bucket_tagging(Bucket="algo-trading-ssm-qa-123456789012")
    account.s3.delete_bucket_policy(Bucket="algo-model-deploy")


def _disable(scheduler: Any, name: str) -> None:
    schedule = scheduler.get_schedule(Name=name)
    kept = ("Name", "ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target", "Description")
    scheduler.update_schedule(**{key: schedule[key] for key in kept}, State="DISABLED")
