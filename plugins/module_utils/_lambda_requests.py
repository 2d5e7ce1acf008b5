# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The requests to Lambda and CloudWatch Logs that functions take, each a function named after what it does.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils import _event_invoke_config as event_invoke_config
from ansible_collections.algotrading.aws.plugins.module_utils._just_made import retry_while
from ansible_collections.algotrading.aws.plugins.module_utils._lambda_functions import settings_to_aws
from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

# What Lambda says of a role that IAM has just made, here and there.
ROLE_IS_NEW = ("cannot be assumed by Lambda", "KMS key is invalid for CreateGrant")
# Lambda still works on the change before, perhaps that of a run that was killed.
BUSY = ("ResourceConflictException",)
NOT_SEEN_YET = ("ResourceNotFoundException",)
# How Lambda refuses the destination of a role whose permissions are new.
MAY_NOT_SEND_YET = ("does not have permissions", "The destination ARN")

retry = AWSRetry.jittered_backoff(catch_extra_error_codes=["ServiceException"])
retry_logs = AWSRetry.jittered_backoff(
    catch_extra_error_codes=["OperationAbortedException", "ServiceUnavailableException", "ThrottlingException"]
)


class NotFoundErrorHandler(AWSErrorHandler):
    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code("ResourceNotFoundException")


class AlreadyExistsErrorHandler(AWSErrorHandler):
    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code("ResourceAlreadyExistsException")


@NotFoundErrorHandler.list_error_handler("get the configuration of function", None)
@retry
def get_function_configuration(client: Any, name: str) -> dict[str, Any] | None:
    """What Lambda says of the function, or None when it does not exist."""
    return client.get_function_configuration(FunctionName=name)


@AWSErrorHandler.common_error_handler("create function")
@retry
def create_function(client: Any, name: str, settings: dict[str, Any], package: bytes) -> None:
    parameters = {"FunctionName": name, "Code": {"ZipFile": package}, **settings_to_aws(settings)}
    retry_while(ROLE_IS_NEW, lambda: client.create_function(**parameters))


@AWSErrorHandler.common_error_handler("update the configuration of function")
@retry
def update_function_configuration(client: Any, name: str, settings: dict[str, Any]) -> None:
    parameters = {"FunctionName": name, **settings_to_aws(settings)}
    retry_while(ROLE_IS_NEW + BUSY, lambda: client.update_function_configuration(**parameters))


@AWSErrorHandler.common_error_handler("update the code of function")
@retry
def update_function_code(client: Any, name: str, package: bytes, architectures: list[str]) -> None:
    parameters = {"FunctionName": name, "ZipFile": package, "Architectures": architectures}
    retry_while(BUSY, lambda: client.update_function_code(**parameters))


@AWSErrorHandler.common_error_handler("wait until Lambda has made function")
def wait_until_active(client: Any, name: str) -> None:
    waiter = client.get_waiter("function_active_v2")
    retry_while(NOT_SEEN_YET, lambda: waiter.wait(FunctionName=name))


@AWSErrorHandler.common_error_handler("wait until Lambda has updated function")
def wait_until_updated(client: Any, name: str) -> None:
    client.get_waiter("function_updated_v2").wait(FunctionName=name)


@NotFoundErrorHandler.deletion_error_handler("delete function")
@retry
def delete_function(client: Any, name: str) -> None:
    retry_while(BUSY, lambda: client.delete_function(FunctionName=name))


@NotFoundErrorHandler.list_error_handler("get the event invoke config of function", None)
@retry
def get_event_invoke_config(client: Any, name: str) -> dict[str, Any] | None:
    """The configuration, or None when it or the function does not exist."""
    return event_invoke_config.from_aws(client.get_function_event_invoke_config(FunctionName=name))


@AWSErrorHandler.common_error_handler("put the event invoke config of function")
@retry
def put_event_invoke_config(client: Any, name: str, config: dict[str, Any]) -> None:
    parameters = {"FunctionName": name, **event_invoke_config.to_aws(config)}
    retry_while(MAY_NOT_SEND_YET + BUSY, lambda: client.put_function_event_invoke_config(**parameters))


@NotFoundErrorHandler.deletion_error_handler("delete the event invoke config of function")
@retry
def delete_event_invoke_config(client: Any, name: str) -> None:
    retry_while(BUSY, lambda: client.delete_function_event_invoke_config(FunctionName=name))


@AWSErrorHandler.common_error_handler("describe log groups")
@retry_logs
def describe_log_groups(client: Any, prefix: str) -> dict[str, dict[str, Any]]:
    """The log groups whose names begin so, by name."""
    pages = client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
    return {
        each["logGroupName"]: {"retention_in_days": each.get("retentionInDays")} for each in pages.search("logGroups[]")
    }


# Lambda makes it itself when a function prints something before this.
@AlreadyExistsErrorHandler.list_error_handler("create the log group of function")
@retry_logs
def create_log_group(client: Any, log_group: str) -> None:
    client.create_log_group(logGroupName=log_group)


@AWSErrorHandler.common_error_handler("put the retention of the log group of function")
@retry_logs
def put_retention_policy(client: Any, log_group: str, days: int) -> None:
    client.put_retention_policy(logGroupName=log_group, retentionInDays=days)


@NotFoundErrorHandler.deletion_error_handler("delete the log group of function")
@retry_logs
def delete_log_group(client: Any, log_group: str) -> None:
    client.delete_log_group(logGroupName=log_group)
