# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AWS: clients, which errors pass by themselves, and how many are asked for at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

# As many requests at a time as a client keeps connections.
WORKERS = 10

AWS_ERRORS = (ClientError, BotoCoreError)

_SERVER_ERROR = 500
_THROTTLED = frozenset(
    {"RequestLimitExceeded", "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException"}
)
_PASSING = _THROTTLED | {"InternalError", "InternalServerError", "InternalFailure", "ServiceUnavailable", "Unavailable"}

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Aws:
    """The clients of a controller."""

    # These look, and botocore asks again when AWS stutters.
    ec2: Any
    ssm: Any
    # These act, and repeat nothing by themselves: SendCommand has no token that makes that safe when an answer is lost,
    # and EC2 says that it has no capacity by an error that botocore would wait for.
    ec2_once: Any
    ssm_once: Any

    @classmethod
    def connect(cls, region: str) -> Aws:
        """Make the clients. Their time limits are short, as an invocation's time is."""
        limits: dict[str, Any] = {"connect_timeout": 5, "read_timeout": 10, "max_pool_connections": WORKERS}
        patient = Config(retries={"mode": "standard", "total_max_attempts": 5}, **limits)
        once = Config(retries={"mode": "standard", "total_max_attempts": 1}, **limits)
        return cls(
            ec2=boto3.client("ec2", region_name=region, config=patient),
            ssm=boto3.client("ssm", region_name=region, config=patient),
            ec2_once=boto3.client("ec2", region_name=region, config=once),
            ssm_once=boto3.client("ssm", region_name=region, config=once),
        )


def code_of(error: Exception) -> str:
    """Return AWS's name for an error, and that of its class when AWS did not answer."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__


def message_of(error: Exception) -> str:
    """Return an error in one line, with its code."""
    if isinstance(error, ClientError):
        return f"{code_of(error)}: {error.response.get('Error', {}).get('Message', '')}"
    return f"{code_of(error)}: {error}"


def is_throttled(error: Exception) -> bool:
    """Tell whether AWS refused a call only because there were too many: it did nothing."""
    return code_of(error) in _THROTTLED


def is_passing(error: Exception) -> bool:
    """Tell whether the same call may well succeed a little later."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code_of(error) in _PASSING or status >= _SERVER_ERROR
    return isinstance(error, HTTPClientError | BotoConnectionError)


def in_chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """Cut items into lists of at most this size."""
    for first in range(0, len(items), size):
        yield list(items[first : first + size])


def at_once(call: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Make several calls at the same time, and return their results in the order of the items."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(call, items))


def is_of_no_host(error: Exception) -> bool:
    """Tell whether a call that names hosts failed for a reason that lies in none of them."""
    return is_throttled(error) or not isinstance(error, ClientError)


def in_halves(
    ids: list[str], call: Callable[[list[str]], object], names_no_host: Callable[[Exception], bool] = is_of_no_host
) -> dict[str, Exception]:
    """Make one call for all ids. Where AWS refuses all because of some, find those by halving; the others are done.

    Returns the error for each id that was not done.
    """
    try:
        call(ids)
    except AWS_ERRORS as error:
        if len(ids) == 1 or names_no_host(error):
            return dict.fromkeys(ids, error)
        middle = len(ids) // 2
        first = in_halves(ids[:middle], call, names_no_host)
        return first | in_halves(ids[middle:], call, names_no_host)
    return {}


def in_chunks_and_halves(
    ids: list[str],
    size: int,
    call: Callable[[list[str]], object],
    names_no_host: Callable[[Exception], bool] = is_of_no_host,
) -> dict[str, Exception]:
    """Make one call for each chunk of the ids, and return the error for each id that was not done."""
    errors: dict[str, Exception] = {}
    for refused in at_once(lambda chunk: in_halves(chunk, call, names_no_host), in_chunks(ids, size)):
        errors |= refused
    return errors
