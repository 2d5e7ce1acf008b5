# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stack that this one replaces, as `terraform/` has it."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from jinja2 import Environment, StrictUndefined

from benchmarks.measure import measure
from benchmarks.phases import CHECK, DESTROY, ENVIRONMENT, Phase
from benchmarks.provider import Terraform
from benchmarks.tools import Workplace
from tests.local_aws.environment import REGION
from tests.local_aws.seed import BUCKETS
from tests.playbook import REPOSITORY

_CONFIGURATION = Path(__file__).with_name("terraform")
_FILES = REPOSITORY / "files"
_FUNCTIONS = ("ingest", "fleet", "shutdown")


class OldStack:
    """Terraform with its AWS provider."""

    name = "terraform"

    def __init__(self, terraform: Terraform) -> None:
        self._terraform = terraform

    @contextmanager
    def workplace(self, environ: Mapping[str, str]) -> Iterator[Workplace]:
        """Have a folder with the configuration, its values, an empty state, and the provider linked to it."""
        with tempfile.TemporaryDirectory(prefix="benchmark-terraform-") as temporary:
            place = _Place(self._terraform, Path(temporary))
            place.prepare(environ)
            yield place


class _Place:
    def __init__(self, terraform: Terraform, root: Path) -> None:
        self._terraform = terraform
        self._root = root
        self.folder = root / "configuration"

    def prepare(self, environ: Mapping[str, str]) -> None:
        shutil.copytree(_CONFIGURATION, self.folder)
        packages = self._root / "packages"
        packages.mkdir()
        for name in _FUNCTIONS:
            _pack(name, packages / f"{name}.zip")
        values = {
            "environment": ENVIRONMENT,
            "region": REGION,
            "bucket": BUCKETS[ENVIRONMENT],
            "user_data": _user_data(),
            "packages": str(packages),
        }
        (self.folder / "terraform.tfvars.json").write_text(json.dumps(values))
        mirror = json.dumps(str(self._terraform.mirror))
        self._settings.write_text(f"provider_installation {{\n  filesystem_mirror {{\n    path = {mirror}\n  }}\n}}\n")
        measure([str(self._terraform.program), "init", "-input=false", "-no-color"], self.environ(environ), self.folder)

    @property
    def _settings(self) -> Path:
        return self._root / "settings.tfrc"

    def command(self, phase: Phase) -> list[str]:
        program = str(self._terraform.program)
        if phase is CHECK:
            return [program, "plan", "-input=false", "-no-color"]
        return [program, "destroy" if phase is DESTROY else "apply", "-auto-approve", "-input=false", "-no-color"]

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in environ.items() if not name.startswith("TF_")}
        # It would ask its maker for news.
        return {**kept, "TF_CLI_CONFIG_FILE": str(self._settings), "CHECKPOINT_DISABLE": "1"}

    def is_unchanged(self, output: str) -> bool:
        return "No changes." in output


def _pack(name: str, path: Path) -> None:
    """Pack a function's files, as the playbooks do."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for folder, inside in ((name, ""), ("common", "trading_common/")):
            for file in sorted((_FILES / "lambda" / folder).glob("*.py")):
                package.write(file, inside + file.name)
        package.write(_FILES / "run.sh", "run.sh")


def _user_data() -> str:
    """Write the hosts' script, as the playbooks do."""
    jinja = Environment(undefined=StrictUndefined, keep_trailing_newline=True)  # noqa: S701 - a shell script, not HTML
    jinja.filters["quote"] = quote
    template = jinja.from_string((_FILES / "user_data.sh.j2").read_text())
    return template.render(trading_bucket=BUCKETS[ENVIRONMENT], trading_git_branch="main")
