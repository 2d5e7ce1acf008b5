# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long it takes to launch many servers when EC2 takes calls no faster than AWS does."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from benchmarks.measure import Watch, measure
from benchmarks.phases import FROM_NOTHING, NO_OP, World
from benchmarks.tools import Playbooks
from tests.integration.account import Account
from tests.local_aws import LocalAws
from tests.local_aws.rates import least_seconds

_REFUSED = 503


@dataclass(frozen=True)
class Launches:
    """A run that launches all servers, one that has nothing to do, and the calls of the first.

    EC2's rates allow it all in the least seconds; most refusals are those of the call that was refused most often.
    """

    seconds: float
    idle_seconds: float
    least_seconds: float
    made: Counter[str]
    refused: Counter[str]
    most_refusals: int


def launch(models: int) -> Launches:
    """Provision an environment of one model; then let it have all of them."""
    tool = Playbooks()
    with LocalAws() as aws:
        account = Account(aws)
        World(account, 1).seed()
        measure(tool.command(FROM_NOTHING), aws.environ, tool.folder)
        idle, _ = measure(tool.command(NO_OP), aws.environ, tool.folder)
        world = World(account, models)
        world.seed()
        aws.limit_rates()
        watch = Watch(aws)
        usage, _ = measure(tool.command(FROM_NOTHING), aws.environ, tool.folder)
        made = watch.read(usage).calls
        refusals = [call for call in aws.calls() if call.status == _REFUSED]
        refused = Counter(f"{call.service}:{call.operation}" for call in refusals)
        most = max(Counter(call.invocation for call in refusals).values(), default=0)
        aws.limit_rates(False)
        world.check(0)
        taken = made - refused
        least = least_seconds("RunInstances", taken["ec2:RunInstances"])
        return Launches(usage.seconds, idle.seconds, least, taken, refused, most)
