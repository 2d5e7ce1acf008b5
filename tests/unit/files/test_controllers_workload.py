# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the environment says of its workload reaches run.sh, as data, and decides nothing that the controllers do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.playbook import REPOSITORY
from tests.unit.files.controllers import FEED, World, make_world

WORKLOAD = {"TRADING_TRADER_COMMAND": "python3 \"my trader.py\" --since '$(reboot)'", "TRADING_UPLOAD_SECONDS": 60}
# What the controllers tell run.sh themselves, and what only a person's check is for.
CONTROLLERS_OWN = {
    f"TRADING_{name}"
    for name in (
        "ACTION",
        "CHECK",
        "DEADLINE",
        "GIT_REF",
        "NATS_ADDRESS",
        "NATS_AUTH",
        "NATS_SECRET_ID",
        "REPOSITORY",
        "ROLE",
        "SECRET_ID",
    )
}
TOLD = {name: str(value) for name, value in WORKLOAD.items()}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    world = make_world(monkeypatch, tmp_path)
    monkeypatch.setenv("WORKLOAD", json.dumps(WORKLOAD))
    return world


def test_run_sh_is_told_of_the_workload_at_each_start(world: World) -> None:
    feed = world.add("alpaca-websocket-ingest-dev", "ingest")
    (trader,) = world.add_traders(1)
    world.invoke("fleet", world.invoke("ingest", {}).result)
    for host in (feed, trader):
        assert TOLD.items() <= host.runs[0].items()
        assert host.runs[0]["TRADING_REPOSITORY"] == "https://example.org/workload.git"


def test_and_at_the_stop_as_it_may_say_where_the_host_keeps_its_files(world: World) -> None:
    (trader,) = world.add_traders(1, state="running")
    world.invoke("shutdown", {})
    assert trader.runs == [TOLD | {"TRADING_ACTION": "stop", "TRADING_ROLE": "trader"}]


@pytest.mark.parametrize(
    ("workload", "complaint"),
    [
        ("no JSON", "is no JSON"),
        ('["TRADING_HOME"]', "is no dictionary"),
        ('{"PATH": "/tmp"}', "PATH is none of run.sh's variables"),
        ('{"TRADING_X; reboot": "1"}', "TRADING_X; reboot is none of run.sh's variables"),
        ('{"TRADING_HOME": ["/tmp"]}', "TRADING_HOME is neither text nor a number"),
        *((f'{{"{name}": "x"}}', f"{name} is for the controllers to say") for name in sorted(CONTROLLERS_OWN)),
    ],
)
def test_what_is_no_workload_starts_nothing_and_keeps_nothing_up(
    world: World, monkeypatch: pytest.MonkeyPatch, workload: str, complaint: str
) -> None:
    monkeypatch.setenv("WORKLOAD", workload)
    (trader,) = world.add_traders(1, state="running")
    reason = world.invoke("fleet", FEED).failed["fleet_dev"]["reason"]
    assert reason.startswith("WORKLOAD: ")
    assert complaint in reason
    assert not world.aws.calls
    assert world.invoke("shutdown", {}).outcomes[trader.name]["status"] == "stopped"
    assert trader.runs[0]["TRADING_ACTION"] == "stop"


@pytest.mark.parametrize(("auth", "told"), [("token", "trading/nats-dev"), ("none", None)])
def test_a_token_is_where_the_environment_says(
    world: World, monkeypatch: pytest.MonkeyPatch, auth: str, told: str | None
) -> None:
    monkeypatch.setenv("NATS_AUTH", auth)
    monkeypatch.setenv("NATS_SECRET_ID", "trading/nats-dev")
    (trader,) = world.add_traders(1)
    world.invoke("fleet", FEED)
    assert trader.runs[0].get("TRADING_NATS_SECRET_ID") == told


def test_the_role_takes_every_variable_of_run_sh_that_is_not_the_controllers() -> None:
    variables = set(re.findall(r"\$\{(TRADING_[A-Z_]+)", (REPOSITORY / "files/run.sh").read_text()))
    specs = yaml.safe_load((REPOSITORY / "roles/controllers/meta/argument_specs.yml").read_text())
    options = specs["argument_specs"]["main"]["options"]["controllers_workload"]["options"]
    # Where the files lie and whose they are, first boot knows no other way than the contract's.
    assert options.keys() == variables - CONTROLLERS_OWN - {"TRADING_HOME", "TRADING_USER"}
