# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What moto forgets of a schedule."""

from __future__ import annotations

from tests.local_aws.account import ACCOUNT_ID, Account
from tests.local_aws.front import AskNext
from tests.local_aws.gaps.registry import GAPS
from tests.local_aws.messages import AwsRequest, AwsResponse

_RETRIES = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}


@GAPS.on("scheduler", "CreateSchedule", "UpdateSchedule")
def defaults(request: AwsRequest, account: Account, ask_next: AskNext) -> AwsResponse:
    """What a call leaves out falls back to AWS's defaults, in an update too."""
    from moto.scheduler.models import scheduler_backends

    response = ask_next(request)
    if response.status == 200:
        backend = scheduler_backends[ACCOUNT_ID][account.region]
        schedule = backend.get_schedule(request.params.get("GroupName"), request.params["Name"])
        schedule.state = request.params.get("State") or "ENABLED"
        schedule.action_after_completion = request.params.get("ActionAfterCompletion") or "NONE"
        schedule.target["RetryPolicy"] = _RETRIES | schedule.target.get("RetryPolicy", {})
    return response
