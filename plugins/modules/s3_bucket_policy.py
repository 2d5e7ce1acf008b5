#!/usr/bin/python
# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: s3_bucket_policy
version_added: 0.1.0
short_description: Manage statements of a bucket's policy by their Sid
description:
  - Adds, changes and removes single statements of an S3 bucket's policy, and leaves all other statements as they are.
  - M(amazon.aws.s3_bucket) manages the policy as a whole, so that two owners of statements would overwrite each other.
author:
  - The algotrading.aws maintainers (!UNKNOWN)
options:
  name:
    description: The name of the bucket.
    type: str
    required: true
    aliases: [bucket]
  state:
    description:
      - With V(present), the bucket's policy has the statements as they are given.
      - With V(absent), it has no statement with one of the given Sids. A policy that has no statement left is removed.
        A bucket that is not there is no error.
    type: str
    choices: [present, absent]
    default: present
  statements:
    description: The statements, each with its own C(Sid). With O(state=absent) nothing but the C(Sid) is needed.
    type: list
    elements: dict
    required: true
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
  - The policy is read, merged and written, which S3 cannot do as one step. Two runs at the same time on one bucket may
    lose the statements of the first, and the next run puts them back.
  - The caller needs C(s3:GetBucketPolicy), C(s3:PutBucketPolicy) and, with O(state=absent), C(s3:DeleteBucketPolicy).
seealso:
  - module: amazon.aws.s3_bucket
"""

EXAMPLES = r"""
- name: Let a role read the bucket, beside whatever the policy says already
  algotrading.aws.s3_bucket_policy:
    name: reports
    statements:
      - Sid: AllowReaders
        Effect: Allow
        Principal:
          AWS: arn:aws:iam::123456789012:role/report-reader
        Action: s3:GetObject
        Resource: arn:aws:s3:::reports/*

- name: Take that statement away again
  algotrading.aws.s3_bucket_policy:
    name: reports
    state: absent
    statements:
      - Sid: AllowReaders
"""

RETURN = r"""
policy:
  description: The bucket's policy after the run, or none when it has no statement.
  returned: always
  type: dict
  sample:
    Version: "2012-10-17"
    Statement:
      - Sid: AllowReaders
        Effect: Allow
        Principal:
          AWS: arn:aws:iam::123456789012:role/report-reader
        Action: s3:GetObject
        Resource: arn:aws:s3:::reports/*
"""

import json
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._bucket_policy import (
    StatementError,
    merge_statements,
    remove_statements,
    sids_of,
)
from ansible_collections.algotrading.aws.plugins.module_utils._just_made import retry_while
from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError, is_ansible_aws_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry


class BucketPolicyErrorHandler(AWSErrorHandler):
    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code("NoSuchBucketPolicy")


@BucketPolicyErrorHandler.list_error_handler("get bucket policy", None)
@AWSRetry.jittered_backoff()
def get_policy(client: Any, bucket: str) -> dict[str, Any] | None:
    return json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])


@BucketPolicyErrorHandler.common_error_handler("put bucket policy")
@AWSRetry.jittered_backoff()
def put_policy(client: Any, bucket: str, policy: dict[str, Any]) -> None:
    document = json.dumps(policy)
    retry_while(("Invalid principal in policy",), lambda: client.put_bucket_policy(Bucket=bucket, Policy=document))


@BucketPolicyErrorHandler.deletion_error_handler("delete bucket policy")
@AWSRetry.jittered_backoff()
def delete_policy(client: Any, bucket: str) -> None:
    client.delete_bucket_policy(Bucket=bucket)


def policy_to_reduce(client: Any, bucket: str) -> dict[str, Any] | None:
    """The bucket's policy, or None where there is none, or no bucket."""
    try:
        return get_policy(client, bucket)
    except is_ansible_aws_error_code("NoSuchBucket"):
        return None


def ensure_policy(
    client: Any, bucket: str, before: dict[str, Any] | None, after: dict[str, Any] | None, *, check_mode: bool
) -> bool:
    """Write the policy when it differs, and say whether it did."""
    if after == before:
        return False
    if check_mode:
        return True
    if after is None:
        delete_policy(client, bucket)
    else:
        put_policy(client, bucket, after)
    return True


def main() -> None:
    argument_spec = {
        "name": {"type": "str", "required": True, "aliases": ["bucket"]},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "statements": {"type": "list", "elements": "dict", "required": True},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    bucket = module.params["name"]
    client = module.client("s3")
    try:
        statements = module.params["statements"]
        sids = sids_of(statements)
        present = module.params["state"] == "present"
        before = (get_policy if present else policy_to_reduce)(client, bucket)
        after = merge_statements(before, statements) if present else remove_statements(before, sids)
        changed = ensure_policy(client, bucket, before, after, check_mode=module.check_mode)
    except StatementError as error:
        module.fail_json(msg=f"Cannot manage the policy of bucket '{bucket}': {error}")
    except AnsibleAWSError as error:
        module.fail_json_aws_error(error)
    module.exit_json(changed=changed, policy=after, diff={"before": before or {}, "after": after or {}})


if __name__ == "__main__":
    main()
