# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tells the module of the same name which run of ansible-playbook it works for."""

from __future__ import annotations

import getpass
import os
import platform
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.algotrading.aws.plugins.module_utils._process import start_of, this_machine


class ActionModule(ActionBase):
    """Passes on the module's arguments, with the run beside them."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = {**self._task.args, "run": _this_run(task_vars or {})}
        return {**result, **self._execute_module(module_args=arguments, task_vars=task_vars)}


def _this_run(task_vars: dict[str, Any]) -> dict[str, Any]:
    # Each task has a process of its own, under Mitogen too. The one that began them lives as long as the run.
    pid = os.getppid()
    return {
        "who": task_vars.get("awx_user_name") or _user(),
        "host": platform.node(),
        "machine": this_machine(),
        "pid": pid,
        "started": start_of(pid),
        "job": str(task_vars.get("awx_job_id") or ""),
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container, a user may have no name.
        return f"user {os.getuid()}"
