# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The callback plain, as `ansible-playbook` uses it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.playbook import BIN, REPOSITORY

PLAY = """
- hosts: localhost
  gather_facts: false
  vars: {ansible_connection: local}
  tasks:
    - ansible.builtin.assert: {that: true}
    - ansible.builtin.debug: {msg: "{{ {'a': ['1\\n2', 'ü']} | to_json }}"}
    - ansible.builtin.fail: {msg: forgiven}
      ignore_errors: true
    - name: Give up
      ansible.builtin.fail: {msg: not forgiven}
"""


def test_messages_go_to_the_output_and_errors_to_the_error(tmp_path: Path) -> None:
    playbook = tmp_path / "play.yml"
    playbook.write_text(PLAY)
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), "-i", "localhost,", str(playbook)],
        cwd=REPOSITORY,
        env=os.environ | {"ANSIBLE_STDOUT_CALLBACK": "algotrading.aws.plain"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert json.loads(done.stdout) == {"a": ["1\n2", "ü"]}
    assert done.stderr.splitlines()[-1] == "localhost: Give up: not forgiven"
    assert ": forgiven" not in done.stderr
