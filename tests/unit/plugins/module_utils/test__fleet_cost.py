# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_cost import fleet_cost

from tests.playbook import REPOSITORY

PRICES = {
    "date": "2026-07",
    "region": "us-east-1",
    "currency": "USD",
    "public_address_hour": 0.005,
    "disk_gib_month": {"gp3": 0.08},
    "instance_hour": {"t3.small": 0.02, "m5.large": 0.1},
}


def _group(
    instance_type: str | None, count: int, volume_type: str | None = "gp3", volume_size: int = 10
) -> dict[str, Any]:
    return {"instance_type": instance_type, "count": count, "volume_type": volume_type, "volume_size": volume_size}


def _cost(
    before: list[dict[str, Any]], after: list[dict[str, Any]], region: str = "us-east-1", *, public: bool = False
) -> dict[str, Any]:
    return fleet_cost([{"before": before, "after": after}], PRICES, region, public=public)


def test_a_host_costs_its_trading_days_and_its_disk_the_month() -> None:
    cost = _cost([], [_group("t3.small", 3)])
    assert (cost["before"], cost["after"]) == (0, pytest.approx(3 * (160 * 0.02 + 10 * 0.08)))
    assert cost["sentence"] == (
        "Cost of the hosts: USD 0.00 a month before, 12.00 after (+12.00). That is 160 hours of running (21 trading "
        "days of 7.6 h), and disks all the time, on demand in us-east-1 at prices of 2026-07."
    )


def test_a_retired_host_costs_its_disk() -> None:
    cost = _cost([_group("t3.small", 1)], [_group(None, 1)], public=True)
    assert cost["after"] == pytest.approx(0.8)
    assert cost["before"] == pytest.approx(160 * 0.025 + 0.8)
    assert "(-4.00)" in cost["sentence"]
    assert "with public IPv4 addresses" in cost["sentence"]


def test_fleets_are_added_up() -> None:
    fleets = [{"before": [_group("t3.small", 1)], "after": [_group("m5.large", 1)]}] * 2
    cost = fleet_cost(fleets, PRICES, "us-east-1", public=False)
    assert (cost["before"], cost["after"]) == (pytest.approx(2 * 4.0), pytest.approx(2 * 16.8))


def test_what_has_no_price_is_named_and_left_out() -> None:
    cost = _cost([_group("x9.huge", 2)], [_group("t3.small", 1, "io9")])
    assert cost["without_price"] == ["x9.huge", "io9 disks"]
    assert (cost["before"], cost["after"]) == (pytest.approx(1.6), pytest.approx(3.2))
    assert cost["sentence"].endswith("No price for x9.huge, io9 disks, which is left out.")


def test_a_disk_of_which_nothing_is_known_is_left_out() -> None:
    cost = _cost([], [{"instance_type": None, "count": 1, "volume_type": None, "volume_size": None}])
    assert (cost["after"], cost["without_price"]) == (0, ["unknown disks"])


def test_another_region_has_no_cost() -> None:
    cost = _cost([], [_group("t3.small", 1)], region="eu-west-1")
    assert (cost["before"], cost["after"], cost["without_price"]) == (None, None, [])
    assert cost["sentence"] == "Cost of the hosts: the table of prices has none for eu-west-1."


def test_the_repositorys_prices_grow_with_the_size() -> None:
    """A price of the wrong size or family is a multiple or a part of the right one."""
    prices = yaml.safe_load((REPOSITORY / "playbooks/vars/prices.yml").read_text())["trading_prices"]
    sizes = {"nano": 0.5, "micro": 1, "small": 2, "medium": 4, "large": 8, "xlarge": 16, "2xlarge": 32, "4xlarge": 64}
    families: dict[str, list[float]] = {}
    for instance_type, price in prices["instance_hour"].items():
        family, size = instance_type.split(".")
        families.setdefault(family, []).append(price / sizes[size])
    assert len(families) == 12
    for family, units in families.items():
        assert max(units) == pytest.approx(min(units), rel=0.01), family
    assert prices["instance_hour"]["t3.small"] == 0.0208
    assert prices["disk_gib_month"] == {"gp2": 0.1, "gp3": 0.08}
