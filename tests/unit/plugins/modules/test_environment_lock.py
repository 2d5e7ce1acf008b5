# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module environment_lock. Two whole runs at once are in tests/integration/test_two_at_once.py."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils._environment_lock import LockError
from ansible_collections.algotrading.aws.plugins.module_utils._process import start_of, this_machine
from ansible_collections.algotrading.aws.plugins.modules.environment_lock import EnvironmentLock, Parameters, main

from tests.unit.plugins.support import Account, Disturbance, Outcome, RunModule

PATH = "/algotrading/qa/lock"
# No process has this number: Linux ends at 2**22, macOS at 99,999.
NO_PROCESS = 2**22 + 1


def run_on(host: str, pid: int = 4242) -> dict[str, Any]:
    """A run on another machine."""
    return {"who": "alice", "host": host, "machine": f"boot of {host}", "pid": pid, "started": "1", "job": ""}


def run_here(pid: int | None = None, **told: Any) -> dict[str, Any]:
    """A run on this machine, this test's own process where it names none."""
    pid = os.getpid() if pid is None else pid
    return {**run_on("here", pid), "machine": this_machine(), "started": start_of(pid), **told}


MINE = {**run_on("mine"), "who": "bob"}


class Environment:
    """The lock of qa, and the module applied to it."""

    def __init__(self, aws: Account, run_module: RunModule) -> None:
        self.aws, self.run_module = aws, run_module
        self.ssm = aws.client("ssm")

    def run(self, state: str = "present", *, check: bool = False, **args: Any) -> Outcome:
        self.aws.forget_calls()
        return self.run_module(main, check=check, **{"environment": "qa", "state": state, "run": MINE, **args})

    def put(self, generation: int, run: dict[str, Any], *, minutes: float = 60, released: bool = False) -> None:
        """Write a lock that ends so many minutes from now."""
        now = datetime.now(UTC)
        times = {"taken_at": now.isoformat(), "expires_at": (now + timedelta(minutes=minutes)).isoformat()}
        self.write(generation, json.dumps({**run, **times, "released": released}))

    def write(self, generation: int, value: str) -> None:
        self.ssm.put_parameter(Name=f"{PATH}/{generation:06}", Value=value, Type="String", Overwrite=True)

    def locks(self) -> dict[int, dict[str, Any]]:
        found = self.ssm.get_parameters_by_path(Path=PATH)["Parameters"]
        return {int(each["Name"][-6:]): json.loads(each["Value"]) for each in found}

    def holders(self) -> list[tuple[int, str, bool]]:
        """Number, host and whether it is released, of each generation."""
        return [(number, lock["host"], lock["released"]) for number, lock in sorted(self.locks().items())]


@pytest.fixture
def qa(aws: Account, run_module: RunModule) -> Environment:
    return Environment(aws, run_module)


def test_a_lock_is_taken_and_released(qa: Environment) -> None:
    taken = qa.run()
    assert taken.changed
    assert taken["lock"]["name"] == f"{PATH}/000001"
    assert taken["diff"] == {"before": {}, "after": taken["lock"]}
    assert qa.locks() == {1: {key: value for key, value in taken["lock"].items() if key != "name"}}
    lease = datetime.fromisoformat(taken["lock"]["expires_at"]) - datetime.fromisoformat(taken["lock"]["taken_at"])
    assert lease == timedelta(hours=1)
    assert qa.run("released").changed
    assert qa.holders() == [(1, "mine", True)]
    again = qa.run("released")
    assert not again.changed
    assert qa.aws.changes() == []


def test_the_next_run_takes_the_next_number(qa: Environment) -> None:
    """SSM wants 30 seconds before a deleted parameter is created again; seen failing when a release deletes its own."""
    qa.run()
    qa.run("released")
    assert qa.run(run=run_on("other")).changed
    assert qa.holders() == [(1, "mine", True), (2, "other", False)]
    qa.run("released", run=run_on("other"))
    assert qa.holders() == [(2, "other", True)]


def test_a_run_renews_its_lock(qa: Environment) -> None:
    qa.run(lease_seconds=60)
    renewed = qa.run(lease_seconds=7200)
    assert renewed["lock"]["name"] == f"{PATH}/000002"
    assert renewed.warnings == []
    assert qa.run("released").changed
    assert qa.holders() == [(2, "mine", True)]


def test_a_live_run_on_another_machine_is_left_alone(qa: Environment) -> None:
    """Seen failing when why_free() does not look at expires_at."""
    qa.put(7, {**run_on("build-1"), "job": "99"})
    refused = qa.run().msg
    assert refused.startswith("qa is being changed by AWX job 99 of alice on build-1 (process 4242) since 2")
    assert " UTC: wait until that run has ended, at the latest until 2" in refused
    assert refused.endswith(f" UTC, or delete the parameter {PATH}/000007 if you know that it is gone")
    assert qa.aws.changes() == []


def test_an_expired_lock_of_another_machine_is_taken_over(qa: Environment) -> None:
    """Seen failing when why_free() raises whatever the time is."""
    qa.put(7, run_on("build-1"), minutes=-1)
    taken = qa.run()
    assert taken.changed
    (warning,) = taken.warnings
    assert warning.startswith("This run takes the lock over, as alice on build-1 (process 4242) was to be through by ")
    assert qa.holders() == [(7, "build-1", False), (8, "mine", False)]
    qa.run("released")
    assert qa.holders() == [(8, "mine", True)]


def test_a_live_run_on_this_machine_is_left_alone_however_long_it_takes(qa: Environment) -> None:
    """Seen failing when why_free() looks at the time before it looks at the process."""
    qa.put(7, run_here(), minutes=-600)
    assert "at the latest" not in qa.run(run=run_here(NO_PROCESS)).msg
    assert qa.aws.changes() == []


@pytest.mark.parametrize("gone", [{"pid": NO_PROCESS}, {"started": "0"}], ids=["no process", "another process"])
def test_a_run_that_was_killed_on_this_machine_is_taken_over_at_once(qa: Environment, gone: dict[str, Any]) -> None:
    """Seen failing when has_ended() returns False, and for another process when it looks at the number only."""
    qa.put(7, {**run_here(), **gone})
    taken = qa.run(run=run_here(who="bob"))
    assert taken.changed
    assert "has ended without releasing it" in taken.warnings[0]


def test_the_same_number_on_another_machine_is_another_process(qa: Environment) -> None:
    """Seen failing when why_free() compares no machines."""
    qa.put(7, run_on("other-container", NO_PROCESS))
    assert "is being changed by" in qa.run(run=run_here()).msg


def test_of_many_who_take_over_at_once_one_wins(qa: Environment) -> None:
    """Seen failing when _put() overwrites: then all of them win."""
    qa.put(7, run_on("build-1"), minutes=-1)
    many = 8
    barrier = threading.Barrier(many)

    def steal(number: int) -> bool:
        client = qa.aws._aws.client("ssm")
        parameters = Parameters(client, PATH, check_mode=False)
        params = {"run": run_on(f"thief-{number}"), "lease_seconds": 3600}
        lock = EnvironmentLock(parameters, SimpleNamespace(params=params, warn=str))
        seen = parameters.read()
        barrier.wait(30)
        try:
            lock.present(seen)
        except LockError:
            return False
        return True

    with ThreadPoolExecutor(many) as pool:
        winners = [number for number, won in enumerate(pool.map(steal, range(many))) if won]
    assert qa.holders() == [(7, "build-1", False), (8, f"thief-{winners[0]}", False)]
    assert len(winners) == 1


def before_create(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Let others act once, between this run's look at the list and its try."""
    create, left = Parameters.create, [act]

    def late(self: Parameters, lock: Any) -> Any:
        if left:
            left.pop()()
        return create(self, lock)

    monkeypatch.setattr(Parameters, "create", late)


def test_a_run_that_slept_does_not_take_a_number_that_is_over(qa: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen failing when present() does not read again after it has created its number."""

    def meanwhile() -> None:
        qa.put(9, run_on("build-2"))
        qa.ssm.delete_parameters(Names=[f"{PATH}/000007", f"{PATH}/000008"])

    qa.put(7, run_on("build-1"), released=True)
    before_create(monkeypatch, meanwhile)
    assert "is being changed by alice on build-2" in qa.run().msg
    assert qa.holders() == [(9, "build-2", False)]


def test_a_faster_run_that_is_through_is_no_obstacle(qa: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    before_create(monkeypatch, lambda: qa.put(1, run_on("build-2"), released=True))
    assert qa.run().changed
    assert qa.holders() == [(1, "build-2", True), (2, "mine", False)]


def test_an_answer_that_is_lost_makes_no_foreign_lock(qa: Environment) -> None:
    """Botocore tries again, and SSM says that the parameter is there: it is this run's own."""
    qa.aws._aws.lose_answer("ssm", "PutParameter")
    assert qa.run().changed
    assert qa.aws.changes() == ["PutParameter", "PutParameter"]
    assert qa.holders() == [(1, "mine", False)]


def test_a_parameter_that_is_just_made_may_be_unknown_for_a_moment(
    qa: Environment, monkeypatch: pytest.MonkeyPatch, disturbance: Disturbance, naps: list[float]
) -> None:
    before_create(monkeypatch, lambda: qa.put(1, run_on("build-2")))
    unknown = json.dumps({"__type": "ParameterNotFound", "message": "made up"})
    disturbance.answer(f'{{"Name": "{PATH}/000001"}}', body=unknown, status=400, times=2)
    assert "is being changed by alice on build-2" in qa.run().msg
    assert len(naps) == 2


def test_a_lock_that_was_taken_over_is_not_released(qa: Environment) -> None:
    """Seen failing when released() marks this run's number whatever the newest one is."""
    qa.run(lease_seconds=60)
    qa.put(2, run_on("build-1"))
    left = qa.run("released")
    assert not left.changed
    assert left.warnings == [
        "The lock is that of alice on build-1 (process 4242), who took it over when this run's had expired"
    ]
    assert qa.holders() == [(1, "mine", False), (2, "build-1", False)]
    assert "is being changed by alice on build-1" in qa.run().msg


def test_another_runs_lock_is_not_released(qa: Environment) -> None:
    qa.put(7, run_on("build-1"))
    left = qa.run("released")
    assert not left.changed
    assert left.warnings == []
    assert qa.holders() == [(7, "build-1", False)]


def test_nothing_is_left_of_a_lock(qa: Environment) -> None:
    for generation in range(1, 13):
        qa.put(generation, run_on("build-1"), minutes=-1)
    qa.run()
    assert qa.run("absent").changed
    assert qa.locks() == {}
    assert not qa.run("absent").changed
    assert not qa.run("released").changed


def test_another_runs_lock_is_not_deleted(qa: Environment) -> None:
    qa.put(7, run_on("build-1"))
    assert "is being changed by" in qa.run("absent").msg
    assert qa.holders() == [(7, "build-1", False)]


@pytest.mark.parametrize("state", ["present", "released", "absent"])
def test_check_mode_says_what_a_run_does_and_does_nothing(qa: Environment, state: str) -> None:
    qa.run()
    predicted = qa.run(state, check=True)
    assert predicted.changed
    assert qa.aws.changes() == []
    assert qa.run(state)["diff"].keys() == predicted["diff"].keys()


def test_check_mode_is_not_refused(qa: Environment) -> None:
    qa.put(7, run_on("build-1"))
    outcome = qa.run(check=True)
    assert not outcome.changed
    (warning,) = outcome.warnings
    assert warning.startswith("qa is being changed by alice on build-1")
    assert outcome["lock"]["host"] == "build-1"
    assert qa.aws.changes() == []


@pytest.mark.parametrize("value", ["nonsense", "{}", "[]", '"x"', "1"])
def test_a_lock_that_says_nothing_is_refused(qa: Environment, value: str) -> None:
    qa.write(7, value)
    refused = qa.run().msg
    assert refused.startswith("qa has a lock that says nothing (")
    assert refused.endswith(f"): delete the parameter {PATH}/000007")
    assert qa.aws.changes() == []


def test_environments_do_not_see_each_other(qa: Environment) -> None:
    qa.put(7, run_on("build-1"))
    assert qa.run(environment="dev").changed
    assert qa.run("absent", environment="dev").changed
    assert qa.holders() == [(7, "build-1", False)]


def test_an_unknown_environment_is_refused(qa: Environment) -> None:
    assert qa.run(environment="staging").msg == "'staging' is not an environment: name one of dev, qa, prod"


def test_a_caller_who_may_not_hears_it(qa: Environment, stranger: dict[str, Any]) -> None:
    assert "Failed to look for the lock" in qa.run(**stranger).msg


def test_without_its_action_plugin_it_says_so(qa: Environment) -> None:
    assert "The action plugin algotrading.aws.environment_lock is missing" in qa.run(run=None).msg
