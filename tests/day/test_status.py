# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""status.yml, on hosts that live and on many."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.day.trading_day import Day, provisioned_day, wait_until
from tests.integration.account import Account
from tests.local_aws import LocalAws
from tests.playbook import PlaybookRun, run_playbook

PLAIN = {"ANSIBLE_STDOUT_CALLBACK": "algotrading.aws.plain"}
INGEST = "alpaca-websocket-ingest-qa"
MANY = 60


@pytest.fixture
def day(host_programs: None, tmp_path: Path) -> Iterator[Day]:
    arguments = ("-e", "trading_automation=false", "-e", "controllers_timeout=120")
    with provisioned_day(tmp_path, *arguments, models=3) as day:
        yield day


def _play(aws: LocalAws, playbook: str, *arguments: str, **environ: str) -> PlaybookRun:
    return run_playbook("qa", aws.environ | environ, *arguments, playbook=f"playbooks/{playbook}.yml")


def _json(aws: LocalAws, *arguments: str, status: int) -> dict[str, Any]:
    """What a program reads that asks for the status, as docs/status.md shows it."""
    run = _play(aws, "status", "-e", "trading_status_format=json", *arguments, **PLAIN)
    assert run.status == status, run.output
    # Errors are printed behind it.
    document: dict[str, Any] = json.JSONDecoder().raw_decode(run.output)[0]
    assert document["ok"] == (status == 0)
    return document


def test_the_status_of_a_day(day: Day) -> None:
    aws = day.aws
    assert _play(aws, "start").status == 0
    silent, killed, stopped = day.account.traders("qa")

    well = _play(aws, "status")
    assert well.status == 0, well.output
    assert well.changed == 0
    assert f"qa is up: 4 of 4 hosts run, commit {day.commit[:7]}" in well.output
    lines = [line.strip() for line in well.output.splitlines()]
    assert max(map(len, well.output.splitlines())) <= 120
    (header,) = [number for number, line in enumerate(lines) if line.startswith("MODEL ")]
    assert [line.split()[0] for line in lines[header + 1 : header + 5]] == ["ingest", "SOXL", "SPXL", "TQQQ"]

    _check_json(day)

    # The trader's supervisor would start it again.
    aws.host(killed.instance_id).run("kill -STOP $(cat run/trader.supervisor); kill -KILL $(cat run/trader.pid)")
    aws.agent_never(silent.instance_id)
    day.account.ec2.stop_instances(InstanceIds=[stopped.instance_id])
    wait_until(lambda: aws.host(stopped.instance_id).state == "stopped", 150)

    ill = _json(aws, "--check", status=2)
    assert ill["problems"] == [
        f"{silent.name}: its SSM agent is ConnectionLost",
        f"{killed.name}: trader is failed",
        f"{stopped.name}: is stopped",
    ]
    shown = _play(aws, "status", **PLAIN).output.splitlines()
    assert shown[0].startswith("qa is NOT WELL: 3 of 4 hosts run, ")
    assert [line.split()[1] for line in shown if line.startswith("! ")][:3] == ["SOXL", "SPXL", "TQQQ"]

    day.account.ec2.stop_instances(InstanceIds=[host.instance_id for host in day.account.hosts("qa")])
    wait_until(lambda: day.states() == {"stopped"}, 150)
    assert _json(aws, status=0)["expected"] == "stopped"
    assert len(_json(aws, "-e", "trading_status_expect=running", status=2)["problems"]) == 4


def _check_json(day: Day) -> None:
    status = _json(day.aws, status=0)
    assert status["problems"] == []
    ingest, *traders = status["hosts"]
    assert (ingest["name"], ingest["agent"], ingest["commit"]) == (INGEST, "Online", day.commit)
    assert ingest["services"] == {"nats": "running", "feed": "running", "dashboard": "running"}
    assert ingest["feed_lag"] in range(30)
    assert [trader["services"] for trader in traders] == [{"upload": "running", "trader": "running"}] * 3


@pytest.mark.parametrize("arguments", [("trading_status_format=xml",), ("trading_status_expect=stopped",)])
def test_what_it_does_not_know_it_refuses_before_it_looks(aws: LocalAws, arguments: tuple[str, ...]) -> None:
    aws.forget_calls()
    run = _play(aws, "status", "-e", *arguments)
    assert run.status != 0
    assert "trading_status_format is table or json" in run.output
    # The inventory looks for hosts in any case.
    assert {call.service for call in aws.calls()} == {"ec2"}


def test_an_account_without_hosts_is_not_well(aws: LocalAws) -> None:
    assert _json(aws, status=2)["problems"] == ["qa has no hosts: site.yml makes them"]


def test_many_hosts_are_asked_in_few_requests() -> None:
    with LocalAws(hosts=True) as aws:
        aws.instant_hosts()
        account = Account(aws)
        account.seed("qa", models=MANY)
        assert run_playbook("qa", aws.environ).status == 0
        commit = "c0ffee" * 6 + "c0de"
        services = {"upload": "running", "trader": "running"}
        aws.stub_command(stdout=json.dumps({"services": services, "commit": commit, "error": None}))
        broken = account.traders("qa")[7]
        aws.stub_command(stderr="run.sh: no metadata", exit_code=1, only=[broken.instance_id])
        retired = account.traders("qa")[8]
        account.ec2.create_tags(Resources=[retired.instance_id], Tags=[{"Key": "Retired", "Value": "yesterday"}])
        aws.forget_calls()

        status = _json(aws, status=2)

        assert status["problems"] == [f"{broken.name}: does not tell its status: exit status 1: run.sh: no metadata"]
        assert len(status["hosts"]) == MANY
        calls = Counter(call.operation for call in aws.calls())
        assert calls["SendCommand"] == 2
        assert calls["GetCommandInvocation"] == MANY
        # Two of them are the inventory's.
        assert calls["DescribeInstances"] <= 4
        assert calls["DescribeInstanceStatus"] == 1
        # Two pages, and once more when they are sent something.
        assert calls["DescribeInstanceInformation"] <= 4
        assert not [call for call in aws.calls() if call.mutating and call.operation != "SendCommand"]
