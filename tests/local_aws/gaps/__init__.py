# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What moto lacks or gets wrong, closed in moto's own world."""

from __future__ import annotations

from tests.local_aws.account import Account
from tests.local_aws.front import AskNext
from tests.local_aws.gaps.registry import GAPS, Gap
from tests.local_aws.messages import AwsRequest, AwsResponse


class Gaps:
    """Lets the gaps of an operation handle it, the first registered outermost."""

    def __init__(self) -> None:
        # Importing them registers their gaps.
        from tests.local_aws.gaps import filters, images, instances, profiles, states

        self.groups = (filters, images, instances, profiles, states)

    def handle(self, request: AwsRequest, ask_next: AskNext) -> AwsResponse:
        """Pass on what has no gap."""
        account = Account(request.region or "us-east-1")
        for gap in reversed(GAPS.find(request.service, request.operation)):
            ask_next = _around(gap, account, ask_next)
        return ask_next(request)

    def reset(self) -> None:
        """The gaps remember nothing."""


def _around(gap: Gap, account: Account, ask_next: AskNext) -> AskNext:
    return lambda request: gap(request, account, ask_next)
