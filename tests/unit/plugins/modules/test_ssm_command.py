# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module ssm_command."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.modules import ssm_command

from tests.unit.plugins.modules.hosts import Clock, Hosts
from tests.unit.plugins.support import Account, Disturbance, Outcome, RunModule

SCRIPT = "#!/bin/bash\necho 'done'\n"


class Fleet:
    """Some hosts, and the module applied to them."""

    def __init__(self, hosts: Hosts, clock: Clock, run_module: RunModule) -> None:
        self.hosts, self.clock, self.run_module = hosts, clock, run_module

    def add(self, count: int) -> list[str]:
        for number in range(count):
            self.hosts.add(number)
        return self.hosts.ids()

    def run(self, *, check: bool = False, **options: Any) -> Outcome:
        self.hosts.requests.clear()
        given = {"instance_ids": self.hosts.ids(), "script": SCRIPT, **options}
        return self.run_module(ssm_command.main, check=check, **given)

    @property
    def sent(self) -> list[dict[str, Any]]:
        return self.hosts.asked("SendCommand")


@pytest.fixture
def fleet(aws: Account, disturbance: Disturbance, monkeypatch: pytest.MonkeyPatch, run_module: RunModule) -> Fleet:
    clock = Clock(monkeypatch)
    return Fleet(Hosts(disturbance, clock), clock, run_module)


def test_a_script_is_run_and_its_outcome_told(fleet: Fleet) -> None:
    (instance_id,) = fleet.add(1)
    outcome = fleet.run()
    assert outcome.changed
    assert outcome["instances"] == [
        {"instance_id": instance_id, "status": "Success", "rc": 0, "stdout": "done\n", "stderr": "", "reason": ""}
    ]
    assert outcome["command_ids"] == list(fleet.hosts.commands)


def test_the_script_is_sent_as_one_text_with_its_limits(fleet: Fleet) -> None:
    ids = fleet.add(2)
    fleet.run(execution_timeout=30, timeout_seconds=60, working_directory="/srv", comment="a remark")
    assert fleet.sent == [
        {
            "InstanceIds": ids,
            "DocumentName": "AWS-RunShellScript",
            "Parameters": {"commands": [SCRIPT], "executionTimeout": ["30"], "workingDirectory": ["/srv"]},
            "TimeoutSeconds": 60,
            "Comment": "a remark",
            "MaxConcurrency": "2",
            "MaxErrors": "2",
        }
    ]


def test_it_runs_again_each_time(fleet: Fleet) -> None:
    fleet.add(1)
    assert fleet.run().changed
    assert fleet.run().changed
    assert len(fleet.hosts.commands) == 2


def test_an_instance_that_is_named_twice_runs_it_once(fleet: Fleet) -> None:
    (instance_id,) = fleet.add(1)
    assert fleet.run(instance_ids=[instance_id, instance_id]).changed
    assert fleet.sent[0]["InstanceIds"] == [instance_id]


def test_many_instances_are_sent_50_at_a_time_and_all_run_at_once(fleet: Fleet) -> None:
    ids = fleet.add(120)
    outcome = fleet.run()
    assert [len(sent["InstanceIds"]) for sent in fleet.sent] == [50, 50, 20]
    assert [result["instance_id"] for result in outcome["instances"]] == ids
    assert all(len(asked["Filters"][0]["Values"]) <= 50 for asked in fleet.hosts.asked("DescribeInstanceInformation"))
    assert fleet.hosts.most_at_once() == 120


@pytest.mark.parametrize(
    ("limit", "most"),
    [("7", 7), ("10%", 7), ("50", 50), ("69", 50), ("100%", 70), ("500", 70)],
)
def test_no_more_instances_than_asked_run_it_at_a_time(fleet: Fleet, limit: str, most: int) -> None:
    fleet.add(70)
    assert len(fleet.run(max_concurrency=limit)["instances"]) == 70
    assert fleet.hosts.most_at_once() == most


def test_a_share_of_few_instances_is_one_at_least(fleet: Fleet) -> None:
    fleet.add(3)
    assert fleet.run(max_concurrency="10%").changed
    assert fleet.sent[0]["MaxConcurrency"] == "1"


def test_one_failure_fails_the_run_and_tells_all(fleet: Fleet) -> None:
    first, second, third = fleet.add(3)
    fleet.hosts.hosts[second].ends = (
        "Failed",
        3,
        "begun\n",
        "first line\ncannot open x\n\nfailed to run commands: exit status 3",
    )
    outcome = fleet.run()
    assert outcome.msg == (f"The script failed on 1 of 3 instances: {second} (exit status 3: cannot open x)")
    assert outcome["changed"] is True
    assert [(result["status"], result["rc"]) for result in outcome["instances"]] == [
        ("Success", 0),
        ("Failed", 3),
        ("Success", 0),
    ]
    assert outcome["instances"][1]["stderr"].startswith("first line\ncannot open x\n")
    assert [result["instance_id"] for result in outcome["instances"]] == [first, second, third]


@pytest.mark.parametrize(
    ("ends", "rc", "reason"),
    [
        (("Failed", 1, "only output\n", "failed to run commands: exit status 1"), 1, "exit status 1: only output"),
        (("Failed", 2, "", ""), 2, "exit status 2"),
        (("ExecutionTimedOut", -1, "", ""), None, "ExecutionTimedOut"),
        (("DeliveryTimedOut", -1, "", ""), None, "DeliveryTimedOut"),
        (("Undeliverable", -1, "", ""), None, "Undeliverable"),
        (("Cancelled", -1, "", ""), None, "Cancelled"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_each_way_to_fail_has_its_reason(
    fleet: Fleet, ends: tuple[str, int, str, str], rc: int | None, reason: str
) -> None:
    (instance_id,) = fleet.add(1)
    fleet.hosts.hosts[instance_id].ends = ends
    outcome = fleet.run()
    assert outcome.msg == f"The script failed on 1 of 1 instances: {instance_id} ({reason})"
    (result,) = outcome["instances"]
    assert (result["status"], result["rc"], result["reason"]) == (ends[0], rc, reason)


def test_a_message_names_some_failures_and_counts_the_others(fleet: Fleet) -> None:
    for instance_id in fleet.add(30):
        fleet.hosts.hosts[instance_id].ends = ("Failed", 1, "", "")
    message = fleet.run().msg
    assert message.startswith("The script failed on 30 of 30 instances: ")
    assert message.endswith("; and 10 more")
    assert message.count("exit status 1") == 20


@pytest.mark.parametrize(("limit", "ran"), [("0", 1), ("2", 3), ("10%", 7), ("100%", 60)])
def test_after_too_many_failures_the_others_are_left_alone(fleet: Fleet, limit: str, ran: int) -> None:
    for instance_id in fleet.add(60):
        fleet.hosts.hosts[instance_id].ends = ("Failed", 1, "", "")
    outcome = fleet.run(max_concurrency="1", max_errors=limit)
    assert outcome.msg.startswith("The script failed on 60 of 60 instances: ")
    statuses = [result["status"] for result in outcome["instances"]]
    assert statuses == ["Failed"] * ran + ["Terminated"] * (60 - ran)


def test_by_default_one_failure_hinders_no_other(fleet: Fleet) -> None:
    ids = fleet.add(60)
    fleet.hosts.hosts[ids[0]].ends = ("Failed", 1, "", "")
    outcome = fleet.run(max_concurrency="10")
    assert [result["status"] for result in outcome["instances"]] == ["Failed"] + ["Success"] * 59


@pytest.mark.parametrize("check", [False, True])
def test_nothing_is_sent_when_one_agent_is_not_online(fleet: Fleet, check: bool) -> None:
    _first, second, third = fleet.add(3)
    fleet.hosts.hosts[second].agent = None
    fleet.hosts.hosts[third].boots = 1
    fleet.hosts.hosts[third].agent = 10_000
    assert fleet.run(check=check).msg == (
        "The SSM agent is not online on 2 of 3 instances after 0 s, so nothing was sent: "
        f"{second} (NotRegistered), {third} (ConnectionLost). "
        "Raise wait_for_agent, or look whether they run, reach SSM, and may use it by their role"
    )
    assert not fleet.sent


def test_agents_are_waited_for(fleet: Fleet) -> None:
    ids = fleet.add(3)
    fleet.hosts.hosts[ids[2]].agent = fleet.clock.now + 100
    assert fleet.run(wait_for_agent=120).changed
    assert 100 <= fleet.clock.now - 1000 < 120


def test_agents_are_waited_for_no_longer_than_asked(fleet: Fleet) -> None:
    (instance_id,) = fleet.add(1)
    fleet.hosts.hosts[instance_id].agent = None
    message = fleet.run(wait_for_agent=120).msg
    assert message.startswith("The SSM agent is not online on 1 of 1 instances after 120 s, so nothing was sent: ")
    assert 120 <= fleet.clock.now - 1000 < 125


def test_check_mode_looks_for_agents_and_sends_nothing(fleet: Fleet) -> None:
    fleet.add(120)
    outcome = fleet.run(check=True)
    assert outcome.changed
    assert (outcome["instances"], outcome["command_ids"]) == ([], [])
    assert set(fleet.hosts.operations()) == {"DescribeInstanceInformation"}


def test_check_mode_warns_of_agents_that_a_run_would_wait_for(fleet: Fleet) -> None:
    (instance_id,) = fleet.add(1)
    fleet.hosts.hosts[instance_id].agent = None
    outcome = fleet.run(check=True, wait_for_agent=600)
    assert outcome.changed
    assert outcome.warnings == [f"The module would wait for the SSM agents of {instance_id}, which are not online"]
    assert fleet.clock.now == 1000


def test_no_instance_is_an_error_but_in_check_mode(fleet: Fleet) -> None:
    assert fleet.run(instance_ids=[]).msg == "No instance is named: instance_ids is empty"
    assert fleet.run(instance_ids=[], check=True).changed
    assert not fleet.hosts.requests


def test_an_invocation_that_ssm_does_not_know_yet_is_asked_for_again(fleet: Fleet) -> None:
    fleet.add(1)
    fleet.hosts.unknown = 3
    assert fleet.run()["instances"][0]["stdout"] == "done\n"


def test_an_invocation_that_ssm_never_knows_is_told_as_unknown(fleet: Fleet) -> None:
    fleet.add(1)
    fleet.hosts.unknown = 1000
    outcome = fleet.run()
    assert "InvocationDoesNotExist" in outcome.msg
    assert (outcome["instances"][0]["status"], outcome["changed"]) == ("Unknown", True)


def test_a_script_whose_answer_is_lost_is_not_sent_again(fleet: Fleet) -> None:
    ids = fleet.add(60)
    fleet.hosts.lost_answers = 1
    outcome = fleet.run()
    assert outcome.msg.startswith("The script failed on 50 of 60 instances: ")
    assert [sent["InstanceIds"] for sent in fleet.sent] == [ids[:50], ids[50:]]
    assert [result["status"] for result in outcome["instances"]] == ["NotSent"] * 50 + ["Success"] * 10
    assert "Read timeout" in outcome["instances"][0]["reason"]


def test_a_request_that_was_refused_as_one_too_many_is_made_again(fleet: Fleet) -> None:
    fleet.add(1)
    fleet.hosts.throttled = 3
    assert fleet.run().changed
    assert len(fleet.hosts.commands) == 1


def test_an_agent_that_goes_offline_at_the_last_moment_fails_its_command_only(fleet: Fleet) -> None:
    ids = fleet.add(60)
    fleet.hosts.lost_agents = {ids[55]}
    outcome = fleet.run()
    assert [result["status"] for result in outcome["instances"]] == ["Success"] * 50 + ["NotSent"] * 10
    assert "InvalidInstanceId" in outcome["instances"][59]["reason"]
    assert outcome["changed"] is True


def test_when_nothing_could_be_sent_nothing_was_changed(fleet: Fleet) -> None:
    ids = fleet.add(2)
    fleet.hosts.lost_agents = {ids[0]}
    assert fleet.run()["changed"] is False


def test_what_ssm_never_ends_is_given_up_and_told(fleet: Fleet) -> None:
    (instance_id,) = fleet.add(1)
    fleet.hosts.hosts[instance_id].runs_for = 1_000_000
    outcome = fleet.run(execution_timeout=100, timeout_seconds=30)
    reason = "InProgress: it had not ended when it had to, and may still run"
    assert outcome.msg == f"The script failed on 1 of 1 instances: {instance_id} ({reason})"
    assert 190 <= fleet.clock.now - 1000 < 200


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"execution_timeout": 0}, "execution_timeout is 0: 1 to 172800 are allowed"),
        ({"timeout_seconds": 29}, "timeout_seconds is 29: 30 to 2592000 are allowed"),
        ({"wait_for_agent": -1}, "wait_for_agent is -1: 0 to 86400 are allowed"),
        ({"max_errors": "few"}, "max_errors is few: give a number such as 10, or a percentage such as 25%"),
        ({"max_concurrency": "101%"}, "max_concurrency is 101%: give a number such as 10, or a percentage such as 25%"),
        ({"comment": "x" * 101}, "the comment is longer than SSM's 100 characters: shorten it"),
        ({"script": "x" * 65537}, "the script has 65537 bytes, and SSM takes 65536: let it fetch what it needs"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_ssm_would_refuse_is_refused_at_once(
    fleet: Fleet, options: dict[str, Any], reason: str, check: bool
) -> None:
    fleet.add(1)
    assert fleet.run(check=check, **options).msg == reason
    assert not fleet.hosts.requests
