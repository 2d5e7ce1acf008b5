# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Functions and hosts act under their own roles: a trading day works with these, and not with a statement less."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config

from tests.day.controllers import FUNCTIONS, ROLES
from tests.day.trading_day import Day, provisioned_day, wait_until
from tests.security.policies import Policies

pytestmark = pytest.mark.xdist_group("under_roles")

INGEST_ROLE = "alpaca_instance_role_qa"
TRADER_ROLE = "trading_server_instance_role_qa"
# Which function fails without which statement of whose role, and what it then complains of.
NEEDED = [
    ("ingest", ROLES["ingest"], "SeeHosts", "DescribeInstances"),
    ("ingest", ROLES["ingest"], "StartHosts", "StartInstances"),
    ("ingest", ROLES["ingest"], "UseShellDocument", "SendCommand"),
    ("ingest", ROLES["ingest"], "RunCommands", "SendCommand"),
    ("ingest", INGEST_ROLE, "ReadSecretsOfWorkload", "cannot read the secret"),
    ("fleet", ROLES["fleet"], "StartHosts", "StartInstances"),
    ("fleet", ROLES["fleet"], "RunCommands", "SendCommand"),
    ("fleet", TRADER_ROLE, "ReadSecretsOfWorkload", "cannot read the secret"),
    ("shutdown", ROLES["shutdown"], "SeeHosts", "DescribeInstances"),
    ("shutdown", ROLES["shutdown"], "StopHosts", "StopInstances"),
]


@pytest.fixture(scope="module")
def day(host_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    arguments = ("-e", "trading_automation=false", "-e", "controllers_timeout=180")
    with provisioned_day(tmp_path_factory.mktemp("day"), *arguments, models=1) as day:
        yield day


def _invoke(day: Day, function: str, event: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Return whether a function succeeded, with what it returned or raised."""
    # Longer than a function may take.
    functions = day.aws.client("lambda", config=Config(read_timeout=240))
    answer = functions.invoke(FunctionName=FUNCTIONS[function], Payload=json.dumps(event))
    payload: dict[str, Any] = json.loads(answer["Payload"].read())
    return "FunctionError" not in answer, payload


def _feed(day: Day) -> dict[str, str]:
    (ingest,) = [host for host in day.account.hosts("qa") if host.tags["Role"] == "ingest"]
    return {"feed_address": ingest.described["PrivateIpAddress"], "commit": day.commit}


def _set_hosts(day: Day, state: str) -> None:
    """Let the owner of the account start or stop all hosts."""
    ids = [host.instance_id for host in day.account.hosts("qa")]
    if state == "running":
        day.account.ec2.start_instances(InstanceIds=ids)
    else:
        day.account.ec2.stop_instances(InstanceIds=ids)
    wait_until(lambda: day.states() == {state}, 180)


@pytest.mark.parametrize(("function", "role", "sid", "complaint"), NEEDED)
def test_a_day_fails_without_a_statement(day: Day, function: str, role: str, sid: str, complaint: str) -> None:
    """Seen to fail with the local AWS's part Credentials, which judges by policies, taken out of parts.py."""
    _set_hosts(day, "running" if function == "shutdown" else "stopped")
    with Policies(day.aws).without(role, sid):
        succeeded, said = _invoke(day, function, _feed(day) if function == "fleet" else {})
    assert not succeeded, said
    assert complaint in said["errorMessage"], said


def test_a_day_succeeds_with_all_of_them(day: Day) -> None:
    """The counterpart of the test above: from stopped to stopped, by hand and within seconds."""
    _set_hosts(day, "stopped")
    succeeded, feed = _invoke(day, "ingest", {})
    assert succeeded, feed
    succeeded, fleet = _invoke(day, "fleet", feed)
    assert succeeded, fleet
    assert [outcome["status"] for outcome in fleet["outcomes"]] == ["running"]
    succeeded, stopped = _invoke(day, "shutdown", {})
    assert succeeded, stopped
    assert {outcome["status"] for outcome in stopped["outcomes"]} == {"stopped"}
    assert any(key.endswith("/logs/app.log") for key in day.objects()), "the trader's own role wrote its log"
