# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Puts together what is known of an environment's hosts, and says what is wrong with them.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

INGEST = "ingest"
RUNNING = "running"
UP = ("pending", RUNNING)
ONLINE = "Online"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass
class Host:
    """A host as EC2, SSM and its own run.sh describe it."""

    name: str
    instance_id: str
    role: str
    model_type: str | None = None
    symbol: str | None = None
    model_number: str | None = None
    state: str = ""
    instance_status: str | None = None
    system_status: str | None = None
    agent: str | None = None
    services: dict[str, str] = field(default_factory=dict)
    commit: str | None = None
    uploaded: str | None = None
    feed_lag: float | None = None
    problems: list[str] = field(default_factory=list)

    def take(self, said: dict[str, Any]) -> None:
        """Take over what run.sh said. It comes from the host, so that each value is looked at."""
        services = said.get("services")
        if isinstance(services, dict):
            self.services = {_printable(name): _printable(str(state)) for name, state in services.items()}
        self.commit = _matching(_COMMIT, said.get("commit"))
        self.uploaded = _matching(_TIME, said.get("uploaded"))
        lag = said.get("feed_lag")
        self.feed_lag = lag if isinstance(lag, int | float) and not isinstance(lag, bool) else None


def environment_status(
    environment: str,
    instances: list[dict[str, Any]],
    health: list[dict[str, Any]],
    asked: dict[str, Any],
    *,
    expect_running: bool = False,
) -> dict[str, Any]:
    """Say how each host is and what is wrong.

    Args:
        environment: The environment.
        instances: Its instances, as M(amazon.aws.ec2_instance_info) returns them.
        health: Their health, as M(algotrading.aws.ec2_instance_health) returns it.
        asked: What M(algotrading.aws.ssm_command) returned for run.sh's status.
        expect_running: Whether it is wrong that all hosts are stopped.
    """
    hosts = sorted(map(_host, instances), key=lambda host: (host.role != INGEST, host.name, host.instance_id))
    by_id = {each["instance_id"]: each for each in health}
    for host in hosts:
        for name in ("state", "instance_status", "system_status", "agent"):
            setattr(host, name, by_id[host.instance_id][name])
    up = expect_running or any(host.state in UP for host in hosts)
    if up:
        answers = {each["instance_id"]: each for each in asked.get("instances", [])}
        refused = str(asked.get("msg", ""))
        for host in hosts:
            host.problems += _problems(host, by_id[host.instance_id]["reason"], answers.get(host.instance_id), refused)
        _compare_commits(hosts)
    problems = _whole(environment, hosts, up=up)
    problems += [f"{host.name}: {problem}" for host in hosts for problem in host.problems]
    return {
        "environment": environment,
        "expected": "running" if up else "stopped",
        "ok": not problems,
        "problems": problems,
        "hosts": [asdict(host) for host in hosts],
    }


def _host(instance: dict[str, Any]) -> Host:
    tags = instance["tags"]
    return Host(
        name=tags.get("Name", instance["instance_id"]),
        instance_id=instance["instance_id"],
        role=tags["Role"],
        model_type=tags.get("ModelType"),
        symbol=tags.get("Symbol"),
        model_number=tags.get("ModelNumber"),
    )


def _problems(host: Host, reason: str, answer: dict[str, Any] | None, refused: str) -> list[str]:
    """What is wrong with a host that is to run; takes over what it said of itself."""
    if host.state != RUNNING:
        return [f"is {host.state}"]
    problems = [reason] if reason else []
    if host.agent != ONLINE:
        return problems
    host.take(_last_json(answer["stdout"]) if answer else {})
    if not host.services:
        why = (answer or {}).get("reason") or refused or "run.sh said nothing of services"
        problems.append(f"does not tell its status: {why}")
    elif idle := [f"{name} is {state}" for name, state in host.services.items() if state != RUNNING]:
        problems.append(", ".join(idle))
    return [_printable(problem) for problem in problems]


def _compare_commits(hosts: list[Host]) -> None:
    """All hosts run the commit of the ingest node, or where that is not known, the one that most of them run."""
    known = Counter(host.commit for host in hosts if host.commit)
    if not known:
        return
    feed = next((host.commit for host in hosts if host.role == INGEST and host.commit), None)
    whose = "the ingest node" if feed else "most hosts"
    wanted = feed or known.most_common(1)[0][0]
    for host in hosts:
        if host.commit and host.commit != wanted:
            host.problems.append(f"runs commit {host.commit[:7]}, and {whose} {wanted[:7]}")


def _whole(environment: str, hosts: list[Host], *, up: bool) -> list[str]:
    """What is wrong with the environment as a whole."""
    if not hosts:
        return [f"{environment} has no hosts: site.yml makes them"]
    problems = []
    if up and all(host.role != INGEST for host in hosts):
        problems.append(f"{environment} has no ingest node")
    for name, count in Counter(host.name for host in hosts).items():
        if count > 1:
            ids = ", ".join(host.instance_id for host in hosts if host.name == name)
            problems.append(f"{name} is there {count} times: {ids}")
    return problems


def _last_json(output: str) -> dict[str, Any]:
    lines = output.strip().splitlines()
    try:
        said = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _matching(pattern: re.Pattern[str], value: Any) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _printable(text: str) -> str:
    """No host speaks to the terminal of who reads this."""
    return "".join(character if character.isprintable() else " " for character in text)
