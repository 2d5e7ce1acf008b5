# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A repository that asks for a credential, the secret that holds it, a bucket, and hosts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.host import Host, make_host
from tests.local_aws import LocalAws
from tests.workload.repository import make_repository, serve_repository

CREDENTIAL = "ghp-credential-that-must-be-nowhere"
BUCKET = "algo-model-deploy-dev"
MODEL = ("long", "SOXL", "soxl_long-outer_11_inner_48")
PREFIX = "models/" + "/".join(MODEL)


@dataclass(frozen=True)
class Code:
    """The workload's repository: where it lies, where it is served, its first commit."""

    path: Path
    url: str
    commit: str


@pytest.fixture
def code(tmp_path: Path) -> Iterator[Code]:
    path = tmp_path / "algo-modeling-v2.git"
    commit = make_repository(path, branches=("main", "live"))
    with serve_repository(path, CREDENTIAL) as url:
        yield Code(path, url, commit)


@pytest.fixture
def cloud(aws: LocalAws) -> LocalAws:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    secret = json.dumps({"private-key": CREDENTIAL})
    aws.client("secretsmanager").create_secret(Name="github/ssh-key", SecretString=secret)
    return aws


@pytest.fixture(scope="session")
def addresses(server: LocalAws) -> Iterator[str]:
    """Addresses for hosts; as the network is this process's server's alone, no other test process has them."""
    return map(str, ip_network(server.networks["dev"]).hosts())


@pytest.fixture
def hosts(cloud: LocalAws, code: Code, addresses: Iterator[str], tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """Make hosts by role."""
    with ExitStack() as stack:

        def make(role: str, **variables: str) -> Host:
            tags = {"Role": role, "Environment": "dev"}
            if role == "trader":
                tags |= dict(zip(("ModelType", "Symbol", "ModelNumber"), MODEL, strict=True))
            facts = {f"tags/instance/{key}": value for key, value in tags.items()}
            host = stack.enter_context(make_host(tmp_path / f"host of {role}", cloud.environ, next(addresses), **facts))
            (host.home / "deployment_config.txt").write_text(f"bucket_name={BUCKET}\ngit_branch=main\n")
            host.environ |= {"TRADING_REPOSITORY": code.url} | variables
            return host

        yield make


@pytest.fixture
def ingest(hosts: Callable[..., Host]) -> Host:
    return hosts("ingest")


@pytest.fixture
def trader(hosts: Callable[..., Host]) -> Host:
    """A trader whose feed never answers, which does not keep it from waiting for it."""
    return hosts("trader", TRADING_NATS_ADDRESS="127.0.0.9")


@pytest.fixture
def objects(cloud: LocalAws) -> Callable[[], dict[str, str]]:
    """Read all that is in the bucket."""

    def read() -> dict[str, str]:
        s3: Any = cloud.client("s3")
        keys = [found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
        return {key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode() for key in keys}

    return read
