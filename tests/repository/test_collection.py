# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Facts that must stand in two files stand there alike."""

from __future__ import annotations

import json
import re
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests.playbook import BIN, REPOSITORY

LINKED = REPOSITORY / "collections/ansible_collections/algotrading/aws"
INVENTORIES = REPOSITORY / "inventories"
ENVIRONMENTS = ("dev", "qa", "prod")


def _load(path: str) -> Any:
    return yaml.safe_load((REPOSITORY / path).read_text())


def _tracked(pattern: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", pattern],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )
    return [REPOSITORY / line for line in listed.stdout.splitlines()]


def test_the_action_group_holds_every_module() -> None:
    (metadata, *modules) = _load("meta/runtime.yml")["action_groups"]["aws"]
    assert metadata == {"metadata": {"extend_group": ["amazon.aws.aws"]}}
    assert modules == sorted(path.stem for path in (REPOSITORY / "plugins/modules").glob("*.py"))


def test_the_collection_is_made_of_links_to_its_entries() -> None:
    links = {path.name: path for path in LINKED.iterdir()}
    assert links.keys() == {"galaxy.yml", "meta", "plugins", "roles", "playbooks", "files"}
    for name, link in links.items():
        assert link.readlink() == Path("../../../..") / name
        assert link.resolve() == REPOSITORY / name


def test_ansible_doc_shows_every_plugin() -> None:
    command = [str(BIN / "ansible-doc"), "--metadata-dump", "algotrading.aws"]
    shown = json.loads(subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True).stdout)["all"]
    for kind, folder in (("module", "modules"), ("lookup", "lookup"), ("filter", "filter")):
        names = {f"algotrading.aws.{path.stem}" for path in (REPOSITORY / "plugins" / folder).glob("*.py")}
        assert shown[kind].keys() == names
        for name in names:
            assert shown[kind][name]["examples"], name
            assert shown[kind][name]["return"], name


def test_requirements_are_pinned() -> None:
    for path in ("requirements.txt", "requirements-dev.txt"):
        for line in (REPOSITORY / path).read_text().splitlines():
            if line and not line.startswith(("#", "-r ")):
                assert re.fullmatch(r"[\w.-]+(\[[\w,]+\])?==[\w.]+", line), f"{path}: {line} is not pinned"


def test_awx_gets_the_collections_that_are_tested() -> None:
    wanted = {entry["name"]: entry["version"] for entry in _load("collections/requirements.yml")["collections"]}
    assert wanted == _load("galaxy.yml")["dependencies"]
    for name, versions in wanted.items():
        found = _installed_version(name)
        assert SpecifierSet(versions).contains(found), f"{name} {found} is installed, and {versions} is wanted"


def _installed_version(collection: str) -> str:
    (folder,) = import_module(f"ansible_collections.{collection}").__path__
    version: str = json.loads((Path(folder) / "MANIFEST.json").read_text())["collection_info"]["version"]
    return version


def test_boto3_and_botocore_are_pinned_alike() -> None:
    lines = (REPOSITORY / "requirements.txt").read_text().splitlines()
    pins = {parsed.name: str(parsed.specifier) for parsed in map(Requirement, filter(_is_requirement, lines))}
    assert pins["boto3"] == pins["botocore"]


def _is_requirement(line: str) -> bool:
    return bool(line) and not line.startswith("#")


def test_inventories_differ_in_values_only() -> None:
    assert sorted(path.name for path in INVENTORIES.iterdir()) == sorted(ENVIRONMENTS)
    texts = {environment: _inventory_texts(environment) for environment in ENVIRONMENTS}
    assert texts["dev"].keys() == texts["qa"].keys() == texts["prod"].keys()
    for name in ("hosts.yml", "trading.aws_ec2.yml"):
        alike = {texts[environment][name].replace(f": {environment}\n", ": ENV\n") for environment in ENVIRONMENTS}
        assert len(alike) == 1, f"{name} differs in more than the environment"
    for environment in ENVIRONMENTS:
        settings = yaml.safe_load(texts[environment]["group_vars/all.yml"])
        assert settings["trading_environment"] == environment
        assert yaml.safe_load(texts[environment]["trading.aws_ec2.yml"])["regions"] == [settings["trading_region"]]
        assert "{{" not in texts[environment]["group_vars/all.yml"], "an inventory holds no logic"


def _inventory_texts(environment: str) -> dict[str, str]:
    root = INVENTORIES / environment
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*.yml")}


@pytest.mark.parametrize("document", _tracked("*.md"), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_in_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (document.parent / target).exists(), f"{target} is not there"


def test_the_readme_is_short_and_names_only_targets_that_exist() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    assert len(readme.splitlines()) < 120
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    for document in ("README.md", "TESTING.md"):
        named = set(re.findall(r"(?:`|^    )make ([a-z][a-z-]+)", (REPOSITORY / document).read_text(), re.MULTILINE))
        assert named <= targets, f"{document} names {named - targets}"


def test_no_two_files_of_tests_have_one_name() -> None:
    """Pytest takes the second one for the first, and collects neither."""
    names = [path.name for path in _tracked("tests/**/test_*.py")]
    assert names
    assert sorted(names) == sorted(set(names))


def test_python_and_shell_carry_the_license() -> None:
    for path in _tracked("*.py"):
        assert "GNU General Public License v3.0+" in path.read_text()[:400], path
