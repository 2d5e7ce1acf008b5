# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`make demo`: the main job, start to end, on a local AWS."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.local_aws import LocalAws
from tests.local_aws.seed import BUCKETS, Seed, apply_seed
from tests.local_aws.seed_models import delete_model, model_names, put_model
from tests.playbook import run_playbook

ADDED_MODEL = ("long", "NVDA", "nvda_long-outer_21_inner_7")


class DemoError(Exception):
    """The demo did not show what it should."""


class Demo:
    """One environment's life on a local AWS, step by step, with the time of each."""

    def __init__(self, environment: str, aws: LocalAws) -> None:
        self.environment = environment
        self.bucket = BUCKETS[environment]
        self.aws = aws
        self.times: list[tuple[str, float]] = []

    def run(self) -> None:
        with self.step("Seed the account as a user has it before the first run"):
            print(apply_seed(Seed(environment=self.environment, models=6, symbols=3), self.aws.client))
        with self.step(f"Provision: ansible-playbook site.yml -i inventories/{self.environment}"):
            self.provision()
        with self.step("Run it again: nothing changes"):
            changed = self.provision()
            if changed:
                raise DemoError(f"The second run changed {changed} things, and should have changed none")
        removed = model_names(6, 3)[0]
        with self.step(f"Add the model {'/'.join(ADDED_MODEL)}, remove {'/'.join(removed)}, and run again"):
            s3 = self.aws.client("s3")
            put_model(s3, self.bucket, *ADDED_MODEL)
            delete_model(s3, self.bucket, *removed)
            self.provision()
        self.show_fleet()
        self.show_times()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        print(f"\n=== {title}\n", flush=True)
        started = time.monotonic()
        yield
        seconds = time.monotonic() - started
        self.times.append((title, seconds))
        print(f"\n--- {seconds:.1f} s", flush=True)

    def provision(self) -> int:
        """Run the playbook, show it as it goes, and say how many tasks changed something."""
        environ = {**self.aws.environ, "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false"}
        if sys.stdout.isatty():
            environ["ANSIBLE_FORCE_COLOR"] = "1"
        run = run_playbook(self.environment, environ, show=lambda line: print(line, flush=True))
        if run.status:
            raise DemoError(f"ansible-playbook ended with status {run.status}")
        return run.changed

    def show_fleet(self) -> None:
        """Print every server of the environment as EC2 has it, retired ones too."""
        pages = (
            self.aws.client("ec2")
            .get_paginator("describe_instances")
            .paginate(Filters=[{"Name": "tag:Environment", "Values": [self.environment]}])
        )
        rows = [("NAME", "STATE", "ADDRESS", "INSTANCE", "RETIRED")]
        for reservation in pages.search("Reservations[]"):
            for instance in reservation["Instances"]:
                tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
                state = instance["State"]["Name"]
                address = instance["PrivateIpAddress"]
                rows.append((tags["Name"], state, address, instance["InstanceId"], tags.get("Retired", "")))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        print("\n=== The fleet\n")
        for row in [rows[0], *sorted(rows[1:])]:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

    def show_times(self) -> None:
        print("\n=== The time of each step\n")
        for title, seconds in self.times:
            print(f"{seconds:6.1f} s  {title}")
        print(f"{sum(seconds for _title, seconds in self.times):6.1f} s  in all", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", choices=sorted(BUCKETS), default="dev", help="the environment to show (default: dev)")
    environment = parser.parse_args().env
    try:
        with LocalAws() as aws:
            print(f"A local AWS answers at {aws.endpoint_url}")
            Demo(environment, aws).run()
    except DemoError as error:
        print(f"The demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
