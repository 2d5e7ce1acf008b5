# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module ec2_instance_health."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.modules import ec2_instance_health

from tests.unit.plugins.modules.hosts import Clock, Host, Hosts
from tests.unit.plugins.support import Account, Disturbance, Outcome, RunModule

CHANGES = {"StartInstances", "StopInstances"}


class Fleet:
    """Some hosts, and the module applied to them."""

    def __init__(self, hosts: Hosts, clock: Clock, run_module: RunModule) -> None:
        self.hosts, self.clock, self.run_module = hosts, clock, run_module

    def add(self, **how: Any) -> Host:
        return self.hosts.add(len(self.hosts.hosts) + 1, **how)

    def run(self, *, check: bool = False, **options: Any) -> Outcome:
        self.hosts.requests.clear()
        given = {"instance_ids": self.hosts.ids(), **options}
        return self.run_module(ec2_instance_health.main, check=check, **given)

    def changes(self) -> list[str]:
        return [operation for operation in self.hosts.operations() if operation in CHANGES]

    @property
    def elapsed(self) -> float:
        return self.clock.now - 1000


@pytest.fixture
def fleet(aws: Account, disturbance: Disturbance, monkeypatch: pytest.MonkeyPatch, run_module: RunModule) -> Fleet:
    clock = Clock(monkeypatch)
    return Fleet(Hosts(disturbance, clock), clock, run_module)


def test_healthy_instances_are_only_looked_at(fleet: Fleet) -> None:
    host = fleet.add()
    outcome = fleet.run(start=True, repair_attempts=2)
    assert not outcome.changed
    assert outcome["instances"] == [
        {
            "instance_id": host.instance_id,
            "healthy": True,
            "state": "running",
            "instance_status": "ok",
            "system_status": "ok",
            "agent": "Online",
            "started": False,
            "repairs": 0,
            "reason": "",
        }
    ]
    assert outcome["diff"] == {"before": {}, "after": {}}
    assert (fleet.changes(), fleet.elapsed) == ([], 0)


def test_a_new_instance_is_waited_for(fleet: Fleet) -> None:
    fleet.add(state="pending", since=1000)
    outcome = fleet.run()
    assert not outcome.changed
    assert outcome["instances"][0]["healthy"]
    assert 60 <= fleet.elapsed <= 65


def test_an_agent_that_comes_late_is_waited_for(fleet: Fleet) -> None:
    fleet.add(state="pending", since=1000, agent=300)
    assert not fleet.run().changed
    assert 300 <= fleet.elapsed <= 305


@pytest.mark.parametrize("registered", [True, False])
def test_an_agent_that_never_comes_is_an_error(fleet: Fleet, registered: bool) -> None:
    fleet.add()
    late = fleet.add(agent=100_000 if registered else None, boots=1)
    outcome = fleet.run(repair_attempts=2, timeout=50)
    agent = "ConnectionLost" if registered else "NotRegistered"
    message = f"1 of 2 instances are not healthy after 50 s: {late.instance_id} its SSM agent is {agent}"
    assert outcome.msg == message
    assert [each["healthy"] for each in outcome["instances"]] == [True, False]
    assert fleet.changes() == []


def test_without_the_agent_ssm_is_not_asked(fleet: Fleet) -> None:
    fleet.add(agent=None)
    outcome = fleet.run(agent=False)
    assert not outcome.changed
    assert outcome["instances"][0]["agent"] is None
    assert "DescribeInstanceInformation" not in fleet.hosts.operations()


def test_stopped_instances_are_started_when_that_is_asked(fleet: Fleet) -> None:
    stopped, stopping = fleet.add(state="stopped"), fleet.add(state="stopping", since=1000)
    outcome = fleet.run(start=True)
    assert outcome.changed
    assert [each["started"] for each in outcome["instances"]] == [True, True]
    assert [(host.state, host.boots) for host in (stopped, stopping)] == [("running", 1), ("running", 1)]
    before = outcome["diff"]["before"][stopped.instance_id]
    after = outcome["diff"]["after"][stopped.instance_id]
    assert (before["state"], after["state"], after["agent"]) == ("stopped", "running", "Online")
    assert not fleet.run(start=True).changed


@pytest.mark.parametrize("state", ["stopped", "stopping"])
def test_stopped_instances_are_an_error_otherwise_and_at_once(fleet: Fleet, state: str) -> None:
    host = fleet.add(state=state, since=1000)
    message = fleet.run(repair_attempts=1).msg
    assert message == (f"1 of 1 instances are not healthy after 0 s: {host.instance_id} is {state}, and start is false")
    assert fleet.changes() == []


@pytest.mark.parametrize("state", ["terminated", "shutting-down"])
def test_instances_that_are_gone_are_an_error_at_once(fleet: Fleet, state: str) -> None:
    host = fleet.add(state=state)
    message = fleet.run(start=True, repair_attempts=1).msg
    assert message == f"1 of 1 instances are not healthy after 0 s: {host.instance_id} is {state}"


def test_an_instance_that_does_not_exist_hinders_no_other(fleet: Fleet) -> None:
    stopped = fleet.add(state="stopped")
    missing = "i-0fffffffffffffff0"
    outcome = fleet.run(instance_ids=[missing, stopped.instance_id], start=True)
    assert outcome.msg.startswith("1 of 2 instances are not healthy after ")
    assert outcome.msg.endswith(f" s: {missing} does not exist")
    assert (outcome["changed"], stopped.state) == (True, "running")
    assert [each["state"] for each in outcome["instances"]] == ["missing", "running"]


def test_an_instance_that_ec2_does_not_show_yet_is_looked_for_again(fleet: Fleet, disturbance: Disturbance) -> None:
    fleet.add()
    disturbance.hide_instances(times=2)
    assert not fleet.run().changed
    assert fleet.elapsed == 3


@pytest.mark.parametrize("check", ["instance", "system"])
def test_an_impaired_instance_is_moved_to_other_hardware(fleet: Fleet, check: str) -> None:
    host, healthy = fleet.add(impaired=1, check=check), fleet.add()
    outcome = fleet.run(repair_attempts=2)
    assert outcome.changed
    assert fleet.changes() == ["StopInstances", "StartInstances"]
    assert [(each["repairs"], each["started"]) for each in outcome["instances"]] == [(1, False), (0, False)]
    assert (host.boots, healthy.boots) == (1, 0)
    assert outcome["diff"]["before"].keys() == {host.instance_id}
    assert outcome["diff"]["before"][host.instance_id][f"{check}_status"] == "impaired"
    assert outcome["diff"]["after"][host.instance_id][f"{check}_status"] == "ok"
    assert not fleet.run(repair_attempts=2).changed


def test_an_impaired_instance_is_repaired_no_more_often_than_asked(fleet: Fleet) -> None:
    host = fleet.add(impaired=3)
    outcome = fleet.run(repair_attempts=2, timeout=300)
    assert outcome.msg == (
        f"1 of 1 instances are not healthy after 300 s: "
        f"{host.instance_id} its instance status check is impaired after 2 of 2 repairs"
    )
    assert (outcome["changed"], host.boots, host.state) == (True, 2, "running")


def test_an_impaired_instance_is_not_touched_by_default(fleet: Fleet) -> None:
    host = fleet.add(impaired=1)
    assert fleet.run(start=True, timeout=50).msg == (
        f"1 of 1 instances are not healthy after 50 s: {host.instance_id} its instance status check is impaired"
    )
    assert fleet.changes() == []


def test_no_repair_begins_when_time_is_up(fleet: Fleet) -> None:
    host = fleet.add(state="pending", since=1000, impaired=1)
    fleet.run(repair_attempts=2, timeout=60)
    assert (host.state, fleet.changes()) == ("running", [])


def test_an_instance_that_is_stopped_when_time_is_up_is_started_nevertheless(fleet: Fleet) -> None:
    host = fleet.add(impaired=1)
    assert fleet.run(repair_attempts=1, timeout=20).msg.endswith(f"{host.instance_id} is stopped")
    assert host.state == "pending"


def test_a_repair_that_could_not_end_says_so(fleet: Fleet) -> None:
    host = fleet.add(impaired=1)
    reason = "was stopped for a repair, is stopping and has to be started"
    assert fleet.run(repair_attempts=1, timeout=10).msg.endswith(f"{host.instance_id} {reason}")


def test_many_instances_are_treated_at_the_same_time_in_few_requests(fleet: Fleet) -> None:
    for number in range(120):
        fleet.add(state="stopped", impaired=2 if number == 7 else 0, agent=200 if number == 9 else 5)
    never = fleet.add(state="stopped", agent=None)
    hopeless = fleet.add(state="stopped", impaired=9)
    outcome = fleet.run(start=True, repair_attempts=2, timeout=300)
    assert outcome.msg == (
        f"2 of 122 instances are not healthy after 300 s: {never.instance_id} its SSM agent is NotRegistered; "
        f"{hopeless.instance_id} its instance status check is impaired after 2 of 2 repairs"
    )
    assert [each["repairs"] for each in outcome["instances"]] == [0] * 7 + [1] + [0] * 113 + [2]
    # 100 and 22, then each repair.
    assert fleet.changes().count("StartInstances") == 4


@pytest.mark.parametrize("code", ["InsufficientInstanceCapacity", "IncorrectInstanceState"])
def test_one_instance_that_cannot_be_started_yet_hinders_no_other(fleet: Fleet, code: str) -> None:
    first, second = fleet.add(state="stopped", refusals=[code, code, code]), fleet.add(state="stopped")
    outcome = fleet.run(start=True)
    assert outcome.changed
    assert [host.state for host in (first, second)] == ["running", "running"]


def test_one_instance_that_can_never_be_started_says_why(fleet: Fleet) -> None:
    first, second = (
        fleet.add(state="stopped", refusals=["InsufficientInstanceCapacity"] * 1000),
        fleet.add(state="stopped"),
    )
    outcome = fleet.run(start=True, timeout=100)
    assert outcome.msg.startswith(f"1 of 2 instances are not healthy after 100 s: {first.instance_id} is stopped (")
    assert "InsufficientInstanceCapacity" in outcome.msg
    assert (outcome["changed"], second.state) == (True, "running")
    assert [each["started"] for each in outcome["instances"]] == [False, True]


def test_what_ec2_refuses_for_all_fails_in_its_words(fleet: Fleet, disturbance: Disturbance) -> None:
    fleet.add(state="stopped")
    disturbance.fail("Action=StartInstances", code="UnauthorizedOperation")
    outcome = fleet.run(start=True)
    assert outcome.msg.startswith("Failed to start instances: ")
    assert "UnauthorizedOperation" in outcome.msg
    assert outcome["changed"] is False


def test_check_mode_says_what_it_would_do_first_and_does_nothing(fleet: Fleet) -> None:
    stopped, impaired, gone, healthy = (
        fleet.add(state="stopped"),
        fleet.add(impaired=1),
        fleet.add(state="terminated"),
        fleet.add(),
    )
    outcome = fleet.run(check=True, start=True, repair_attempts=1)
    assert outcome.changed
    assert (fleet.changes(), fleet.elapsed) == ([], 0)
    assert [(each["started"], each["repairs"]) for each in outcome["instances"]] == [
        (True, 0),
        (False, 1),
        (False, 0),
        (False, 0),
    ]
    assert [each["healthy"] for each in outcome["instances"]] == [False, False, False, True]
    assert [each["reason"] for each in outcome["instances"]] == [
        "is stopped",
        "its instance status check is impaired",
        "is terminated",
        "",
    ]
    well = {"state": "running", "instance_status": "ok", "system_status": "ok", "agent": "Online"}
    assert outcome["diff"]["after"] == {stopped.instance_id: well, impaired.instance_id: well}
    assert {gone.instance_id, healthy.instance_id}.isdisjoint(outcome["diff"]["before"])


def test_check_mode_changes_nothing_where_a_run_would_not(fleet: Fleet) -> None:
    fleet.add(state="stopped")
    fleet.add(impaired=1)
    fleet.add(agent=None)
    outcome = fleet.run(check=True)
    assert not outcome.changed
    assert [each["reason"] for each in outcome["instances"]] == [
        "is stopped, and start is false",
        "its instance status check is impaired",
        "its SSM agent is NotRegistered",
    ]


def test_no_instance_is_an_error_but_in_check_mode(fleet: Fleet) -> None:
    assert fleet.run(instance_ids=[]).msg == "No instance is named: instance_ids is empty"
    assert not fleet.run(instance_ids=[], check=True).changed


def test_a_message_names_some_instances_and_counts_the_others(fleet: Fleet) -> None:
    for _ in range(30):
        fleet.add(state="terminated")
    message = fleet.run().msg
    assert message.startswith("30 of 30 instances are not healthy after 0 s: ")
    assert message.endswith("; and 10 more")
    assert message.count("is terminated") == 20
