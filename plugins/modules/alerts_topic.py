#!/usr/bin/python
# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: alerts_topic
version_added: 0.1.0
short_description: Manage an SNS topic with people who get its messages by e-mail
description:
  - Has an SNS topic, and subscribes e-mail addresses to it.
  - Someone who has not confirmed AWS's first e-mail yet is not sent another one by the next run.
  - M(community.aws.sns_topic) fails in check mode where there is no topic yet, and lists all topics of the account.
author:
  - The algotrading.aws maintainers (!UNKNOWN)
options:
  name:
    description: The name of the topic.
    type: str
    required: true
  account_id:
    description: The id of the AWS account, by which the topic is found.
    type: str
    required: true
  emails:
    description:
      - The addresses that get the topic's messages, once their owners have confirmed it.
      - Subscriptions that are not named here stay.
    type: list
    elements: str
    default: []
  state:
    description: Whether there is such a topic. With V(absent), all its subscriptions end with it.
    type: str
    choices: [present, absent]
    default: present
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
  - SNS forgets a subscription that nobody confirms for some days. The next run then asks again.
  - The topic's other attributes and tags stay.
  - The caller needs C(sns:GetTopicAttributes), C(sns:ListSubscriptionsByTopic), C(sns:CreateTopic), C(sns:Subscribe)
    and, with O(state=absent), C(sns:DeleteTopic).
seealso:
  - module: community.aws.sns_topic
"""

EXAMPLES = r"""
- name: Have a topic of alerts
  algotrading.aws.alerts_topic:
    name: alerts
    account_id: "123456789012"
    emails:
      - operations@example.com

- name: Delete it
  algotrading.aws.alerts_topic:
    name: alerts
    account_id: "123456789012"
    state: absent
"""

RETURN = r"""
topic:
  description: The topic after the run, or none when there is none.
  returned: success
  type: dict
  contains:
    arn:
      description: The topic's ARN.
      type: str
      sample: arn:aws:sns:us-east-1:123456789012:alerts
    emails:
      description:
        - The addresses that are subscribed, or have been asked to confirm that.
        - Left out when O(emails) names none, as the subscriptions are not read then.
      type: list
      elements: str
      sample: [operations@example.com]
"""

from collections.abc import Sequence
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

# An unconfirmed subscription has a word in the place of its ARN, and so has one that ended.
ENDED = "Deleted"

retry = AWSRetry.jittered_backoff(catch_extra_error_codes=["Throttled", "ThrottlingException"])


class TopicErrorHandler(AWSErrorHandler):
    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code(["NotFound", "NotFoundException"])


@TopicErrorHandler.list_error_handler("look for topic", False)
@retry
def topic_exists(client: Any, arn: str) -> bool:
    client.get_topic_attributes(TopicArn=arn)
    return True


@TopicErrorHandler.list_error_handler("list the subscriptions of topic", [])
@retry
def list_emails(client: Any, arn: str) -> list[str]:
    """The addresses that are subscribed, or have been asked whether they want to be."""
    pages = client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
    return sorted(
        each["Endpoint"]
        for each in pages.search("Subscriptions[]")
        if each["Protocol"] == "email" and each["SubscriptionArn"] != ENDED
    )


@TopicErrorHandler.common_error_handler("create topic")
@retry
def create_topic(client: Any, name: str) -> None:
    client.create_topic(Name=name)


@TopicErrorHandler.common_error_handler("subscribe to topic")
@retry
def subscribe(client: Any, arn: str, email: str) -> None:
    client.subscribe(TopicArn=arn, Protocol="email", Endpoint=email)


@TopicErrorHandler.deletion_error_handler("delete topic")
@retry
def delete_topic(client: Any, arn: str) -> None:
    client.delete_topic(TopicArn=arn)


def read_topic(client: Any, arn: str, *, with_emails: bool) -> dict[str, Any] | None:
    if not topic_exists(client, arn):
        return None
    return {"arn": arn, "emails": list_emails(client, arn)} if with_emails else {"arn": arn}


def missing_emails(before: dict[str, Any] | None, wanted: Sequence[str]) -> list[str]:
    """Those who are not asked yet. Nobody has two addresses that differ in capitals only."""
    asked = {email.lower() for email in (before or {}).get("emails", [])}
    return [email for key, email in {email.lower(): email for email in wanted}.items() if key not in asked]


def ensure_present(
    client: Any, name: str, arn: str, before: dict[str, Any] | None, emails: Sequence[str], *, check_mode: bool
) -> dict[str, Any]:
    """Create the topic and subscribe to it who is missing, and say what it is then."""
    missing = missing_emails(before, emails)
    if not check_mode:
        if before is None:
            create_topic(client, name)
        for email in missing:
            subscribe(client, arn, email)
    after = {"arn": arn, "emails": sorted([*(before or {}).get("emails", []), *missing])}
    return after if emails else {"arn": arn}


def main() -> None:
    argument_spec = {
        "name": {"type": "str", "required": True},
        "account_id": {"type": "str", "required": True},
        "emails": {"type": "list", "elements": "str", "default": []},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    name, emails, state = (module.params[option] for option in ("name", "emails", "state"))
    client = module.client("sns")
    arn = f"arn:{client.meta.partition}:sns:{client.meta.region_name}:{module.params['account_id']}:{name}"
    after = None
    try:
        # Who loses a subscription is told when the topic goes.
        before = read_topic(client, arn, with_emails=bool(emails) or state == "absent")
        if state == "present":
            after = ensure_present(client, name, arn, before, emails, check_mode=module.check_mode)
        elif before and not module.check_mode:
            delete_topic(client, arn)
    except AnsibleAWSError as error:
        module.fail_json_aws(error.exception, msg=f"{error.message} '{name}'")
    module.exit_json(changed=before != after, topic=after, diff={"before": before or {}, "after": after or {}})


if __name__ == "__main__":
    main()
