# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What goes wrong on a trading day, shown on the deployed controllers and on hosts that live.

All tests share one environment. Each begins with its hosts stopped, after a day on which they ran a good commit.
"""

from __future__ import annotations

import fcntl
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.day.trading_day import Day, provisioned_day, wait_until
from tests.integration.account import Host
from tests.local_aws.functions.records import Invocation
from tests.local_aws.hosts.processes import arguments_of, find_processes
from tests.local_aws.seed import SECRET_ID
from tests.workload.repository import advance

pytestmark = pytest.mark.xdist_group("controllers_faults")

FEED, FLEET, SHUTDOWN = "AlpacaWebsocketLambda_qa", "TradingServerLambda_qa", "TradingServerShutdownLambda_qa"
ATTEMPTS = 3
FEED_PROGRAM = "backup_vscode/deployment/alpaca_ingestion.py"
FEED_ONCE, TRADER_ONCE = {"nats-server": 1, "alpaca_ingestion.py": 1}, {"live_trader.py": 1}


@pytest.fixture(scope="module")
def shared_day(host_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with provisioned_day(tmp_path_factory.mktemp("day"), models=2) as day:
        day.aws.scale_waits(0.01)
        start(day)
        assert last(day, FLEET).error is None, last(day, FLEET).error
        yield day


@pytest.fixture
def day(shared_day: Day) -> Day:
    stop_all(shared_day)
    return shared_day


def invoke(day: Day, function: str, event: dict[str, Any]) -> None:
    """Send an event, as a schedule does, and go on."""
    day.aws.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event))


def start(day: Day, **event: str) -> None:
    """Start the environment, and wait for the end of the chain and of all retries."""
    invoke(day, FEED, event)
    day.aws.wait_until_idle(180)


def stop_all(day: Day) -> None:
    """Stop all hosts by EC2, as somebody at the console would, and wait until their last process has ended."""
    ids = [host.instance_id for host in day.account.hosts("qa")]
    for instance_id in ids:
        day.aws.refuse_stop(instance_id, False)
    day.account.ec2.stop_instances(InstanceIds=ids)
    wait_until(lambda: day.states() == {"stopped"}, 90)


def last(day: Day, function: str) -> Invocation:
    return day.aws.invocations(function)[-1]


def failures(invocation: Invocation) -> dict[str, str]:
    """The names and reasons of the hosts that an invocation failed for."""
    assert invocation.error is not None, invocation.result
    return {each["name"]: each["reason"] for each in json.loads(invocation.error["errorMessage"])["failed"]}


def alerts(day: Day) -> list[str]:
    topics = [topic["TopicArn"] for topic in day.aws.client("sns").list_topics()["Topics"]]
    (topic,) = [each for each in topics if each.endswith(":trading-alerts-qa")]
    return [each["message"] for each in day.aws.sns_messages(topic)]


def feed_host(day: Day) -> Host:
    (host,) = [each for each in day.account.hosts("qa") if each.tags["Role"] == "ingest"]
    return host


def tree(day: Day, host: Host) -> str:
    """The commit that a host's link leads to."""
    return (day.aws.host(host.instance_id).home / "algo-modeling-v2").resolve().name


def programs(pids: list[int]) -> Counter[str]:
    """How many processes of each program of the workload there are among these."""
    counted: Counter[str] = Counter()
    for argv in map(arguments_of, pids):
        named = [Path(word).name for word in argv[:2]]
        counted.update({name for name in named if name in ("nats-server", "alpaca_ingestion.py", "live_trader.py")})
    return counted


def running(host: Host) -> Counter[str]:
    return programs(find_processes([host.instance_id])[host.instance_id])


def code_of_processes(host: Host) -> set[str]:
    """The commits in whose trees a host's feed or trader works now."""
    commits = set()
    for pid in find_processes([host.instance_id])[host.instance_id]:
        if programs([pid]).keys() - {"nats-server"}:
            commits.add(Path(f"/proc/{pid}/cwd").resolve().parent.name)
    return commits


def assert_each_runs_once(day: Day) -> None:
    assert running(feed_host(day)) == FEED_ONCE
    for host in day.account.traders("qa"):
        assert running(host) == TRADER_ONCE, host.name


@contextmanager
def most_seen(day: Day) -> Iterator[Counter[tuple[str, str]]]:
    """Look again and again, and give the most processes of each program that any host ever had at once."""
    seen: Counter[tuple[str, str]] = Counter()
    names = {host.instance_id: host.name for host in day.account.hosts("qa")}
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            for instance_id, pids in find_processes(names).items():
                for program, count in programs(pids).items():
                    seen[names[instance_id], program] = max(seen[names[instance_id], program], count)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def assert_never_two(day: Day, seen: Counter[tuple[str, str]]) -> None:
    traders = {(host.name, "live_trader.py") for host in day.account.traders("qa")}
    feed = feed_host(day).name
    assert seen == dict.fromkeys(traders | {(feed, "nats-server"), (feed, "alpaca_ingestion.py")}, 1)


def branch(day: Day) -> str:
    """The branch that the ingest node is set to."""
    config = (day.aws.host(feed_host(day).instance_id).home / "deployment_config.txt").read_text()
    return next(line.removeprefix("git_branch=") for line in config.splitlines() if line.startswith("git_branch="))


def test_all_hosts_run_the_feeds_commit_though_the_branch_moves_on(day: Day) -> None:
    before = len(day.aws.invocations(FLEET))
    wanted = advance(day.repository, branch(day))
    invoke(day, FEED, {})
    wait_until(lambda: tree(day, feed_host(day)) == wanted, 60)
    assert len(day.aws.invocations(FLEET)) == before
    newer = advance(day.repository, branch(day))
    day.aws.wait_until_idle(180)

    assert newer != wanted
    fleet = last(day, FLEET)
    assert fleet.error is None, fleet.error
    assert [outcome["commit"] for outcome in fleet.result["outcomes"]] == [wanted, wanted]
    for host in day.account.hosts("qa"):
        assert tree(day, host) == wanted
        assert code_of_processes(host) == {wanted}, host.name
    assert_each_runs_once(day)

    # The next start takes what is new, from the branch and not from the last day.
    start(day)
    assert {code for host in day.account.hosts("qa") for code in code_of_processes(host)} == {newer}


@contextmanager
def repository_down(day: Day) -> Iterator[None]:
    """Nothing listens where the function's settings say that the repository is."""
    functions = day.aws.client("lambda")
    variables = functions.get_function_configuration(FunctionName=FEED)["Environment"]["Variables"]
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    down = {**variables, "WORKLOAD_REPOSITORY": f"http://127.0.0.1:{port}/algo-modeling-v2.git"}
    functions.update_function_configuration(FunctionName=FEED, Environment={"Variables": down})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=FEED, Environment={"Variables": variables})


@contextmanager
def secret_missing(day: Day) -> Iterator[None]:
    secrets = day.aws.client("secretsmanager")
    value = secrets.get_secret_value(SecretId=SECRET_ID)["SecretString"]
    secrets.delete_secret(SecretId=SECRET_ID, ForceDeleteWithoutRecovery=True)
    try:
        yield
    finally:
        secrets.create_secret(Name=SECRET_ID, SecretString=value)


@contextmanager
def branch_missing(_day: Day) -> Iterator[None]:
    yield


@pytest.mark.parametrize(
    ("fault", "event", "reason"),
    [
        pytest.param(
            branch_missing, {"git_ref": "no-such-branch"}, "the branch 'no-such-branch' does not exist", id="branch"
        ),
        pytest.param(repository_down, {}, "cannot reach the repository http://127.0.0.1:", id="repository"),
        pytest.param(secret_missing, {}, f"cannot read the secret {SECRET_ID}: ", id="secret"),
    ],
)
def test_code_that_cannot_be_had_starts_nothing(day: Day, fault: Any, event: dict[str, str], reason: str) -> None:
    host = feed_host(day)
    home = day.aws.host(host.instance_id).home
    config, good, trees = (home / "deployment_config.txt").read_bytes(), tree(day, host), _trees(home)
    fleets, told = len(day.aws.invocations(FLEET)), len(alerts(day))
    with fault(day):
        start(day, **event)

    attempts = day.aws.invocations(FEED)[-ATTEMPTS:]
    assert len({each.request_id for each in attempts}) == 1
    for attempt in attempts:
        found = failures(attempt)
        assert list(found) == [host.name]
        assert reason in found[host.name]
    (alert,) = alerts(day)[told:]
    assert host.name in alert
    assert reason in alert
    assert day.credential() not in alert
    assert (tree(day, host), _trees(home)) == (good, trees)
    assert (home / "deployment_config.txt").read_bytes() == config
    assert not running(host)
    assert len(day.aws.invocations(FLEET)) == fleets
    _assert_no_trader(day)

    # And once the cause is gone, the same host starts from the branch that it always had.
    start(day)
    assert last(day, FLEET).error is None
    assert_each_runs_once(day)


def _trees(home: Path) -> dict[str, float]:
    """All files of a host's trees, with the times of their last change."""
    files = (home / "releases").rglob("*")
    return {str(path): path.lstat().st_mtime for path in files if path.is_file() and "__pycache__" not in path.parts}


def _assert_no_trader(day: Day) -> None:
    for trader in day.account.traders("qa"):
        assert trader.state == "stopped"
        assert not find_processes([trader.instance_id])


@pytest.mark.parametrize("fault", ["commit", "port"])
def test_no_trader_starts_without_a_feed(day: Day, fault: str) -> None:
    fleets, told, host = len(day.aws.invocations(FLEET)), len(alerts(day)), feed_host(day)
    with _crashing_feed(day) if fault == "commit" else _taken_port(host):
        start(day)

    reason = "feed does not stay up: no market data" if fault == "commit" else "nats does not stay up: "
    assert reason in failures(last(day, FEED))[host.name]
    (alert,) = alerts(day)[told:]
    assert host.name in alert
    assert reason in alert
    assert len(day.aws.invocations(FLEET)) == fleets
    _assert_no_trader(day)
    if fault == "port":
        assert not running(host)


@contextmanager
def _crashing_feed(day: Day) -> Iterator[None]:
    good = (day.aws.host(feed_host(day).instance_id).home / "algo-modeling-v2" / FEED_PROGRAM).read_text()
    name = branch(day)
    advance(day.repository, name, FEED_PROGRAM, "raise SystemExit('no market data')\n")
    try:
        yield
    finally:
        advance(day.repository, name, FEED_PROGRAM, good)


@contextmanager
def _taken_port(host: Host) -> Iterator[None]:
    with socket.create_server((host.described["PrivateIpAddress"], 4222)):
        yield


def test_a_lost_answer_to_send_command_starts_nothing_twice(day: Day) -> None:
    day.aws.forget_calls()
    day.aws.lose_answer("ssm", "SendCommand", times=2)
    with most_seen(day) as seen:
        start(day)

    assert last(day, FEED).error is None, last(day, FEED).error
    assert last(day, FLEET).error is None, last(day, FLEET).error
    assert "the answer to SendCommand is lost" in last(day, FEED).log
    assert "the answer to SendCommand is lost" in last(day, FLEET).log
    assert [call.operation for call in day.aws.calls()].count("SendCommand") == 2
    assert_each_runs_once(day)
    assert_never_two(day, seen)


def test_events_that_come_twice_start_nothing_twice(day: Day) -> None:
    feeds, fleets = len(day.aws.invocations(FEED)), len(day.aws.invocations(FLEET))
    day.aws.duplicate_next_event(FEED)
    day.aws.duplicate_next_event(FLEET)
    with most_seen(day) as seen:
        start(day)

    invocations = day.aws.invocations(FEED)[feeds:]
    assert len({each.request_id for each in invocations}) == 1
    assert len(invocations) == 2
    invocations += day.aws.invocations(FLEET)[fleets:]
    assert len(invocations) == 2 + 3
    assert [each.error for each in invocations] == [None] * 5
    assert_each_runs_once(day)
    assert_never_two(day, seen)


@contextmanager
def _busy(day: Day, hosts: list[Host]) -> Iterator[None]:
    """Let run.sh wait on these hosts, as it does while another one is at work there."""
    with ExitStack() as stack:
        for host in hosts:
            lock = stack.enter_context((day.aws.host(host.instance_id).home / "run/run.lock").open("a"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_an_invocation_that_is_cut_off_in_the_middle_is_gone_on_with(day: Day) -> None:
    fleets, told = len(day.aws.invocations(FLEET)), len(alerts(day))
    day.aws.forget_calls()
    with most_seen(day) as seen:
        with _busy(day, day.account.traders("qa")):
            invoke(day, FEED, {})
            wait_until(lambda: _commands(day) == 2, 180)
            day.aws.time_out(FLEET)
            wait_until(lambda: len(day.aws.invocations(FLEET)) == fleets + 2, 60)
        day.aws.wait_until_idle(180)

    cut_off, retry = day.aws.invocations(FLEET)[fleets:]
    assert cut_off.error is not None
    assert "timed out" in cut_off.error["errorMessage"]
    assert retry.request_id == cut_off.request_id
    assert retry.error is None, retry.error
    assert {outcome["status"] for outcome in retry.result["outcomes"]} == {"running"}
    assert _commands(day) == 2, "the retry sent run.sh once more"
    assert_each_runs_once(day)
    assert_never_two(day, seen)
    assert len(alerts(day)) == told


def _commands(day: Day) -> int:
    """How many commands were sent: one to the feed, one to all traders."""
    return [call.operation for call in day.aws.calls()].count("SendCommand")


@contextmanager
def _more_traders(day: Day, *names: str) -> Iterator[dict[str, str]]:
    """Hosts beside the models' own that are up; their ids by their names."""
    model = day.account.traders("qa")[0].described
    ids = {}
    for name in names:
        tags = {"Name": name, "Environment": "qa", "Role": "trader"}
        launched = day.account.ec2.run_instances(
            ImageId=model["ImageId"],
            InstanceType=model["InstanceType"],
            SubnetId=model["SubnetId"],
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
            ],
        )
        ids[name] = launched["Instances"][0]["InstanceId"]
    wait_until(lambda: all(day.aws.host(each).state == "running" for each in ids.values()), 120)
    try:
        yield ids
    finally:
        for each in ids.values():
            day.aws.set_state(each, None)
        day.account.ec2.terminate_instances(InstanceIds=list(ids.values()))


def test_a_host_that_refuses_to_stop_keeps_no_other_one_up(day: Day) -> None:
    start(day)
    ec2, stubborn, other, feed = day.account.ec2, *day.account.traders("qa"), feed_host(day)
    told = len(alerts(day))
    with _more_traders(day, "stopped", "pending", "stopping", "shutting-down", "terminated") as ids:
        ec2.stop_instances(InstanceIds=[ids["stopped"], ids["stopping"]])
        ec2.terminate_instances(InstanceIds=[ids["shutting-down"], ids["terminated"]])
        for state in ("pending", "stopping", "shutting-down"):
            day.aws.set_state(ids[state], state)
        wait_until(lambda: _states(day).items() >= {each: each for each in ids}.items(), 60)
        day.aws.refuse_stop(stubborn.instance_id)
        invoke(day, SHUTDOWN, {})
        wait_until(lambda: day.aws.host(other.instance_id).state == "stopped", 120)
        # A host that boots cannot be stopped; the shutdown waits for it, and keeps the feed until no trader is up.
        assert day.aws.host(feed.instance_id).state == "running"
        for state in ("pending", "stopping", "shutting-down"):
            day.aws.set_state(ids[state], None)
        day.aws.wait_until_idle(180)

        states = _states(day)
        down = dict.fromkeys([other.name, feed.name, "stopped", "pending", "stopping"], "stopped")
        gone = dict.fromkeys(["shutting-down", "terminated"], "terminated")
        assert states == {stubborn.name: "running"} | down | gone

    for attempt in day.aws.invocations(SHUTDOWN)[-ATTEMPTS:]:
        found = failures(attempt)
        assert list(found) == [stubborn.name]
        assert "AWS refused to stop it: " in found[stubborn.name]
    (alert,) = alerts(day)[told:]
    assert stubborn.name in alert
    assert "AWS refused to stop it: " in alert
    for host in (other, feed):
        assert not find_processes([host.instance_id])
    # Its trader was asked to end in any case, with its last upload.
    assert not running(stubborn)


def _states(day: Day) -> dict[str, str]:
    """The states of qa's hosts by their names, as EC2 tells them."""
    pages = day.account.ec2.get_paginator("describe_instances").paginate(
        Filters=[{"Name": "tag:Environment", "Values": ["qa"]}]
    )
    instances = [each for page in pages for group in page["Reservations"] for each in group["Instances"]]
    return {_name(each): each["State"]["Name"] for each in instances}


def _name(instance: dict[str, Any]) -> str:
    return next(str(tag["Value"]) for tag in instance["Tags"] if tag["Key"] == "Name")
