# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The inventory of an environment shows its own hosts, and no other."""

from __future__ import annotations

import json
import subprocess

from tests.integration.account import Account
from tests.local_aws.seed import BUCKETS
from tests.local_aws.seed_models import delete_model, model_names
from tests.playbook import BIN, REPOSITORY, Site


def test_hosts_are_found_by_name_and_group(account: Account, site: Site) -> None:
    for environment in ("dev", "qa"):
        account.seed(environment, models=4, symbols=2)
        site(environment)
    retired = model_names(4, 2)[0]
    delete_model(account.s3, BUCKETS["qa"], *retired)
    site("qa")

    groups = _inventory(account, "qa")

    names = {host.name for host in account.hosts("qa") if "Retired" not in host.tags}
    assert len(names) == 4
    assert set(groups["role_ingest"]["hosts"]) == {"alpaca-websocket-ingest-qa"}
    assert set(groups["role_trader"]["hosts"]) == names - {"alpaca-websocket-ingest-qa"}
    assert set(groups["_meta"]["hostvars"]) == names | {"localhost"}
    assert set(groups["symbol_SOXL"]["hosts"]) == {name for name in names if "-SOXL-" in name}
    assert set(groups["model_type_short"]["hosts"]) == {name for name in names if "-short-" in name}


def _inventory(account: Account, environment: str) -> dict[str, dict[str, list[str]]]:
    command = [str(BIN / "ansible-inventory"), "-i", f"inventories/{environment}", "--list"]
    shown = subprocess.run(command, cwd=REPOSITORY, env=account.aws.environ, check=True, capture_output=True, text=True)
    return json.loads(shown.stdout)
