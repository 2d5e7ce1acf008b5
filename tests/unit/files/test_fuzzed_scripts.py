# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What reaches a host as a script says what it was told, whatever that is."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzzing import hostile_text, tried
from tests.playbook import REPOSITORY
from tests.unit.files.controllers import load_handlers

USER_DATA = (REPOSITORY / "files/user_data.sh.j2").read_text()
NAMES = ("TRADING_GIT_REF", "TRADING_REPOSITORY", "TRADING_TRADER_COMMAND", "TRADING_HOME")
# The instance metadata of host N lies in the folder N/tags; a token is anything.
CURL = """#!/bin/sh
for url; do :; done
case $url in */api/token) echo token ;; *) cat "tags/${url##*/}" ;; esac
"""
BOOT = """
for host in */; do
  (
    cd "$host"
    bash -n ./user_data.sh && TRADING_HOME=$PWD TRADING_USER=$(id -un) bash ./user_data.sh && . ./deployment_config.txt
    printf '%s\\0' "$bucket_name" "$git_branch" "$model_type" "$symbol" "$model_number"
  )
done
"""


@pytest.fixture(scope="module")
def script_module() -> Any:
    load_handlers()
    import trading_common.script

    return trading_common.script


def _bash(script: str, folder: str) -> list[str]:
    """Run a script, and return what it printed, NUL by NUL. It must say nothing else."""
    environ = {"PATH": f"{folder}/bin:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    run = subprocess.run(["bash"], input=script.encode(), env=environ, cwd=folder, capture_output=True, check=False)
    assert (run.returncode, run.stderr) == (0, b""), run.stderr.decode(errors="replace")
    return run.stdout.decode().split("\0")[:-1]


@given(st.dictionaries(st.sampled_from(NAMES), hostile_text()), st.dictionaries(st.sampled_from(NAMES), hostile_text()))
@tried(60)
def test_the_controllers_words_reach_run_sh_as_they_are(
    script_module: Any, exports: dict[str, str], workload: dict[str, str]
) -> None:
    """Seen to fail with `value` for `shlex.quote(value)` in files/lambda/common/script.py."""
    workload = {name: value for name, value in workload.items() if name not in exports}
    with tempfile.TemporaryDirectory() as folder:
        run_sh = Path(folder) / "run.sh"
        run_sh.write_text("".join(f"printf '%s\\0' \"${{{name}-}}\"\n" for name in NAMES))
        script = script_module.build_script(run_sh, exports, json.dumps(workload))
        told = exports | workload
        assert _bash(script, folder) == [told.get(name, "") for name in NAMES]
        assert [path.name for path in Path(folder).iterdir()] == ["run.sh"]


@given(st.dictionaries(hostile_text(), hostile_text() | st.integers() | st.lists(hostile_text()), min_size=1))
@tried(60)
def test_a_workload_of_strange_names_is_refused(script_module: Any, workload: dict[str, Any]) -> None:
    """Seen to fail with the check of the names taken out of files/lambda/common/script.py."""
    with pytest.raises(ValueError, match=r"^WORKLOAD: "):
        script_module.build_script(REPOSITORY / "files/run.sh", {}, json.dumps(workload))


# A tag comes by $(...), which keeps no newline at its end.
_TAG = hostile_text(without="\r\n").filter(bool)


@given(st.lists(st.tuples(hostile_text(), hostile_text(), _TAG, _TAG, _TAG), min_size=1, max_size=12))
@tried(8)
def test_the_first_boot_writes_down_what_it_was_told(hosts: list[tuple[str, ...]]) -> None:
    """Seen to fail with `quote` taken out of files/user_data.sh.j2, with %s for %q, and with a model's name in it."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "bin" / "curl"
        program.parent.mkdir()
        program.write_text(CURL)
        program.chmod(0o755)
        root = Path(folder) / "hosts"
        for number, (bucket, branch, *model) in enumerate(hosts):
            home = root / f"{number:02}"
            (home / "tags").mkdir(parents=True)
            variables = {"trading_bucket": bucket, "trading_git_branch": branch}
            templar = Templar(DataLoader(), variables)
            (home / "user_data.sh").write_text(templar.template(trust_as_template(USER_DATA)))
            for tag, value in zip(("Role", "ModelType", "Symbol", "ModelNumber"), ("trader", *model), strict=True):
                (home / "tags" / tag).write_text(value)
        found = _bash(f"cd hosts\n{BOOT}", folder)
        assert found == [value for host in hosts for value in host]
        assert not list(Path(folder).rglob("pwned"))
