#!/usr/bin/python
# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: lambda_functions
version_added: 0.1.0
short_description: Reconcile AWS Lambda functions with their code, logs and events
description:
  - Makes several functions what they should be, each with its package, its log group, and what becomes of its
    asynchronous events.
  - The package (zip) is made of files and folders in memory. The same sources give the same package, byte for byte, on
    another machine, in another folder and at another time, so that a function is updated only when its code has
    changed.
  - In addition to what M(amazon.aws.lambda) does for one function, it says before and after of all that it would
    change, in check mode too, and reads what there is with two requests for each function and one for all log groups.
    It publishes no versions.
  - An option that is not given is set to its default, also where somebody else has set it to something else.
author:
  - The algotrading.aws maintainers (!UNKNOWN)
options:
  state:
    description:
      - With V(present), the functions are there as they are given. With V(absent), they are not, nor are their log
        groups with all that is in them.
      - Other functions stay as they are.
    type: str
    choices: [present, absent]
    default: present
  functions:
    description: The functions. With O(state=absent) nothing but O(functions[].name) is needed.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The function's name.
        type: str
        required: true
      description:
        description: What the function is for.
        type: str
        default: ""
      role:
        description: The ARN of the role as which it runs. Required with O(state=present).
        type: str
      runtime:
        description: The runtime, such as V(python3.13). Required with O(state=present).
        type: str
      handler:
        description: The function's entry point in its code. Required with O(state=present).
        type: str
      sources:
        description:
          - What its package is made of. Required with O(state=present).
          - Files are sorted by name and have a fixed time. Of their permissions only the owner's executable bit counts.
          - Inside of folders, hidden files and C(__pycache__) are left out. A symbolic link is packed as what it leads
            to. One that leads out of its source folder is an error.
          - Lambda takes packages of at most 50 MB in a request, and 250 MB of files in them. More is an error.
        type: list
        elements: dict
        suboptions:
          src:
            description: A file or a folder.
            type: path
            required: true
          dest:
            description:
              - The place in the package. By default its root.
              - The content of a folder is put into this folder.
              - A file gets this name, or keeps its own name in this folder if it ends with a slash.
            type: str
            default: ""
      timeout:
        description: The time limit in seconds, V(1) to V(900).
        type: int
        default: 3
      memory_size:
        description: The memory in MB, V(128) to V(10240).
        type: int
        default: 128
      environment_variables:
        description:
          - The environment variables, as texts. Lambda takes 4 KB of them, written as JSON.
          - The value of one whose name looks as if it were secret, such as C(API_KEY), is never shown. That of one
            which ends in C(_ID), C(_NAME) or C(_ARN) is.
        type: dict
        default: {}
      log_retention_days:
        description: For how many days CloudWatch keeps what the function prints. Required with O(state=present).
        type: int
        choices:
          [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]
      maximum_retry_attempts:
        description: How often Lambda invokes the function again when an asynchronous invocation failed.
        type: int
        choices: [0, 1, 2]
        default: 2
      maximum_event_age_in_seconds:
        description: How many seconds Lambda keeps an asynchronous event before it gives it up, V(60) to V(21600).
        type: int
        default: 21600
      on_success:
        description:
          - The ARN of a function, topic, queue or event bus that gets the record of each asynchronous invocation that
            succeeded. It may be another one of O(functions). An empty text is none.
        type: str
      on_failure:
        description:
          - The ARN of a function, topic, queue, event bus or bucket that gets the record of each event that was given
            up. An empty text is none.
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
  - What a function has besides, such as tags, permissions, versions and aliases, stays. A function that is in a VPC is
    taken out of it.
  - When one function cannot be made what it should be, the others are, and the task fails at the end.
  - Lambda knows a new role, and what it may do, only after some seconds. The module tries again for half a minute.
  - The caller needs C(lambda:GetFunctionConfiguration), C(lambda:GetFunction), C(lambda:CreateFunction),
    C(lambda:UpdateFunctionConfiguration), C(lambda:UpdateFunctionCode), C(lambda:GetFunctionEventInvokeConfig),
    C(lambda:PutFunctionEventInvokeConfig), C(logs:DescribeLogGroups), C(logs:CreateLogGroup),
    C(logs:PutRetentionPolicy) and C(iam:PassRole). With O(state=absent), it needs C(lambda:DeleteFunction),
    C(lambda:DeleteFunctionEventInvokeConfig) and C(logs:DeleteLogGroup) besides.
  - The function's role needs C(lambda:InvokeFunction), C(sns:Publish), C(sqs:SendMessage), C(events:PutEvents) or
    C(s3:PutObject) on a destination.
seealso:
  - module: amazon.aws.lambda
"""

EXAMPLES = r"""
- name: Have a function that makes a report, and one that mails it
  algotrading.aws.lambda_functions:
    functions:
      - name: report
        role: arn:aws:iam::123456789012:role/report
        runtime: python3.13
        handler: lambda_function.lambda_handler
        sources:
          - src: "{{ playbook_dir }}/files/report"
          - src: "{{ playbook_dir }}/files/common"
            dest: report_common
        timeout: 300
        environment_variables:
          REPORT_BUCKET: reports
        log_retention_days: 90
        on_success: arn:aws:lambda:us-east-1:123456789012:function:mail-report
        on_failure: arn:aws:sns:us-east-1:123456789012:alerts
      - name: mail-report
        role: arn:aws:iam::123456789012:role/mail-report
        runtime: python3.13
        handler: lambda_function.lambda_handler
        sources:
          - src: "{{ playbook_dir }}/files/mail.py"
            dest: lambda_function.py
        log_retention_days: 90
        maximum_retry_attempts: 0

- name: Delete them, with their logs
  algotrading.aws.lambda_functions:
    state: absent
    functions:
      - name: report
      - name: mail-report
"""

RETURN = r"""
resources:
  description: What became of each log group, function and event invoke config, of those functions that did not fail.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: V(log group), V(Lambda function) or V(event invoke config).
      type: str
      sample: Lambda function
    name:
      description: The name of the log group, or of the function.
      type: str
      sample: report
    action:
      description: V(create), V(change), V(delete) or V(keep).
      type: str
      sample: change
    reasons:
      description: Why.
      type: list
      elements: str
      sample: [differs in code_sha256]
    before:
      description: What differs, as it was before. None of what is created or kept.
      type: dict
      sample: {code_sha256: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=}
    after:
      description: What differs, as it is then. None of what is deleted or kept.
      type: dict
      sample: {code_sha256: n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=}
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._event_invoke_config import DEFAULTS
from ansible_collections.algotrading.aws.plugins.module_utils._lambda_apply import Functions
from ansible_collections.algotrading.aws.plugins.module_utils._lambda_functions import (
    Wanted,
    complaints,
    entries,
    secrets_of,
    wanted_of,
)
from ansible_collections.algotrading.aws.plugins.module_utils._lambda_package import PackageError, pack
from ansible_collections.algotrading.aws.plugins.module_utils._resources import result_of
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

RETENTIONS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]


def wanted_functions(module: AnsibleAWSModule) -> list[Wanted]:
    """Read the options, and make the packages; nothing is asked of AWS before all of that is right."""
    wanted = []
    if wrong := complaints(module.params["functions"]):
        module.fail_json(msg=f"Cannot make the functions: {'; '.join(wrong)}")
    for options in module.params["functions"]:
        sources = [(source["src"], source["dest"]) for source in options["sources"]]
        try:
            wanted.append(wanted_of(options, pack(sources)))
        except PackageError as error:
            module.fail_json(msg=f"Cannot make the package of function '{options['name']}': {error}")
    return wanted


def hide_secrets(module: AnsibleAWSModule, environments: Iterable[Mapping[str, Any]]) -> None:
    """Let nothing that the module prints hold the value of a variable that looks secret."""
    for variables in environments:
        module.no_log_values.update(secrets_of(variables))


def reconcile(module: AnsibleAWSModule, functions: Functions, wanted: Sequence[Wanted]) -> dict[str, Any]:
    """Read, compare and act, and say what came of it."""
    names = list(dict.fromkeys(options["name"] for options in module.params["functions"]))
    found = functions.read(names)
    hide_secrets(module, (each.settings["environment_variables"] for each in found.values() if each.settings))
    if not module.check_mode:
        if module.params["state"] == "present":
            functions.bring_about(wanted, found)
        else:
            functions.remove(found)
    by_name = {each.name: each for each in wanted}
    sound = [name for name in names if name not in functions.failures]
    return result_of([entry for name in sound for entry in entries(name, found[name], by_name.get(name))])


def main() -> None:
    source = {
        "src": {"type": "path", "required": True},
        "dest": {"type": "str", "default": ""},
    }
    function = {
        "name": {"type": "str", "required": True},
        "description": {"type": "str", "default": ""},
        "role": {"type": "str"},
        "runtime": {"type": "str"},
        "handler": {"type": "str"},
        "sources": {"type": "list", "elements": "dict", "options": source},
        "timeout": {"type": "int", "default": 3},
        "memory_size": {"type": "int", "default": 128},
        "environment_variables": {"type": "dict", "default": {}},
        "log_retention_days": {"type": "int", "choices": RETENTIONS},
        "maximum_retry_attempts": {"type": "int", "choices": [0, 1, 2], "default": DEFAULTS["maximum_retry_attempts"]},
        "maximum_event_age_in_seconds": {"type": "int", "default": DEFAULTS["maximum_event_age_in_seconds"]},
        "on_success": {"type": "str"},
        "on_failure": {"type": "str"},
    }
    argument_spec = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "functions": {"type": "list", "elements": "dict", "required": True, "options": function},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    hide_secrets(module, (options["environment_variables"] for options in module.params["functions"]))
    wanted = wanted_functions(module) if module.params["state"] == "present" else []
    functions = Functions(module.client("lambda"), module.client("logs"))
    try:
        result = reconcile(module, functions, wanted)
    except AnsibleAWSError as error:
        module.fail_json_aws_error(error)
    if functions.failures:
        what = "; ".join(str(error) for _name, error in sorted(functions.failures.items()))
        module.fail_json(msg=f"Not all functions are as they should be, and the next run tries again: {what}", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
