# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looks for a secret wherever somebody could find it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.day.controllers import FUNCTIONS, Controllers
from tests.day.trading_day import Day
from tests.local_aws.hosts.processes import find_processes


@contextmanager
def secret_in_processes(day: Day, secret: str) -> Iterator[set[str]]:
    """Look at all processes of qa's hosts again and again, as `ps` shows them; collects those that show the secret."""
    ids = [host.instance_id for host in day.account.hosts("qa")]
    shown: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            for pid in (pid for pids in find_processes(ids).values() for pid in pids):
                text = _read(Path(f"/proc/{pid}/cmdline")) + _read(Path(f"/proc/{pid}/environ"))
                if secret.encode() in text:
                    shown.add(text.replace(b"\0", b" ").decode(errors="replace"))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield shown
    finally:
        over.set()
        thread.join()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended
        return b""


def places_of(day: Day, secret: str) -> list[str]:
    """Name every place outside Secrets Manager that keeps the secret, of those that this stack writes to."""
    places = [*_disks(day), *_commands(day), *_functions(day), *_alerts(day), *day.objects().items()]
    assert len(places) > 100, "hardly anything was looked at"
    return [name for name, content in places if secret.encode() in content]


def _disks(day: Day) -> list[tuple[str, bytes]]:
    """All files of all hosts, of their consoles and agents, and what the functions' machines hold."""
    return [(str(path), path.read_bytes()) for path in day.aws.state.rglob("*") if path.is_file()]


def _commands(day: Day) -> list[tuple[str, bytes]]:
    """SSM's history of commands, with their parameters and output."""
    ssm = day.aws.client("ssm")
    commands = list(ssm.get_paginator("list_commands").paginate().search("Commands[]"))
    invocations = list(
        ssm.get_paginator("list_command_invocations").paginate(Details=True).search("CommandInvocations[]")
    )
    assert commands
    assert invocations
    return [(f"SSM's {each['CommandId']}", _plain(each)) for each in commands + invocations]


def _functions(day: Day) -> list[tuple[str, bytes]]:
    """The functions' settings, packages, results and logs."""
    controllers = Controllers(day.aws)
    logs = day.aws.client("logs")
    found = []
    for name in FUNCTIONS.values():
        found.append((f"the settings of {name}", _plain(controllers.configuration(name))))
        found.append((f"the package of {name}", controllers.unpacked(name)))
        found += [(f"an invocation of {name}", _plain(vars(each))) for each in day.aws.invocations(name)]
        events = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}").search("events[]")
        found += [(f"the log of {name}", _plain(each)) for each in events]
    return found


def _alerts(day: Day) -> list[tuple[str, bytes]]:
    topics = [each["TopicArn"] for each in day.aws.client("sns").list_topics()["Topics"]]
    return [(f"an alert of {topic}", _plain(each)) for topic in topics for each in day.aws.sns_messages(topic)]


def _plain(value: object) -> bytes:
    return json.dumps(value, default=str).encode()
