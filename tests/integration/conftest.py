# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the whole runs share: the playbook that refuses."""

from __future__ import annotations

import pytest

from tests.integration.account import Account
from tests.local_aws import LocalAws
from tests.playbook import PlaybookRun, Site, run_playbook


@pytest.fixture
def refused(aws: LocalAws) -> Site:
    """Run `ansible-playbook site.yml` where it must fail before any change."""

    def run(environment: str, *arguments: str, environ: dict[str, str] | None = None) -> PlaybookRun:
        aws.forget_calls()
        run = run_playbook(environment, environ or aws.environ, *arguments)
        assert run.status != 0, run.output
        assert Account(aws).mutating_calls() == []
        return run

    return run
