# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the gaps are registered: `@GAPS.on("ec2", "RegisterImage")`."""

from __future__ import annotations

from collections.abc import Callable

from tests.local_aws.account import Account
from tests.local_aws.front import AskNext
from tests.local_aws.messages import AwsRequest, AwsResponse
from tests.local_aws.registry import Registry

Gap = Callable[[AwsRequest, Account, AskNext], AwsResponse]
GAPS: Registry[Gap] = Registry()
