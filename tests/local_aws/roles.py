# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Roles as AWS's own services use them: temporary keys, and what a role may do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.local_aws.account import ACCOUNT_ID, Account
from tests.local_aws.environment import REGION
from tests.local_aws.permissions import Access, Decision, decide

if TYPE_CHECKING:
    from moto.iam.models import Role
    from moto.sts.models import AssumedRole

_SECONDS = 6 * 3600


def temporary_credentials(role_name: str, session_name: str = "session") -> tuple[str, str, str]:
    """Return (access key, secret, token) of a role, as STS would; call it under the front's lock."""
    key = assume(role_name, session_name)
    return key.access_key_id, key.secret_access_key, key.session_token


def assume(role_name: str, session_name: str) -> AssumedRole:
    """Return a role's temporary key with all that STS knows of it; KeyError when there is no such role."""
    from moto.sts.models import sts_backends

    role = find_role(role_name)
    if role is None:
        raise KeyError(role_name)
    return sts_backends[ACCOUNT_ID]["aws"].assume_role(REGION, session_name, role.arn, "", _SECONDS, "")


def seconds_left(key: AssumedRole) -> float:
    """Return for how long a temporary key is still good."""
    return (key.expiration.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()


def find_role(role_name: str) -> Role | None:
    """Return a role by its name."""
    return next((role for role in Account(REGION).iam.roles.values() if role.name == role_name), None)


def role_policies(role_name: str) -> list[dict[str, Any]]:
    """Return a role's inline and managed policies; none when there is no such role."""
    role = find_role(role_name)
    if role is None:
        return []
    managed = [
        version.document
        for policy in role.managed_policies.values()
        for version in policy.versions
        if version.is_default
    ]
    return [json.loads(document) for document in [*role.policies.values(), *managed]]


def role_may(role_name: str, access: Access) -> bool:
    """Say whether a role's own policies allow something; call it under the front's lock."""
    decisions = [decide(policy, access) for policy in role_policies(role_name)]
    return Decision.ALLOWED in decisions and Decision.DENIED not in decisions
