# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Systems Manager: which agents are there, and commands that really run."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.selftest.helpers import error_of
from tests.selftest.living import ENDED, Living, wait_for

pytestmark = pytest.mark.xdist_group("hosts")


def test_a_first_line_may_name_the_interpreter(living: Living) -> None:
    host = living.launch()
    as_bash = living.run("#!/bin/bash\necho ${BASH_VERSION:+bash}", host.id)
    as_sh = living.run("echo ${BASH_VERSION:-sh}", host.id)
    assert (as_bash["StandardOutputContent"], as_sh["StandardOutputContent"]) == ("bash\n", "sh\n")


def test_how_a_script_ends_is_known(living: Living) -> None:
    host = living.launch()
    good = living.run("echo out; echo err >&2", host.id)
    assert (good["Status"], good["ResponseCode"]) == ("Success", 0)
    assert (good["StandardOutputContent"], good["StandardErrorContent"]) == ("out\n", "err\n")
    bad = living.run("echo out; exit 3", host.id)
    assert (bad["Status"], bad["StatusDetails"], bad["ResponseCode"]) == ("Failed", "Failed", 3)
    assert bad["StandardErrorContent"] == "failed to run commands: exit status 3"


def test_long_output_is_cut(living: Living) -> None:
    host = living.launch()
    result = living.run("head -c 24000 /dev/zero | tr '\\0' x; head -c 9000 /dev/zero | tr '\\0' y >&2", host.id)
    assert result["StandardOutputContent"] == "x" * 24_000
    assert len(result["StandardErrorContent"]) == 8_000
    assert result["StandardErrorContent"].endswith("y--output truncated--")


def test_a_new_command_is_unknown_for_a_while(living: Living) -> None:
    host = living.launch()
    living.aws.set_hosts(invocation_delay=0.3)
    command = living.send("true", host.id)
    asked = {"CommandId": command, "InstanceId": host.id}
    assert error_of(living.ssm.get_command_invocation, **asked) == "InvocationDoesNotExist"
    assert living.ssm.list_command_invocations(CommandId=command)["CommandInvocations"] == []
    assert living.result(command, host.id)["Status"] == "Success"


def test_a_script_may_take_so_long(living: Living) -> None:
    host = living.launch()
    began = time.monotonic()
    result = living.run("echo begun; sleep 60", host.id, parameters={"executionTimeout": ["1"]})
    assert time.monotonic() - began < 10
    assert (result["Status"], result["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut")
    assert (result["ResponseCode"], result["StandardOutputContent"]) == (137, "begun\n")
    wait_for(lambda: not host.processes())


def test_a_daemon_that_holds_the_output_holds_the_command(living: Living) -> None:
    host = living.launch()
    result = living.run("setsid sleep 60 &", host.id, parameters={"executionTimeout": ["1"]})
    assert result["Status"] == "TimedOut"
    assert [argv[0] for _, argv in host.processes()] == ["sleep"]
    assert living.run("setsid sleep 60 >/dev/null 2>&1 &", host.id)["Status"] == "Success"


def test_a_command_can_be_cancelled(living: Living) -> None:
    host = living.launch()
    command = living.send("touch $HOME/begun; sleep 60", host.id)
    wait_for((host.home / "begun").exists)
    living.ssm.cancel_command(CommandId=command)
    assert living.result(command, host.id)["Status"] == "Cancelled"
    assert living.ssm.list_commands(CommandId=command)["Commands"][0]["Status"] == "Cancelled"
    wait_for(lambda: not host.processes())


def test_a_stop_ends_a_command(living: Living) -> None:
    host = living.launch()
    command = living.send("touch $HOME/begun; sleep 60", host.id)
    wait_for((host.home / "begun").exists)
    living.stop(host.id)
    assert living.result(command, host.id)["Status"] == "Failed"


def test_the_history_keeps_what_was_given(living: Living) -> None:
    host = living.launch()
    command = living.send("echo secret-value", host.id, Comment="why")
    living.result(command, host.id)
    shown = living.ssm.list_commands(InstanceId=host.id)["Commands"]
    assert [(each["CommandId"], each["Comment"], each["Status"]) for each in shown] == [(command, "why", "Success")]
    assert shown[0]["Parameters"] == {"commands": ["echo secret-value"]}
    assert (shown[0]["TargetCount"], shown[0]["CompletedCount"], shown[0]["ErrorCount"]) == (1, 1, 0)


def test_commands_by_time_and_status(living: Living) -> None:
    living.aws.instant_hosts()
    one, other = living.begin(), living.begin()
    living.aws.stub_command(exit_code=1, only=[other])
    first = living.send("true", one)
    # A time in a filter may be written to the microsecond, which nothing that was sent before has reached.
    time.sleep(0.01)
    middle = datetime.now(UTC).isoformat()
    failed, last = living.send("true", other), living.send("true", one)

    def found(*filters: tuple[str, str], **more: Any) -> list[str]:
        given = [{"key": key, "value": value} for key, value in filters]
        return [each["CommandId"] for each in living.ssm.list_commands(Filters=given, **more)["Commands"]]

    assert found(("InvokedAfter", middle)) == [last, failed]
    assert found(("InvokedBefore", middle)) == [first]
    assert found(("InvokedAfter", middle), ("Status", "Success")) == [last]
    assert found(("Status", "Failed")) == [failed]
    assert found(("InvokedAfter", "2099-02-02T13:30:00Z")) == []
    assert found(("InvokedAfter", middle), InstanceId=one) == [last]
    assert found(("InvokedAfter", middle), CommandId=first) == []
    assert found(("InvokedBefore", middle), CommandId=first, InstanceId=one) == [first]


def test_found_commands_come_in_pages(living: Living) -> None:
    living.aws.instant_hosts()
    one, other = living.begin(), living.begin()
    sent = [living.send("true", one if number % 2 else other) for number in range(8)]
    since = {"key": "InvokedAfter", "value": "2026-02-02T13:30:00Z"}
    pages = list(
        living.ssm.get_paginator("list_commands").paginate(
            Filters=[since], InstanceId=one, PaginationConfig={"PageSize": 3}
        )
    )
    assert [len(page["Commands"]) for page in pages] == [3, 1]
    assert [each["CommandId"] for page in pages for each in page["Commands"]] == sent[::-2]
    assert error_of(living.ssm.list_commands, MaxResults=51) == "ValidationException"
    assert error_of(living.ssm.list_commands, NextToken="x") == "InvalidNextToken"


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("DocumentName", "AWS-RunShellScript", "NotImplementedByLocalAws"),
        ("ExecutionStage", "Complete", "NotImplementedByLocalAws"),
        ("Colour", "red", "InvalidFilterKey"),
        ("Status", "Done", "ValidationException"),
        ("Status", "Pending", "ValidationException"),
        ("InvokedAfter", "yesterday", "ValidationException"),
        ("InvokedAfter", "2026-02-02T13:30:00", "ValidationException"),
    ],
)
def test_filters_that_are_refused(living: Living, key: str, value: str, code: str) -> None:
    asked = {"Filters": [{"key": key, "value": value}], "InstanceId": "i-00000000000000000"}
    assert error_of(living.ssm.list_commands, **asked) == code
    by_invocation = {"Filters": [{"key": "Status", "value": "Success"}]}
    assert error_of(living.ssm.list_command_invocations, **by_invocation) == "NotImplementedByLocalAws"


def test_invocations_come_in_pages_with_details(living: Living) -> None:
    living.aws.instant_hosts()
    living.aws.stub_command(stdout="out", stderr="err", exit_code=4)
    ids = [living.begin() for _ in range(3)]
    command = living.send("true", *ids, MaxErrors="3")
    pages = list(
        living.ssm.get_paginator("list_command_invocations").paginate(
            CommandId=command, Details=True, PaginationConfig={"PageSize": 2}
        )
    )
    found = [invocation for page in pages for invocation in page["CommandInvocations"]]
    assert [len(page["CommandInvocations"]) for page in pages] == [2, 1]
    assert [invocation["InstanceId"] for invocation in found] == ids
    plugin = found[0]["CommandPlugins"][0]
    assert (plugin["Name"], plugin["Status"], plugin["ResponseCode"]) == ("aws:runShellScript", "Failed", 4)
    assert plugin["Output"] == "out\n----------ERROR-------\nerr"
    too_many = {"CommandId": command, "MaxResults": 51}
    assert error_of(living.ssm.list_command_invocations, **too_many) == "ValidationException"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"DocumentName": "mine"}, "InvalidDocument"),
        ({"DocumentName": "AWS-RunAnsiblePlaybook"}, "NotImplementedByLocalAws"),
        ({"Parameters": {}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["true"], "other": ["x"]}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["true"], "executionTimeout": ["0"]}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["x" * 65_536]}}, "MaxDocumentSizeExceeded"),
        ({"InstanceIds": []}, "InvalidParameters"),
        ({"InstanceIds": ["i-1", "i-1"]}, "DuplicateInstanceId"),
        ({"InstanceIds": [f"i-{number}" for number in range(51)]}, "ValidationException"),
        ({"InstanceIds": ["i-00000000000000000"]}, "InvalidInstanceId"),
        ({"MaxConcurrency": "0"}, "ValidationException"),
        ({"MaxErrors": "101%"}, "ValidationException"),
        ({"Comment": "x" * 101}, "ValidationException"),
        ({"OutputS3BucketName": "bucket"}, "NotImplementedByLocalAws"),
    ],
)
def test_what_is_not_sent(living: Living, changes: dict[str, Any], code: str) -> None:
    living.aws.instant_hosts()
    parameters = {
        "DocumentName": "AWS-RunShellScript",
        "InstanceIds": [living.begin()],
        "Parameters": {"commands": ["true"]},
    }
    assert error_of(living.ssm.send_command, **parameters | changes) == code
    assert living.ssm.list_commands()["Commands"] == []


def test_one_unknown_host_fails_the_whole_call(living: Living) -> None:
    host, never = living.launch(), living.launch()
    living.aws.agent_never(never.id)
    wrong = {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["touch $HOME/ran"]}}
    for other in (never.id, "i-00000000000000000"):
        assert error_of(living.ssm.send_command, InstanceIds=[host.id, other], **wrong) == "InvalidInstanceId"
    living.run("true", host.id)
    assert not (host.home / "ran").exists()


def test_agents(living: Living) -> None:
    host, late = living.launch(), living.launch()
    living.aws.agent_late(late.id, 60)
    assert _agents(living) == {host.id: "Online"}
    living.aws.agent_late(late.id, 0.1)
    wait_for(lambda: len(_agents(living)) == 2)
    living.stop(host.id)
    assert _agents(living) == {host.id: "ConnectionLost", late.id: "Online"}
    assert _agents(living, PingStatus=["Online"]) == {late.id: "Online"}
    assert _agents(living, InstanceIds=[host.id]) == {host.id: "ConnectionLost"}
    wrong = {"Filters": [{"Key": "Colour", "Values": ["red"]}]}
    assert error_of(living.ssm.describe_instance_information, **wrong) == "InvalidFilterKey"
    living.ec2.terminate_instances(InstanceIds=[host.id])
    assert _agents(living) == {late.id: "Online"}


def test_agents_come_in_pages(living: Living) -> None:
    living.aws.instant_hosts()
    for _ in range(7):
        living.begin()
    paginator = living.ssm.get_paginator("describe_instance_information")
    pages = list(paginator.paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["InstanceInformationList"]) for page in pages] == [5, 2]
    assert error_of(living.ssm.describe_instance_information, MaxResults=51) == "ValidationException"


def test_an_agent_needs_its_role(living: Living) -> None:
    living.make_profile("poor")
    living.launch(IamInstanceProfile={"Name": "poor"})
    assert _agents(living) == {}


def test_targets_by_tag(living: Living) -> None:
    trader = living.launch("", ("Role", "trader"), ("Environment", "dev"))
    living.launch("", ("Role", "ingest"), ("Environment", "dev"))
    targets = [{"Key": "tag:Role", "Values": ["trader", "other"]}, {"Key": "tag:Environment", "Values": ["dev"]}]
    command = living.send("true", Targets=targets)
    assert living.result(command, trader.id)["Status"] == "Success"
    assert living.ssm.list_commands(CommandId=command)["Commands"][0]["TargetCount"] == 1


def test_what_cannot_be_delivered_times_out(living: Living) -> None:
    host = living.launch("", ("Role", "trader"))
    assert _agents(living) == {host.id: "Online"}
    living.stop(host.id)
    targets = [{"Key": "tag:Role", "Values": ["trader"]}]
    living.aws.set_hosts(delivery=0.2)
    result = living.result(living.send("true", Targets=targets), host.id)
    assert (result["Status"], result["StatusDetails"], result["ResponseCode"]) == ("TimedOut", "DeliveryTimedOut", -1)
    living.aws.set_hosts(delivery=30.0)
    command = living.send("true", Targets=targets)
    living.start(host.id)
    assert living.result(command, host.id)["Status"] == "Success"


def test_too_many_errors_end_a_command(living: Living) -> None:
    hosts = [living.launch() for _ in range(3)]
    ids = [host.id for host in hosts]
    command = living.send("touch $HOME/ran; exit 1", *ids, MaxConcurrency="1", MaxErrors="1")
    details = [living.result(command, instance_id)["StatusDetails"] for instance_id in ids]
    assert details == ["Failed", "Failed", "Terminated"]
    assert [(host.home / "ran").exists() for host in hosts] == [True, True, False]
    assert living.ssm.list_commands(CommandId=command)["Commands"][0]["Status"] == "Failed"


def test_many_instant_hosts(living: Living) -> None:
    living.aws.instant_hosts()
    ids = [living.begin() for _ in range(60)]
    living.aws.stub_command(stdout='{"changed": true}')
    living.aws.stub_command(exit_code=1, only=ids[5:6])
    living.aws.agent_never(ids[7])
    assert len(_agents(living)) == 59
    ready = [instance_id for instance_id in ids if instance_id != ids[7]]
    failed = []
    for start in range(0, len(ready), 50):
        command = living.send("#!/bin/bash", *ready[start : start + 50], MaxErrors="50")
        found = living.ssm.list_command_invocations(CommandId=command, MaxResults=50)["CommandInvocations"]
        assert all(invocation["Status"] in ENDED for invocation in found)
        failed += [invocation["InstanceId"] for invocation in found if invocation["Status"] != "Success"]
    assert failed == ids[5:6]
    living.ec2.stop_instances(InstanceIds=ids)
    assert living.state(ids[0]) == "stopped"
    assert not (living.aws.state / "hosts").exists()


def _agents(living: Living, **filters: list[str]) -> dict[str, str]:
    given = [{"Key": key, "Values": values} for key, values in filters.items()]
    pages = living.ssm.get_paginator("describe_instance_information").paginate(Filters=given)
    return {info["InstanceId"]: info["PingStatus"] for page in pages for info in page["InstanceInformationList"]}
