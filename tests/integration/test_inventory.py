# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The inventory of an environment shows its own hosts, and no other."""

from __future__ import annotations

import json
import resource
import subprocess
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._naming import environment_names

from tests.integration.account import Account
from tests.local_aws.account import ACCOUNT_ID
from tests.local_aws.seed import BUCKETS
from tests.local_aws.seed_models import delete_model, model_names
from tests.playbook import BIN, REPOSITORY, Site


def test_hosts_are_found_by_name_and_group(account: Account, site: Site) -> None:
    for environment in ("dev", "qa"):
        account.seed(environment, models=4, symbols=2)
        site(environment)
    retired = model_names(4, 2)[0]
    delete_model(account.s3, BUCKETS["qa"], *retired)
    site("qa")

    groups = _inventory(account, "qa")

    names = {host.name for host in account.hosts("qa") if "Retired" not in host.tags}
    assert len(names) == 4
    assert set(groups["role_ingest"]["hosts"]) == {"alpaca-websocket-ingest-qa"}
    assert set(groups["role_trader"]["hosts"]) == names - {"alpaca-websocket-ingest-qa"}
    assert set(groups["_meta"]["hostvars"]) == names | {"localhost"}
    assert set(groups["symbol_SOXL"]["hosts"]) == {name for name in names if "-SOXL-" in name}
    assert set(groups["model_type_short"]["hosts"]) == {name for name in names if "-short-" in name}

    # How Ansible reaches them.
    hosts = {host.name: host for host in account.hosts("qa")}
    bucket = environment_names("qa")["transfer_bucket_prefix"] + ACCOUNT_ID
    assert bucket in [found["Name"] for found in account.s3.list_buckets()["Buckets"]]
    for name in groups["role_ingest"]["hosts"] + groups["role_trader"]["hosts"]:
        variables = groups["_meta"]["hostvars"][name]
        wanted = {
            "ansible_connection": "algotrading.aws.aws_ssm",
            "ansible_aws_ssm_instance_id": hosts[name].instance_id,
            "ansible_aws_ssm_region": "us-east-1",
            "ansible_aws_ssm_bucket_name": bucket,
            "ansible_aws_ssm_retries": 0,
            "ansible_aws_ssm_timeout": 60,
            "ansible_become": True,
        }
        assert {key: _plain(variables.get(key)) for key in wanted} == wanted
    assert "aws_ssm" not in str(groups["_meta"]["hostvars"]["localhost"])
    assert "ansible_become" not in groups["_meta"]["hostvars"]["localhost"]


def test_five_hundred_hosts_of_three_environments_are_told_apart_quickly(account: Account) -> None:
    account.seed("qa", models=1)
    subnet = account.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    image = account.ec2.describe_images(Owners=["self"])["Images"][0]["ImageId"]
    for environment, count in (("dev", 160), ("qa", 180), ("prod", 160)):
        _launch(account, environment, count, ImageId=image, SubnetId=subnet)
    account.aws.forget_calls()
    before = _seconds_of_children()
    command = [str(BIN / "ansible-inventory"), "-i", "inventories/qa", "--graph", "role_trader"]
    shown = subprocess.run(command, cwd=REPOSITORY, env=account.aws.environ, check=True, capture_output=True, text=True)
    seconds = _seconds_of_children() - before
    assert {line.strip(" |-") for line in shown.stdout.splitlines()[1:]} == {f"qa-{number}" for number in range(180)}
    assert [call.operation for call in account.aws.calls()] == ["DescribeInstances"] * 2, (
        "the hosts, and those left out"
    )
    assert seconds < 10, "on a core of its own"


def _launch(account: Account, environment: str, count: int, **where: Any) -> None:
    """Launch many traders at once, which differ in their names."""
    tags = [{"Key": "Environment", "Value": environment}, {"Key": "Role", "Value": "trader"}]
    launched = account.ec2.run_instances(
        MinCount=count,
        MaxCount=count,
        InstanceType="t3.small",
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        **where,
    )
    for number, instance in enumerate(launched["Instances"]):
        name = {"Key": "Name", "Value": f"{environment}-{number}"}
        account.ec2.create_tags(Resources=[instance["InstanceId"]], Tags=[name])


def _seconds_of_children() -> float:
    """The processor's time that ended children took, which other programs on this machine do not lengthen."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _plain(value: Any) -> Any:
    """A value without the mark that it comes from without, and is no template."""
    return value["__ansible_unsafe"] if isinstance(value, dict) else value


def _inventory(account: Account, environment: str) -> dict[str, dict[str, Any]]:
    command = [str(BIN / "ansible-inventory"), "-i", f"inventories/{environment}", "--list"]
    shown = subprocess.run(command, cwd=REPOSITORY, env=account.aws.environ, check=True, capture_output=True, text=True)
    found: dict[str, dict[str, Any]] = json.loads(shown.stdout)
    return found
