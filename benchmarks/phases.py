# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What happens to an environment, step by step, and what must be true after each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.measure import BenchmarkError
from tests.integration.account import Account
from tests.local_aws.seed import BUCKETS, Seed, apply_seed
from tests.local_aws.seed_models import SYMBOLS, delete_model, model_names

ENVIRONMENT = "qa"
# So many models come, and so many go again.
STEP = 5


class World:
    """The account: its models, and the servers that they should have."""

    def __init__(self, account: Account, models: int) -> None:
        self._account = account
        self._models = models

    def seed(self) -> None:
        """Make what is there before the first run; the network is not."""
        self._upload(self._models)

    def add(self) -> None:
        """Upload some more models."""
        self._upload(self._models + STEP)

    def retire(self) -> None:
        """Remove these again."""
        names = model_names(self._models + STEP, len(SYMBOLS))
        for name in names[self._models :]:
            delete_model(self._account.s3, BUCKETS[ENVIRONMENT], *name)

    def check(self, more: int) -> None:
        """Complain where the servers that run are not one for each model."""
        running = [host.name for host in self._account.traders(ENVIRONMENT) if host.state == "running"]
        if len(set(running)) != len(running) or len(running) != self._models + more:
            raise BenchmarkError(f"{len(running)} servers run, and {self._models + more} should")

    def check_is_gone(self) -> None:
        """Complain where a host is left, even if it is stopped."""
        if hosts := self._account.hosts(ENVIRONMENT):
            raise BenchmarkError(f"{len(hosts)} hosts are left")

    def _upload(self, models: int) -> None:
        seed = Seed(environment=ENVIRONMENT, models=models, symbols=len(SYMBOLS), network=False)
        apply_seed(seed, self._account.aws.client)


@dataclass(frozen=True)
class Phase:
    """A step: what comes before it, and what is looked at after it."""

    name: str
    check: Callable[[World], None]
    prepare: Callable[[World], None] = lambda world: None
    changes: bool = True


FROM_NOTHING = Phase("from nothing", lambda world: world.check(0), World.seed)
NO_OP = Phase("no-op", lambda world: world.check(0), changes=False)
CHECK = Phase("check", lambda world: world.check(0), changes=False)
ADD = Phase(f"add {STEP}", lambda world: world.check(STEP), World.add)
RETIRE = Phase(f"retire {STEP}", lambda world: world.check(0), World.retire)
DESTROY = Phase("destroy", World.check_is_gone)

PHASES: tuple[Phase, ...] = (FROM_NOTHING, NO_OP, CHECK, ADD, RETIRE, DESTROY)
