# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Functions for the tests of functions and of the clock."""

from __future__ import annotations

import io
import json
import textwrap
import zipfile
from dataclasses import dataclass
from typing import Any

from botocore.config import Config

from tests.local_aws import LocalAws

BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
ECHO = """
    def lambda_handler(event, context):
        return event
"""
BROKEN = """
    def lambda_handler(event, context):
        raise ValueError("no")
"""


def zip_of(source: str, **more: str) -> bytes:
    """Return a zip with this source as lambda_function.py."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in {"lambda_function.py": textwrap.dedent(source), **more}.items():
            archive.writestr(name, text)
    return packed.getvalue()


def document(*granted: dict[str, Any]) -> str:
    """Return a policy with these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": granted})


def unchecked(aws: LocalAws, service: str) -> Any:
    """Return a client that leaves it to the service to refuse parameters."""
    return aws.client(service, config=Config(parameter_validation=False))


def make_role(aws: LocalAws, name: str, service: str, *allowed: tuple[str, str]) -> str:
    """Make a role for a service that may do these actions on these resources; return its ARN."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    iam = aws.client("iam")
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    if allowed:
        granted = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in allowed]
        iam.put_role_policy(RoleName=name, PolicyName="allowed", PolicyDocument=document(*granted))
    return arn


@dataclass
class Workshop:
    """Makes functions and runs them."""

    aws: LocalAws
    functions: Any

    def make(self, name: str, source: str, *allowed: tuple[str, str], **settings: Any) -> str:
        """Make a function with a role of its own; return its ARN."""
        role = make_role(self.aws, f"{name}-role", "lambda.amazonaws.com", *allowed)
        self.aws.client("iam").attach_role_policy(RoleName=f"{name}-role", PolicyArn=BASIC)
        given = {"Runtime": "python3.13", "Handler": "lambda_function.lambda_handler", "Role": role} | settings
        code = {"ZipFile": zip_of(source)}
        arn: str = self.functions.create_function(FunctionName=name, Code=code, **given)["FunctionArn"]
        return arn

    def call(self, name: str, event: Any = None, **options: Any) -> tuple[dict[str, Any], Any]:
        """Invoke a function at once; return the whole answer and its payload."""
        answer = self.functions.invoke(FunctionName=name, Payload=json.dumps(event), **options)
        return answer, json.loads(answer["Payload"].read())

    def send(self, name: str, event: Any = None) -> str:
        """Invoke a function asynchronously; return the request id."""
        answer = self.functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))
        assert answer["StatusCode"] == 202
        request_id: str = answer["ResponseMetadata"]["RequestId"]
        return request_id
