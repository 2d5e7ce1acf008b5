# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module trading_fleet_retired, on the local AWS."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.modules.trading_fleet_retired import main

from tests.unit.plugins.modules.environment import Environment, name_of, tag_list
from tests.unit.plugins.support import Account, Disturbance, Outcome, RunModule

LONG_AGO = "2020-01-01T00:00:00Z"


class Retirement(Environment):
    """An environment with old hosts, each of which is stopped and has a tag Retired."""

    def look(self, *, check: bool = False, **args: Any) -> Outcome:
        self.aws.forget_calls()
        return self.run_module(main, check=check, environment="qa", **args)

    def retire(self, name: str, since: str = LONG_AGO, **options: Any) -> str:
        instance_id = self.old_host(name, **options)
        self.ec2.stop_instances(InstanceIds=[instance_id])
        self.ec2.create_tags(Resources=[instance_id], Tags=tag_list({"Retired": since}))
        return instance_id


@pytest.fixture
def fleet(aws: Account, run_module: RunModule) -> Retirement:
    return Retirement(aws, run_module)


def test_what_is_retired_is_listed_and_left(fleet: Retirement) -> None:
    late, early = fleet.retire("a", "2021-01-01T00:00:00Z"), fleet.retire("b")
    fleet.old_host("c")
    outcome = fleet.look()
    assert not outcome.changed
    assert [each["instance_id"] for each in outcome["retired"]] == [early, late]
    told = outcome["retired"][0]
    assert told.pop("days") > 2000
    assert told == {
        "name": name_of("b"),
        "instance_id": early,
        "role": "trader",
        "state": "stopped",
        "since": LONG_AGO,
        "volume_size": 14,
        "due": True,
        "reason": "has been retired for longer than 30 days",
    }
    assert fleet.aws.changes() == []


def test_what_is_due_is_terminated_with_its_disk_and_all_else_is_left(fleet: Retirement) -> None:
    due = [
        fleet.retire("a", delete_on_termination=False),
        fleet.retire("", tags={"Name": "alpaca-websocket-ingest-qa"}),
    ]
    fleet.retire("b", "by hand")
    fleet.retire("c", tags={"Environment": "dev", "Name": "trading-server-dev-c"})
    fleet.ec2.start_instances(InstanceIds=[fleet.retire("d")])
    fleet.old_host("e")
    before = fleet.everything()

    announced = fleet.look(terminate=True, check=True)
    assert announced.changed
    assert fleet.everything() == before

    outcome = fleet.look(terminate=True)
    assert outcome["resources"] == announced["resources"]
    assert fleet.aws.changes() == ["ModifyInstanceAttribute", "TerminateInstances"]
    ended = [host["InstanceId"] for host in fleet.hosts() if host["State"]["Name"] == "terminated"]
    assert sorted(ended) == sorted(due)
    deleted = [each["name"] for each in outcome["resources"] if each["action"] == "delete"]
    assert sorted(deleted) == sorted([f"{name_of('a')} ({due[0]})", f"alpaca-websocket-ingest-qa ({due[1]})"])
    assert len(fleet.disks()) == 4
    assert not fleet.look(terminate=True).changed


@pytest.mark.parametrize("change", ["started", "tag taken away", "gone"])
def test_what_has_changed_since_the_look_is_left(fleet: Retirement, disturbance: Disturbance, change: str) -> None:
    host = fleet.retire("a")
    if change == "started":
        disturbance.edit("Filter.1.Name=instance-id", "<name>stopped</name>", "<name>running</name>")
    elif change == "tag taken away":
        disturbance.edit("Filter.1.Name=instance-id", "<key>Retired</key>", "<key>Other</key>")
    else:
        disturbance.hide_instances("instance-id", times=1)
    message = fleet.look(terminate=True).msg
    assert message == (
        f"Not all of them are terminated: {name_of('a')} ({host}): has changed since it was listed, and is left"
    )
    assert fleet.aws.changes() == []


def test_days_that_are_negative_are_refused(fleet: Retirement) -> None:
    assert fleet.look(older_than_days=-1).msg == "older_than_days is -1: name 0 or more"


def test_what_ec2_refuses_fails_in_its_words(fleet: Retirement, disturbance: Disturbance) -> None:
    disturbance.fail("Action=DescribeInstances&", code="UnauthorizedOperation")
    assert fleet.look().msg.startswith("Failed to describe instances: ")
