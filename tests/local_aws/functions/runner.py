# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs functions, each invocation in the thread that asks for it, and remembers what happened."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.local_aws.account import Account
from tests.local_aws.clock.clock import Clock
from tests.local_aws.front import Front
from tests.local_aws.functions.code import CodeStore
from tests.local_aws.functions.deployed import Deployed, find_deployed
from tests.local_aws.functions.logs import new_stream, write_log
from tests.local_aws.functions.process import Order, Outcome, Process, lambda_environ
from tests.local_aws.functions.records import Invocation
from tests.local_aws.functions.roles import role_variables


class AccountGoneError(Exception):
    """The account was reset, or the server ends: what still runs for it must not touch the new one."""


class Runner:
    """One account's invocations, until it is closed; safe for threads."""

    def __init__(self, front: Front, folder: Path, clock: Clock) -> None:
        self._front = front
        self._clock = clock
        self._code = CodeStore(folder / "code")
        self._work = folder / "work"
        self._work.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._processes: set[Process] = set()
        self._invocations: list[Invocation] = []
        self.closed = threading.Event()

    def run(
        self, region: str, reference: str, qualifier: str, request_id: str, payload: bytes
    ) -> tuple[Outcome, datetime]:
        """Invoke a function as it is now; return what came of it and what the clock showed at its end.

        The caller must not hold the front's lock.
        """
        with self.account(region) as account:
            order = self._order(account, find_deployed(account, reference, qualifier), request_id, payload)
        record = Invocation(order.function.name, request_id, json.loads(payload or b"{}"), time.time())
        process = Process(order, self._code.unpacked(order.function), self._work)
        with self._running(process, record):
            outcome = process.run()
        outcome = _with_report(order, outcome, time.time() - record.started)
        with self.account(region) as account:
            write_log(account, order.function, order.log_stream, outcome.log)
            _finish(record, outcome)
            return outcome, self._clock.now()

    @contextlib.contextmanager
    def account(self, region: str) -> Iterator[Account]:
        """Take the front's lock for work on the account; AccountGoneError when it is another one by now."""
        with self._front.lock:
            if self.closed.is_set():
                raise AccountGoneError
            yield Account(region)

    def invocations(self, function: str) -> list[Invocation]:
        """Return a function's invocations in the order of their start."""
        with self._lock:
            return [record for record in self._invocations if record.function == function]

    def time_out(self, function: str) -> None:
        """End a function's running invocations as its timeout would."""
        with self._lock:
            processes = [each for each in self._processes if each.function == function]
        for process in processes:
            process.time_out()

    def close(self) -> None:
        """Kill what runs; the caller holds the front's lock, or the server ends."""
        self.closed.set()
        with self._lock:
            processes = list(self._processes)
        for process in processes:
            process.kill()

    def _order(self, account: Account, function: Deployed, request_id: str, payload: bytes) -> Order:
        stream = new_stream(function.version)
        keys = role_variables(function.role_arn, function.name)
        environ = lambda_environ(function, stream, keys, self._front.endpoint_url)
        return Order(function, request_id, payload, stream, environ)

    @contextlib.contextmanager
    def _running(self, process: Process, record: Invocation) -> Iterator[None]:
        with self._lock:
            self._processes.add(process)
            self._invocations.append(record)
        # One that `close` did not see any more.
        if self.closed.is_set():
            process.kill()
        try:
            yield
        finally:
            with self._lock:
                self._processes.discard(process)


def _with_report(order: Order, outcome: Outcome, seconds: float) -> Outcome:
    """Frame the output as Lambda does."""
    request_id, memory = order.request_id, order.function.memory
    duration = seconds * 1000
    text = outcome.log if outcome.log.endswith("\n") or not outcome.log else f"{outcome.log}\n"
    log = (
        f"START RequestId: {request_id} Version: {order.function.version}\n{text}END RequestId: {request_id}\n"
        f"REPORT RequestId: {request_id}\tDuration: {duration:.2f} ms\tBilled Duration: {int(duration) + 1} ms\t"
        f"Memory Size: {memory} MB\n"
    )
    return Outcome(outcome.payload, outcome.failed, log)


def _finish(record: Invocation, outcome: Outcome) -> None:
    document: Any = json.loads(outcome.payload)
    if outcome.failed:
        record.error = document
    else:
        record.result = document
    record.log = outcome.log
    record.ended = time.time()
