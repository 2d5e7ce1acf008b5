# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible reaches hosts of the local AWS through Session Manager, by the connection plugin amazon.aws.aws_ssm."""

from __future__ import annotations

import filecmp
import os
import subprocess
from pathlib import Path

import pytest

from tests.local_aws.hosts.client import LocalHost
from tests.playbook import BIN, REPOSITORY
from tests.selftest.living import Living, wait_for

pytestmark = pytest.mark.xdist_group("hosts")

_BUCKET = "transfer"
# A region, keys, the endpoint and the client's path come from the environment.
_VARIABLES = f"""
[all:vars]
ansible_connection=amazon.aws.aws_ssm
ansible_aws_ssm_bucket_name={_BUCKET}
ansible_aws_ssm_retries=0
ansible_python_interpreter=auto_silent
"""


def _ansible(living: Living, hosts: list[LocalHost], folder: Path, *arguments: str) -> str:
    """Run `ansible all`, and see that it succeeds and leaves nothing behind."""
    inventory = folder / "hosts.ini"
    lines = [f"host{number} ansible_host={host.id}" for number, host in enumerate(hosts)]
    inventory.write_text("\n".join(lines) + _VARIABLES)
    # A proxy that does not answer: nobody on the way must ask it.
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:1")
    run = subprocess.run(
        [BIN / "ansible", "all", "-i", inventory, "--forks", "8", *arguments],
        env=living.aws.environ | proxies,
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert "Contents" not in living.clients["s3"].list_objects_v2(Bucket=_BUCKET)
    wait_for(lambda: not living.aws.sessions())
    wait_for(lambda: not any(host.processes() for host in hosts))
    return run.stdout


@pytest.fixture
def bucket(living: Living) -> None:
    living.clients["s3"].create_bucket(Bucket=_BUCKET)


@pytest.mark.usefixtures("bucket", "host_programs")
def test_eight_hosts_at_a_time(living: Living, tmp_path: Path) -> None:
    hosts = [living.launch() for _ in range(8)]
    said = _ansible(living, hosts, tmp_path, "-m", "ansible.builtin.ping", "--become")
    assert said.count("ping: pong") == 8


@pytest.mark.usefixtures("bucket", "host_programs")
def test_what_a_host_says_is_heard_in_full(living: Living, tmp_path: Path) -> None:
    host = living.launch()
    said = _ansible(living, [host], tmp_path, "-m", "ansible.builtin.shell", "-a", "seq 10000; echo Zürich 株式")
    assert said.splitlines()[1:] == [*map(str, range(1, 10_001)), "Zürich 株式"]


@pytest.mark.usefixtures("bucket", "host_programs")
def test_a_file_goes_there_and_back(living: Living, tmp_path: Path) -> None:
    host = living.launch()
    sent, fetched = tmp_path / "sent", tmp_path / "fetched"
    sent.write_bytes(os.urandom(5_000_000))
    _ansible(
        living, [host], tmp_path, "-m", "ansible.builtin.copy", "-a", f"src={sent} dest={host.home}/copy mode=0600"
    )
    assert filecmp.cmp(sent, host.home / "copy", shallow=False)
    _ansible(
        living, [host], tmp_path, "-m", "ansible.builtin.fetch", "-a", f"src={host.home}/copy dest={fetched} flat=true"
    )
    assert filecmp.cmp(sent, fetched, shallow=False)


@pytest.mark.usefixtures("bucket", "host_programs")
def test_a_connection_that_breaks_is_not_noticed(living: Living, tmp_path: Path) -> None:
    host = living.launch()
    living.aws.cut_session(host.id, after_bytes=1_000)
    said = _ansible(living, [host], tmp_path, "-m", "ansible.builtin.command", "-a", "echo hello")
    assert said.splitlines()[1:] == ["hello"]
    assert "ResumeSession" in [call.operation for call in living.aws.calls()]
