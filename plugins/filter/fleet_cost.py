# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._fleet_cost import fleet_cost


def cost_of(
    capacities: list[dict[str, Any]], prices: dict[str, Any], region: str, public: bool = False
) -> dict[str, Any]:
    """Say what hosts cost in a month, before and after."""
    return fleet_cost(capacities, prices, region, public=public)


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"fleet_cost": cost_of}
