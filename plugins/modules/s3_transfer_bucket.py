#!/usr/bin/python
# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: s3_transfer_bucket
version_added: 0.1.0
short_description: Manage the bucket through which Ansible's files go to hosts and back
description:
  - Has an S3 bucket for the connection plugin P(amazon.aws.aws_ssm#connection), whose objects are there for moments.
  - It is private, encrypted by S3's own keys, and not versioned. What an aborted run leaves in it, unfinished uploads
    too, is gone after O(expiration_days).
  - M(amazon.aws.s3_bucket) has no check mode, and knows no lifecycle rules.
author:
  - The algotrading.aws maintainers (!UNKNOWN)
options:
  name:
    description:
      - The name of the bucket.
      - A bucket of another account is an error, and so is one with objects in it that this module has not made.
    type: str
    required: true
    aliases: [bucket]
  state:
    description:
      - With V(present), there is such a bucket.
      - With V(absent), there is none, and what an aborted run left in it is gone with it. A bucket with objects in it
        that this module has not made is left as it is, with a warning.
    type: str
    choices: [present, absent]
    default: present
  expiration_days:
    description: For how many days an object is kept that nobody removed.
    type: int
    default: 1
extends_documentation_fragment:
  - algotrading.aws.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - The bucket's other lifecycle rules are removed. Its policy and other tags stay.
  - The caller needs C(sts:GetCallerIdentity), C(s3:ListBucket), C(s3:ListBucketVersions), C(s3:CreateBucket) and, for
    each of C(BucketPublicAccessBlock), C(EncryptionConfiguration), C(BucketVersioning), C(LifecycleConfiguration) and
    C(BucketTagging), C(s3:Get...) and C(s3:Put...). With O(state=absent) it needs the reading ones of those, and
    C(s3:DeleteBucket), C(s3:DeleteObject) and C(s3:DeleteObjectVersion).
seealso:
  - module: amazon.aws.s3_bucket
  - plugin: amazon.aws.aws_ssm
    plugin_type: connection
"""

EXAMPLES = r"""
- name: Have a bucket for Ansible's files
  algotrading.aws.s3_transfer_bucket:
    name: ansible-files-123456789012

- name: Have no such bucket
  algotrading.aws.s3_transfer_bucket:
    name: ansible-files-123456789012
    state: absent

- name: Keep what an aborted run leaves for a week, to look at
  algotrading.aws.s3_transfer_bucket:
    name: ansible-files-123456789012
    expiration_days: 7
"""

RETURN = r"""
name:
  description: The bucket.
  returned: success
  type: str
  sample: ansible-files-123456789012
left:
  description: Why a bucket that is not wanted was left as it is, or nothing.
  returned: success
  type: str
  sample: Bucket 'ansible-files-123456789012' holds objects, and this module has not made it
settings:
  description: The bucket's settings after the run, none of a bucket that is not there.
  returned: success
  type: dict
  contains:
    public_access_block:
      description: What keeps the bucket from being public.
      type: dict
      sample: {BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true}
    encryption:
      description: The algorithm by which S3 encrypts objects.
      type: str
      sample: AES256
    versioning:
      description: V(Off), or V(Suspended) where the bucket was versioned before.
      type: str
      sample: "Off"
    lifecycle:
      description: The lifecycle rules.
      type: list
      elements: dict
    tags:
      description: The bucket's tags.
      type: dict
      sample: {Purpose: ansible-file-transfer}
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._transfer_bucket import is_marked, wanted_settings
from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.iam import get_aws_account_id
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.s3 import (
    S3ErrorHandler,
    get_s3_bucket_encryption,
    get_s3_bucket_public_access_block,
    get_s3_bucket_tagging,
    get_s3_bucket_versioning,
)
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list

# A bucket that was just made is not known everywhere at once.
retry = AWSRetry.jittered_backoff(catch_extra_error_codes=["NoSuchBucket", "OperationAborted"])


class ForeignBucketError(Exception):
    """The bucket is not ours."""


class LifecycleErrorHandler(S3ErrorHandler):
    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code("NoSuchLifecycleConfiguration")


@S3ErrorHandler.list_error_handler("look for the bucket", False)
@AWSRetry.jittered_backoff()
def bucket_exists(client: Any, name: str, account: str) -> bool:
    try:
        client.head_bucket(Bucket=name, ExpectedBucketOwner=account)
    except is_boto3_error_code("403") as error:
        raise ForeignBucketError(
            f"Bucket '{name}' belongs to another account, or this caller may not s3:ListBucket it"
        ) from error
    return True


@S3ErrorHandler.common_error_handler("create the bucket")
@AWSRetry.jittered_backoff()
def create_bucket(client: Any, name: str) -> None:
    region = client.meta.region_name
    # The oldest region must not be named.
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    client.create_bucket(Bucket=name, **where)


@S3ErrorHandler.common_error_handler("list the bucket's objects")
@AWSRetry.jittered_backoff()
def holds_objects(client: Any, name: str) -> bool:
    listed = client.list_object_versions(Bucket=name, MaxKeys=1)
    return bool(listed.get("Versions") or listed.get("DeleteMarkers"))


@S3ErrorHandler.common_error_handler("empty the bucket")
@AWSRetry.jittered_backoff()
def empty_bucket(client: Any, name: str) -> None:
    """Delete what would be gone within days anyway, old versions too."""
    for page in client.get_paginator("list_object_versions").paginate(Bucket=name):
        entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        objects = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]
        if objects:
            client.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True})


@S3ErrorHandler.deletion_error_handler("delete the bucket")
@AWSRetry.jittered_backoff()
def delete_bucket(client: Any, name: str) -> None:
    client.delete_bucket(Bucket=name)


def get_encryption(client: Any, name: str) -> str:
    rules = get_s3_bucket_encryption(client, name).get("Rules", [])
    return next((rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] for rule in rules), "none")


def get_versioning(client: Any, name: str) -> str:
    return str(get_s3_bucket_versioning(client, name).get("Status", "Off"))


@LifecycleErrorHandler.list_error_handler("get the bucket's lifecycle rules", [])
@retry
def get_lifecycle(client: Any, name: str) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    return rules


@S3ErrorHandler.common_error_handler("block public access to the bucket")
@retry
def put_public_access_block(client: Any, name: str, block: dict[str, bool]) -> None:
    client.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)


@S3ErrorHandler.common_error_handler("encrypt the bucket")
@retry
def put_encryption(client: Any, name: str, algorithm: str) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
    client.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})


@S3ErrorHandler.common_error_handler("change the bucket's versioning")
@retry
def put_versioning(client: Any, name: str, status: str) -> None:
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": status})


@S3ErrorHandler.common_error_handler("put the bucket's lifecycle rules")
@retry
def put_lifecycle(client: Any, name: str, rules: list[dict[str, Any]]) -> None:
    client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})


@S3ErrorHandler.common_error_handler("tag the bucket")
@retry
def put_tags(client: Any, name: str, tags: dict[str, str]) -> None:
    client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": ansible_dict_to_boto3_tag_list(tags)})


# How each setting is read and written, in the order of writing. The mark comes last, when all else is as it should be.
SETTINGS: dict[str, tuple[Callable[[Any, str], Any], Callable[[Any, str, Any], None]]] = {
    "public_access_block": (get_s3_bucket_public_access_block, put_public_access_block),
    "encryption": (get_encryption, put_encryption),
    "versioning": (get_versioning, put_versioning),
    "lifecycle": (get_lifecycle, put_lifecycle),
    "tags": (get_s3_bucket_tagging, put_tags),
}


def read_settings(client: Any, name: str) -> dict[str, Any]:
    return {setting: read(client, name) for setting, (read, _write) in SETTINGS.items()}


def why_foreign(client: Any, name: str, settings: dict[str, Any]) -> str:
    """A bucket of that name that somebody else filled would lose its objects within a day."""
    if is_marked(settings) or not holds_objects(client, name):
        return ""
    return f"Bucket '{name}' holds objects, and this module has not made it"


def ensure_bucket(client: Any, name: str, before: dict[str, Any], after: dict[str, Any], *, check_mode: bool) -> bool:
    """Write what differs, and say whether something did."""
    if before == after:
        return False
    if check_mode:
        return True
    if not before:
        create_bucket(client, name)
        # S3 gives a new bucket some settings by itself.
        before = read_settings(client, name)
    for setting, (_read, write) in SETTINGS.items():
        if before[setting] != after[setting]:
            write(client, name, after[setting])
    return True


def present(client: Any, name: str, module: AnsibleAWSModule, before: dict[str, Any]) -> dict[str, Any]:
    """Have the bucket, and say what came of it."""
    if before and (foreign := why_foreign(client, name, before)):
        raise ForeignBucketError(f"{foreign}: empty or rename it")
    after = wanted_settings(module.params["expiration_days"], before)
    changed = ensure_bucket(client, name, before, after, check_mode=module.check_mode)
    return {"changed": changed, "left": "", "settings": after}


def absent(client: Any, name: str, module: AnsibleAWSModule, before: dict[str, Any]) -> dict[str, Any]:
    """Have no such bucket, and say what came of it."""
    if not before:
        return {"changed": False, "left": "", "settings": {}}
    # One that is empty and not marked a run was making when it was killed.
    if foreign := why_foreign(client, name, before):
        module.warn(f"{foreign}: it is left as it is")
        return {"changed": False, "left": foreign, "settings": before}
    if not module.check_mode:
        empty_bucket(client, name)
        delete_bucket(client, name)
    return {"changed": True, "left": "", "settings": {}}


def main() -> None:
    argument_spec = {
        "name": {"type": "str", "required": True, "aliases": ["bucket"]},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "expiration_days": {"type": "int", "default": 1},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    name = module.params["name"]
    client = module.client("s3")
    account = get_aws_account_id(module)
    try:
        before = read_settings(client, name) if bucket_exists(client, name, account) else {}
        result = {"present": present, "absent": absent}[module.params["state"]](client, name, module, before)
    except ForeignBucketError as error:
        module.fail_json(msg=str(error))
    except AnsibleAWSError as error:
        module.fail_json_aws_error(error)
    module.exit_json(name=name, diff={"before": before, "after": result["settings"]}, **result)


if __name__ == "__main__":
    main()
