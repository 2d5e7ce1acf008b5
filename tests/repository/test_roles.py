# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a role says of its variables is said the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.algotrading.aws.plugins.module_utils._naming import ENVIRONMENTS

from tests.playbook import REPOSITORY

ROLES = sorted((REPOSITORY / "roles").iterdir())
ENTRY_POINTS = {"main", "preflight", "destroy", "destroy_preflight", "retire"}


@pytest.fixture(params=ROLES, ids=lambda role: role.name)
def role(request: pytest.FixtureRequest) -> Path:
    return request.param


def _load(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text()) if path.exists() else {}


def _options(role: Path, *entry_points: str) -> dict[str, Any]:
    """The options of these entry points, or of all."""
    specs = _load(role / "meta/argument_specs.yml")["argument_specs"]
    return {name: option for each in entry_points or specs for name, option in specs[each]["options"].items()}


def _is_computed(value: object) -> bool:
    return "{{" in str(value)


def test_every_default_is_specified_with_its_value(role: Path) -> None:
    options = _options(role)
    for name, value in _load(role / "defaults/main.yml").items():
        assert name in options, f"{name} has a default and no argument spec"
        if _is_computed(value):
            assert "default" not in options[name], f"{name}'s default is computed, and told in its description"
        else:
            assert options[name].get("default") == value


def test_every_specified_default_is_there(role: Path) -> None:
    defaults = _load(role / "defaults/main.yml")
    for name, option in _options(role).items():
        if "default" in option:
            assert name in defaults, f"{name} has a default in its argument spec only"


def test_every_option_has_a_type_and_a_description(role: Path) -> None:
    for name, option in _options(role).items():
        assert {"type", "description"} <= option.keys(), name
        assert option["type"] != "list" or "elements" in option, name


def test_every_entry_point_is_specified(role: Path) -> None:
    entry_points = {path.stem for path in (role / "tasks").iterdir()} & ENTRY_POINTS
    assert entry_points == _load(role / "meta/argument_specs.yml")["argument_specs"].keys()
    if "preflight" in entry_points:
        assert _options(role, "preflight") == _options(role, "main")


def test_an_option_is_the_same_for_every_entry_point(role: Path) -> None:
    for entry_point in _load(role / "meta/argument_specs.yml")["argument_specs"]:
        for name, option in _options(role, entry_point).items():
            assert _options(role)[name] == option, f"{entry_point} has another {name}"


def test_variables_carry_the_prefix_of_the_stack_or_of_the_role(role: Path) -> None:
    for name in _options(role):
        assert name.startswith(("trading_", f"{role.name}_")), name
    for name in _load(role / "vars/main.yml"):
        assert name.startswith(f"{role.name}__"), name


def test_the_environments_are_those_of_the_names(role: Path) -> None:
    # A role for hosts is told nothing of the environment.
    if "trading_environment" in _options(role):
        assert _options(role)["trading_environment"]["choices"] == list(ENVIRONMENTS)


def test_the_readme_tells_every_variable_and_the_iam_actions(role: Path) -> None:
    readme = (role / "README.md").read_text()
    assert "IAM actions" in readme
    for name in _options(role):
        assert f"`{name}`" in readme, f"{name} is not in the README"
