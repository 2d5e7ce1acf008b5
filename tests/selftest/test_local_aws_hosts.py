# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts: boot, stop, terminate, and the processes on them."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.local_aws import LocalAws
from tests.local_aws.hosts.processes import find_processes
from tests.local_aws.hosts.programs import complaint_about_programs
from tests.selftest.helpers import error_of
from tests.selftest.living import Living, wait_for

pytestmark = pytest.mark.xdist_group("hosts")

_BOOT = "#!/bin/bash\necho booting; echo once >> $HOME/boots\n"
# A daemon in a session of its own, without a parent that would know it, and without open files.
_DAEMON = "setsid bash -c '{script}' >/dev/null 2>&1 </dev/null &"


def test_a_host_boots_once_and_keeps_its_folder(living: Living) -> None:
    host = living.launch(_BOOT)
    assert (host.folder / "console.log").read_text() == "booting\nuser data: exit status 0\n"
    (host.home / "kept").write_text("kept")
    living.stop(host.id)
    living.start(host.id)
    assert (host.home / "boots").read_text() == "once\n"
    assert (host.home / "kept").read_text() == "kept"
    assert living.aws.host(host.id).boots == 2
    assert host.folder.parent.parent == living.aws.state


@pytest.mark.parametrize(
    ("user_data", "said"),
    [
        ("#!/bin/bash\nexit 7\n", "user data: exit status 7\n"),
        ("#!/no/such/shell\n", "user data: [Errno 2] No such file or directory"),
        ("no script\n", ""),
    ],
)
def test_a_host_comes_up_whatever_its_user_data_does(living: Living, user_data: str, said: str) -> None:
    host = living.launch(user_data)
    assert (host.folder / "console.log").read_text().startswith(said)


def test_what_runs_on_a_host_sees_no_other_world(living: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "theirs")
    host = living.launch()
    shown = dict(line.split("=", 1) for line in host.run("env").stdout.splitlines())
    assert shown["HOME"] == shown["TRADING_HOME"] == shown["PWD"] == str(host.home)
    assert shown["TRADING_LOCAL_HOST"] == host.id
    assert not [name for name in shown if "KEY" in name or "SECRET" in name]
    assert (shown["TRADING_UNIT_FOLDER"], shown["AWS_DEFAULT_REGION"]) == ("", "us-east-1")
    address = living.ec2.describe_instances(InstanceIds=[host.id])["Reservations"][0]["Instances"][0][
        "PrivateIpAddress"
    ]
    assert shown["TRADING_NATS_MONITOR_ADDRESS"] == address
    assert shown["TRADING_DASHBOARD_COMMAND"].endswith("deployment/monitoring/live_model_dashboard.py")
    assert host.run("exit 3").returncode == 3
    assert living.run("pwd", host.id)["StandardOutputContent"] == f"{host.folder}\n"


def test_states_on_the_way(living: Living) -> None:
    instance = living.begin("#!/bin/bash\nuntil [ -e go ]; do sleep 0.01; done\n")
    folder = living.aws.host(instance).folder
    assert living.state(instance) == "pending"
    assert error_of(living.ec2.stop_instances, InstanceIds=[instance]) == "IncorrectInstanceState"
    wait_for(folder.exists)
    (folder / "go").touch()
    living.wait(instance, "running")
    living.aws.host(instance).run(_DAEMON.format(script="trap : TERM; sleep 0.2; sleep 0.2"))
    living.ec2.stop_instances(InstanceIds=[instance])
    assert living.state(instance) == "stopping"
    assert error_of(living.ec2.start_instances, InstanceIds=[instance]) == "IncorrectInstanceState"
    living.wait(instance, "stopped")


def test_a_stop_ends_everything_and_lets_it_save_its_work(living: Living) -> None:
    host = living.launch()
    save = 'trap "sleep 0.1; echo saved > $HOME/saved; exit" TERM; touch $HOME/ready; while :; do sleep 0.01; done'
    host.run(_DAEMON.format(script=save))
    wait_for((host.home / "ready").exists)
    assert [argv[0] for _, argv in host.processes() if argv[0] != "sleep"] == ["bash"]
    living.stop(host.id)
    assert host.processes() == []
    assert (host.home / "saved").read_text() == "saved\n"


def test_who_does_not_end_is_killed(living: Living) -> None:
    living.aws.set_hosts(grace=0.2)
    host = living.launch()
    host.run(_DAEMON.format(script='trap "" TERM; while :; do sleep 0.01; done'))
    living.stop(host.id)
    assert host.processes() == []


def test_only_a_start_is_a_new_launch(living: Living) -> None:
    def launched() -> datetime:
        shown = living.ec2.describe_instances(InstanceIds=[host.id])["Reservations"][0]["Instances"][0]
        moment: datetime = shown["LaunchTime"]
        return moment

    host = living.launch()
    first = launched()
    time.sleep(1)  # launch times are whole seconds
    living.ec2.reboot_instances(InstanceIds=[host.id])
    wait_for(lambda: living.aws.host(host.id).boots == 2)
    living.ec2.start_instances(InstanceIds=[host.id])
    living.ec2.modify_instance_attribute(InstanceId=host.id, DisableApiTermination={"Value": False})
    living.stop(host.id)
    assert launched() == first
    living.ec2.start_instances(InstanceIds=[host.id])
    second = launched()
    assert second > first
    living.wait(host.id, "running")
    assert launched() == second


def test_a_reboot_ends_processes_and_boots_again(living: Living) -> None:
    host = living.launch(_BOOT)
    host.run(_DAEMON.format(script="sleep 60"))
    living.ec2.reboot_instances(InstanceIds=[host.id])
    wait_for(lambda: living.aws.host(host.id).boots == 2)
    assert (living.state(host.id), host.processes()) == ("running", [])
    assert (host.home / "boots").read_text() == "once\n"


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_a_terminated_host_leaves_nothing(living: Living, state: str) -> None:
    host = living.launch()
    host.run(_DAEMON.format(script="sleep 60"))
    if state == "stopped":
        living.stop(host.id)
    living.ec2.terminate_instances(InstanceIds=[host.id])
    assert living.state(host.id) == "shutting-down"
    living.wait(host.id, "terminated")
    assert (host.processes(), host.folder.exists()) == ([], False)


def test_a_host_can_be_terminated_while_it_boots(living: Living) -> None:
    instance = living.begin("#!/bin/bash\nsleep 60\n")
    folder = living.aws.host(instance).folder
    wait_for(lambda: find_processes([instance]))
    living.ec2.terminate_instances(InstanceIds=[instance])
    living.wait(instance, "terminated")
    assert (find_processes([instance]), folder.exists()) == ({}, False)


def test_at_most_four_boot_at_a_time(living: Living) -> None:
    state = living.aws.state
    mark = f"{state}/run/$$"
    count = f"mkdir -p {state}/run; touch {mark}; ls {state}/run | wc -l >> {state}/seen; sleep 0.1; rm {mark}"
    instances = [living.begin(f"#!/bin/bash\n{count}") for _ in range(9)]
    wait_for(lambda: {living.state(instance) for instance in instances} == {"running"})
    seen = [int(line) for line in (state / "seen").read_text().split()]
    assert len(seen) == 9
    assert 1 < max(seen) <= 4


def test_launches_wait_for_no_boot(living: Living) -> None:
    began = time.monotonic()
    for _ in range(20):
        living.begin("#!/bin/bash\nsleep 60\n")
    assert time.monotonic() - began < 5
    running = living.ec2.describe_instance_status()["InstanceStatuses"]
    assert running == []


def test_the_end_of_the_server_is_the_end_of_its_hosts() -> None:
    with LocalAws(hosts=True) as aws:
        living = Living(aws, {name: aws.client(name) for name in ("ec2", "iam")})
        living.prepare()
        host = living.launch()
        host.run(_DAEMON.format(script="sleep 60"))
        state = aws.state
        assert host.processes()
    assert (host.processes(), state.exists()) == ([], False)


def test_a_reset_ends_everything_at_once(living: Living) -> None:
    host = living.launch()
    host.run(_DAEMON.format(script='trap "" TERM; sleep 60'))
    living.aws.reset()
    assert (host.processes(), host.folder.exists()) == ([], False)
    assert living.ec2.describe_instances()["Reservations"] == []


def test_status_checks(living: Living) -> None:
    living.aws.set_hosts(initializing=60.0)
    host, stopped = living.launch(), living.launch()
    living.stop(stopped.id)
    assert _checks(living) == {host.id: ("initializing", "initializing")}
    living.aws.set_hosts(initializing=0.0)
    assert _checks(living) == {host.id: ("ok", "ok")}
    everything = {host.id: ("ok", "ok"), stopped.id: ("not-applicable", "not-applicable")}
    assert _checks(living, IncludeAllInstances=True) == everything
    assert _checks(living, Filters=[{"Name": "instance-status.status", "Values": ["impaired"]}]) == {}
    unknown = {"InstanceIds": ["i-00000000000000000"]}
    assert error_of(living.ec2.describe_instance_status, **unknown) == "InvalidInstanceID.NotFound"
    too_many = {"InstanceIds": [host.id] * 101}
    assert error_of(living.ec2.describe_instance_status, **too_many) == "InvalidParameterValue"


def test_status_comes_in_pages(living: Living) -> None:
    living.aws.instant_hosts()
    ids = {living.begin() for _ in range(12)}
    pages = list(living.ec2.get_paginator("describe_instance_status").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["InstanceStatuses"]) for page in pages] == [5, 5, 2]
    assert {status["InstanceId"] for page in pages for status in page["InstanceStatuses"]} == ids


def test_status_checks_fail_for_some_boots(living: Living) -> None:
    host = living.launch()
    living.aws.fail_status_checks(host.id, boots=1)
    living.aws.fail_status_checks(host.id, boots=2, checks=["system"])
    seen = [_checks(living)[host.id]]
    for _ in range(3):
        living.stop(host.id)
        living.start(host.id)
        seen.append(_checks(living)[host.id])
    assert seen == [("ok", "ok"), ("ok", "impaired"), ("ok", "impaired"), ("ok", "ok")]


def test_a_host_that_refuses_to_stop(living: Living) -> None:
    stubborn, other = living.launch(), living.launch()
    living.aws.refuse_stop(stubborn.id)
    for ids in ([stubborn.id], [other.id, stubborn.id]):
        assert error_of(living.ec2.stop_instances, InstanceIds=ids) == "OperationNotPermitted"
    assert living.state(other.id) == "running"
    living.stop(other.id)


@pytest.mark.parametrize("state", ["pending", "stopping", "shutting-down", "terminated"])
def test_a_pinned_state_is_shown(living: Living, state: str) -> None:
    living.aws.instant_hosts()
    instance = living.begin()
    living.aws.set_state(instance, state)
    assert (living.state(instance), living.aws.host(instance).state) == (state, "running")
    living.aws.set_state(instance, None)
    assert living.state(instance) == "running"


def test_a_lost_answer_leaves_its_effect(living: Living) -> None:
    host = living.launch()
    living.aws.lose_answer("ssm", "SendCommand")
    with pytest.raises(ConnectionClosedError):
        living.send("echo once >> $HOME/commands", host.id)
    wait_for((host.home / "commands").exists)
    assert len(living.ssm.list_commands()["Commands"]) == 1
    living.run("true", host.id)


def test_a_failed_call_loses_no_answer(living: Living) -> None:
    living.aws.lose_answer("ec2", "DescribeInstances")
    with pytest.raises(ClientError):
        living.ec2.describe_instances(InstanceIds=["i-00000000000000000"])
    with pytest.raises(ConnectionClosedError):
        living.ec2.describe_instances()


def test_controls_refuse_what_cannot_be(living: Living) -> None:
    for wrong in (
        lambda: living.aws.host("i-00000000000000000"),
        lambda: living.aws.set_hosts(gracious=1),
        lambda: living.aws.agent_never("i-00000000000000000"),
    ):
        with pytest.raises(RuntimeError, match="no such"):
            wrong()


def test_missing_programs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADING_LOCAL_HOST_PATH", str(tmp_path))
    (tmp_path / "python").touch(mode=0o755)
    complaint = complaint_about_programs()
    assert f"(aws, nats-server in {tmp_path})" in complaint
    assert "TRADING_LOCAL_HOST_PATH" in complaint
    for name in ("aws", "nats-server"):
        (tmp_path / name).touch(mode=0o755)
    assert complaint_about_programs() == ""


def _checks(living: Living, **parameters: object) -> dict[str, tuple[str, str]]:
    return {
        status["InstanceId"]: (status["InstanceStatus"]["Status"], status["SystemStatus"]["Status"])
        for status in living.ec2.describe_instance_status(**parameters)["InstanceStatuses"]
    }
