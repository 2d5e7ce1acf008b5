# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads qa's controllers as another tool of the stack's owner would, through boto3."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any
from urllib.request import ProxyHandler, build_opener

from botocore.exceptions import ClientError

from tests.local_aws import LocalAws

FUNCTIONS = {
    "ingest": "AlpacaWebsocketLambda_qa",
    "fleet": "TradingServerLambda_qa",
    "shutdown": "TradingServerShutdownLambda_qa",
}
ROLES = {
    "ingest": "alpaca_websocket_lambda_role_qa",
    "fleet": "trading_server_lambda_role_qa",
    "shutdown": "trading_server_shutdown_lambda_role_qa",
}


class Controllers:
    """The three functions, by their names."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.functions = aws.client("lambda")

    def configuration(self, name: str) -> dict[str, Any]:
        configuration: dict[str, Any] = self.functions.get_function_configuration(FunctionName=name)
        return configuration

    def arns(self) -> dict[str, str]:
        return {name: self.configuration(name)["FunctionArn"] for name in FUNCTIONS.values()}

    def digests(self) -> dict[str, str]:
        return {name: self.configuration(name)["CodeSha256"] for name in FUNCTIONS.values()}

    def versions(self) -> dict[str, list[str]]:
        pages = {
            name: self.functions.get_paginator("list_versions_by_function").paginate(FunctionName=name)
            for name in FUNCTIONS.values()
        }
        return {name: list(found.search("Versions[].Version")) for name, found in pages.items()}

    def package(self, name: str) -> bytes:
        """The zip that is deployed."""
        location = self.functions.get_function(FunctionName=name)["Code"]["Location"]
        # A proxy that this machine's environment names must not be asked.
        with build_opener(ProxyHandler({})).open(location) as answer:
            content: bytes = answer.read()
        return content

    def unpacked(self, name: str) -> bytes:
        """All files of the zip that is deployed, one after the other."""
        with zipfile.ZipFile(io.BytesIO(self.package(name))) as package:
            return b"".join(package.read(entry) for entry in package.namelist())

    def permissions(self, name: str) -> set[str]:
        """The ids of the statements of a function's own policy."""
        policy = json.loads(self.functions.get_policy(FunctionName=name)["Policy"])
        return {statement["Sid"] for statement in policy["Statement"]}

    def destinations(self, name: str) -> dict[str, Any]:
        answer = self.functions.get_function_event_invoke_config(FunctionName=name)
        destinations: dict[str, Any] = answer.get("DestinationConfig", {})
        return destinations

    def schedule(self, name: str) -> dict[str, Any]:
        schedule: dict[str, Any] = self.aws.client("scheduler").get_schedule(Name=name)
        return schedule

    def managed_document(self, arn: str) -> dict[str, Any]:
        """What a managed policy says in its default version."""
        iam = self.aws.client("iam")
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        answer = iam.get_policy_version(PolicyArn=arn, VersionId=version)
        document: dict[str, Any] = answer["PolicyVersion"]["Document"]
        return document

    def clients_of(self, role: str) -> Any:
        """Return what makes clients with the keys of a role, as its function has them."""
        arn = self.aws.client("iam").get_role(RoleName=role)["Role"]["Arn"]
        keys = self.aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return lambda service: self.aws.client(
            service,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )


class EventRule:
    """A rule of EventBridge whose target is one function."""

    def __init__(self, aws: LocalAws, name: str) -> None:
        self._events = aws.client("events")
        self.name = name
        self.arn = f"arn:aws:events:us-east-1:123456789012:rule/{name}"

    def create(self, cron: str, function_arn: str) -> None:
        self._events.put_rule(Name=self.name, ScheduleExpression=cron)
        self._events.put_targets(Rule=self.name, Targets=[{"Id": "shutdown", "Arn": function_arn}])

    def exists(self) -> bool:
        try:
            self._events.describe_rule(Name=self.name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return False
        return True

    def targets(self) -> list[str]:
        return [target["Arn"] for target in self._events.list_targets_by_rule(Rule=self.name)["Targets"]]
