# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a function prints, in CloudWatch Logs. Call these with the front's lock."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.local_aws.account import ACCOUNT_ID, Account
from tests.local_aws.functions.deployed import Deployed
from tests.local_aws.functions.roles import role_may

if TYPE_CHECKING:
    from moto.logs.models import LogsBackend

_ONE_CALL = 10_000


def new_stream(version: str) -> str:
    """Return a name as Lambda gives one."""
    return f"{datetime.now(UTC):%Y/%m/%d}/[{version}]{uuid.uuid4().hex}"


def write_log(account: Account, function: Deployed, stream: str, text: str) -> None:
    """Keep the lines in the function's log group, as far as its role may write there."""
    backend = _logs_backend(account)
    arn = f"arn:aws:logs:{account.region}:{ACCOUNT_ID}:log-group:{function.log_group}"
    if function.log_group not in backend.groups:
        if not role_may(function.role_arn, "logs:CreateLogGroup", f"{arn}:log-stream:"):
            return
        backend.ensure_log_group(function.log_group)
    needed = ("logs:CreateLogStream", "logs:PutLogEvents")
    if not all(role_may(function.role_arn, action, f"{arn}:log-stream:{stream}") for action in needed):
        return
    backend.ensure_log_stream(function.log_group, stream)
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": line} for line in text.splitlines() if line]
    for first in range(0, len(events), _ONE_CALL):
        backend.put_log_events(function.log_group, stream, events[first : first + _ONE_CALL])


def _logs_backend(account: Account) -> LogsBackend:
    from moto.logs.models import logs_backends

    return logs_backends[ACCOUNT_ID][account.region]
