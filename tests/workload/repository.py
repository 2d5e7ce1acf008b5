# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes a git repository of the sample workload, and serves it to those who bring the credential."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

SOURCE = Path(__file__).resolve().parent
FILES = ("README.md", "requirements.txt", "backup_vscode")
BRANCHES = ("main", "live", "feature/wire-streaming-val")
# One author and one time, so that the same files are the same commit everywhere; nobody's own git settings count.
_GIT_ENVIRON = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Sample",
    "GIT_AUTHOR_EMAIL": "sample@example.com",
    "GIT_AUTHOR_DATE": "2026-02-02T08:00:00Z",
    "GIT_COMMITTER_NAME": "Sample",
    "GIT_COMMITTER_EMAIL": "sample@example.com",
    "GIT_COMMITTER_DATE": "2026-02-02T08:00:00Z",
}


def make_repository(path: Path, branches: Sequence[str] = BRANCHES) -> str:
    """Make a bare repository of the sample at `path`, and return the one commit that all branches begin with."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        for name in FILES:
            if (SOURCE / name).is_dir():
                shutil.copytree(SOURCE / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(SOURCE / name, tree / name)
        _git(tree, "init", "--quiet", "--template=", f"--initial-branch={branches[0]}")
        _git(tree, "add", "--all")
        _git(tree, "commit", "--quiet", "--message=The sample workload")
        for branch in branches[1:]:
            _git(tree, "branch", branch)
        _git(tree, "clone", "--quiet", "--bare", ".", str(path))
    return _git(path, "rev-parse", f"refs/heads/{branches[0]}")


def advance(path: Path, branch: str, name: str = "NEWS", text: str | None = None) -> str:
    """Add a commit to a branch, in which a file has a new text, and return it."""
    before = _git(path, "rev-parse", f"refs/heads/{branch}")
    blob = _git(path, "hash-object", "-w", "--stdin", text=f"After {before}\n" if text is None else text)
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": f"{folder}/index"}
        _git(path, "read-tree", before, environ=index)
        _git(path, "update-index", "--add", "--cacheinfo", f"100644,{blob},{name}", environ=index)
        tree = _git(path, "write-tree", environ=index)
    commit = _git(path, "commit-tree", tree, "-p", before, "-m", f"Change {name}")
    _git(path, "update-ref", f"refs/heads/{branch}", commit, before)
    return commit


@contextmanager
def serve_repository(path: Path, credential: str, address: str = "127.0.0.1") -> Iterator[str]:
    """Serve a bare repository over HTTP, as GitHub does for a private one; yield its URL."""

    class Handler(_GitHandler):
        root = path.resolve().parent
        password = credential

    with ThreadingHTTPServer((address, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{address}:{server.server_port}/{path.name}"
        finally:
            server.shutdown()
            thread.join()


class _GitHandler(BaseHTTPRequestHandler):
    """Hands requests to `git http-backend`."""

    root: Path
    password: str

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def _serve(self, body: bytes) -> None:
        if not self._is_known():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="repositories"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        answer = subprocess.run(
            ["git", "http-backend"], input=body, env=self._cgi(body), capture_output=True, check=False
        )
        head, _, content = answer.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _is_known(self) -> bool:
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        return kind == "Basic" and base64.b64decode(value).decode().partition(":")[2] == self.password

    def _cgi(self, body: bytes) -> dict[str, str]:
        url = urlsplit(self.path)
        given = {
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        return {
            **os.environ,
            **_GIT_ENVIRON,
            **{name: value for name, value in given.items() if value},
            "CONTENT_LENGTH": str(len(body)),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROJECT_ROOT": str(self.root),
            "PATH_INFO": url.path,
            "QUERY_STRING": url.query,
            "REMOTE_ADDR": self.client_address[0],
            "REMOTE_USER": "someone",
            "REQUEST_METHOD": self.command,
        }

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def _git(path: Path, *arguments: str, text: str = "", environ: dict[str, str] | None = None) -> str:
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *arguments],
        cwd=path,
        input=text,
        env=own | _GIT_ENVIRON | (environ or {}),
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()
