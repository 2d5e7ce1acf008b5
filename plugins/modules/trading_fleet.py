#!/usr/bin/python
# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: trading_fleet
version_added: 0.1.0
short_description: Reconcile the servers of a trading environment
description:
  - Makes the servers of one role in one environment what they should be, one server per trading model, or one ingest
    node.
  - Servers are told apart by their tags, and never by their number or order. C(Environment), C(ModelType), C(Symbol)
    and C(ModelNumber) name a trading server, and C(Name) names the ingest node. A server without a C(Role) tag is taken
    over and gets one.
  - A model without a server gets one, which is launched with an encrypted gp3 disk and with instance metadata that
    needs a token (IMDSv2) and shows the tags. A launch carries a client token, so that a run that was killed and is run
    again makes no second server.
  - A server without a model is retired, see O(retired_models). A model that comes back gets its own retired server
    again.
  - A server that differs from what a new one would be is changed in place where EC2 can, and reported as drift where it
    cannot. Its tags, security groups, instance profile, metadata options, the size and type of its disk and the end of
    its disk with it are changed in place, and while it is stopped also its type. A disk only grows, and the file system
    on it grows when the server boots next.
  - User data are told by the digest that a launch writes into the tag C(UserDataDigest). They run at the first boot
    only, so that a change of them by hand has no effect and is not looked for. More disk, IOPS or throughput than a new
    server's are left, and so are other tags.
  - Existing servers are neither started, stopped nor replaced for any other reason.
author:
  - The algotrading.aws maintainers (!UNKNOWN)
options:
  environment:
    description: The environment whose servers these are.
    type: str
    required: true
    choices: [dev, qa, prod]
  role:
    description: Whether these are the environment's trading servers or its ingest node.
    type: str
    required: true
    choices: [trader, ingest]
  state:
    description:
      - V(present) makes the servers what they should be.
      - V(absent) terminates all of them and their disks, retired ones too, and waits for their end. Only
        O(environment), O(role) and O(wait_timeout) then count.
    type: str
    choices: [present, absent]
    default: present
  models:
    description:
      - The models that should have a server, as P(algotrading.aws.s3_models#lookup) finds them. Other keys are ignored.
      - An empty list is refused, as it would retire the whole fleet.
      - Required with O(role=trader) and O(state=present).
    type: list
    elements: dict
    suboptions:
      model_type:
        description: What kind of model it is, such as V(long).
        type: str
        required: true
      symbol:
        description: The symbol that it trades.
        type: str
        required: true
      model_number:
        description: The name of the model's folder, C(NAME-outer_N_inner_N).
        type: str
        required: true
      prefix:
        description: The model's folder. It is accepted for the sake of the lookup, and not used.
        type: str
  image_id:
    description:
      - The image (AMI) of new servers.
      - With O(state=present), this or O(image_name) is required.
    type: str
  image_name:
    description: A pattern of image names, of which the newest available image is taken.
    type: str
  image_owner:
    description: The owner of the images that O(image_name) matches, V(self) or an account's number.
    type: str
    default: self
  instance_type:
    description: The type of new servers.
    type: str
    default: t3.small
  subnet_ids:
    description:
      - The subnets of new servers, which are spread over them. Where one has no capacity, the next is taken.
      - It may be empty in check mode, as the network may not exist yet.
      - Required with O(state=present).
    type: list
    elements: str
  security_group_ids:
    description:
      - The security groups of all servers.
      - It may be empty in check mode, where the groups are then not compared.
      - Required with O(state=present).
    type: list
    elements: str
  iam_instance_profile:
    description:
      - The name of the instance profile of all servers.
      - Required with O(state=present).
    type: str
  user_data:
    description:
      - The script that new servers run at their first boot, at most 16 KB. It is the same for all of them.
      - Servers learn which model is theirs from their tags.
    type: str
    default: ""
  key_name:
    description: The key pair of new servers. By default they have none.
    type: str
  volume_size:
    description: The size of a server's root disk in GiB. A smaller one grows.
    type: int
    default: 14
  retired_models:
    description:
      - What becomes of a server whose model is gone.
      - V(stop) stops it and gives it the tag C(Retired) with the time. It is not started again, and keeps its disk.
      - V(terminate) destroys it and its disk.
    type: str
    choices: [stop, terminate]
    default: stop
  max_retired:
    description:
      - How many servers one run may retire. A run that would retire more is refused before any change.
      - By default the larger of 1 and 20 % of the servers.
    type: int
  replace:
    description:
      - Whether a server with drift that EC2 cannot change in place is stopped, tagged C(Retired), and launched anew. It
        does not trade until it is started by what starts the fleet each day, and runs until the fleet is stopped next.
      - V(never) reports the drift.
      - V(stopped) replaces servers that are stopped, and reports the others. EC2 cannot tell whether a server trades,
        so that one that runs or boots is taken to do so.
      - V(always) replaces servers that run, too.
      - They are replaced in waves, a fifth of them at a time. The next wave begins when both status checks of the last
        one pass, and a wave that fails is the last.
      - A run that was killed between the end of a server and the launch of its successor is finished by the next one
        that replaces. One that does not replace brings the retired server back.
    type: str
    choices: [never, stopped, always]
    default: never
  wait_timeout:
    description: How many seconds to wait for servers to run or to end, and for a disk to change.
    type: int
    default: 300
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
  - "The caller needs C(ec2:DescribeImages), C(ec2:DescribeKeyPairs) with O(key_name), C(ec2:DescribeInstances),
    C(ec2:DescribeInstanceAttribute), C(ec2:DescribeInstanceStatus) with O(replace), C(ec2:DescribeVolumes),
    C(ec2:DescribeIamInstanceProfileAssociations), C(ec2:RunInstances), C(ec2:StartInstances), C(ec2:StopInstances),
    C(ec2:TerminateInstances), C(ec2:CreateTags), C(ec2:DeleteTags), C(ec2:ModifyInstanceAttribute),
    C(ec2:ModifyInstanceMetadataOptions), C(ec2:ModifyVolume), C(ec2:AssociateIamInstanceProfile),
    C(ec2:ReplaceIamInstanceProfileAssociation) and C(iam:PassRole) for the profile's role."
seealso:
  - plugin: algotrading.aws.s3_models
    plugin_type: lookup
  - module: amazon.aws.ec2_instance
"""

EXAMPLES = r"""
- name: Have one trading server per model in the bucket
  algotrading.aws.trading_fleet:
    environment: qa
    role: trader
    models: "{{ lookup('algotrading.aws.s3_models', 'algo-model-deploy', region='us-east-1') }}"
    image_name: trading-server*
    subnet_ids: [subnet-0123456789abcdef0]
    security_group_ids: [sg-0123456789abcdef0]
    iam_instance_profile: trading_server_instance_profile_qa
    region: us-east-1

- name: Have the ingest node
  algotrading.aws.trading_fleet:
    environment: qa
    role: ingest
    image_name: alpaca-websocket*
    subnet_ids: [subnet-0123456789abcdef0]
    security_group_ids: [sg-0123456789abcdef0]
    iam_instance_profile: alpaca_instance_profile_qa
    region: us-east-1

- name: Have no trading servers any more
  algotrading.aws.trading_fleet:
    environment: qa
    role: trader
    state: absent
    region: us-east-1
"""

RETURN = r"""
actions:
  description: What was done, or in check mode what would be done, in no particular order.
  returned: always
  type: list
  elements: dict
  contains:
    action:
      description: One of V(create), V(restore), V(retag), V(modify), V(retire), V(stop), V(replace) and V(terminate).
      type: str
      sample: create
    name:
      description: The server's name.
      type: str
      sample: trading-server-qa-SOXL-long-soxl_long-outer_11_inner_48
    instance_id:
      description: The instance that the action is about, none for V(create).
      type: str
      sample: i-0123456789abcdef0
    reason:
      description: Why.
      type: str
      sample: has no server
    changes:
      description: For V(retag), V(modify) and V(replace), each tag or attribute with its value C(before) and C(after).
      type: dict
resources:
  description:
    - What becomes of each server, or in check mode would become of it, in one entry for each, by name. A retired server
      that stays as it is has none.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: Always V(EC2 instance).
      type: str
      sample: EC2 instance
    name:
      description: The server's name. With the instance's id behind it for a retired server beside the one that serves.
      type: str
      sample: trading-server-qa-SOXL-long-soxl_long-outer_11_inner_48
    action:
      description: One of V(create), V(change), V(replace), V(retire), V(delete) and V(keep).
      type: str
      sample: keep
    reasons:
      description: Why, and of a server that stays as it is, in what it differs and why it stays so.
      type: list
      elements: str
      sample: ["differs in image_id, which a replacement changes: set replace to stopped, or always"]
    before:
      description: What changes or differs, as it is. None for a new server.
      type: dict
    after:
      description: What changes or differs, as it should be. None for a server that is terminated.
      type: dict
capacity:
  description:
    - What the fleet is charged for, C(before) and C(after) the run, each as groups of servers that cost the same.
    - A server that is stopped counts as one that runs, as it does so on each trading day. A retired one counts for its
      disk only.
  returned: always
  type: dict
  contains:
    before:
      description: The servers, retired ones among them, as they are before the run.
      type: list
      elements: dict
      contains: &capacity
        instance_type:
          description: The instance type, or none for servers that are retired and cost their disks only.
          type: str
          sample: t3.small
        volume_type:
          description: The type of the root disk.
          type: str
          sample: gp3
        volume_size:
          description: The size of one server's root disk in GiB.
          type: int
          sample: 14
        count:
          description: How many servers these are.
          type: int
          sample: 6
    after:
      description: The same, as they are after it.
      type: list
      elements: dict
      contains: *capacity
failures:
  description:
    - What EC2 refused, a sentence for each server. The module then fails, after it has done all else.
  returned: always
  type: list
  elements: str
drift:
  description: What differs from a new server and stays as it is.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The server's name.
      type: str
    instance_id:
      description: The instance.
      type: str
      sample: i-0123456789abcdef0
    attribute:
      description: What differs. User data are told by their SHA-256 digest.
      type: str
      sample: image_id
    before:
      description: What the server has.
      type: raw
      sample: ami-0123456789abcdef0
    after:
      description: What a new server would have.
      type: raw
      sample: ami-0fedcba9876543210
servers:
  description: The servers that the environment has after the run, sorted by name. Retired ones are not among them.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The server's name.
      type: str
      sample: trading-server-qa-SOXL-long-soxl_long-outer_11_inner_48
    instance_id:
      description: The instance, none in check mode for one that is not there yet.
      type: str
      sample: i-0123456789abcdef0
    state:
      description: The instance's state as EC2 names it.
      type: str
      sample: running
    private_ip_address:
      description: The instance's private address.
      type: str
      sample: 10.20.0.12
    launch_time:
      description: When the instance was last started.
      type: str
      sample: "2026-02-02T13:30:00+00:00"
    tags:
      description: The instance's tags.
      type: dict
"""

from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._fleet_apply import Fleet
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_capacity import describe_capacity
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_launch import Launch, ingest_server, trading_server
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_plan import (
    REPLACE,
    REPLACE_NEVER,
    Instance,
    Plan,
    PlanError,
    Policy,
    Server,
    make_plan,
    make_removal,
    recognise,
)
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_read import find_image, read_fleet
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_report import (
    describe_actions,
    describe_drift,
    describe_resources,
    describe_servers,
    drift_warnings,
)
from ansible_collections.algotrading.aws.plugins.module_utils._models import Model
from ansible_collections.algotrading.aws.plugins.module_utils._naming import ENVIRONMENTS
from ansible_collections.algotrading.aws.plugins.module_utils._resources import result_of
from ansible_collections.amazon.aws.plugins.module_utils.ec2 import AnsibleEC2Error, describe_key_pairs
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

MAX_USER_DATA = 16 * 1024


def desired_servers(module: AnsibleAWSModule) -> list[Server]:
    """Make the list of servers from the parameters, and refuse names that cannot be a server's."""
    environment = module.params["environment"]
    if module.params["role"] == "ingest":
        return [ingest_server(environment)]
    if module.params["models"] is None:
        raise PlanError("The models of the trading servers are missing: set models")
    models = [Model.from_dict(parts) for parts in module.params["models"]]
    for model in models:
        problem = model.problem()
        if problem:
            raise PlanError(f"The model {model.prefix!r} {problem}: rename its folder or leave it out")
    return [trading_server(environment, model) for model in models]


def wanted_launch(module: AnsibleAWSModule, client: Any) -> Launch:
    """Resolve the image, and gather what all servers are launched with."""
    params = module.params
    image = find_image(client, params["image_id"], params["image_name"], params["image_owner"])
    if image is None:
        wanted = params["image_id"] or f"{params['image_name']} of owner {params['image_owner']}"
        raise PlanError(f"No available image matches {wanted} in {module.region}: build one, or name another image")
    if len(params["user_data"].encode()) > MAX_USER_DATA:
        raise PlanError(f"The user data is longer than EC2's {MAX_USER_DATA} bytes: shorten it")
    if params["key_name"] and not describe_key_pairs(client, KeyNames=[params["key_name"]]):
        raise PlanError(
            f"There is no key pair {params['key_name']} in {module.region}: import it, or leave out key_name"
        )
    if not module.check_mode and not (params["subnet_ids"] and params["security_group_ids"]):
        raise PlanError("No subnet or no security group is named: set subnet_ids and security_group_ids")
    return Launch(
        image_id=image["ImageId"],
        root_device_name=image["RootDeviceName"],
        instance_type=params["instance_type"],
        subnet_ids=tuple(params["subnet_ids"]),
        security_group_ids=tuple(params["security_group_ids"]),
        iam_instance_profile=params["iam_instance_profile"],
        user_data=params["user_data"],
        key_name=params["key_name"],
        volume_size=params["volume_size"],
    )


def reconcile(module: AnsibleAWSModule, client: Any) -> dict[str, Any]:
    """Read, compare and act, and say what came of it."""
    params = module.params
    desired = desired_servers(module)
    launch = wanted_launch(module, client)
    policy = Policy(params["replace"], params["max_retired"], params["retired_models"] == "terminate")

    def read() -> list[Instance]:
        return recognise(desired, read_fleet(client, params["environment"], params["role"]))

    before = read()
    plan = make_plan(desired, before, launch.attributes(), policy)
    failures: list[str] = []
    after = before
    if plan.actions and not module.check_mode:
        fleet = Fleet(client, launch, wait_timeout=params["wait_timeout"])
        fleet.apply(plan)
        after = fleet.end_twins(read())
        failures = fleet.failures
    for sentence in drift_warnings(plan):
        module.warn(sentence)
    return {
        **outcome(plan, before, launch),
        "failures": failures,
        "servers": describe_servers(desired, after),
    }


def remove(module: AnsibleAWSModule, client: Any) -> dict[str, Any]:
    """Terminate what there is, and say what came of it."""
    environment, role = module.params["environment"], module.params["role"]
    existing = read_fleet(client, environment, role)
    plan = make_removal({"Environment": environment, "Role": role}, existing)
    fleet = Fleet(client, None, wait_timeout=module.params["wait_timeout"])
    if not module.check_mode:
        fleet.apply(plan)
    return {**outcome(plan, existing, None), "failures": fleet.failures, "servers": []}


def outcome(plan: Plan, existing: list[Instance], launch: Launch | None) -> dict[str, Any]:
    return {
        **result_of(describe_resources(plan, launch)),
        "actions": describe_actions(plan),
        "drift": describe_drift(plan),
        "capacity": describe_capacity(plan, existing, launch.attributes() if launch else {}),
    }


def main() -> None:
    model = {
        "model_type": {"type": "str", "required": True},
        "symbol": {"type": "str", "required": True},
        "model_number": {"type": "str", "required": True},
        "prefix": {"type": "str"},
    }
    argument_spec = {
        "environment": {"type": "str", "required": True, "choices": list(ENVIRONMENTS)},
        "role": {"type": "str", "required": True, "choices": ["trader", "ingest"]},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "models": {"type": "list", "elements": "dict", "options": model},
        "image_id": {"type": "str"},
        "image_name": {"type": "str"},
        "image_owner": {"type": "str", "default": "self"},
        "instance_type": {"type": "str", "default": "t3.small"},
        "subnet_ids": {"type": "list", "elements": "str"},
        "security_group_ids": {"type": "list", "elements": "str"},
        "iam_instance_profile": {"type": "str"},
        "user_data": {"type": "str", "default": ""},
        "key_name": {"type": "str", "no_log": False},
        "volume_size": {"type": "int", "default": 14},
        "retired_models": {"type": "str", "choices": ["stop", "terminate"], "default": "stop"},
        "max_retired": {"type": "int"},
        "replace": {"type": "str", "choices": list(REPLACE), "default": REPLACE_NEVER},
        "wait_timeout": {"type": "int", "default": 300},
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec,
        required_if=[
            ("state", "present", ["subnet_ids", "security_group_ids", "iam_instance_profile"]),
            ("state", "present", ["image_id", "image_name"], True),
        ],
        mutually_exclusive=[("image_id", "image_name")],
        supports_check_mode=True,
    )
    client = module.client("ec2")
    try:
        result = (reconcile if module.params["state"] == "present" else remove)(module, client)
    except PlanError as error:
        module.fail_json(msg=str(error))
    except AnsibleEC2Error as error:
        module.fail_json_aws_error(error)
    if result["failures"]:
        what = "; ".join(result["failures"])
        module.fail_json(msg=f"Not all servers are as they should be, and the next run tries again: {what}", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
