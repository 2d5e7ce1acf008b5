# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tags: how long, how many, and under which names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tests.local_aws.account import Account
from tests.local_aws.errors import AwsError
from tests.local_aws.messages import AwsRequest
from tests.local_aws.strict.rules import RULES

_KEY, _VALUE, _PER_RESOURCE, _IDS = 128, 256, 50, 1000
_METADATA_KEY = re.compile(r"[0-9a-zA-Z\-_+=,.@:]{1,255}")
_RESERVED = (".", "..", "_index")
_IAM_TEXT = re.compile(r"[\w\s.:/=+\-@]*")


@RULES.on("ec2", "*")
def tag_specifications(request: AwsRequest, account: Account) -> None:
    """Tags given when a resource is made."""
    if b"TagSpecification" not in request.body:
        return
    for specification in request.params.get("TagSpecifications", []):
        tags = specification.get("Tags", [])
        _check_ec2(tags)
        if len(tags) > _PER_RESOURCE:
            raise AwsError("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")


@RULES.on("ec2", "CreateTags")
def tags_on_resources(request: AwsRequest, account: Account) -> None:
    """Tags given to resources that exist."""
    tags = request.params.get("Tags", [])
    _check_ec2(tags)
    for resource in request.params.get("Resources", []):
        keys = set(account.ec2.tags.get(resource, {})) | {tag["Key"] for tag in tags}
        if len([key for key in keys if not key.startswith("aws:")]) > _PER_RESOURCE:
            raise AwsError("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")


@RULES.on("ec2", "CreateTags", "DeleteTags")
def at_most_1000_ids(request: AwsRequest, account: Account) -> None:
    """One call tags at most 1000 resources."""
    if len(request.params.get("Resources", [])) > _IDS:
        raise AwsError("InvalidParameterValue", f"The number of resources must be at most {_IDS}.")


@RULES.on("ec2", "RunInstances")
def launch_tags_in_metadata(request: AwsRequest, account: Account) -> None:
    """Instance metadata serves tags as paths, so their keys are narrower."""
    if request.params.get("MetadataOptions", {}).get("InstanceMetadataTags") != "enabled":
        return
    for specification in request.params.get("TagSpecifications", []):
        if specification.get("ResourceType") == "instance":
            _check_metadata_keys(tag["Key"] for tag in specification.get("Tags", []))


@RULES.on("ec2", "CreateTags")
def new_tags_in_metadata(request: AwsRequest, account: Account) -> None:
    """The same, for an instance that exists."""
    for instance in account.instances(request.params.get("Resources", [])):
        if instance.metadata_options.instance_metadata_tags == "enabled":
            _check_metadata_keys(tag["Key"] for tag in request.params.get("Tags", []))


@RULES.on("ec2", "ModifyInstanceMetadataOptions")
def old_tags_in_metadata(request: AwsRequest, account: Account) -> None:
    """The same, when tags are let into the metadata."""
    if request.params.get("InstanceMetadataTags") == "enabled":
        for instance in account.instances([request.params.get("InstanceId", "")]):
            _check_metadata_keys(account.ec2.tags.get(instance.id, {}))


def _check_metadata_keys(keys: Iterable[str]) -> None:
    for key in keys:
        if key in _RESERVED or not _METADATA_KEY.fullmatch(key):
            raise AwsError(
                "InvalidParameterValue",
                f"'{key}' is not a valid tag key. Tag keys must match pattern ('[0-9a-zA-Z\\\\-_+=,.@:]{{1,255}}'), "
                "and must not be a reserved name ('.', '..', '_index')",
            )


def _check_ec2(tags: list[dict[str, str]]) -> None:
    keys = [tag.get("Key", "") for tag in tags]
    for tag in tags:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        if not key:
            raise AwsError("InvalidParameterValue", "Tag key cannot be empty.")
        if len(key) > _KEY:
            raise AwsError("InvalidParameterValue", f"Tag key exceeds the maximum length of {_KEY} characters")
        if len(value) > _VALUE:
            raise AwsError("InvalidParameterValue", f"Tag value exceeds the maximum length of {_VALUE} characters")
        if key.lower().startswith("aws:"):
            raise AwsError("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
        if keys.count(key) > 1:
            raise AwsError("InvalidParameterValue", f"Duplicate tag key '{key}' specified.")


@RULES.on(
    "iam",
    "CreateRole",
    "TagRole",
    "CreatePolicy",
    "TagPolicy",
    "CreateInstanceProfile",
    "TagInstanceProfile",
    "CreateUser",
    "TagUser",
)
def iam_tags(request: AwsRequest, account: Account) -> None:
    """IAM says which constraint failed."""
    tags = request.params.get("Tags", [])
    for number, tag in enumerate(tags, 1):
        _check_iam_text(f"tags.{number}.member.key", tag.get("Key", ""), _KEY)
        _check_iam_text(f"tags.{number}.member.value", tag.get("Value", ""), _VALUE)
        if tag.get("Key", "").lower().startswith("aws:"):
            raise AwsError("InvalidInput", "aws: prefixed tag key names are not allowed for external use.")
    if len(_iam_keys(request, account) | {tag.get("Key", "") for tag in tags}) > _PER_RESOURCE:
        raise AwsError("LimitExceeded", "The number of tags has reached the maximum limit.", 409)


def _iam_keys(request: AwsRequest, account: Account) -> set[str]:
    """Return the keys that a role already has."""
    if request.operation != "TagRole":
        return set()
    roles = [role for role in account.iam.roles.values() if role.name == request.params.get("RoleName")]
    return {tag["Key"] for tag in roles[0].tags} if roles else set()


def _check_iam_text(where: str, text: str, longest: int) -> None:
    failed = f"1 validation error detected: Value at '{where}' failed to satisfy constraint: Member must"
    if len(text) > longest:
        raise AwsError("ValidationError", f"{failed} have length less than or equal to {longest}")
    if not _IAM_TEXT.fullmatch(text):
        raise AwsError(
            "ValidationError", f"{failed} satisfy regular expression pattern: [\\p{{L}}\\p{{Z}}\\p{{N}}_.:/=+\\-@]*"
        )


def _check_other(request: AwsRequest, account: Account) -> None:
    """The services that answer in JSON take a list of tags, or a map."""
    tags: Any = request.params.get("Tags") or request.params.get("tags") or {}
    if not isinstance(tags, Mapping):
        tags = {tag.get("Key", tag.get("key", "")): tag.get("Value", tag.get("value", "")) for tag in tags}
    if len(tags) > _PER_RESOURCE:
        raise AwsError("ValidationException", f"A resource has at most {_PER_RESOURCE} tags.")
    for key, value in tags.items():
        if len(key) > _KEY or len(value or "") > _VALUE or key.lower().startswith("aws:"):
            message = f"The tag '{key}' is not valid: keys have up to {_KEY} characters and do not begin with aws:, "
            raise AwsError("ValidationException", f"{message}values up to {_VALUE}.")


for _service, _operations in {
    "secretsmanager": ("CreateSecret", "TagResource"),
    "lambda": ("CreateFunction", "TagResource"),
    "logs": ("CreateLogGroup", "TagResource"),
    "events": ("PutRule", "TagResource"),
    "scheduler": ("CreateScheduleGroup", "TagResource"),
    "sns": ("CreateTopic", "TagResource"),
    "ssm": ("PutParameter", "AddTagsToResource"),
}.items():
    RULES.on(_service, *_operations)(_check_other)
