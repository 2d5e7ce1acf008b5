# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""playbooks/run.yml, and Ansible on the hosts of an environment, over Session Manager and nothing else."""

from __future__ import annotations

import filecmp
import json
import os
import re
import shlex
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.day.trading_day import Day, provisioned_day, wait_until
from tests.integration.account import Host
from tests.local_aws.account import ACCOUNT_ID
from tests.local_aws.hosts.client import LocalHost
from tests.playbook import BIN, REPOSITORY, PlaybookRun, run_playbook
from tests.workload.repository import advance

# One environment serves all of these tests.
pytestmark = pytest.mark.xdist_group("run")

TRADERS = 7
WORKLOAD = json.dumps({"trading_workload": {"TRADING_UPLOAD_SECONDS": 600}})
INGEST = "alpaca-websocket-ingest-qa"
BUCKET = f"algo-trading-ssm-qa-{ACCOUNT_ID}"
_RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)", re.MULTILINE)


@dataclass
class Fleet:
    """The environment qa, and Ansible applied to it."""

    day: Day

    @property
    def environ(self) -> dict[str, str]:
        # A proxy that does not answer: nobody on the way must ask it.
        proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:1")
        plugin = {"AWS_SESSION_MANAGER_PLUGIN": self.day.aws.session_manager_plugin()}
        return self.day.aws.environ | proxies | plugin | {"ANSIBLE_FORKS": "8"}

    def hosts(self) -> dict[str, Host]:
        return {host.name: host for host in self.day.account.hosts("qa")}

    def traders(self) -> list[str]:
        return sorted(name for name in self.hosts() if name != INGEST)

    def host(self, name: str) -> LocalHost:
        return self.day.aws.host(self.hosts()[name].instance_id)

    def play(self, *arguments: str) -> PlaybookRun:
        """Run run.yml, in one wave unless told otherwise."""
        given = (*self.day.arguments, "-e", WORKLOAD, "-e", "trading_run_serial=100%", *arguments)
        return run_playbook("qa", self.environ, *given, playbook="playbooks/run.yml")

    def bring_up(self) -> None:
        """Let everything run at the day's commit, if it does not."""
        if {self.commit(name) for name in self.hosts()} != {self.day.commit} or not all(map(self.pids, self.hosts())):
            run = self.play("-e", "trading_run_start=true")
            assert run.status == 0, run.output

    def ansible(self, pattern: str, module: str, arguments: str = "", *more: str) -> subprocess.CompletedProcess[str]:
        command = [str(BIN / "ansible"), pattern, "-i", "inventories/qa", "-m", module, "-a", arguments, *more]
        return self.run(command)

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env=self.environ,
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def commit(self, name: str) -> str:
        with suppress(FileNotFoundError):
            return (self.host(name).home / "algo-modeling-v2").readlink().name
        return ""

    def pids(self, name: str) -> dict[str, int]:
        """The services of a host that are alive."""
        alive = {pid for pid, _argv in self.host(name).processes()}
        found = {path.stem: int(path.read_text()) for path in (self.host(name).home / "run").glob("*.pid")}
        return {service: pid for service, pid in found.items() if pid in alive}

    def files(self, name: str) -> set[str]:
        """All paths on a host, but for what any session leaves: Ansible's empty folder, and bash's history."""
        home, left = self.host(name).home, {".ansible", ".bash_history"}
        return {str(path.relative_to(home)) for path in home.rglob("*") if left.isdisjoint(path.parts)}

    def wipe(self, name: str) -> None:
        """Let a host be as run.sh has never seen it."""
        for pid, _argv in self.host(name).processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self.host(name).processes(), 60)
        self.host(name).run("rm -rf run logs releases algo-modeling-v2")

    def stop(self, name: str) -> None:
        instance_id = self.hosts()[name].instance_id
        self.day.account.ec2.stop_instances(InstanceIds=[instance_id])
        wait_until(lambda: self.day.aws.host(instance_id).state == "stopped", 150)


@pytest.fixture(scope="module")
def provisioned(host_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("run")
    with provisioned_day(folder, "-e", "trading_automation=false", "-e", WORKLOAD, models=TRADERS) as day:
        day.aws.set_hosts(grace=5)
        yield Fleet(day)


@pytest.fixture
def fleet(provisioned: Fleet) -> Iterator[Fleet]:
    """Sees after each test that nothing is left, and that no way but Session Manager was taken to a host."""
    aws = provisioned.day.aws
    aws.forget_calls()
    yield provisioned
    operations = Counter(call.operation for call in aws.calls())
    assert operations["StartSession"] > 0
    assert operations["SendCommand"] == 0
    assert "Contents" not in provisioned.day.account.s3.list_objects_v2(Bucket=BUCKET)
    wait_until(lambda: not aws.sessions(), 30)
    for host in provisioned.day.account.hosts("qa"):
        if aws.host(host.instance_id).state == "running":
            aws.agent_late(host.instance_id, 0)


def _changed(run: PlaybookRun) -> dict[str, int]:
    """How many changes each host had, by the recap."""
    return {name: int(count) for name, count in _RECAP.findall(run.output)}


def test_all_hosts_answer_at_once(fleet: Fleet) -> None:
    said = fleet.ansible("all", "ansible.builtin.ping")
    assert said.returncode == 0, said.stdout
    assert said.stdout.count("ping: pong") == TRADERS + 2, "the hosts, and localhost"


def test_a_run_from_nothing_and_again(fleet: Fleet) -> None:
    for name in fleet.hosts():
        fleet.wipe(name)
    before = {name: fleet.files(name) for name in fleet.hosts()}
    every = dict.fromkeys(fleet.hosts(), 1)
    none = dict.fromkeys(fleet.hosts(), 0)

    predicted = fleet.play("--check")
    assert predicted.status == 0, predicted.output
    assert _changed(predicted) == every
    assert "(check mode, nothing was changed)" in predicted.output
    assert {name: fleet.files(name) for name in fleet.hosts()} == before
    assert not any(fleet.host(name).processes() for name in fleet.hosts())

    first = fleet.play("-e", "trading_run_serial=50%")
    assert first.status == 0, first.output
    assert _changed(first) == every
    assert first.output.index("PLAY [Run the feed]") < first.output.index("PLAY [Run the traders]")
    assert first.output.count("PLAY [Run the traders]") == 3, "waves of 3 of 7"
    assert f"commit     {fleet.day.commit}\n" in first.output
    assert f"changed    {TRADERS + 1}: {INGEST}, " in first.output
    assert {fleet.commit(name) for name in fleet.hosts()} == {fleet.day.commit}
    pids = {name: fleet.pids(name) for name in fleet.hosts()}
    assert set(pids[INGEST]) == {"nats", "feed", "dashboard"}
    assert all(set(pids[name]) == {"trader", "upload"} for name in fleet.traders())
    address = fleet.hosts()[INGEST].described["PrivateIpAddress"]
    configs = [(fleet.host(name).home / "deployment_config.txt").read_text() for name in fleet.traders()]
    assert all(f"nats_public_ip={address}\n" in config for config in configs)

    for again in (fleet.play(), fleet.play("--check")):
        assert again.status == 0, again.output
        assert _changed(again) == none
        assert f"unchanged  {TRADERS + 1}: " in again.output
    assert {name: fleet.pids(name) for name in fleet.hosts()} == pids


def test_what_the_functions_started_runs_on(fleet: Fleet) -> None:
    """Seen failing while run.yml did not pass `trading_workload` on, so that it started each trader anew."""
    for name in fleet.hosts():
        fleet.wipe(name)
    started = run_playbook("qa", fleet.day.aws.environ, playbook="playbooks/start.yml")
    assert started.status == 0, started.output
    fleet.day.aws.forget_calls()
    pids = {name: fleet.pids(name) for name in fleet.hosts()}
    assert all(pids.values())
    run = fleet.play()
    assert run.status == 0, run.output
    assert _changed(run) == dict.fromkeys(fleet.hosts(), 0)
    assert {name: fleet.pids(name) for name in fleet.hosts()} == pids


def test_a_canary_runs_a_pinned_commit_and_nobody_else(fleet: Fleet) -> None:
    fleet.bring_up()
    canaries = {name for name in fleet.traders() if "-SOXL-" in name}
    assert 0 < len(canaries) < TRADERS
    newer = advance(fleet.day.repository, "live")
    pids = {name: fleet.pids(name) for name in fleet.hosts()}

    branch = fleet.play("--limit", "symbol_SOXL", "-e", "trading_git_ref=live")
    assert branch.status != 0
    assert "trading_git_ref is a commit of 40 digits, and not 'live'" in " ".join(branch.output.split())

    pinned = fleet.play("--limit", "symbol_SOXL", "-e", f"trading_git_ref={newer}")
    assert pinned.status == 0, pinned.output
    assert _changed(pinned) == dict.fromkeys(canaries, 1)
    for name in fleet.hosts():
        assert fleet.commit(name) == (newer if name in canaries else fleet.day.commit)
        assert name in canaries or fleet.pids(name) == pids[name]

    # Without a pin, they run what the ingest node runs.
    back = fleet.play("--limit", "symbol_SOXL")
    assert back.status == 0, back.output
    assert {fleet.commit(name) for name in fleet.hosts()} == {fleet.day.commit}


def test_a_branch_is_resolved_once_for_all(fleet: Fleet) -> None:
    newer = advance(fleet.day.repository, "live")
    run = fleet.play("-e", "trading_git_ref=live")
    assert run.status == 0, run.output
    assert {fleet.commit(name) for name in fleet.hosts()} == {newer}
    # A trader is told the commit, and its branch stays.
    config = (fleet.host(fleet.traders()[0]).home / "deployment_config.txt").read_text()
    assert "git_branch=main\n" in config
    fleet.bring_up()


def test_no_trader_starts_without_a_feed(fleet: Fleet) -> None:
    fleet.bring_up()
    fleet.wipe(INGEST)
    trader = fleet.traders()[0]
    fleet.wipe(trader)
    silent = fleet.play("--limit", trader)
    assert silent.status != 0
    assert f"No trader starts without a feed, and that does not run on {INGEST}" in " ".join(silent.output.split())

    wrong = fleet.play("-e", "trading_git_ref=no-such-branch")
    assert wrong.status != 0
    assert "the branch 'no-such-branch' does not exist in" in " ".join(wrong.output.split())
    assert "Run the traders" not in wrong.output
    assert not fleet.host(trader).processes()


def test_a_stopped_host_is_left_out_or_started(fleet: Fleet) -> None:
    fleet.bring_up()
    stopped = fleet.traders()[0]
    fleet.stop(stopped)
    left_out = fleet.play("--limit", f"{stopped},{fleet.traders()[1]}")
    assert left_out.status == 0, left_out.output
    assert "It is stopped, and left out. `-e trading_run_start=true` starts it." in left_out.output
    assert f"left out   1: {stopped}" in left_out.output
    assert "unchanged  1: " in left_out.output

    predicted = fleet.play("--check", "-e", "trading_run_start=true", "--limit", stopped)
    assert (predicted.status, _changed(predicted)) == (0, {stopped: 1}), predicted.output
    assert fleet.host(stopped).state == "stopped"

    fleet.stop(INGEST)
    refused = fleet.play("--limit", "role_trader")
    assert refused.status != 0
    assert "No trader starts without a feed, and the ingest node is stopped." in refused.output

    started = fleet.play("-e", "trading_run_start=true")
    assert started.status == 0, started.output
    assert {name for name, count in _changed(started).items() if count} >= {stopped, INGEST}
    assert set(fleet.pids(stopped)) == {"trader", "upload"}


def test_failures_are_each_hosts_own(fleet: Fleet) -> None:
    fleet.bring_up()
    silent, busy, well, last = fleet.traders()[:4]
    pids = fleet.pids(well)
    fleet.wipe(well)
    fleet.day.aws.agent_never(fleet.hosts()[silent].instance_id)
    holder = threading.Thread(target=fleet.host(busy).run, args=("exec flock run/run.lock sleep 60",))
    holder.start()
    run = fleet.play("--limit", f"{silent},{busy},{well}", "-e", "workload_timeout=25")
    holder.join()
    assert run.status != 0
    words = " ".join(run.output.split())
    assert f"{fleet.hosts()[silent].instance_id} is not connected to Session Manager" in words
    assert f"No answer from {fleet.hosts()[busy].instance_id} within 25 s" in words
    assert set(fleet.pids(well)) == set(pids) == {"trader", "upload"}

    # A wave with a failure is the last, though one of its hosts did well.
    waves = fleet.play("--limit", f"{silent},{busy},{well},{last}", "-e", "trading_run_serial=2")
    assert waves.status != 0
    assert waves.output.count("PLAY [Run the traders]") == 1


def test_a_file_of_five_megabytes_goes_there_and_back(fleet: Fleet, tmp_path: Path) -> None:
    (name, *_others) = fleet.traders()
    sent, fetched = tmp_path / "sent", tmp_path / "fetched"
    sent.write_bytes(os.urandom(5_000_000))
    there = fleet.host(name).folder / "copy"
    copied = fleet.ansible(name, "ansible.builtin.copy", f"src={sent} dest={there} mode=0600")
    assert copied.returncode == 0, copied.stdout
    assert filecmp.cmp(sent, there, shallow=False)
    taken = fleet.ansible(name, "ansible.builtin.fetch", f"src={there} dest={fetched} flat=true")
    assert taken.returncode == 0, taken.stdout
    assert filecmp.cmp(sent, fetched, shallow=False)


def test_a_command_keeps_its_quotes_its_letters_its_length_and_its_status(fleet: Fleet) -> None:
    (name, *_others) = fleet.traders()
    words = """it's "Zürich" `株式` $HOME \\ * ; |"""
    command = f"printf '%s\\n' {shlex.quote(words)}; seq 10000; exit 3"
    said = fleet.ansible(name, "ansible.builtin.raw", command)
    assert said.returncode != 0
    lines = said.stdout.splitlines()
    (first,) = [number for number, line in enumerate(lines) if line.endswith("| rc=3 >>") or "rc=3" in line]
    assert [line.strip() for line in lines[first + 1 : first + 10_002]] == [words, *map(str, range(1, 10_001))]


def test_the_commands_of_the_documentation(fleet: Fleet) -> None:
    fleet.bring_up()
    lines = (REPOSITORY / "docs/hosts.md").read_text().splitlines()
    commands = [shlex.split(line) for line in lines if line.startswith("    ansible")]
    assert [command[0] for command in commands] == ["ansible", "ansible-playbook", "ansible"]
    for program, *arguments in commands:
        home = str(fleet.host(next(name for name in fleet.traders() if "-SOXL-" in name)).home)
        given = [argument.replace("/home/ec2-user", home) for argument in arguments]
        more = (*fleet.day.arguments, "-e", "trading_run_serial=100%") if program == "ansible-playbook" else ()
        said = fleet.run([str(BIN / program), *given, *more])
        assert said.returncode == 0, said.stdout


def test_no_command_runs_twice_whatever_happens(fleet: Fleet, tmp_path: Path) -> None:
    """Each command adds a line to a file on its host, and then takes its time where a file `slow` lies."""
    silent, ended, late, homeless, cut, *well = fleet.traders()
    ids = {name: host.instance_id for name, host in fleet.hosts().items()}
    for name in fleet.traders():
        fleet.host(name).run("rm -f counter slow")
    for name in (ended, late):
        fleet.host(name).run("touch slow")
    fleet.day.aws.agent_never(ids[silent])
    fleet.day.aws.cut_session(ids[cut], after_bytes=1_000)
    inventory = tmp_path / "hosts.ini"
    inventory.write_text(f"{homeless} ansible_aws_ssm_bucket_name=no-such-bucket\n")
    killer = threading.Thread(target=_end_session, args=(fleet, ended))
    killer.start()
    began = time.monotonic()
    command = "echo x >> ~/counter; for n in $(seq 600); do [ ! -e ~/slow ] || sleep 0.2; done"
    limit = ("-i", str(inventory), "-e", "ansible_aws_ssm_timeout=30")
    said = fleet.ansible("role_trader", "ansible.builtin.shell", command, *limit)
    seconds = time.monotonic() - began
    killer.join()

    assert said.returncode != 0
    words = " ".join(said.stdout.split())
    for reason in (
        f"{ids[silent]} is not connected to Session Manager: it does not run, or its agent is offline",
        f"The session with {ids[ended]} ended before the command did",
        f"No answer from {ids[late]} within 30 s",
        f"There is no bucket no-such-bucket, through which files go to {ids[homeless]}",
    ):
        assert reason in words
    for name in (cut, *well):
        assert f"{name} | CHANGED | rc=0" in said.stdout
    counts = {name: _lines(fleet.host(name).home / "counter") for name in fleet.traders()}
    assert counts == {name: 0 if name in (silent, homeless) else 1 for name in fleet.traders()}
    assert seconds < 110, "nobody waited for a command of two minutes"
    wait_until(lambda: not any("slow" in " ".join(argv) for _pid, argv in fleet.host(late).processes()), 30)


def _end_session(fleet: Fleet, name: str) -> None:
    """End a host's session as soon as its command has begun."""
    wait_until(lambda: _lines(fleet.host(name).home / "counter") > 0, 120)
    instance_id = fleet.hosts()[name].instance_id
    (session,) = [session for session in fleet.day.aws.sessions() if session.instance_id == instance_id]
    fleet.day.aws.client("ssm").terminate_session(SessionId=session.id)


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0
