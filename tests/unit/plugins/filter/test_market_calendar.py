# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter market_calendar, found as Ansible finds it. What it must say is from the exchange's own calendar."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible.plugins.loader import filter_loader


def _calendar(years: Any) -> dict[str, dict[str, str]]:
    calendar: dict[str, dict[str, str]] = filter_loader.get("algotrading.aws.market_calendar").j2_function(years)
    return calendar


def test_it_knows_the_exchanges_days() -> None:
    calendar = _calendar([2026, 2027])
    assert [day for day in calendar["closed"] if day.startswith("2026")] == [
        "2026-01-01",
        "2026-01-19",
        "2026-02-16",
        "2026-04-03",
        "2026-05-25",
        "2026-06-19",
        "2026-07-03",
        "2026-09-07",
        "2026-11-26",
        "2026-12-25",
    ]
    assert calendar["closed"]["2027-07-05"].startswith("Independence Day")
    assert calendar["early_closes"] == {"2026-11-27": "13:00", "2026-12-24": "13:00", "2027-11-26": "13:00"}


def test_a_closing_time_is_on_a_clock_of_24_hours() -> None:
    assert _calendar([1910])["early_closes"]["1910-05-07"] == "11:00"
    assert _calendar([1994])["early_closes"]["1994-02-11"] == "14:30"


def test_no_years_have_no_days() -> None:
    assert _calendar([]) == {"closed": {}, "early_closes": {}}


@pytest.mark.parametrize(
    ("years", "complaint"),
    [(2026, "takes a list of years, not 2026"), ([26], "26 is not a year from"), (["2026"], "'2026' is not a year")],
)
def test_what_is_no_list_of_years_is_a_filter_error(years: Any, complaint: str) -> None:
    with pytest.raises(AnsibleFilterError, match=complaint):
        _calendar(years)


def test_without_the_package_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "holidays.financial.ny_stock_exchange", None)
    with pytest.raises(AnsibleFilterError, match="needs the Python package holidays, as"):
        _calendar([2026])
