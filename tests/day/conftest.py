# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests of the controllers share: an account, and the playbook that deploys them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.day.trading_day import AUTOMATION
from tests.integration.account import Account
from tests.local_aws import LocalAws
from tests.playbook import PlaybookRun, run_playbook


@pytest.fixture
def account(aws: LocalAws) -> Account:
    return Account(aws)


@pytest.fixture
def automate(aws: LocalAws) -> Callable[..., PlaybookRun]:
    """Run `playbooks/automation.yml` on an environment, and fail with its output where it should not fail."""

    def run(environment: str, *arguments: str) -> PlaybookRun:
        run = run_playbook(environment, aws.environ, *arguments, playbook=AUTOMATION)
        assert run.status == 0, run.output
        return run

    return run
