# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The roles serve in playbooks of their users' own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.integration.account import Account
from tests.local_aws.seed import BUCKETS
from tests.playbook import run_playbook


def _play(environment: str) -> dict[str, Any]:
    return {
        "name": f"Provide {environment}",
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"trading_environment": environment, "trading_bucket": BUCKETS[environment]},
        "roles": [f"algotrading.aws.{role}" for role in ("network", "iam", "ingest_node", "trading_fleet")],
    }


def test_one_playbook_serves_two_environments(account: Account, tmp_path: Path) -> None:
    account.seed("dev", models=2)
    account.seed("qa", models=4)
    playbook = tmp_path / "both.yml"
    playbook.write_text(yaml.safe_dump([_play("dev"), _play("qa")]))

    run = run_playbook("dev", account.aws.environ, playbook=str(playbook))

    assert run.status == 0, run.output
    for environment, models in (("dev", 2), ("qa", 4)):
        traders = account.traders(environment)
        assert len(traders) == models
        groups = {group["GroupName"] for trader in traders for group in trader.described["SecurityGroups"]}
        assert groups == {f"trading-{environment}"}
