# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The names that PARITY.md promises to other tools."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils._naming import (
    environment_names,
    trader_name,
    trader_name_prefix,
)

NAMES = {
    "dev": {
        "network": "trading-dev",
        "ingest_role": "alpaca_instance_role_dev",
        "ingest_instance_profile": "alpaca_instance_profile_dev",
        "ingest_node": "alpaca-websocket-ingest-dev",
        "trader_role": "trading_server_instance_role_dev",
        "trader_instance_profile": "trading_server_instance_profile_dev",
        "trader_prefix": "trading-server-dev-",
        "secrets_policy": "secretsmanager-access-dev",
        "config_policy": "s3-config-read-dev",
        "dashboard_policy": "dashboard-access-dev",
        "models_policy": "s3-list-access-dev",
        "transfer_bucket_prefix": "algo-trading-ssm-dev-",
    },
    "qa": {
        "network": "trading-qa",
        "ingest_role": "alpaca_instance_role_qa",
        "ingest_instance_profile": "alpaca_instance_profile_qa",
        "ingest_node": "alpaca-websocket-ingest-qa",
        "trader_role": "trading_server_instance_role_qa",
        "trader_instance_profile": "trading_server_instance_profile_qa",
        "trader_prefix": "trading-server-qa-",
        "secrets_policy": "secretsmanager-access-qa",
        "config_policy": "s3-config-read-qa",
        "dashboard_policy": "dashboard-access-qa",
        "models_policy": "s3-list-access-qa",
        "transfer_bucket_prefix": "algo-trading-ssm-qa-",
    },
    "prod": {
        "network": "trading-prod",
        "ingest_role": "alpaca_instance_role_prod",
        "ingest_instance_profile": "alpaca_instance_profile_prod",
        "ingest_node": "alpaca-websocket-ingest-prod",
        "trader_role": "trading_server_instance_role_prod",
        "trader_instance_profile": "trading_server_instance_profile_prod",
        "trader_prefix": "trading-server-prod-",
        "secrets_policy": "secretsmanager-access-prod",
        "config_policy": "s3-config-read-prod",
        "dashboard_policy": "dashboard-access-prod",
        "models_policy": "s3-list-access-prod",
        "transfer_bucket_prefix": "algo-trading-ssm-prod-",
    },
}


@pytest.mark.parametrize("environment", NAMES)
def test_every_resource_is_called_what_the_contract_says(environment: str) -> None:
    # Later parts of the stack add names; none of these may change.
    assert NAMES[environment].items() <= environment_names(environment).items()


@pytest.mark.parametrize("environment", NAMES)
def test_no_two_resources_share_a_name(environment: str) -> None:
    names = environment_names(environment)
    assert len(set(names.values())) == len(names)


def test_a_trading_server_is_named_by_symbol_type_and_number() -> None:
    name = trader_name("qa", "long", "SOXL", "soxl_long-outer_11_inner_48")
    assert name == "trading-server-qa-SOXL-long-soxl_long-outer_11_inner_48"
    assert name.startswith(trader_name_prefix("qa"))


@pytest.mark.parametrize("other", ["staging", "QA", "", " qa", None, ["qa"]])
def test_another_environment_is_refused_by_name(other: Any) -> None:
    with pytest.raises(ValueError, match=r" is not an environment: name one of dev, qa, prod") as refused:
        environment_names(other)
    assert str(other) in str(refused.value)
