# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """What every module says of itself; each adds its own C(support)."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return the changed status prediction without modifying the target.
  diff_mode:
    description:
      - Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  idempotent:
    description: Makes no change and reports none when it runs again on what it has made.
  action_group:
    description: Use C(group/algotrading.aws.aws) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - algotrading.aws.aws
"""
