# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a module as Ansible does: arguments in, a JSON document and an exit status out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils import _internal
from ansible.module_utils.common import warnings
from ansible.module_utils.testing import patch_module_args

from tests.unit.plugins.support import REGION, Account, Outcome, RunModule


@pytest.fixture
def run_module(aws: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunModule:
    """A function that runs a module's main() with the real AnsibleModule."""
    # A module runs in a process of its own, and hands its warnings over in its result.
    monkeypatch.setattr(_internal, "is_controller", False)

    def run(main: Callable[[], None], *, check: bool = False, **args: Any) -> Outcome:
        monkeypatch.setattr(warnings, "_global_warnings", {})
        given = {"region": REGION, **args, "_ansible_check_mode": check, "_ansible_diff": True}
        capsys.readouterr()
        with patch_module_args(given), pytest.raises(SystemExit) as ended:
            main()
        return Outcome(int(ended.value.code or 0), json.loads(capsys.readouterr().out))

    return run
