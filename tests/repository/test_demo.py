# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The parts of `make demo` that need no AWS."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import Any, NoReturn

import pytest

from tests import playbook
from tests.demo.facts import Fact, news
from tests.demo.ledger import Result, count_rows
from tests.demo.playbook_lines import PlaybookLines

PLAYBOOK = """
PLAY [Provision a trading environment] *****************************************

TASK [algotrading.aws.iam : See whose account this is] *************************
ok: [localhost]

TASK [algotrading.aws.iam : Create the hosts' roles] ***************************
changed: [localhost] => (item=one)
ok: [localhost] => (item=other)

TASK [algotrading.aws.schedules : Set the schedules] ***************************
fatal: [localhost]: FAILED! =>
    msg: Failed to set a schedule

PLAY RECAP *********************************************************************
localhost                  : ok=3    changed=1    unreachable=0    failed=1
"""
RESULT = Result("SOXL-long", received=60, traded=7, uploaded=7, log_uploaded=True)


def test_of_a_playbook_the_changes_the_roles_and_the_errors_are_shown() -> None:
    shown: list[str] = []
    lines = PlaybookLines(shown.append)
    for line in PLAYBOOK.splitlines():
        lines.take(line)
    assert shown == [
        "  iam            changed: Create the hosts' roles",
        "  iam            2 tasks",
        "fatal: [localhost]: FAILED! =>",
        "    msg: Failed to set a schedule",
    ]


@pytest.mark.parametrize(("preparation", "status"), [("", -15), ("trap '' TERM", -9)])
def test_an_interrupted_playbook_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, preparation: str, status: int
) -> None:
    argv = ["sh", "-c", f"{preparation}\necho begun; sleep 60; echo over"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True)
    monkeypatch.setattr(playbook, "start_playbook", lambda *_arguments, **_options: process)
    monkeypatch.setattr(playbook, "_END_SECONDS", 0.5)

    def interrupt(_line: str) -> NoReturn:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        playbook.run_playbook("qa", {}, show=interrupt)
    assert process.returncode == status


def test_what_is_new_is_told_once_and_what_ended_too() -> None:
    before = [Fact("running", "a"), Fact("trader runs", "a", over="trader has ended"), Fact("sent", "a", key="1")]
    now = [Fact("running", "a"), Fact("running", "b"), Fact("sent", "a", key="2"), Fact("sent", "b", key="2")]
    assert news(before, now) == [("running", ["b"]), ("sent", ["a", "b"]), ("trader has ended", ["a"])]
    assert news(now, now) == []


def test_a_day_without_losses_has_no_complaint() -> None:
    assert RESULT.loss() == ""


@pytest.mark.parametrize(
    ("change", "loss"),
    [
        ({"traded": 0, "uploaded": 0}, "SOXL-long made no trades."),
        ({"uploaded": 6}, "SOXL-long made 7 trades, and 6 are in the bucket."),
        ({"log_uploaded": False}, "The last line of SOXL-long's log is not in the bucket."),
    ],
)
def test_a_loss_is_named(change: dict[str, Any], loss: str) -> None:
    assert replace(RESULT, **change).loss() == loss


@pytest.mark.parametrize(("text", "rows"), [("", 0), ("head\n", 0), ("head\none\ntwo\n", 2)])
def test_the_head_is_no_trade(text: str, rows: int) -> None:
    assert count_rows(text) == rows
