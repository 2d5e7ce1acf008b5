# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._status import environment_status


def status_of(
    instances: list[dict[str, Any]],
    environment: str,
    health: list[dict[str, Any]],
    asked: dict[str, Any],
    expect_running: bool = False,
) -> dict[str, Any]:
    """Say how each host of an environment is, and what is wrong."""
    return environment_status(environment, instances, health, asked, expect_running=expect_running)


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"environment_status": status_of}
