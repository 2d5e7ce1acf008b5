# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A function as it is deployed at one moment: all that an invocation needs to know."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.local_aws.account import ACCOUNT_ID, Account
from tests.local_aws.errors import AwsError

if TYPE_CHECKING:
    from moto.awslambda.models import LambdaBackend, LambdaFunction

LATEST = "$LATEST"
# Below the control API.
CODE_FOLDER = "code/"
# A name, a part of an ARN, or a whole one; each with or without a version or an alias.
_REFERENCE = re.compile(
    r"((arn:aws:lambda:(?P<region>[a-z0-9-]+):)?(?P<account>\d{12}):function:)?(?P<name>[\w-]+)(:(?P<qualifier>[\w$-]+))?",
    re.ASCII,
)


@dataclass(frozen=True)
class Deployed:
    """One version of a function."""

    name: str
    arn: str
    qualifier: str
    version: str
    region: str
    role_arn: str
    runtime: str
    handler: str
    timeout: int
    memory: int
    code_digest: str
    code: bytes = field(repr=False)
    variables: dict[str, str] = field(repr=False)

    @property
    def qualified_arn(self) -> str:
        """The ARN with the version or alias that was asked for."""
        return f"{self.arn}:{self.qualifier}"

    @property
    def log_group(self) -> str:
        """Where its output goes in CloudWatch Logs."""
        return f"/aws/lambda/{self.name}"


def lambda_backend(account: Account) -> LambdaBackend:
    """Return moto's Lambda of this region."""
    from moto.awslambda.models import lambda_backends

    return lambda_backends[ACCOUNT_ID][account.region]


def split_reference(reference: str, qualifier: str | None = None) -> tuple[str, str]:
    """Return the name and the version or alias that a FunctionName and a Qualifier mean."""
    found = _REFERENCE.fullmatch(reference)
    if found is None or found["account"] not in (None, ACCOUNT_ID):
        raise not_found(reference)
    named = found["qualifier"]
    if named and qualifier and named != qualifier:
        message = "The derived qualifier from the function name does not match the specified qualifier."
        raise AwsError("InvalidParameterValueException", message)
    return found["name"], named or qualifier or LATEST


def find_function(account: Account, reference: str, qualifier: str | None = None) -> tuple[LambdaFunction, str]:
    """Return moto's function and the version or alias that is meant."""
    from moto.core.exceptions import JsonRESTError

    name, qualifier = split_reference(reference, qualifier)
    try:
        return lambda_backend(account).get_function(name, qualifier), qualifier
    except JsonRESTError as error:
        arn = f"arn:aws:lambda:{account.region}:{ACCOUNT_ID}:function:{name}"
        raise not_found(arn if qualifier == LATEST else f"{arn}:{qualifier}") from error


def find_deployed(account: Account, reference: str, qualifier: str | None = None) -> Deployed:
    """Return a function as it is now."""
    function, qualifier = find_function(account, reference, qualifier)
    return Deployed(
        name=function.function_name,
        arn=f"arn:aws:lambda:{account.region}:{ACCOUNT_ID}:function:{function.function_name}",
        qualifier=qualifier,
        version=str(function.version),
        region=account.region,
        role_arn=function.role,
        runtime=str(function.run_time),
        handler=str(function.handler),
        timeout=int(function.timeout),
        memory=int(function.memory_size),
        code_digest=function.code_digest,
        code=function.code_bytes,
        variables=dict(function.environment_vars),
    )


def not_found(arn: str) -> AwsError:
    """Return the error for a function that does not exist."""
    return AwsError("ResourceNotFoundException", f"Function not found: {arn}", 404)
