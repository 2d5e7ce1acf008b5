# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two runs on one environment at the same time, and a run that was killed while it had the environment to itself."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.account import Account
from tests.integration.killing import kill, wait_until
from tests.playbook import Site, start_playbook

PATH = "/algotrading/qa/lock"
ROLES = 6


def _hold_a_run(account: Account, **environ: str) -> subprocess.Popen[str]:
    """A run that stands still: it makes all its roles at the same time, and comes no further with any."""
    account.aws.hold("CreateRole", after=0, count=ROLES)
    process = start_playbook("qa", {**account.aws.environ, **environ})
    wait_until(lambda: account.aws.waiting() == ROLES)
    return process


def _locks(account: Account) -> list[dict[str, Any]]:
    found = account.aws.client("ssm").get_parameters_by_path(Path=PATH)["Parameters"]
    return [json.loads(each["Value"]) for each in sorted(found, key=lambda each: each["Name"])]


@pytest.mark.parametrize("strategy", ["algotrading.aws.mitogen_or_linear", "linear"])
def test_the_second_of_two_runs_stops_before_it_changes_anything(
    account: Account, refused: Site, strategy: str
) -> None:
    """Seen failing when site.yml does not take the lock, and when the action plugin tells the worker's own process."""
    account.seed("qa", models=3)
    first = _hold_a_run(account, ANSIBLE_STRATEGY=strategy)
    (held,) = _locks(account)
    assert held["pid"] == first.pid

    output = " ".join(refused("qa", environ={**account.aws.environ, "ANSIBLE_STRATEGY": strategy}).output.split())
    assert f"qa is being changed by {held['who']} on {held['host']} (process {first.pid}) since" in output
    assert f"or delete the parameter {PATH}/000001 if you know that it is gone" in output

    account.aws.release()
    output, _none = first.communicate(timeout=600)
    assert first.returncode == 0, output
    assert len(account.traders("qa")) == 3
    assert [lock["released"] for lock in _locks(account)] == [True]


def test_a_run_is_planned_while_another_one_works(account: Account, site: Site) -> None:
    """Seen failing when the module raises in check mode too."""
    account.seed("qa", models=2)
    first = _hold_a_run(account)
    announced = site("qa", "--check")
    assert "qa is being changed by" in " ".join(announced.output.split())
    assert announced.changed > 0
    kill(account.aws, first)
    account.aws.release()


def test_what_a_killed_run_left_is_taken_over_at_once(account: Account, site: Site) -> None:
    """Seen failing when has_ended() says no."""
    account.seed("qa", models=2)
    killed = _hold_a_run(account)
    kill(account.aws, killed)
    account.aws.release()
    assert [lock["released"] for lock in _locks(account)] == [False]

    run = site("qa")
    assert f"(process {killed.pid}) has ended without releasing it" in " ".join(run.output.split())
    assert len(account.traders("qa")) == 2
    assert [lock["released"] for lock in _locks(account)] == [True]


def test_a_run_that_fails_leaves_the_environment_to_others(account: Account, refused: Site) -> None:
    """Seen failing when the release does not stand in `always`."""
    account.seed("qa", models=0)
    assert "holds no model" in refused("qa").output
    assert [lock["released"] for lock in _locks(account)] == [True]


@pytest.mark.parametrize("minutes", [-1, 60])
def test_a_run_on_another_machine_has_the_environment_until_its_time_is_over(
    account: Account, site: Site, refused: Site, minutes: int
) -> None:
    now = datetime.now(UTC)
    lock = {
        "who": "alice",
        "host": "build-1",
        "machine": "another one",
        "pid": 1,
        "started": "1",
        "job": "99",
        "taken_at": now.isoformat(),
        "expires_at": (now + timedelta(minutes=minutes)).isoformat(),
        "released": False,
    }
    account.seed("qa", models=1)
    account.aws.client("ssm").put_parameter(Name=f"{PATH}/000041", Value=json.dumps(lock), Type="String")
    run = (site if minutes < 0 else refused)("qa")
    said = "takes the lock over, as" if minutes < 0 else "qa is being changed by"
    assert f"{said} AWX job 99 of alice on build-1 (process 1)" in " ".join(run.output.split())
    assert [each["released"] for each in _locks(account)] == [minutes < 0]
