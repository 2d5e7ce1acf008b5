# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Makes the same zip from the same files, wherever they lie and whenever they were written.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import base64
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
# Caches and hidden files are no part of the code.
EXCLUDED = ("__pycache__", "*.pyc", ".*")
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


def pack(sources: Iterable[tuple[str, str]]) -> bytes:
    """Make the package of files and folders, each with its place in the package.

    Files are not compressed, so that the package is the same with every version of Python and zlib. Folders have no
    entries of their own, so that empty ones are left out.

    Raises:
        PackageError: The sources cannot be packed, or Lambda would not take the package.
    """
    try:
        return _zip(_collect(sources))
    except OSError as error:
        raise PackageError(f"{error.filename}: {error.strerror}") from error


def code_sha256(package: bytes) -> str:
    """The digest of a package as Lambda tells it of a function's code."""
    return base64.b64encode(hashlib.sha256(package).digest()).decode()


def _collect(sources: Iterable[tuple[str, str]]) -> list[Entry]:
    """Find the files of all sources, sorted by their names in the package."""
    entries: dict[str, Entry] = {}
    for src, dest in sources:
        for entry in _entries_of(Path(src), dest):
            other = entries.setdefault(entry.name, entry)
            if other.path != entry.path:
                raise PackageError(f"both {other.path} and {entry.path} would be {entry.name} in it: move one of them")
    _refuse_files_as_folders(entries)
    if not entries:
        raise PackageError("there is no file to pack: look at sources")
    return [entry for _name, entry in sorted(entries.items())]


def _entries_of(src: Path, dest: str) -> Iterator[Entry]:
    place = PurePosixPath(dest)
    if place.is_absolute() or ".." in place.parts:
        raise PackageError(f"the place {dest} of {src} is not inside the package: give a relative one without ..")
    if not src.exists():
        raise PackageError(f"the source {src} does not exist")
    root = src.resolve()
    if root.is_dir():
        yield from _walk(root, root, place, (root,))
    else:
        as_folder = dest.endswith("/") or place == PurePosixPath()
        yield Entry(str(place / src.name if as_folder else place), _regular(root))


def _walk(folder: Path, root: Path, place: PurePosixPath, parents: tuple[Path, ...]) -> Iterator[Entry]:
    """Yield the files of a folder and its folders. Links count as what they lead to."""
    for child in folder.iterdir():
        if any(fnmatchcase(child.name, pattern) for pattern in EXCLUDED):
            continue
        real = _target(child, root)
        if not real.is_dir():
            yield Entry(str(place / child.name), _regular(real))
        elif real in parents:
            raise PackageError(f"the link {child} leads back to {real}, which it lies in: remove it")
        else:
            yield from _walk(real, root, place / child.name, (*parents, real))


def _target(path: Path, root: Path) -> Path:
    real = path.resolve()
    if not real.is_relative_to(root):
        raise PackageError(f"the link {path} leads to {real}, outside of its source {root}: replace it")
    if not real.exists():
        raise PackageError(f"the link {path} leads to {real}, which does not exist: replace it")
    return real


def _regular(path: Path) -> Path:
    if not path.is_file():
        raise PackageError(f"{path} is neither a file nor a folder: remove it")
    return path


def _refuse_files_as_folders(entries: dict[str, Entry]) -> None:
    for name, entry in entries.items():
        for parent in PurePosixPath(name).parents:
            if str(parent) in entries:
                raise PackageError(f"{entries[str(parent)].path} would be {parent} in it, a folder of {entry.path}")


def _zip(entries: list[Entry]) -> bytes:
    unpacked = sum(entry.path.stat().st_size for entry in entries)
    if unpacked > MAX_UNPACKED:
        raise PackageError(f"its files have {_megabytes(unpacked)}, and Lambda takes 250 MB: leave some out")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as package:
        for entry in entries:
            info = zipfile.ZipInfo(entry.name, TIMESTAMP)
            info.create_system = UNIX
            info.external_attr = (stat.S_IFREG | entry.mode()) << 16
            package.writestr(info, entry.path.read_bytes())
    content = buffer.getvalue()
    if len(content) > MAX_PACKAGE:
        raise PackageError(f"it has {_megabytes(len(content))}, and Lambda takes 50 MB: leave some out, or use a layer")
    return content


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MB"
