# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads policies by parliament, with its auditors of privilege escalation, exposed credentials and the like."""

from __future__ import annotations

import importlib
import importlib.resources
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from tests.security.policies import Policy


@dataclass(frozen=True)
class Finding:
    """One thing that parliament has against a policy."""

    severity: str
    issue: str
    detail: str

    def __str__(self) -> str:
        return f"{self.severity} {self.issue}: {self.detail}"


def findings(policy: Policy) -> list[Finding]:
    """What parliament says of a policy; nothing where it is as it should be."""
    # A trust policy is about its role, and does not say so; parliament takes that for a mistake.
    implied = {"Resource": policy.resource} if policy.kind == "trust" else {}
    text = json.dumps(policy.document | {"Statement": [implied | statement for statement in policy.statements()]})
    parliament = _parliament()
    read = parliament.analyze_policy_string(text, include_community_auditors=True)
    found = [parliament.enhance_finding(finding) for finding in read.findings]
    return [Finding(each.severity, each.issue, _plain(each.detail)) for each in found]


def _plain(detail: object) -> str:
    return detail if isinstance(detail, str) else json.dumps(detail, default=str)


@cache
def _parliament() -> Any:
    with _pkg_resources():
        parliament = importlib.import_module("parliament")
    auditors = importlib.resources.files("parliament") / "community_auditors" / "config_override.yaml"
    parliament.override_config(str(auditors))
    return parliament


@contextmanager
def _pkg_resources() -> Iterator[None]:
    """Stand in for a part of setuptools that left it with version 82; parliament 1.6.4 finds its own files by that."""
    name = "pkg_resources"
    before = sys.modules.get(name)
    stand_in = ModuleType(name)
    stand_in.resource_filename = lambda package, file: str(importlib.resources.files(package) / file)  # type: ignore[attr-defined]
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before
