# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finds Terraform and its AWS provider on this machine; nothing is fetched."""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# In a mirror, below the registry's host: unpacked, or as it is downloaded.
_UNPACKED = "*/hashicorp/aws/{version}/{system}/terraform-provider-aws*"
_PACKED = "*/hashicorp/aws/terraform-provider-aws_{version}_{system}.zip"
_SHARED = ("/usr/share", "/usr/local/share", "/usr/local/lib", "/usr/lib", "/opt")


@dataclass(frozen=True)
class Terraform:
    """A program, and the folder that has its provider."""

    program: Path
    mirror: Path
    provider_version: str


def find_terraform(environ: Mapping[str, str], named: Path | None = None) -> Terraform | None:
    """Find both, or nothing; `named` is a folder to look in first for the provider."""
    program = shutil.which("terraform", path=environ.get("PATH"))
    if program is None:
        return None
    for folder in [named] if named else _folders(environ, Path(program)):
        if versions := _versions_in(folder):
            return Terraform(Path(program), folder, max(versions, key=_as_numbers))
    return None


def _folders(environ: Mapping[str, str], program: Path) -> Iterator[Path]:
    """Where Terraform itself would look, where its configuration leads it, and where programs are installed."""
    home = Path(environ.get("HOME", "/"))
    configuration = Path(environ.get("TF_CLI_CONFIG_FILE") or home / ".terraformrc")
    if configuration.is_file():
        settings = re.findall(r'(?:path|plugin_cache_dir)\s*=\s*"([^"]+)"', configuration.read_text())
        yield from map(Path, settings)
    if cache := environ.get("TF_PLUGIN_CACHE_DIR"):
        yield Path(cache)
    yield home / ".terraform.d/plugins"
    yield home / ".local/share/terraform/plugins"
    yield program.parent / "plugins"
    yield program.resolve().parent / "plugins"
    for shared in map(Path, _SHARED):
        yield shared / "terraform/plugins"
        # A folder of somebody's own naming.
        yield from sorted(path for path in shared.glob("*") if path.is_dir())


def _versions_in(mirror: Path) -> set[str]:
    system = f"linux_{_ARCHITECTURES.get(platform.machine(), platform.machine())}"
    unpacked = mirror.glob(_UNPACKED.format(version="*", system=system))
    packed = mirror.glob(_PACKED.format(version="*", system=system))
    return {path.parts[-3] for path in unpacked} | {path.name.split("_")[1] for path in packed}


def _as_numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
