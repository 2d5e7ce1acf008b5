# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run is killed while it launches servers, and run again."""

from __future__ import annotations

import subprocess

from tests.integration.account import Account
from tests.integration.killing import kill, wait_until
from tests.playbook import Site, start_playbook

SERVERS = 20
LAUNCHED = 7
UNDER_WAY = 5


def test_twenty_servers_are_twenty_servers_though_the_run_is_killed(account: Account, site: Site) -> None:
    """Seen failing with 25 servers when each launch has a client token of its own."""
    account.seed("qa", models=SERVERS, symbols=5)
    # The first launch is the ingest node's.
    account.aws.hold("RunInstances", after=1 + LAUNCHED, count=UNDER_WAY)
    killed = start_playbook("qa", account.aws.environ)
    _kill_when_launches_wait(account, killed)
    assert LAUNCHED <= len(account.traders("qa")) < SERVERS

    site("qa")
    assert len(account.traders("qa")) == SERVERS

    # The killed run's last requests reach EC2 only now, when their servers are there already.
    account.aws.release()
    wait_until(lambda: account.aws.waiting() == 0)
    traders = account.traders("qa")
    assert len({trader.name for trader in traders}) == len(traders) == SERVERS
    assert site("qa").changed == 0


def _kill_when_launches_wait(account: Account, process: subprocess.Popen[str]) -> None:
    try:
        wait_until(lambda: account.aws.waiting() == UNDER_WAY)
    finally:
        kill(account.aws, process)
