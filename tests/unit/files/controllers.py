# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the controllers' real handlers against a fake AWS, in virtual time."""

from __future__ import annotations

import functools
import importlib.util
import json
import sys
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.unit.files.fake_aws import FakeAws
from tests.unit.files.fake_hosts import FakeHost
from tests.unit.files.fake_time import VirtualClock

SOURCES = Path(__file__).resolve().parents[3] / "files/lambda"
# 08:30 in New York.
MORNING = 1770039000.0
SETTINGS = {
    "ENVIRONMENT": "dev",
    "GITHUB_SECRET_ID": "github/ssh-key",
    "WEBSOCKET_INSTANCE_NAME": "alpaca-websocket-ingest-dev",
    "TRADING_SERVER_NAME_PREFIX": "trading-server-dev-",
    "MAX_RETRIES": "2",
    "MARKET_CALENDAR": '{"years": [2026], "closed": [], "early": []}',
    "NATS_ADDRESS": "private",
    "NATS_AUTH": "none",
    "WORKLOAD_REPOSITORY": "https://example.org/workload.git",
    "BUCKET_NAME": "algo-model-deploy-dev",
    "GIT_BRANCH": "feature/wire-streaming-val",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
}
DEADLINE = "2026-02-02T21:05:00Z"
FEED = {"feed_address": "10.0.0.10", "commit": "c" * 40, "deadline": DEADLINE}


def _load(name: str, path: Path, **options: Any) -> Any:
    spec = importlib.util.spec_from_file_location(name, path, **options)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@functools.cache
def load_handlers() -> dict[str, Any]:
    """Return the modules of the three functions, with their common part under the name that it has in their zips."""
    common = SOURCES / "common"
    _load("trading_common", common / "__init__.py", submodule_search_locations=[str(common)])
    names = ("ingest", "fleet", "shutdown")
    handlers = {name: _load(f"controller_{name}", SOURCES / name / "lambda_function.py") for name in names}
    # Making boto3's clients takes longer than most tests.
    aws = sys.modules["trading_common.aws"].Aws
    aws.connect = functools.cache(aws.connect)
    return handlers


@dataclass
class Context:
    """What Lambda hands to a handler."""

    clock: VirtualClock
    ends: float
    aws_request_id: str
    function_name: str

    def get_remaining_time_in_millis(self) -> int:
        return int((self.ends - self.clock.now()) * 1000)


@dataclass
class End:
    """How one invocation ended."""

    result: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, dict[str, Any]] = field(default_factory=dict)
    succeeded: int = 0
    seconds: float = 0.0
    remaining: float = 0.0

    @property
    def outcomes(self) -> dict[str, dict[str, Any]]:
        return {each["name"]: each for each in self.result["outcomes"]}


@dataclass
class World:
    """An account, its time and its functions."""

    aws: FakeAws
    clock: VirtualClock
    handlers: dict[str, Any]

    def add_traders(self, count: int, **options: Any) -> list[FakeHost]:
        first = len(self.aws.hosts)
        return [self.add(f"trading-server-dev-{n:03d}", "trader", **options) for n in range(first, first + count)]

    def add(self, name: str, role: str, **options: Any) -> FakeHost:
        return self.aws.add(FakeHost(f"i-{len(self.aws.hosts):017x}", name, role, **options))

    def invoke(
        self, function: str, event: dict[str, Any], request_id: str = "", seconds: float = 900.0, **settings: str
    ) -> End:
        """Invoke a function once, and see how it ends."""
        begun = self.clock.now()
        context = Context(self.clock, begun + seconds, request_id or str(uuid.uuid4()), f"{function}_dev")
        end = End()
        try:
            end.result = self.handlers[function].lambda_handler(event, context)
        except Exception as error:
            told = json.loads(str(error))
            assert told.keys() == {"failed", "succeeded"}
            end.failed = {each["name"]: each for each in told["failed"]}
            end.succeeded = told["succeeded"]
        end.seconds = self.clock.now() - begun
        end.remaining = context.get_remaining_time_in_millis() / 1000
        return end

    def invoke_twice_at_once(self, function: str, event: dict[str, Any]) -> list[End]:
        """Let two events come in at the same moment."""
        ends: list[End] = []
        self.clock.join(2)

        def run() -> None:
            ends.append(self.invoke(function, event))
            self.clock.leave()

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.clock.join(1)
        return ends


def make_world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """Return an empty account on the morning of a trading day."""
    clock = VirtualClock(MORNING)
    aws = FakeAws(clock)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", lambda *call: aws.call(*call))
    run_sh = tmp_path / "run.sh"
    run_sh.write_text("#!/usr/bin/env bash\n# run.sh\n")
    handlers = load_handlers()
    for module in handlers.values():
        monkeypatch.setattr(module, "CLOCK", clock)
        monkeypatch.setattr(module, "RUN_SH", run_sh)
    return World(aws, clock, handlers)
