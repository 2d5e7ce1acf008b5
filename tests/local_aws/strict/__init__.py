# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The limits and errors of the real API that moto forgives."""

from __future__ import annotations

from tests.local_aws.account import Account
from tests.local_aws.front import AskNext
from tests.local_aws.messages import AwsRequest, AwsResponse
from tests.local_aws.strict.rules import RULES


class Strict:
    """Asks the rules of an operation before anything happens; a rule refuses by raising AwsError."""

    def __init__(self) -> None:
        # Importing them registers their rules.
        from tests.local_aws.strict import ec2_groups, ec2_instances, ec2_launch, iam, limits, s3, tags

        self.groups = (ec2_groups, ec2_instances, ec2_launch, iam, limits, s3, tags)

    def handle(self, request: AwsRequest, ask_next: AskNext) -> AwsResponse:
        """Pass on what no rule refuses."""
        account = Account(request.region or "us-east-1")
        for rule in RULES.find(request.service, request.operation):
            rule(request, account)
        return ask_next(request)

    def reset(self) -> None:
        """The rules remember nothing."""
