# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The filter environment_status: what is wrong with an environment."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.plugins.loader import filter_loader

COMMIT = "c0ffee" * 6 + "c0de"
OTHER = "0" * 40
INGEST = {"nats": "running", "feed": "running", "dashboard": "running"}
TRADER = {"upload": "running", "trader": "running"}


class Environment:
    """An environment in which all is well, until a test says otherwise."""

    def __init__(self) -> None:
        self.instances: list[dict[str, Any]] = []
        self.health: dict[str, dict[str, Any]] = {}
        self.asked: dict[str, Any] = {"instances": [], "failed": False}
        self.add("i-2", "trading-qa-b", "trader", TRADER, uploaded="2026-02-02T20:59:59Z", model="b")
        self.add("i-1", "ingest-qa", "ingest", INGEST, feed_lag=2)
        self.add("i-3", "trading-qa-a", "trader", TRADER, uploaded=None, model="a")

    def add(
        self, instance_id: str, name: str, role: str, services: dict[str, str], model: str = "", **said: Any
    ) -> None:
        tags = {"Name": name, "Role": role, "Environment": "qa"}
        if model:
            tags |= {"ModelType": "long", "Symbol": "SOXL", "ModelNumber": model}
        self.instances.append({"instance_id": instance_id, "tags": tags, "state": {"name": "running"}})
        self.is_now(instance_id, "running")
        self.says(instance_id, json.dumps({"services": services, "commit": COMMIT, "error": None} | said))

    def is_now(self, instance_id: str, state: str, reason: str = "", agent: str | None = "Online") -> None:
        check = "ok" if state == "running" else "not-applicable"
        self.health[instance_id] = {
            "instance_id": instance_id,
            "state": state,
            "instance_status": check,
            "system_status": check,
            "agent": agent,
            "reason": reason,
        }

    def says(self, instance_id: str, stdout: str, reason: str = "") -> None:
        others = [each for each in self.asked["instances"] if each["instance_id"] != instance_id]
        self.asked["instances"] = [*others, {"instance_id": instance_id, "stdout": stdout, "reason": reason}]

    def change(self, instance_id: str, **said: Any) -> None:
        """Let a host say something else."""
        (answer,) = [each for each in self.asked["instances"] if each["instance_id"] == instance_id]
        self.says(instance_id, json.dumps(json.loads(answer["stdout"]) | said))

    def status(self, *arguments: Any) -> dict[str, Any]:
        status_of = filter_loader.get("algotrading.aws.environment_status").j2_function
        status: dict[str, Any] = status_of(self.instances, "qa", list(self.health.values()), self.asked, *arguments)
        assert status["ok"] == (not status["problems"])
        return status

    def problems(self, *arguments: Any) -> list[str]:
        problems: list[str] = self.status(*arguments)["problems"]
        return problems


@pytest.fixture
def environment() -> Environment:
    return Environment()


def test_all_is_well(environment: Environment) -> None:
    environment.says("i-2", "starting\n" + environment.asked["instances"][0]["stdout"] + "\n")
    status = environment.status()
    assert list(status) == ["environment", "expected", "ok", "problems", "hosts"]
    assert (status["environment"], status["expected"], status["ok"]) == ("qa", "running", True)
    assert [host["name"] for host in status["hosts"]] == ["ingest-qa", "trading-qa-a", "trading-qa-b"]
    assert status["hosts"][0]["feed_lag"] == 2
    assert status["hosts"][2] == {
        "name": "trading-qa-b",
        "instance_id": "i-2",
        "role": "trader",
        "model_type": "long",
        "symbol": "SOXL",
        "model_number": "b",
        "state": "running",
        "instance_status": "ok",
        "system_status": "ok",
        "agent": "Online",
        "services": TRADER,
        "commit": COMMIT,
        "uploaded": "2026-02-02T20:59:59Z",
        "feed_lag": None,
        "problems": [],
    }


def test_an_environment_that_is_stopped_is_well_unless_it_is_to_run(environment: Environment) -> None:
    for instance_id in environment.health:
        environment.is_now(instance_id, "stopped", "is stopped, and start is false", agent=None)
    environment.asked = {"skipped": True}
    assert environment.status()["expected"] == "stopped"
    assert environment.problems() == []
    assert environment.problems(True) == [
        "ingest-qa: is stopped",
        "trading-qa-a: is stopped",
        "trading-qa-b: is stopped",
    ]


@pytest.mark.parametrize(("instance_id", "name"), [("i-1", "ingest-qa"), ("i-2", "trading-qa-b")])
def test_where_one_host_runs_all_are_to_run(environment: Environment, instance_id: str, name: str) -> None:
    environment.is_now(instance_id, "stopping", "is stopping, and start is false", agent=None)
    assert environment.problems() == [f"{name}: is stopping"]


def test_a_host_that_is_not_healthy_says_what_its_health_says(environment: Environment) -> None:
    environment.is_now("i-1", "running", "its system status check is impaired")
    environment.is_now("i-2", "running", "its SSM agent is ConnectionLost", agent="ConnectionLost")
    environment.asked["instances"] = [each for each in environment.asked["instances"] if each["instance_id"] != "i-2"]
    assert environment.problems() == [
        "ingest-qa: its system status check is impaired",
        "trading-qa-b: its SSM agent is ConnectionLost",
    ]


def test_services_that_do_not_run_are_named(environment: Environment) -> None:
    environment.change("i-2", services={"upload": "stopped", "trader": "failed"})
    assert environment.problems() == ["trading-qa-b: upload is stopped, trader is failed"]


def test_who_does_not_answer_does_not_spoil_the_rest(environment: Environment) -> None:
    environment.says("i-2", "", reason="ExecutionTimedOut")
    environment.says("i-3", "[1]", reason="")
    assert environment.problems() == [
        "trading-qa-a: does not tell its status: run.sh said nothing of services",
        "trading-qa-b: does not tell its status: ExecutionTimedOut",
    ]
    assert environment.status()["hosts"][0]["services"] == INGEST


def test_a_command_that_could_not_be_sent_is_told_of_every_host(environment: Environment) -> None:
    environment.asked = {"failed": False, "msg": "Failed to send the command: AccessDeniedException"}
    problems = environment.problems()
    assert len(problems) == 3
    assert all("does not tell its status: Failed to send the command: AccessDenied" in problem for problem in problems)


def test_all_run_the_commit_of_the_ingest_node(environment: Environment) -> None:
    environment.change("i-1", commit=OTHER)
    assert environment.problems() == [
        "trading-qa-a: runs commit c0ffeec, and the ingest node 0000000",
        "trading-qa-b: runs commit c0ffeec, and the ingest node 0000000",
    ]


def test_without_an_ingest_node_the_commit_of_most_hosts_counts(environment: Environment) -> None:
    environment.add("i-4", "trading-qa-c", "trader", TRADER, commit=OTHER)
    environment.instances = [each for each in environment.instances if each["instance_id"] != "i-1"]
    assert environment.problems() == [
        "qa has no ingest node",
        "trading-qa-c: runs commit 0000000, and most hosts c0ffeec",
    ]


def test_two_hosts_of_one_name_are_a_problem_even_when_they_are_stopped(environment: Environment) -> None:
    environment.add("i-4", "trading-qa-a", "trader", TRADER)
    for instance_id in environment.health:
        environment.is_now(instance_id, "stopped", agent=None)
    assert environment.problems() == ["trading-qa-a is there 2 times: i-3, i-4"]


def test_no_hosts_are_a_problem(environment: Environment) -> None:
    environment.instances = []
    assert environment.problems() == ["qa has no hosts: site.yml makes them"]


def test_what_a_host_says_is_taken_with_care(environment: Environment) -> None:
    environment.change("i-1", commit="\x1b[2J", feed_lag=True)
    environment.change("i-2", services={"upload\x1b[2J": "running", "trader": "\x1b[31mfine"}, uploaded="\x1b[2J")
    environment.change("i-3", services=["trader"])
    status = environment.status()
    assert [(host["commit"], host["uploaded"], host["feed_lag"]) for host in status["hosts"]] == [
        (None, None, None),
        (COMMIT, None, None),
        (COMMIT, None, None),
    ]
    assert "\\u001b" not in json.dumps(status)
