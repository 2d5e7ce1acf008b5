# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes the checkout importable as the collection that it is, and gives every test an empty AWS account."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

REPOSITORY = Path(__file__).resolve().parent.parent

sys.path.insert(0, str(REPOSITORY))
_AnsibleCollectionFinder(paths=[str(REPOSITORY / "collections")])._install()

from tests.integration.account import Account  # noqa: E402 - the path to it is set above
from tests.local_aws import LocalAws  # noqa: E402 - the path to it is set above
from tests.local_aws.hosts.programs import complaint_about_programs  # noqa: E402 - the path to it is set above
from tests.playbook import PlaybookRun, Site, run_playbook  # noqa: E402 - the path to it is set above


@pytest.fixture(scope="session")
def server() -> Iterator[LocalAws]:
    """One endpoint for all tests of this process, as its start takes longer than most of them."""
    with LocalAws() as aws:
        yield aws


@pytest.fixture
def aws(server: LocalAws) -> LocalAws:
    """A local AWS with an empty account."""
    server.reset()
    return server


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


@pytest.fixture(scope="session")
def host_programs() -> None:
    """For tests that run the programs of hosts; without those they fail, as they would show nothing."""
    if complaint := complaint_about_programs():
        pytest.fail(complaint, pytrace=False)
