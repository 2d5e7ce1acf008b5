# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compares the account after a disturbed run with what it should be."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.integration.census import SEPARATOR, Entry
from tests.local_aws.seed import BUCKETS

# What differs between two runs that did the same.
_VOLATILE = {
    "AmiLaunchIndex",
    "AssociationId",
    "AttachTime",
    "AttachmentCount",
    "AttachmentId",
    "AvailableIpAddressCount",
    "ClientToken",
    "CreateDate",
    "CreateTime",
    "CreationDate",
    "DefaultVersionId",
    "IpOwnerId",
    "LastModificationDate",
    "LastModified",
    "LaunchTime",
    "NetworkInterfaces",
    "PolicyId",
    "PrivateDnsName",
    "PrivateIpAddress",
    "PublicDnsName",
    "PublicIpAddress",
    "Reason",
    "ReservationId",
    "RevisionId",
    "RoleId",
    "RoleLastUsed",
    "SecurityGroupRuleId",
    "StateReason",
    "StateTransitionReason",
    "UpdateDate",
    "UsageOperationUpdateTime",
    "Version",
    "VersionId",
    "creationTime",
    "storedBytes",
}
# Where a zone has no room, a host is in another.
_OF_ITS_ZONE = {"AvailabilityZone", "AvailabilityZoneId", "Placement"}
_ID_KEYS = {
    "VPC": "VpcId",
    "instance": "InstanceId",
    "instance profile": "InstanceProfileId",
    "internet gateway": "InternetGatewayId",
    "route table": "RouteTableId",
    "security group": "GroupId",
    "subnet": "SubnetId",
    "volume": "VolumeId",
}
_ID = re.compile(r"\b(?:i|vol|eni|vpc|subnet|sg|igw|rtb|rtbassoc|acl|dopt)-[0-9a-f]{8,17}\b")
_LOCK = re.compile(r"/lock/[^/]+$")


def belongs_to(environment: str, entry: Entry) -> bool:
    """Say whether a resource is an environment's, by its name; what has no name is nobody's."""
    if entry.kind == "bucket policy" and entry.name == BUCKETS[environment]:
        return True
    return bool(re.search(rf"(?<![a-z0-9]){environment}(?![a-z0-9])", entry.name))


def of_environment(environment: str, census: Iterable[Entry]) -> Counter[str]:
    """Return an environment's resources without what differs from run to run; twice the same counts twice."""
    entries = list(census)
    names = {identifier: entry.name for entry in entries for identifier in _own_ids(entry)}
    return Counter(str(_steady(entry, names)) for entry in entries if belongs_to(environment, entry))


def of_others(environment: str, census: Iterable[Entry]) -> Counter[str]:
    """Return everything else, as it is."""
    return Counter(str(entry) for entry in census if not belongs_to(environment, entry))


def differences(expected: Counter[str], found: Counter[str]) -> list[str]:
    """Say what is missing, too much, or not as it should be, a line for each."""
    missing, extra = _by_title(expected - found), _by_title(found - expected)
    lines = [f"missing: {title}" for title in missing.keys() - extra.keys()]
    lines += [f"too much: {title} {extra[title]}" for title in extra.keys() - missing.keys()]
    for title in missing.keys() & extra.keys():
        wanted, there = (Counter(_leaves(json.loads(text))) for text in (missing[title], extra[title]))
        lines.append(f"changed: {title} from {sorted(wanted - there)} to {sorted(there - wanted)}")
    return sorted(lines)


def _by_title(lines: Counter[str]) -> dict[str, str]:
    return dict((line.split(SEPARATOR, 1)) for line in lines)


def _leaves(value: Any, path: str = "") -> list[str]:
    if isinstance(value, dict):
        return [leaf for key, each in value.items() for leaf in _leaves(each, f"{path}.{key}")]
    if isinstance(value, list):
        return [leaf for each in value for leaf in _leaves(each, f"{path}[]")]
    return [f"{path}={value}"]


def _own_ids(entry: Entry) -> list[str]:
    return [entry.described[_ID_KEYS[entry.kind]]] if entry.kind in _ID_KEYS else []


def _steady(entry: Entry, names: dict[str, str]) -> Entry:
    if entry.kind == "parameter" and _LOCK.search(entry.name):
        # That there is one, and no more, is what counts.
        return Entry(entry.kind, _LOCK.sub("/lock", entry.name), None)
    without = _VOLATILE | _OF_ITS_ZONE if entry.kind in ("instance", "volume") else _VOLATILE
    return Entry(entry.kind, entry.name, _cleaned(entry.described, without, names))


def _cleaned(value: Any, without: set[str], names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        if value.get("Key") == "Retired":
            return {"Key": "Retired"}
        return {key: _cleaned(each, without, names) for key, each in value.items() if key not in without}
    if isinstance(value, list):
        return sorted(
            (_cleaned(each, without, names) for each in value), key=lambda each: json.dumps(each, default=str)
        )
    if isinstance(value, str):
        return names.get(value) or _ID.sub(lambda found: names.get(found[0], found[0][:3]), value)
    return value
