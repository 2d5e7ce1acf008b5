# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._network import Found, destroyed_network, provided_network


def network_resources(found: Found, wanted: dict[str, Any] | None = None, left: str = "") -> list[dict[str, Any]]:
    """Say what becomes of each resource of a network."""
    return provided_network(found, wanted) if wanted else destroyed_network(found, left)


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"network_resources": network_resources}
