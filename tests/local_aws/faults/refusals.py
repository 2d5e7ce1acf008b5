# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The errors by which each service refuses a call that it could have answered."""

from __future__ import annotations

from tests.local_aws.errors import AwsError

# Of each service: code and status of one call too many, and of a failure of its own.
_CODES = {
    "ec2": (("RequestLimitExceeded", 503), ("InternalError", 500)),
    "iam": (("Throttling", 400), ("ServiceFailure", 500)),
    "sts": (("Throttling", 400), ("ServiceUnavailable", 503)),
    "s3": (("SlowDown", 503), ("InternalError", 500)),
    "lambda": (("TooManyRequestsException", 429), ("ServiceException", 500)),
    "scheduler": (("ThrottlingException", 429), ("InternalServerException", 500)),
    "ssm": (("ThrottlingException", 400), ("InternalServerError", 500)),
    "logs": (("ThrottlingException", 400), ("ServiceUnavailableException", 503)),
    "sns": (("Throttled", 429), ("InternalError", 500)),
    "events": (("ThrottlingException", 400), ("InternalException", 500)),
    "secretsmanager": (("ThrottlingException", 400), ("InternalServiceError", 500)),
}
# The errors that AWS calls common to its services.
_COMMON = (("ThrottlingException", 400), ("ServiceUnavailable", 503))


def throttled(service: str) -> AwsError:
    """Return what a service answers to one call too many."""
    code, status = _CODES.get(service, _COMMON)[0]
    return AwsError(code, "Rate exceeded", status)


def failing(service: str) -> AwsError:
    """Return what a service answers when it fails itself."""
    code, status = _CODES.get(service, _COMMON)[1]
    return AwsError(code, "We encountered an internal error. Please try again.", status)


def full(instance_type: str, zone: str) -> AwsError:
    """Return what EC2 answers to a launch in a zone without capacity."""
    message = (
        f"We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested "
        f"({zone}). Our system will be working on provisioning additional capacity."
    )
    return AwsError("InsufficientInstanceCapacity", message, 500)
