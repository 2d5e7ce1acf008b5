# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The environment variables that lead a program to the local endpoint, and nowhere else."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

ACCESS_KEY = "local"
SECRET_KEY = "local"  # noqa: S105 - not a secret: it opens nothing but this endpoint
REGION = "us-east-1"
HOST = "127.0.0.1"

# Each of these could lead an SDK away from the local endpoint.
_REMOVED = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
)


def exported(endpoint_url: str) -> dict[str, str]:
    """Return the variables that a person exports to reach the endpoint."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
    }


def environment_for(endpoint_url: str, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a whole environment for a child process that is to see the local AWS only."""
    source = os.environ if base is None else base
    environ = {
        name: value
        for name, value in source.items()
        if name not in _REMOVED and not name.startswith("AWS_ENDPOINT_URL")
    }
    environ |= exported(endpoint_url)
    environ |= {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name in ("NO_PROXY", "no_proxy"):
        environ[name] = ",".join(filter(None, (environ.get(name), HOST, "localhost")))
    return environ


def is_loopback(endpoint_url: str) -> bool:
    """Say whether an endpoint is on this machine, so that a real account is never seeded."""
    host = urlsplit(endpoint_url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
