# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The deployed zips, unpacked once each."""

from __future__ import annotations

import io
import threading
import zipfile
from pathlib import Path

from tests.local_aws.functions.deployed import Deployed


class CodeStore:
    """A folder per zip, by its digest; safe for threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def unpacked(self, function: Deployed) -> Path:
        """Return the folder that holds the function's files."""
        folder = self._folder / function.code_digest
        with self._lock:
            if not folder.exists():
                _unpack(function.code, folder)
        return folder


def _unpack(code: bytes, folder: Path) -> None:
    folder.mkdir(parents=True)
    with zipfile.ZipFile(io.BytesIO(code)) as archive:
        for member in archive.infolist():
            path = Path(archive.extract(member, folder))
            # The zip's own permissions count, as on AWS; extracting forgets them.
            mode = member.external_attr >> 16 & 0o777
            if mode and path.is_file():
                path.chmod(mode | 0o400)
