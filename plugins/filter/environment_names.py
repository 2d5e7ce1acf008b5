# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.algotrading.aws.plugins.module_utils._naming import environment_names


def names_of(environment: Any) -> dict[str, str]:
    """Say what the resources of an environment are called."""
    try:
        return environment_names(environment)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"environment_names": names_of}
