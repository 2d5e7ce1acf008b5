# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Chooses the strategy when Ansible loads this file; all else is Mitogen's or Ansible's."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mitogen_or_linear
short_description: Runs the tasks of localhost in one process that stays, where Mitogen is installed
description:
  - Works as P(ansible.builtin.linear#strategy).
  - Where the Python package C(mitogen) is installed beside ansible-core, it is Mitogen's C(mitogen_linear). Modules
    then run in a process that lives as long as the playbook, so that Python, boto3 and botocore are loaded once and
    not once for each task. With many short tasks on localhost a run takes about half of the time.
  - Connections that Mitogen does not know, such as P(amazon.aws.aws_ssm#connection), are left as they are.
version_added: 0.1.0
author:
  - The algotrading.aws maintainers (!UNKNOWN)
notes:
  - Put C(strategy = algotrading.aws.mitogen_or_linear) below C([defaults]) in C(ansible.cfg). The environment variable
    E(ANSIBLE_STRATEGY) set to V(linear) switches it off for one run.
seealso:
  - name: Mitogen for Ansible
    description: What it does, and what it does otherwise than Ansible.
    link: https://mitogen.networkgenomics.com/ansible_detailed.html
"""

try:
    from ansible.collections.list import list_collection_dirs
    from ansible_mitogen.plugins.strategy.mitogen_linear import StrategyModule
except ImportError:
    from ansible.plugins.strategy.linear import StrategyModule
else:
    # Mitogen looks at every installed collection for each task, in a process that ends with the task. Those that are
    # forked from one that has read what the collections say of themselves find it there.
    list(list_collection_dirs())

__all__ = ["StrategyModule"]
