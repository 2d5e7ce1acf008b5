# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filters plan_summary and fleet_cost, found as Ansible finds them."""

from __future__ import annotations

from ansible.plugins.loader import filter_loader


def test_the_filter_tells_what_was_done_unless_it_is_a_plan() -> None:
    summary = filter_loader.get("algotrading.aws.plan_summary").j2_function
    assert summary([]).startswith("Done: ")
    assert summary([], planned=True).startswith("Plan: ")


def test_the_filter_gives_the_cost() -> None:
    prices = {
        "date": "2026-07",
        "region": "us-east-1",
        "currency": "USD",
        "public_address_hour": 0.005,
        "disk_gib_month": {"gp3": 0.08},
        "instance_hour": {"t3.small": 0.02},
    }
    after = [{"instance_type": "t3.small", "volume_type": "gp3", "volume_size": 10, "count": 1}]
    cost = filter_loader.get("algotrading.aws.fleet_cost").j2_function
    for public, monthly in ((False, 4.0), (True, 4.8)):
        assert cost([{"before": [], "after": after}], prices, "us-east-1", public=public)["after"] == monthly
