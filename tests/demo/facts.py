# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is true of an environment at one moment, as facts that can be compared with those of the next look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from tests.day.trading_day import Day
from tests.integration.account import Host
from tests.local_aws.hosts.processes import arguments_of, find_processes

INGEST, FLEET, SHUTDOWN = "AlpacaWebsocketLambda", "TradingServerLambda", "TradingServerShutdownLambda"
# By these parts of their command lines.
SERVICES = {
    "nats-server": "NATS",
    "deployment/alpaca_ingestion.py": "feed",
    "deployment/monitoring/live_model_dashboard.py": "dashboard",
    "deployment/live_trader.py": "trader",
    "/run/upload": "upload",
}


class Fact(NamedTuple):
    """Something that is true of somebody, and what is said when it no longer is."""

    what: str
    who: str
    over: str = ""
    # Tells apart what would look alike, such as one command and the next.
    key: str = ""


class Look:
    """Takes the facts, through the public door."""

    def __init__(self, day: Day) -> None:
        self._day = day
        self._ssm = day.aws.client("ssm")

    def take(self) -> list[Fact]:
        """Return all facts, causes before what they cause."""
        hosts = {host.instance_id: host for host in self._day.account.hosts(self._day.environment)}
        names = {instance_id: label(host) for instance_id, host in hosts.items()}
        return [
            *self._firings(),
            *self._invocations(),
            *(Fact(host.state, label(host)) for host in hosts.values()),
            *(Fact("retired", label(host)) for host in hosts.values() if "Retired" in host.tags),
            *self._agents(names),
            *self._commands(names),
            *services(names),
        ]

    def _firings(self) -> Iterator[Fact]:
        for firing in self._day.aws.firings():
            yield Fact(firing.error or "schedule fires", firing.arn.rpartition("/")[2], key=firing.moment)

    def _agents(self, names: dict[str, str]) -> Iterator[Fact]:
        pages = self._ssm.get_paginator("describe_instance_information").paginate()
        for agent in pages.search("InstanceInformationList[]"):
            if agent["PingStatus"] == "Online" and agent["InstanceId"] in names:
                yield Fact("agent online", names[agent["InstanceId"]])

    def _commands(self, names: dict[str, str]) -> Iterator[Fact]:
        said = {"Pending": "run.sh is sent", "InProgress": "run.sh at work", "Success": "run.sh succeeded"}
        for command in self._ssm.get_paginator("list_command_invocations").paginate().search("CommandInvocations[]"):
            status = command["Status"]
            what = said.get(status, f"run.sh: {status}")
            yield Fact(what, names.get(command["InstanceId"], "another host"), key=command["CommandId"])

    def _invocations(self) -> Iterator[Fact]:
        for function in (INGEST, FLEET, SHUTDOWN):
            name = f"{function}_{self._day.environment}"
            attempts: Counter[str] = Counter()
            for number, invocation in enumerate(self._day.aws.invocations(name)):
                key = str(number)
                attempts[invocation.request_id] += 1
                attempt = attempts[invocation.request_id]
                yield Fact("invoked" if attempt == 1 else f"attempt {attempt}", name, key=key)
                if invocation.error is not None:
                    yield Fact("failed", f"{name}: {invocation.error.get('errorMessage', '')}", key=key)
                elif invocation.ended is not None:
                    yield Fact("succeeded", name, key=key)


def label(host: Host) -> str:
    """Return a short name; in the demo no two models share one."""
    tags = host.tags
    return f"{tags['Symbol']}-{tags['ModelType']}" if "Symbol" in tags else "ingest node"


def services(names: dict[str, str]) -> Iterator[Fact]:
    """Yield which services have processes on which hosts."""
    for instance_id, pids in find_processes(names).items():
        command_lines = " ".join(argument for pid in pids for argument in arguments_of(pid))
        for part, service in SERVICES.items():
            if part in command_lines:
                yield Fact(f"{service} runs", names[instance_id], over=f"{service} has ended")


def news(before: list[Fact], now: list[Fact]) -> list[tuple[str, list[str]]]:
    """Return what is new, with all of whom it is true, in the order of the facts."""
    told = [(fact.what, fact.who) for fact in now if fact not in before]
    told += [(fact.over, fact.who) for fact in before if fact.over and fact not in now]
    grouped: dict[str, list[str]] = {}
    for what, who in told:
        grouped.setdefault(what, []).append(who)
    return list(grouped.items())
