# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""TradingServerLambda: starts every trading server with the feed's address and the feed's commit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trading_common.clock import Clock, Context
from trading_common.invocation import Invocation, told
from trading_common.orders import feed_report, fleet_order
from trading_common.outcomes import raise_faults
from trading_common.starter import Starter

CLOCK = Clock()
RUN_SH = Path(__file__).with_name("run.sh")


@told
def lambda_handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Start the traders, and raise when one of them does not trade after all others were started.

    When there is no feed as the exchange is closed, nothing is started.
    """
    invocation = Invocation.begin(context, CLOCK)
    told_of_feed = feed_report(event)
    if told_of_feed.get("closed"):
        return {"environment": invocation.settings.environment, "closed": told_of_feed["closed"], "outcomes": []}
    order = fleet_order(told_of_feed, invocation.settings, invocation.began)
    outcomes = Starter(invocation, order, RUN_SH).run()
    raise_faults(outcomes)
    return {
        "environment": invocation.settings.environment,
        "outcomes": [outcome.to_dict() for outcome in outcomes],
    }
