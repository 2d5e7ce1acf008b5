# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the controllers are told by events and by the calendar: taken as it is, or refused in a sentence."""

from __future__ import annotations

import ipaddress
import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzzing import hostile_text, tried
from tests.unit.files.controllers import MORNING, SETTINGS, load_handlers

# What each part of an event looks like when it is right.
_RIGHT = {
    "git_ref": "feature/x",
    "commit": "c" * 40,
    "feed_address": "10.0.0.10",
    "deadline": "2026-02-02T21:05:00Z",
    "scheduled_time": "2026-02-02T13:30:00Z",
    "asked_at": "0001-01-01T00:00:00+23:59",
}
_TEXTS = st.sampled_from(sorted(_RIGHT.values())) | hostile_text()
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS | st.builds("{}{}".format, _TEXTS, _TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile_text(), inner, max_size=3),
    max_leaves=5,
)
_EVENTS = st.fixed_dictionaries({}, optional={name: st.just(right) | _VALUES for name, right in _RIGHT.items()})
_CALENDAR = {"years": [2026], "closed": ["2026-02-02"], "early": ["2026-02-02"]}
_CALENDARS = st.fixed_dictionaries({name: st.just(right) | _VALUES for name, right in _CALENDAR.items()}).map(
    json.dumps
)


@pytest.fixture(scope="module")
def common() -> Any:
    load_handlers()
    import trading_common

    return trading_common


def _settings(common: Any) -> Any:
    return common.settings.Settings.from_environment(SETTINGS)


@given(_EVENTS)
@tried(200)
def test_the_feed_is_started_by_what_makes_sense(common: Any, event: dict[str, Any]) -> None:
    """Seen to fail with `match` for `fullmatch` of git_ref in orders.py, and before it asked whether that is a text."""
    try:
        day = common.market.scheduled_day(event, SETTINGS["MARKET_CALENDAR"])
        order = common.orders.ingest_order(event, _settings(common), MORNING, day)
    except ValueError:
        return
    exports = order.exports(_settings(common))
    assert all(isinstance(value, str) for value in exports.values())
    assert re.fullmatch(r"[A-Za-z0-9_][\w./+-]*", exports["TRADING_GIT_REF"])
    assert re.fullmatch(r"-?[0-9]*", exports["TRADING_DEADLINE"])


@given(_EVENTS | _VALUES, st.booleans())
@tried(200)
def test_the_fleet_is_started_by_what_makes_sense(common: Any, told: Any, is_chained: bool) -> None:
    """Seen to fail without `is_commit` in fleet_order(), and before the feed's address had to be a text."""
    event = {"responsePayload": told} if is_chained else told
    if not isinstance(event, dict):
        return
    try:
        order = common.orders.fleet_order(common.orders.feed_report(event), _settings(common), MORNING)
    except ValueError:
        return
    exports = order.exports(_settings(common))
    assert re.fullmatch("[0-9a-f]{40}", exports["TRADING_GIT_REF"])
    assert isinstance(told["feed_address"], str)
    assert str(ipaddress.ip_address(told["feed_address"])) == exports["TRADING_NATS_ADDRESS"]


@given(st.just("2026-02-02T18:05:00Z") | _VALUES, _CALENDARS | hostile_text() | _VALUES.map(json.dumps))
@tried(200)
def test_a_calendar_that_makes_no_sense_is_refused(common: Any, time: object, calendar: str) -> None:
    """Seen to fail before the calendar's lists had to be lists."""
    with suppress(ValueError):
        common.market.is_for_another_day({"only_on_early_close": True, "scheduled_time": time}, calendar)
