# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import yaml
from ansible_collections.amazon.aws.plugins.connection.aws_ssm import DOCUMENTATION


def _options() -> dict[str, dict[str, object]]:
    options: dict[str, dict[str, object]] = yaml.safe_load(DOCUMENTATION)["options"]
    for option in options.values():
        # A version of amazon.aws, and not of this collection.
        option.pop("version_added", None)
    return options


class ModuleDocFragment:
    """The options of amazon.aws's connection plugin, as the installed version has them."""

    # With its type, as ansible-test takes an assignment without one for a text.
    DOCUMENTATION: str = yaml.safe_dump({"options": _options()})
