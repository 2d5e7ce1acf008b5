# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter environment_names, found as Ansible finds it."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible.plugins.loader import filter_loader
from ansible_collections.algotrading.aws.plugins.module_utils._naming import environment_names

NAME = "algotrading.aws.environment_names"


@pytest.mark.parametrize("environment", ["dev", "qa", "prod"])
def test_the_filter_gives_the_names(environment: str) -> None:
    assert filter_loader.get(NAME).j2_function(environment) == environment_names(environment)


def test_another_environment_is_a_filter_error_that_says_what_to_name() -> None:
    with pytest.raises(AnsibleFilterError, match="'staging' is not an environment: name one of dev, qa, prod"):
        filter_loader.get(NAME).j2_function("staging")
