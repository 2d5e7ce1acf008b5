# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is known of processes. What follows from it is in the tests of the module environment_lock."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils import _process
from ansible_collections.algotrading.aws.plugins.module_utils._process import has_ended, start_of


@pytest.fixture
def without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS."""

    def refuse(self: Path, *_how: Any, **_more: Any) -> str:
        raise FileNotFoundError(str(self))

    monkeypatch.setattr(Path, "read_text", refuse)


def _lives_and_ends() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        start = start_of(process.pid)
        assert start
        assert start_of(process.pid) == start
        assert not has_ended(process.pid, start)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        zombie = has_ended(process.pid, start)
    assert has_ended(process.pid, start)
    assert zombie


def test_a_process_lives_and_ends() -> None:
    """A killed one whose parent has not looked has ended too; seen failing when start_of() does not know zombies."""
    _lives_and_ends()


def test_a_process_is_told_by_ps_where_there_is_no_proc(without_proc: None) -> None:
    start = start_of(os.getpid())
    assert start.endswith(tuple("0123456789"))
    assert not has_ended(os.getpid(), start)
    assert has_ended(os.getpid(), "Thu Jan  1 00:00:00 1970")


def test_a_process_of_which_nothing_is_known_has_not_ended(without_proc: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert start_of(os.getpid()) == ""
    assert not has_ended(os.getpid(), "1048578")


def test_somebody_elses_process_has_not_ended(without_proc: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    monkeypatch.setenv("PATH", "/nowhere")
    assert not has_ended(1, "1048578")


def test_without_proc_a_machine_is_told_by_its_name(without_proc: None) -> None:
    assert _process.this_machine() == _process.platform.node()
