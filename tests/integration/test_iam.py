# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The role iam, by itself: what it makes is all that it takes away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tests.integration.account import Account
from tests.local_aws.seed import BUCKETS
from tests.playbook import PlaybookRun, run_playbook

KINDS = ("IAM role", "IAM policy", "instance profile")
TLS_ONLY = {
    "Sid": "DenyPlainHttp",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": f"arn:aws:s3:::{BUCKETS['qa']}/*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


class IamRole:
    """The role, run on qa by one of its entry points, in a playbook that writes down what became of each resource."""

    def __init__(self, account: Account, folder: Path) -> None:
        self.account, self.folder = account, folder

    def run(self, entry_point: str, *arguments: str) -> PlaybookRun:
        wanted = {"name": "algotrading.aws.iam", "tasks_from": entry_point}
        noted = {
            "content": "{{ iam_resources | to_json }}",
            "dest": str(self.folder / "resources.json"),
            "mode": "0600",
        }
        tasks = [
            {"import_role": wanted},
            {"ansible.builtin.copy": noted, "check_mode": False, "changed_when": False, "diff": False},
        ]
        playbook = self.folder / f"{entry_point}.yml"
        playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
        self.account.aws.forget_calls()
        run = run_playbook("qa", self.account.aws.environ, *arguments, playbook=str(playbook))
        assert run.status == 0, run.output
        return run

    def told(self) -> set[tuple[str, str]]:
        """What the last run has done with which kinds of resources."""
        resources = json.loads((self.folder / "resources.json").read_text())
        return {(each["kind"], each["action"]) for each in resources}


def test_what_it_makes_is_all_that_it_takes_away(account: Account, tmp_path: Path) -> None:
    account.seed("qa", models=1)
    account.s3.put_bucket_policy(
        Bucket=BUCKETS["qa"], Policy=json.dumps({"Version": "2012-10-17", "Statement": [TLS_ONLY]})
    )
    account.iam.create_role(RoleName="theirs_qa", AssumeRolePolicyDocument=json.dumps(_trust()))
    before = _everything(account)
    role = IamRole(account, tmp_path)

    role.run("main")
    assert role.told() == told("create", bucket_policy="change")
    made = _everything(account)
    assert [len(names) - len(old) for names, old in zip(made[:3], before[:3], strict=True)] == [6, 3, 2]
    role.run("main", "--check")
    assert role.told() == told("keep", bucket_policy="keep")

    role.run("destroy", "--check")
    assert role.told() == told("delete", bucket_policy="change")
    assert account.mutating_calls() == []
    assert role.run("destroy").changed == 2
    assert role.told() == told("delete", bucket_policy="change")
    assert _everything(account) == before

    assert role.run("destroy").changed == 0
    assert account.mutating_calls() == []


def test_a_run_that_changes_nothing_asks_iam_for_little(account: Account, tmp_path: Path) -> None:
    account.seed("qa", models=1)
    role = IamRole(account, tmp_path)
    role.run("main")
    role.run("main")
    asked = [call.operation for call in account.aws.calls() if call.service == "iam"]
    # The account's aliases come with its number.
    assert sorted(asked) == ["GetAccountAuthorizationDetails", "ListAccountAliases"]


def told(action: str, *, bucket_policy: str) -> set[tuple[str, str]]:
    """What a run tells. The bucket's policy has another statement besides, and so is never created or deleted."""
    return {*((kind, action) for kind in KINDS), ("bucket policy", bucket_policy)}


def _trust() -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _everything(account: Account) -> tuple[list[str], list[str], list[str], dict[str, Any]]:
    """The roles, customer-managed policies and instance profiles of the account, and the bucket's policy."""
    policies = account.iam.list_policies(Scope="Local")["Policies"]
    profiles = account.iam.list_instance_profiles()["InstanceProfiles"]
    return (
        account.role_names(),
        sorted(policy["PolicyName"] for policy in policies),
        sorted(profile["InstanceProfileName"] for profile in profiles),
        account.bucket_policy("qa"),
    )
