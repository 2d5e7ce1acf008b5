# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""start.yml and stop.yml, and NATS with a token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.day.trading_day import Day, provisioned_day, wait_until
from tests.local_aws.hosts.processes import find_processes
from tests.playbook import PlaybookRun, run_playbook


@pytest.fixture
def day(host_programs: None, tmp_path: Path) -> Iterator[Day]:
    arguments = ("-e", "trading_automation=false", "-e", "trading_nats_auth=token", "-e", "controllers_timeout=120")
    with provisioned_day(tmp_path, *arguments, models=2) as day:
        yield day


def _play(day: Day, playbook: str, *arguments: str) -> PlaybookRun:
    return run_playbook("qa", day.aws.environ, *arguments, playbook=f"playbooks/{playbook}.yml")


def test_an_environment_is_started_and_stopped_by_hand(day: Day) -> None:
    wrong = _play(day, "start", "-e", "trading_git_ref=no-such-branch")
    assert wrong.status != 0
    assert "alpaca-websocket-ingest-qa: " in wrong.output
    assert "no-such-branch" in wrong.output
    assert not find_processes([host.instance_id for host in day.account.traders("qa")])

    started = _play(day, "start")
    assert started.status == 0, started.output
    for host in day.account.hosts("qa"):
        assert f"{host.name} running" in started.output
    assert f"qa trades commit {day.commit} on 2 servers." in started.output

    # The sample workload gets its bars only from a NATS that it could log in to.
    token = day.aws.client("secretsmanager").get_secret_value(SecretId="trading/nats-qa")["SecretString"]
    homes = [day.aws.host(host.instance_id).home for host in day.account.traders("qa")]
    logs = [home / "algo-modeling-v2/backup_vscode/live_trader.log" for home in homes]
    wait_until(lambda: all(log.exists() and "bar" in log.read_text() for log in logs), 60)
    assert not _files_with(day, token), "the token lies on a disk"

    stopped = _play(day, "stop")
    assert stopped.status == 0, stopped.output
    wait_until(lambda: day.states() == {"stopped"}, 60)
    assert "qa is stopped, 3 hosts." in stopped.output
    assert _play(day, "stop").status == 0, "stopping twice is no error"


def _files_with(day: Day, text: str) -> list[Path]:
    files = [path for path in day.aws.state.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if text.encode() in path.read_bytes()]
