# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All hosts of the account, under the front's lock."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tests.local_aws.account import Account
from tests.local_aws.hosts.host import CODES, Host, host_environment

if TYPE_CHECKING:
    from moto.ec2.models.instances import Instance


class Fleet:
    """The hosts by instance id, and the states that tests have pinned."""

    def __init__(self) -> None:
        self.lock: threading.RLock = threading.RLock()
        self.endpoint_url = ""
        self.folder = Path()
        self._hosts: dict[str, Host] = {}
        self._pinned: dict[str, str] = {}

    def add(self, instance: Instance, region: str) -> Host:
        """Make the host of a new instance."""
        folder = self.folder / instance.id
        environ = host_environment(instance, folder, self.endpoint_url, region)
        host = self._hosts[instance.id] = Host(instance, region, folder, environ)
        self.show(host)
        return host

    def __iter__(self) -> Iterator[Host]:
        return iter(list(self._hosts.values()))

    def find(self, instance_id: str) -> Host | None:
        """Return a host, or nothing."""
        return self._hosts.get(instance_id)

    def of(self, instance_ids: Iterable[str]) -> list[Host]:
        """Return those of the hosts that exist, in the order in which they are named."""
        return [self._hosts[instance_id] for instance_id in instance_ids if instance_id in self._hosts]

    def forget(self) -> None:
        """Have no hosts."""
        self._hosts.clear()
        self._pinned.clear()

    def enter(self, host: Host, state: str) -> None:
        """Bring a host to another state."""
        host.state = state
        self.show(host)

    def show(self, host: Host) -> None:
        """Let moto say the host's state; moto itself knows no ways between states."""
        name = self._pinned.get(host.id, host.state)
        host.instance._state.name = name
        host.instance._state.code = CODES[name]

    def pin(self, host: Host, state: str | None) -> None:
        """Show this state whatever happens to the host; with none, show the real one again."""
        self._pinned.pop(host.id, None)
        if state is not None:
            self._pinned[host.id] = state
        self.show(host)

    def tags(self, host: Host) -> dict[str, str]:
        """Return the instance's tags."""
        return dict(Account(host.region).ec2.tags.get(host.id, {}))
