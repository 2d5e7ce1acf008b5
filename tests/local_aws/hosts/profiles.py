# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The instance profile of a host, and the role in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.local_aws.account import Account
from tests.local_aws.hosts.host import Host

if TYPE_CHECKING:
    from moto.iam.models import InstanceProfile


def profile_of(host: Host) -> InstanceProfile | None:
    """Return the host's instance profile."""
    named = host.instance.iam_instance_profile or {}
    profiles = Account(host.region).iam.instance_profiles.values()
    return next((profile for profile in profiles if profile.arn == named.get("Arn")), None)


def role_of(host: Host) -> str:
    """Return the name of the host's role, or nothing; a dying host keeps its role to the end, though moto drops it."""
    if host.state != "shutting-down":
        profile = profile_of(host)
        host.role_name = profile.roles[0].name if profile and profile.roles else ""
    return host.role_name
