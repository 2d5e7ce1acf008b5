# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Which servers an environment should have, and what each is launched with.

Pure functions: they import neither boto3 nor Ansible.
This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._fleet_plan import Server
from ansible_collections.algotrading.aws.plugins.module_utils._models import Model
from ansible_collections.algotrading.aws.plugins.module_utils._naming import (
    ingest_name,
    trader_name,
    trader_name_prefix,
)

# EC2 tells an instance's user data only by one request per instance, so a launch writes down the digest of its own.
USER_DATA_TAG = "UserDataDigest"
MODEL_TAGS = ("ModelType", "Symbol", "ModelNumber")
# An environment has one ingest node, whatever it is called.
INGEST = ("ingest",)
UNKNOWN: tuple[str, ...] = ()


def ingest_server(environment: str) -> Server:
    """The environment's ingest node as it should be."""
    name = ingest_name(environment)
    return Server(name, INGEST, {"Name": name, "Environment": environment, "Role": "ingest"})


def trading_server(environment: str, model: Model) -> Server:
    """The server that trades a model, as it should be."""
    identity = (model.model_type, model.symbol, model.model_number)
    name = trader_name(environment, *identity)
    tags = {"Name": name, "Environment": environment, "Role": "trader", **dict(zip(MODEL_TAGS, identity, strict=True))}
    return Server(name, identity, tags)


def identity_of(environment: str, role: str, tags: dict[str, str]) -> tuple[str, ...] | None:
    """Say which server of the fleet an instance is, by its tags, or None when it is none of them.

    Hosts of the stack that this one replaces have no C(Role) tag, and its ingest node may have no C(Environment). One
    that lost a tag is still of the fleet: to leave it out would launch a second server beside it.
    """
    if role == "ingest":
        by_name = tags.get("Name") == ingest_name(environment)
        by_role = (tags.get("Environment"), tags.get("Role")) == (environment, role)
        return INGEST if by_name or by_role else None
    by_name = tags.get("Name", "").startswith(trader_name_prefix(environment))
    if not by_name and tags.get("Environment") != environment:
        return None
    identity = tuple(tags.get(key, "") for key in MODEL_TAGS)
    if all(identity):
        return identity
    return UNKNOWN if by_name or tags.get("Role") == role else None


def digest(user_data: str) -> str:
    return hashlib.sha256(user_data.encode()).hexdigest()


def client_token(server: Server, generation: int, attempt: int) -> str:
    """Name one launch of one server, so that EC2 makes no second instance of it, whoever asks and however often.

    A generation counts the instances that the server had before, and an attempt counts the subnets that had no
    capacity: EC2 may refuse the token of a launch that failed, when it comes again with another subnet.
    """
    # Not its name: 'BRK-B' and 'long' join to the same one as 'BRK' and 'B-long'.
    return digest("\n".join([server.tags["Environment"], *server.identity, str(generation), str(attempt)]))


@dataclass(frozen=True)
class Launch:
    """The settings that all servers of one role share."""

    image_id: str
    root_device_name: str
    instance_type: str
    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]
    iam_instance_profile: str
    user_data: str
    key_name: str | None
    volume_size: int

    def attributes(self) -> dict[str, Any]:
        """What a new server has, in the words in which an existing one is read."""
        wanted = {
            "image_id": self.image_id,
            "instance_type": self.instance_type,
            "key_name": self.key_name,
            "iam_instance_profile": self.iam_instance_profile,
            "user_data": digest(self.user_data),
            "http_endpoint": "enabled",
            "http_tokens": "required",
            "http_put_response_hop_limit": 1,
            "instance_metadata_tags": "enabled",
            "volume_size": self.volume_size,
            "volume_type": "gp3",
            "volume_encrypted": True,
            "volume_delete_on_termination": True,
        }
        # Without a network, as in the check mode of a first run, there is nothing to compare them with.
        return {**wanted, "security_group_ids": sorted(self.security_group_ids)} if self.security_group_ids else wanted

    def subnets_for(self, server: Server) -> list[str]:
        """All subnets, the server's own first, which stays the same from run to run."""
        ordered = sorted(self.subnet_ids)
        first = int(digest(server.name), 16) % len(ordered)
        return ordered[first:] + ordered[:first]

    def parameters(self, server: Server, generation: int, attempt: int) -> dict[str, Any]:
        """The parameters of EC2's RunInstances for one server."""
        wanted = self.attributes()
        tags = {**server.tags, USER_DATA_TAG: wanted["user_data"]}
        tag_list = [{"Key": key, "Value": value} for key, value in tags.items()]
        parameters = {
            "ClientToken": client_token(server, generation, attempt),
            "MinCount": 1,
            "MaxCount": 1,
            "ImageId": self.image_id,
            "InstanceType": self.instance_type,
            "SubnetId": self.subnets_for(server)[attempt],
            "SecurityGroupIds": sorted(self.security_group_ids),
            "IamInstanceProfile": {"Name": self.iam_instance_profile},
            "UserData": self.user_data,
            "MetadataOptions": {
                "HttpEndpoint": wanted["http_endpoint"],
                "HttpTokens": wanted["http_tokens"],
                "HttpPutResponseHopLimit": wanted["http_put_response_hop_limit"],
                "InstanceMetadataTags": wanted["instance_metadata_tags"],
            },
            "BlockDeviceMappings": [
                {
                    "DeviceName": self.root_device_name,
                    "Ebs": {
                        "VolumeSize": wanted["volume_size"],
                        "VolumeType": wanted["volume_type"],
                        "Encrypted": wanted["volume_encrypted"],
                        "DeleteOnTermination": wanted["volume_delete_on_termination"],
                    },
                }
            ],
            "TagSpecifications": [{"ResourceType": kind, "Tags": tag_list} for kind in ("instance", "volume")],
        }
        return {**parameters, "KeyName": self.key_name} if self.key_name else parameters
