# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AlpacaWebsocketLambda: starts the ingest node, and tells the chain its address and its commit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trading_common.clock import Clock, Context, iso_time
from trading_common.invocation import Invocation, told
from trading_common.market import scheduled_day
from trading_common.orders import ingest_order
from trading_common.outcomes import ControllerError, failed, raise_faults
from trading_common.starter import Starter

CLOCK = Clock()
RUN_SH = Path(__file__).with_name("run.sh")


@told
def lambda_handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Start the feed. Only what is returned starts the traders, so anything short of a running feed raises.

    On a day on which the exchange is closed a schedule starts nothing, which what is returned says.
    """
    invocation = Invocation.begin(context, CLOCK)
    day = scheduled_day(event, invocation.settings.market_calendar)
    if day and day.is_closed:
        return {"environment": invocation.settings.environment, "closed": day.date, "outcomes": []}
    order = ingest_order(event, invocation.settings, invocation.began, day)
    starter = Starter(invocation, order, RUN_SH)
    outcomes = starter.run()
    raise_faults(outcomes)
    (feed,) = [outcome for outcome in outcomes if outcome.status == "running"]
    host = starter.host(feed.instance_id)
    kind = invocation.settings.nats_address
    address = host.public_address if kind == "public" else host.private_address
    if not address:
        raise ControllerError([failed(feed.name, feed.instance_id, f"it has no {kind} address")])
    return {
        "environment": invocation.settings.environment,
        "asked_at": iso_time(order.asked_at),
        "deadline": None if order.deadline is None else iso_time(order.deadline),
        "commit": feed.commit,
        "feed_address": address,
        "outcomes": [outcome.to_dict() for outcome in outcomes],
    }
