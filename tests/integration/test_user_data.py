# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host does at its first boot, by the very script that was launched with it."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.integration.account import Account, Host
from tests.playbook import BIN, Site

HOSTILE_BRANCH = 'it\'s $(touch pwned) "x"; `touch pwned`'
TOKEN = "a-token"  # noqa: S105 - of the metadata service below


@contextmanager
def instance_metadata(host: Host) -> Iterator[str]:
    """Serve the host's tags as EC2's metadata service does, to those who bring a token."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self._answer(200, TOKEN)

        def do_GET(self) -> None:
            path, _, key = self.path.rpartition("/")
            if self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
                self._answer(401, "")
            elif path == "/latest/meta-data/tags/instance" and key in host.tags:
                self._answer(200, host.tags[key])
            else:
                self._answer(404, "")

        def _answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def boot(script: str, host: Host, home: Path) -> dict[str, str]:
    """Run user data as the host would, and read the file that it leaves as the workload's shell does."""
    with instance_metadata(host) as endpoint:
        environ = {
            "PATH": os.environ["PATH"],
            "TRADING_HOME": str(home),
            "TRADING_USER": getpass.getuser(),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint,
        }
        subprocess.run(["bash", "-c", script], cwd=home, env=environ, check=True)
    config = home / "deployment_config.txt"
    keys = [line.partition("=")[0] for line in config.read_text().splitlines()]
    show = "source ./deployment_config.txt; " + " ".join(f'printf "%s\\0" "${key}";' for key in keys)
    shown = subprocess.run(["bash", "-c", show], cwd=home, check=True, capture_output=True, text=True)
    return dict(zip(keys, shown.stdout.split("\0"), strict=False))


def test_a_host_learns_its_model_from_its_tags(account: Account, site: Site, tmp_path: Path) -> None:
    account.seed("qa", models=2)
    site("qa", "-e", json.dumps({"trading_git_branch": HOSTILE_BRANCH}))

    hosts = account.hosts("qa")
    scripts = {b64decode(account.user_data(host)).decode() for host in hosts}
    assert len(scripts) == 1, "every host of an environment has the same user data"
    (script,) = scripts
    assert "outer" not in script, "no model's name is part of a script"
    lint = subprocess.run(
        [str(BIN / "shellcheck"), "--severity=warning", "-"], input=script, capture_output=True, text=True, check=False
    )
    assert lint.returncode == 0, lint.stdout

    for host in hosts:
        home = tmp_path / host.instance_id
        home.mkdir()
        settings = boot(script, host, home)
        common = {"bucket_name": "algo-model-deploy", "git_branch": HOSTILE_BRANCH}
        if host.tags["Role"] == "ingest":
            assert settings == common
        else:
            model = {key: host.tags[tag] for key, tag in MODEL_KEYS.items()}
            assert settings == {**common, **model}
        assert [path.name for path in home.iterdir()] == ["deployment_config.txt"]


MODEL_KEYS = {"model_type": "ModelType", "symbol": "Symbol", "model_number": "ModelNumber"}
