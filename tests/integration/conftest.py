# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the whole runs share: an account, and the playbook on it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.account import Account
from tests.local_aws import LocalAws
from tests.playbook import PlaybookRun, run_playbook

Site = Callable[..., PlaybookRun]


@pytest.fixture
def account(aws: LocalAws) -> Account:
    return Account(aws)


@pytest.fixture
def site(aws: LocalAws) -> Site:
    """Run `ansible-playbook site.yml` on an environment, and fail with its output where it should not fail."""

    def run(environment: str, *arguments: str) -> PlaybookRun:
        run = run_playbook(environment, aws.environ, *arguments)
        assert run.status == 0, run.output
        return run

    return run


@pytest.fixture
def refused(aws: LocalAws) -> Site:
    """Run `ansible-playbook site.yml` where it must fail before any change."""

    def run(environment: str, *arguments: str, environ: dict[str, str] | None = None) -> PlaybookRun:
        aws.forget_calls()
        run = run_playbook(environment, environ or aws.environ, *arguments)
        assert run.status != 0, run.output
        assert [call for call in aws.calls() if call.mutating] == []
        return run

    return run
