# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""playbooks/retire.yml lists what has been retired, and terminates what is due only when it is asked to."""

from __future__ import annotations

from tests.integration.account import Account
from tests.playbook import PlaybookRun, run_playbook

LONG_AGO = "2020-01-01T00:00:00Z"
RECENTLY = "2099-01-01T00:00:00Z"


def _retired(account: Account, environment: str, name: str, since: str) -> str:
    tags = {
        "Name": f"trading-server-{environment}-SOXL-long-{name}",
        "Environment": environment,
        "Role": "trader",
        "ModelType": "long",
        "Symbol": "SOXL",
        "ModelNumber": name,
        "Retired": since,
    }
    image = account.ec2.describe_images(Owners=["self"])["Images"][0]["ImageId"]
    launched = account.ec2.run_instances(
        MinCount=1,
        MaxCount=1,
        ImageId=image,
        InstanceType="t3.small",
        SubnetId=account.ec2.describe_subnets()["Subnets"][0]["SubnetId"],
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        ],
    )
    instance_id: str = launched["Instances"][0]["InstanceId"]
    account.ec2.stop_instances(InstanceIds=[instance_id])
    return instance_id


def _retire(account: Account, *arguments: str) -> PlaybookRun:
    run = run_playbook("qa", account.aws.environ, *arguments, playbook="playbooks/retire.yml")
    assert run.status == 0, run.output
    return run


def test_what_is_due_is_terminated_only_when_that_is_asked_for(account: Account) -> None:
    """Seen failing when the module asks no server whether it is due."""
    account.seed("qa")
    due = _retired(account, "qa", "a-outer_1_inner_1", LONG_AGO)
    others = [
        _retired(account, "qa", "b-outer_1_inner_1", RECENTLY),
        _retired(account, "qa", "c-outer_1_inner_1", "by hand"),
        _retired(account, "dev", "d-outer_1_inner_1", LONG_AGO),
    ]
    disks = len(account.ec2.describe_volumes()["Volumes"])
    account.aws.forget_calls()

    listed = _retire(account)
    assert (
        "qa has 3 retired servers, 1 of them for longer than 30 days; `-e trading_retire_terminate=true`"
        in listed.output
    )
    assert f"due        trading-server-qa-SOXL-long-a-outer_1_inner_1 {due}" in listed.output
    assert "its tag Retired=by hand is no time that a run wrote" in listed.output
    assert others[2] not in listed.output

    checked = _retire(account, "-e", "trading_retire_terminate=true", "--check")
    assert f"would go   trading-server-qa-SOXL-long-a-outer_1_inner_1 {due}" in checked.output
    assert (listed.changed, checked.changed) == (0, 1)
    assert account.mutating_calls() == []

    done = _retire(account, "-e", "trading_retire_terminate=true")
    assert f"terminated trading-server-qa-SOXL-long-a-outer_1_inner_1 {due}" in done.output
    left = {host.instance_id for environment in ("dev", "qa") for host in account.hosts(environment)}
    assert left == set(others)
    assert len(account.ec2.describe_volumes()["Volumes"]) == disks - 1
