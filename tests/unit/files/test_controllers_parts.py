# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the controllers are made of, and how they lie in their zips."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, NoCredentialsError, ReadTimeoutError

from tests.unit.files.controllers import SOURCES, load_handlers
from tests.unit.files.fake_aws import error


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    load_handlers()


def _part(name: str) -> Any:
    __import__(f"trading_common.{name}")
    return sys.modules[f"trading_common.{name}"]


def test_a_function_is_whole_in_its_zip(tmp_path: Path) -> None:
    """Nothing but the files of the zip is needed, and the standard library and boto3."""
    zips = [tmp_path / function for function in ("ingest", "fleet", "shutdown")]
    for folder in zips:
        shutil.copytree(SOURCES / folder.name, folder)
        shutil.copytree(SOURCES / "common", folder / "trading_common")
    program = (
        "import sys, runpy\n"
        "for folder in sys.argv[1:]:\n"
        "    sys.path[0] = folder\n"
        "    function = runpy.run_path(folder + '/lambda_function.py')\n"
        "    print(callable(function['lambda_handler']), function['RUN_SH'], *sys.modules['trading_common'].__path__)\n"
        "    for name in [name for name in sys.modules if name.startswith('trading_common')]: del sys.modules[name]\n"
    )
    command = [sys.executable, "-c", program, *map(str, zips)]
    ran = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert ran.stdout.splitlines() == [f"True {each / 'run.sh'} {each / 'trading_common'}" for each in zips]


def test_values_reach_the_shell_as_data(tmp_path: Path) -> None:
    run_sh = tmp_path / "run.sh"
    run_sh.write_text('#!/usr/bin/env bash\nset -eu\nprintf "%s|" "$TRADING_GIT_REF" "${TRADING_EMPTY:-default}"\n')
    hostile = "a b'c\"d $(touch hacked) `touch hacked`\nx"
    script = _part("script").build_script(run_sh, {"TRADING_GIT_REF": hostile, "TRADING_EMPTY": ""}, "{}")
    assert script.startswith("#!/usr/bin/env bash\nexport TRADING_GIT_REF=")
    assert script.endswith(run_sh.read_text())
    ran = subprocess.run(["bash"], input=script, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert ran.stdout == f"{hostile}|default|"
    assert not (tmp_path / "hacked").exists()


def _answer(out: str = "", err: str = "", status: str = "Success", code: int = 0) -> dict[str, Any]:
    return {"Status": status, "ResponseCode": code, "StandardOutputContent": out, "StandardErrorContent": err}


@pytest.mark.parametrize("out", ["", "not json\n", "[1]\n", '{"commit": "x"}\nafter it\n', '{"commit": '])
def test_output_without_its_last_line_says_nothing(out: str) -> None:
    result = _part("run_output").read_result(_answer(out))
    assert (result.ok, result.commit, result.services) == (True, None, {})


def test_a_failure_is_explained_by_what_the_run_said_last() -> None:
    output = _part("run_output")
    said = _answer('{"error": "the branch does not exist", "commit": null}\n', "noise", "Failed", 1)
    assert output.explain_failure(output.read_result(said)).endswith("status 1 (Failed): the branch does not exist")
    unsaid = _answer("", "first\nNo such file\n\n", "Failed", 127)
    assert output.explain_failure(output.read_result(unsaid)).endswith("status 127 (Failed): No such file")
    late = _answer("", "", "TimedOut", -1) | {"StatusDetails": "DeliveryTimedOut"}
    assert output.explain_failure(output.read_result(late)) == "run.sh ended with status -1 (DeliveryTimedOut)"


def test_a_label_fits_into_a_comment_and_is_read_again() -> None:
    labels = _part("labels")
    label = labels.Label("prod", "trader", "start", labels.digest_of("x"), "0" * 36)
    assert len(str(label)) <= 100
    assert labels.Label.parse(str(label)) == label
    assert labels.Label.parse("a person's own command") is None
    assert labels.Label.parse("") is None


@pytest.mark.parametrize(
    ("raised", "passes"),
    [
        (error("ThrottlingException", ""), True),
        (error("RequestLimitExceeded", "", 503), True),
        (error("Anything", "", 500), True),
        (error("UnauthorizedOperation", "", 403), False),
        (ReadTimeoutError(endpoint_url="x"), True),
        (ConnectTimeoutError(endpoint_url="x"), True),
        (NoCredentialsError(), False),
    ],
)
def test_which_errors_pass_by_themselves(raised: Exception, passes: bool) -> None:
    assert _part("aws").is_passing(raised) is passes


def test_a_refused_call_is_halved_down_to_those_that_it_is_refused_for() -> None:
    done: list[str] = []

    def call(ids: list[str]) -> None:
        if {"3", "8"} & set(ids):
            raise error("IncorrectInstanceState", "")
        done.extend(ids)

    errors = _part("aws").in_halves([str(n) for n in range(10)], call)
    assert errors.keys() == {"3", "8"}
    assert sorted(done) == [each for each in "0123456789" if each not in "38"]


def test_a_call_that_is_throttled_is_not_halved() -> None:
    calls: list[list[str]] = []

    def call(ids: list[str]) -> None:
        calls.append(ids)
        raise error("RequestLimitExceeded", "", 503)

    assert len(_part("aws").in_halves(["1", "2", "3"], call)) == 3
    assert len(calls) == 1


def test_clients_that_act_repeat_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = _part("aws").Aws.connect("us-east-1")
    for client in (aws.ec2_once, aws.ssm_once):
        assert client.meta.config.retries["total_max_attempts"] == 1
    for client in (aws.ec2, aws.ssm):
        assert client.meta.config.retries["total_max_attempts"] > 1
