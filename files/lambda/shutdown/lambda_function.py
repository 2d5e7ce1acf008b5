# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""TradingServerShutdownLambda: stops the trading servers, then the ingest node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trading_common.clock import Clock, Context
from trading_common.invocation import Invocation, told
from trading_common.market import is_for_another_day
from trading_common.outcomes import raise_faults
from trading_common.stopper import Stopper

CLOCK = Clock()
RUN_SH = Path(__file__).with_name("run.sh")


@told
def lambda_handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Stop all hosts, and raise when one of them still runs after all others were stopped."""
    invocation = Invocation.begin(context, CLOCK)
    if is_for_another_day(event, invocation.settings.market_calendar):
        return {"environment": invocation.settings.environment, "outcomes": []}
    outcomes = Stopper(invocation, RUN_SH).run()
    raise_faults(outcomes)
    return {
        "environment": invocation.settings.environment,
        "outcomes": [outcome.to_dict() for outcome in outcomes],
    }
