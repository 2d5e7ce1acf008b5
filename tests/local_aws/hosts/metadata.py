# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Instance metadata, version 2: what a host learns about itself, and its role's keys."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

from werkzeug.datastructures import Headers

from tests.local_aws.account import ACCOUNT_ID
from tests.local_aws.hosts.fleet import Fleet
from tests.local_aws.hosts.host import Host
from tests.local_aws.hosts.profiles import profile_of, role_of
from tests.local_aws.messages import AwsRequest, AwsResponse
from tests.local_aws.roles import assume, seconds_left

if TYPE_CHECKING:
    from moto.sts.models import AssumedRole

_LONGEST = 21_600
_RENEWED = 300
_UP = ("pending", "running", "stopping", "shutting-down")
_META = "latest/meta-data/"


class Metadata:
    """Answers below imds/INSTANCE_ID/."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._tokens: dict[str, tuple[str, float]] = {}
        self._keys: dict[tuple[str, str], AssumedRole] = {}

    def forget(self) -> None:
        """Know no token and no key."""
        self._tokens.clear()
        self._keys.clear()

    def answer(self, request: AwsRequest, path: str) -> AwsResponse:
        """Answer a host's question about itself."""
        instance_id, _, rest = unquote(path.partition("?")[0]).partition("/")
        with self._fleet.lock:
            host = self._fleet.find(instance_id)
            if host is None or host.state not in _UP:
                return _text(404, "Not Found")
            if host.instance.metadata_options.http_endpoint == "disabled":
                return _text(403, "Forbidden")
            rest = rest.lstrip("/")
            if (request.method, rest) == ("PUT", "latest/api/token"):
                return self._new_token(request, host)
            if request.method != "GET":
                return _text(405, "Method Not Allowed")
            if not self._knows(request.headers.get("X-aws-ec2-metadata-token", ""), host):
                return _text(401, "Unauthorized")
            found = self._find(host, rest)
        return _text(404, "Not Found") if found is None else _text(200, found)

    def _new_token(self, request: AwsRequest, host: Host) -> AwsResponse:
        seconds = request.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if not seconds.isdigit() or not 1 <= int(seconds) <= _LONGEST:
            return _text(400, "Bad Request")
        token = secrets.token_urlsafe(40)
        self._tokens[token] = (host.id, time.monotonic() + int(seconds))
        answer = _text(200, token)
        answer.headers["X-aws-ec2-metadata-token-ttl-seconds"] = seconds
        return answer

    def _knows(self, token: str, host: Host) -> bool:
        owner, end = self._tokens.get(token, ("", 0.0))
        return owner == host.id and time.monotonic() < end

    def _find(self, host: Host, path: str) -> str | None:
        if path == "latest/dynamic/instance-identity/document":
            return _identity(host)
        if not path.startswith(_META):
            return None
        name = path.removeprefix(_META)
        if name == "tags/instance" or name.startswith("tags/instance/"):
            return self._tag(host, name.removeprefix("tags/instance").removeprefix("/"))
        if name.startswith("iam/"):
            return self._iam(host, name.removeprefix("iam/"))
        fact = _FACTS.get(name)
        return fact(host) if fact else None

    def _tag(self, host: Host, key: str) -> str | None:
        if host.instance.metadata_options.instance_metadata_tags != "enabled":
            return None
        tags = self._fleet.tags(host)
        return tags.get(key) if key else "\n".join(tags)

    def _iam(self, host: Host, name: str) -> str | None:
        role = role_of(host)
        if not role:
            return None
        if name == "info":
            profile = profile_of(host)
            known = {"InstanceProfileArn": profile.arn, "InstanceProfileId": profile.id} if profile else {}
            return json.dumps({"Code": "Success", "LastUpdated": _now(), **known})
        name = name.removeprefix("security-credentials").strip("/")
        if not name:
            return role
        return self._credentials(host, role) if name == role else None

    def _credentials(self, host: Host, role: str) -> str:
        key = self._keys.get((host.id, role))
        if key is None or seconds_left(key) < _RENEWED:
            key = self._keys[host.id, role] = assume(role, host.id)
        return json.dumps(
            {
                "Code": "Success",
                "LastUpdated": _now(),
                "Type": "AWS-HMAC",
                "AccessKeyId": key.access_key_id,
                "SecretAccessKey": key.secret_access_key,
                "Token": key.session_token,
                "Expiration": _time(key.expiration.replace(tzinfo=UTC)),
            }
        )


_FACTS: dict[str, Callable[[Host], str | None]] = {
    "ami-id": lambda host: host.instance.image_id,
    "instance-id": lambda host: host.id,
    "instance-type": lambda host: host.instance.instance_type,
    "local-hostname": lambda host: host.instance.private_dns_name,
    "local-ipv4": lambda host: host.instance.private_ip,
    "public-ipv4": lambda host: host.instance.public_ip,
    "placement/availability-zone": lambda host: host.instance.availability_zone,
    "placement/region": lambda host: host.region,
}


def _identity(host: Host) -> str:
    return json.dumps(
        {
            "accountId": ACCOUNT_ID,
            "architecture": host.instance.architecture,
            "availabilityZone": host.instance.availability_zone,
            "imageId": host.instance.image_id,
            "instanceId": host.id,
            "instanceType": host.instance.instance_type,
            "pendingTime": _time(host.instance.launch_time.replace(tzinfo=UTC)),
            "privateIp": host.instance.private_ip,
            "region": host.region,
            "version": "2017-09-30",
        }
    )


def _now() -> str:
    return _time(datetime.now(UTC))


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(status: int, text: str) -> AwsResponse:
    return AwsResponse(status, Headers({"Content-Type": "text/plain; charset=utf-8"}), text.encode())
