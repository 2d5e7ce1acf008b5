# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the rules are registered: `@RULES.on("ec2", "StartInstances")`."""

from __future__ import annotations

from collections.abc import Callable

from tests.local_aws.account import Account
from tests.local_aws.messages import AwsRequest
from tests.local_aws.registry import Registry

Rule = Callable[[AwsRequest, Account], None]
RULES: Registry[Rule] = Registry()
