# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: plain
type: stdout
short_description: Prints what a playbook has to say, and nothing else
version_added: 0.1.0
author:
  - The algotrading.aws maintainers (!UNKNOWN)
description:
  - Prints the messages of M(ansible.builtin.debug) as they are, so that another program can read them.
  - What went wrong goes to the standard error. Of all other tasks nothing is said.
options: {}
"""

EXAMPLES = r"""
# ANSIBLE_STDOUT_CALLBACK=algotrading.aws.plain ansible-playbook playbooks/status.yml -i inventories/qa
"""

from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase

DEBUG = ("debug", "ansible.builtin.debug", "ansible.legacy.debug")


class CallbackModule(CallbackBase):
    """Prints messages of debug, and errors."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "algotrading.aws.plain"

    def v2_runner_on_ok(self, result: Any) -> None:
        if result._task.action in DEBUG and "msg" in result._result:
            self._display.display(str(result._result["msg"]))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            self._complain(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._complain(result)

    def _complain(self, result: Any) -> None:
        what = result._result.get("msg") or "it failed"
        line = f"{result._host.get_name()}: {result._task.get_name()}: {what}"
        self._display.display(line, color=constants.COLOR_ERROR, stderr=True)
