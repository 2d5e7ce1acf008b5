# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._plan_summary import plan_summary


def summary_of(resources: list[dict[str, Any]], planned: bool = False) -> str:
    """Say what becomes of resources, or what became of them."""
    return plan_summary(resources, planned=planned)


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"plan_summary": summary_of}
