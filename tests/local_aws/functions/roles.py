# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The roles of functions and schedules, which are named by ARNs. Call these with the front's lock."""

from __future__ import annotations

import json

from tests.local_aws import roles
from tests.local_aws.errors import AwsError
from tests.local_aws.permissions import Access
from tests.local_aws.strict.principals import as_list, statements


def is_trusting(arn: str, service: str) -> bool:
    """Say whether a role exists and lets a service assume it."""
    role = roles.find_role(_name(arn))
    if role is None or role.arn != arn:
        return False
    for statement in statements(json.loads(role.assume_role_policy_document)):
        principal = statement.get("Principal", {})
        named = as_list(principal.get("Service")) if isinstance(principal, dict) else []
        if statement.get("Effect") == "Allow" and service in named:
            return True
    return False


def role_may(arn: str, action: str, resource: str) -> bool:
    """Say whether a role's own policies allow an action on a resource."""
    return roles.role_may(_name(arn), Access(action, resource))


def role_variables(arn: str, session_name: str) -> dict[str, str]:
    """Return the variables with which an SDK acts as a role."""
    try:
        key, secret, token = roles.temporary_credentials(_name(arn), session_name)
    except KeyError as error:
        message = "The role defined for the function cannot be assumed by Lambda."
        raise AwsError("AccessDeniedException", message, 403) from error
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]
