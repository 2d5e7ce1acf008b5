# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people do by hand between two runs, for the next run to put right."""

from __future__ import annotations

import json

from tests.integration.account import Account
from tests.local_aws.seed import BUCKETS
from tests.local_aws.seed_models import delete_model, model_names, put_model

NEW_MODEL = ("long", "NVDA", "nvda_long-outer_1_inner_1")
_NOTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}


def drift(account: Account, environment: str, models: int) -> None:
    """Add a model and take one away, and change a host, a policy, a function, its logs and a schedule."""
    _models(account, environment, models)
    _host(account, environment)
    _policies(account, environment)
    _automation(account, environment)


def _models(account: Account, environment: str, models: int) -> None:
    put_model(account.s3, BUCKETS[environment], *NEW_MODEL)
    delete_model(account.s3, BUCKETS[environment], *model_names(models)[0])


def _host(account: Account, environment: str) -> None:
    stopped = account.traders(environment)[-1].instance_id
    account.ec2.stop_instances(InstanceIds=[stopped])
    account.ec2.modify_instance_attribute(InstanceId=stopped, InstanceType={"Value": "t3.medium"})
    account.ec2.delete_tags(Resources=[stopped], Tags=[{"Key": "Role"}])
    account.ec2.modify_instance_metadata_options(InstanceId=stopped, HttpTokens="optional")


def _policies(account: Account, environment: str) -> None:
    role = f"trading_server_instance_role_{environment}"
    account.iam.put_role_policy(RoleName=role, PolicyName="by-hand", PolicyDocument=json.dumps(_NOTHING))
    account.iam.delete_role_policy(RoleName=role, PolicyName=f"secretsmanager-access-{environment}")
    policy = account.bucket_policy(environment)
    policy["Statement"] = policy["Statement"][:-1]
    account.s3.put_bucket_policy(Bucket=BUCKETS[environment], Policy=json.dumps(policy))
    arn = f"arn:aws:iam::123456789012:policy/trading_server_lambda_policy_{environment}"
    account.iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(_NOTHING), SetAsDefault=True)


def _automation(account: Account, environment: str) -> None:
    function = f"TradingServerLambda_{environment}"
    account.aws.client("lambda").update_function_configuration(FunctionName=function, Timeout=30)
    account.aws.client("lambda").delete_function_event_invoke_config(FunctionName=function)
    account.aws.client("logs").delete_log_group(logGroupName=f"/aws/lambda/{function}")
    account.aws.client("scheduler").delete_schedule(Name=f"trading-server-shutdown-schedule-{environment}")
