# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module iam_roles."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from ansible_collections.algotrading.aws.plugins.modules.iam_roles import main

from tests.unit.plugins.support import Account, Disturbance, Outcome, RunModule

HOST, FUNCTION = "host_role_qa", "function_role_qa"
PROFILE, POLICY = "host_profile_qa", "function_policy_qa"
POLICY_ARN = f"arn:aws:iam::123456789012:policy/{POLICY}"
CORE, READ_ONLY = (f"arn:aws:iam::aws:policy/{name}" for name in ("AmazonSSMManagedInstanceCore", "ReadOnlyAccess"))
READING = {"GetAccountAuthorizationDetails", "GetInstanceProfile", "GetCallerIdentity"}


def trust(service: str = "ec2", **more: Any) -> dict[str, Any]:
    principal = {"Service": f"{service}.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


def document(action: Any = "s3:ListBucket", resource: Any = "arn:aws:s3:::models") -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}


def long_document(size: int) -> dict[str, Any]:
    return document(
        resource="arn:aws:s3:::" + "x" * (size - len(json.dumps(document(resource="")).replace(" ", "")) - 13)
    )


def named(policies: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "document": policy} for name, policy in policies.items()]


def host(inline: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "name": HOST,
        "description": "The hosts",
        "assume_role_policy_document": trust(),
        "managed_policies": [CORE],
        "inline_policies": named({"read": document()} if inline is None else inline),
        "instance_profile": PROFILE,
        **changes,
    }


def function(policy: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "name": FUNCTION,
        "assume_role_policy_document": trust("lambda"),
        "customer_managed_policies": named({POLICY: policy or document("ec2:DescribeInstances", "*")}),
        **changes,
    }


class Iam:
    """The account's IAM, and the module applied to it."""

    def __init__(self, aws: Account, run_module: RunModule) -> None:
        self.aws, self.run_module = aws, run_module
        self.client = aws.client("iam")

    def run(self, *roles: dict[str, Any], **args: Any) -> Outcome:
        self.aws.forget_calls()
        return self.run_module(main, roles=list(roles), **args)

    def changes(self) -> list[str]:
        return self.aws.changes()

    # What another one makes

    def role(self, name: str, **inline: dict[str, Any]) -> None:
        self.client.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust()))
        for policy, each in inline.items():
            self.put(name, policy, each)

    def put(self, role: str, name: str, policy: dict[str, Any]) -> None:
        self.client.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))

    def policy(self, name: str, *versions: dict[str, Any]) -> str:
        made = self.client.create_policy(PolicyName=name, PolicyDocument=json.dumps(versions[0]))["Policy"]["Arn"]
        for version in versions[1:]:
            self.client.create_policy_version(PolicyArn=made, PolicyDocument=json.dumps(version), SetAsDefault=True)
        return str(made)

    def profile(self, name: str, role: str | None = None) -> None:
        self.client.create_instance_profile(InstanceProfileName=name)
        if role:
            self.client.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)

    # What there is

    def snapshot(self) -> dict[str, Any]:
        """All roles, customer-managed policies and instance profiles, read one by one."""
        roles = [role["RoleName"] for role in self.client.list_roles()["Roles"]]
        policies = [policy["Arn"] for policy in self.client.list_policies(Scope="Local")["Policies"]]
        profiles = self.client.list_instance_profiles()["InstanceProfiles"]
        return {
            "roles": {name: self.about(name) for name in roles},
            "policies": {arn: self.versions(arn) for arn in policies},
            "profiles": {
                each["InstanceProfileName"]: [role["RoleName"] for role in each["Roles"]] for each in profiles
            },
        }

    def about(self, role: str) -> dict[str, Any]:
        return {
            "trust": self.client.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"],
            "managed": self.managed(role),
            "inline": self.inline(role),
        }

    def managed(self, role: str) -> list[str]:
        attached = self.client.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        return sorted(policy["PolicyArn"] for policy in attached)

    def inline(self, role: str) -> dict[str, Any]:
        names = self.client.list_role_policies(RoleName=role)["PolicyNames"]
        return {name: self.client.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}

    def versions(self, arn: str) -> list[dict[str, Any]]:
        """The documents of a policy's versions, the default one first."""
        versions = self.client.list_policy_versions(PolicyArn=arn)["Versions"]
        versions.sort(key=lambda version: not version["IsDefaultVersion"])
        return [
            self.client.get_policy_version(PolicyArn=arn, VersionId=version["VersionId"])["PolicyVersion"]["Document"]
            for version in versions
        ]


@pytest.fixture
def iam(aws: Account, run_module: RunModule) -> Iam:
    return Iam(aws, run_module)


def actions(outcome: Outcome) -> dict[str, str]:
    return {f"{each['kind']} {each['name']}": each["action"] for each in outcome["resources"]}


def told(outcome: Outcome, name: str) -> dict[str, Any]:
    (found,) = [each for each in outcome["resources"] if each["name"] == name]
    return dict(found)


# Creation


def test_roles_are_created_with_policies_and_profiles(iam: Iam) -> None:
    outcome = iam.run(host(), function())
    assert outcome.changed
    assert iam.snapshot() == {
        "roles": {
            HOST: {"trust": trust(), "managed": [CORE], "inline": {"read": document()}},
            FUNCTION: {"trust": trust("lambda"), "managed": [POLICY_ARN], "inline": {}},
        },
        "policies": {POLICY_ARN: [document("ec2:DescribeInstances", "*")]},
        "profiles": {PROFILE: [HOST]},
    }
    assert iam.client.get_role(RoleName=HOST)["Role"]["Description"] == "The hosts"
    assert actions(outcome) == {
        f"IAM role {HOST}": "create",
        f"instance profile {PROFILE}": "create",
        f"IAM role {FUNCTION}": "create",
        f"IAM policy {POLICY}": "create",
    }
    assert outcome["diff"]["before"] == {}
    assert outcome["diff"]["after"][f"IAM role {FUNCTION}"]["managed_policies"] == [POLICY_ARN]


def test_a_second_run_reads_all_by_one_call(iam: Iam) -> None:
    iam.run(host(), function())
    outcome = iam.run(host(), function())
    assert not outcome.changed
    assert set(actions(outcome).values()) == {"keep"}
    assert iam.aws.counts() == {"GetAccountAuthorizationDetails": 1}


def test_a_document_may_be_json(iam: Iam) -> None:
    iam.run(host({"read": json.dumps(document())}, assume_role_policy_document=json.dumps(trust())))
    assert iam.inline(HOST) == {"read": document()}


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("before", ["nothing", "drifted", "as wanted"])
def test_check_mode_announces_what_a_run_then_does(iam: Iam, before: str, state: str) -> None:
    if before == "drifted":
        iam.role(HOST, old=document(), read=document("s3:*"))
        iam.profile(PROFILE)
        iam.policy(POLICY, document("ec2:*", "*"), document("ec2:DescribeHosts", "*"))
    elif before == "as wanted":
        iam.run(host(), function())
    found = iam.snapshot()
    announced = iam.run(host(), function(), state=state, check=True)
    assert set(iam.aws.counts()) <= READING | {"GetRole", "ListPolicyVersions"}
    assert iam.snapshot() == found
    done = iam.run(host(), function(), state=state)
    assert {**announced.result, "invocation": 0} == {**done.result, "invocation": 0}
    again = iam.run(host(), function(), state=state)
    assert not again.changed
    assert iam.changes() == []


# Drift


@pytest.mark.parametrize(
    "written",
    [
        {"inline": {"read": document(["s3:ListBucket"])}},
        {"inline": {"read": dict(reversed(document().items()))}},
        {"assume_role_policy_document": trust(Action=["sts:AssumeRole"])},
    ],
    ids=["a list of one", "another order of keys", "a trust policy"],
)
def test_what_only_is_written_in_another_way_is_no_change(iam: Iam, written: dict[str, Any]) -> None:
    iam.run(host())
    assert not iam.run(host(**written)).changed
    assert iam.changes() == []


def test_only_the_policy_that_differs_is_put(iam: Iam) -> None:
    iam.run(host({"read": document(), "write": document("s3:PutObject")}))
    outcome = iam.run(host({"read": document(resource="arn:aws:s3:::other"), "write": document("s3:PutObject")}))
    assert iam.changes() == ["PutRolePolicy"]
    assert iam.inline(HOST)["read"] == document(resource="arn:aws:s3:::other")
    changed = told(outcome, HOST)
    assert changed["reasons"] == ["differs in inline_policies"]
    assert changed["before"]["inline_policies"]["read"] == document()


def test_the_trust_policy_is_changed_in_place(iam: Iam) -> None:
    iam.role(FUNCTION)
    identity = iam.client.get_role(RoleName=FUNCTION)["Role"]["RoleId"]
    iam.run(function())
    role = iam.client.get_role(RoleName=FUNCTION)["Role"]
    assert (role["AssumeRolePolicyDocument"], role["RoleId"]) == (trust("lambda"), identity)


def test_what_others_gave_a_role_is_taken_away(iam: Iam) -> None:
    iam.run(host())
    iam.put(HOST, "theirs", document("s3:*"))
    iam.client.attach_role_policy(RoleName=HOST, PolicyArn=READ_ONLY)
    outcome = iam.run(host())
    assert iam.about(HOST) == {"trust": trust(), "managed": [CORE], "inline": {"read": document()}}
    assert told(outcome, HOST)["before"].keys() == {"inline_policies", "managed_policies"}


def test_other_roles_and_policies_stay(iam: Iam) -> None:
    iam.role("theirs", inline=document())
    arn = iam.policy("theirs", document())
    iam.client.attach_role_policy(RoleName="theirs", PolicyArn=arn)
    iam.profile("theirs", "theirs")
    before = iam.snapshot()
    iam.run(host(), function())
    iam.run(host(), function(), state="absent")
    assert iam.snapshot() == before


def test_what_a_role_lacks_comes_before_anything_goes(iam: Iam) -> None:
    iam.role(HOST, old=document())
    iam.client.attach_role_policy(RoleName=HOST, PolicyArn=READ_ONLY)
    iam.run(host(customer_managed_policies=named({POLICY: document()})))
    changes = iam.changes()
    assert {*changes[:-2]} == {
        "CreatePolicy",
        "AttachRolePolicy",
        "PutRolePolicy",
        "CreateInstanceProfile",
        "AddRoleToInstanceProfile",
    }
    assert changes[-2:] == ["DetachRolePolicy", "DeleteRolePolicy"]


def test_nothing_goes_while_something_is_lacking(iam: Iam) -> None:
    iam.role(HOST, old=document())
    iam.client.attach_role_policy(RoleName=HOST, PolicyArn=READ_ONLY)
    refused = {"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps", "Action": "s3:*", "Resource": "*"}]}
    message = iam.run(host({"bad": refused, "read": document()})).msg
    assert f"{HOST}: Failed to put role policy: " in message
    assert iam.inline(HOST) == {"old": document(), "read": document()}
    assert iam.managed(HOST) == [CORE, READ_ONLY]


# Customer-managed policies


def test_a_policy_that_differs_gets_one_new_version(iam: Iam) -> None:
    iam.run(function())
    outcome = iam.run(function(document("ec2:DescribeHosts", "*")))
    assert iam.changes() == ["CreatePolicyVersion", "DeletePolicyVersion"]
    assert iam.versions(POLICY_ARN) == [document("ec2:DescribeHosts", "*")]
    assert told(outcome, POLICY)["before"] == {"document": document("ec2:DescribeInstances", "*")}


def test_a_policy_with_all_its_versions_gets_another(iam: Iam) -> None:
    iam.policy(POLICY, *(document(f"ec2:{n}", "*") for n in range(5)))
    assert iam.run(function()).changed
    assert iam.versions(POLICY_ARN) == [document("ec2:DescribeInstances", "*")]


def test_an_old_version_that_is_wider_goes(iam: Iam) -> None:
    iam.policy(POLICY, document("ec2:*", "*"), document("ec2:DescribeInstances", "*"))
    outcome = iam.run(function())
    assert told(outcome, POLICY)["before"] == {"other_versions": ["v1"]}
    assert iam.versions(POLICY_ARN) == [document("ec2:DescribeInstances", "*")]


# Instance profiles


def test_a_profile_that_has_no_role_yet_gets_it(iam: Iam) -> None:
    iam.run(host(instance_profile=None))
    iam.profile(PROFILE)
    outcome = iam.run(host())
    assert iam.changes() == ["AddRoleToInstanceProfile"]
    assert told(outcome, PROFILE) == {
        "kind": "instance profile",
        "name": PROFILE,
        "action": "change",
        "reasons": ["differs in role"],
        "before": {"role": None},
        "after": {"role": HOST},
    }


def test_another_role_is_taken_out_of_the_profile(iam: Iam) -> None:
    iam.role("other")
    iam.profile(PROFILE, "other")
    iam.run(host())
    assert iam.snapshot()["profiles"] == {PROFILE: [HOST]}


# Roles that should not be there


def test_absent_leaves_nothing(iam: Iam) -> None:
    iam.run(host(), function())
    iam.put(HOST, "theirs", document())
    iam.client.attach_role_policy(RoleName=HOST, PolicyArn=READ_ONLY)
    iam.profile("another_name", HOST)
    iam.client.create_policy_version(PolicyArn=POLICY_ARN, PolicyDocument=json.dumps(document()), SetAsDefault=True)
    outcome = iam.run(host(), function(), state="absent")
    assert actions(outcome) == {
        f"IAM role {HOST}": "delete",
        f"instance profile {PROFILE}": "delete",
        "instance profile another_name": "change",
        f"IAM role {FUNCTION}": "delete",
        f"IAM policy {POLICY}": "delete",
    }
    assert iam.snapshot() == {"roles": {}, "policies": {}, "profiles": {"another_name": []}}


def test_the_names_are_enough_to_take_roles_away(iam: Iam) -> None:
    iam.run(host(), function())
    names = {"name": FUNCTION, "customer_managed_policies": [{"name": POLICY}]}
    assert iam.run({"name": HOST, "instance_profile": PROFILE}, names, state="absent").changed
    assert iam.snapshot() == {"roles": {}, "policies": {}, "profiles": {}}


def test_a_policy_that_another_role_has_stays_and_is_told(iam: Iam, naps: list[float]) -> None:
    iam.run(host(), function())
    iam.role("other")
    iam.client.attach_role_policy(RoleName="other", PolicyArn=POLICY_ARN)
    message = iam.run(host(), function(), state="absent").msg
    assert f"{FUNCTION}: Failed to delete policy: " in message
    assert "DeleteConflict" in message
    assert iam.snapshot()["roles"].keys() == {"other"}
    assert naps


# What is not listed yet, or any more


def _list(disturbance: Disturbance, roles: str = "", policies: str = "", more: str = "") -> None:
    body = (
        f"<GetAccountAuthorizationDetailsResponse><GetAccountAuthorizationDetailsResult>"
        f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{more}"
        f"<RoleDetailList>{roles}</RoleDetailList><Policies>{policies}</Policies>"
        "</GetAccountAuthorizationDetailsResult></GetAccountAuthorizationDetailsResponse>"
    )
    disturbance.answer("Action=GetAccountAuthorizationDetails", body=body)


def test_what_is_there_though_not_listed_is_brought_up_to_date(iam: Iam, disturbance: Disturbance) -> None:
    iam.role(HOST, old=document(), read=document("s3:*"))
    iam.role(FUNCTION)
    iam.policy(POLICY, document("ec2:*", "*"))
    iam.profile(PROFILE, HOST)
    _list(disturbance)
    assert iam.run(host(), function()).changed
    assert iam.snapshot() == {
        "roles": {
            HOST: {"trust": trust(), "managed": [CORE], "inline": {"read": document()}},
            FUNCTION: {"trust": trust("lambda"), "managed": [POLICY_ARN], "inline": {}},
        },
        "policies": {POLICY_ARN: [document("ec2:DescribeInstances", "*")]},
        "profiles": {PROFILE: [HOST]},
    }
    assert not iam.run(host(), function()).changed


def test_what_is_there_though_not_listed_is_taken_away(iam: Iam, disturbance: Disturbance) -> None:
    iam.run(host(), function())
    _list(disturbance)
    assert iam.run(host(), function(), state="absent").changed
    assert iam.snapshot() == {"roles": {}, "policies": {}, "profiles": {}}


def test_every_page_of_the_listing_is_read(iam: Iam, disturbance: Disturbance) -> None:
    iam.run(host(), function())
    _list(disturbance, more="<Marker>2</Marker>")
    assert not iam.run(host(), function()).changed
    assert iam.changes() == []


@pytest.mark.parametrize(
    "operation", ["PutRolePolicy", "AttachRolePolicy", "CreateInstanceProfile", "AddRoleToInstanceProfile"]
)
def test_what_iam_does_not_know_yet_is_asked_for_again(
    iam: Iam, disturbance: Disturbance, naps: list[float], operation: str
) -> None:
    body = "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>not yet</Message></Error></ErrorResponse>"
    disturbance.answer(f"Action={operation}&", body=body, status=404, times=2)
    assert iam.run(host()).changed
    assert naps == [1, 2]
    assert not iam.run(host()).changed


def test_what_is_listed_though_it_is_gone_is_as_good_as_deleted(iam: Iam, disturbance: Disturbance) -> None:
    text = quote(json.dumps(document()))
    attached = f"<member><PolicyArn>{POLICY_ARN}</PolicyArn></member>"
    inline = f"<member><PolicyName>read</PolicyName><PolicyDocument>{text}</PolicyDocument></member>"
    version = f"<VersionId>v1</VersionId><IsDefaultVersion>true</IsDefaultVersion><Document>{text}</Document>"
    _list(
        disturbance,
        roles=f"<member><RoleName>{HOST}</RoleName><Arn>arn:aws:iam::123456789012:role/{HOST}</Arn>"
        f"<AssumeRolePolicyDocument>{quote(json.dumps(trust()))}</AssumeRolePolicyDocument>"
        f"<InstanceProfileList><member><InstanceProfileName>{PROFILE}</InstanceProfileName></member>"
        f"</InstanceProfileList><RolePolicyList>{inline}</RolePolicyList>"
        f"<AttachedManagedPolicies>{attached}</AttachedManagedPolicies></member>",
        policies=f"<member><Arn>{POLICY_ARN}</Arn><DefaultVersionId>v1</DefaultVersionId>"
        f"<PolicyVersionList><member>{version}</member></PolicyVersionList></member>",
    )
    outcome = iam.run(host(), function(), state="absent")
    assert actions(outcome) == {
        f"IAM role {HOST}": "delete",
        f"instance profile {PROFILE}": "delete",
        f"IAM role {FUNCTION}": "keep",
        f"IAM policy {POLICY}": "delete",
    }
    assert told(outcome, HOST)["before"]["inline_policies"] == {"read": document()}
    assert set(iam.changes()) == {
        "RemoveRoleFromInstanceProfile",
        "DetachRolePolicy",
        "DeleteRolePolicy",
        "DeleteInstanceProfile",
        "DeletePolicy",
        "DeleteRole",
    }


# Refusals


@pytest.mark.parametrize(
    ("role", "sentence"),
    [
        (host(name="r" * 65), f"The name of role {'r' * 65} has 65 characters, and IAM takes 64: shorten it"),
        (
            host(assume_role_policy_document=trust(Sid="x" * 2_000)),
            f"The trust policy of role {HOST} has 2136 characters, and IAM takes 2048: name fewer principals or "
            "conditions",
        ),
        (
            host({"one": long_document(6_000), "two": long_document(5_000)}),
            f"The inline policies of role {HOST} have 11000 characters, and IAM takes 10240: let some be "
            "customer-managed policies",
        ),
        (
            function(long_document(7_000)),
            f"Policy {POLICY} of role {FUNCTION} has 7000 characters, and IAM takes 6144: divide it into several "
            "policies",
        ),
        (host(name=FUNCTION), f"Two roles have the name {FUNCTION}: give each its own"),
        (
            host(customer_managed_policies=named({POLICY: document()})),
            f"Two customer-managed policies have the name {POLICY}: give each its own",
        ),
        (
            host(inline_policies=[*named({"read": document()}), *named({"read": document("s3:*")})]),
            f"Two policies of role {HOST} have the name read: give each its own",
        ),
        (host(assume_role_policy_document=None), f"{HOST}'s trust policy has no document: give it one"),
        (host(inline_policies=[{"name": "read"}]), f"{HOST}'s policy read has no document: give it one"),
        (host({"read": "{"}), f"{HOST}'s policy read is not JSON: "),
        (host({"read": "[]"}), f"{HOST}'s policy read is no policy: give it a statement"),
    ],
)
def test_what_iam_would_refuse_is_refused_before_anything_is_made(
    iam: Iam, role: dict[str, Any], sentence: str
) -> None:
    other = {
        "name": FUNCTION,
        "assume_role_policy_document": trust(),
        "customer_managed_policies": named({POLICY: document()}),
    }
    given = [role] if role["name"] == FUNCTION and "7000" in sentence else [role, other]
    assert iam.run(*given, check=True).msg.startswith(sentence)
    assert iam.run(*given).msg.startswith(sentence)
    assert iam.changes() == []


def test_policies_that_have_no_room_beside_their_predecessors_are_refused(iam: Iam) -> None:
    iam.role(HOST, old=long_document(6_000))
    message = iam.run(host({"new": long_document(6_000)})).msg
    assert message == (
        f"The inline policies of role {HOST} have 12000 characters, and IAM takes 10240 together with those that they "
        "supersede: see what old may be missed for, and delete by hand what is not"
    )
    assert iam.changes() == []


def test_policies_that_change_places_have_room_on_the_way(iam: Iam) -> None:
    iam.run(host({"a": long_document(1_000), "b": long_document(9_000)}))
    wanted = {"a": long_document(9_000), "b": long_document(1_000)}
    assert iam.run(host(wanted)).changed
    assert iam.inline(HOST) == wanted


def test_a_role_that_iam_refuses_keeps_no_other(iam: Iam) -> None:
    stranger = trust()
    stranger["Statement"][0]["Principal"] = {"AWS": "arn:aws:iam::123456789012:role/nobody"}
    outcome = iam.run(host(assume_role_policy_document=stranger), function())
    assert outcome.msg.startswith(f"Not all roles are as they should be, and the next run tries again: {HOST}: ")
    assert "Invalid principal" in outcome.msg
    assert iam.snapshot()["roles"].keys() == {FUNCTION}
    assert outcome["resources"]


def test_a_policy_that_iam_refuses_keeps_no_other(iam: Iam, naps: list[float]) -> None:
    unknown = "arn:aws:iam::aws:policy/NoSuchPolicy"
    message = iam.run(host(managed_policies=[unknown, CORE]), function()).msg
    assert f"{HOST}: Failed to attach role policy: " in message
    assert iam.about(HOST) == {"trust": trust(), "managed": [CORE], "inline": {"read": document()}}
    assert iam.snapshot()["profiles"] == {PROFILE: [HOST]}


def test_a_caller_who_may_not_read_is_told_so(iam: Iam, stranger: dict[str, str]) -> None:
    message = iam.run(host(), **stranger).msg
    assert message.startswith("Failed to get account authorization details: ")
    assert "iam:GetAccountAuthorizationDetails" in message
