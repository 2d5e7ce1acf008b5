# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the measurements were made on, and of which versions."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.provider import Terraform

_PACKAGES = ("ansible-core", "ansible", "mitogen", "boto3", "moto")


def describe(terraform: Terraform | None, why_not: str) -> list[tuple[str, str]]:
    """Return pairs of what and how much; `why_not` says why there is no Terraform."""
    return [
        ("date", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("checkout", _commit()),
        ("machine", f"{len(os.sched_getaffinity(0))} CPUs ({_processor()}), {_memory()} GiB of memory"),
        ("busy at the start", f"load average {os.getloadavg()[0]:.1f}"),
        ("Python", platform.python_version()),
        *((package, _installed(package)) for package in _PACKAGES),
        ("Terraform", _versions(terraform) if terraform else why_not),
    ]


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "not a git checkout"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
    return ", ".join(sorted(names)) or platform.machine()


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _versions(terraform: Terraform) -> str:
    shown = subprocess.run([str(terraform.program), "version", "-json"], capture_output=True, text=True, check=False)
    return f"{json.loads(shown.stdout)['terraform_version']}, AWS provider {terraform.provider_version}"
