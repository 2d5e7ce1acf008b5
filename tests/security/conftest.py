# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One account with all three environments, for all tests of this folder: they read, or put back what they change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local_aws import LocalAws
from tests.security.stack import Stack, provision


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with LocalAws(hosts=True) as aws:
        yield provision(aws)
