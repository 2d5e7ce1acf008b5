# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet of 120 traders, some of them ill, started by the function that site.yml deploys."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.account import Account, Host
from tests.local_aws import LocalAws
from tests.playbook import run_playbook

MODELS = 120
FUNCTION = "TradingServerLambda_qa"
COMMIT = "c0ffee" * 6 + "c0de"
EVENT = {"feed_address": "10.11.0.4", "commit": COMMIT, "deadline": None}
TRADES = {
    "role": "trader",
    "action": "start",
    "commit": COMMIT,
    "changed": True,
    "services": {"trader": "running", "upload": "running"},
    "address": "10.11.0.9",
    "error": None,
}
FAILS = TRADES | {"services": {"trader": "failed", "upload": "running"}, "error": "The trader ended at once."}
MOST_COMMAND_IDS = 50
MOST_STATUS_IDS = 100


@dataclass
class Fleet:
    """120 stopped traders, with the four that make trouble."""

    aws: LocalAws
    account: Account
    sick: Host
    late: Host
    mute: Host
    broken: Host

    def commands(self) -> list[dict[str, Any]]:
        return list(self.aws.client("ssm").get_paginator("list_commands").paginate().search("Commands[]"))

    def boots(self, host: Host) -> int:
        return self.aws.host(host.instance_id).boots


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with LocalAws(hosts=True) as aws:
        # Instances without processes: here it is about how the function goes about many of them.
        aws.instant_hosts()
        account = Account(aws)
        account.seed("qa", models=MODELS)
        # The agent that never comes is waited for as long as the function has time.
        arguments = ("-e", "controllers_timeout=90", "-e", "controllers_retry_attempts=0")
        run = run_playbook("qa", aws.environ, *arguments)
        assert run.status == 0, run.output
        yield _make_ill(aws, account)


def _make_ill(aws: LocalAws, account: Account) -> Fleet:
    traders = account.traders("qa")
    assert len(traders) == MODELS
    account.ec2.stop_instances(InstanceIds=[host.instance_id for host in traders])
    # Far apart, so that they are in chunks of their own.
    fleet = Fleet(aws, account, sick=traders[10], late=traders[45], mute=traders[75], broken=traders[115])
    aws.fail_status_checks(fleet.sick.instance_id, boots=2)
    aws.agent_late(fleet.late.instance_id, seconds=12)
    aws.agent_never(fleet.mute.instance_id)
    aws.stub_command(stdout=f"starting\n{json.dumps(TRADES)}\n")
    aws.stub_command(stdout=f"{json.dumps(FAILS)}\n", exit_code=1, only=[fleet.broken.instance_id])
    aws.forget_calls()
    return fleet


def test_118_of_120_trade_and_the_two_others_are_named(fleet: Fleet) -> None:
    aws = fleet.aws
    before = {host.instance_id: fleet.boots(host) for host in fleet.account.traders("qa")}
    aws.client("lambda").invoke(FunctionName=FUNCTION, InvocationType="Event", Payload=json.dumps(EVENT))
    aws.wait_until_idle(150)

    (invocation,) = aws.invocations(FUNCTION)
    assert invocation.error is not None, "two hosts do not trade, and nobody would know"
    raised = json.loads(invocation.error["errorMessage"])
    assert raised["succeeded"] == MODELS - 2
    reasons = {outcome["name"]: outcome["reason"] for outcome in raised["failed"]}
    assert reasons.keys() == {fleet.mute.name, fleet.broken.name}
    # It was heard of yesterday.
    assert "agent ConnectionLost" in reasons[fleet.mute.name]
    assert "status 1" in reasons[fleet.broken.name]
    assert FAILS["error"] in reasons[fleet.broken.name]
    _check_running(invocation.log, fleet)
    (message,) = aws.sns_messages("arn:aws:sns:us-east-1:123456789012:trading-alerts-qa")
    assert fleet.mute.name in message["message"]
    assert fleet.broken.name in message["message"]

    boots = {host.instance_id: fleet.boots(host) - before[host.instance_id] for host in fleet.account.traders("qa")}
    assert boots == dict.fromkeys(boots, 1) | {fleet.sick.instance_id: 3}, "only the sick one is repaired, twice"
    _check_commands(fleet)
    _check_chunks(fleet)


def _check_running(log: str, fleet: Fleet) -> None:
    """By the log there is one outcome for each host."""
    told = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    statuses = {entry["id"]: entry["status"] for entry in told if entry.get("event") == "host"}
    troubled = {fleet.mute.instance_id: "failed", fleet.broken.instance_id: "failed"}
    traders = [host.instance_id for host in fleet.account.traders("qa")]
    assert statuses == dict.fromkeys(traders, "running") | troubled


def _check_commands(fleet: Fleet) -> None:
    """Each host got one command, but for the one without an agent, and no command went to more than SSM takes."""
    commands = fleet.commands()
    assert max(len(command["InstanceIds"]) for command in commands) <= MOST_COMMAND_IDS
    sent = Counter(instance_id for command in commands for instance_id in command["InstanceIds"])
    wanted = {host.instance_id for host in fleet.account.traders("qa")} - {fleet.mute.instance_id}
    assert sent == Counter(wanted)


def _check_chunks(fleet: Fleet) -> None:
    """The local AWS refuses larger calls, as AWS does, and none was refused."""
    limited = {"SendCommand": -(-(MODELS - 3) // MOST_COMMAND_IDS), "DescribeInstanceStatus": 2}
    calls = fleet.aws.calls()
    for operation, fewest in limited.items():
        statuses = [call.status for call in calls if call.operation == operation]
        assert len(statuses) >= fewest
        assert set(statuses) == {200}
    ids = [host.instance_id for host in fleet.account.traders("qa")]
    with pytest.raises(ClientError):
        fleet.account.ec2.describe_instance_status(InstanceIds=ids[: MOST_STATUS_IDS + 1])
    with pytest.raises(ClientError):
        fleet.aws.client("ssm").send_command(
            InstanceIds=ids[: MOST_COMMAND_IDS + 1],
            DocumentName="AWS-RunShellScript",
            Parameters={"commands": ["true"]},
        )
