# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ReplaceIamInstanceProfileAssociation: moto changes the association but not the instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.local_aws.account import Account
from tests.local_aws.front import AskNext
from tests.local_aws.gaps.registry import GAPS
from tests.local_aws.messages import AwsRequest, AwsResponse

if TYPE_CHECKING:
    from moto.ec2.models.iam_instance_profile import IamInstanceProfileAssociation


@GAPS.on("ec2", "ReplaceIamInstanceProfileAssociation", "AssociateIamInstanceProfile")
def associate(request: AwsRequest, account: Account, ask_next: AskNext) -> AwsResponse:
    """Bring the instances up to date with their associations."""
    response = ask_next(request)
    for association in account.ec2.iam_instance_profile_associations.values():
        show_profile(association)
    return response


def show_profile(association: IamInstanceProfileAssociation) -> None:
    """Let the instance show the profile that its association names, under the profile's own id."""
    profile = association.iam_instance_profile
    association.instance.iam_instance_profile = {"Arn": profile.arn, "Id": profile.id}
