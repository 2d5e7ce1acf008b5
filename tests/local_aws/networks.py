# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Networks in the loopback range for each server alone, as the hosts of all servers share this machine's ports."""

from __future__ import annotations

import random
import socket

from tests.local_aws.environment import HOST

ENVIRONMENTS = ("dev", "qa", "prod")
# The second numbers of the addresses 127.N.0.0; a block begins at each, with a network for each environment.
_BLOCKS = range(10, 250, len(ENVIRONMENTS))
# Whoever has bound port 20000 + N has the block. No program is given such a port by the system.
_FIRST_PORT = 20_000


class TakenError(Exception):
    """Another server has the networks."""


class Networks:
    """The networks of a server; they are free again when its process ends, however it ends."""

    def __init__(self, block: int) -> None:
        self.block = block
        self._claim = socket.socket()
        try:
            self._claim.bind((HOST, _FIRST_PORT + block))
        except OSError as error:
            self._claim.close()
            raise TakenError(f"the networks from 127.{block}.0.0 are taken") from error

    @property
    def cidrs(self) -> dict[str, str]:
        """The network of each environment."""
        return {environment: f"127.{self.block + n}.0.0/16" for n, environment in enumerate(ENVIRONMENTS)}

    def release(self) -> None:
        """Leave the networks to others."""
        self._claim.close()


def claim_networks() -> Networks:
    """Claim a block that no other server has; any one, so that nothing comes to depend on which."""
    for block in random.SystemRandom().sample(_BLOCKS, len(_BLOCKS)):
        try:
            return Networks(block)
        except TakenError:
            continue
    raise TakenError(f"all {len(_BLOCKS)} blocks of the loopback range are taken by other servers")
