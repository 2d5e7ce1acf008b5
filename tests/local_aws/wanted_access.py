# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a call wants to do to which resources: what its caller's policies are asked for.

Resources are known for the services that the stack's own roles use. Elsewhere only the action is judged.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.local_aws.account import ACCOUNT_ID, Account
from tests.local_aws.messages import AwsRequest
from tests.local_aws.permissions import Access
from tests.local_aws.targets import matches_targets

# Where the action in a policy is not called as the operation.
_S3_ACTIONS = {
    "ListBuckets": "ListAllMyBuckets",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
_EC2_TAGS = ("ec2:resourcetag/", "aws:resourcetag/")
# What ids begin with, where that is not what policies call the resource.
_KINDS = {
    "ami": "image",
    "eni": "network-interface",
    "i": "instance",
    "igw": "internet-gateway",
    "rtb": "route-table",
    "sg": "security-group",
    "snap": "snapshot",
    "vol": "volume",
}
_SSM_TAGS = ("ssm:resourcetag/", "aws:resourcetag/")
# Only these of Systems Manager's actions have resources; the others that we answer stand for all.
_SSM_EVERYWHERE = (
    "GetCommandInvocation",
    "ListCommandInvocations",
    "ListCommands",
    "CancelCommand",
    "DescribeSessions",
)
# Who receives the role that a call passes on.
_PASSED_TO = {
    ("ec2", "RunInstances"): "ec2.amazonaws.com",
    ("ec2", "AssociateIamInstanceProfile"): "ec2.amazonaws.com",
    ("ec2", "ReplaceIamInstanceProfileAssociation"): "ec2.amazonaws.com",
    ("lambda", "CreateFunction"): "lambda.amazonaws.com",
    ("lambda", "UpdateFunctionConfiguration"): "lambda.amazonaws.com",
    ("scheduler", "CreateSchedule"): "scheduler.amazonaws.com",
    ("scheduler", "UpdateSchedule"): "scheduler.amazonaws.com",
}


def wanted_accesses(request: AwsRequest, account: Account) -> list[Access]:
    """Return everything that the caller must be allowed to do for this call."""
    find = _SERVICES.get(request.service, _by_action)
    return find(request, account) + _passed_roles(request, account)


def instance_arn(region: str, instance_id: str) -> str:
    """Return the name of an instance in policies."""
    return f"arn:aws:ec2:{region}:{ACCOUNT_ID}:instance/{instance_id}"


def _by_action(request: AwsRequest, account: Account) -> list[Access]:
    return [Access(f"{request.service}:{request.operation}")]


def _s3(request: AwsRequest, account: Account) -> list[Access]:
    bucket, key = request.uri_params.get("Bucket", ""), request.uri_params.get("Key")
    resource = "arn:aws:s3:::" + (bucket if key is None else f"{bucket}/{key}")
    names = ("prefix", "delimiter", "max-keys")
    context = {f"s3:{name}": request.query.get(name, [""])[0] for name in names}
    return [Access(f"s3:{_S3_ACTIONS.get(request.operation, request.operation)}", resource, context)]


def _ec2(request: AwsRequest, account: Account) -> list[Access]:
    action = f"ec2:{request.operation}"
    if request.operation.startswith("Describe"):
        # A description has no resource, and so no tags of one.
        return [Access(action, "*", families=_EC2_TAGS)]
    if request.operation in ("CreateTags", "DeleteTags"):
        return _tagging(action, request, account)
    single = request.params.get("InstanceId")
    ids = request.params.get("InstanceIds") or ([single] if single else [])
    if not ids:
        return [Access(action)]
    return [_on_instance(action, account, instance_id, _EC2_TAGS) for instance_id in ids]


def _tagging(action: str, request: AwsRequest, account: Account) -> list[Access]:
    many = {"aws:tagkeys": frozenset(tag.get("Key", "") for tag in request.params.get("Tags", []))}
    accesses = []
    for resource in request.params.get("Resources", []):
        prefix = resource.partition("-")[0]
        # What is shared between accounts has none in its name.
        owner = "" if prefix in ("ami", "snap") else ACCOUNT_ID
        arn = f"arn:aws:ec2:{account.region}:{owner}:{_KINDS.get(prefix, prefix)}/{resource}"
        context = _tags_of(account, resource, _EC2_TAGS)
        accesses.append(Access(action, arn, context, many, _EC2_TAGS))
    return accesses or [Access(action)]


def _on_instance(action: str, account: Account, instance_id: str, families: tuple[str, ...]) -> Access:
    context = _tags_of(account, instance_id, families)
    return Access(action, instance_arn(account.region, instance_id), context, families=families)


def _tags_of(account: Account, resource: str, families: tuple[str, ...]) -> dict[str, str]:
    tags = account.ec2.tags.get(resource, {})
    return {f"{family}{key}".lower(): value for family in families for key, value in tags.items()}


def _ssm(request: AwsRequest, account: Account) -> list[Access]:
    action = f"ssm:{request.operation}"
    if request.operation in _SSM_EVERYWHERE or request.operation.startswith("DescribeInstance"):
        return [Access(action, "*", families=_SSM_TAGS)]
    if request.operation in ("ResumeSession", "TerminateSession"):
        session_id = request.params.get("SessionId", "")
        return [Access(action, f"arn:aws:ssm:{account.region}:{ACCOUNT_ID}:session/{session_id}")]
    if request.operation == "StartSession":
        # The document of those who name none is asked about only where a policy wants it.
        named = [_on_document(action, account, name)] if (name := request.params.get("DocumentName")) else []
        return [_on_instance(action, account, request.params.get("Target", ""), _SSM_TAGS), *named]
    if request.operation != "SendCommand":
        return [Access(action)]
    document = _on_document(action, account, request.params.get("DocumentName", ""))
    ids = request.params.get("InstanceIds", [])
    if targets := request.params.get("Targets", []):
        tags = account.ec2.tags
        ids = [
            each.id for each in account.ec2.all_instances() if matches_targets(targets, each.id, tags.get(each.id, {}))
        ]
    on_instances = [_on_instance(action, account, instance_id, _SSM_TAGS) for instance_id in ids]
    return [document, *on_instances]


def _on_document(action: str, account: Account, name: str) -> Access:
    owner = "" if name.startswith("AWS-") else ACCOUNT_ID
    arn = name if name.startswith("arn:") else f"arn:aws:ssm:{account.region}:{owner}:document/{name}"
    return Access(action, arn, families=_SSM_TAGS)


def _secrets(request: AwsRequest, account: Account) -> list[Access]:
    from moto.secretsmanager.models import secretsmanager_backends

    action = f"secretsmanager:{request.operation}"
    named = request.params.get("SecretId") or request.params.get("Name")
    if not named:
        return [Access(action)]
    secret = secretsmanager_backends[ACCOUNT_ID][account.region].secrets.get(named)
    if secret is not None:
        return [Access(action, secret.arn)]
    arn = named if named.startswith("arn:") else f"arn:aws:secretsmanager:{account.region}:{ACCOUNT_ID}:secret:{named}"
    return [Access(action, arn)]


def _lambda(request: AwsRequest, account: Account) -> list[Access]:
    operation = "InvokeFunction" if request.operation == "Invoke" else request.operation
    name = request.params.get("FunctionName") or request.uri_params.get("FunctionName")
    if not name:
        return [Access(f"lambda:{operation}")]
    name = name.partition(":function:")[2] or name
    return [Access(f"lambda:{operation}", f"arn:aws:lambda:{account.region}:{ACCOUNT_ID}:function:{name}")]


def _sns(request: AwsRequest, account: Account) -> list[Access]:
    return [Access(f"sns:{request.operation}", request.params.get("TopicArn") or request.params.get("TargetArn"))]


def _logs(request: AwsRequest, account: Account) -> list[Access]:
    group = request.params.get("logGroupName")
    if not group:
        return [Access(f"logs:{request.operation}")]
    # Even what concerns a group as a whole is named as a stream of it: policies end in ":*".
    stream = request.params.get("logStreamName", "")
    arn = f"arn:aws:logs:{account.region}:{ACCOUNT_ID}:log-group:{group}:log-stream:{stream}"
    return [Access(f"logs:{request.operation}", arn)]


def _sts(request: AwsRequest, account: Account) -> list[Access]:
    return [Access(f"sts:{request.operation}", request.params.get("RoleArn"))]


def _passed_roles(request: AwsRequest, account: Account) -> list[Access]:
    receiver = _PASSED_TO.get((request.service, request.operation))
    if receiver is None:
        return []
    if request.service == "ec2":
        named = _profile_roles(request.params.get("IamInstanceProfile", {}), account)
    elif request.service == "lambda":
        named = [request.params.get("Role", "")]
    else:
        named = [request.params.get("Target", {}).get("RoleArn", "")]
    context = {"iam:passedtoservice": receiver}
    return [Access("iam:PassRole", arn, context) for arn in named if arn]


def _profile_roles(named: dict[str, str], account: Account) -> list[str]:
    profiles = account.iam.instance_profiles.values()
    found = [each for each in profiles if named.get("Name") == each.name or named.get("Arn") == each.arn]
    return [role.arn for profile in found for role in profile.roles]


_SERVICES: dict[str, Callable[[AwsRequest, Account], list[Access]]] = {
    "s3": _s3,
    "ec2": _ec2,
    "ssm": _ssm,
    "secretsmanager": _secrets,
    "lambda": _lambda,
    "sns": _sns,
    "logs": _logs,
    "sts": _sts,
}
