# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The benchmark measures all that a command starts, finds Terraform where it may be, and writes what it found."""

from __future__ import annotations

import os
import platform
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.comparison import median_of
from benchmarks.launches import Launches
from benchmarks.measure import BenchmarkError, Sample, Usage, measure
from benchmarks.provider import find_terraform
from benchmarks.report import Report
from tests.local_aws.rates import least_seconds

# Something that takes so much of its own CPU, with an orphan that takes as much.
BURN = "import time\nwhile time.process_time() < {seconds}: pass"
ORPHAN = f"""
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", {BURN.format(seconds=0.5)!r}])
    os._exit(0)
os.wait()
"""
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def run(source: str, folder: Path) -> tuple[Usage, str]:
    return measure([sys.executable, "-c", source], os.environ, folder)


def test_cpu_of_orphans_counts(tmp_path: Path) -> None:
    usage, _ = run(ORPHAN, tmp_path)
    assert usage.cpu >= 0.5
    alone, _ = run("pass", tmp_path)
    assert alone.cpu < 0.5


def test_memory_is_the_largest_process_and_not_the_one_that_measures(tmp_path: Path) -> None:
    here = b"x" * (300 * 2**20)
    small, _ = run("pass", tmp_path)
    assert small.peak < len(here) / 3
    large, _ = run("import subprocess, sys; subprocess.run([sys.executable, '-c', 'b = b\"x\" * 2**27'])", tmp_path)
    assert large.peak > 2**27


def test_a_failure_shows_what_was_printed(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"status 3:\nthe reason"):
        run("print('the reason'); raise SystemExit(3)", tmp_path)


def put(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o755)


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """An environment with the program, and nothing else."""
    put(tmp_path / "bin/terraform")
    return {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)}


def unpacked(mirror: Path, version: str = "5.100.0", system: str = f"linux_{ARCHITECTURE}") -> None:
    put(mirror / "registry.example.org/hashicorp/aws" / version / system / f"terraform-provider-aws_v{version}_x5")


def test_the_provider_is_found_where_the_configuration_leads(machine: dict[str, str], tmp_path: Path) -> None:
    unpacked(tmp_path / "elsewhere")
    settings = tmp_path / "settings"
    settings.write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{tmp_path}/elsewhere"\n  }}\n}}'
    )
    found = find_terraform({**machine, "TF_CLI_CONFIG_FILE": str(settings)})
    assert found
    assert (found.program, found.mirror, found.provider_version) == (
        tmp_path / "bin/terraform",
        tmp_path / "elsewhere",
        "5.100.0",
    )


@pytest.mark.parametrize("place", [".terraform.d/plugins", ".local/share/terraform/plugins", "bin/plugins"])
def test_the_provider_is_found_in_its_usual_places(machine: dict[str, str], tmp_path: Path, place: str) -> None:
    unpacked(tmp_path / place)
    # A configuration that is not there hides nothing.
    found = find_terraform({**machine, "TF_CLI_CONFIG_FILE": str(tmp_path / "missing")})
    assert found
    assert found.mirror == tmp_path / place


def test_the_newest_version_for_this_machine_counts(machine: dict[str, str], tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    unpacked(mirror, "5.9.0")
    unpacked(mirror, "6.0.0", "windows_386")
    put(mirror / f"registry.example.org/hashicorp/aws/terraform-provider-aws_5.10.0_linux_{ARCHITECTURE}.zip")
    found = find_terraform(machine, mirror)
    assert found
    assert found.provider_version == "5.10.0"


def test_without_program_or_provider_there_is_nothing(machine: dict[str, str], tmp_path: Path) -> None:
    assert find_terraform(machine, tmp_path) is None
    unpacked(tmp_path / "mirror")
    assert find_terraform({**machine, "PATH": str(tmp_path)}, tmp_path / "mirror") is None


def sample(seconds: float, calls: int, peak: int = 100 * 10**6) -> Sample:
    counted = Counter({"iam:GetRole": calls, "s3:ListObjectsV2": 20})
    return Sample(Usage(seconds, seconds / 2, peak), seconds / 10, counted)


def test_a_median_is_taken_of_each_figure() -> None:
    found = median_of([sample(10, 1), sample(30, 2), sample(20, 9)])
    assert found.usage.seconds == 20
    assert found.calls["iam:GetRole"] == 2


def test_the_report_says_which_targets_are_reached(tmp_path: Path) -> None:
    report = Report([("date", "2099-01-01")], "python -m benchmarks")
    for models in (1, 50, 500):
        both = {("ours", "no-op"): sample(10, 50 + models), ("terraform", "no-op"): sample(12.5, 100)}
        report.add(models, both if models < 500 else {("ours", "no-op"): sample(20, 91, 10**9)})
    taken, refused = Counter({"ec2:RunInstances": 199}), Counter({"ec2:RunInstances": 2})
    report.launches[200] = Launches(120, 8.5, least_seconds("RunInstances", 199), taken, refused, most_refusals=2)
    report.discovery = sample(9.9, 580)
    report.write(tmp_path / "results.md")
    text = (tmp_path / "results.md").read_text()
    assert "| launching, 200: added time / the least that EC2's rates allow | 1.15 | 1.15 | yes |" in text
    assert "| launching, 200: refusals of one call | 1 | 2 | **no** |" in text
    assert "| 200 | 120.0 | 8.5 | 97.0 | 199 | 2 | 2 |" in text
    assert "| discovery: S3 calls | 600 | 600 | yes |" in text
    assert "| no-op, 50: time, ours / Terraform's | 0.8 | 0.80 | yes |" in text
    assert "| no-op, 1: calls, without the listing | 60 | 51 | yes |" in text
    assert "| no-op, 50: calls, without the listing | 60 | 100 | **no** |" in text
    assert "| all, 500: MB of the largest process | 250 | 1000 | **no** |" in text
    assert "| 1 | 10.0 | 12.5 | 0.80 |" in text
    assert "| iam:GetRole | 51 | 100 | 91 |" in text


def test_without_terraform_ours_stands_alone(tmp_path: Path) -> None:
    report = Report([], "python -m benchmarks")
    report.add(1, {("ours", "no-op"): sample(10, 50)})
    report.write(tmp_path / "results.md")
    assert "Terraform" not in (tmp_path / "results.md").read_text()
