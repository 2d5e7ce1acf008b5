# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which parts the local AWS is made of, in the order in which they are asked."""

from __future__ import annotations

from tests.local_aws.clock.clock import Clock
from tests.local_aws.clock.part import Schedules
from tests.local_aws.control_plane import ControlPlane
from tests.local_aws.credentials import Credentials
from tests.local_aws.faults.part import Faults
from tests.local_aws.front import Part
from tests.local_aws.functions.part import Functions
from tests.local_aws.gaps import Gaps
from tests.local_aws.hosts import Hosts
from tests.local_aws.rates import Rates
from tests.local_aws.sessions import Sessions
from tests.local_aws.strict import Strict
from tests.local_aws.tokens import ClientTokens


def build_parts(clock: Clock, hosts: bool = False, rates: bool = False) -> list[Part]:
    """Return new parts for one account; with `hosts`, its instances live, and with `rates` EC2's request rates hold."""
    functions = Functions(clock)
    living = build_living() if hosts else []
    running: list[Part] = [functions, Schedules(clock, functions)]
    return [
        Credentials(),
        Rates(rates),
        ClientTokens(),
        Faults(),
        Strict(),
        Gaps(),
        *living,
        *running,
        ControlPlane(),
    ]


def build_living() -> list[Part]:
    """Return the parts that let instances live."""
    hosts = Hosts()
    return [hosts, Sessions(hosts)]
