# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Makes the same zip from the same files, wherever they lie and whenever they were written.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

# What Lambda takes of a package in a request, and of its files when they are unpacked.
MAX_PACKAGE = 50 * 1024 * 1024
MAX_UNPACKED = 250 * 1024 * 1024
COMPRESSIONS = {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED}
# The first day that a zip can name.
TIMESTAMP = (1980, 1, 1, 0, 0, 0)
UNIX = 3


class PackageError(Exception):
    """Sources that cannot be packed."""


@dataclass(frozen=True)
class Entry:
    """A file and its name in the package."""

    name: str
    path: Path

    def mode(self) -> int:
        """The file's permissions, of which only the executable bit counts."""
        return 0o755 if self.path.stat().st_mode & stat.S_IXUSR else 0o644


def collect(sources: Iterable[tuple[str, str]], exclude: list[str], package: Path) -> list[Entry]:
    """Find the files of all sources, sorted by their names in the package, which itself is never one of them.

    Args:
        sources: Pairs of a file or folder and its place in the package.
        exclude: Shell patterns. What is found inside a folder is left out when its own name matches.
        package: Where the package is to be.

    Raises:
        PackageError: The sources cannot be packed.
    """
    entries: dict[str, Entry] = {}
    for src, dest in sources:
        for entry in _entries_of(Path(src), dest, exclude):
            if entry.path == package.resolve():
                continue
            other = entries.setdefault(entry.name, entry)
            if other.path != entry.path:
                raise PackageError(f"both {other.path} and {entry.path} would be {entry.name} in it: move one of them")
    _refuse_files_as_folders(entries)
    if not entries:
        raise PackageError("no file is left to pack: look at sources and exclude")
    return [entry for _name, entry in sorted(entries.items())]


def _entries_of(src: Path, dest: str, exclude: list[str]) -> Iterator[Entry]:
    place = PurePosixPath(dest)
    if place.is_absolute() or ".." in place.parts:
        raise PackageError(f"the place {dest} of {src} is not inside the package: give a relative one without ..")
    if not src.exists():
        raise PackageError(f"the source {src} does not exist")
    root = src.resolve()
    if root.is_dir():
        yield from _walk(root, root, place, exclude, (root,))
    else:
        as_folder = dest.endswith("/") or place == PurePosixPath()
        yield Entry(str(place / src.name if as_folder else place), _regular(root))


def _walk(
    folder: Path, root: Path, place: PurePosixPath, exclude: list[str], parents: tuple[Path, ...]
) -> Iterator[Entry]:
    """Yield the files of a folder and its folders. Links count as what they lead to."""
    for child in folder.iterdir():
        if any(fnmatchcase(child.name, pattern) for pattern in exclude):
            continue
        real = _target(child, root)
        if not real.is_dir():
            yield Entry(str(place / child.name), _regular(real))
        elif real in parents:
            raise PackageError(f"the link {child} leads back to {real}, which it lies in: exclude it")
        else:
            yield from _walk(real, root, place / child.name, exclude, (*parents, real))


def _target(path: Path, root: Path) -> Path:
    real = path.resolve()
    if not real.is_relative_to(root):
        raise PackageError(f"the link {path} leads to {real}, outside of its source {root}: exclude or replace it")
    if not real.exists():
        raise PackageError(f"the link {path} leads to {real}, which does not exist: exclude or replace it")
    return real


def _regular(path: Path) -> Path:
    if not path.is_file():
        raise PackageError(f"{path} is neither a file nor a folder: exclude it")
    return path


def _refuse_files_as_folders(entries: dict[str, Entry]) -> None:
    for name, entry in entries.items():
        for parent in PurePosixPath(name).parents:
            if str(parent) in entries:
                raise PackageError(f"{entries[str(parent)].path} would be {parent} in it, a folder of {entry.path}")


def build(entries: list[Entry], compression: str) -> bytes:
    """Make the package.

    Raises:
        PackageError: It is larger than Lambda takes.
    """
    unpacked = sum(entry.path.stat().st_size for entry in entries)
    if unpacked > MAX_UNPACKED:
        raise PackageError(f"its files have {_megabytes(unpacked)}, and Lambda takes 250 MB: leave some out")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for entry in entries:
            info = zipfile.ZipInfo(entry.name, TIMESTAMP)
            info.create_system = UNIX
            info.external_attr = (stat.S_IFREG | entry.mode()) << 16
            package.writestr(info, entry.path.read_bytes(), COMPRESSIONS[compression], compresslevel=9)
    content = buffer.getvalue()
    if len(content) > MAX_PACKAGE:
        advice = "leave files out by exclude" if compression == "deflated" else "set compression to deflated"
        raise PackageError(f"it has {_megabytes(len(content))}, and Lambda takes 50 MB: {advice}, or use a layer")
    return content


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MB"


def describe(content: bytes) -> dict[str, str]:
    """Say what is in a package, by name, or nothing when it is no zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            return {info.filename: _describe_entry(info, package.read(info)) for info in package.infolist()}
    except zipfile.BadZipFile:
        return {}


def _describe_entry(info: zipfile.ZipInfo, content: bytes) -> str:
    mode = (info.external_attr >> 16) & 0o777
    return f"mode {mode:04o}, {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}"


def read_package(path: Path) -> bytes | None:
    """Read what lies in the package's place, or None when nothing does."""
    return path.read_bytes() if path.exists() else None
