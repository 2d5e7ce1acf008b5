# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Servers and instances for the tests of the planner, short to write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._fleet_plan import Instance, Server

LAUNCH: dict[str, Any] = {
    "image_id": "ami-new",
    "instance_type": "t3.small",
    "http_tokens": "required",
    "security_group_ids": ["sg-1"],
}
RETIRED_AT = "2026-02-02T21:05:00Z"


def tags_of(name: str) -> dict[str, str]:
    return {"Name": f"server-{name}", "Environment": "qa", "Role": "trader", "ModelNumber": name}


def server(name: str) -> Server:
    return Server(f"server-{name}", (name,), tags_of(name))


def instance(
    name: str,
    number: int = 1,
    state: str = "running",
    *,
    retired: str = "",
    tags: Mapping[str, str | None] | None = None,
    launched: str = "2026-01-05T13:30:00+00:00",
    **attributes: Any,
) -> Instance:
    """An instance of a server; a tag that is None is left out."""
    all_tags = {**tags_of(name), "Retired": retired or None, **(tags or {})}
    return Instance(
        instance_id=f"i-{name}{number}",
        identity=(name,),
        state=state,
        launch_time=launched,
        private_ip_address="10.11.0.4",
        root_device_name="/dev/xvda",
        root_volume_id=f"vol-{name}{number}",
        tags={key: value for key, value in all_tags.items() if value is not None},
        attributes={**LAUNCH, **attributes},
    )
