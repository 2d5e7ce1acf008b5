# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Says what hosts cost in a month, by a table of prices.

Pure functions: they import neither boto3 nor Ansible.
This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# A trading day's hosts run from 08:30 to 16:05.
TRADING_DAYS = 21
HOURS_A_DAY = 7.6
HOURS = round(TRADING_DAYS * HOURS_A_DAY)


def fleet_cost(
    capacities: Iterable[Mapping[str, Any]], prices: Mapping[str, Any], region: str, *, public: bool
) -> dict[str, Any]:
    """The monthly cost of hosts before and after, and of what there is no price.

    Each of the capacities has what there is before and after: groups of hosts with C(count), C(volume_type),
    C(volume_size), and C(instance_type), or None for hosts that are not to run.
    """
    capacities = list(capacities)
    sides = {side: [group for each in capacities for group in each[side]] for side in ("before", "after")}
    known = prices["region"] == region
    cost = {
        "currency": prices["currency"],
        "region": region,
        "prices_of": str(prices["date"]),
        "hours_a_month": HOURS,
        "before": _monthly(sides["before"], prices, public=public) if known else None,
        "after": _monthly(sides["after"], prices, public=public) if known else None,
        "public_addresses": public,
        "without_price": _without_price(sides, prices) if known else [],
    }
    return {**cost, "sentence": _sentence(cost)}


def _sentence(cost: Mapping[str, Any]) -> str:
    if cost["before"] is None or cost["after"] is None:
        return f"Cost of the hosts: the table of prices has none for {cost['region']}."
    addresses = " with public IPv4 addresses" if cost["public_addresses"] else ""
    told = (
        f"Cost of the hosts: {cost['currency']} {cost['before']:.2f} a month before, {cost['after']:.2f} after "
        f"({cost['after'] - cost['before']:+.2f}). That is {cost['hours_a_month']} hours of running ({TRADING_DAYS} "
        f"trading days of {HOURS_A_DAY} h){addresses}, and disks all the time, on demand in {cost['region']} at prices "
        f"of {cost['prices_of']}."
    )
    missing = ", ".join(cost["without_price"])
    return f"{told} No price for {missing}, which is left out." if missing else told


def _monthly(groups: Sequence[Mapping[str, Any]], prices: Mapping[str, Any], *, public: bool) -> float:
    return round(sum((group["count"] * _monthly_of_one(group, prices, public=public) for group in groups), 0.0), 2)


def _monthly_of_one(host: Mapping[str, Any], prices: Mapping[str, Any], *, public: bool) -> float:
    disk = prices["disk_gib_month"].get(host["volume_type"], 0) * (host["volume_size"] or 0)
    if not host["instance_type"]:
        return float(disk)
    address = prices["public_address_hour"] if public else 0
    return float(disk + HOURS * (prices["instance_hour"].get(host["instance_type"], 0) + address))


def _without_price(sides: Mapping[str, Sequence[Mapping[str, Any]]], prices: Mapping[str, Any]) -> list[str]:
    groups = [group for some in sides.values() for group in some]
    types = {group["instance_type"] for group in groups if group["instance_type"]} - prices["instance_hour"].keys()
    disks = {group["volume_type"] for group in groups} - prices["disk_gib_month"].keys()
    return sorted(types) + [f"{disk or 'unknown'} disks" for disk in sorted(disks, key=str)]
