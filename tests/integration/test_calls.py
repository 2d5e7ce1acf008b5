# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run that changes nothing makes few calls, and with more models only more to list them."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.integration.account import Account
from tests.local_aws.seed_models import SYMBOLS
from tests.playbook import Site

MANAGED = ("-e", "trading_network_manage=true")
LISTING = "ListObjectsV2"
# What was counted: more is a step back, and fewer a new number to hold.
RECORDED = 48
RECORDED_LISTING = {10: 22, 50: 77}


@pytest.mark.parametrize("models", RECORDED_LISTING)
def test_a_run_that_changes_nothing_makes_no_more_calls_than_were_recorded(
    account: Account, site: Site, models: int
) -> None:
    """Seen failing when create.yml of the role network calls the modules whose parts are as they should be."""
    account.seed("qa", models=models, symbols=len(SYMBOLS), network=False)
    site("qa", *MANAGED)
    account.aws.forget_calls()
    assert site("qa", *MANAGED).changed == 0
    made = Counter(call.operation for call in account.aws.calls())
    assert made[LISTING] <= RECORDED_LISTING[models]
    assert made.total() - made[LISTING] <= RECORDED, made
