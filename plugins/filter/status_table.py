# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._status_table import status_table


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"status_table": status_table}
