# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""files/run.sh, run for real in folders of this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from tests.hosts.conftest import BUCKET, CREDENTIAL, MODEL, PREFIX, Code
from tests.hosts.host import METADATA_TOKEN, RUN_SH, Host, until
from tests.local_aws import LocalAws
from tests.workload.repository import advance

TRADER = "backup_vscode/deployment/live_trader.py"
Objects = Callable[[], dict[str, str]]


def _holding(host: Host, secret: str) -> list[str]:
    """Where on a host a secret is: in files, names, links, arguments, environments, and what run.sh said."""
    found = ["output" for output in host.outputs if secret in output]
    for path in host.home.rglob("*"):
        if secret in str(path) or (path.is_file() and secret.encode() in path.read_bytes()):
            found.append(str(path))
    for pid in host.processes():
        for name in ("cmdline", "environ"):
            if secret.encode() in Path(f"/proc/{pid}/{name}").read_bytes():
                found.append(f"{name} of {pid}")
    return found


@contextmanager
def _watched(host: Host, secret: str) -> Iterator[list[str]]:
    """Look again and again whether any process of the host shows a secret, while the block runs."""
    found: list[str] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            for pid in host.processes():
                for name in ("cmdline", "environ"):
                    with suppress(OSError):
                        shown = Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
                        if secret in shown:
                            found.append(f"{name}: {shown}")

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def _listens(address: str, port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((address, port)) == 0


def _sourced(host: Host, *names: str) -> list[str]:
    """Read the config file as the workload's shell does."""
    show = "source ./deployment_config.txt; for name; do printf '%s\\0' \"${!name}\"; done"
    done = subprocess.run(["bash", "-c", show, "-", *names], cwd=host.home, check=True, capture_output=True, text=True)
    return done.stdout.split("\0")[:-1]


def test_the_ingest_node_has_one_of_each(ingest: Host, code: Code) -> None:
    first = ingest.start()
    services = {"nats": "running", "feed": "running", "dashboard": "running"}
    assert first.said == {
        "role": "ingest",
        "action": "start",
        "commit": code.commit,
        "changed": True,
        "services": services,
        "address": ingest.address,
        "error": None,
    }
    pids = ingest.pids()
    processes = ingest.processes()
    assert pids.keys() == services.keys()
    assert _listens(ingest.address, 4222)
    assert not _listens("127.0.0.1", 4222)
    until(lambda: "sent 1 minutes" in ingest.log("feed"))
    with urlopen(f"http://{ingest.address}:8501/") as page:
        assert b"sent" in page.read()

    again = [ingest.start()] + [ingest.end(process) for process in [ingest.begin(), ingest.begin()]]
    assert [(run.status, run.said["changed"]) for run in again] == [(0, False)] * 3
    assert ingest.pids() == pids
    assert ingest.processes() == processes

    # The agent's PATH is one, and that which sudo sets another.
    assert ingest.start(PATH=f"/opt/elsewhere/bin:{ingest.environ['PATH']}").said["changed"] is False
    assert ingest.pids() == pids

    commit = advance(code.path, "main")
    moved = ingest.start()
    assert (moved.said["commit"], moved.said["changed"], ingest.commit) == (commit, True, commit)
    assert ingest.pid("nats") == pids["nats"], "it is no part of the commit"
    assert {ingest.pid("feed"), ingest.pid("dashboard")}.isdisjoint(pids.values())
    assert ingest.count("alpaca_ingestion.py") == 1
    assert (ingest.tree / "NEWS").exists()


def test_at_once_from_nothing(trader: Host) -> None:
    with _watched(trader, CREDENTIAL) as shown:
        runs = [trader.end(process) for process in [trader.begin(), trader.begin(), trader.begin()]]
    assert shown == []
    assert [run.status for run in runs] == [0, 0, 0], [run.output for run in runs]
    assert sorted(run.said["changed"] for run in runs) == [False, False, True]
    assert trader.count("live_trader.py") == 1
    assert trader.count("run/upload") == 1


def test_a_failure_leaves_the_host_as_it_is(trader: Host, code: Code, cloud: LocalAws) -> None:
    trader.start()
    pids = trader.pids()
    config = (trader.home / "deployment_config.txt").read_text()
    newer = advance(code.path, "main")
    secrets = cloud.client("secretsmanager")
    secrets.create_secret(Name="odd", SecretString="{}")
    for variables, reason in (
        ({"TRADING_GIT_REF": "no $(touch pwned) branch"}, "the branch 'no $(touch pwned) branch' does not exist"),
        ({"TRADING_GIT_REF": "*"}, "the branch '*' does not exist"),
        ({"TRADING_GIT_REF": "1" * 40}, f"cannot fetch the commit {'1' * 40}"),
        ({"TRADING_REPOSITORY": "http://127.0.0.1:9/x.git"}, "cannot reach the repository http://127.0.0.1:9/x.git"),
        ({"TRADING_REPOSITORY": f"{code.url}x"}, "cannot reach the repository"),
        ({"TRADING_REPOSITORY": "https://me:word@127.0.0.1/x.git"}, "TRADING_REPOSITORY holds a credential"),
        ({"TRADING_SECRET_ID": "none"}, "cannot read the secret none: An error occurred (ResourceNotFound"),
        ({"TRADING_SECRET_ID": "odd"}, "the secret odd is not a JSON object with the key private-key"),
        ({"TRADING_NATS_ADDRESS": ""}, "TRADING_NATS_ADDRESS"),
        ({"TRADING_NATS_AUTH": "token"}, "cannot read the secret trading/nats-dev"),
        ({"TRADING_DEADLINE": str(int(time.time()) - 1)}, "has passed, so nothing is started"),
        ({"TRADING_ROLE": "cook"}, "the role 'cook' is neither ingest nor trader"),
    ):
        run = trader.run(**variables)
        assert run.status != 0
        assert reason in run.error, run.output
        assert run.said["commit"] == trader.commit == code.commit
        assert variables.get("TRADING_ROLE") or run.said["services"] == {"upload": "running", "trader": "running"}
        assert run.said["changed"] is False
        assert trader.pids() == pids
    assert (trader.home / "deployment_config.txt").read_text() == config
    assert [path.name for path in (trader.home / "releases").iterdir() if path.name.startswith(".")] == []
    assert not (trader.home / "pwned").exists()
    assert not list(Path("/").glob("pwned"))
    pinned = trader.start(TRADING_GIT_REF=newer)
    assert pinned.said["commit"] == trader.commit == newer


def test_a_pinned_commit_runs_though_the_branch_moves_on(trader: Host, code: Code) -> None:
    advance(code.path, "main")
    first = trader.start(TRADING_GIT_REF=code.commit)
    pids = trader.pids()
    # What is there needs neither the repository nor the secret.
    again = trader.start(
        TRADING_GIT_REF=code.commit,
        TRADING_REPOSITORY="http://127.0.0.1:9/x.git",
        TRADING_SECRET_ID="none",  # noqa: S106 - a name
    )
    assert first.said["commit"] == again.said["commit"] == trader.commit == code.commit
    assert again.said["changed"] is False
    assert trader.pids() == pids
    assert _sourced(trader, "git_branch", "nats_public_ip") == ["main", "127.0.0.9"]


def test_a_day_with_a_token(hosts: Callable[..., Host], cloud: LocalAws, objects: Objects) -> None:
    ingest = hosts("ingest", TRADING_NATS_AUTH="token")
    trader = hosts("trader", TRADING_NATS_AUTH="token", TRADING_NATS_ADDRESS=ingest.address)
    commit = ingest.start().said["commit"]
    secrets = cloud.client("secretsmanager")
    token = secrets.get_secret_value(SecretId="trading/nats-dev")["SecretString"]
    assert len(token) == 49
    trader.start(TRADING_GIT_REF=commit)
    until(lambda: "trade " in trader.log("live_trader"))
    feed = ingest.pid("feed")
    assert f"NATS_TOKEN={token}".encode() in Path(f"/proc/{feed}/environ").read_bytes().split(b"\0")
    assert ingest.start().said["changed"] is False
    assert secrets.get_secret_value(SecretId="trading/nats-dev")["SecretString"] == token
    with socket.create_connection((ingest.address, 4222)) as stranger:
        stranger.sendall(b'CONNECT {"verbose": false}\r\nPING\r\n')
        stranger.settimeout(5)
        answer = b"".join(iter(lambda: stranger.recv(4096), b""))
    assert b"Authorization Violation" in answer

    for host in (ingest, trader):
        assert _holding(host, CREDENTIAL) == []
        assert _holding(host, METADATA_TOKEN) == []
        assert {place.split()[0] for place in _holding(host, token)} == {"environ"}

    stopped = trader.run("stop")
    assert (stopped.status, stopped.said["services"]) == (0, {"upload": "stopped", "trader": "stopped"})
    assert ingest.run("stop").status == 0
    assert trader.processes() == ingest.processes() == {}
    log = trader.log("live_trader")
    assert log.splitlines()[-1].startswith("stopped after ")
    (trades,) = trader.tree.glob("backup_vscode/trades_*.csv")
    assert len(trades.read_text().splitlines()) >= 2
    assert objects() == {f"{PREFIX}/logs/app.log": log, f"{PREFIX}/trades/{trades.name}": trades.read_text()}
    assert "bar " not in ingest.log("nats")
    assert trader.run("stop").said["error"] is None
    assert trader.run("status").said["services"] == {"upload": "stopped", "trader": "stopped"}


def test_status_tells_how_long_ago_the_last_message_was(ingest: Host) -> None:
    assert ingest.run("status").said["feed_lag"] is None, "there is no NATS yet"
    ingest.start()
    until(lambda: "sent 1 minutes" in ingest.log("feed"))
    # The sample replays many bars a second.
    assert ingest.run("status").said["feed_lag"] in range(10)
    os.kill(ingest.pid("feed"), signal.SIGSTOP)
    until(lambda: (ingest.run("status").said["feed_lag"] or 0) >= 3, 60)
    with socket.create_connection((ingest.address, 4222)) as listener:
        listener.sendall(b"CONNECT {}\r\nSUB bars.* 1\r\nPING\r\n")
        answer = b""
        while b"PONG" not in answer:
            answer += listener.recv(4096)
        assert ingest.run("status").said["feed_lag"] >= 3, "who only listens sent nothing"
    os.kill(ingest.pid("nats"), signal.SIGSTOP)
    silent = ingest.run("status")
    assert (silent.status, silent.said["feed_lag"]) == (0, None)
    assert "uploaded" not in silent.said


def _without_bucket(cloud: LocalAws) -> bool:
    """Delete the bucket, unless an upload was quicker."""
    s3 = cloud.client("s3")
    for found in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=found["Key"])
    try:
        s3.delete_bucket(Bucket=BUCKET)
    except ClientError:
        return False
    return True


def test_status_tells_when_the_last_upload_succeeded(trader: Host, cloud: LocalAws) -> None:
    def uploaded() -> datetime | None:
        told = trader.run("status").said["uploaded"]
        return told and datetime.strptime(told, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)

    began = datetime.now(UTC).replace(microsecond=0)
    assert uploaded() is None
    trader.start(TRADING_UPLOAD_SECONDS="1")
    until(uploaded)
    until(lambda: _without_bucket(cloud))
    until(lambda: "upload: failed" in trader.log("upload"))
    last = uploaded()
    assert last is not None
    assert began <= last <= datetime.now(UTC)
    assert trader.run("stop").status != 0
    assert uploaded() == last, "an upload that failed is none"
    cloud.client("s3").create_bucket(Bucket=BUCKET)
    assert trader.run("stop").status == 0
    latest = uploaded()
    assert latest is not None
    assert latest > last


def test_a_host_that_goes_down_uploads_first(trader: Host, objects: Objects) -> None:
    trader.start(TRADING_UPLOAD_SECONDS="1")
    until(lambda: objects())
    (trader.tree / "backup_vscode" / "trades_20260202.csv").write_text("a trade\n")
    trader.shut_down()
    assert trader.processes() == {}
    assert "stopped after 0 bars" in trader.log("live_trader").splitlines()[-1]
    assert objects() == {
        f"{PREFIX}/logs/app.log": trader.log("live_trader"),
        f"{PREFIX}/trades/trades_20260202.csv": "a trade\n",
    }
    assert trader.run("status").said["services"] == {"upload": "stopped", "trader": "stopped"}


def test_an_upload_that_fails_is_no_success(trader: Host, cloud: LocalAws, objects: Objects) -> None:
    trader.start()
    cloud.client("s3").delete_bucket(Bucket=BUCKET)
    stopped = trader.run("stop")
    assert stopped.status != 0
    assert stopped.error.startswith("the last upload failed: ")
    assert "NoSuchBucket" in stopped.error
    assert trader.processes() == {}
    cloud.client("s3").create_bucket(Bucket=BUCKET)
    assert trader.run("stop").status == 0
    assert list(objects()) == [f"{PREFIX}/logs/app.log"]


def test_logs_are_rotated(trader: Host, code: Code, objects: Objects) -> None:
    noise = "import time\nfor number in range(600):\n    print(f'line {number:04}')\nprint('the end')\ntime.sleep(60)\n"
    advance(code.path, "main", TRADER, noise)
    trader.start(TRADING_LOG_BYTES="1000")
    logs = trader.home / "logs"
    until(lambda: "the end" in trader.log("live_trader"))
    assert sorted(path.name for path in logs.glob("live_trader*")) == [
        "live_trader.log", *(f"live_trader.log.{number}" for number in range(1, 6))
    ]  # fmt: skip
    parts = [f"live_trader.log.{number}" for number in range(5, 0, -1)] + ["live_trader.log"]
    lines = "".join((logs / part).read_text() for part in parts).splitlines()
    assert lines[-2:] == ["line 0599", "the end"]
    assert lines[:-1] == [f"line {number:04}" for number in range(601 - len(lines), 600)]
    assert trader.run("stop").status == 0
    assert f"{PREFIX}/logs/app.log" in objects()
    assert any(key.startswith(f"{PREFIX}/logs/app.2") for key in objects())


def test_data_stays_data(trader: Host, objects: Objects) -> None:
    hostile = """it's $(touch pwned) "x"; `touch pwned` \\ 模 *"""
    config = trader.home / "deployment_config.txt"
    config.write_text(
        f"# ours\nbucket_name={BUCKET}\nsymbol=$(touch pwned)\nspaced=two words\nquoted='three more words'\n"
        f"escaped=a\\ \\$b\nansi=$'x\\ny'\nodd={hostile}\nexport last=\"a b\""
    )
    trader.facts["tags/instance/ModelNumber"] = hostile
    run = trader.start(TRADING_GIT_REF="main")
    names = ("symbol", "model_number", "spaced", "quoted", "escaped", "ansi", "odd", "last", "git_branch")
    values = [MODEL[1], hostile, "two words", "three more words", "a $b", "x\ny", hostile, "a b", "main"]
    assert _sourced(trader, *names) == values
    assert trader.start(TRADING_GIT_REF="main").said["changed"] is False
    assert config.read_text().startswith("# ours\n")
    trader.start(TRADING_NATS_ADDRESS="127.0.0.8")
    assert _sourced(trader, "nats_public_ip") == ["127.0.0.8"]
    assert trader.run("stop").status == 0
    assert list(objects()) == [f"models/long/SOXL/{hostile}/logs/app.log"]
    assert run.said["commit"]
    assert not list(trader.home.rglob("pwned"))


def test_what_dies_comes_back_and_never_twice(trader: Host) -> None:
    trader.start()
    first = trader.pid("trader")
    os.kill(first, signal.SIGKILL)
    until(lambda: trader.pids().get("trader") not in (None, first))
    assert "supervise: trader ended with status 137" in trader.log("live_trader")

    second = trader.pid("trader")
    os.kill(int((trader.home / "run" / "trader.supervisor").read_text()), signal.SIGKILL)
    assert trader.start().status == 0
    assert trader.count("live_trader.py") == 1
    # The one that was left alone, or another in its place: in any case there is one.
    os.kill(trader.pid("trader"), signal.SIGKILL)
    until(lambda: not Path(f"/proc/{second}").exists())
    trader.start()
    assert trader.count("live_trader.py") == 1


def test_a_service_that_does_not_stay_is_no_success(trader: Host, code: Code) -> None:
    advance(code.path, "main", TRADER, "raise SystemExit('no licence')")
    run = trader.run()
    assert run.status != 0
    assert run.error == "trader does not stay up: no licence"
    assert run.said["services"] == {"upload": "running", "trader": "failed"}
    good = trader.start(TRADING_GIT_REF=code.commit)
    assert good.said["services"] == {"upload": "running", "trader": "running"}


def test_nats_that_cannot_listen_is_no_success(ingest: Host) -> None:
    with socket.socket() as other:
        other.bind((ingest.address, 4222))
        other.listen()
        run = ingest.run()
    assert run.status != 0
    assert run.error.startswith("nats does not stay up: ")
    assert "address already in use" in run.error
    assert run.said["services"]["nats"] == "failed"


def test_trades_and_three_trees_are_kept(trader: Host, code: Code, objects: Objects) -> None:
    trader.start()
    (trader.tree / "backup_vscode" / "trades_20260202.csv").write_text("of the first commit\n")
    commits = [code.commit]
    for _ in range(3):
        commits.append(advance(code.path, "main"))
        trader.start()
    releases = trader.home / "releases"
    assert {path.name for path in releases.iterdir()} == set(commits[1:])
    assert (trader.tree / "backup_vscode" / "trades_20260202.csv").read_text() == "of the first commit\n"
    assert objects()[f"{PREFIX}/trades/trades_20260202.csv"] == "of the first commit\n"
    assert trader.log("live_trader").count("stopped after") == 3


@pytest.fixture
def old_process(trader: Host) -> Iterator[subprocess.Popen[bytes]]:
    """A trader that the old stack started, in a checkout that holds the credential."""
    folder = trader.tree / "backup_vscode"
    (trader.tree / ".git").mkdir(parents=True)
    (trader.tree / ".git" / "config").write_text(f"[remote]\nurl = https://{CREDENTIAL}@example.com/x.git\n")
    folder.mkdir()
    (folder / "trades_20260130.csv").write_text("an old trade\n")
    with subprocess.Popen(["sleep", "600"], cwd=folder, env=trader.environ) as process:
        yield process
        process.kill()


def test_an_old_checkout_is_taken_over(trader: Host, old_process: subprocess.Popen[bytes]) -> None:
    assert _holding(trader, CREDENTIAL) != []
    trader.start()
    assert old_process.wait(timeout=5) == -signal.SIGKILL
    assert _holding(trader, CREDENTIAL) == []
    assert (trader.tree / "backup_vscode" / "trades_20260130.csv").read_text() == "an old trade\n"
    assert (trader.home / "algo-modeling-v2.old" / "backup_vscode").is_dir()


@pytest.fixture
def with_systemd(hosts: Callable[..., Host], tmp_path: Path) -> Host:
    """A trader where systemd runs, or as much of it as run.sh sees."""
    units, programs = tmp_path / "units", tmp_path / "programs"
    units.mkdir()
    programs.mkdir()
    # As much of systemd as shows what it is told: it starts what the unit says, without the variables of its caller.
    (programs / "systemctl").write_text(f"""#!/usr/bin/env bash
echo "$*" >>"{tmp_path}/told"
[ "$1" = start ] || [ "$1" = stop ] || exit 0
unit="{units}/$2" pid="{tmp_path}/$2.pid"
if [ "$1" = stop ]; then
  kill -TERM "$(cat "$pid")" 2>/dev/null
  while kill -0 "$(cat "$pid")" 2>/dev/null; do sleep 0.1; done
  exit
fi
command=$(sed -n 's/^ExecStart=//p' "$unit")
eval "set -- $command"
env -i PATH=/usr/bin:/bin TRADING_LOCAL_HOST="$TRADING_LOCAL_HOST" setsid "$@" </dev/null >/dev/null 2>&1 5>&- &
echo "$!" >"$pid"
""")
    (programs / "systemctl").chmod(0o755)
    trader = hosts("trader", TRADING_NATS_ADDRESS="127.0.0.9", TRADING_UNIT_FOLDER=str(units))
    trader.environ["PATH"] = f"{programs}:{trader.environ['PATH']}"
    return trader


def _told(host: Host) -> list[str]:
    """What systemd was told to start and stop."""
    told = (Path(host.environ["TRADING_UNIT_FOLDER"]).parent / "told").read_text().splitlines()
    return [line for line in told if line != "daemon-reload"]


def test_with_systemd(with_systemd: Host) -> None:
    trader = with_systemd
    trader.start()
    pids = trader.pids()
    assert trader.start().said["changed"] is False
    assert trader.pids() == pids
    unit = (Path(trader.environ["TRADING_UNIT_FOLDER"]) / "trading-trader.service").read_text()
    assert "Restart=always\n" in unit
    assert f"User={trader.environ['TRADING_USER']}\n" in unit
    assert trader.run("stop").said["services"] == {"upload": "stopped", "trader": "stopped"}
    assert _told(trader) == [
        f"{verb} trading-{name}.service"
        for verb, name in (("start", "upload"), ("start", "trader"), ("stop", "trader"), ("stop", "upload"))
    ]
    assert trader.processes() == {}


def test_systemd_is_told_to_stop_what_it_would_start_again(with_systemd: Host) -> None:
    with_systemd.start()
    # As when a service ended a moment ago: systemd starts it again after two seconds.
    with_systemd.signal(signal.SIGKILL)
    until(lambda: not with_systemd.processes())
    assert with_systemd.run("stop").said["services"] == {"upload": "stopped", "trader": "stopped"}
    assert _told(with_systemd)[-2:] == ["stop trading-trader.service", "stop trading-upload.service"]


def test_a_dashboard_that_does_not_stay_is_told_and_keeps_nobody_from_trading(ingest: Host) -> None:
    said = ingest.start(TRADING_DASHBOARD_COMMAND="echo no streamlit; exit 3").said
    assert said["services"] == {"nats": "running", "feed": "running", "dashboard": "failed"}


def test_the_commands_are_the_inventorys(trader: Host) -> None:
    command = f"{trader.environ['TRADING_PYTHON']} deployment/live_trader.py"
    trader.start(TRADING_TRADER_COMMAND=f"MODE='of my own' exec {command}")
    environ = Path(f"/proc/{trader.pid('trader')}/environ").read_text()
    assert "MODE=of my own" in environ.split("\0")


def test_it_says_what_is_wrong_in_one_line(trader: Host) -> None:
    for variables, reason in (
        ({"TRADING_ACTION": "dance"}, "TRADING_ACTION is 'dance'"),
        ({"TRADING_HOME": '/nowhere/"x\\'}, "TRADING_HOME '/nowhere/\"x\\' is no folder"),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9"}, "the instance metadata does not answer"),
        ({"TRADING_DEADLINE": "soon"}, "TRADING_DEADLINE is 'soon'"),
        ({"TRADING_PYTHON": "python2.12"}, "TRADING_PYTHON 'python2.12' is no program of this host"),
    ):
        run = trader.run(**variables)
        assert run.status != 0
        assert reason in run.error
    assert trader.processes() == {}


def test_interrupted_it_still_says_so(trader: Host) -> None:
    process = trader.begin(TRADING_SETTLE_SECONDS="5")
    until(lambda: (trader.home / "run" / "trader.pid").exists())
    process.send_signal(signal.SIGTERM)
    run = trader.end(process)
    assert (run.status, run.error) == (143, "run.sh was interrupted")


def test_it_runs_from_a_text_and_under_a_trace(trader: Host) -> None:
    """As the SSM agent gets it: variables in front, and its own first line a comment."""
    text = "#!/usr/bin/env bash\nexport TRADING_ACTION='start'\n" + RUN_SH.read_text()
    done = subprocess.run(
        ["bash", "-x", "-c", text], env=trader.environ, check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith('{"role": "trader"')
    assert CREDENTIAL not in done.stdout + done.stderr
    assert METADATA_TOKEN not in done.stdout + done.stderr


def _snapshot(host: Host) -> dict[str, tuple[bytes, int]]:
    """Each file of a host with its content and the time of its change, and each folder; not what a trader writes."""
    paths = [path for path in host.home.rglob("*") if path.suffix not in (".log", ".csv")]
    files = {str(path): (path.read_bytes(), path.lstat().st_mtime_ns) for path in paths if path.is_file()}
    return files | {str(path): (b"", 0) for path in paths if path.is_dir()}


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The folder where run.sh may have something for a moment."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def test_a_check_of_a_new_host_predicts_its_start_and_leaves_nothing(
    hosts: Callable[..., Host], code: Code, cloud: LocalAws, temporary: Path
) -> None:
    checking = {"TRADING_CHECK": "true", "TRADING_NATS_AUTH": "token", "TMPDIR": str(temporary)}
    for host in (hosts("ingest"), hosts("trader", TRADING_NATS_ADDRESS="127.0.0.9")):
        before = _snapshot(host)
        checked = host.start(**checking)
        assert (checked.said["changed"], checked.said["commit"]) == (True, code.commit)
        assert set(checked.said["services"].values()) == {"stopped"}
        for action in ("stop", "status"):
            assert host.run(action, **checking).said["changed"] is False
        wrong = host.run(**checking, TRADING_GIT_REF="gone")
        assert "the branch 'gone' does not exist" in wrong.error
        assert host.run("dance", **checking).status != 0
        assert _snapshot(host) == before
        assert host.processes() == {}
    assert list(temporary.iterdir()) == []
    names = [secret["Name"] for secret in cloud.client("secretsmanager").list_secrets()["SecretList"]]
    assert names == ["github/ssh-key"]


def test_a_check_of_a_host_at_work_says_what_a_run_would_say(trader: Host, code: Code, temporary: Path) -> None:
    trader.start()
    before, processes = _snapshot(trader), trader.processes()
    newer = advance(code.path, "live")
    for variables, changed, commit in (
        ({}, False, code.commit),
        ({"TRADING_GIT_REF": "live"}, True, newer),
        ({"TRADING_GIT_REF": "1" * 40}, True, "1" * 40),
        ({"TRADING_NATS_ADDRESS": "127.0.0.8"}, True, code.commit),
        ({"TRADING_UPLOAD_SECONDS": "77"}, True, code.commit),
        ({"TRADING_ACTION": "stop"}, True, code.commit),
    ):
        said = trader.run(**{"action": "start", "TRADING_CHECK": "true", "TMPDIR": str(temporary)} | variables).said
        assert (said["changed"], said["commit"], said["error"]) == (changed, commit, None)
    assert _snapshot(trader) == before
    assert trader.processes() == processes
    (trader.home / "deployment_config.txt").write_text(f"bucket_name={BUCKET}\ngit_branch=main\n")
    assert trader.start(TRADING_CHECK="true").said["changed"] is True
    assert trader.start().said["changed"] is True
    assert list(temporary.iterdir()) == []


def test_a_check_that_is_neither_true_nor_false_is_refused(trader: Host) -> None:
    run = trader.run(TRADING_CHECK="yes")
    assert (run.status, run.error) == (1, "TRADING_CHECK is 'yes', and neither true nor false")
    assert not (trader.home / "run").exists()
