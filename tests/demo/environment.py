# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The environment comes into being, stays as it is, and follows its models."""

from __future__ import annotations

from tests.day.trading_day import Day
from tests.demo.errors import DemoError
from tests.demo.playbook_lines import PlaybookLines
from tests.demo.screen import Screen
from tests.local_aws.seed import BUCKETS
from tests.local_aws.seed_models import delete_model, model_names, put_model
from tests.playbook import run_playbook

ADDED = ("long", "NVDA", "nvda_long-outer_21_inner_7")


class Environment:
    """Runs the playbook three times."""

    def __init__(self, day: Day, screen: Screen) -> None:
        self._day = day
        self._screen = screen
        self._arguments = (*day.arguments, "-e", "trading_automation=true")

    def provision(self) -> None:
        environment = self._day.environment
        screen = self._screen
        with screen.step(f"Provision: ansible-playbook site.yml -i inventories/{environment}"):
            screen.say(f"With {' '.join(self._arguments)}")
            screen.say("as here the schedules are to be seen, and inventories/dev leaves the start to a person.")
            screen.say("Each role looks first, all of them before the first change; then they act.\n")
            self._play()
        with screen.step("Run it again: nothing changes"):
            self._check_changes(self._play(), 0)
        removed = model_names(1)[0]
        with screen.step("A model comes, another one goes, and it is run again"):
            screen.say(f"Uploaded: {'/'.join(ADDED)}. Deleted: {'/'.join(removed)}.\n")
            bucket = BUCKETS[environment]
            put_model(self._day.account.s3, bucket, *ADDED)
            delete_model(self._day.account.s3, bucket, *removed)
            self._check_changes(self._play(), 1)

    def _play(self) -> int:
        """Run the playbook, show it as it goes, and say how many tasks changed something."""
        environ = {**self._day.aws.environ, "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false"}
        lines = PlaybookLines(self._screen.say)
        run = run_playbook(self._day.environment, environ, *self._arguments, show=lines.take)
        if run.status:
            raise DemoError(f"ansible-playbook ended with status {run.status}.")
        self._screen.say(f"\nansible-playbook: changed={run.changed}")
        return run.changed

    @staticmethod
    def _check_changes(changed: int, wanted: int) -> None:
        if changed != wanted:
            raise DemoError(f"The run changed {changed} things, and should have changed {wanted}.")
