# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Makes roles, policies and instance profiles in IAM what they should be.

Every step may be killed and taken again: it looks at what there is, and a thing that is there already, or gone already,
is as good as made or deleted.

What IAM refuses keeps nothing else from being handled, except that a role keeps what is superseded until it has all
that it should have. Failures are collected, and told at the end.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._iam_read import (
    list_policy_versions,
    read_policy,
    read_profile,
    read_role,
)
from ansible_collections.algotrading.aws.plugins.module_utils._iam_roles import (
    Account,
    Document,
    Role,
    Wanted,
    changes_of_inline,
    same,
)
from ansible_collections.algotrading.aws.plugins.module_utils._just_made import retry_while
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import is_ansible_aws_error_code
from ansible_collections.amazon.aws.plugins.module_utils.iam import (
    AnsibleIAMError,
    IAMErrorHandler,
    add_role_to_iam_instance_profile,
    create_iam_instance_profile,
    delete_iam_instance_profile,
    detach_iam_role_policy,
    remove_role_from_iam_instance_profile,
)
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

# As many as a client of botocore keeps connections.
WORKERS = 10
# Versions that a policy may have.
VERSIONS = 5
# What IAM says while one part of it does not know yet what another one was told, or is being told.
TRANSIENT = (
    "(EntityAlreadyExists)",
    "(NoSuchEntity)",
    "(DeleteConflict)",
    "(ConcurrentModification)",
    "InstanceSessionsPerInstanceProfile",
)

Step = Callable[[], object]


@IAMErrorHandler.common_error_handler("create role")
@AWSRetry.jittered_backoff()
def create_role(client: Any, name: str, trust: Document, description: str) -> dict[str, Any]:
    document = json.dumps(trust)
    return client.create_role(RoleName=name, AssumeRolePolicyDocument=document, Description=description)["Role"]


@IAMErrorHandler.common_error_handler("update assume role policy")
@AWSRetry.jittered_backoff()
def update_assume_role_policy(client: Any, role: str, trust: Document) -> None:
    client.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))


@IAMErrorHandler.deletion_error_handler("delete role")
@AWSRetry.jittered_backoff()
def delete_role(client: Any, name: str) -> None:
    client.delete_role(RoleName=name)


@IAMErrorHandler.common_error_handler("put role policy")
@AWSRetry.jittered_backoff()
def put_role_policy(client: Any, role: str, name: str, document: Document) -> None:
    client.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


@IAMErrorHandler.deletion_error_handler("delete role policy")
@AWSRetry.jittered_backoff()
def delete_role_policy(client: Any, role: str, name: str) -> None:
    client.delete_role_policy(RoleName=role, PolicyName=name)


@IAMErrorHandler.common_error_handler("attach role policy")
@AWSRetry.jittered_backoff()
def attach_role_policy(client: Any, role: str, arn: str) -> None:
    client.attach_role_policy(RoleName=role, PolicyArn=arn)


@IAMErrorHandler.common_error_handler("create policy")
@AWSRetry.jittered_backoff()
def create_policy(client: Any, name: str, document: Document) -> None:
    client.create_policy(PolicyName=name, PolicyDocument=json.dumps(document))


@IAMErrorHandler.common_error_handler("create policy version")
@AWSRetry.jittered_backoff()
def create_policy_version(client: Any, arn: str, document: Document) -> str:
    made = client.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(document), SetAsDefault=True)
    return made["PolicyVersion"]["VersionId"]


@IAMErrorHandler.deletion_error_handler("delete policy version")
@AWSRetry.jittered_backoff()
def delete_policy_version(client: Any, arn: str, version: str) -> None:
    client.delete_policy_version(PolicyArn=arn, VersionId=version)


@IAMErrorHandler.deletion_error_handler("delete policy")
@AWSRetry.jittered_backoff()
def delete_policy(client: Any, arn: str) -> None:
    client.delete_policy(PolicyArn=arn)


class Roles:
    """The roles of one account, as far as they are to be changed."""

    def __init__(self, client: Any, account: Account) -> None:
        self.client = client
        self.account = account
        self.failures: list[str] = []
        # The policies that have got a new version.
        self.rewritten: set[str] = set()

    def ensure(self, roles: Sequence[Wanted], *, present: bool) -> list[str]:
        """Make roles what they should be, several at a time, and return what failed, a sentence each."""
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(self.ensure_present if present else self.ensure_absent, roles))
        return sorted(self.failures)

    def attempt(self, role: str, steps: Iterator[Step]) -> bool:
        """Take every step, and say whether all were taken."""
        done = True
        for step in steps:
            try:
                retry_while(TRANSIENT, step)
            except AnsibleIAMError as error:
                self.failures.append(f"{role}: {error}")
                done = False
        return done

    # Roles that should be there

    def ensure_present(self, wanted: Wanted) -> None:
        try:
            role = self.account.roles.get(wanted.name) or retry_while(TRANSIENT, lambda: self.make(wanted))
        except AnsibleIAMError as error:
            self.failures.append(f"{wanted.name}: {error}")
            return
        if self.attempt(wanted.name, self.additions(wanted, role)):
            self.attempt(wanted.name, self.removals(wanted, role))

    def make(self, wanted: Wanted) -> Role:
        """Create a role, or look at it when it exists after all."""
        try:
            made = create_role(self.client, wanted.name, wanted.trust, wanted.description)
        except is_ansible_aws_error_code("EntityAlreadyExists"):
            found = read_role(self.client, wanted.name)
            if found is None:
                raise
            return found
        return Role(arn=made["Arn"], trust=wanted.trust)

    def additions(self, wanted: Wanted, role: Role) -> Iterator[Step]:
        if not same(role.trust, wanted.trust):
            yield partial(update_assume_role_policy, self.client, wanted.name, wanted.trust)
        for name in wanted.policies:
            yield partial(self.provide_policy, wanted, role, name)
        for name, document in changes_of_inline(wanted, role):
            yield partial(put_role_policy, self.client, wanted.name, name, document)
        for arn in sorted({*wanted.managed} - {*role.managed}):
            yield partial(attach_role_policy, self.client, wanted.name, arn)
        if wanted.profile:
            yield partial(self.provide_profile, wanted.profile, wanted.name)

    def removals(self, wanted: Wanted, role: Role) -> Iterator[Step]:
        for arn in sorted({*role.managed} - {*self.account.managed_of(wanted)}):
            yield partial(detach_iam_role_policy, self.client, arn, wanted.name)
        for name in sorted(role.inline.keys() - wanted.inline.keys()):
            yield partial(delete_role_policy, self.client, wanted.name, name)
        for name in wanted.policies:
            arn, policy = self.account.policy_arn(name), self.account.policies.get(name)
            if arn in self.rewritten or (policy and policy.other_versions):
                yield partial(self.delete_old_versions, arn)

    def provide_policy(self, wanted: Wanted, role: Role, name: str) -> None:
        """Create or change a customer-managed policy, and attach it."""
        arn = self.account.policy_arn(name)
        self.write_policy(name, arn, wanted.policies[name])
        if arn not in role.managed:
            attach_role_policy(self.client, wanted.name, arn)

    def write_policy(self, name: str, arn: str, document: Document) -> None:
        policy = self.account.policies.get(name)
        if policy is None:
            try:
                create_policy(self.client, name, document)
                return
            except is_ansible_aws_error_code("EntityAlreadyExists"):
                policy = read_policy(self.client, arn)
                if policy is None:
                    raise
        if not same(policy.document, document):
            self.make_room(arn)
            create_policy_version(self.client, arn, document)
            self.rewritten.add(arn)

    def make_room(self, arn: str) -> None:
        """Delete the oldest version when one more would be too many."""
        versions = list_policy_versions(self.client, arn)
        if len(versions) >= VERSIONS:
            others = [version for version in versions if not version["IsDefaultVersion"]]
            oldest = min(others, key=lambda version: version["CreateDate"])
            delete_policy_version(self.client, arn, oldest["VersionId"])

    def delete_old_versions(self, arn: str) -> None:
        """Delete all but the default version, as an old one may be wider, and could be made the default again."""
        for version in list_policy_versions(self.client, arn):
            if not version["IsDefaultVersion"]:
                delete_policy_version(self.client, arn, version["VersionId"])

    def provide_profile(self, profile: str, role: str) -> None:
        """Create an instance profile, and let it have a role. It takes one only."""
        if self.account.profiles.get(profile) == role:
            return
        if profile not in self.account.profiles:
            try:
                create_iam_instance_profile(self.client, profile, path=None, tags=None)
            except is_ansible_aws_error_code("EntityAlreadyExists"):
                pass
        holders = read_profile(self.client, profile) or []
        for holder in holders:
            if holder != role:
                remove_role_from_iam_instance_profile(self.client, profile, holder)
        if role not in holders:
            add_role_to_iam_instance_profile(self.client, profile, role)

    # Roles that should not be there

    def ensure_absent(self, wanted: Wanted) -> None:
        role = self.account.roles.get(wanted.name)
        if self.attempt(wanted.name, self.detachments(wanted, role)):
            self.attempt(wanted.name, self.deletions(wanted, role))

    def detachments(self, wanted: Wanted, role: Role | None) -> Iterator[Step]:
        own = [(wanted.profile, self.account.profiles.get(wanted.profile))] if wanted.profile else []
        held = [(profile, wanted.name) for profile in (role.profiles if role else [])]
        for profile, holder in sorted({(profile, holder) for profile, holder in [*own, *held] if holder}):
            yield partial(remove_role_from_iam_instance_profile, self.client, profile, holder)
        for arn in role.managed if role else []:
            yield partial(detach_iam_role_policy, self.client, arn, wanted.name)
        for name in role.inline if role else []:
            yield partial(delete_role_policy, self.client, wanted.name, name)

    def deletions(self, wanted: Wanted, role: Role | None) -> Iterator[Step]:
        if wanted.profile in self.account.profiles:
            yield partial(delete_iam_instance_profile, self.client, wanted.profile)
        for name in wanted.policies:
            if name in self.account.policies:
                yield partial(self.remove_policy, self.account.policy_arn(name))
        if role:
            yield partial(delete_role, self.client, wanted.name)

    def remove_policy(self, arn: str) -> None:
        self.delete_old_versions(arn)
        delete_policy(self.client, arn)
