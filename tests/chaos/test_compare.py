# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the campaign compares finds what is lost, doubled or another environment's, and nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.chaos.compare import differences, of_environment, of_others
from tests.chaos.points import PHASES, draw
from tests.integration.census import Entry

HOST = Entry(
    "instance",
    "trading-server-qa-SOXL",
    {"InstanceId": "i-0123456789abcdef0", "LaunchTime": "10:00", "InstanceType": "t3.small"},
)
VOLUME = Entry("volume", "trading-server-qa-SOXL", {"VolumeId": "vol-0123456789abcdef0", "of": "i-0123456789abcdef0"})
NEIGHBOUR = Entry("role", "trading_server_instance_role_dev", {"CreateDate": "10:00", "attached": []})
BUCKET = Entry("bucket", "algo-model-deploy", {"objects": ["models/a"]})
ACCOUNT = [HOST, VOLUME, NEIGHBOUR, BUCKET]


def test_ids_and_times_of_the_environment_are_its_own_affair() -> None:
    again = [
        replace(HOST, described={**HOST.described, "InstanceId": "i-0fedcba9876543210", "LaunchTime": "11:00"}),
        replace(VOLUME, described={"VolumeId": "vol-0fedcba9876543210", "of": "i-0fedcba9876543210"}),
        NEIGHBOUR,
        BUCKET,
    ]
    assert differences(of_environment("qa", ACCOUNT), of_environment("qa", again)) == []
    assert differences(of_others("qa", ACCOUNT), of_others("qa", again)) == []


@pytest.mark.parametrize("gone", [HOST, VOLUME])
def test_what_is_lost_is_missing(gone: Entry) -> None:
    left = [entry for entry in ACCOUNT if entry != gone]
    assert f"missing: {gone.kind} {gone.name}" in _told(of_environment("qa", ACCOUNT), of_environment("qa", left))


def test_what_is_there_twice_is_too_much() -> None:
    twice = [*ACCOUNT, replace(HOST, described={**HOST.described, "InstanceId": "i-0fedcba9876543210"})]
    assert f"too much: instance {HOST.name}" in _told(of_environment("qa", ACCOUNT), of_environment("qa", twice))


def test_of_what_is_changed_the_change_is_told() -> None:
    larger = [replace(HOST, described={**HOST.described, "InstanceType": "t3.large"}), VOLUME]
    told = _told(of_environment("qa", ACCOUNT), of_environment("qa", larger))
    assert told == f"changed: instance {HOST.name} from ['.InstanceType=t3.small'] to ['.InstanceType=t3.large']"


@pytest.mark.parametrize(
    "changed",
    [
        [HOST, VOLUME, BUCKET],
        [HOST, VOLUME, replace(NEIGHBOUR, described={"CreateDate": "11:00", "attached": []}), BUCKET],
        [HOST, VOLUME, NEIGHBOUR, replace(BUCKET, described={"objects": []})],
        [*ACCOUNT, Entry("volume", "", {"VolumeId": "vol-0fedcba9876543210"})],
    ],
    ids=["a neighbour's role is gone", "it was made anew", "a model is gone", "an orphan without a name"],
)
def test_everything_else_stays_as_it_is(changed: list[Entry]) -> None:
    assert differences(of_others("qa", ACCOUNT), of_others("qa", changed))


def test_one_parameter_of_the_lock_is_like_another() -> None:
    first, later = (Entry("parameter", f"/algotrading/qa/lock/{number}", number) for number in ("000001", "000004"))
    assert differences(of_environment("qa", [first]), of_environment("qa", [later])) == []
    assert differences(of_environment("qa", [first]), of_environment("qa", [first, later]))


def test_a_seed_is_always_the_same_and_the_phases_take_turns() -> None:
    assert draw(17) == draw(17)
    assert draw(17) != draw(20)
    assert Counter(draw(seed).phase for seed in range(99)) == dict.fromkeys(PHASES, 33)
    assert 1 <= draw(17).call(50) <= 50


def _told(expected: Counter[str], found: Counter[str]) -> str:
    return "\n".join(differences(expected, found))
