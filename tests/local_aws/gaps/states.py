# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""StartInstances, StopInstances, TerminateInstances: what they say and what they leave behind."""

from __future__ import annotations

from tests.local_aws.account import Account
from tests.local_aws.front import AskNext
from tests.local_aws.gaps.registry import GAPS
from tests.local_aws.messages import AwsRequest, AwsResponse
from tests.local_aws.render import render

_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
# Of each operation: the list in its answer, the state on the way, and where the way ends.
_CHANGES = {
    "StartInstances": ("StartingInstances", "pending", "running"),
    "StopInstances": ("StoppingInstances", "stopping", "stopped"),
    "TerminateInstances": ("TerminatingInstances", "shutting-down", "terminated"),
}


@GAPS.on("ec2", *_CHANGES)
def change_state(request: AwsRequest, account: Account, ask_next: AskNext) -> AwsResponse:
    """A start that starts something is a new launch time, and what needs no change is said to be there already."""
    from moto.core.utils import utcnow

    name, on_the_way, end = _CHANGES[request.operation]
    before = {each.id: each.state for each in account.instances(request.params.get("InstanceIds", []))}
    response = ask_next(request)
    if response.status != 200:
        return response
    for instance in account.instances(before):
        if request.operation == "StartInstances" and before[instance.id] == "stopped":
            instance.launch_time = utcnow()
    changes = [
        {
            "InstanceId": instance_id,
            "PreviousState": _state(previous),
            "CurrentState": _state(end if previous == end else on_the_way),
        }
        for instance_id, previous in before.items()
    ]
    return render(request, {name: changes})


def _state(name: str) -> dict[str, object]:
    return {"Name": name, "Code": _CODES[name]}
