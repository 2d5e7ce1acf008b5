# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The fleet follows the models in S3."""

from __future__ import annotations

from pathlib import Path

from tests.integration.account import Account
from tests.local_aws.seed import BUCKETS
from tests.local_aws.seed_models import delete_model, model_names, put_model
from tests.playbook import REPOSITORY, Site

BUCKET = BUCKETS["qa"]


def test_every_model_of_a_large_bucket_is_found_and_near_misses_are_named(account: Account, site: Site) -> None:
    account.seed("qa", models=60, symbols=10, objects_per_model=30, near_misses=True, hostile=True)
    run = site("qa")

    traded = sorted(
        (host.tags["ModelType"], host.tags["Symbol"], host.tags["ModelNumber"]) for host in account.traders("qa")
    )
    assert traded == sorted(model_names(60, 10))
    for near_miss in ("_48_v2/", "inner_48.bak/", "is a file beside", "holds nothing but logs", "$(touch pwned)"):
        assert near_miss in run.output, f"no warning names {near_miss}"
    assert not list(REPOSITORY.glob("**/pwned")), "a key of S3 ran as code"
    assert not (Path.home() / "pwned").exists()


def test_the_fleet_follows_models_that_come_and_go(account: Account, site: Site) -> None:
    account.seed("qa", models=10, symbols=5)
    site("qa")
    before = {host.name: host for host in account.hosts("qa")}
    removed = model_names(10, 5)[3]
    added = [("long", "NVDA", f"nvda_long-outer_{number}_inner_1") for number in (1, 2)]
    gone = next(name for name in before if name.endswith(removed[2]))

    for model in added:
        put_model(account.s3, BUCKET, *model)
    delete_model(account.s3, BUCKET, *removed)
    account.aws.forget_calls()
    site("qa")

    calls = account.mutating_calls()
    assert sorted(calls) == ["ec2:CreateTags", "ec2:RunInstances", "ec2:RunInstances", "ec2:StopInstances"]
    after = {host.name: host for host in account.hosts("qa")}
    assert after[gone].state == "stopped"
    assert "Retired" in after[gone].tags
    for name in before.keys() - {gone}:
        assert (after[name].instance_id, after[name].launch_time) == (
            before[name].instance_id,
            before[name].launch_time,
        )
        assert after[name].state == "running"
    assert site("qa").changed == 0

    put_model(account.s3, BUCKET, *removed)
    account.aws.forget_calls()
    site("qa")

    assert "ec2:RunInstances" not in account.mutating_calls()
    back = {host.name: host for host in account.hosts("qa")}[gone]
    assert (back.instance_id, back.state) == (before[gone].instance_id, "running")
    assert "Retired" not in back.tags
