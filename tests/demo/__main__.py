# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`python -m tests.demo`."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.day.trading_day import seeded_day
from tests.demo.environment import Environment
from tests.demo.errors import DemoError
from tests.demo.market_day import MarketDay
from tests.demo.screen import Screen
from tests.local_aws.hosts.programs import complaint_about_programs
from tests.local_aws.seed import BUCKETS

MODELS = 6
WHERE = """
site.yml, roles/          what was provisioned, by the values in inventories/{environment}/
files/lambda/             what the schedules invoked
files/run.sh              what started and stopped the services on the hosts
tests/workload/           the feed and the trader of this day, in place of the real ones
tests/local_aws/          the AWS that all of it ran on, which is gone now

Next: make demo ENV=qa, make test, or make local-aws for an AWS to try things out on."""


def demonstrate(environment: str, screen: Screen) -> None:
    """Show everything, each step on what the earlier ones left."""
    with ExitStack() as stack:
        with screen.step("Seed: an account as it is before the first run, and the repository that hosts check out"):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trading-demo-")))
            day = stack.enter_context(seeded_day(folder, environment, models=MODELS))
            screen.say(f"{MODELS} models in s3://{BUCKETS[environment]}; the workload at {day.url}")
            screen.say(f"A local AWS answers at {day.aws.endpoint_url}")
        Environment(day, screen).provision()
        MarketDay(day, screen).live()


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description="A trading day on a local AWS.")
    parser.add_argument("--env", choices=sorted(BUCKETS), default="dev", help="the environment to show (default: dev)")
    environment = parser.parse_args().env
    # However it is interrupted, what it started ends first.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    screen = Screen()
    try:
        if complaint := complaint_about_programs():
            raise DemoError(complaint)
        demonstrate(environment, screen)
    except DemoError as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe demo was interrupted; all that it started has ended.", file=sys.stderr)
        return 130
    screen.show_times()
    screen.say(WHERE.format(environment=environment))
    return 0


if __name__ == "__main__":
    sys.exit(main())
