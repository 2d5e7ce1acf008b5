# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lambda's limits and errors that moto forgives, and what the local AWS does not model."""

from __future__ import annotations

import json
import re
import zipfile
from io import BytesIO

from tests.local_aws.account import Account
from tests.local_aws.errors import AwsError
from tests.local_aws.functions.deployed import find_function
from tests.local_aws.functions.roles import is_trusting
from tests.local_aws.functions.validation import constraint, in_range
from tests.local_aws.messages import AwsRequest
from tests.local_aws.strict.rules import RULES

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_VARIABLE = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")
_RUNTIME = re.compile(r"python3\.(\d+)")
_OLDEST, _NEWEST = 10, 14
_ZIP, _UNZIPPED, _ENVIRONMENT = 50 * 1024 * 1024, 250 * 1024 * 1024, 4096
# Those of AWS's reserved variables that a configuration could plausibly name.
_RESERVED = re.compile(
    r"_HANDLER|_X_AMZN_TRACE_ID|AWS_(DEFAULT_REGION|REGION|EXECUTION_ENV|ACCESS_KEY(_ID)?|SECRET_ACCESS_KEY|"
    r"SESSION_TOKEN|LAMBDA_.+)"
)
_NOT_RUN = ("Layers", "ImageConfig", "FileSystemConfigs")


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message)


@RULES.on("lambda", "CreateFunction")
def name_and_code(request: AwsRequest, account: Account) -> None:
    """A function has a plain name, a handler and a runtime; here, it is Python in a zip."""
    params = request.params
    if params.get("PackageType", "Zip") != "Zip":
        raise AwsError("NotImplementedByLocalAws", "The local AWS runs no container images.", 501)
    name = params["FunctionName"].rpartition(":")[2]
    if not _NAME.fullmatch(name):
        raise constraint(name, "FunctionName", "Member must satisfy regular expression pattern: [a-zA-Z0-9-_]{1,64}")
    if not params.get("Runtime") or not params.get("Handler"):
        raise _invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")


@RULES.on("lambda", "CreateFunction", "UpdateFunctionConfiguration")
def numbers(request: AwsRequest, account: Account) -> None:
    """Time and memory are limited."""
    in_range(request.params, "Timeout", 1, 900)
    in_range(request.params, "MemorySize", 128, 10_240)


@RULES.on("lambda", "CreateFunction", "UpdateFunctionConfiguration")
def runtime(request: AwsRequest, account: Account) -> None:
    """Old runtimes are gone."""
    named = request.params.get("Runtime")
    if named is None:
        return
    version = _RUNTIME.fullmatch(named)
    if version is None:
        raise AwsError("NotImplementedByLocalAws", f"The local AWS runs Python only, not {named}.", 501)
    if int(version[1]) < _OLDEST:
        raise _invalid(
            f"The runtime parameter of {named} is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions."
        )
    if int(version[1]) > _NEWEST:
        raise _invalid(f"Value {named} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set")


@RULES.on("lambda", "CreateFunction", "UpdateFunctionConfiguration")
def role(request: AwsRequest, account: Account) -> None:
    """The role exists and lets Lambda assume it."""
    arn = request.params.get("Role")
    if arn is None:
        return
    if not is_trusting(arn, "lambda.amazonaws.com"):
        raise _invalid("The role defined for the function cannot be assumed by Lambda.")


@RULES.on("lambda", "CreateFunction", "UpdateFunctionConfiguration")
def environment(request: AwsRequest, account: Account) -> None:
    """Variables have plain names that are not Lambda's own, and are small."""
    variables = request.params.get("Environment", {}).get("Variables", {})
    for name in variables:
        if not _VARIABLE.fullmatch(name):
            pattern = "Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+"
            raise constraint(name, "environment.variables", f"Map keys must satisfy constraint: [{pattern}]")
    unable = "Lambda was unable to configure your environment variables because the environment variables you have"
    reserved = sorted(filter(_RESERVED.fullmatch, variables))
    if reserved:
        raise _invalid(
            f"{unable} provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    written = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(written.encode()) > _ENVIRONMENT:
        raise _invalid(f"{unable} provided exceeded the 4KB limit. String measured: {written}")


@RULES.on("lambda", "CreateFunction", "UpdateFunctionCode")
def code(request: AwsRequest, account: Account) -> None:
    """A zip is small, and one."""
    packed = request.params.get("Code", request.params).get("ZipFile")
    if packed is None:
        return
    if len(packed) > _ZIP:
        message = f"Request must be smaller than 70167211 bytes for the {request.operation} operation"
        raise AwsError("RequestEntityTooLargeException", message, 413)
    try:
        with zipfile.ZipFile(BytesIO(packed)) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile as error:
        message = "Could not unzip uploaded file. Please check your file, then try to upload again."
        raise _invalid(message) from error
    if not members:
        raise _invalid("Uploaded file must be a non-empty zip")
    if sum(member.file_size for member in members) > _UNZIPPED:
        raise _invalid(f"Unzipped size must be smaller than {_UNZIPPED} bytes")


@RULES.on("lambda", "CreateFunction", "UpdateFunctionConfiguration")
def not_run(request: AwsRequest, account: Account) -> None:
    """moto would keep or forget these, and nothing would come of them."""
    given = [name for name in _NOT_RUN if request.params.get(name)]
    if request.params.get("DeadLetterConfig", {}).get("TargetArn"):
        given.append("DeadLetterConfig")
    if given:
        raise AwsError("NotImplementedByLocalAws", f"The local AWS does not model {', '.join(given)}.", 501)


@RULES.on("lambda", "AddPermission")
def one_statement_per_id(request: AwsRequest, account: Account) -> None:
    """moto lets a statement id come twice."""
    function, _ = find_function(account, request.params["FunctionName"], request.params.get("Qualifier"))
    sid = request.params["StatementId"]
    if any(statement.get("Sid") == sid for statement in function.policy.statements):
        message = (
            f"The statement id ({sid}) provided already exists. "
            "Please provide a new statement id, or remove the existing statement."
        )
        raise AwsError("ResourceConflictException", message, 409)


@RULES.on("lambda", "PublishVersion")
def expected_code(request: AwsRequest, account: Account) -> None:
    """Who names a digest publishes that code or nothing."""
    expected = request.params.get("CodeSha256")
    function, _ = find_function(account, request.params["FunctionName"])
    if expected and expected != function.code_sha_256:
        raise _invalid(
            f"CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST ({function.code_sha_256}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )


@RULES.on("lambda", "CreateEventSourceMapping", "PutFunctionConcurrency", "InvokeAsync", "InvokeWithResponseStream")
def not_modelled(request: AwsRequest, account: Account) -> None:
    """moto would run these in containers, or keep them without effect."""
    message = f"The local AWS does not implement lambda:{request.operation}."
    raise AwsError("NotImplementedByLocalAws", message, 501)


@RULES.on("sns", "Subscribe")
def subscriptions(request: AwsRequest, account: Account) -> None:
    """A topic's messages go to queues and to people; people read theirs with `LocalAws.sns_messages`."""
    protocol = request.params["Protocol"]
    if protocol not in ("sqs", "email", "email-json", "sms"):
        raise AwsError("NotImplementedByLocalAws", f"The local AWS delivers no messages by {protocol}.", 501)
