# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The client of Session Manager that stands for AWS's session-manager-plugin: its command line and its manners."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest

from tests.local_aws.hosts.programs import programs_folder
from tests.local_aws.sessions.program import VARIABLE
from tests.selftest.living import Living, wait_for
from tests.selftest.session_helpers import PluginProcess, plugin, start_session

pytestmark = pytest.mark.xdist_group("hosts")


def _say(living: Living, *arguments: str) -> str:
    program = [living.aws.session_manager_plugin(), *arguments]
    return subprocess.run(program, capture_output=True, text=True, check=True).stdout


def test_the_command_line_is_that_of_the_real_one(living: Living) -> None:
    assert "installed successfully" in _say(living)
    assert _say(living, "--version").startswith("1.2.")
    assert "Unknown operation {}" in _say(living, "{}", "us-east-1")
    assert "Invalid Operation" in _say(living, "{}", "us-east-1", "StopSession")
    assert "Cannot perform start session" in _say(living, "no JSON", "us-east-1", "StartSession")


def test_the_real_one_goes_first(living: Living, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = living.aws.session_manager_plugin()
    real = tmp_path / "session-manager-plugin"
    real.touch(mode=0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert living.aws.environ[VARIABLE] == str(real) != ours


@pytest.mark.parametrize("by_environment", [False, True])
def test_it_carries_a_shell(living: Living, by_environment: bool) -> None:
    session = start_session(living, living.launch().id)
    with plugin(living, session, by_environment) as program:
        program.type("echo hello | tr a-z A-Z\n")
        program.wait_for("HELLO")
        program.type("exit\n")
        assert program.wait() == 0
    said = program.output.decode()
    assert f"\nStarting session with SessionId: {session['SessionId']}\n" in said
    assert said.endswith(f"\n\nExiting session with sessionId: {session['SessionId']}.\n\n")
    assert living.aws.sessions() == []


@pytest.mark.usefixtures("host_programs")
def test_the_aws_cli_uses_it(living: Living) -> None:
    environ = living.aws.environ
    environ["PATH"] = os.pathsep.join([str(Path(environ[VARIABLE]).parent), environ["PATH"]])
    cli = subprocess.Popen(
        [programs_folder() / "aws", "ssm", "start-session", "--target", living.launch().id],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    with cli:
        assert cli.stdin is not None
        assert cli.stdout is not None
        # Its input stays open, as a person's does.
        cli.stdin.write(b"echo hello | tr a-z A-Z; exit\n")
        cli.stdin.flush()
        said = cli.stdout.read().decode()
    assert "HELLO" in said
    # Such as that the program is outdated.
    assert "WARNING" not in said
    assert living.aws.sessions() == []


def test_it_leaves_when_its_input_ends(living: Living) -> None:
    session = start_session(living, living.launch().id)
    with plugin(living, session) as program:
        program.wait_for("sh-")
        assert program.process.stdin is not None
        program.process.stdin.close()
        assert program.wait() == 0
        assert program.output.endswith(b"Cannot perform start session: EOF\n")
    # As with the real one it is for the caller to terminate the session.
    wait_for(lambda: [each.status for each in living.aws.sessions()] == ["Disconnected"])
    living.ssm.terminate_session(SessionId=session["SessionId"])
    assert living.aws.sessions() == []


def test_a_connection_that_breaks_is_resumed(living: Living) -> None:
    host = living.launch()
    with plugin(living, start_session(living, host.id)) as program:
        _be_quiet(program)
        living.aws.cut_session(host.id, after_bytes=30_000)
        program.type("seq -f 'line %g' 10000; echo the end | tr a-z A-Z\n")
        said = program.wait_for("THE END")
        assert [each.connections for each in living.aws.sessions()] == [2]
    lines = [line for line in said.splitlines() if line.startswith("line ")]
    assert lines == [f"line {number}" for number in range(1, 10_001)]


def test_input_that_nobody_acknowledged_is_sent_again_and_typed_once(living: Living) -> None:
    host = living.launch()
    living.aws.drop_acknowledgements(host.id, 3)
    with plugin(living, start_session(living, host.id)) as program:
        program.type("echo once >>$HOME/typed\n")
        wait_for(lambda: sum(each.duplicates for each in living.aws.sessions()) >= 3)
        program.type("echo the end | tr a-z A-Z\n")
        program.wait_for("THE END")
    assert (host.home / "typed").read_text() == "once\n"


def test_answers_can_be_late(living: Living) -> None:
    host = living.launch()
    with plugin(living, start_session(living, host.id)) as program:
        program.wait_for("sh-")
        living.aws.slow_sessions(host.id, 1.5)
        began = time.monotonic()
        program.type("seq -s ' ' 2000; echo the end | tr a-z A-Z\n")
        program.wait_for("THE END")
        # Each of the few pieces is late, but not each of the many messages.
        assert 1.5 <= time.monotonic() - began < 10


def test_it_shakes_hands(living: Living) -> None:
    command = {"DocumentName": "AWS-StartInteractiveCommand", "Parameters": {"command": ["echo direct >/dev/tty; cat"]}}
    with plugin(living, start_session(living, living.launch().id, **command)) as program:
        program.wait_for("direct")
        program.type("\x04")
        assert program.wait() == 0


def test_an_interrupt_goes_to_the_host(living: Living) -> None:
    host = living.launch()
    with plugin(living, start_session(living, host.id)) as program:
        program.type("sleep 60; echo interrupted | tr a-z A-Z\n")
        wait_for(lambda: any(argv[0] == "sleep" for _, argv in host.processes()))
        program.process.send_signal(signal.SIGINT)
        wait_for(lambda: not any(argv[0] == "sleep" for _, argv in host.processes()))
        assert program.process.poll() is None


def test_the_terminals_size_goes_to_the_host(living: Living) -> None:
    session = start_session(living, living.launch().id)
    outer, inner = os.openpty()
    fcntl.ioctl(outer, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
    with plugin(living, session, terminal=inner) as program:
        os.close(inner)
        program.type("until stty size | grep '33 111'; do :; done; exit\n")
        assert program.wait() == 0
    os.close(outer)


def _be_quiet(program: PluginProcess) -> None:
    program.type("stty -echo; PS1=; echo ready | tr a-z A-Z\n")
    program.wait_for("READY")
