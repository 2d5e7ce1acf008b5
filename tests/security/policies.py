# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every policy of an account, read from AWS as a reviewer would read it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tests.local_aws import LocalAws

AWS_OWN = "arn:aws:iam::aws:policy/"


@dataclass(frozen=True)
class Policy:
    """One policy, with the kind of thing that has it and its own name there."""

    kind: str
    holder: str
    name: str
    # What the policy is about where it does not say so itself, as a trust policy does not.
    resource: str
    document: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.kind} {self.holder} {self.name}".rstrip()

    def statements(self) -> list[dict[str, Any]]:
        """All statements, which the grammar allows to stand without a list."""
        found = self.document["Statement"]
        return found if isinstance(found, list) else [found]


class Policies:
    """The policies of the account behind a local AWS."""

    def __init__(self, aws: LocalAws) -> None:
        self._iam = aws.client("iam")
        self._s3 = aws.client("s3")
        self._functions = aws.client("lambda")
        self._topics = aws.client("sns")

    def of_roles(self) -> Iterator[Policy]:
        """Each role's trust, its inline policies and the managed ones that are not AWS's own."""
        for role in self._iam.get_paginator("list_roles").paginate().search("Roles[]"):
            name, arn = role["RoleName"], role["Arn"]
            yield Policy("trust", name, "", arn, role["AssumeRolePolicyDocument"])
            for inline in self._iam.list_role_policies(RoleName=name)["PolicyNames"]:
                found = self._iam.get_role_policy(RoleName=name, PolicyName=inline)
                yield Policy("inline", name, inline, arn, found["PolicyDocument"])
            for attached in self.attached(name):
                if not attached.startswith(AWS_OWN):
                    yield Policy("managed", name, attached.rpartition("/")[2], arn, self.managed(attached))

    def attached(self, role: str) -> list[str]:
        """The ARNs of a role's managed policies."""
        found = self._iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        return [policy["PolicyArn"] for policy in found]

    def managed(self, arn: str) -> dict[str, Any]:
        """What a managed policy says now."""
        version = self._iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        document: dict[str, Any] = self._iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"][
            "Document"
        ]
        return document

    @contextmanager
    def without(self, role: str, sid: str) -> Iterator[None]:
        """While the block runs, a role's policies lack the statement of a Sid."""
        (policy,) = [
            policy
            for policy in self.of_roles()
            if policy.holder == role and sid in [statement.get("Sid") for statement in policy.statements()]
        ]
        kept = [statement for statement in policy.statements() if statement.get("Sid") != sid]
        self._write(policy, policy.document | {"Statement": kept})
        try:
            yield
        finally:
            self._write(policy, policy.document)

    def _write(self, policy: Policy, document: dict[str, Any]) -> None:
        text = json.dumps(document)
        if policy.kind == "inline" and not document["Statement"]:
            self._iam.delete_role_policy(RoleName=policy.holder, PolicyName=policy.name)
            return
        if policy.kind == "inline":
            self._iam.put_role_policy(RoleName=policy.holder, PolicyName=policy.name, PolicyDocument=text)
            return
        (arn,) = [arn for arn in self.attached(policy.holder) if arn.endswith(f"/{policy.name}")]
        before = self._iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        self._iam.create_policy_version(PolicyArn=arn, PolicyDocument=text, SetAsDefault=True)
        self._iam.delete_policy_version(PolicyArn=arn, VersionId=before)

    def of_buckets(self) -> Iterator[Policy]:
        """Each bucket's policy, where it has one."""
        for bucket in self._s3.list_buckets()["Buckets"]:
            name = bucket["Name"]
            try:
                found = self._s3.get_bucket_policy(Bucket=name)["Policy"]
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
                    raise
            else:
                yield Policy("bucket", name, "", f"arn:aws:s3:::{name}", json.loads(found))

    def of_functions(self) -> Iterator[Policy]:
        """Each function's own policy, where it has one."""
        for function in self._functions.list_functions()["Functions"]:
            name, arn = function["FunctionName"], function["FunctionArn"]
            try:
                found = self._functions.get_policy(FunctionName=name)["Policy"]
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
            else:
                yield Policy("function", name, "", arn, json.loads(found))

    def of_topics(self) -> Iterator[Policy]:
        """Each topic's policy: AWS gives every topic one, for its own account."""
        for topic in self._topics.list_topics()["Topics"]:
            arn = topic["TopicArn"]
            attributes = self._topics.get_topic_attributes(TopicArn=arn)["Attributes"]
            yield Policy("topic", arn.rpartition(":")[2], "", arn, json.loads(attributes["Policy"]))
