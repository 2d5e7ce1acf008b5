# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.algotrading.aws.plugins.module_utils._market_calendar import market_calendar


def calendar_of(years: Any) -> dict[str, dict[str, str]]:
    """Say when the New York Stock Exchange is closed, and when it closes early."""
    if not isinstance(years, list):
        raise AnsibleFilterError(f"market_calendar takes a list of years, not {years!r}")
    try:
        return market_calendar(years)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error
    except ImportError as error:
        raise AnsibleFilterError(
            f"market_calendar needs the Python package holidays, as requirements.txt has it: {error}"
        ) from error


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"market_calendar": calendar_of}
