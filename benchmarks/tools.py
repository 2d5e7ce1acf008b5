# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What both tools have in common, and ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from benchmarks.phases import CHECK, DESTROY, ENVIRONMENT, RETIRE, STEP, Phase
from tests.playbook import BIN, REPOSITORY, PlaybookRun


class Workplace(Protocol):
    """Where a tool works on one account, and by which commands."""

    folder: Path

    def command(self, phase: Phase) -> list[str]:
        """Return what a phase runs."""

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the environment to run it in, made of one that leads to the endpoint."""

    def is_unchanged(self, output: str) -> bool:
        """Say whether a run found nothing to do, by what it printed."""


class Tool(Protocol):
    """Something that provisions an environment."""

    name: str

    def workplace(self, environ: Mapping[str, str]) -> AbstractContextManager[Workplace]:
        """Have what it needs besides the account; making it is not measured."""


class Playbooks:
    """Our playbooks, as their users run them."""

    name = "ours"
    folder = REPOSITORY

    def workplace(self, environ: Mapping[str, str]) -> AbstractContextManager[Workplace]:
        """The checkout is the place."""
        return nullcontext(self)

    def command(self, phase: Phase) -> list[str]:
        """Return an ansible-playbook of one environment whose network is managed."""
        playbook = "playbooks/destroy.yml" if phase is DESTROY else "site.yml"
        variables: dict[str, object] = {"trading_network_manage": True}
        if phase is DESTROY:
            variables["trading_destroy_confirm"] = ENVIRONMENT
        if phase is RETIRE:
            variables["trading_fleet_max_retired"] = STEP
        command = [str(BIN / "ansible-playbook"), playbook, "-i", f"inventories/{ENVIRONMENT}"]
        return [*command, "-e", json.dumps(variables), *(["--check"] if phase is CHECK else [])]

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Nothing is added: it is the configuration that users have."""
        return dict(environ)

    def is_unchanged(self, output: str) -> bool:
        """Read the recap."""
        return PlaybookRun(0, output).changed == 0
