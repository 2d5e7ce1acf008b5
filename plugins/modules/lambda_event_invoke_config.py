#!/usr/bin/python
# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: lambda_event_invoke_config
version_added: 0.1.0
short_description: Manage how AWS Lambda treats asynchronous invocations of a function
description:
  - Manages how often Lambda tries again when an asynchronous invocation of a function failed, how long it keeps an
    event, and where it sends the record of an invocation that succeeded or failed for good.
  - An option that is not given keeps its value. Where there is no configuration yet, it gets Lambda's own default.
author:
  - The algotrading.aws maintainers (!UNKNOWN)
options:
  function_name:
    description: The function's name or ARN.
    type: str
    required: true
  qualifier:
    description: A version or an alias of the function, which has a configuration of its own. By default C($LATEST).
    type: str
  state:
    description:
      - With V(present), the configuration has the values of the options that are given.
      - With V(absent), the function has no configuration, and Lambda goes by its own defaults.
    type: str
    choices: [present, absent]
    default: present
  maximum_retry_attempts:
    description: How often Lambda invokes a function again that failed. Lambda's own default is V(2).
    type: int
    choices: [0, 1, 2]
  maximum_event_age_in_seconds:
    description:
      - How many seconds Lambda keeps an event before it gives it up, V(60) to V(21600).
      - Lambda's own default is V(21600).
    type: int
  on_success:
    description:
      - The ARN of a function, topic, queue or event bus that gets the record of each invocation that succeeded.
      - An empty text removes it.
    type: str
  on_failure:
    description:
      - The ARN of a function, topic, queue, event bus or bucket that gets the record of each event that was given up.
      - An empty text removes it.
    type: str
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
  - In check mode, a function that does not exist is taken for one without a configuration, as an earlier task of the
    run may be the one that creates it.
  - Lambda refuses a destination to which the function's role may not send. As it takes some seconds to learn of a
    role's new permissions, the module tries again for half a minute.
  - The caller needs C(lambda:GetFunctionEventInvokeConfig), C(lambda:PutFunctionEventInvokeConfig) and, with
    O(state=absent), C(lambda:DeleteFunctionEventInvokeConfig).
  - The function's role needs C(lambda:InvokeFunction), C(sns:Publish), C(sqs:SendMessage), C(events:PutEvents) or
    C(s3:PutObject) on a destination.
seealso:
  - module: amazon.aws.lambda
  - module: amazon.aws.lambda_event
"""

EXAMPLES = r"""
- name: Try once more within an hour, and tell a topic if that fails too
  algotrading.aws.lambda_event_invoke_config:
    function_name: report
    maximum_retry_attempts: 1
    maximum_event_age_in_seconds: 3600
    on_failure: arn:aws:sns:us-east-1:123456789012:alerts

- name: Invoke another function with the result of this one, and leave everything else as it is
  algotrading.aws.lambda_event_invoke_config:
    function_name: report
    on_success: arn:aws:lambda:us-east-1:123456789012:function:mail-report

- name: No longer do that
  algotrading.aws.lambda_event_invoke_config:
    function_name: report
    on_success: ""

- name: Go by Lambda's own defaults again
  algotrading.aws.lambda_event_invoke_config:
    function_name: report
    state: absent
"""

RETURN = r"""
event_invoke_config:
  description: The configuration after the run, or none when there is none.
  returned: always
  type: dict
  contains:
    maximum_retry_attempts:
      description: How often Lambda invokes a function again that failed.
      type: int
      sample: 1
    maximum_event_age_in_seconds:
      description: How many seconds Lambda keeps an event.
      type: int
      sample: 3600
    on_success:
      description: The ARN of what gets the records of success, or none.
      type: str
      sample: arn:aws:lambda:us-east-1:123456789012:function:mail-report
    on_failure:
      description: The ARN of what gets the records of failure, or none.
      type: str
      sample: arn:aws:sns:us-east-1:123456789012:alerts
"""

from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._event_invoke_config import from_aws, merge, to_aws
from ansible_collections.algotrading.aws.plugins.module_utils._just_made import retry_while
from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError, is_ansible_aws_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.transformation import scrub_none_parameters

SECONDS = range(60, 21601)
# How Lambda refuses the destination of a role whose permissions are new, and a function that it still works on.
NOT_YET = ("does not have permissions", "The destination ARN", "ResourceConflictException")


class EventInvokeConfigErrorHandler(AWSErrorHandler):
    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code("ResourceNotFoundException")


@EventInvokeConfigErrorHandler.list_error_handler("get the event invoke config of function", None)
@AWSRetry.jittered_backoff()
def get_config(client: Any, function: dict[str, str]) -> dict[str, Any] | None:
    """The configuration, or None when it or the function does not exist."""
    return from_aws(client.get_function_event_invoke_config(**function))


@EventInvokeConfigErrorHandler.common_error_handler("put the event invoke config of function")
@AWSRetry.jittered_backoff()
def put_config(client: Any, function: dict[str, str], config: dict[str, Any]) -> None:
    retry_while(NOT_YET, lambda: client.put_function_event_invoke_config(**function, **to_aws(config)))


@EventInvokeConfigErrorHandler.deletion_error_handler("delete the event invoke config of function")
@AWSRetry.jittered_backoff()
def delete_config(client: Any, function: dict[str, str]) -> None:
    retry_while(NOT_YET, lambda: client.delete_function_event_invoke_config(**function))


def ensure_present(
    client: Any,
    function: dict[str, str],
    before: dict[str, Any] | None,
    given: dict[str, Any],
    *,
    check_mode: bool,
) -> tuple[bool, dict[str, Any]]:
    """Put the configuration when it differs, and say whether it does and what it is then."""
    after = merge(before, given)
    if after == before:
        return False, after
    if not check_mode:
        put_config(client, function, after)
    return True, after


def ensure_absent(
    client: Any, function: dict[str, str], before: dict[str, Any] | None, *, check_mode: bool
) -> tuple[bool, None]:
    """Delete the configuration when there is one, and say whether there was."""
    if before is not None and not check_mode:
        delete_config(client, function)
    return before is not None, None


def fail(module: AnsibleAWSModule, error: AnsibleAWSError) -> None:
    """Say which function it is about, and what to do."""
    name = ":".join(filter(None, (module.params["function_name"], module.params["qualifier"])))
    if isinstance(error, is_ansible_aws_error_code("ResourceNotFoundException", error)):
        module.fail_json(
            msg=f"The function '{name}' does not exist in {module.region}: create it before its event invoke config"
        )
    module.fail_json_aws(error.exception, msg=f"{error.message} '{name}'")


def main() -> None:
    argument_spec = {
        "function_name": {"type": "str", "required": True},
        "qualifier": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "maximum_retry_attempts": {"type": "int", "choices": [0, 1, 2]},
        "maximum_event_age_in_seconds": {"type": "int"},
        "on_success": {"type": "str"},
        "on_failure": {"type": "str"},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    params = module.params
    age = params["maximum_event_age_in_seconds"]
    if age is not None and age not in SECONDS:
        module.fail_json(msg=f"maximum_event_age_in_seconds is {age}: Lambda takes 60 to 21600")
    function = scrub_none_parameters({"FunctionName": params["function_name"], "Qualifier": params["qualifier"]})
    client = module.client("lambda")
    try:
        before = get_config(client, function)
        after: dict[str, Any] | None
        if params["state"] == "present":
            changed, after = ensure_present(client, function, before, params, check_mode=module.check_mode)
        else:
            changed, after = ensure_absent(client, function, before, check_mode=module.check_mode)
    except AnsibleAWSError as error:
        fail(module, error)
    module.exit_json(changed=changed, event_invoke_config=after, diff={"before": before or {}, "after": after or {}})


if __name__ == "__main__":
    main()
